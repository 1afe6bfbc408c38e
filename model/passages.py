"""Passages: runs of garbled sentences, by a trained two-state chain over the sentences' logits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PassageChain:
    """A linear-chain conditional random field with the states clean and garbled (Lafferty et al. 2001).

    The state score of a sentence is ``scale * logit + neighbours * mean + usual * level + offset``. The mean is that of the logits of
    ``reach`` sentences on each side of it (past an end of the article its last one stands in): the encoder reads a sentence among its
    neighbours, and their garble rubs off on it, which a negative weight takes off again. The level is the median logit of the article,
    but at most ``ceiling``: honest English of an unusual kind has all its logits a little high, so that a passage is told by what sets it
    apart, and where most of an article is garbled the ceiling keeps that from hiding it. ``enter`` and ``leave`` are the log-odds
    against a change of state, clean to garbled and back. All seven are fitted on documents with garbled runs inside. At least
    ``shortest`` sentences in a row make a passage where the posterior of each reaches ``threshold``, which keeps passages in clean
    documents under the stated rate.
    """

    scale: float
    offset: float
    enter: float
    leave: float
    neighbours: float
    usual: float = 0.0
    ceiling: float = 0.0
    threshold: float = 0.5
    shortest: int = 2
    reach: int = 1

    def evidence(self, features: Array) -> Array:
        """How much more each sentence speaks for garbled than for clean. *Shapes:* (…, 3) of :func:`surroundings` → (…)."""
        logits, beside, median = np.moveaxis(features, -1, 0)
        level = np.minimum(median, self.ceiling)
        return np.asarray(self.scale * logits + self.neighbours * beside + self.usual * level + self.offset)

    def posterior(self, logits: Array) -> Array:
        """The probability of each sentence to lie in a garbled run (forward-backward). *Shapes:* (n,) → (n,)."""
        count = len(logits)
        if count == 0:
            return np.zeros(0)
        garbled = self.evidence(surroundings(logits, self.reach))
        emission = np.stack([np.zeros(count), garbled], axis=1)
        transition = np.array([[0.0, -self.enter], [-self.leave, 0.0]])
        forward, backward = np.zeros((count, 2)), np.zeros((count, 2))
        forward[0] = emission[0]
        for i in range(1, count):
            forward[i] = np.logaddexp.reduce(forward[i - 1][:, None] + transition, axis=0) + emission[i]
        for i in range(count - 2, -1, -1):
            backward[i] = np.logaddexp.reduce(transition + (emission[i + 1] + backward[i + 1])[None, :], axis=1)
        total = forward + backward
        return np.asarray(np.exp(total[:, 1] - np.logaddexp(total[:, 0], total[:, 1])))

    def runs(self, logits: Array) -> list[tuple[int, int, float]]:
        """Runs ``(first, last, mean posterior)``, both ends included, where the posterior is at least ``threshold``."""
        return find_runs(self.posterior(logits), self.shortest, self.threshold)


def surroundings(logits: Array, reach: int) -> Array:
    """Of each sentence the logit, the mean of those of *reach* sentences on each side, the median of all. *Shapes:* (n,) → (n, 3)."""
    if len(logits) == 0:
        return np.zeros((0, 3))
    return np.stack([logits, around(logits, reach), np.full(len(logits), np.median(logits))], axis=1)


def around(values: npt.NDArray[Any], reach: int) -> npt.NDArray[Any]:
    """The mean over *reach* sentences on each side of each; past an end the last one stands in. *Shapes:* (n, …) → (n, …), n at least 1."""
    places, last = np.arange(len(values)), len(values) - 1
    beside = [values[(places + step).clip(0, last)] for step in range(-reach, reach + 1) if step]
    return np.asarray(np.sum(beside, axis=0) / (2 * reach))


def find_runs(posterior: Array, shortest: int, threshold: float) -> list[tuple[int, int, float]]:
    """Maximal runs of values of at least *threshold*, of at least *shortest* entries."""
    found = []
    start: int | None = None
    marks: Sequence[bool] = [*(posterior >= threshold), False]
    for index, inside in enumerate(marks):
        if inside and start is None:
            start = index
        elif not inside and start is not None:
            if index - start >= shortest:
                found.append((start, index - 1, float(posterior[start:index].mean())))
            start = None
    return found
