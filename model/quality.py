"""The garbled head: sentence probability, word spans and the verdict on the article."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .encoder import WordPieces
from .heads import Floats, LinearHead, sigmoid
from .passages import PassageChain
from .signs import Sign, sign_features
from .translation import TranslationHead

# So many sentences are enough to suspect an article: a passage is seldom shorter.
SUSPECT_SENTENCES = 4
VERDICT_FEATURES = ("mean word logit times certainty", "certainty")


@dataclass(frozen=True)
class GarbleHead:
    """Linear heads on embeddings, surface signs and word-piece states, with the chain for passages and the verdict on the article.

    The verdict reads the words, as what experts marked as garbled carries over to other systems better than which sentences were, and
    ``translation``, which knows how whole articles by machines read (a model of an earlier release has none). The chain reads the sum of
    these and of the sentence's logit, as log-odds of several witnesses.

    ``threshold``: a sentence is flagged from here, the lowest value that kept false flags on native news under the stated
    rate. ``piece_threshold``: a word is marked from here. ``suspect_from``: an article with this much :meth:`suspicion` is worth a second
    look, by a better model; every tenth article of agency news has as much (where nothing is known of that, 0: words as likely garbled
    as not).
    """

    sentence: LinearHead
    signs: LinearHead
    piece: LinearHead
    threshold: float
    piece_threshold: float
    chain: PassageChain
    verdict: LinearHead
    verdict_threshold: float
    suspect_from: float = 0.0
    translation: TranslationHead | None = None

    def logits(self, embeddings: Floats, signs: Sequence[Sequence[Sign]]) -> Floats:
        """From the embeddings and the surface signs of the same sentences. *Shapes:* (rows, width), (rows,) → (rows,)."""
        total: Floats = self.sentence.logits(embeddings)[:, 0] + self.signs.logits(sign_features(signs))[:, 0]
        return total

    def word_logits(self, embeddings: Floats) -> Floats:
        """The mean logit of the words of each sentence: an embedding is the mean of the states. *Shapes:* (rows, width) → (rows,)."""
        mean: Floats = self.piece.logits(embeddings)[:, 0]
        return mean

    def projected(self, embeddings: Floats) -> Floats:
        """What :meth:`read` needs of each sentence beside its words. *Shapes:* (rows, width) → (rows, numbers)."""
        return np.zeros((len(embeddings), 0), np.float32) if self.translation is None else self.translation.project(embeddings)

    def read(self, words: npt.NDArray[np.float64], projected: Floats) -> npt.NDArray[np.float64]:
        """How each sentence of an article reads: its :meth:`word_logits` and what the translation head adds. *Shapes:* (n,), (n, numbers) →
        (n,); n at least 1."""
        return words if self.translation is None else words + self.translation.logits(projected)

    def spans(self, text: str, pieces: WordPieces) -> tuple[tuple[int, int, float], ...]:
        """Garbled words of *text* as ``(start, end, probability)``; neighbouring words are one span, whole words only."""
        if len(pieces.offsets) == 0:
            return ()
        probability = sigmoid(self.piece.logits(pieces.states)[:, 0])
        words: list[list[Any]] = []
        for (start, end), value in zip(pieces.offsets.tolist(), probability.tolist(), strict=True):
            if words and start == words[-1][1] and start > 0 and text[start - 1].isalnum() and text[start : start + 1].isalnum():
                words[-1][1] = end
                words[-1][2] = max(words[-1][2], value)
            else:
                words.append([start, end, value])
        # The encoder reads a sentence up to a limit, which may lie within a word.
        while text[words[-1][1] - 1].isalnum() and text[words[-1][1] : words[-1][1] + 1].isalnum():
            words[-1][1] += 1
        found: list[list[Any]] = []
        for start, end, value in words:
            if value < self.piece_threshold:
                continue
            if found and text[found[-1][1] : start].strip() == "":
                found[-1][1] = end
                found[-1][2] = max(found[-1][2], value)
            else:
                found.append([start, end, value])
        return tuple((start, end, round(value, 4)) for start, end, value in found)

    def article_probability(self, readings: npt.NDArray[np.float64]) -> float:
        """The calibrated probability that the whole article, or a good part of it, is garbled machine translation.

        *readings*: how its sentences :meth:`read`, at least one.
        """
        return float(sigmoid(self.verdict.logits(verdict_features(readings)[None, :]))[0, 0])

    def suspicion(self, readings: npt.NDArray[np.float64]) -> float:
        """The mean of the :data:`SUSPECT_SENTENCES` highest of the *readings* of an article's sentences, at least one."""
        return float(np.sort(readings)[-SUSPECT_SENTENCES:].mean())


def verdict_features(readings: npt.NDArray[np.float64]) -> Floats:
    """What the verdict is made of (:data:`VERDICT_FEATURES`): many mild scores say as much as a few high ones. *Shape:* (2,).

    The sentences of an article are garbled alike, so that each tells less than the one before: a mean of n of them is as good as
    n / (n + 1) of a very long article's (the design effect of Kish 1965, with half of the variance between articles).
    """
    certainty = len(readings) / (len(readings) + 1)
    return np.array([certainty * readings.mean(), certainty], dtype=np.float32)
