"""Inputs: files, tables and standard input to articles."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import IO, Any, BinaryIO, TextIO

from .compression import ENDINGS, expanded, inner_name
from .document import Document, Format
from .encoding import refuse_binary, sniff
from .errors import InputError
from .results import InputFailure
from .warc import pages

MAX_BYTES = 64 * 1024 * 1024
EXTENSIONS: Mapping[str, str] = {
    ".txt": "text", ".md": "markdown", ".markdown": "markdown", ".html": "html", ".htm": "html",
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "tsv", ".parquet": "parquet",
    ".warc": "warc",
}  # fmt: skip
"""Input format by file-name ending, lower case."""
FORMATS: tuple[str, ...] = tuple(dict.fromkeys(EXTENSIONS.values()))
"""Every value that the ``format`` of :func:`read` can have."""
TEXT_COLUMNS = ("text", "body", "content", "article", "maintext")
ID_COLUMNS = ("id", "uuid", "url")

_ARTICLE_FORMATS: Mapping[str, Format] = {"text": "text", "markdown": "markdown", "html": "html"}
_SNIFFED = 1024 * 1024
_PATIENCE = 10


@dataclass(frozen=True, slots=True)
class Article:
    """One article to score; ``source`` is the path as given, ``-``, or ``FILE#ID`` for a row of a table."""

    source: str
    document: Document


@dataclass(frozen=True, slots=True)
class Raw:
    """One article as it lies in its file, or the reason why there is none. Cheap to make; :meth:`parse` is the work.

    ``encoding`` is what ``content`` was decoded with; of bytes, the charset that the server named.

    ``number`` is 0 for a file that is one article, else the place in the table, from 1: no two of one file share it, while
    two may share their ``source``.
    """

    source: str
    number: int
    content: bytes | str | InputFailure
    format: Format = "text"
    encoding: str | None = None

    def parse(self) -> Article | InputFailure:
        """The article in ``content``, or why it cannot be read."""
        if isinstance(self.content, InputFailure):
            return self.content
        try:
            if isinstance(self.content, bytes):
                return Article(self.source, Document.from_bytes(self.content, format=self.format, charset=self.encoding))
            return Article(self.source, replace(Document.from_text(self.content), encoding=self.encoding))
        except InputError as error:
            place = "record" if isinstance(self.content, bytes) else "row"
            return InputFailure(self.source, error.kind, f"{place} {self.number}: {error}" if self.number else str(error))


def read(
    path: str,
    *,
    text_column: str | None = None,
    id_column: str | None = None,
    format: str | None = None,
    max_bytes: int = MAX_BYTES,
) -> Iterator[Article | InputFailure]:
    """The articles in a file, or in standard input for ``-``, one by one; what cannot be read comes as an ``InputFailure``.

    ``format`` is one of :data:`FORMATS`; None goes by the ending of the file name (``-``: text). Text, Markdown and HTML
    are one article of at most ``max_bytes``. JSON Lines, CSV, TSV and Parquet hold an article a row, of at most
    ``max_bytes``, and are streamed; WARC (extra ``warc``) holds one in each response with an HTML page. All but Parquet may
    be compressed, with a further ``.gz`` or ``.zst`` to their name. The text column is ``text_column`` or the first of
    :data:`TEXT_COLUMNS` that is there, in any case of letters; the id column ``id_column`` or the first of
    :data:`ID_COLUMNS`. A row without an id goes by its number from 1: of the line in JSON Lines, of the row after the header
    elsewhere; a page by its URI. Never raises for a fault in the input.
    """
    for raw in read_raw(path, text_column=text_column, id_column=id_column, format=format, max_bytes=max_bytes):
        yield raw.parse()


def read_raw(
    path: str,
    *,
    text_column: str | None = None,
    id_column: str | None = None,
    format: str | None = None,
    max_bytes: int = MAX_BYTES,
) -> Iterator[Raw]:
    """What :func:`read` gives, not yet parsed, so that the parsing can be done elsewhere."""
    number = -1
    try:
        if format is not None and format not in FORMATS:
            raise InputError("format", f"unknown input format {format!r}: use one of {', '.join(FORMATS)}")
        kind = format or _format_of(path)
        if kind not in _ARTICLE_FORMATS:
            number = 0
        with _opened(path) as file:
            # A WARC file is compressed record by record, which its reader knows how to use.
            stream = file if kind == "warc" else expanded(path, file)
            if kind == "parquet" and stream is not file:
                raise InputError("format", "Parquet is compressed within and cannot be read from a compressed file: unpack it first")
            if kind in _ARTICLE_FORMATS:
                data = stream.read(max_bytes + 1)
                if len(data) > max_bytes:
                    raise InputError("too-large", f"larger than {max_bytes:,} bytes, the most that one article may have: split it")
                yield Raw(path, 0, data, _ARTICLE_FORMATS[kind])
                return
            for raw in _rows(path, kind, stream, _Columns(text_column, id_column), max_bytes):
                number = raw.number
                yield raw
            if number == 0:
                raise InputError("empty", "there is no row in it: it is empty or holds only white space")
    except InputError as error:
        yield Raw(path, number + 1, InputFailure(path, error.kind, str(error)))
    except OSError as error:
        yield Raw(path, number + 1, InputFailure(path, "unreadable", f"cannot be read: {error.strerror or error}"))


def _rows(path: str, kind: str, stream: BinaryIO, columns: _Columns, max_bytes: int) -> Iterator[Raw]:
    if kind == "jsonl":
        return _read_jsonl(path, stream, columns, max_bytes)
    if kind == "parquet":
        return _read_parquet(path, stream, columns, max_bytes)
    if kind == "warc":
        return _read_warc(path, stream, max_bytes)
    return _read_csv(path, stream, columns, max_bytes, "\t" if kind == "tsv" else None)


def _format_of(path: str) -> str:
    if path == "-":
        return "text"
    ending = _ending(path)
    if ending not in EXTENSIONS and os.path.isfile(path):
        what = f"unknown file type {ending!r}" if ending else "a file without an ending"
        override = f"for any other name say what it is with --input-format ({', '.join(FORMATS)})"
        supported = f"supported are {' '.join(EXTENSIONS)}, compressed also with {' '.join(ENDINGS)}"
        raise InputError("format", f"{what}: {supported}; {override}")
    return EXTENSIONS.get(ending, "text")


def _ending(path: str) -> str:
    """The ending that names the format, lower case."""
    return os.path.splitext(inner_name(path))[1].lower()


def supported(path: str, format: str | None = None) -> bool:
    """Whether :func:`read` knows the format of a file of that name; it knows every one where *format* is given."""
    return format is not None or _ending(path) in EXTENSIONS


def is_table(path: str, format: str | None = None) -> bool:
    """Whether a supported file holds an article a row."""
    return (format or _format_of(path)) not in _ARTICLE_FORMATS


def _opened(path: str) -> Any:
    """A context manager that gives the bytes of ``path``. Raises ``InputError``: ``missing``, ``directory``, ``unreadable``."""
    if path == "-":
        return nullcontext(sys.stdin.buffer)
    try:
        return open(path, "rb")
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise InputError("missing", "no such file") from None
    except IsADirectoryError:
        raise InputError("directory", "this is a directory: name the files in it, or give it to newsgauge batch") from None
    except PermissionError:
        raise InputError("unreadable", "cannot be read: permission denied") from None


@dataclass(frozen=True, slots=True)
class _Columns:
    """The columns a user asked for; None: the defaults."""

    text: str | None
    id: str | None

    def find(self, names: Sequence[str]) -> tuple[str, str | None]:
        """The text and the id column among ``names``. Raises ``InputError("column", …)``, which names what was found."""
        text = _match(names, TEXT_COLUMNS if self.text is None else (self.text,))
        found = ", ".join(map(repr, names[:50])) or "none"
        if text is None:
            sought = f"no column {self.text!r}" if self.text is not None else f"no text column (looked for {', '.join(TEXT_COLUMNS)})"
            raise InputError("column", f"{sought}; the columns are {found}: choose one with --text-column")
        identifier = _match(names, ID_COLUMNS if self.id is None else (self.id,))
        if identifier is None and self.id is not None:
            raise InputError("column", f"no column {self.id!r}; the columns are {found}: choose one with --id-column")
        return text, identifier


def _match(names: Sequence[str], wanted: Sequence[str]) -> str | None:
    """The first of ``wanted`` among ``names``, spelt as there; a name in the same case of letters goes first."""
    folded = {name.strip().casefold(): name for name in reversed(names)}
    return next((name if name in names else folded[name.casefold()] for name in wanted if name in names or name.casefold() in folded), None)


def _row(path: str, number: int, text: object, identifier: object, encoding: str | None, max_bytes: int) -> Raw:
    """One row of a table."""
    usable = isinstance(identifier, str | int | float) and not isinstance(identifier, bool)
    source = f"{path}#{' '.join(str(identifier).split()) if usable and str(identifier).strip() else number}"
    if not isinstance(text, str):
        what = "is empty (null)" if text is None else f"holds {type(text).__name__}, not text"
        return Raw(source, number, InputFailure(source, "table", f"row {number}: the text column {what}"))
    if len(text) > max_bytes:
        told = f"row {number}: the text is longer than {max_bytes:,}, the most that one article may have"
        return Raw(source, number, InputFailure(source, "too-large", told))
    return Raw(source, number, text, encoding=encoding)


def _decoded(stream: BinaryIO, *, newline: str | None) -> tuple[TextIO, str]:
    """``stream`` as text, and its encoding as found in its first megabyte. Raises ``InputError``: ``empty``, ``binary``, ``encoding``."""
    buffered = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(stream)  # type: ignore[type-var]
    sample = buffered.read(_SNIFFED)
    if not sample.strip():
        raise InputError("empty", "there is no text in it: it is empty or holds only white space")
    refuse_binary(sample)
    encoding = sniff(sample)
    whole = io.BufferedReader(_Rejoined(sample, buffered))
    return io.TextIOWrapper(whole, encoding="utf-8-sig" if encoding == "utf-8" else encoding, errors="replace", newline=newline), encoding


class _Rejoined(io.RawIOBase):
    """Bytes already read, then the rest of a stream: standard input cannot be rewound."""

    def __init__(self, head: bytes, rest: IO[bytes]) -> None:
        self._head = memoryview(head)
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data: bytes | memoryview = self._head[: len(buffer)] if self._head else self._rest.read(len(buffer))
        self._head = self._head[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)


def _read_jsonl(path: str, stream: BinaryIO, columns: _Columns, max_bytes: int) -> Iterator[Raw]:
    lines, encoding = _decoded(stream, newline=None)
    number = found = missed = 0
    while line := lines.readline(max_bytes + 1):
        number += 1
        source = f"{path}#{number}"
        if len(line) > max_bytes:
            while line and not line.endswith("\n"):
                line = lines.readline(_SNIFFED)
            told = f"line {number}: longer than {max_bytes:,}, the most that one row may have"
            yield Raw(source, number, InputFailure(source, "too-large", told))
            continue
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            detail = "nested too deeply, or a number too long"
            if isinstance(error, json.JSONDecodeError):
                detail = f"{error.msg} at column {error.colno}"
            told = f"line {number}: not valid JSON ({detail}); JSON Lines holds one object a line"
            yield Raw(source, number, InputFailure(source, "json", told))
            continue
        if not isinstance(row, dict):
            told = f"line {number}: a JSON {type(row).__name__}, where an object with a text column belongs"
            yield Raw(source, number, InputFailure(source, "json", told))
            continue
        try:
            text, identifier = columns.find(list(row))
        except InputError as error:
            yield Raw(source, number, InputFailure(source, error.kind, f"line {number}: {error}"))
            missed += 1
            if not found and missed == _PATIENCE:
                raise InputError("column", f"none of the first {missed} rows has the column: the rest of the file was not read") from None
            continue
        found += 1
        yield _row(path, number, row[text], row[identifier] if identifier is not None else None, encoding, max_bytes)


def _read_csv(path: str, stream: BinaryIO, columns: _Columns, max_bytes: int, delimiter: str | None) -> Iterator[Raw]:
    text_stream, encoding = _decoded(stream, newline="")
    lines = _bounded_lines(text_stream, max_bytes)
    head = next(lines, "")
    if delimiter is None:
        # A table of one column has no delimiter: the unit separator leaves the commas of its text alone.
        delimiter = max(",;\t|\x1f", key=lambda mark: (head.count(mark), mark == "\x1f"))
    csv.field_size_limit(min(max_bytes, 2**31 - 1))
    reader = csv.reader(_chained(head, lines), delimiter=delimiter)
    number = 0
    try:
        names = next(reader)
        text, identifier = columns.find(names)
        text_at = names.index(text)
        id_at = names.index(identifier) if identifier is not None else None
        for cells in reader:
            if not cells:
                continue
            number += 1
            content = cells[text_at] if text_at < len(cells) else None
            yield _row(path, number, content, cells[id_at] if id_at is not None and id_at < len(cells) else None, encoding, max_bytes)
    except csv.Error as error:
        advice = "is a quotation mark left open? The rest of the file was not read"
        raise InputError("table", f"line {reader.line_num}: not a valid table ({error}): {advice}") from None
    if number == 0:
        raise InputError("empty", "the table has a header but no rows")


def _chained(head: str, lines: Iterator[str]) -> Iterator[str]:
    yield head
    yield from lines


def _bounded_lines(stream: TextIO, limit: int) -> Iterator[str]:
    number = 0
    while line := stream.readline(limit + 1):
        number += 1
        if len(line) > limit:
            raise InputError("too-large", f"line {number}: longer than {limit:,}, the most that one row may have; the rest was not read")
        yield line


def _read_parquet(path: str, stream: BinaryIO, columns: _Columns, max_bytes: int) -> Iterator[Raw]:
    import pyarrow
    from pyarrow import parquet

    if path == "-":
        data = stream.read(max_bytes + 1)
        if len(data) > max_bytes:
            raise InputError("too-large", f"Parquet from standard input may have {max_bytes:,} bytes at most: pass a file instead")
        stream = io.BytesIO(data)
    if not stream.read(1):
        raise InputError("empty", "it is empty")
    stream.seek(0)
    number = 0
    try:
        table = parquet.ParquetFile(stream)
        text, identifier = columns.find(table.schema_arrow.names)
        for batch in table.iter_batches(batch_size=64, columns=[text] if identifier in (None, text) else [text, identifier]):
            texts = batch.column(text)
            identifiers = batch.column(identifier) if identifier is not None else None
            for index in range(batch.num_rows):
                number += 1
                row_id = _cell(identifiers[index]) if identifiers is not None else None
                yield _row(path, number, _cell(texts[index]), row_id, None, max_bytes)
    except (pyarrow.ArrowException, OSError, LookupError, ValueError, OverflowError) as error:
        detail = " ".join(str(error).split())[:200]
        raise InputError("table", f"not a readable Parquet table ({detail})") from None
    if number == 0:
        raise InputError("empty", "the table has no rows")


def _cell(scalar: Any) -> object:
    """What a cell of a Parquet table holds: its bytes where they were written as text and are none."""
    try:
        value: object = scalar.as_py()
    except UnicodeDecodeError:
        return bytes(scalar.as_buffer())
    return value


def _read_warc(path: str, stream: BinaryIO, max_bytes: int) -> Iterator[Raw]:
    for page in pages(stream, max_bytes):
        source = f"{path}#{page.name or page.number}"
        if page.fault is not None:
            yield Raw(source, page.number, InputFailure(source, *page.fault))
        else:
            yield Raw(source, page.number, page.html, "html", page.charset)
