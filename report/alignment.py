"""Alignment: which sentence of a retelling stands for which of its original."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

LEAST = 0.2
"""Sentences are paired that have at least this much of their words in common (Dice), by word stems."""
MOST = 400
"""Sentences of an article that are looked at; a longer one is aligned up to here."""

_WORD = re.compile(r"\w+")
_STEM = 5

Pair = tuple[int | None, int | None]


def align(original: Sequence[str], copy: Sequence[str]) -> list[Pair]:
    """Pairs of indices, both in order, that have most in common in all (Needleman and Wunsch 1970); None where one has no partner.

    Every sentence of the first :data:`MOST` of both comes once.
    """
    one = [stems(text) for text in original[:MOST]]
    other = [stems(text) for text in copy[:MOST]]
    alike = np.array([[_dice(a, b) for b in other] for a in one]).reshape(len(one), len(other))
    alike[alike < LEAST] = 0
    best = np.zeros((len(one) + 1, len(other) + 1))
    for i in range(len(one)):
        for j in range(len(other)):
            best[i + 1, j + 1] = max(best[i, j + 1], best[i + 1, j], best[i, j] + alike[i, j])
    pairs: list[Pair] = []
    i, j = len(one), len(other)
    while i or j:
        if i and j and alike[i - 1, j - 1] > 0 and best[i, j] == best[i - 1, j - 1] + alike[i - 1, j - 1]:
            i, j = i - 1, j - 1
            pairs.append((i, j))
        elif j and best[i, j] == best[i, j - 1]:
            j -= 1
            pairs.append((None, j))
        else:
            i -= 1
            pairs.append((i, None))
    return pairs[::-1]


def stems(text: str) -> frozenset[str]:
    """The different words of *text* without their endings: what survives a translation there and back."""
    return frozenset(word[:_STEM] for word in _WORD.findall(text.casefold()))


def changed(text: str, other: str) -> list[tuple[str, bool]]:
    """*text* in pieces, each with whether it is a word that *other* does not have."""
    known = stems(other)
    pieces: list[tuple[str, bool]] = []
    position = 0
    for match in _WORD.finditer(text):
        if match[0].casefold()[:_STEM] in known:
            continue
        if match.start() > position:
            pieces.append((text[position : match.start()], False))
        pieces.append((match[0], True))
        position = match.end()
    if position < len(text):
        pieces.append((text[position:], False))
    return pieces


def _dice(one: frozenset[str], other: frozenset[str]) -> float:
    return 2 * len(one & other) / (len(one) + len(other)) if one or other else 0.0
