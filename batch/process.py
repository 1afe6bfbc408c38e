"""Process: a child that answers messages through a pipe, and what both sides owe each other when one of them ends."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any

TIME_LIMIT = 120.0
"""Seconds for one article."""
LOAD_LIMIT = 120.0
"""Seconds until a process has begun: a worker with its model loaded."""
DEATHS = 3
"""What ends so many processes is not tried again."""


class ProcessEndedError(Exception):
    """A process that should answer has ended."""


class Process:
    """A child process. It never gets Ctrl-C, which is for the main process, and ends when that does.

    *target* is called with its end of the pipe and *args*; it and they must be picklable.
    """

    def __init__(self, target: Callable[..., None], *args: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=target, args=(theirs, *args), daemon=True)
        with _without_interrupts():
            self._process.start()
        theirs.close()

    def send(self, message: Any) -> None:
        """Pass a message on; that the child is dead is told by :meth:`receive`."""
        try:
            self.connection.send(message)
        except OSError:
            return

    def receive(self) -> Any:
        """The next message of the child, waited for. :class:`ProcessEndedError` where there will be none."""
        try:
            return self.connection.recv()
        except (EOFError, OSError):
            raise ProcessEndedError from None

    def speaks(self, seconds: float = 0.0) -> bool:
        """Whether :meth:`receive` would return or raise within so many *seconds*."""
        return self.connection.poll(seconds)

    def end(self) -> str:
        """Kill the child, if it is alive; how it ended, in words."""
        self._process.kill()
        self._process.join()
        self.connection.close()
        return f"exit code {self._process.exitcode}"


def inbox(connection: Connection) -> SimpleQueue[Any]:
    """In a child: what comes through *connection*, as it comes. The child ends when the main process does."""
    # Ctrl-C is for the main process, which lets the shard in hand be finished.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    waiting: SimpleQueue[Any] = SimpleQueue()
    # A thread of its own, so that neither side waits in a full pipe for the other, and the end of the main process is noticed at once.
    threading.Thread(target=_receive, args=(connection, waiting), daemon=True).start()
    return waiting


def _receive(connection: Connection, waiting: SimpleQueue[Any]) -> None:
    try:
        while True:
            waiting.put(connection.recv())
    except (EOFError, OSError):
        os._exit(0)


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Ctrl-C waits. A process that is started meanwhile never gets it, not even before it can say so itself."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
