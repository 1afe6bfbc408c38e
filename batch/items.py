"""Items: the articles in the files of a folder, each with what tells whether it has changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from ..model.inputs import Raw, is_table, read_raw
from ..model.results import InputFailure
from ..report.writers import encodable
from .walk import Selection


@dataclass(frozen=True, slots=True)
class Input:
    """What a manifest says of one input: which it is (``path`` and ``number``, see :class:`Raw`) and what was in it.

    ``size`` in bytes of UTF-8 for a row of a table; ``sha256``, in hexadecimal, of the content with its format and its source.
    ``error`` is the kind of the failure, if it was one.
    """

    path: str
    number: int
    size: int
    sha256: str
    error: str | None = None

    @property
    def order(self) -> tuple[str, int]:
        """What inputs are sorted by. File names that are no Unicode are written out in results: the order is that of what is written."""
        return str(encodable(self.path)), self.number


@dataclass(frozen=True, slots=True)
class Item:
    """An article to be scored, or known to be unreadable."""

    input: Input
    raw: Raw

    @property
    def is_file(self) -> bool:
        """Whether this is not a row of a file but the file; where it failed, rows of it were left unread."""
        return self.raw.source == self.input.path


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of tables; None: the usual ones, see :func:`newsgauge.model.inputs.read`."""

    text: str | None = None
    id: str | None = None


def items(path: str, selection: Selection, columns: Columns) -> Iterator[Item]:
    """The articles in a file. Whatever keeps it from being read is an ``InputFailure``; where it names the file, the rest is unread."""
    last: int | None = None
    try:
        for raw in read_raw(path, text_column=columns.text, id_column=columns.id, format=selection.format, max_bytes=selection.max_bytes):
            last = raw.number
            yield identify(path, raw)
    except Exception as error:  # a library may fail in any way; the run goes on
        told = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}; the rest of the file was passed over"
        yield unread(path, last, selection, InputFailure(path, "crash", told))


def unread(path: str, last: int | None, selection: Selection, failure: InputFailure) -> Item:
    """What stands for the rest of a file that cannot be read on after the article with the number *last*, None for none."""
    return identify(path, Raw(path, (last or 0) + 1 if is_table(path, selection.format) else 0, failure))


def identify(path: str, raw: Raw) -> Item:
    """An item with the size of its content and a hash of it, its format and its name; a failure is identified by what it says."""
    content = raw.content
    error = None
    if isinstance(content, InputFailure):
        error = content.kind
        content = f"{content.kind}: {content.message}"
    # A row of a table may hold lone surrogates, which JSON can spell.
    data = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
    digest = hashlib.sha256(data)
    # The same bytes make another article where they are read as something else, and another result under another name.
    digest.update(f"\0{raw.format}\0{raw.source}".encode("utf-8", "surrogatepass"))
    return Item(Input(path, raw.number, len(data), digest.hexdigest(), error), raw)
