"""Pool: workers that score articles, and what becomes of an article whose worker dies or takes too long, whatever a worker is."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from ..model.errors import NewsgaugeError
from ..model.inputs import Raw
from ..model.results import InputFailure
from .cards import Outcome
from .process import DEATHS, LOAD_LIMIT, TIME_LIMIT, ProcessEndedError
from .worker import Ready

Ticket = TypeVar("Ticket")

DEPTH = 4
"""Articles that a worker holds: the one in hand and those that wait, so that it never does."""
_PATIENCE = 0.5


class Hand(Protocol):
    """A worker as the pool sees it: says :class:`Ready` once, then gives an outcome for each article, in order."""

    def send(self, message: Raw, /) -> None:
        """Pass an article on; that the worker is dead is told by :meth:`receive`."""
        ...

    def receive(self) -> Ready | Outcome:
        """What it says next, waited for. :class:`ProcessEndedError` where there will be nothing."""
        ...

    def speaks(self) -> bool:
        """Whether :meth:`receive` would return or raise at once."""
        ...

    def end(self) -> str:
        """Kill it, if it is alive; how it ended, in words."""
        ...


HandT = TypeVar("HandT", bound=Hand)


class Crew(Protocol[HandT]):
    """Where workers come from."""

    def start(self) -> HandT:
        """A new worker, which still has to load its model."""
        ...

    def awaited(self, hands: Sequence[HandT], seconds: float) -> list[HandT]:
        """Those of *hands* that speak, when one of them does or after so many *seconds*."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds for one ``article``, and for a worker to ``load`` its model."""

    article: float = TIME_LIMIT
    load: float = LOAD_LIMIT


@dataclass(slots=True)
class _Job(Generic[Ticket]):
    ticket: Ticket
    raw: Raw
    deaths: int = 0


@dataclass(slots=True, eq=False)
class _Worker(Generic[Ticket, HandT]):
    hand: HandT
    since: float
    ready: bool = False
    jobs: deque[_Job[Ticket]] = field(default_factory=deque)
    alone: bool = False


class Pool(Generic[Ticket, HandT]):
    """*count* workers of a *crew* for one run over *jobs*. To be closed after use.

    The article in hand when a worker dies is tried again, alone in a worker, until it has cost :data:`DEATHS` of them; it then
    is an ``InputFailure`` of kind ``worker-died``. One that takes longer than its limit is one of kind ``time-limit`` at once.
    A worker that does not load its model in time is replaced.
    """

    def __init__(self, crew: Crew[HandT], count: int, limits: Limits, jobs: Iterator[tuple[Ticket, Raw]]) -> None:
        self._crew = crew
        self._count = count
        self._limits = limits
        self._jobs = jobs
        self._workers: list[_Worker[Ticket, HandT]] = []
        self._again: deque[_Job[Ticket]] = deque()
        self._suspects: deque[_Job[Ticket]] = deque()
        self._exhausted = False
        self._stillborn = 0

    def run(self) -> Iterator[tuple[Ticket, Outcome]]:
        """An outcome for every job. :class:`NewsgaugeError` where no worker gets as far as to load the model."""
        while True:
            self._deal()
            if not self._again and not self._suspects and not any(worker.jobs for worker in self._workers):
                return
            speaking = self._crew.awaited([worker.hand for worker in self._workers], _PATIENCE)
            for worker in [worker for worker in self._workers if worker.hand in speaking]:
                yield from self._listen(worker)
            yield from self._overdue()

    def close(self) -> None:
        """End all workers."""
        for worker in self._workers:
            worker.hand.end()

    def _deal(self) -> None:
        """Give every worker as much as it may hold; start workers where there is work for them."""
        for worker in self._workers:
            self._fill(worker)
        # Only as many as there is work for, and those that still load will take their part of it.
        while len(self._workers) < self._count and self._waiting_over(DEPTH * sum(not worker.ready for worker in self._workers)):
            self._workers.append(_Worker(self._crew.start(), time.monotonic()))

    def _fill(self, worker: _Worker[Ticket, HandT]) -> None:
        while worker.ready and len(worker.jobs) < DEPTH and not worker.alone:
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
            worker.hand.send(job.raw)

    def _next(self) -> _Job[Ticket] | None:
        if self._suspects:
            return self._suspects.popleft()
        return self._again.popleft() if self._waiting_over(0) else None

    def _waiting_over(self, count: int) -> bool:
        """Whether more than *count* jobs wait for a worker."""
        while not self._exhausted and len(self._again) + len(self._suspects) <= count:
            following = next(self._jobs, None)
            if following is None:
                self._exhausted = True
            else:
                self._again.append(_Job(*following))
        return len(self._again) + len(self._suspects) > count

    def _listen(self, worker: _Worker[Ticket, HandT]) -> Iterator[tuple[Ticket, Outcome]]:
        try:
            message = worker.hand.receive()
        except ProcessEndedError:
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

    def _bury(self, worker: _Worker[Ticket, HandT]) -> Iterator[tuple[Ticket, Outcome]]:
        """Put back what a dead worker held; the article in hand is a suspect."""
        how = self._remove(worker)
        if not worker.ready:
            self._lose(f"Worker processes end while they load the model ({how}); is there enough memory? Try fewer with --workers.")
        elif worker.jobs:
            job = worker.jobs.popleft()
            job.deaths += 1
            if job.deaths < DEATHS:
                self._suspects.append(job)
            else:
                told = f"{DEATHS} worker processes ended while they scored it (the last with {how})"
                advice = "it may need more memory than there is, or crash a library; it was passed over"
                yield job.ticket, Outcome(InputFailure(job.raw.source, "worker-died", f"{told}: {advice}"))
        self._put_back(worker)

    def _overdue(self) -> Iterator[tuple[Ticket, Outcome]]:
        now = time.monotonic()
        for worker in list(self._workers):
            limit = self._limits.article if worker.ready else self._limits.load
            if (worker.ready and not worker.jobs) or now - worker.since <= limit or worker.hand.speaks():
                continue
            self._remove(worker)
            if not worker.ready:
                # Where others work, one that cannot begin is no reason to end the run.
                if not any(other.ready for other in self._workers):
                    self._lose(
                        f"No worker process has loaded the model after {limit:g} seconds; is its folder on a disk that answers, "
                        "and is there a free core for each? Try fewer with --workers."
                    )
                continue
            job = worker.jobs.popleft()
            self._put_back(worker)
            told = f"not done after {limit:g} seconds; it was passed over (--time-limit)"
            yield job.ticket, Outcome(InputFailure(job.raw.source, "time-limit", told))

    def _lose(self, told: str) -> None:
        """Count a worker that never began; :class:`NewsgaugeError` after so many without one that did."""
        self._stillborn += 1
        if self._stillborn >= DEATHS:
            raise NewsgaugeError(told)

    def _put_back(self, worker: _Worker[Ticket, Any]) -> None:
        for job in reversed(worker.jobs):
            (self._suspects if job.deaths else self._again).appendleft(job)

    def _remove(self, worker: _Worker[Ticket, HandT]) -> str:
        self._workers.remove(worker)
        return worker.hand.end()
