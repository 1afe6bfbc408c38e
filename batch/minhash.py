"""MinHash: a text → a signature of fixed size; how alike two texts are is how much of their signatures agrees.

A signature has two halves (Broder 1997, "On the resemblance and containment of documents"): one of the word stems, which a
round trip through another language leaves in place, and one of the runs of three words, which it does not.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

HASHES = 128
"""Hash functions in each half of a signature."""
SIGNATURE_BYTES = 2 * 4 * HASHES

Signatures = npt.NDArray[np.uint32]

_WORD = re.compile(r"\w+")
_STEM = 5
_SHORTEST = 4
_RUN = 3

# Multiply-shift hashing (Dietzfelbinger et al. 1997): odd 64-bit factors, the upper 32 bits of the product. The numbers are drawn
# from a hash function, because signatures are kept and those of random generators may change with their library.
_drawn = np.frombuffer(hashlib.shake_128(b"newsgauge minhash 1").digest(8 * (2 * HASHES + _RUN)), "<u8").astype(np.uint64)
_FACTORS = _drawn[:HASHES] | np.uint64(1)
_OFFSETS = _drawn[HASHES : 2 * HASHES]
_STEPS = _drawn[2 * HASHES :] | np.uint64(1)


def signature(texts: Iterable[str]) -> bytes | None:
    """The signature of an article, given its sentences: ``2 * HASHES`` unsigned 32-bit numbers; None where there are no words."""
    words = [word for text in texts for word in _WORD.findall(text.casefold())]
    stems = [word[:_STEM] for word in words if len(word) >= _SHORTEST or word.isdigit()] or words
    if not words:
        return None
    single = _hashes(words)
    runs = single
    if len(words) >= _RUN:
        runs = sum((single[i : len(single) - _RUN + 1 + i] * _STEPS[i] for i in range(_RUN)), np.zeros(1, np.uint64))
    return np.concatenate([_minima(_hashes(stems)), _minima(runs)]).astype("<u4").tobytes()


def likeness(one: Signatures, other: Signatures) -> npt.NDArray[np.float64]:
    """The share of words, or of runs, that two texts have in common, by the halves of their signatures.

    *Shape* of both: ``(n, HASHES)``; of the result: ``(n,)``, in [0, 1], with a standard error of at most 0.045.
    """
    return np.asarray((one == other).mean(axis=1), dtype=np.float64)


def _hashes(words: list[str]) -> npt.NDArray[np.uint64]:
    found = np.fromiter((zlib.crc32(word.encode("utf-8", "surrogatepass")) for word in words), np.uint64, len(words))
    # The finisher of splitmix64: CRC-32 is linear, so that its values alone are no random ones.
    found = (found ^ (found >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    found = (found ^ (found >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(found ^ (found >> np.uint64(31)), dtype=np.uint64)


def _minima(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    lowest = np.full(HASHES, np.iinfo(np.uint64).max, np.uint64)
    different = np.unique(values)
    for start in range(0, len(different), 1024):
        lowest = np.minimum(lowest, (different[start : start + 1024, None] * _FACTORS + _OFFSETS).min(axis=0))
    return lowest >> np.uint64(32)
