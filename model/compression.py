"""Compressed files: gzip and Zstandard streams, read as they come and never further than is sensible."""

from __future__ import annotations

import gzip
import io
import os
import zlib
from typing import Any, BinaryIO

from .errors import InputError

ENDINGS = (".gz", ".zst")
MOST = 200
"""How many times its size a file may expand to, from :data:`FREE` bytes on; text expands about tenfold."""
FREE = 64 * 1024 * 1024

FAULTS: tuple[type[Exception], ...] = (EOFError, gzip.BadGzipFile, zlib.error)
"""What a damaged gzip stream raises."""


def inner_name(path: str) -> str:
    """The name of what is in the file: *path* without the ending of a compression."""
    stem, ending = os.path.splitext(path)
    return stem if ending.lower() in ENDINGS else path


def expanded(path: str, stream: BinaryIO) -> BinaryIO:
    """The content of an open file, decompressed as the ending of *path* says.

    Raises ``InputError``: ``format`` where a library is missing; while it is read, ``compressed`` where it is damaged, and
    ``too-large`` where it expands over :data:`MOST` times.
    """
    ending = os.path.splitext(path)[1].lower()
    if ending == ".gz":
        return io.BufferedReader(_Expanded(gzip.GzipFile(fileobj=stream), stream, FAULTS))
    if ending == ".zst":
        try:
            import zstandard
        except ImportError:
            raise InputError("format", "Zstandard files need an extra: run pip install 'newsgauge[batch]', or unpack it first") from None
        reader = zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True)
        return io.BufferedReader(_Expanded(reader, stream, (*FAULTS, zstandard.ZstdError)))
    return stream


class _Expanded(io.RawIOBase):
    """The bytes that *reader* makes of *packed*, counted."""

    def __init__(self, reader: Any, packed: BinaryIO, faults: tuple[type[Exception], ...]) -> None:
        self._reader = reader
        self._packed = packed
        self._faults = faults
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data: bytes = self._reader.read(len(buffer))
        except self._faults as error:
            told = " ".join(str(error).split())[:200]
            raise InputError("compressed", f"it cannot be unpacked ({told}): it is damaged or was cut off; fetch it again") from None
        self._count += len(data)
        if self._count > FREE and self._count > MOST * self._packed.tell():
            raise InputError("too-large", f"it expands to over {MOST} times its size, as no text does: unpack it and look at what it is")
        buffer[: len(data)] = data
        return len(data)
