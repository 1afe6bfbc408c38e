"""Reader: the files of a walk → the articles in them, read in a process of its own, so that what hangs or crashes there costs one file."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from queue import SimpleQueue

from ..model.errors import NewsgaugeError
from ..model.inputs import Raw
from ..model.results import InputFailure
from .items import Columns, Item, identify, items, unread
from .process import DEATHS, LOAD_LIMIT, TIME_LIMIT, Process, ProcessEndedError, inbox
from .walk import Found, Selection, Skipped
from .worker import Ready

AHEAD = 16
"""Files that the process is asked for before the first of them is read."""
_SIGN_OF_LIFE = 1000


@dataclass(frozen=True, slots=True)
class End:
    """All articles of a file have come; ``whole`` where none was left unread."""

    found: Found
    whole: bool


@dataclass(frozen=True, slots=True)
class _Wish:
    """A file to be read, but for the first *given* articles in it."""

    path: str
    given: int


class Reader:
    """Reads as it is asked to, never more than a pipe holds ahead.

    A file that gives no further article for *time_limit* seconds, or by which :data:`DEATHS` processes end, is a failure
    (``time-limit``, ``reader-died``); what was read of it before counts. To be closed after use.
    """

    def __init__(self, selection: Selection, columns: Columns, *, time_limit: float = TIME_LIMIT) -> None:
        self._selection = selection
        self._columns = columns
        self._time_limit = time_limit
        self._process: Process | None = None
        self._ahead: deque[Found | Skipped | InputFailure] = deque()

    def read(self, entries: Iterable[Found | Skipped | InputFailure]) -> Generator[Item | Skipped | End, None, None]:
        """The articles in the files of *entries*, in order, and the others as they are. :class:`NewsgaugeError` where no process starts."""
        waiting = iter(entries)
        while True:
            while len(self._ahead) < AHEAD and (following := next(waiting, None)) is not None:
                self._ahead.append(following)
                if isinstance(following, Found) and self._process is not None:
                    self._process.send(_Wish(following.path, 0))
            if not self._ahead:
                return
            entry = self._ahead.popleft()
            if isinstance(entry, Skipped):
                yield entry
            elif isinstance(entry, InputFailure):
                yield identify(entry.source, Raw(entry.source, 0, entry))
            else:
                yield from self._articles(entry)

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.end()
            self._process = None

    def _articles(self, file: Found) -> Iterator[Item | End]:
        given = deaths = 0
        last: int | None = None
        whole = True
        while True:
            process = self._process or self._started(_Wish(file.path, given))
            try:
                if not process.speaks(self._time_limit):
                    self.close()
                    told = f"reading it stood still for {self._time_limit:g} seconds; the rest of it was passed over (--time-limit)"
                    yield unread(file.path, last, self._selection, InputFailure(file.path, "time-limit", told))
                    yield End(file, False)
                    return
                message = process.receive()
            except ProcessEndedError:
                how = process.end()
                self._process = None
                deaths += 1
                if deaths < DEATHS:
                    continue
                told = f"{DEATHS} processes ended while they read it (the last with {how}); the rest of it was passed over"
                yield unread(file.path, last, self._selection, InputFailure(file.path, "reader-died", told))
                yield End(file, False)
                return
            if isinstance(message, Item):
                given, last, deaths = given + 1, message.input.number, 0
                whole = message.input.error is None or not message.is_file
                yield message
            elif message is None:
                yield End(file, whole)
                return

    def _started(self, first: _Wish) -> Process:
        """A new process, which is asked for *first* and for all that is ahead."""
        for _ in range(DEATHS):
            process = Process(_work, self._selection, self._columns)
            try:
                if process.speaks(LOAD_LIMIT):
                    process.receive()
                    break
            except ProcessEndedError:
                pass
            how = process.end()
        else:
            raise NewsgaugeError(f"The process that reads the articles ends before it has begun ({how}); is there enough memory?")
        self._process = process
        for wish in (first, *(_Wish(entry.path, 0) for entry in self._ahead if isinstance(entry, Found))):
            process.send(wish)
        return process


def _work(connection: Connection, selection: Selection, columns: Columns) -> None:
    wishes: SimpleQueue[_Wish] = inbox(connection)
    connection.send(Ready())
    while True:
        wish = wishes.get()
        for count, item in enumerate(items(wish.path, selection, columns)):
            if count >= wish.given:
                connection.send(item)
            elif count % _SIGN_OF_LIFE == 0:
                connection.send(Ready())  # a sign of life
        connection.send(None)
