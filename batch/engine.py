"""Engine: worker processes on this machine, each with the model loaded once."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Generic, Protocol, TypeVar

from ..model.errors import NewsgaugeError
from ..model.inputs import Raw
from ..model.results import InputFailure
from .cards import Outcome
from .worker import Ready, Scoring, work

Ticket = TypeVar("Ticket")

DEPTH = 4
"""Articles that a worker holds: the one in hand and those that wait, so that it never does."""
DEATHS = 3
"""An article in hand when so many workers died is quarantined."""
TIME_LIMIT = 120.0
"""Seconds for one article."""
_PATIENCE = 0.5


class Engine(Protocol):
    """Scores articles, in any order."""

    def run(self, jobs: Iterator[tuple[Ticket, Raw]]) -> Generator[tuple[Ticket, Outcome], None, None]:
        """An outcome for every job, with its ticket; *jobs* are taken no faster than they are done. To be closed after use."""
        ...


@dataclass(slots=True)
class _Job(Generic[Ticket]):
    ticket: Ticket
    raw: Raw
    deaths: int = 0


@dataclass(slots=True, eq=False)
class _Worker(Generic[Ticket]):
    process: SpawnProcess
    connection: Connection
    ready: bool = False
    since: float = 0.0
    jobs: deque[_Job[Ticket]] = field(default_factory=deque)
    alone: bool = False


class LocalEngine:
    """Worker processes. One that dies or takes too long costs its article another try, or a place among the failures.

    The article in hand when a worker dies is tried again, alone in a worker, until it has cost :data:`DEATHS` of them; it then
    is an ``InputFailure`` of kind ``worker-died``. One that takes longer than *time_limit* seconds is one of kind
    ``time-limit`` at once.
    """

    def __init__(self, scoring: Scoring, *, workers: int, time_limit: float = TIME_LIMIT) -> None:
        self._scoring = scoring
        self._count = workers
        self._time_limit = time_limit

    def run(self, jobs: Iterator[tuple[Ticket, Raw]]) -> Generator[tuple[Ticket, Outcome], None, None]:
        """See :meth:`Engine.run`. :class:`NewsgaugeError` where workers cannot be started."""
        pool = _Pool(self._scoring, self._count, self._time_limit, jobs)
        try:
            yield from pool.run()
        finally:
            pool.close()


class _Pool(Generic[Ticket]):
    """The workers of one run."""

    def __init__(self, scoring: Scoring, count: int, time_limit: float, jobs: Iterator[tuple[Ticket, Raw]]) -> None:
        self._scoring = scoring
        self._count = count
        self._time_limit = time_limit
        self._jobs = jobs
        self._context = multiprocessing.get_context("spawn")
        self._workers: list[_Worker[Ticket]] = []
        self._again: deque[_Job[Ticket]] = deque()
        self._suspects: deque[_Job[Ticket]] = deque()
        self._exhausted = False
        self._stillborn = 0

    def run(self) -> Iterator[tuple[Ticket, Outcome]]:
        while True:
            self._deal()
            if not self._workers and not self._again and not self._suspects:
                return
            if self._exhausted and not self._again and not self._suspects and not any(worker.jobs for worker in self._workers):
                return
            for worker in self._awaited():
                yield from self._listen(worker)
            yield from self._overdue()

    def close(self) -> None:
        for worker in self._workers:
            worker.process.kill()
            worker.connection.close()
        for worker in self._workers:
            worker.process.join()

    def _deal(self) -> None:
        """Give every worker as much as it may hold; start workers where there is work for them."""
        for worker in self._workers:
            self._fill(worker)
        while len(self._workers) < self._count and (job := self._next()) is not None:
            (self._suspects if job.deaths else self._again).appendleft(job)
            self._workers.append(self._start())
            self._fill(self._workers[-1])

    def _fill(self, worker: _Worker[Ticket]) -> None:
        while len(worker.jobs) < DEPTH and not worker.alone:
            # An article that a worker died of gets one for itself, so that it cannot take others with it.
            if self._suspects and worker.jobs:
                return
            job = self._next()
            if job is None:
                return
            worker.alone = job.deaths > 0
            if not worker.jobs:
                worker.since = time.monotonic()
            worker.jobs.append(job)
            try:
                worker.connection.send(job.raw)
            except OSError:
                return  # it is dead: what it held is dealt with where that is noticed

    def _next(self) -> _Job[Ticket] | None:
        if self._suspects:
            return self._suspects.popleft()
        if self._again:
            return self._again.popleft()
        if self._exhausted:
            return None
        following = next(self._jobs, None)
        if following is None:
            self._exhausted = True
            return None
        return _Job(*following)

    def _start(self) -> _Worker[Ticket]:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=work, args=(theirs, self._scoring.load), daemon=True)
        with _without_interrupts():
            process.start()
        theirs.close()
        return _Worker(process, ours)

    def _awaited(self) -> list[_Worker[Ticket]]:
        """Workers that have something to say, or are dead."""
        speaking = wait([worker.connection for worker in self._workers], _PATIENCE)
        return [worker for worker in self._workers if worker.connection in speaking]

    def _listen(self, worker: _Worker[Ticket]) -> Iterator[tuple[Ticket, Outcome]]:
        try:
            message = worker.connection.recv()
        except (EOFError, OSError):
            yield from self._bury(worker)
            return
        worker.since = time.monotonic()
        if isinstance(message, Ready):
            if message.error is not None:
                raise NewsgaugeError(message.error)
            worker.ready = True
            self._stillborn = 0
            return
        job = worker.jobs.popleft()
        worker.alone = False
        yield job.ticket, message

    def _bury(self, worker: _Worker[Ticket]) -> Iterator[tuple[Ticket, Outcome]]:
        """Put back what a dead worker held; the article in hand is a suspect."""
        self._remove(worker)
        if not worker.ready:
            self._stillborn += 1
            if self._stillborn >= DEATHS:
                raise NewsgaugeError(
                    f"Worker processes end while they load the model (exit code {worker.process.exitcode}); "
                    "is there enough memory? Try fewer with --workers."
                )
        elif worker.jobs:
            job = worker.jobs.popleft()
            job.deaths += 1
            if job.deaths < DEATHS:
                self._suspects.append(job)
            else:
                told = f"{DEATHS} worker processes ended while they scored it (the last with exit code {worker.process.exitcode})"
                advice = "it may need more memory than there is, or crash a library; it was passed over"
                yield job.ticket, Outcome(InputFailure(job.raw.source, "worker-died", f"{told}: {advice}"))
        self._put_back(worker)

    def _overdue(self) -> Iterator[tuple[Ticket, Outcome]]:
        now = time.monotonic()
        for worker in list(self._workers):
            if not worker.ready or not worker.jobs or now - worker.since <= self._time_limit or worker.connection.poll():
                continue
            self._remove(worker)
            job = worker.jobs.popleft()
            self._put_back(worker)
            told = f"not done after {self._time_limit:g} seconds; it was passed over (--time-limit)"
            yield job.ticket, Outcome(InputFailure(job.raw.source, "time-limit", told))

    def _put_back(self, worker: _Worker[Ticket]) -> None:
        for job in reversed(worker.jobs):
            (self._suspects if job.deaths else self._again).appendleft(job)

    def _remove(self, worker: _Worker[Ticket]) -> None:
        self._workers.remove(worker)
        worker.process.kill()
        worker.process.join()
        worker.connection.close()


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
