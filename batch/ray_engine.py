"""Ray engine: actors in a Ray cluster, each with the model loaded once, as the workers of a pool.

The actors are led one article at a time by the pool that leads local processes, and not by Ray Data's ``map_batches``: there an
actor that dies is restarted and its batch tried again without end, nothing limits the time of a batch, and an input that fails
can only end the run or vanish with its block. ``ray.util.ActorPool`` hands work to actors that are dead.
"""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any

from ..model.errors import NewsgaugeError
from ..model.inputs import Raw
from .cards import Outcome
from .pool import Limits, Pool, Ticket
from .process import ProcessEndedError
from .worker import ArticleScorer, Ready, Scoring, assess


class RayEngine:
    """Actors with a core each; what becomes of those that die, with their node or alone, or take too long is told at :class:`Pool`.

    *address* is that of a running cluster, as ``ray.init`` takes it; None starts Ray on this machine, for this run. *workers* is
    None for one a core of the cluster. Every node needs newsgauge, and the model at the same path.
    """

    def __init__(self, scoring: Scoring, *, workers: int | None = None, address: str | None = None, limits: Limits | None = None) -> None:
        self._scoring = scoring
        self._count = workers
        self._address = address
        self._limits = limits or Limits()
        self._ray = _library()

    def run(self, jobs: Iterator[tuple[Ticket, Raw]]) -> Generator[tuple[Ticket, Outcome], None, None]:
        """See :meth:`Engine.run`. :class:`NewsgaugeError` where the cluster cannot be reached or no actor gets as far as to begin."""
        ray = self._ray
        own = not ray.is_initialized()
        if own:
            _connect(ray, self._address, self._count)
        try:
            count = self._count or max(1, int(ray.cluster_resources().get("CPU", 1)))
            pool = Pool(_Actors(ray, self._scoring), count, self._limits, jobs)
            try:
                yield from pool.run()
            finally:
                pool.close()
        finally:
            if own:
                ray.shutdown()


def _library() -> Any:
    # Before Ray is imported, which reads them then: nothing is reported to its makers, and no line of a log gets into the progress.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError:
        raise NewsgaugeError("The engine ray needs an extra: run pip install 'newsgauge[ray]', or leave out --engine ray.") from None
    return ray


def _connect(ray: Any, address: str | None, workers: int | None) -> None:
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        if address is None:
            # Not "auto": a cluster that happens to run on this machine is used only where it is named.
            ray.init(address="local", num_cpus=workers, include_dashboard=False, **quiet)
        else:
            ray.init(address=address, **quiet)
    except Exception as error:  # Ray raises errors of its own, of gRPC and of Python
        told = " ".join(str(error).split())[:300]
        where = "Ray cannot be started here" if address is None else f"The Ray cluster at {address!r} cannot be used"
        raise NewsgaugeError(f"{where} ({told}); expected a cluster of the same Ray and Python: see ray status.") from None


class _Worker:
    """What runs in an actor."""

    def __init__(self, load: Callable[[], ArticleScorer]) -> None:
        self._scorer: ArticleScorer | None = None
        self._ready = Ready()
        try:
            self._scorer = load()
        except NewsgaugeError as error:
            self._ready = Ready(str(error))

    def ready(self) -> Ready:
        return self._ready

    def assess(self, raw: Raw) -> Outcome:
        assert self._scorer is not None, "no article is sent to a worker that did not say that it is ready"
        return assess(self._scorer, raw)


class _Actor:
    """An actor as a pool sees it: calls of its methods are answered in order."""

    def __init__(self, ray: Any, actor: Any) -> None:
        self._ray = ray
        self._actor = actor
        self._calls = deque([actor.ready.remote()])
        self._how = "it was ended"

    @property
    def next(self) -> Any:
        """What the actor is to answer next, None where nothing was asked."""
        return self._calls[0] if self._calls else None

    def send(self, message: Raw, /) -> None:
        self._calls.append(self._actor.assess.remote(message))

    def receive(self) -> Ready | Outcome:
        try:
            answer: Ready | Outcome = self._ray.get(self._calls.popleft())
        except self._ray.exceptions.RayError as error:
            # A node that is lost takes answers along that were given and not yet fetched: as good as dead.
            self._how = " ".join(str(error).split())[:200]
            raise ProcessEndedError from None
        return answer

    def speaks(self) -> bool:
        return bool(self._calls) and bool(self._ray.wait([self._calls[0]], timeout=0)[0])

    def end(self) -> str:
        self._ray.kill(self._actor)
        return self._how


class _Actors:
    def __init__(self, ray: Any, scoring: Scoring) -> None:
        self._ray = ray
        self._load = scoring.load
        # That an actor died is for the pool to know, which tells one article from another.
        self._kind = ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0, scheduling_strategy="SPREAD")(_Worker)

    def start(self) -> _Actor:
        return _Actor(self._ray, self._kind.remote(self._load))

    def awaited(self, hands: Sequence[_Actor], seconds: float) -> list[_Actor]:
        asked = {hand.next: hand for hand in hands if hand.next is not None}
        done = self._ray.wait(list(asked), timeout=seconds)[0]
        # The others that have answered meanwhile, without waiting for them.
        done = self._ray.wait(list(asked), num_returns=len(asked), timeout=0)[0] if done else []
        return [asked[call] for call in done]
