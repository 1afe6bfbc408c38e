"""Labels in every format come in as the same rows, and every fault is one line with file and place."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsgauge.model.errors import NewsgaugeError
from newsgauge.training.job import Job, read_job
from newsgauge.training.labels import Columns, LabelError, LabelledRow, grouped, read_labels

ROWS = [
    {"text": "The mayor denied it.", "label": "denial", "document": "a", "position": 3, "before": "He was asked.", "id": "1"},
    {"text": "Nine people, she said, were hurt.", "label": "evidence", "document": "a", "position": 4, "before": "", "id": "2"},
    {"text": "“They lied.”", "label": "accusation", "document": "b", "position": 0, "before": "", "id": "3"},
    {"text": "The informations was very useful.", "label": "garbled", "document": "b", "position": 9, "before": "", "id": "4"},
]


def json_lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n", encoding="utf-8")
    return path


def table(path: Path, rows: list[dict[str, Any]], delimiter: str) -> Path:
    lines = [delimiter.join(rows[0])]
    lines += [delimiter.join(f'"{str(value).replace(chr(34), chr(34) * 2)}"' for value in row.values()) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def label_studio(path: Path, rows: list[dict[str, Any]]) -> Path:
    def task(row: dict[str, Any]) -> dict[str, Any]:
        result = [{"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": [row["label"]]}}]
        skipped = {"was_cancelled": True, "result": []}
        return {"id": 7, "data": {k: v for k, v in row.items() if k != "label"}, "annotations": [skipped, {"result": result}]}

    path.write_text(json.dumps([task(row) for row in rows]), encoding="utf-8")
    return path


def prodigy(path: Path, rows: list[dict[str, Any]]) -> Path:
    def task(row: dict[str, Any]) -> dict[str, Any]:
        meta = {name: row[name] for name in ("document", "position", "before")}
        return {"text": row["text"], "options": [{"id": "denial"}], "accept": [row["label"]], "answer": "accept", "meta": meta}

    return json_lines(path, [task(row) for row in rows])


def parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


WRITERS: dict[str, Callable[[Path], Path]] = {
    "jsonl": lambda folder: json_lines(folder / "rows.jsonl", ROWS),
    "csv": lambda folder: table(folder / "rows.csv", ROWS, ","),
    "semicolons": lambda folder: table(folder / "rows.csv", ROWS, ";"),
    "tsv": lambda folder: table(folder / "rows.tsv", ROWS, "\t"),
    "parquet": lambda folder: parquet(folder / "rows.parquet", ROWS),
    "label studio": lambda folder: label_studio(folder / "rows.json", ROWS),
    "prodigy": lambda folder: prodigy(folder / "rows.jsonl", ROWS),
}


@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)
def test_every_format_gives_the_same_rows(writer: Callable[[Path], Path], tmp_path: Path) -> None:
    rows = read_labels([str(writer(tmp_path))])
    assert [(row.text, row.label, row.document, row.position, row.before) for row in rows] == [
        (row["text"], row["label"], row["document"], row["position"], row["before"]) for row in ROWS
    ]
    assert [row.garbled for row in rows] == [None, None, None, True]
    assert all(re.search(r", (line|row|task) \d+$", row.where) for row in rows)


def test_a_saved_dataset_with_numbered_labels(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["denial", "evidence"])})
    saved = datasets.Dataset.from_dict({"text": ["No.", "Nine were hurt."], "label": [0, 1]}, features=features)
    saved.save_to_disk(str(tmp_path / "set"))
    assert [row.stance for row in read_labels([str(tmp_path / "set")])] == ["denial", "evidence"]


def test_labels_are_known_in_capitals_and_with_spaces(tmp_path: Path) -> None:
    path = json_lines(tmp_path / "rows.jsonl", [{"text": "No.", "label": " DENIAL "}, {"text": "Is it?", "label": "Open_Question"}])
    rows = read_labels([str(path)], labels=("denial", "open question"))
    assert [row.stance for row in rows] == ["denial", "open question"]


def test_what_nobody_labelled_is_context(tmp_path: Path) -> None:
    given = [{"text": "No.", "label": "denial"}, {"text": "He left.", "label": ""}, {"text": "Share this", "label": "none"}]
    rows = read_labels([str(json_lines(tmp_path / "rows.jsonl", given))])
    assert [row.label for row in rows] == ["denial", None, None]
    assert rows[2].boilerplate


FAULTS: dict[str, tuple[str, bytes, tuple[str, ...]]] = {
    "unknown label": ("a.csv", b"text,label\nNo.,denial\nYes.,acusation\n", ("line 3", "'acusation'", "did you mean 'accusation'")),
    "missing column": ("a.csv", b"text,mark\nNo.,denial\n", ("no label column", "'text', 'mark'", "--label-column")),
    "empty file": ("a.jsonl", b"\n", ("is empty",)),
    "header only": ("a.csv", b"text,label\n", ("no rows",)),
    "no label": ("a.csv", b"text,label\nNo.,\n", ("none of the 1 rows has a label",)),
    "duplicate id": ("a.csv", b"id,text,label\n1,No.,denial\n1,Yes.,denial\n", ("line 3", "'1'", "line 2")),
    "long row": ("a.csv", b"text,label\n" + b"x" * 100_000 + b",denial\n", ("line 2", "100,000 characters")),
    "broken json": ("a.jsonl", b'{"text": "No."\n', ("line 1", "not valid JSON")),
    "not an object": ("a.jsonl", b"[1]\n", ("line 1", "list")),
    "mixed encodings": ("a.csv", "text,label\nNö.,denial\n".encode() + "Jä.,denial\n".encode("latin-1"), ("line 3", "UTF-8")),
    "too many cells": ("a.csv", b"text,label\nNo, never.,denial\n", ("line 2", "3 cells under 2 columns")),
    "bad span": ("a.jsonl", b'{"text": "No.", "label": "garbled", "spans": [[0, 9]]}\n', ("line 1", "(0, 9)")),
    "unknown ending": ("a.xlsx", b"x", ("'.xlsx'",)),
    "empty text": ("a.jsonl", b'{"text": " ", "label": "denial"}\n{"text": " ", "label": "x"}\n', ("line 1", "1 more rows have faults")),
}


@pytest.mark.parametrize(("name", "content", "told"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_one_line_with_its_place(name: str, content: bytes, told: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(NewsgaugeError) as fault:
        read_labels([str(path)])
    message = str(fault.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    for part in told:
        assert part in message


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(NewsgaugeError, match=r"nowhere\.csv: cannot be read"):
        read_labels([str(tmp_path / "nowhere.csv")])


def test_files_in_different_encodings(tmp_path: Path) -> None:
    one, other = tmp_path / "one.csv", tmp_path / "other.csv"
    one.write_bytes("text,label\nDer Müller leugnet.,denial\n".encode("utf-16"))
    other.write_bytes("text,label\n“Nö”,denial\n".encode("cp1252"))
    assert [row.text for row in read_labels([str(one), str(other)])] == ["Der Müller leugnet.", "“Nö”"]


def test_columns_can_be_chosen(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("satz,text,marke\nNo.,x,denial\n")
    (row,) = read_labels([str(path)], columns=Columns("satz", "marke"))
    assert (row.text, row.stance) == ("No.", "denial")


def test_neighbours_are_read_together_and_context_is_kept() -> None:
    rows = [
        LabelledRow("Third.", "w3", "denial", document="a", position=3, after="Fourth."),
        LabelledRow("Second.", "w2", "denial", document="a", position=2, before="First."),
        LabelledRow("Alone.", "w9", "denial", document="a", position=9, before="Eighth."),
        LabelledRow("Elsewhere.", "wx", "denial"),
    ]
    documents, places = grouped(rows, ["a", "a", "a", "x"])
    assert [(one.before, [row.text for row in one.rows]) for one in documents] == [
        ("First.", ["Second.", "Third.", "Fourth."]),
        ("Eighth.", ["Alone."]),
        ("", ["Elsewhere."]),
    ]
    assert places == [1, 0, -1, 2, 3]


@given(st.lists(st.tuples(st.sampled_from("ab "), st.none() | st.integers(0, 5)), max_size=12))
def test_every_row_is_grouped_once(given: list[tuple[str, int | None]]) -> None:
    rows = [LabelledRow(f"Row {i}.", "w", "denial", document=name.strip(), position=p) for i, (name, p) in enumerate(given)]
    documents, places = grouped(rows, [row.document or str(i) for i, row in enumerate(rows)])
    assert sorted(places) == list(range(len(rows)))
    assert [row.text for one in documents for row in one.rows] == [rows[i].text for i in places]


@pytest.mark.parametrize("scheme", [("sentences", "claim"), ("claim", "=1+1"), ("claim", "share_of"), ("a" * 101, "b")])
def test_labels_that_no_model_can_have_are_refused_before_a_row_is_read(tmp_path: Path, scheme: tuple[str, ...]) -> None:
    with pytest.raises(LabelError, match=r"^These labels cannot be used: a label is ") as caught:
        read_job(Job(["no such file"], tmp_path / "model"), scheme)
    assert "expected" in str(caught.value)


def test_a_parquet_text_that_is_no_text_is_told(tmp_path: Path) -> None:
    broken = pa.LargeStringArray.from_buffers(1, pa.array([0, 2]).buffers()[1], pa.py_buffer(b"\xff\xfe"))
    pq.write_table(pa.table({"text": broken, "label": ["denial"]}), tmp_path / "rows.parquet")
    with pytest.raises(NewsgaugeError, match=r"rows\.parquet: not a readable Parquet table \('utf-8' codec") as caught:
        read_labels([str(tmp_path / "rows.parquet")])
    assert len(str(caught.value).splitlines()) == 1
