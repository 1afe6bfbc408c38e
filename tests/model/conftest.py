"""A model folder that is written in a moment, whose encoder cannot be run, and a scorer that the tests steer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from newsgauge.model.bundle import Bundle, Heads, save
from newsgauge.model.content import ContentHead
from newsgauge.model.encoder import Floats, WindowEncoding, WordPieces
from newsgauge.model.heads import LinearHead
from newsgauge.model.passages import PassageChain
from newsgauge.model.quality import VERDICT_FEATURES, GarbleHead
from newsgauge.model.scorer import Scorer
from newsgauge.model.signs import KINDS
from newsgauge.model.stance import Correction, StanceHead
from newsgauge.model.translation import PARTS_READ, TranslationHead

LABELS = ("accusation", "denial", "evidence", "analysis")


def small_heads(width: int = 4) -> Heads:
    random = np.random.default_rng(7)

    def head(outputs: int, inputs: int = width) -> LinearHead:
        return LinearHead(random.normal(size=(outputs, inputs)).astype(np.float32), random.normal(size=outputs).astype(np.float32))

    garble = GarbleHead(
        sentence=head(1),
        signs=head(1, len(KINDS)),
        piece=head(1),
        threshold=0.25,
        piece_threshold=0.125,
        chain=PassageChain(1.5, -0.5, 3.0, 2.0, -0.25, shortest=3, reach=2),
        verdict=head(1, len(VERDICT_FEATURES)),
        verdict_threshold=0.75,
        suspect_from=-1.5,
        translation=TranslationHead(head(PARTS_READ * 2), head(1, 2)),
    )
    return Heads(StanceHead(LABELS, head(4), 1.25, 0.625), garble, ContentHead(head(1), 0.375))


def corrected(heads: Heads, width: int = 4) -> Heads:
    """*heads* after retraining twice, the first time on labels alone, the second with a gate."""
    random = np.random.default_rng(8)

    def head(outputs: int) -> LinearHead:
        return LinearHead(random.normal(size=(outputs, 3 * width)).astype(np.float32), random.normal(size=outputs).astype(np.float32))

    corrections = (Correction(head(4), None), Correction(head(4), head(1)))
    return replace(heads, stance=replace(heads.stance, corrections=corrections))


def save_small(folder: Path, source: Path, **settings: Any) -> None:
    """Save a folder that is quickly written; its encoder cannot be run."""
    source.mkdir(exist_ok=True)
    for name in ("encoder.onnx", "tokenizer.json"):
        (source / name).write_text(name)
    defaults: dict[str, Any] = {"heads": small_heads(), "encoder": {"kind": "onnx"}, "about": {}, "card": "# A card\n"}
    save(folder, **{**defaults, "files": {path.name: path for path in source.iterdir()}, **settings})


class Steered:
    """An encoder whose embeddings are what *read* says of a sentence; windows of three sentences, a piece a word.

    The state of a piece is ``[4]`` in a word that begins with ``xx``, else ``[-4]``, followed by zeros.
    """

    def __init__(self, width: int, read: Callable[[str], Sequence[float]]) -> None:
        self.width = width
        self._read = read

    def encode(self, sentences: Sequence[str]) -> Iterator[WindowEncoding]:
        for first in range(0, len(sentences), 3):
            part = sentences[first : first + 3]
            embeddings = np.array([self._read(sentence) for sentence in part], dtype=np.float32).reshape(len(part), self.width)
            yield WindowEncoding(first, first + len(part), embeddings, tuple(map(self._pieces, part)))

    def _pieces(self, sentence: str) -> WordPieces:
        words = list(re.finditer(r"\w+|[^\w\s]", sentence))
        offsets = np.array([word.span() for word in words], dtype=np.int64).reshape(len(words), 2)
        states: Floats = np.zeros((len(words), self.width), dtype=np.float32)
        states[:, 0] = [4.0 if word.group().startswith("xx") else -4.0 for word in words]
        return WordPieces(offsets, states)


def unit(outputs: Sequence[int], width: int) -> LinearHead:
    """A head whose outputs are those places of the embedding."""
    return LinearHead(np.eye(width, dtype=np.float32)[list(outputs)], np.zeros(len(outputs), dtype=np.float32))


def steered(
    read: Callable[[str], Sequence[float]],
    *,
    name: str = "steered@0",
    labels: tuple[str, ...] = LABELS,
    shortest: int = 2,
    suspect_from: float = 0.0,
    second: Scorer | None = None,
) -> Scorer:
    """A scorer: *read* gives the stance logits of a sentence, the first of which its words have too, then that of garbled, then that of
    article content."""
    width = len(labels) + 2
    garble = GarbleHead(
        sentence=unit([len(labels)], width),
        signs=LinearHead(np.full((1, len(KINDS)), 2.5, np.float32), np.zeros(1, np.float32)),
        piece=unit([0], width),
        threshold=0.5,
        piece_threshold=0.5,
        chain=PassageChain(1.0, 0.0, 2.0, 2.0, 0.0, shortest=shortest),
        verdict=unit([0], len(VERDICT_FEATURES)),
        verdict_threshold=0.5,
        suspect_from=suspect_from,
    )
    heads = Heads(StanceHead(labels, unit(range(len(labels)), width), 1.0, 0.6), garble, ContentHead(unit([len(labels) + 1], width), 0.5))
    return Scorer(Bundle(name, {}, Steered(width, read), heads), second=second)
