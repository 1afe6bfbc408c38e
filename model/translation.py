"""The translation head: how much each sentence of an article reads like machine translation, garbled or not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .errors import BundleError
from .heads import Floats, LinearHead
from .passages import around

REACH = 2
"""Over so many sentences on each side the neighbourhood of a sentence goes."""
PARTS_READ = 3
"""A sentence is read as so many vectors: its own, the mean of its neighbourhood, the mean of the article."""


@dataclass(frozen=True)
class TranslationHead:
    """A perceptron with one hidden layer of rectified units (Nair and Hinton 2010) on a sentence beside the rest of its article.

    Translation is told by what sets a sentence apart from its neighbours, or all of an article from articles: it reads the embedding of
    the sentence, the mean embedding of :data:`REACH` sentences on each side (past an end of the article its last one stands in) and that of
    all sentences. Means are linear, so that each embedding is projected once and need not be kept.

    *Shapes:* ``hidden`` has :data:`PARTS_READ` · units outputs, ``output`` reads the units.
    """

    hidden: LinearHead
    output: LinearHead

    def __post_init__(self) -> None:
        if self.hidden.weight.shape[0] != PARTS_READ * self.output.weight.shape[1]:
            raise BundleError(
                f"A translation head projects to {self.hidden.weight.shape[0]} numbers for {self.output.weight.shape[1]} units; "
                f"expected {PARTS_READ} for each unit."
            )

    @property
    def units(self) -> int:
        """The size of the hidden layer."""
        return int(self.output.weight.shape[1])

    def arrays(self, name: str) -> dict[str, Floats]:
        """The head's arrays under the names in the heads file."""
        return self.hidden.arrays(f"{name}.hidden") | self.output.arrays(f"{name}.output")

    def project(self, embeddings: Floats) -> Floats:
        """What is kept of each sentence. *Shapes:* (rows, width) → (rows, PARTS_READ · units)."""
        return self.hidden.logits(embeddings)

    def logits(self, projected: Floats) -> Floats:
        """*projected*: all sentences of one article, in order. *Shapes:* (n, PARTS_READ · units) → (n,)."""
        own, beside, everywhere = np.split(projected, PARTS_READ, axis=1)
        inside = own + around(beside, REACH) + everywhere.mean(axis=0, keepdims=True)
        return self.output.logits(np.maximum(inside, 0.0).astype(np.float32))[:, 0]
