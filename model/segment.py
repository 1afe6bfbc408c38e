"""Segment: a document's blocks into sentences with exact offsets."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import pairwise
from typing import Protocol

from .boundaries import QUOTES, capitalised, cut, gap, is_boundary, plain_ends, quotations
from .document import Document
from .reading import UNSEEN

CHUNK = 8_000
"""Code points given to the splitter at once: longer sentences are cut, at white space where there is some."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence: ``document.text[start:end]``, within ``document.blocks[block]``, no white space at either end."""

    start: int
    end: int
    block: int


class Segmenter(Protocol):
    """Anything that finds sentences."""

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Sentences of one block as ``(start, end)``, in code points, in order."""
        ...


class SentencexSegmenter:
    """sentencex, with repairs for news: abbreviations, clock times, run-together text.

    A quotation of several sentences is not torn apart: it stays with the sentence that holds it, as in the labelled
    corpora. Line breaks end no sentence. Time is linear in the length of the text.
    """

    def __init__(self, *, language: str = "en") -> None:
        """``language`` is sentencex's code; the repairs are for English."""
        self.language = language

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Sentences of ``text`` as ``(start, end)``, in code points: in order, without overlap, all that is not white space."""
        if not UNSEEN.search(text):
            return _partition(text, self._starts(capitalised(text)))
        # What a reader does not see neither ends a sentence nor keeps one from ending: it is left out, and its places are counted.
        places = array("q", (place for place, character in enumerate(text) if not UNSEEN.match(character)))
        shown = capitalised(UNSEEN.sub("", text))
        return _partition(text, (places[start - 1] + 1 for start in self._starts(shown)))

    def _starts(self, text: str) -> Iterator[int]:
        if _UNBROKEN.fullmatch(text):
            return
        position = 0
        counted = quotes = searched = 0
        worded = False
        quoted = quotations(text)
        opened, closed = next(quoted, (0, 0))
        for proposal in merge(self._proposals(text), plain_ends(text)):
            if proposal <= position:
                continue
            left, right = gap(text, proposal)
            left = max(left, position)
            while closed and closed <= left:
                opened, closed = next(quoted, (0, 0))
            if opened < left and right < closed:
                continue
            if not is_boundary(text, left, right) or _only_number(text[position:left]):
                continue
            quotes += text.count('"', counted, left)
            counted = left
            start = cut(text, left, right, open_quote=quotes % 2 == 1)
            worded = worded or any(map(str.isalnum, text[searched:start]))
            searched = start
            if worded:
                yield start
                position = start
                worded = False

    def _proposals(self, text: str) -> Iterator[int]:
        """Where sentencex begins a sentence, found chunk by chunk: the last, perhaps unfinished, sentence of a chunk begins the next."""
        from sentencex import get_sentence_boundaries

        position = 0
        while position < len(text):
            chunk = text[position : position + CHUNK]
            starts = [position + found["start_index"] for found in get_sentence_boundaries(self.language, _masked(chunk))]
            starts = [start for start in starts if start > position]
            yield from starts
            if position + CHUNK >= len(text):
                return
            if starts:
                position = starts[-1]
            else:
                space = max(chunk.rfind(" "), chunk.rfind("\n"))
                position += space + 1 if space > CHUNK // 2 else CHUNK
                yield position


def segment(document: Document, segmenter: Segmenter | None = None) -> tuple[Sentence, ...]:
    """The sentences of ``document``, in order.

    They do not overlap or cross a block and hold every character of the text that is not white space, whatever the
    segmenter returns: only the beginnings of its spans count. ``None``: :class:`SentencexSegmenter`, English.
    """
    splitter = segmenter if segmenter is not None else SentencexSegmenter()
    sentences: list[Sentence] = []
    for index, block in enumerate(document.blocks):
        content = document.text[block.start : block.end]
        starts = (start for start, _ in splitter.spans(content))
        sentences.extend(Sentence(block.start + start, block.start + end, index) for start, end in _partition(content, starts))
    return tuple(sentences)


# Nothing that ends a sentence: most headlines, and every line of a list of names.
_UNBROKEN = re.compile(r"[\w\s,'’\"“”()%$:;/&–—-]*")
_MASK = str.maketrans(dict.fromkeys(QUOTES + "\n‘", " "))


def _masked(text: str) -> str:
    """``text`` with quotation marks and line breaks as spaces: sentencex keeps quotations whole, and ends a sentence at an empty line."""
    return text.translate(_MASK)


def _only_number(text: str) -> bool:
    """Whether a would-be sentence is the number of a list item, such as "2."."""
    text = text.strip()
    return len(text) <= 4 and text.rstrip(".)").isdigit()


def _partition(text: str, starts: Iterator[int]) -> list[tuple[int, int]]:
    """The stripped, non-empty stretches of ``text`` between ``starts``, the first from its beginning, the last to its end."""
    cuts = sorted({0, len(text), *(start for start in starts if 0 < start < len(text))})
    spans: list[tuple[int, int]] = []
    for start, end in pairwise(cuts):
        part = text[start:end]
        stripped = part.strip()
        if stripped:
            begin = start + len(part) - len(part.lstrip())
            spans.append((begin, begin + len(stripped)))
    return spans
