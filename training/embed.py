"""Embeddings of labelled documents by the encoder that ships, in the windows in which it will score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..model.content import ContentHead
from ..model.encoder import Encoder, WordPieces
from ..model.neighbours import PARTS, in_context
from .rows import LabelledDocument, Row

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Embedded:
    """One entry a row. *Shapes:* ``vectors`` (rows, width), or (rows, 3 * width) in context; ``document`` (rows,), the index of each
    row's document; ``pieces`` holds the word-piece states of the rows whose garbled spans are known, else None."""

    rows: list[Row]
    vectors: Floats
    document: npt.NDArray[np.int64]
    pieces: list[WordPieces | None]

    def marked(self) -> list[tuple[Row, WordPieces]]:
        """The rows whose garbled spans are known, with their word-piece states."""
        return [(row, pieces) for row, pieces in zip(self.rows, self.pieces, strict=True) if pieces is not None]


def embed(encoder: Encoder, documents: Sequence[LabelledDocument], *, context: bool = False) -> Embedded:
    """Embed every row. Consecutive rows see each other and what stands before them; unordered rows are encoded alone.

    With *context*, the vector of a row also holds those of its neighbours (:func:`~newsgauge.model.neighbours.in_context`).
    """
    rows: list[Row] = []
    vectors: list[Floats] = []
    owner: list[int] = []
    states: list[WordPieces | None] = []
    for index, document in enumerate(documents):
        for texts, skip, members in _inputs(document):
            windows = list(encoder.encode(texts))
            found = np.concatenate([window.embeddings for window in windows])
            vectors.append((in_context(found) if context else found)[skip:])
            pieces = [piece for window in windows for piece in window.pieces or (None,) * len(window.embeddings)][skip:]
            states += [None if row.spans is None else piece for row, piece in zip(members, pieces, strict=True)]
            rows.extend(members)
            owner.extend([index] * len(members))
    stacked = np.concatenate(vectors) if vectors else np.zeros((0, encoder.width * (PARTS if context else 1)), np.float32)
    return Embedded(rows, stacked, np.array(owner, dtype=np.int64), states)


def labelled(embedded: Embedded) -> tuple[list[Row], Floats]:
    """The rows with a stance label, and their vectors."""
    keep = np.array([row.stance is not None for row in embedded.rows], dtype=bool)
    return [row for row in embedded.rows if row.stance is not None], embedded.vectors[keep]


def _inputs(document: LabelledDocument) -> list[tuple[list[str], int, Sequence[Row]]]:
    if not document.consecutive:
        return [([row.text], 0, (row,)) for row in document.rows]
    before = [text for text in (document.before or document.headline,) if text]
    return [([*before, *(row.text for row in document.rows)], len(before), document.rows)]


def article_rows(content: ContentHead, embedded: Embedded) -> npt.NDArray[np.bool_]:
    """Which rows *content* does not take for boilerplate; all of a document that would have none left. *Shape:* (rows,)."""
    kept = content.article_probability(embedded.vectors) >= content.threshold
    return np.asarray(kept | ~np.isin(embedded.document, embedded.document[kept]))
