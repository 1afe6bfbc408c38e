"""The cache of embeddings: plain numbers in files, never trusted further than their shape, dropped when they are old."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from newsgauge.model.encoder import WindowEncoding
from newsgauge.training import cache
from newsgauge.training.cache import CachedEncoder


class Counting:
    """Embeds a sentence as its length, in two windows, and counts the calls."""

    width = 2

    def __init__(self) -> None:
        self.calls = 0

    def encode(self, sentences: Sequence[str]) -> Iterator[WindowEncoding]:
        self.calls += 1
        for i, sentence in enumerate(sentences):
            yield WindowEncoding(i, i + 1, np.full((1, 2), len(sentence), dtype=np.float32), None)


class Trap:
    """Unpickled, it leaves a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.trace,)


def embed(encoder: Counting, folder: Path, *sentences: str, identity: str = "id") -> list[list[float]]:
    (window,) = CachedEncoder(encoder, identity, folder).encode(sentences)
    assert (window.first, window.last, window.pieces) == (0, len(sentences), None)
    return [[float(value) for value in row] for row in window.embeddings]


def test_what_was_embedded_once_is_not_embedded_again(tmp_path: Path) -> None:
    encoder = Counting()
    assert [embed(encoder, tmp_path / "new" / "deep", "a", "bcd\ud800") for _ in range(3)] == [[[1, 1], [4, 4]]] * 3
    assert encoder.calls == 1
    embed(encoder, tmp_path / "new" / "deep", "bcd\ud800", "a")
    embed(encoder, tmp_path / "new" / "deep", "a", "bcd\ud800", identity="another")
    assert encoder.calls == 3
    assert CachedEncoder(encoder, "id", tmp_path).width == 2


@pytest.mark.parametrize("harm", ["pickle", "cut", "shape", "type", "NaN", "name"])
def test_a_file_that_holds_something_else_is_embedded_anew(tmp_path: Path, harm: str) -> None:
    encoder, folder, trace = Counting(), tmp_path / "cache", tmp_path / "trace"
    embed(encoder, folder, "a", "bc")
    (kept,) = folder.iterdir()
    if harm == "pickle":
        kept.write_bytes(pickle.dumps(Trap(trace)))
    elif harm == "cut":
        kept.write_bytes(kept.read_bytes()[:-1])
    else:
        vectors = np.ones((3 if harm == "shape" else 2, 2), dtype=np.float64 if harm == "type" else np.float32)
        vectors[0, 0] = np.nan if harm == "NaN" else 1
        save_file({"other" if harm == "name" else "embeddings": vectors}, kept)
    assert embed(encoder, folder, "a", "bc") == [[1, 1], [2, 2]]
    assert encoder.calls == 2 and not trace.exists()
    assert embed(encoder, folder, "a", "bc") == [[1, 1], [2, 2]]
    assert encoder.calls == 2


def test_what_was_used_last_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = Counting()
    for age, text in ((300, "old but used"), (200, "old"), (100, "new")):
        before = set(tmp_path.iterdir())
        embed(encoder, tmp_path, text)
        (made,) = set(tmp_path.iterdir()) - before
        os.utime(made, (1e9 - age, 1e9 - age))
    embed(encoder, tmp_path, "old but used")
    (tmp_path / "mine.txt").write_text("not of the cache")
    monkeypatch.setattr(cache, "MOST_BYTES", 2 * made.stat().st_size)
    CachedEncoder(encoder, "id", tmp_path).trim()
    assert len(list(tmp_path.glob("*.safetensors"))) == 2 and (tmp_path / "mine.txt").exists()
    for text in ("new", "old but used"):
        embed(encoder, tmp_path, text)
    assert encoder.calls == 3
    embed(encoder, tmp_path, "old")
    assert encoder.calls == 4
