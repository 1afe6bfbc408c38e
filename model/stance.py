"""The stance head: embeddings → calibrated label probabilities."""

from __future__ import annotations

from dataclasses import dataclass

from .heads import Floats, LinearHead, sigmoid, softmax


@dataclass(frozen=True)
class Correction:
    """What retraining on one kind of text adds to the logits: ``shift``, as far as ``gate`` takes a sentence for that kind; without a
    gate, everywhere. A mixture of two experts (Jacobs et al. 1991). Both read a sentence with its neighbours
    (:func:`~.neighbours.in_context`)."""

    shift: LinearHead
    gate: LinearHead | None

    def logits(self, vectors: Floats) -> Floats:
        """*Shapes:* (rows, 3 * width) → (rows, labels)."""
        shift = self.shift.logits(vectors)
        return shift if self.gate is None else shift * sigmoid(self.gate.logits(vectors))


@dataclass(frozen=True)
class StanceHead:
    """A linear head and its corrections, with temperature scaling (Guo et al. 2017).

    ``confident_from`` is the probability from which a label counts as confident: the lowest one that gave the stated
    accuracy on the dev set.
    """

    labels: tuple[str, ...]
    head: LinearHead
    temperature: float
    confident_from: float
    corrections: tuple[Correction, ...] = ()

    def logits(self, vectors: Floats) -> Floats:
        """*Shapes:* (rows, 3 * width), embeddings in context, → (rows, labels). Without corrections (rows, width) will do."""
        logits = self.head.logits(vectors[:, : self.head.weight.shape[1]])
        for correction in self.corrections:
            logits = logits + correction.logits(vectors)
        return logits

    def probabilities(self, vectors: Floats) -> Floats:
        """*Shapes:* as of :meth:`logits`; rows sum to 1."""
        return softmax(self.logits(vectors) / self.temperature)
