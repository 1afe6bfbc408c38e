"""Neighbours: the embedding of each sentence beside those of the sentence before and the sentence after it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from .encoder import WindowEncoding
from .heads import Floats

PARTS = 3
"""A sentence in context is so many embeddings: its own, the one before, the one after."""


def in_context(embeddings: Floats, *, before: Floats | None = None, after: Floats | None = None) -> Floats:
    """Consecutive sentences, each with its neighbours: zeros where there is none.

    *Shapes:* (rows, width) → (rows, 3 * width); *before* and *after*, what stands around the rows, (width,).
    """
    edge = np.zeros(embeddings.shape[1], np.float32)
    around = np.vstack([edge if before is None else before, embeddings, edge if after is None else after])
    return np.concatenate([embeddings, around[:-2], around[2:]], axis=1)


def own(vectors: Floats) -> Floats:
    """The sentences themselves of what :func:`in_context` gave. *Shapes:* (rows, 3 * width) → (rows, width)."""
    return vectors[:, : vectors.shape[1] // PARTS]


def windows_in_context(windows: Iterable[WindowEncoding]) -> Iterator[tuple[WindowEncoding, Floats]]:
    """Each of the consecutive *windows* of an article with its sentences in context; no more than two are held at a time."""
    before: Floats | None = None
    held: WindowEncoding | None = None
    for window in windows:
        if held is not None:
            yield held, in_context(held.embeddings, before=before, after=window.embeddings[0])
            before = held.embeddings[-1]
        held = window
    if held is not None:
        yield held, in_context(held.embeddings, before=before)
