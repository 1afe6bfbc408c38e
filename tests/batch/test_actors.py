"""Ray engine with a stand-in for Ray: what is asked of it, and what is made of its answers; with Ray itself in test_ray_engine."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import batch_fakes
import pytest

from newsgauge.batch.engine import chosen
from newsgauge.batch.pool import Limits
from newsgauge.batch.process import DEATHS
from newsgauge.batch.run import Plan, run
from newsgauge.batch.worker import assess
from newsgauge.model.errors import NewsgaugeError
from newsgauge.model.inputs import Raw
from newsgauge.model.results import InputFailure

from .conftest import Go, article, tree


class RayError(Exception):
    """What Ray raises where an actor or its node is lost."""


class Call:
    """What an actor is to answer: found when it is asked for."""

    def __init__(self, actor: Actor, method: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self.actor, self.method, self.arguments = actor, method, arguments


class Method:
    def __init__(self, actor: Actor, name: str) -> None:
        self.actor, self.name = actor, name

    def remote(self, *arguments: Any) -> Call:
        return Call(self.actor, getattr(self.actor.instance, self.name), arguments)


class Actor:
    def __init__(self, instance: Any) -> None:
        self.instance = instance
        self.ready = Method(self, "ready")
        self.assess = Method(self, "assess")
        self.dead = False


class FakeRay:
    """As much of Ray as the engine uses. An article that says so takes its actor with it."""

    exceptions = SimpleNamespace(RayError=RayError)

    def __init__(self) -> None:
        self.log: list[str] = []
        self.asked: dict[str, Any] = {}
        self.initialised = False
        self.fault: Exception | None = None
        self.silent = False

    def is_initialized(self) -> bool:
        return self.initialised

    def init(self, **settings: Any) -> None:
        if self.fault:
            raise self.fault
        self.log.append("init")
        self.asked = settings

    def shutdown(self) -> None:
        self.log.append("shutdown")

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": 3.0, "memory": 1.0}

    def remote(self, **settings: Any) -> Callable[[type], Any]:
        self.options = settings

        def made(kind: type) -> Any:
            def start(*arguments: Any) -> Actor:
                self.log.append("start")
                return Actor(kind(*arguments))

            return SimpleNamespace(remote=start)

        return made

    def get(self, call: Call) -> Any:
        if call.actor.dead or (call.arguments and batch_fakes.DIE.encode() in call.arguments[0].content):
            call.actor.dead = True
            raise RayError("The actor died\nunexpectedly.")
        return call.method(*call.arguments)

    def wait(self, calls: list[Call], *, num_returns: int = 1, timeout: float) -> tuple[list[Call], list[Call]]:
        assert len(set(calls)) == len(calls) and num_returns <= len(calls)
        done = [] if self.silent else calls[:num_returns]
        return done, calls[len(done) :]

    def kill(self, actor: Actor) -> None:
        self.log.append("kill")


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> FakeRay:
    made = FakeRay()
    monkeypatch.setitem(sys.modules, "ray", made)  # type: ignore[arg-type]
    monkeypatch.delenv("RAY_USAGE_STATS_ENABLED", raising=False)
    return made


def outcomes(raws: list[Raw], *, workers: int | None = None, address: str | None = None, limits: Limits | None = None) -> dict[int, Any]:
    engine = chosen("ray", batch_fakes.SCORING, workers=workers, address=address, limits=limits or Limits())
    return dict(engine.run(enumerate(raws)))


def raws(count: int, **extra: str) -> Iterator[Raw]:
    return (Raw(f"n{number}", 0, article(number, extra.get(f"n{number}", "")).encode()) for number in range(count))


def test_actors_give_what_one_process_gives_and_ray_is_started_and_ended_for_the_run(ray: FakeRay) -> None:
    articles = list(raws(30))
    scorer = batch_fakes.load()
    assert outcomes(articles) == {number: assess(scorer, raw) for number, raw in enumerate(articles)}
    assert ray.log == ["init", *["start"] * 3, *["kill"] * 3, "shutdown"], "one a core of the cluster"
    assert ray.asked == {
        "address": "local",
        "num_cpus": None,
        "include_dashboard": False,
        "log_to_driver": False,
        "logging_level": logging.ERROR,
    }
    assert ray.options == {"num_cpus": 1, "max_restarts": 0, "max_task_retries": 0, "scheduling_strategy": "SPREAD"}
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


def test_a_cluster_that_is_named_is_used_and_one_that_runs_in_this_process_is_left_running(ray: FakeRay) -> None:
    assert len(outcomes(list(raws(9)), workers=2, address="host:6379")) == 9
    assert ray.asked == {"address": "host:6379", "log_to_driver": False, "logging_level": logging.ERROR}
    assert ray.log.count("start") == 2
    ray.initialised, ray.log = True, []
    assert len(outcomes(list(raws(2)), workers=1)) == 2
    assert ray.log == ["start", "kill"]


def test_an_article_that_actors_die_of_is_a_failure_and_costs_no_other(ray: FakeRay) -> None:
    articles = list(raws(12, n5=batch_fakes.DIE))
    found = outcomes(articles, workers=2)
    scorer = batch_fakes.load()
    assert all(found[i] == assess(scorer, articles[i]) for i in range(12) if i != 5)
    failure = found[5].result
    assert isinstance(failure, InputFailure) and failure.kind == "worker-died"
    assert f"{DEATHS} worker processes ended" in failure.message and "The actor died unexpectedly." in failure.message


def test_an_article_that_is_not_answered_in_time_is_a_failure(ray: FakeRay) -> None:
    class Slow(FakeRay):
        def wait(self, calls: list[Call], *, num_returns: int = 1, timeout: float) -> tuple[list[Call], list[Call]]:
            held = [call for call in calls if call.arguments and batch_fakes.HANG.encode() in call.arguments[0].content]
            done = [call for call in calls if call not in held]
            return done, held

    ray.__class__ = Slow
    found = outcomes(list(raws(4, n1=batch_fakes.HANG)), workers=1, limits=Limits(article=0.05))
    assert {i: getattr(outcome.result, "kind", "scored") for i, outcome in found.items()} == {
        **{0: "scored", 2: "scored", 3: "scored"},
        1: "time-limit",
    }


def test_a_model_that_cannot_be_loaded_ends_the_run(ray: FakeRay) -> None:
    broken = replace(batch_fakes.SCORING, load=batch_fakes.load_nothing)
    engine = chosen("ray", broken, workers=2, address=None, limits=Limits())
    with pytest.raises(NewsgaugeError, match="not what its manifest says"):
        list(engine.run(enumerate(raws(3))))
    assert ray.log[-1] == "shutdown" and ray.log.count("kill") == ray.log.count("start")


@pytest.mark.parametrize(
    ("address", "said"),
    [(None, "Ray cannot be started here (no room)"), ("h:1", "The Ray cluster at 'h:1' cannot be used (no room)")],
)
def test_a_ray_that_does_not_start_is_told_in_one_line(ray: FakeRay, address: str | None, said: str) -> None:
    ray.fault = ConnectionError("no\nroom")
    with pytest.raises(NewsgaugeError) as caught:
        outcomes(list(raws(1)), address=address)
    assert str(caught.value) == f"{said}; expected a cluster of the same Ray and Python: see ray status."
    assert ray.log == []


def test_a_folder_run_with_actors_gives_the_bytes_of_one_without(ray: FakeRay, folder: Path, tmp_path: Path, go: Go) -> None:
    go(tmp_path / "here")
    engine = chosen("ray", batch_fakes.SCORING, workers=3, address=None, limits=Limits())
    report = run(Plan(str(folder), tmp_path / "there", shard_size=6), batch_fakes.SCORING, engine)
    assert report.scored == 20 and ray.log.count("start") == 3
    assert tree(tmp_path / "there") == tree(tmp_path / "here")
