"""Embeddings kept between runs: an encoder that remembers on disk what it encoded."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from ..model.encoder import Encoder, WindowEncoding
from ..model.heads import Floats
from ..report.atomic import atomic_output

MOST_BYTES = 1 << 30
ENDING = ".safetensors"


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
    """An encoder whose embeddings are kept under *folder*, a file of plain numbers a call; it knows sentences only, no word pieces.

    The key is *identity* and every sentence of the call, so that a sentence in other company is encoded anew. *watch* is told
    after each call how many sentences it held.
    """

    def __init__(self, encoder: Encoder, identity: str, folder: Path, *, watch: Callable[[int], None] | None = None) -> None:
        self._encoder = encoder
        self._identity = identity
        self._watch = watch
        self._folder = folder

    @property
    def width(self) -> int:
        """The length of an embedding."""
        return self._encoder.width

    def encode(self, sentences: Sequence[str]) -> Iterator[WindowEncoding]:
        """See :meth:`~newsgauge.model.encoder.Encoder.encode`; one window holds all sentences."""
        vectors = self._embedded(list(sentences))
        if self._watch is not None:
            self._watch(len(sentences))
        yield WindowEncoding(0, len(sentences), vectors, None)

    def trim(self) -> None:
        """Drop what was not used for longest while the cache is over :data:`MOST_BYTES`."""
        kept = 0
        for _, size, path in sorted(((status.st_mtime, status.st_size, path) for path, status in self._files()), reverse=True):
            kept += size
            if kept > MOST_BYTES:
                path.unlink(missing_ok=True)

    def _files(self) -> Iterator[tuple[Path, os.stat_result]]:
        for path in self._folder.glob(f"*{ENDING}"):
            # Another run may trim the same folder.
            with suppress(FileNotFoundError):
                yield path, path.stat()

    def _embedded(self, sentences: list[str]) -> Floats:
        """The embeddings of neighbouring sentences, kept or new. *Shape:* (sentences, width)."""
        from safetensors.numpy import save

        key = hashlib.sha256(json.dumps([self._identity, sentences]).encode()).hexdigest()
        path = self._folder / f"{key}{ENDING}"
        known = self._known(path, len(sentences))
        if known is not None:
            os.utime(path)
            return known
        vectors = np.concatenate([window.embeddings for window in self._encoder.encode(sentences)])
        self._folder.mkdir(parents=True, exist_ok=True)
        with atomic_output(path, overwrite=True) as stream:
            stream.write(save({"embeddings": np.ascontiguousarray(vectors)}))
        return vectors

    def _known(self, path: Path, count: int) -> Floats | None:
        """What is kept in *path*; None where there is nothing, or something else than embeddings of *count* sentences."""
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            vectors: Floats = load_file(path)["embeddings"]
        except (OSError, SafetensorError, LookupError):
            return None
        return vectors if vectors.shape == (count, self.width) and vectors.dtype == np.float32 and np.isfinite(vectors).all() else None
