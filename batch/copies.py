"""Copies: which articles are nearly the same, and which is a garbled retelling of which."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .minhash import HASHES, Signatures, likeness

COPY = 0.5
"""Articles that share this much of their runs of three words are copies of each other."""
RETOLD = 0.42
"""Articles that share this much of their words, and not the runs, tell the same in other words."""
RETOLD_RUNS = 0.75
"""Of what they share in words, a retelling has at most this share in common in runs: an excerpt has all of it."""
GARBLED = 0.5
MARGIN = 0.05
"""A retelling is garbled from its original where its verdict is at least :data:`GARBLED`, and higher by :data:`MARGIN`."""

_BAND = 4
_STRIDE = 2
_NEIGHBOURS = 4
_CHUNK = 65_536

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Copies:
    """``cluster`` is the lowest index in an article's cluster, ``spun_from`` the index of its original or -1. *Shape:* ``(articles,)``.

    A cluster is what copies tie together, each to the next: the first and the last of a story that was rewritten step by step are
    in one, however little they share.
    """

    cluster: Indices
    spun_from: Indices


def among(found: Copies, places: Indices, articles: int) -> Copies:
    """*found* of the articles at *places* as copies among all *articles*, of which the others are alone."""
    cluster = np.arange(articles, dtype=np.int64)
    spun_from = np.full(articles, -1, np.int64)
    cluster[places] = places[found.cluster]
    paired = found.spun_from >= 0
    spun_from[places[paired]] = places[found.spun_from[paired]]
    return Copies(cluster, spun_from)


def find_copies(signatures: Signatures, probabilities: npt.NDArray[np.float64]) -> Copies:
    """Group articles by their signatures; *shape* ``(articles, 2 * HASHES)``, may lie in a file. Needs some 40 bytes an article.

    ``probabilities`` are those of the verdict on machine translation, NaN where there is none. Of two articles that tell the
    same in other words, the one that is the more garbled is taken to come from the other. Candidates are those that agree
    in four neighbouring hashes (locality-sensitive hashing; Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", 3.4).
    """
    count = len(signatures)
    parents = np.arange(count, dtype=np.int64)
    spun = np.full(count, -1, np.int64)
    best = np.zeros(count)
    for start in range(0, HASHES - _BAND + 1, _STRIDE):
        for one, other in _candidates(signatures[:, start : start + _BAND]):
            words = likeness(signatures[one, :HASHES], signatures[other, :HASHES])
            runs = likeness(signatures[one, HASHES:], signatures[other, HASHES:])
            for a, b in zip(one[runs >= COPY].tolist(), other[runs >= COPY].tolist(), strict=True):
                _unite(parents, a, b)
            retold = (runs < COPY) & (words >= RETOLD) & (runs <= RETOLD_RUNS * words)
            for a, b, alike in zip(one[retold].tolist(), other[retold].tolist(), words[retold].tolist(), strict=True):
                copy, original = (a, b) if probabilities[a] > probabilities[b] else (b, a)
                garbled = probabilities[copy] >= GARBLED and probabilities[copy] - probabilities[original] >= MARGIN
                if garbled and (alike, -original) > (best[copy], -spun[copy]):
                    best[copy], spun[copy] = alike, original
    for copy in np.flatnonzero(spun >= 0).tolist():
        _unite(parents, copy, int(spun[copy]))
    return Copies(np.array([_root(parents, i) for i in range(count)], dtype=np.int64), spun)


def _candidates(band: Signatures) -> Iterator[tuple[Indices, Indices]]:
    """Pairs of articles that agree in the band: each with the first and the next ones of those that do, the lower index first."""
    # One number for the band's hashes; where two bands make the same by chance, the likeness tells them apart.
    keys = np.zeros(len(band), np.uint64)
    for column in range(band.shape[1]):
        keys = keys * np.uint64(0x9E3779B97F4A7C15) + np.asarray(band[:, column], np.uint64)
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])) if len(keys) else np.empty(0, np.int64)
    firsts = np.repeat(starts, np.diff(np.append(starts, len(keys))))
    places = np.arange(len(keys))
    for distance in range(1, min(_NEIGHBOURS, len(keys) - 1) + 1):
        here = places[distance:][keys[distance:] == keys[: len(keys) - distance]]
        yield from _chunks(order[here - distance], order[here])
    far = places[places - firsts > _NEIGHBOURS]
    yield from _chunks(order[firsts[far]], order[far])


def _chunks(one: Indices, other: Indices) -> Iterator[tuple[Indices, Indices]]:
    for start in range(0, len(one), _CHUNK):
        yield one[start : start + _CHUNK], other[start : start + _CHUNK]


def _root(parents: npt.NDArray[Any], index: int) -> int:
    while parents[index] != index:
        parents[index] = parents[parents[index]]
        index = int(parents[index])
    return index


def _unite(parents: npt.NDArray[Any], one: int, other: int) -> None:
    one, other = _root(parents, one), _root(parents, other)
    parents[max(one, other)] = min(one, other)
