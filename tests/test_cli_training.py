"""train, evaluate and suggest as a user runs them."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("sklearn")
pytest.importorskip("joblib")
pytest.importorskip("matplotlib")

from newsgauge.model.bundle import load

SEEDS = Path(__file__).resolve().parent.parent / "seeds"


def run(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from newsgauge.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=120)


def one_line_error(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    return result.stderr


@pytest.fixture(scope="module")
def few_seeds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Little starter data, so that it is soon embedded."""
    folder = tmp_path_factory.mktemp("seeds")
    (folder / "s1.jsonl").write_text("".join((SEEDS / "s1.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)[:12]))
    return folder


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("labels") / "mine.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["text", "label", "document", "position"])
        for line in (SEEDS / "s4.jsonl").read_text(encoding="utf-8").splitlines()[:6]:
            article = json.loads(line)
            writer.writerows([s["text"], s["label"].upper(), article["id"], i] for i, s in enumerate(article["sentences"]))
    return path


@pytest.fixture(scope="module")
def trained(labels: Path, few_seeds: Path, small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    options = ["--model", small_model, "--seeds", few_seeds, "--cache", folder / "cache", "--report", folder / "report"]
    result = run("train", labels, "-o", "mine", *options, cwd=folder)
    assert result.returncode == 0, result.stderr
    assert "macro-F1" in result.stdout and "wrote mine" in result.stdout
    assert any(verdict in result.stdout for verdict in ("better", "worse", "no telling"))
    return folder


def test_a_model_is_trained_that_loads_and_tells_where_it_comes_from(trained: Path, small_model: Path) -> None:
    bundle = load(trained / "mine")
    assert str(bundle.manifest["training"]["from"]).startswith("fast@")
    assert bundle.manifest["files"]["encoder.onnx"] == load(small_model).manifest["files"]["encoder.onnx"]
    card = (trained / "mine" / "README.md").read_text(encoding="utf-8")
    assert "newsgauge train mine.csv -o mine" in card and str(trained) not in card
    assert {path.name for path in (trained / "report").iterdir()} == {"findings.csv", "evaluation.json"}
    shown = run("info", "mine", cwd=trained).stdout
    assert "mine@" in shown and "retrained from" in shown


def test_an_existing_model_is_not_touched(trained: Path, labels: Path, small_model: Path) -> None:
    before = (trained / "mine" / "manifest.json").read_bytes()
    told = one_line_error(run("train", labels, "-o", "mine", "--model", small_model, cwd=trained))
    assert "--overwrite" in told
    assert (trained / "mine" / "manifest.json").read_bytes() == before


def test_two_models_are_compared_in_json(trained: Path, labels: Path, small_model: Path) -> None:
    result = run("evaluate", labels, "--model", "mine", "--against", small_model, "--format", "json", "--plots", "plots", cwd=trained)
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["figures"]["model"].startswith("mine@") and found["against"]["model"].startswith("fast@")
    assert found["comparisons"][0]["verdict"] in ("better", "worse", "no telling")
    assert (trained / "plots" / "confusion.png").is_file()


def test_a_table_shows_every_label(labels: Path, small_model: Path, tmp_path: Path) -> None:
    result = run("evaluate", labels, "--model", small_model, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    for word in ("macro-F1", "calibration error", "accusation", "denial", "evidence", "analysis"):
        assert word in result.stdout


def test_mistakes_of_users_are_one_line(labels: Path, small_model: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("text,label\nNo.,denail\n")
    assert "bad.csv, line 2: unknown label 'denail'; did you mean 'denial'?" in one_line_error(
        run("train", "bad.csv", "-o", "out", "--model", small_model, cwd=tmp_path)
    )
    assert "cannot be read" in one_line_error(run("evaluate", "nowhere.csv", "--model", small_model, cwd=tmp_path))
    assert "--finetune" in one_line_error(run("train", labels, "-o", "out", "--base", "x", cwd=tmp_path))
    assert "cannot be written" in one_line_error(run("train", labels, "-o", "bad.csv/out", "--model", small_model, cwd=tmp_path))
    assert "File exists" in one_line_error(run("train", labels, "-o", "out", "--model", small_model, "--report", "bad.csv", cwd=tmp_path))
    assert "one folder" in one_line_error(run("evaluate", SEEDS, labels, "--starter", "--model", small_model, cwd=tmp_path))
    assert "fewer than two" in one_line_error(run("train", labels, "-o", "out", "--labels", "a", cwd=tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["bad.csv"]


def test_what_is_suggested_is_written_whole(small_model: Path, tmp_path: Path) -> None:
    result = run("suggest", SEEDS / "articles", "-n", "12", "-o", "to_label.csv", "--model", small_model, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    with (tmp_path / "to_label.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 12
    assert {row["label"] for row in rows} == {""}
    for row in rows:
        if row["document"].endswith(".txt"):
            text = Path(row["document"]).read_text(encoding="utf-8")
            assert text[int(row["start"]) : int(row["end"])] == row["text"]
    assert "--overwrite" in one_line_error(run("suggest", SEEDS / "articles", "-o", "to_label.csv", "--model", small_model, cwd=tmp_path))
    assert "none of the 12 rows has a label" in one_line_error(run("evaluate", "to_label.csv", "--model", small_model, cwd=tmp_path))


def test_nothing_to_label_is_an_error(small_model: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    one_line_error(run("suggest", "empty", "-o", "out.jsonl", "--model", small_model, cwd=tmp_path))
    assert not (tmp_path / "out.jsonl").exists()
