"""Known failures of a model, shown on our own sentences: labels that it mistakes, honest English that it flags."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..model.encoder import Encoder
from ..model.heads import sigmoid
from ..model.quality import GarbleHead
from ..model.signs import find_signs
from ..model.stance import StanceHead
from .embed import Embedded, embed, labelled
from .rows import unusual_documents


@dataclass(frozen=True, slots=True)
class Mistake:
    """A label taken for another: how often in *share* of the dev rows of ``truth``, and a sentence of ours that shows it.

    ``probability`` is that of ``said`` for the sentence, in [0, 1].
    """

    truth: str
    said: str
    share: float
    text: str
    probability: float


def mistakes(head: StanceHead, dev: Embedded, own: Embedded, *, most: int = 6) -> list[Mistake]:
    """The *most* frequent confusions on *dev* that *own* has an example of, the surest one; a defensible second label is no mistake."""
    rows, vectors = labelled(dev)
    labels = head.labels
    truth = np.array([labels.index(str(row.stance)) for row in rows])
    said = head.probabilities(vectors).argmax(1)
    examples: dict[tuple[str, str], tuple[float, str]] = {}
    own_rows, own_vectors = labelled(own)
    for row, probabilities in zip(own_rows, head.probabilities(own_vectors), strict=True):
        guess = labels[int(probabilities.argmax())]
        if guess not in (row.stance, row.secondary):
            key = (str(row.stance), guess)
            examples[key] = max(examples.get(key, (0.0, "")), (float(probabilities.max()), row.text))
    found = []
    for (label, guess), (probability, text) in examples.items():
        of_label = truth == labels.index(label)
        share = float((said[of_label] == labels.index(guess)).mean()) if of_label.any() else 0.0
        found.append(Mistake(label, guess, share, text, probability))
    return sorted(found, key=lambda mistake: -mistake.share)[:most]


def false_flags(encoder: Encoder, garble: GarbleHead, path: Path) -> dict[str, float]:
    """The share of sentences that *garble* flags of each kind of honest English in *path*, each sentence read alone."""
    shares = {}
    for document in unusual_documents(path):
        found = embed(encoder, [document])
        said = sigmoid(garble.logits(found.vectors, [find_signs(row.text) for row in found.rows]))
        shares[document.name.removeprefix("unusual:")] = float((said >= garble.threshold).mean())
    return shares
