"""Embeddings kept between runs: an encoder that remembers on disk what it encoded."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..model.encoder import Encoder, WindowEncoding

MOST_BYTES = 1 << 30


def cache_folder() -> Path:
    """Where a user's caches belong on this system, with a folder of our own in it."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "newsgauge" / "embeddings"


def encoder_identity(manifest: Mapping[str, Any]) -> str:
    """A digest of what decides an encoder's embeddings: its entry in the manifest and the hashes of its files."""
    entry = manifest["encoder"]
    hashes = [manifest["files"].get(entry.get(part)) for part in ("file", "tokenizer")]
    return hashlib.sha256(json.dumps([entry, hashes], sort_keys=True).encode()).hexdigest()


class CachedEncoder:
    """An encoder whose embeddings are kept by joblib's Memory under *folder*; it knows sentences only, no word pieces.

    The key is *identity* and every sentence of the call, so that a sentence in other company is encoded anew. *watch* is told
    after each call how many sentences it held.
    """

    def __init__(self, encoder: Encoder, identity: str, folder: Path, *, watch: Callable[[int], None] | None = None) -> None:
        from joblib import Memory

        self._encoder = encoder
        self._identity = identity
        self._watch = watch
        self._memory = Memory(folder, verbose=0)
        self._embed = self._memory.cache(_embedded, ignore=["encoder"])

    @property
    def width(self) -> int:
        """The length of an embedding."""
        return self._encoder.width

    def encode(self, sentences: Sequence[str]) -> Iterator[WindowEncoding]:
        """See :meth:`~newsgauge.model.encoder.Encoder.encode`; one window holds all sentences."""
        vectors = self._embed(self._encoder, self._identity, list(sentences))
        if self._watch is not None:
            self._watch(len(sentences))
        yield WindowEncoding(0, len(sentences), vectors, None)

    def trim(self) -> None:
        """Drop what was not used for longest while the cache is over :data:`MOST_BYTES`."""
        self._memory.reduce_size(bytes_limit=MOST_BYTES)


def _embedded(encoder: Encoder, identity: str, sentences: list[str]) -> Any:
    """The embeddings of neighbouring sentences; *identity* is part of the key. *Shape:* (sentences, width)."""
    import numpy as np

    return np.concatenate([window.embeddings for window in encoder.encode(sentences)])
