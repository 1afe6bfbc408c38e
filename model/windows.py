"""Windows: how an article's sentences become encoder inputs.

An article is one stream of word pieces, each sentence closed by a separator. A window is a slice of that stream: whole
sentences to be scored, with some of the text before and after them as context. Every word piece is encoded about once
and every sentence sees both of its neighbours, which costs half of what sentence-with-context pairs cost (joint encoding
of the sentences of a document: Cohan et al. 2019, "Pretrained Language Models for Sequential Sentence Classification").
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WindowShape:
    """The sizes of windows in word pieces: all of a window, its context before and after, the longest sentence taken whole."""

    tokens: int = 256
    before: int = 48
    after: int = 32
    sentence: int = 160

    def __post_init__(self) -> None:
        if not all(isinstance(size, int) for size in (self.tokens, self.before, self.after, self.sentence)):
            raise ValueError("The sizes of a window are not all whole numbers; expected counts of tokens.")
        if min(self.before, self.after) < 0 or self.sentence < 1:
            raise ValueError(
                f"A window has context of {self.before} and {self.after} tokens and sentences of at most {self.sentence}; "
                "expected no context below zero and sentences of at least one token."
            )
        if self.tokens < self.before + self.after + self.sentence + 2:
            raise ValueError(
                f"A window of {self.tokens} tokens cannot hold {self.before} + {self.after} tokens of context "
                f"and a sentence of {self.sentence}; "
                f"expected at least {self.before + self.after + self.sentence + 2}."
            )

    @property
    def core(self) -> int:
        """Word pieces of a window that are left for the sentences to be scored, separators included."""
        return self.tokens - self.before - self.after - 1


@dataclass(frozen=True, slots=True)
class Window:
    """A slice ``[start, end)`` of the stream that holds whole sentences ``[first, last)`` and context around them."""

    start: int
    end: int
    first: int
    last: int


def sentence_bounds(lengths: Sequence[int]) -> list[int]:
    """Where each sentence starts in the stream: ``len(lengths) + 1`` offsets; each sentence takes its length and one separator."""
    bounds = [0]
    for length in lengths:
        bounds.append(bounds[-1] + length + 1)
    return bounds


def plan(bounds: Sequence[int], shape: WindowShape) -> Iterator[Window]:
    """Cut a stream into windows of about equal size, nearly as few as fit.

    *bounds* as made by :func:`sentence_bounds`, no sentence longer than ``shape.sentence``. The windows' sentence ranges
    partition the sentences, in order.
    """
    count = len(bounds) - 1
    total = bounds[-1]
    pieces = max(1, -(-total // shape.core))
    target = total / pieces
    first = 0
    while first < count:
        last = first + 1
        while last < count and bounds[last + 1] - bounds[first] <= shape.core and bounds[last] - bounds[first] < target:
            last += 1
        yield Window(max(0, bounds[first] - shape.before), min(total, bounds[last] + shape.after), first, last)
        first = last
