"""Bytes to text: which encoding a file is in, and whether it is text at all."""

from __future__ import annotations

import codecs
import re

from .errors import InputError

_SIGNATURES: tuple[tuple[bytes, str, str], ...] = (
    (b"%PDF-", "a PDF file", "extract its text first, for instance with pdftotext"),
    (b"{\\rtf", "a rich-text (RTF) file", "save it as plain text first"),
    (b"PK\x03\x04", "a ZIP archive (or a .docx, .odt or .epub file)", "unpack it or save the document as plain text first"),
    (b"\x1f\x8b", "a gzip file", "unpack it first, for instance with gunzip"),
    (b"BZh91AY&SY", "a bzip2 file", "unpack it first with bunzip2"),
    (b"\xfd7zXZ\x00", "an xz file", "unpack it first with unxz"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "unpack it first"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file", "unpack it first with unzstd"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image", "pass the article's text"),
    (b"\xff\xd8\xff", "a JPEG image", "pass the article's text"),
    (b"GIF87a", "a GIF image", "pass the article's text"),
    (b"GIF89a", "a GIF image", "pass the article's text"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Microsoft Office file", "save it as plain text first"),
    (b"SQLite format 3\x00", "an SQLite database", "export its rows as CSV or JSON Lines first"),
    (b"PAR1\x15", "a Parquet table", "give its file name the ending .parquet"),
    (b"\x7fELF", "a program", "pass the article's text"),
)
_BOMS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_META = re.compile(rb"<(?:meta|\?xml)[^<>]{0,500}?(?:charset|encoding)\s{0,9}=\s{0,9}[\"']?\s{0,9}([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)
_CONTROLS = bytes(byte for byte in range(32) if byte not in b"\t\n\v\f\r\x1b")
_NON_ASCII = re.compile(rb"[\x80-\xff]")
# Curly quotes, dashes, the ellipsis, bullets, TM, the no-break space, pound and angle quotes: what English text holds in Windows-1252.
_WESTERN_MARKS = frozenset(b"\x85\x91\x92\x93\x94\x95\x96\x97\x99\xa0\xa3\xa7\xa9\xab\xae\xb0\xb7\xbb")
# As browsers do: who declares Latin-1 means Windows-1252.
_WEB_NAMES = dict.fromkeys(("ascii", "us-ascii", "iso-8859-1", "iso8859-1", "latin-1", "latin1"), "cp1252")
_SAMPLE = 65536


def refuse_binary(data: bytes) -> None:
    """Raise ``InputError("binary", …)`` where ``data`` is no text: a known signature, or over 1 % control bytes in its first 64 KiB."""
    for signature, what, advice in _SIGNATURES:
        if data.startswith(signature):
            raise InputError("binary", f"this is {what}, not text: {advice}")
    if any(data.startswith(bom) for bom, _ in _BOMS) or _utf16_without_bom(data) is not None:
        return
    sample = data[:_SAMPLE]
    controls = len(sample) - len(sample.translate(None, _CONTROLS))
    if controls > len(sample) / 100:
        share = f"{controls / len(sample):.0%} of its first bytes are control characters"
        raise InputError("binary", f"this is a binary file, not text ({share}): pass plain text, Markdown or HTML")


def decode(data: bytes, *, html: bool = False, charset: str | None = None) -> tuple[str, str]:
    """The text of ``data`` and the name of the encoding it was read with (Python's name, lower case).

    Tried in order: byte-order mark, strict UTF-8, *charset* as the server named it, with ``html`` the charset the page
    declares, UTF-8 with a few damaged bytes (each replaced by U+FFFD), and last a detector. Raises ``InputError`` ``binary``
    for data that is no text, and ``encoding`` where no encoding fits.
    """
    refuse_binary(data)
    for bom, name in _BOMS:
        if data.startswith(bom):
            return data.decode(name, errors="replace"), "utf-8" if name == "utf-8-sig" else name
    wide = _utf16_without_bom(data)
    if wide is not None:
        return data.decode(wide, errors="replace"), wide
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        pass
    for declared in (_named(charset or ""), _declared(data) if html else None):
        if declared is not None:
            try:
                return data.decode(declared), declared
            except (UnicodeError, LookupError):  # it does not fit, or it is a codec of Python's that gives no text
                pass
    damaged = data.decode("utf-8", errors="replace")
    lost = damaged.count("\ufffd")
    intact = sum(1 for byte in data if byte >= 0xC2) - lost
    if intact > 20 * lost:
        return damaged, "utf-8"
    return _detected(data)


def sniff(sample: bytes) -> str:
    """The encoding of a file that begins with ``sample``, which may end within a character. Raises as :func:`decode`."""
    for trimmed in range(4):
        try:
            sample[: len(sample) - trimmed].decode("utf-8")
            break
        except UnicodeDecodeError:
            pass
    else:
        trimmed = 0
    return decode(sample[: len(sample) - trimmed])[1]


def _utf16_without_bom(data: bytes) -> str | None:
    """``utf-16-le`` or ``utf-16-be`` where nearly every second byte is NUL, as in mostly Latin text; else None."""
    sample = data[: _SAMPLE - _SAMPLE % 2]
    if len(sample) < 8 or len(data) % 2:
        return None
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    half = len(sample) // 2
    if odd > 0.7 * half and even == 0:
        return "utf-16-le"
    if even > 0.7 * half and odd == 0:
        return "utf-16-be"
    return None


def _declared(data: bytes) -> str | None:
    match = _META.search(data[:8192])
    return None if match is None else _named(match.group(1).decode("ascii"))


def _named(charset: str) -> str | None:
    """Python's name of an encoding that is tried by its name alone."""
    name = charset.lower()
    if name.startswith(("utf-16", "utf-32", "utf-8")):
        return None
    try:
        return _WEB_NAMES.get(name) or codecs.lookup(name).name
    except (LookupError, ValueError):
        return None


def _detected(data: bytes) -> tuple[str, str]:
    """The detector's answer, made on a sample that begins just before the first byte that is not ASCII."""
    match = _NON_ASCII.search(data)
    start = max(0, (match.start() if match else 0) - 2000)
    sample = data[start : start + _SAMPLE]
    high = {byte for byte in sample if byte >= 0x80}
    # chardet needs more than a handful of punctuation bytes: it reads curly quotes in short English text as Mac Central European.
    if high <= _WESTERN_MARKS:
        return data.decode("cp1252", errors="replace"), "cp1252"
    import chardet

    found = chardet.detect(sample, encoding_era=chardet.EncodingEra.MODERN_WEB)["encoding"]
    if found is not None:
        name = codecs.lookup(found).name
        name = _WEB_NAMES.get(name.replace("_", "-"), name)
        text = data.decode(name, errors="replace")
        if text.count("\ufffd") <= len(text) / 10:
            return text, name
    raise InputError("encoding", "the character encoding could not be recognised: save the file as UTF-8")
