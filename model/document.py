"""Document: the text of one article, cut into blocks (paragraphs), each with its language."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from . import encoding as encodings
from .errors import InputError
from .language import languages
from .markup import Piece, from_html, from_markdown

Format = Literal["text", "markdown", "html"]
KindHint = Literal["headline"]

_NEWLINE = re.compile("\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_UNPRINTABLE = re.compile("[\x00\ud800-\udfff]")
_VISIBLE = re.compile("[^\\s\x00-\x20\x7f-\xa0\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\ufffd]")
_LIST_MARKER = re.compile(r"(?:[-*•·–—]|\d{1,3}[.)])[ \t]")
_CLOSERS = "\"'”’»)]"
_ENDERS = ".!?:;…。！？"


@dataclass(frozen=True, slots=True)
class Block:
    """One paragraph: ``document.text[start:end]``, not empty, no white space at either end.

    ``language`` is an ISO 639-1 code, ``und-<Script>`` where only the script is known, or None where there are no
    letters. ``kind_hint`` is ``headline`` where the markup or the shape (one short line without a final full stop)
    says so; it is a hint, not a verdict.
    """

    start: int
    end: int
    language: str | None
    kind_hint: KindHint | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """One article. All offsets, here and in scores, are Unicode code points into ``text``.

    ``text`` is the input with every kind of newline as ``\\n`` and NULs and lone surrogates as U+FFFD; for Markdown and
    HTML it is the readable text, one line a paragraph, blank lines between. ``blocks`` are in order, do not overlap and
    hold every character of ``text`` that is not white space. ``encoding`` is None where the input was text already.
    """

    text: str
    blocks: tuple[Block, ...]
    language: str | None
    encoding: str | None = None
    format: Format = "text"

    @classmethod
    def from_text(cls, text: str, *, format: Format = "text") -> Document:
        """The document in ``text``. Raises ``InputError``: ``empty`` where there is nothing to read, ``format``."""
        return _build(text, format, None)

    @classmethod
    def from_bytes(cls, data: bytes, *, format: Format = "text", charset: str | None = None) -> Document:
        """The document in ``data``, ``charset`` being what its server named, if any.

        Raises ``InputError``: ``empty``, ``binary``, ``encoding``, ``format``.
        """
        if not data.strip():
            raise InputError("empty", "there is no text in it: it is empty or holds only white space")
        text, encoding = encodings.decode(data, html=format == "html", charset=charset)
        return _build(text, format, encoding)


def _build(text: str, format: Format, encoding: str | None) -> Document:
    text = _UNPRINTABLE.sub("\ufffd", _NEWLINE.sub("\n", text.removeprefix("\ufeff")))
    if format == "text":
        spans = [(start, end, _looks_like_headline(text[start : min(end, start + 200)])) for start, end in paragraphs(text)]
    elif format == "markdown":
        text, spans = _join(from_markdown(text))
    elif format == "html":
        text, spans = _join(from_html(text))
    else:
        raise InputError("format", f"unknown input format {format!r}: use text, markdown or html")
    if not spans or not _VISIBLE.search(text):
        what = "no readable text was found in it" if format != "text" else "there is no text in it: it is empty or holds only white space"
        raise InputError("empty", what)
    language, block_languages = languages([text[start : min(end, start + 4000)] for start, end, _ in spans])
    blocks = tuple(
        Block(start, end, block_language, "headline" if headline else None)
        for (start, end, headline), block_language in zip(spans, block_languages, strict=True)
    )
    return Document(text, blocks, language, encoding, format)


def _join(pieces: list[Piece]) -> tuple[str, list[tuple[int, int, bool]]]:
    parts: list[str] = []
    spans: list[tuple[int, int, bool]] = []
    position = 0
    for piece in pieces:
        # A character reference such as &#133; can bring back what was normalised in the source.
        content = _UNPRINTABLE.sub("\ufffd", " ".join(piece.text.split()))
        if content:
            spans.append((position, position + len(content), piece.heading or _looks_like_headline(content[:200])))
            parts.append(content)
            position += len(content) + 2
    return "\n\n".join(parts), spans


def _looks_like_headline(text: str) -> bool:
    """One line of at most 150 characters that does not end as a sentence does."""
    return len(text) <= 150 and "\n" not in text and not _ends_sentence(text)


def _ends_sentence(line: str) -> bool:
    return line.rstrip(_CLOSERS + " ")[-1:] in tuple(_ENDERS)


def paragraphs(text: str) -> Iterator[tuple[int, int]]:
    """Spans of the paragraphs of ``text`` (lines ended by ``\\n``): between blank lines, and there a line each.

    Lines are joined where the text is wrapped at a column (by the measure of :func:`_wrap_width`), or where a long line
    ends in mid-sentence and the next goes on in lower case.
    """
    runs = list(_runs(text))
    width = _wrap_width(text, runs)
    for run in runs:
        begin = run[0][0]
        for current, following in zip(run, [*run[1:], None], strict=True):
            if following is None or not _continues(text, current, following, width):
                yield begin, current[1]
                if following is not None:
                    begin = following[0]


def _runs(text: str) -> Iterator[list[tuple[int, int]]]:
    """Lines without blank ones between them, each as the span of what is not white space."""
    run: list[tuple[int, int]] = []
    position = 0
    for line in text.split("\n"):
        content = line.strip()
        if content:
            start = position + len(line) - len(line.lstrip())
            run.append((start, start + len(content)))
        elif run:
            yield run
            run = []
        position += len(line) + 1
    if run:
        yield run


def _first_word(text: str, line: tuple[int, int]) -> str:
    return text[line[0] : min(line[1], line[0] + 60)].split(maxsplit=1)[0]


def _wrap_width(text: str, runs: list[list[tuple[int, int]]]) -> int | None:
    """The column at which the text is wrapped, or None.

    In wrapped text the next line's first word would not have fitted, most lines end in mid-sentence and go on in lower case.
    """
    pairs = [(one, two) for run in runs for one, two in pairwise(run)][:5000]
    if len(pairs) < 2:
        return None
    lengths = sorted(end - start for (start, end), _ in pairs)
    width = lengths[len(lengths) * 9 // 10]
    if not 35 <= width <= 130:
        return None
    full = sum(one[1] - one[0] + 1 + len(_first_word(text, two)) > 0.95 * width for one, two in pairs)
    lower = sum(text[two[0]].islower() for _, two in pairs)
    ended = sum(_ends_sentence(text[one[0] : one[1]]) for one, _ in pairs)
    return width if full >= 0.7 * len(pairs) and lower >= 0.4 * len(pairs) and ended < 0.5 * len(pairs) else None


def _continues(text: str, line: tuple[int, int], following: tuple[int, int], width: int | None) -> bool:
    length = line[1] - line[0]
    start = text[following[0] : min(following[1], following[0] + 8)]
    if _LIST_MARKER.match(start):
        return False
    if length >= 40 and start[0].islower() and not _ends_sentence(text[max(line[0], line[1] - 20) : line[1]]):
        return True
    return width is not None and length + 1 + len(_first_word(text, following)) > 0.9 * width
