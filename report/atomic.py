"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ..model.errors import NewsgaugeError


class OutputError(NewsgaugeError):
    """The output cannot be written."""


@contextmanager
def atomic_output(path: Path, *, overwrite: bool = False) -> Iterator[BinaryIO]:
    """A stream to a temporary file beside *path*, which takes its place, synced to disk, when the block ends without an error.

    :class:`OutputError` where *path* exists (unless *overwrite*), is a folder, or cannot be written; no debris is left.
    """
    check_free(path, overwrite=overwrite)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror}); check the folder {path.parent}.") from error
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(name, 0o666 & ~_umask())
        if overwrite:
            os.replace(name, path)
        else:
            _put_where_nothing_is(name, path)
    except BaseException as error:
        Path(name).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise OutputError(f"{path} cannot be written ({error.strerror or error}); nothing was left behind.") from error
        raise


def _put_where_nothing_is(name: str, path: Path) -> None:
    """Give the file *name* the name *path*; :class:`OutputError` where something came there in the meantime."""
    try:
        # Unlike a renaming, a link is never made over something.
        os.link(name, path)
    except FileExistsError as error:
        raise OutputError(f"{path} was made by somebody else in the meantime; choose another name or add --overwrite.") from error
    except OSError:
        # A file system without links.
        if os.path.lexists(path):
            raise OutputError(f"{path} was made by somebody else in the meantime; choose another name or add --overwrite.") from None
        os.replace(name, path)
        return
    os.unlink(name)


def check_free(path: Path, *, overwrite: bool = False) -> None:
    """:class:`OutputError` where *path* exists (unless *overwrite*), is anything but a file, or has no folder to stand in."""
    if path.is_dir():
        raise OutputError(f"{path} is a folder; expected the name of a file to write.")
    if path.exists() and not path.is_file():
        raise OutputError(f"{path} is not a regular file; expected the name of a file to write.")
    # A link that leads nowhere is somebody's as well.
    if os.path.lexists(path) and not overwrite:
        raise OutputError(f"{path} exists; choose another name or add --overwrite.")
    if not path.parent.is_dir():
        raise OutputError(f"{path} cannot be written: there is no folder {path.parent}; make it, or choose another name.")


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
