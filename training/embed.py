"""Embeddings of labelled documents by the encoder that ships, in the windows in which it will score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..model.encoder import Encoder, WordPieces
from .rows import LabelledDocument, Row

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Embedded:
    """One entry a row. *Shapes:* ``vectors`` (rows, width); ``document`` (rows,), the index of each row's document."""

    rows: list[Row]
    vectors: Floats
    document: npt.NDArray[np.int64]


def embed(encoder: Encoder, documents: Sequence[LabelledDocument]) -> Embedded:
    """Embed every row. Consecutive rows see each other and what stands before them; unordered rows are encoded alone."""
    rows: list[Row] = []
    vectors: list[Floats] = []
    owner: list[int] = []
    for index, document in enumerate(documents):
        for texts, skip, members in _inputs(document):
            found = np.concatenate([window.embeddings for window in encoder.encode(texts)])
            vectors.append(found[skip:])
            rows.extend(members)
            owner.extend([index] * len(members))
    stacked = np.concatenate(vectors) if vectors else np.zeros((0, encoder.width), np.float32)
    return Embedded(rows, stacked, np.array(owner, dtype=np.int64))


def labelled(embedded: Embedded) -> tuple[list[Row], Floats]:
    """The rows with a stance label, and their vectors."""
    keep = np.array([row.stance is not None for row in embedded.rows], dtype=bool)
    return [row for row in embedded.rows if row.stance is not None], embedded.vectors[keep]


def embed_pieces(encoder: Encoder, documents: Sequence[LabelledDocument]) -> list[tuple[Row, WordPieces]]:
    """The word-piece states of every row whose garbled spans are known."""
    found: list[tuple[Row, WordPieces]] = []
    for document in documents:
        for texts, skip, members in _inputs(document):
            pieces = [piece for window in encoder.encode(texts) for piece in window.pieces or ()]
            found.extend((row, piece) for row, piece in zip(members, pieces[skip:], strict=True) if row.spans is not None)
    return found


def _inputs(document: LabelledDocument) -> list[tuple[list[str], int, Sequence[Row]]]:
    if not document.consecutive:
        return [([row.text], 0, (row,)) for row in document.rows]
    before = [text for text in (document.before or document.headline,) if text]
    return [([*before, *(row.text for row in document.rows)], len(before), document.rows)]
