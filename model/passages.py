"""Passages: runs of garbled sentences, by a trained two-state chain over the sentences' logits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PassageChain:
    """A linear-chain conditional random field with the states clean and garbled (Lafferty et al. 2001).

    The state score of a sentence is ``scale * logit + neighbours * mean + offset``, with the mean of the logits of ``reach``
    sentences on each side of it (past an end of the article its last one stands in). The encoder reads a sentence among its
    neighbours, and their garble rubs off on it: a negative weight takes that off again. ``enter`` and ``leave`` are the log-odds against a
    change of state, clean to garbled and back. All five are fitted on documents with garbled runs inside. ``shortest`` is the
    least number of sentences that make a passage.
    """

    scale: float
    offset: float
    enter: float
    leave: float
    neighbours: float
    shortest: int = 2
    reach: int = 1

    def _scores(self, logits: Array) -> tuple[Array, Array]:
        places, last = np.arange(len(logits)), len(logits) - 1
        around = [logits[(places + step).clip(0, last)] for step in range(-self.reach, self.reach + 1) if step]
        beside = np.sum(around, axis=0) / (2 * self.reach)
        emission = np.stack([np.zeros_like(logits), self.scale * logits + self.neighbours * beside + self.offset], axis=1)
        transition = np.array([[0.0, -self.enter], [-self.leave, 0.0]])
        return emission, transition

    def log_partitions(self, articles: Sequence[Array]) -> Array:
        """Of each of the *articles*, the log of the sum over all state sequences, for the likelihood in training. *Shape:* (articles,)."""
        lengths = np.array([len(logits) for logits in articles], dtype=np.int64)
        emission = np.zeros((max(lengths, default=0), len(articles), 2))
        for place, logits in enumerate(articles):
            emission[: len(logits), place], transition = self._scores(logits)
        # An article without sentences has one sequence, of score 0.
        alpha = np.full((len(articles), 2), -np.log(2.0))
        for step, row in enumerate(emission):
            moved = np.logaddexp.reduce(alpha[:, :, None] + transition, axis=1) + row if step else row
            alpha = np.where((step < lengths)[:, None], moved, alpha)
        return np.asarray(np.logaddexp.reduce(alpha, axis=1))

    def path_score(self, logits: Array, states: npt.NDArray[np.int64]) -> float:
        """The score of one state sequence (0 clean, 1 garbled)."""
        emission, transition = self._scores(logits)
        return float(emission[np.arange(len(states)), states].sum() + transition[states[:-1], states[1:]].sum())

    def posterior(self, logits: Array) -> Array:
        """The probability of each sentence to lie in a garbled run (forward-backward). *Shapes:* (n,) → (n,)."""
        count = len(logits)
        if count == 0:
            return np.zeros(0)
        emission, transition = self._scores(logits)
        forward, backward = np.zeros((count, 2)), np.zeros((count, 2))
        forward[0] = emission[0]
        for i in range(1, count):
            forward[i] = np.logaddexp.reduce(forward[i - 1][:, None] + transition, axis=0) + emission[i]
        for i in range(count - 2, -1, -1):
            backward[i] = np.logaddexp.reduce(transition + (emission[i + 1] + backward[i + 1])[None, :], axis=1)
        total = forward + backward
        return np.asarray(np.exp(total[:, 1] - np.logaddexp(total[:, 0], total[:, 1])))

    def runs(self, logits: Array) -> list[tuple[int, int, float]]:
        """Runs ``(first, last, mean posterior)``, both ends included, where the posterior is at least one half."""
        posterior = self.posterior(logits)
        return find_runs(posterior, self.shortest)


def find_runs(posterior: Array, shortest: int) -> list[tuple[int, int, float]]:
    """Maximal runs of values of at least one half, of at least *shortest* entries."""
    found = []
    start: int | None = None
    marks: Sequence[bool] = [*(posterior >= 0.5), False]
    for index, inside in enumerate(marks):
        if inside and start is None:
            start = index
        elif not inside and start is not None:
            if index - start >= shortest:
                found.append((start, index - 1, float(posterior[start:index].mean())))
            start = None
    return found
