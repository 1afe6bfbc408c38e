"""Clean English with slips of the fingers, which teaches the garbled head that a typing error is no translation."""

from __future__ import annotations

import random
import re
import string
from collections.abc import Sequence
from dataclasses import replace

from .corpora import Corpora
from .rows import LabelledDocument, Row

ARTICLES, STARTERS = 120, 30
# Shorter articles are mostly stretches that were cut out of others.
SHORTEST = 6
# The share of words with a slip, one for a document.
RATES = (0.03, 0.06, 0.1)

_WORD = re.compile(r"[A-Za-z]{4,}")


def mistyped_documents(corpora: Corpora, seed: int) -> list[LabelledDocument]:
    """A sample of the labelled articles of *corpora* and of its starter articles, mistyped; none of them is held out for dev."""
    rng = random.Random(f"{seed}:mistyped")
    articles = [document for document in corpora.stance if len(document.rows) >= SHORTEST]
    return [mistyped(document, rng) for document in _sample(articles, ARTICLES, rng) + _sample(corpora.seeds, STARTERS, rng)]


def mistyped(document: LabelledDocument, rng: random.Random) -> LabelledDocument:
    """*document* with a slip in some of its words of four letters or more; of its rows no more is known than whether they are garbled."""
    rate = rng.choice(RATES)

    def typed(match: re.Match[str]) -> str:
        return slip(match[0], rng) if rng.random() < rate else match[0]

    rows = (Row(_WORD.sub(typed, row.text), garbled=row.garbled) for row in document.rows)
    return replace(document, rows=tuple(rows))


def slip(word: str, rng: random.Random) -> str:
    """*word*, of at least four letters, with two letters inside transposed, one left out, typed twice or replaced (Damerau 1964)."""
    at = rng.randrange(1, len(word) - 2)
    before, letter, after = word[:at], word[at], word[at + 1 :]
    return before + rng.choice((after[0] + letter + after[1:], after, letter * 2 + after, rng.choice(string.ascii_lowercase) + after))


def _sample(documents: Sequence[LabelledDocument], most: int, rng: random.Random) -> list[LabelledDocument]:
    return rng.sample(documents, min(most, len(documents)))
