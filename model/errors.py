"""The errors a user can cause: one line each, saying what was got, what was expected and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class NewsgaugeError(Exception):
    """Base of all errors that are shown to the user as one line, never as a traceback."""


class InputError(NewsgaugeError):
    """An input (a file, or one row of a table) cannot be scored.

    ``kind`` is a stable identifier for programs: ``missing``, ``directory``, ``unreadable``, ``empty``, ``binary``,
    ``encoding``, ``column``, ``json``, ``format``, ``too-large``, ``table``, ``compressed``.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class BundleError(NewsgaugeError):
    """A model folder is missing, incomplete, changed or of another format."""


class MissingExtraError(NewsgaugeError):
    """A feature needs an optional extra; the message holds the install command."""


@contextmanager
def in_one_line() -> Iterator[None]:
    """Ends a program with the message of a :class:`NewsgaugeError`, or of a file that cannot be read, instead of a traceback; decorates
    its ``main``."""
    try:
        yield
    except (NewsgaugeError, OSError) as error:
        raise SystemExit(str(error)) from error
