"""Ray engine: the same results as from local workers, also where a node of the cluster is lost in the middle."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import batch_fakes
import pytest

from newsgauge.batch.pool import Limits
from newsgauge.batch.run import Plan, run
from newsgauge.batch.worker import assess
from newsgauge.model.errors import NewsgaugeError
from newsgauge.model.inputs import Raw
from newsgauge.model.results import InputFailure

from .conftest import article, local, tree

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes with a core each, on this machine."""
    pytest.importorskip("ray")
    from newsgauge.batch.ray_engine import _library

    _library()
    from ray.cluster_utils import Cluster

    # Actors find the fakes by the path of the nodes.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), *sys.path]))
        made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False, "object_store_memory": 80 << 20})
        made.add_node(num_cpus=1, object_store_memory=80 << 20)
        yield made
        made.shutdown()


def engine(cluster: Any, **settings: Any) -> Any:
    from newsgauge.batch.ray_engine import RayEngine

    return RayEngine(batch_fakes.SCORING, address=cluster.address, **settings)


def test_articles_that_kill_hang_and_break_cost_only_themselves(cluster: Any) -> None:
    raws = [
        Raw(f"n{i}", 0, article(i, {3: batch_fakes.DIE, 6: batch_fakes.HANG, 8: batch_fakes.BREAK}.get(i, "")).encode()) for i in range(12)
    ]
    found = dict(engine(cluster, limits=Limits(article=10)).run(enumerate(raws)))
    kinds = {i: outcome.result.kind for i, outcome in found.items() if isinstance(outcome.result, InputFailure)}
    assert kinds == {3: "worker-died", 6: "time-limit", 8: "crash"}
    scorer = batch_fakes.load()
    assert all(found[i] == assess(scorer, raws[i]) for i in range(12) if i not in kinds)


def test_a_model_that_cannot_be_loaded_ends_the_run(cluster: Any) -> None:
    from newsgauge.batch.ray_engine import RayEngine

    broken = RayEngine(replace(batch_fakes.SCORING, load=batch_fakes.load_nothing), address=cluster.address)
    with pytest.raises(NewsgaugeError, match="not what its manifest says"):
        list(broken.run(iter([(0, Raw("n", 0, article(0).encode()))])))


def test_a_node_that_is_lost_in_the_middle_costs_nothing(cluster: Any, tmp_path: Path) -> None:
    """The last of these tests: the cluster has one node afterwards."""
    folder = tmp_path / "news"
    folder.mkdir()
    for number in range(60):
        (folder / f"n{number:02}.txt").write_text(article(number, batch_fakes.SLOWLY))
    (lost,) = cluster.worker_nodes
    left = [lost]
    nodes = set()

    def watch(tally: Any) -> None:
        if tally.articles >= 20 and left:
            import ray

            nodes.update(node["NodeID"] for node in ray.nodes() if node["Alive"])
            cluster.remove_node(left.pop(), allow_graceful=False)

    output = tmp_path / "out"
    report = run(Plan(str(folder), output, shard_size=6), batch_fakes.SCORING, engine(cluster), watch=watch)
    assert len(nodes) == 2 and not left
    assert report.totals is not None and (report.totals.articles, report.totals.failures) == (60, 0)
    local(folder, tmp_path / "local")
    assert tree(output) == tree(tmp_path / "local")


def test_a_cluster_that_is_not_there_is_told_in_one_line() -> None:
    pytest.importorskip("ray")
    from newsgauge.batch.ray_engine import RayEngine

    elsewhere = RayEngine(batch_fakes.SCORING, address="not an address")
    with pytest.raises(NewsgaugeError, match="'not an address'") as found:
        list(elsewhere.run(iter([(0, Raw("n", 0, b"x"))])))
    assert "\n" not in str(found.value)


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from newsgauge.batch.ray_engine import RayEngine

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(NewsgaugeError, match=r"newsgauge\[ray\]"):
        RayEngine(batch_fakes.SCORING)
