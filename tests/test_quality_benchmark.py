"""The benchmark of labels: a peer is trained once, and measured again only on other rows or with other settings."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("torch")
pytest.importorskip("matplotlib")

Command = Callable[..., str]


@pytest.fixture
def benchmark(benchmark_named: Callable[[str], ModuleType]) -> ModuleType:
    return benchmark_named("quality")


@pytest.fixture
def command(
    benchmark: ModuleType,
    seeds: Path,
    small_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Command:
    def run(*more: str) -> str:
        options = ["--base", "none", "--seeds", seeds, "--models", small_model, "--output", tmp_path, *more]
        monkeypatch.setattr("sys.argv", ["quality.py", *map(str, options)])
        benchmark.main()
        return capsys.readouterr().out

    return run


def test_a_run_that_was_cut_off_goes_on_where_it_stopped(
    benchmark: ModuleType, command: Command, small_model: Path, tmp_path: Path
) -> None:
    name = benchmark.PEERS["tfidf"][0]
    first = command("--peers", "tfidf")
    assert f"{name}: macro-F1 0." in first and f"newsgauge {small_model.name}: macro-F1 0." in first
    results = (tmp_path / "quality.json").read_text(encoding="utf-8")
    assert [one["method"] for one in json.loads(results)["results"]] == [name, f"newsgauge {small_model.name}"]
    assert [line.split(" | ")[0] for line in (tmp_path / "quality.md").read_text(encoding="utf-8").splitlines()[2:]] == [
        f"| {name}",
        f"| newsgauge {small_model.name}",
    ]
    assert (tmp_path / "quality.png").stat().st_size > 1000
    again = command("--peers", "tfidf")
    assert f"{name}: measured before" in again and f"newsgauge {small_model.name}: macro-F1 0." in again
    assert (tmp_path / "quality.json").read_text(encoding="utf-8") == results
    assert f"{name}: macro-F1 0." in command("--peers", "tfidf", "--seed", "5")
    assert name not in command("--peers") and name not in (tmp_path / "quality.md").read_text(encoding="utf-8")
