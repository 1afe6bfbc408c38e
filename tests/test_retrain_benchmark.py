"""The benchmark of retraining: whole documents in each newsroom, and tables of what was measured."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("sklearn")
pytest.importorskip("joblib")
pytest.importorskip("matplotlib")

from newsgauge.training.labels import labelled_rows
from newsgauge.training.rows import seed_documents

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def benchmark(benchmark_named: Callable[[str], ModuleType]) -> ModuleType:
    return benchmark_named("retrain")


def test_a_newsroom_labels_whole_records_and_the_rest_is_measured_on(benchmark: ModuleType) -> None:
    records = seed_documents(ROOT / "seeds", benchmark.RECORDS)
    labelled, rest = benchmark.by_size(records, 300, 5)
    assert sorted(one.name for one in labelled + rest) == sorted(one.name for one in records)
    rows = labelled_rows(labelled)
    assert 300 <= len(rows) < 320
    assert [row.position for row in rows[:3]] == [0, 1, 2] and rows[0].document == labelled[0].name
    assert benchmark.by_size(records, 300, 5)[0] == labelled != benchmark.by_size(records, 300, 6)[0]


def test_the_tables_hold_means_ranges_verdicts_and_the_curve(benchmark: ModuleType) -> None:
    rooms = [{"measured_on": 1200, "gain": gain, "verdict": verdict} for gain, verdict in ((0.01, "no telling"), (0.03, "better"))]
    mean = {"before": 0.7, "after": 0.72, "gain": 0.02, "elsewhere_before": 0.9, "elsewhere_change": -0.004, "seconds": 12.34}
    points = [{"method": "SetFit", "rows": 50, "macro_f1": 0.4, "seconds": 9.0}]
    text = benchmark.report(mean, rooms, points, Namespace(model="fast", rows=300))
    assert "| records, 1,200 rows or so | 0.700 | 0.720 | +2.0 |" in text
    assert "| starter articles held out | 0.900 | 0.896 | -0.4 |" in text
    assert "Gains from +1.0 to +3.0 points; verdicts: 1 “no telling”, 1 “better”. `newsgauge train` took 12.3 s." in text
    assert "| SetFit | 50 | 0.400 | 9.0 |" in text
