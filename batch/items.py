"""Items: the articles of a folder, each with what tells whether it has changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..model.inputs import Raw, read_raw
from ..model.results import InputFailure
from .walk import Found, Selection, Skipped


@dataclass(frozen=True, slots=True)
class Input:
    """What a manifest says of one input: which it is (``path`` and ``number``, see :class:`Raw`) and what was in it.

    ``size`` in bytes of UTF-8 for a row of a table; ``sha256`` in hexadecimal. ``error`` is the kind of the failure, if it was one.
    """

    path: str
    number: int
    size: int
    sha256: str
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """An article to be scored, or known to be unreadable."""

    input: Input
    raw: Raw


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of tables; None: the usual ones, see :func:`newsgauge.model.inputs.read`."""

    text: str | None = None
    id: str | None = None


def items(found: Iterable[Found | Skipped | InputFailure], selection: Selection, columns: Columns) -> Iterator[Item | Skipped | Found]:
    """The articles of the files in *found*, in order; a :class:`Found` comes back when all of its articles have come."""
    for entry in found:
        if isinstance(entry, InputFailure):
            yield identify(entry.source, Raw(entry.source, 0, entry))
        elif isinstance(entry, Skipped):
            yield entry
        else:
            rows = read_raw(
                entry.path, text_column=columns.text, id_column=columns.id, format=selection.format, max_bytes=selection.max_bytes
            )
            for raw in rows:
                yield identify(entry.path, raw)
            yield entry


def identify(path: str, raw: Raw) -> Item:
    """An item with the size and the hash of its content; a failure is identified by what it says."""
    content = raw.content
    error = None
    if isinstance(content, InputFailure):
        error = content.kind
        content = f"{content.kind}: {content.message}"
    # A row of a table may hold lone surrogates, which JSON can spell.
    data = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
    return Item(Input(path, raw.number, len(data), hashlib.sha256(data).hexdigest(), error), raw)
