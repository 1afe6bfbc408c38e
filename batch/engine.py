"""Engine: what scores the articles of a run; here, worker processes on this machine, each with the model loaded once."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from multiprocessing.connection import wait
from typing import Protocol

from ..model.errors import NewsgaugeError
from ..model.inputs import Raw
from ..model.session import available_cores
from .cards import Outcome
from .pool import Limits, Pool, Ticket
from .process import Process
from .worker import Scoring, work

ENGINES = ("local", "ray")


class Engine(Protocol):
    """Scores articles, in any order."""

    def run(self, jobs: Iterator[tuple[Ticket, Raw]]) -> Generator[tuple[Ticket, Outcome], None, None]:
        """An outcome for every job, with its ticket; *jobs* are taken no faster than they are done. To be closed after use."""
        ...


class LocalEngine:
    """Worker processes on this machine; what becomes of those that die or take too long is told at :class:`Pool`."""

    def __init__(self, scoring: Scoring, *, workers: int, limits: Limits | None = None) -> None:
        self._scoring = scoring
        self._count = workers
        self._limits = limits or Limits()

    def run(self, jobs: Iterator[tuple[Ticket, Raw]]) -> Generator[tuple[Ticket, Outcome], None, None]:
        """See :meth:`Engine.run`. :class:`NewsgaugeError` where workers cannot be started."""
        pool = Pool(_Processes(self._scoring), self._count, self._limits, jobs)
        try:
            yield from pool.run()
        finally:
            pool.close()


def chosen(name: str, scoring: Scoring, *, workers: int | None, address: str | None, limits: Limits) -> Engine:
    """The engine of that *name*, one of :data:`ENGINES`; None *workers*: one a core. :class:`NewsgaugeError` for what does not fit."""
    if name == "ray":
        from .ray_engine import RayEngine

        return RayEngine(scoring, workers=workers, address=address, limits=limits)
    if name != "local":
        raise NewsgaugeError(f"There is no engine {name!r}: use one of {', '.join(ENGINES)}.")
    if address is not None:
        raise NewsgaugeError(f"The engine local uses no Ray cluster, but one at {address!r} was given: add --engine ray.")
    return LocalEngine(scoring, workers=workers or available_cores(), limits=limits)


class _Processes:
    def __init__(self, scoring: Scoring) -> None:
        self._scoring = scoring

    def start(self) -> Process:
        return Process(work, self._scoring.load)

    def awaited(self, hands: Sequence[Process], seconds: float) -> list[Process]:
        speaking = wait([hand.connection for hand in hands], seconds)
        return [hand for hand in hands if hand.connection in speaking]
