"""The content head: sentence of the article, or boilerplate (bylines, links, credits, navigation)."""

from __future__ import annotations

from dataclasses import dataclass

from .heads import Floats, LinearHead, sigmoid


@dataclass(frozen=True)
class ContentHead:
    """A linear head; below ``threshold`` a sentence is boilerplate."""

    head: LinearHead
    threshold: float

    def article_probability(self, embeddings: Floats) -> Floats:
        """*Shapes:* (rows, width) → (rows,), the probability of being part of the article."""
        return sigmoid(self.head.logits(embeddings)[:, 0])
