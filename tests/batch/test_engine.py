"""Engine: worker processes that die, hang and break, and the articles that they held."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import batch_fakes
import pytest

from newsgauge.batch.cards import Outcome
from newsgauge.batch.engine import LocalEngine, chosen
from newsgauge.batch.pool import DEPTH, Limits
from newsgauge.batch.worker import assess
from newsgauge.model.errors import NewsgaugeError
from newsgauge.model.inputs import Raw
from newsgauge.model.results import ArticleScore, InputFailure

from ..conftest import TALLY, injected
from .conftest import Go, article, local, tree

LOADS = 15.0
"""Seconds in which a worker without a model has begun, on a busy machine too."""


def raw(number: int, extra: str = "") -> Raw:
    return Raw(f"n{number}", 0, article(number, extra).encode())


def outcomes(raws: list[Raw], *, workers: int = 2, time_limit: float = 60) -> list[Outcome]:
    """What came of each; every ticket comes back once."""
    found: dict[int, Outcome] = {}
    for ticket, outcome in LocalEngine(batch_fakes.SCORING, workers=workers, limits=Limits(article=time_limit)).run(enumerate(raws)):
        assert ticket not in found
        found[ticket] = outcome
    return [found[i] for i in range(len(raws))]


def test_workers_give_what_one_process_gives() -> None:
    raws = [raw(i) for i in range(30)]
    scorer = batch_fakes.load()
    assert outcomes(raws) == [assess(scorer, each) for each in raws]


def test_articles_that_kill_hang_and_break_cost_only_themselves(tmp_path: Path) -> None:
    raws = [raw(i) for i in range(24)]
    raws[3] = raw(3, batch_fakes.DIE)
    raws[9] = raw(9, f"{batch_fakes.DIE_ONCE} {tmp_path / 'died'}")
    raws[15] = raw(15, batch_fakes.HANG)
    raws[20] = raw(20, batch_fakes.BREAK)
    found = outcomes(raws, time_limit=5)
    kinds = {i: outcome.result.kind for i, outcome in enumerate(found) if isinstance(outcome.result, InputFailure)}
    TALLY["faults injected"] += 4
    assert (tmp_path / "died").exists()
    assert kinds == {3: "worker-died", 15: "time-limit", 20: "crash"}
    scorer = batch_fakes.load()
    assert all(found[i] == assess(scorer, raws[i]) for i in range(24) if i not in kinds)


def test_a_worker_that_is_killed_from_outside_costs_nothing() -> None:
    raws = [raw(i, batch_fakes.SLOWLY) for i in range(60)]
    engine = LocalEngine(batch_fakes.SCORING, workers=2)
    found: list[int] = []
    killed = set()
    for ticket, outcome in engine.run(enumerate(raws)):
        assert isinstance(outcome.result, ArticleScore)
        found.append(ticket)
        if ticket in (10, 30):
            child = next(pid for pid in children() if pid not in killed)
            killed.add(child)
            os.kill(child, injected(signal.SIGKILL))
    assert len(killed) == 2 and sorted(found) == list(range(60))


def children() -> list[int]:
    """The worker processes of this one."""
    import multiprocessing

    return [child.pid for child in multiprocessing.active_children() if child.pid is not None]


def test_jobs_are_taken_no_faster_than_they_are_done() -> None:
    taken = 0

    def jobs() -> Iterator[tuple[int, Raw]]:
        nonlocal taken
        for number in range(60):
            taken += 1
            yield number, raw(number)

    for done, _ in enumerate(LocalEngine(batch_fakes.SCORING, workers=2).run(jobs())):
        assert taken - done <= 2 * DEPTH + 2


def test_texts_and_results_larger_than_a_pipe_pass() -> None:
    long = "\n".join(f"Line {i} of a long report from the harbour was read." for i in range(3_000))
    found = outcomes([Raw(f"n{i}", 0, long) for i in range(6)])
    assert [len(o.result.sentences) for o in found if isinstance(o.result, ArticleScore)] == [3_000] * 6


def test_a_model_that_cannot_be_loaded_ends_the_run() -> None:
    engine = LocalEngine(replace(batch_fakes.SCORING, load=batch_fakes.load_nothing), workers=1)
    with pytest.raises(NewsgaugeError, match="not what its manifest says"):
        list(engine.run(iter([(0, raw(0))])))


def test_workers_that_die_while_they_load_end_the_run() -> None:
    engine = LocalEngine(replace(batch_fakes.SCORING, load=batch_fakes.load_and_die), workers=1)
    with pytest.raises(NewsgaugeError, match="--workers"):
        list(engine.run(iter([(0, raw(0))])))


def test_a_worker_that_hangs_while_it_loads_is_replaced(tmp_path: Path) -> None:
    load = partial(batch_fakes.load_late_once, str(tmp_path / "tried"))
    engine = LocalEngine(replace(batch_fakes.SCORING, load=load), workers=1, limits=Limits(load=LOADS))
    assert len(list(engine.run((i, raw(i)) for i in range(3)))) == 3


def test_workers_that_all_hang_while_they_load_end_the_run() -> None:
    engine = LocalEngine(replace(batch_fakes.SCORING, load=batch_fakes.load_late), workers=2, limits=Limits(load=0.2))
    with pytest.raises(NewsgaugeError, match=r"after 0\.2 seconds.*--workers"):
        list(engine.run((i, raw(i)) for i in range(10)))


def test_what_is_no_engine_or_does_not_fit_it_is_refused() -> None:
    with pytest.raises(NewsgaugeError, match="local, ray"):
        chosen("spark", batch_fakes.SCORING, workers=1, address=None, limits=Limits())
    with pytest.raises(NewsgaugeError, match="--engine ray"):
        chosen("local", batch_fakes.SCORING, workers=1, address="auto", limits=Limits())


def test_no_worker_outlives_its_run() -> None:
    run: Any = LocalEngine(batch_fakes.SCORING, workers=2).run(enumerate(raw(i) for i in range(50)))
    next(run)
    assert children()
    run.close()
    assert not children()


def test_the_number_of_workers_changes_no_byte(folder: Path, tmp_path: Path, go: Go) -> None:
    go(tmp_path / "here")
    for workers in (1, 3):
        local(folder, tmp_path / f"w{workers}", workers=workers)
        assert tree(tmp_path / f"w{workers}") == tree(tmp_path / "here")
