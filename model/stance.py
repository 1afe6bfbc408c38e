"""The stance head: embeddings → calibrated label probabilities."""

from __future__ import annotations

from dataclasses import dataclass

from .heads import Floats, LinearHead, softmax


@dataclass(frozen=True)
class StanceHead:
    """A linear head with temperature scaling (Guo et al. 2017).

    ``confident_from`` is the probability from which a label counts as confident: the lowest one that gave the stated
    accuracy on the dev set.
    """

    labels: tuple[str, ...]
    head: LinearHead
    temperature: float
    confident_from: float

    def probabilities(self, embeddings: Floats) -> Floats:
        """*Shapes:* (rows, width) → (rows, labels); rows sum to 1."""
        return softmax(self.head.logits(embeddings) / self.temperature)
