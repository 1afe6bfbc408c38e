"""The benchmark of speed: processes that answer, peers that are left out by name, and a table of what was measured."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("onnx")


@pytest.fixture
def speed(benchmark_named: Callable[[str], ModuleType]) -> ModuleType:
    return benchmark_named("speed")


def test_methods_are_measured_and_one_that_cannot_run_is_told(speed: ModuleType, tmp_path: Path) -> None:
    articles = tmp_path / "articles.json"
    articles.write_text(json.dumps([[["The mayor denied it.", "denial"], ["Nobody was hurt on the quay.", "evidence"]]]), encoding="utf-8")
    methods = {"newsgauge fast": "newsgauge:fast", "stages": "stages:fast", "broken": "no-such-method"}
    measured, missing = speed.measure(methods, articles, 2)
    assert missing == {"broken": "it ended with status 1"}
    assert [len(rounds) for rounds in measured.values()] == [2, 2]
    (stages, _) = (one["found"] for one in measured["stages"])
    assert set(stages) == {"read", "split", "tokenise", "encode", "heads", "write"}
    assert min(stages.values()) >= 0 and stages["encode"] == max(stages.values())
    assert all(one["seconds"] > 0 and one["peak"] > 10 for rounds in measured.values() for one in rounds)


def test_the_table_has_medians_with_ranges_and_what_was_left_out(speed: ModuleType) -> None:
    rounds = [{"seconds": seconds, "peak": 100.0, "found": None} for seconds in (1.0, 2.0, 4.0)]
    found = {
        "machine": "a machine",
        "sentences": 200,
        "rounds": 3,
        "methods": {"newsgauge fast": rounds},
        "missing": {"spaCy textcat": "No module named 'spacy'"},
        "stages": {"fast": [{"found": {"encode": 3.0, "heads": 1.0}}]},
        "encoders": {"fast": [{"found": {"rate": 300.0}}]},
        "products": [{"found": {"384x384": 900.0, "384x1536": 1000.0}}],
        "cold": {"newsgauge --help": {"seconds": [0.1], "cpu": [0.1], "peak": [40.0]}},
        "installed": {"sentence-transformers": None},
    }
    text = speed.report(found)
    assert "| newsgauge fast | 100 (50–200) | 10.00 (5.00–20.00) | 100 |" in text
    assert "Left out: spaCy textcat (No module named 'spacy')." in text
    assert "| encode | 75.0% |" in text and "30% of the largest" in text
    text = speed.report({**found, "products": [], "missing": {"int8 products": "No module named 'onnx'"}})
    assert "Left out: int8 products (No module named 'onnx')." in text and "of the largest" not in text


def test_what_is_installed_counts_all_that_is_needed(speed: ModuleType) -> None:
    assert speed.installed("no-such-distribution") is None
    alone, together = speed.installed("typing-extensions"), speed.installed("typing-extensions", "typing_extensions", "packaging")
    assert alone is not None and 0 < alone < together


def test_a_command_is_measured_from_start_to_end(speed: ModuleType) -> None:
    found = speed.cold([sys.executable, "-c", "x = bytearray(30_000_000)"], 2)
    assert {name: len(values) for name, values in found.items()} == {"seconds": 2, "cpu": 2, "peak": 2}
    assert min(found["peak"]) > 30
    with pytest.raises(SystemExit, match="ended with status 3"):
        speed.cold([sys.executable, "-c", "raise SystemExit(3)"], 1)
