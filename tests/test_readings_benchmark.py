"""The rows that were read anew: what two verdicts come to, and how many labels the readers share."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("sklearn")

from newsgauge.model.errors import NewsgaugeError
from newsgauge.training.rows import LabelledDocument, Row


@pytest.fixture
def readings(benchmark_named: Callable[[str], ModuleType]) -> ModuleType:
    return benchmark_named("readings")


def document(*labels: tuple[str, bool]) -> LabelledDocument:
    rows = tuple(Row(name, garbled=float(garbled), garbled_weight=0.6, origin=name) for name, garbled in labels)
    return LabelledDocument("a:news", rows, source="a", consecutive=False)


GIVEN = {"both": (2, 2), "one doubts": (1, 2), "opposed": (0, 2), "doubted": (1, 1), "one sees": (0, 1), "none": (0, 0)}


def test_two_verdicts_come_to_one(readings: ModuleType) -> None:
    told = {name: readings.kind(given) for name, given in GIVEN.items()}
    assert told == {
        "both": "garbled",
        "one doubts": "garbled",
        "opposed": "in doubt",
        "doubted": "in doubt",
        "one sees": "sound",
        "none": "sound",
    }


def test_the_verdict_takes_the_place_of_the_label(readings: ModuleType) -> None:
    rows = document(*((name, False) for name in GIVEN), ("unread", True))
    (anew,) = readings.read_anew([rows, document(("unread", True))], GIVEN)
    assert {row.origin: row.garbled for row in anew.rows} == {"both": 1.0, "one doubts": 1.0, "one sees": 0.0, "none": 0.0}


def test_what_the_readers_reach_themselves(readings: ModuleType) -> None:
    rows = document(("both", True), ("doubted", True), ("opposed", False), ("none", False), ("unread", True))
    assert readings.readers_auroc([rows], GIVEN) == pytest.approx(0.875)
    (read,) = readings.those_read([rows, document(("unread", True))], GIVEN)
    assert [row.garbled for row in read.rows] == [1.0, 1.0, 0.0, 0.0], "the label, not the verdict"


def test_the_share_of_labels_that_the_readers_share(readings: ModuleType) -> None:
    rows = document(("both", True), ("opposed", True), ("none", True), ("one sees", False), ("one doubts", False), ("unread", True))
    assert readings.shared([rows], GIVEN) == [
        ["a", "clean", "2", "1", "0", "1", "0.80", "0.50"],
        ["a", "garbled", "3", "1", "1", "1", "0.80", "0.50"],
    ]


def test_the_published_readings_are_whole(readings: ModuleType) -> None:
    given = readings.verdicts()
    assert len(given) == 500 and all(len(both) == 2 and set(both) <= {0, 1, 2} for both in given.values())


@pytest.mark.parametrize("said", [[1], [0, 3], [0, 1, 2], 2, None])
def test_verdicts_that_are_none_are_told(readings: ModuleType, tmp_path: Path, said: object) -> None:
    (tmp_path / "said.jsonl").write_text(json.dumps({"id": "a:1", "verdicts": said}), encoding="utf-8")
    with pytest.raises(NewsgaugeError, match=r"the verdicts of 'a:1' are .* expected two of 0, 1 and 2"):
        readings.verdicts(tmp_path / "said.jsonl")


def test_corpora_without_a_row_that_was_read_are_told(readings: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "quality").mkdir()
    for name in ("train", "dev", "apertium_roundtrip"):
        (tmp_path / f"quality/{name}.jsonl").touch()
    monkeypatch.setattr("sys.argv", ["readings", "--corpora", str(tmp_path)])
    with pytest.raises(SystemExit, match="has none of the 500 rows"):
        readings.main()


def test_what_is_printed(readings: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    rated = [
        {
            "id": f"a:{number}",
            "text": "Some.",
            "label": ("clean", "garbled")[number % 2],
            "source_corpus": "a",
            "lang_pair": "fi-en",
            "domain": "news",
            "spans": [],
            "label_precision_est": 0.9,
            "score_raw": {"original": "Some."},
        }
        for number in range(4)
    ]
    said = [{"id": f"a:{number}", "verdicts": both} for number, both in enumerate([(0, 0), (2, 2), (0, 0), (0, 2)])]
    (tmp_path / "quality").mkdir()
    for name, rows in {"train": rated[:2], "dev": rated[2:], "apertium_roundtrip": []}.items():
        (tmp_path / f"quality/{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (tmp_path / "said.jsonl").write_text("".join(json.dumps(row) + "\n" for row in said), encoding="utf-8")
    monkeypatch.setattr("sys.argv", ["readings", "--corpora", str(tmp_path), "--readings", str(tmp_path / "said.jsonl")])
    readings.main()
    *_, clean, garbled, _, agreed = capsys.readouterr().out.splitlines()
    assert [cell.strip() for cell in clean.strip("|").split("|")] == ["a", "clean", "2", "0", "0", "2", "0.90", "1.00"]
    assert [cell.strip() for cell in garbled.strip("|").split("|")] == ["a", "garbled", "2", "1", "1", "0", "0.90", "0.75"]
    assert agreed == "The readers give the same verdict to 75% of 4 rows; linearly weighted kappa 0.50."
