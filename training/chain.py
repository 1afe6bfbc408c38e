"""The passage chain: fitted on sentences' logits whose states are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from ..model.passages import PassageChain, surroundings

# So many sentences off, what garble leaves on a clean neighbour is still to be seen.
CHAIN_REACH = 2

Doubles = npt.NDArray[np.float64]
States = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ChainBatch:
    """Articles side by side, the short ones filled up with zeros, so that a step along all of them is one operation.

    *Shapes:* ``features`` (longest, articles, 3), ``states`` and ``inside`` (longest, articles).
    """

    features: Doubles
    states: States
    inside: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, sequences: Sequence[tuple[Doubles, Sequence[int] | States]], reach: int) -> ChainBatch:
        """From (logits, 0/1 states) of each article."""
        shape = (max((len(logits) for logits, _ in sequences), default=0), len(sequences))
        features, states, inside = np.zeros((*shape, 3)), np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.bool_)
        for place, (logits, known) in enumerate(sequences):
            features[: len(logits), place] = surroundings(logits, reach)
            states[: len(logits), place], inside[: len(logits), place] = known, True
        return cls(features, states, inside)

    def log_likelihoods(self, chain: PassageChain) -> Doubles:
        """Of each article's states. *Shape:* (articles,)."""
        emission = chain.evidence(self.features)
        paths = np.where(self.inside, emission * self.states, 0.0).sum(0)
        change = np.where(self.inside[1:], np.diff(self.states, axis=0), 0)
        paths -= chain.enter * (change == 1).sum(0) + chain.leave * (change == -1).sum(0)
        # Of an article without sentences there is one sequence of states, of score 0.
        clean, garbled = np.zeros((2, self.states.shape[1]))
        for step, (score, inside) in enumerate(zip(emission, self.inside, strict=True)):
            came = np.logaddexp(clean - chain.enter, garbled) + score if step else score
            stayed = np.logaddexp(clean, garbled - chain.leave) if step else clean
            clean, garbled = np.where(inside, stayed, clean), np.where(inside, came, garbled)
        return np.asarray(paths - np.where(self.inside.any(0), np.logaddexp(clean, garbled), 0.0))


def fit_chain(sequences: Sequence[tuple[Doubles, Sequence[int] | States]]) -> PassageChain:
    """The chain of the highest likelihood on *sequences* of (logits, 0/1 states)."""
    batch = ChainBatch.of(sequences, CHAIN_REACH)

    def loss(values: Doubles) -> float:
        return float(-batch.log_likelihoods(_chain(values)).mean() + 1e-3 * np.square(values).sum())

    ceiling = batch.features[0, batch.inside[0], 2].mean()
    found = minimize(loss, np.array([1.0, 0.0, 2.0, 1.0, 0.0, 0.0, ceiling]), method="L-BFGS-B", options={"maxiter": 200})
    return _chain(found.x.round(4))


def _chain(values: Doubles) -> PassageChain:
    scale, offset, enter, leave, neighbours, usual, ceiling = map(float, values)
    return PassageChain(scale, offset, enter, leave, neighbours, usual, ceiling, reach=CHAIN_REACH)
