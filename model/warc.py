"""WARC: the pages that a crawl saved, a response an article."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from .errors import InputError

_PAGES = ("text/html", "application/xhtml+xml")
_PACKED = (b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd")
_PLAIN = b"WARC/1."
_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Page:
    """An HTML page with the ``charset`` that its server named, or in ``fault`` the kind of what is wrong with it and that in words.

    ``number`` is the place of the record in the file, from 1; ``name`` its URI, else its record id, None where it has neither.
    """

    number: int
    name: str | None
    html: bytes = b""
    charset: str | None = None
    fault: tuple[str, str] | None = None


def pages(stream: BinaryIO, max_bytes: int) -> Iterator[Page]:
    """The HTML pages among the successful HTTP responses in a WARC file, plain or compressed a record at a time.

    A damaged record, or one of over *max_bytes*, comes as a fault, and the next sound one is looked for. Raises ``InputError``:
    ``format`` where a library is missing or *stream* is no regular file, ``empty`` where there is neither page nor fault.
    """
    try:
        from fastwarc.warc import ArchiveIterator, WarcRecordType
    except ImportError:
        raise InputError("format", "WARC files need an extra: run pip install 'newsgauge[warc]'") from None
    if not stream.seekable():
        raise InputError("format", "WARC cannot be read from a pipe: save it as a file first")
    head = stream.read(8)
    mark = next((mark for mark in _PACKED if head.startswith(mark)), _PLAIN)
    number = found = 0
    sound = True
    place: int | None = 0 if head else None
    while place is not None:
        stream.seek(place)
        resume = place + 1
        try:
            for record in ArchiveIterator(stream, parse_http=False):
                number += 1
                sound = True
                begins = record.stream_pos
                # Where a damaged record after this one can begin: of a compressed one, the length in the file is not known.
                resume = begins + (record.content_length if mark == _PLAIN else 1)
                page = _page(record, number, max_bytes) if record.record_type == WarcRecordType.response else None
                if page is not None:
                    found += 1
                    yield page
                    if page.fault is not None and page.fault[0] == "cut-off":
                        # Its length may be wrong, and others lie in what it takes for its own.
                        resume = begins + 1
                        break
            else:
                break
        except OSError as error:
            # One stretch of damage is one fault, however often the search for its end fails.
            if sound:
                number += 1
                found += 1
                yield Page(number, None, fault=("warc", f"record {number} is damaged ({_line(error)}): it was passed over"))
            sound = False
        place = _next(stream, mark, resume)
    if not found:
        raise InputError("empty", "there is no response with an HTML page in it")


def _page(record: Any, number: int, max_bytes: int) -> Page | None:
    """What is in a response; None where it is no page."""
    from fastwarc.warc import WarcRecord

    name = " ".join((record.headers.get("WARC-Target-URI") or record.record_id or "").split()) or None
    if record.content_length > max_bytes:
        return Page(
            number,
            name,
            fault=(
                "too-large",
                f"record {number} has {record.content_length:,} bytes, more than the {max_bytes:,} that one article may have",
            ),
        )
    block = record.reader.read(record.content_length) if record.content_length else b""
    if len(block) < record.content_length:
        told = f"record {number} is cut off: {len(block):,} of its {record.content_length:,} bytes are there"
        return Page(number, name, fault=("cut-off", told))
    # A record of its own: what cannot be unpacked in one would end the reading of the file.
    response = WarcRecord()
    response.set_bytes_content(block)
    response.is_http = True
    try:
        response.parse_http(auto_decode="all")
        status = response.http_headers.status_code if response.http_headers is not None else None
        if status is None:
            return Page(number, name, fault=("warc", f"record {number} is a response without an HTTP header"))
        if not 200 <= status < 300 or response.http_content_type not in _PAGES:
            return None
        html = response.reader.read(max_bytes + 1)
    except OSError as error:
        return Page(number, name, fault=("warc", f"record {number} cannot be unpacked ({_line(error)})"))
    if len(html) > max_bytes:
        return Page(
            number, name, fault=("too-large", f"record {number} expands to over {max_bytes:,} bytes, the most that one article may have")
        )
    return Page(number, name, html, response.http_charset)


def _next(stream: BinaryIO, mark: bytes, place: int) -> int | None:
    """Where *mark* next stands from *place* on; None where it does not."""
    end = stream.seek(0, os.SEEK_END)
    while place < end:
        stream.seek(place)
        chunk = stream.read(_CHUNK)
        if (at := chunk.find(mark)) >= 0:
            return place + at
        # The mark may lie across the border of two chunks.
        place += max(1, len(chunk) - len(mark) + 1)
    return None


def _line(error: OSError) -> str:
    return " ".join(str(error).split())[:200]
