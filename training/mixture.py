"""From labelled documents to training windows: crops, splices and mixtures, drawn anew for every epoch."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..model.windows import WindowShape, plan, sentence_bounds
from .rows import LabelledDocument, Row


@dataclass(frozen=True, slots=True)
class TrainingWindow:
    """One encoder input: sentences ``[first, last)`` of ``rows`` are scored, the others are context. ``before`` is cut from the left."""

    rows: tuple[Row, ...]
    first: int
    last: int


def crops(document: LabelledDocument, lengths: Sequence[int], shape: WindowShape, rng: random.Random | None) -> list[TrainingWindow]:
    """Cut *document* as scoring would; with *rng*, at random places.

    What stands before the first row is context: the sentence before it or, at the start of an article, the headline.
    """
    rows = list(document.rows)
    counts = list(lengths)
    before = document.before or document.headline
    if before:
        rows.insert(0, Row(before))
        counts.insert(0, 0)
    first_scored = 1 if before else 0
    start = first_scored
    if rng is not None and len(rows) > first_scored + 1:
        start = rng.randrange(first_scored, min(len(rows), first_scored + 5))
    windows: list[TrainingWindow] = []
    for lo, hi in ((first_scored, start), (start, len(rows))):
        if lo >= hi:
            continue
        planned = plan(sentence_bounds(counts[lo:hi]), shape)
        windows.extend(_with_context(rows, lo + window.first, lo + window.last) for window in planned)
    return windows


def _with_context(rows: list[Row], first: int, last: int, reach: int = 2) -> TrainingWindow:
    """Sentences ``[first, last)`` with *reach* neighbours on each side as context."""
    lo, hi = max(0, first - reach), min(len(rows), last + reach)
    return TrainingWindow(tuple(rows[lo:hi]), first - lo, last - lo)


def splice(clean: LabelledDocument, twin: LabelledDocument, rng: random.Random) -> LabelledDocument:
    """A clean article with one garbled run of its twin inside (both in the same order of events).

    Where the twin's rows name the rows they were made of, only that stretch of the article is taken.
    """
    named = {row.twin_of for row in twin.rows if row.twin_of}
    host = tuple(row for row in clean.rows if row.origin in named) if named else clean.rows
    size = min(len(host), len(twin.rows))
    if size < 4:
        return twin
    length = rng.randint(2, max(2, min(10, size - 2)))
    start = rng.randint(0, size - length)
    return replace(clean, rows=host[:start] + twin.rows[start : start + length] + host[start + length :])


def inserted(
    host: LabelledDocument, donor: LabelledDocument, rng: random.Random, *, shortest: int = 3, longest: int = 10
) -> LabelledDocument:
    """*host* with a run of *shortest* to *longest* sentences of *donor* inside, whatever they tell of (all of a shorter donor)."""
    size = min(len(donor.rows), rng.randint(shortest, longest))
    start = rng.randint(0, len(donor.rows) - size)
    place = rng.randint(0, len(host.rows))
    return replace(host, rows=host.rows[:place] + donor.rows[start : start + size] + host.rows[place:])


def bags(
    document: LabelledDocument, length: Callable[[Row], int], longest: int, rng: random.Random, *, single: float = 0.5, largest: int = 6
) -> list[TrainingWindow]:
    """Unordered rows as windows: alone with probability *single*, else several rows of one corpus and domain together.

    *length* is that of a row in word pieces; rows that together take more than *longest*, separators included, stay alone.
    """
    rows = list(document.rows)
    rng.shuffle(rows)
    windows = []
    position = 0
    while position < len(rows):
        size = 1 if rng.random() < single else rng.randint(2, largest)
        piece = tuple(rows[position : position + size])
        fits = sum(length(row) + 1 for row in piece) < longest
        windows += [TrainingWindow(piece, 0, len(piece))] if fits else [TrainingWindow((row,), 0, 1) for row in piece]
        position += size
    return windows


def excerpt(document: LabelledDocument, rng: random.Random, longest: int) -> LabelledDocument:
    """At most *longest* consecutive sentences of *document*, from a random place."""
    start = rng.randint(0, max(0, len(document.rows) - longest))
    return replace(document, rows=document.rows[start : start + longest])


def balanced(document: LabelledDocument, rng: random.Random, *, most_clean: int, ratio: float = 2.0) -> LabelledDocument:
    """At most *most_clean* clean rows and about *ratio* garbled rows per clean row, so that a topic is no cue.

    As many garbled rows as *most_clean* are kept where there is next to nothing clean to set against them.
    """
    clean = [row for row in document.rows if (row.garbled or 0.0) < 0.5]
    garbled = [row for row in document.rows if (row.garbled or 0.0) >= 0.5]
    clean = rng.sample(clean, min(len(clean), most_clean))
    garbled = rng.sample(garbled, min(len(garbled), max(most_clean, int(ratio * len(clean)))))
    return replace(document, rows=tuple(clean + garbled))
