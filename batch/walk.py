"""Walk: a folder → the files to score, in order, and what is passed over with its reason."""

from __future__ import annotations

import heapq
import json
import os
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ..model.errors import NewsgaugeError
from ..model.inputs import MAX_BYTES, is_table, supported
from ..model.results import InputFailure

LISTED = 100_000
"""Names of one folder that are held in memory; more are sorted through temporary files."""


@dataclass(frozen=True, slots=True)
class Found:
    """A regular file to be read; ``size`` in bytes."""

    path: str
    size: int


@dataclass(frozen=True, slots=True)
class Skipped:
    """A path that is passed over.

    ``reason`` is a stable identifier: ``link``, ``not-regular``, ``excluded``, ``not-included``, ``format``, ``too-large``, ``output``.
    """

    path: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Selection:
    """Which files of a folder are wanted.

    The globs are matched with paths relative to the folder, ``/`` between their parts; ``*`` also matches ``/``. A file must
    match one of ``include``, if there are any, and none of ``exclude``; a folder that matches ``exclude`` is passed over
    whole. ``max_bytes`` is for files of one article. ``format`` reads every file as that format, whatever its name.
    """

    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    max_bytes: int = MAX_BYTES
    format: str | None = None


def walk(folder: str, selection: Selection, *, output: str | None = None) -> Iterator[Found | Skipped | InputFailure]:
    """Every path under *folder*, sorted as strings; *folder* may also be one file. Links are not followed, *output* is left out.

    A folder that cannot be listed is an ``InputFailure``: what is in it is lost. :class:`NewsgaugeError` where *folder* itself
    is missing or is no folder.
    """
    root = os.path.normpath(folder)
    try:
        mode = os.stat(root).st_mode
    except (OSError, ValueError) as error:
        raise NewsgaugeError(f"{folder} cannot be read ({getattr(error, 'strerror', None) or error}); expected a folder.") from None
    if stat.S_ISREG(mode):
        yield _judge(root, os.path.basename(root), os.stat(root), selection)
        return
    if not stat.S_ISDIR(mode):
        raise NewsgaugeError(f"{folder} is neither a folder nor a regular file; expected a folder of articles.")
    left_out = os.stat(output) if output is not None and os.path.isdir(output) else None
    # Only the names in the folders on the way down are held, of each at most so many, not those of the whole tree.
    stack = [_listing(root)]
    while stack:
        entry = next(stack[-1], None)
        if entry is None:
            stack.pop()
        elif isinstance(entry, InputFailure):
            yield entry
        else:
            found = _visit(entry, root, selection, left_out)
            if found is None:
                stack.append(_listing(entry.rstrip("/")))
            else:
                yield found


def _listing(folder: str) -> Iterator[str | InputFailure]:
    """The paths in a folder, sorted as strings, those of folders with a slash at their end."""
    with ExitStack() as files:
        names: list[str] = []
        runs: list[Iterator[str]] = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    # With the slash that follows a folder's name in a path, the order is that of the paths as strings.
                    names.append(entry.name + "/" * entry.is_dir(follow_symlinks=False))
                    if len(names) == LISTED:
                        runs.append(_written(names, files))
                        names = []
        except OSError as error:
            yield InputFailure(folder, "unreadable", f"the folder cannot be listed: {error.strerror or error}")
            return
        for name in heapq.merge(*runs, sorted(names)):
            yield os.path.join(folder, name)


def _written(names: list[str], files: ExitStack) -> Iterator[str]:
    """The *names*, sorted, from a temporary file instead of memory."""
    # In JSON, a name may hold any line break and bytes that are no Unicode.
    stream = files.enter_context(tempfile.TemporaryFile("w+", encoding="ascii"))  # noqa: SIM115 -- open until all runs are merged
    stream.writelines(json.dumps(name) + "\n" for name in sorted(names))
    stream.seek(0)
    return map(json.loads, stream)


def _visit(path: str, root: str, selection: Selection, left_out: os.stat_result | None) -> Found | Skipped | InputFailure | None:
    """What to do with one entry; None: go into it."""
    path = path.rstrip("/")
    name = os.path.relpath(path, root).replace(os.sep, "/")
    try:
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode):
            return Skipped(path, "link", "a symbolic link; links are not followed")
        if not stat.S_ISDIR(status.st_mode):
            return _judge(path, name, status, selection)
        if left_out is not None and os.path.samestat(status, left_out):
            return Skipped(path, "output", "the folder of the results")
    except OSError as error:
        return InputFailure(path, "unreadable", f"cannot be read: {error.strerror or error}")
    if _matches(name, selection.exclude):
        return Skipped(path, "excluded", "the folder matches --exclude")
    return None


def _judge(path: str, name: str, status: os.stat_result, selection: Selection) -> Found | Skipped:
    if not stat.S_ISREG(status.st_mode):
        return Skipped(path, "not-regular", "a pipe, socket or device; only regular files are read")
    if _matches(name, selection.exclude):
        return Skipped(path, "excluded", "matches --exclude")
    if selection.include and not _matches(name, selection.include):
        return Skipped(path, "not-included", "matches no --include")
    if not supported(path, selection.format):
        return Skipped(path, "format", "its ending names no format that can be read; with --input-format every file is read as one")
    if status.st_size > selection.max_bytes and not is_table(path, selection.format):
        told = f"{status.st_size:,} bytes, more than the {selection.max_bytes:,} that one article may have (--max-bytes)"
        return Skipped(path, "too-large", told)
    return Found(path, status.st_size)


def _matches(name: str, globs: Sequence[str]) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)
