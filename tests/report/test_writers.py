"""JSON Lines, CSV and Parquet: each by itself, and all three against each other."""

from __future__ import annotations

import csv
import gc
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from newsgauge.model.results import ArticleScore, InputFailure
from newsgauge.report.rows import columns
from newsgauge.report.sink import sink
from newsgauge.report.writers import WRITERS, CsvWriter, ParquetWriter, Result, format_for

Build = Callable[..., ArticleScore]


@pytest.fixture
def other(build: Build) -> ArticleScore:
    return build("Six pumps failed.", 'He said "no, never",\nand left.', source="table.csv#7", verdict=None)


def written(format: str, results: list[Result], labels: tuple[str, ...]) -> bytes:
    stream = io.BytesIO()
    writer = WRITERS[format](stream, labels)
    for result in results:
        writer.write(result)
    writer.close()
    assert not stream.closed, "the stream belongs to the caller"
    return stream.getvalue()


def csv_rows(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8"), newline="")))


def parquet(data: bytes) -> pq.ParquetFile:
    return pq.ParquetFile(io.BytesIO(data))


def typed(cell: str, kind: pa.DataType) -> Any:
    """A CSV cell as the value of a Parquet column."""
    if cell == "":
        return None
    if pa.types.is_integer(kind):
        return int(cell)
    if pa.types.is_boolean(kind):
        return {"True": True, "False": False}[cell]
    return float(cell) if pa.types.is_floating(kind) else cell


def test_a_json_line_holds_all_of_a_result(
    article: ArticleScore, other: ArticleScore, failure: InputFailure, labels: tuple[str, ...]
) -> None:
    data = written("jsonl", [article, failure, other], labels)
    assert data.endswith(b"\n")
    found = [json.loads(line) for line in data.decode("utf-8").split("\n")[:-1]]
    assert found == [article.to_dict(), failure.to_dict(), other.to_dict()]
    assert found[0]["stance"] == {"accusation": 1, "denial": 1, "evidence": 1, "analysis": 1}
    assert found[0]["sentences"][2]["garbled"]["spans"] == [[0, 7, 0.75], [18, 35, 0.625]]
    assert found[1]["error"] == {"kind": "missing", "message": failure.message}
    assert found[2]["machine_translated"] is None


def test_a_json_line_is_written_at_once(article: ArticleScore, labels: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "out"
    with path.open("wb") as stream:
        WRITERS["jsonl"](stream, labels).write(article)
        assert path.read_bytes().count(b"\n") == 1


def test_csv_has_a_header_and_a_row_per_sentence(article: ArticleScore, failure: InputFailure, labels: tuple[str, ...]) -> None:
    data = written("csv", [article, failure], labels)
    header = data.decode("utf-8").splitlines()[0]
    assert header.split(",") == columns(labels)
    assert header.startswith("source,model,article_language,characters,machine_translated_probability,machine_translated_flag,index,")
    *rows, failed = csv_rows(data)
    assert [row["text"] for row in rows] == [sentence.text for sentence in article.sentences]
    assert {row["source"] for row in rows} == {"pier.txt"}
    assert {row["machine_translated_flag"] for row in rows} == {"True"}
    assert [row["passage"] for row in rows] == ["", "", "0", "0", "", ""]
    assert [row["garbled_spans"] for row in rows] == ["", "", "0-7 18-35", "", "", ""]
    assert rows[1]["probability_accusation"] == "0.7"
    assert rows[4]["label"] == rows[4]["probability_denial"] == rows[4]["garbled_probability"] == ""
    assert {name: cell for name, cell in failed.items() if cell} == {
        "source": "lost.txt",
        "error_kind": "missing",
        "error_message": failure.message,
    }


def test_csv_of_nothing_is_a_header(labels: tuple[str, ...]) -> None:
    assert written("csv", [], labels).decode().splitlines() == [",".join(columns(labels))]


@pytest.mark.parametrize(
    "text", ["=1+1", "+1 234 people fled", "-5 degrees", "@minister wrote", "\tIndented", "=cmd|' /C calc'!A0", "＝1+1", "＠x", "\n=1"]
)
def test_a_spreadsheet_runs_no_cell_as_a_formula(build: Build, labels: tuple[str, ...], text: str) -> None:
    plain, guarded = csv_rows(written("csv", [build("An = sign inside, +1 too."), build(text)], labels))
    assert guarded["text"] == "'" + text
    assert plain["text"] == "An = sign inside, +1 too."


def test_numbers_are_not_guarded(build: Build, labels: tuple[str, ...]) -> None:
    low = {"text": "Cold.", "label": "evidence", "probabilities": {"evidence": -0.0, "denial": 1e-7}}
    (row,) = csv_rows(written("csv", [build(low)], labels))
    assert float(row["probability_evidence"]) == 0.0
    assert float(row["probability_denial"]) == 1e-7


@pytest.mark.parametrize("text", ['A "quoted" word', "comma, semicolon; tab\t.", "two\nlines", "two\rlines", "two\r\nlines", "“é” 🌉 桥"])
def test_csv_gives_back_any_text(build: Build, labels: tuple[str, ...], text: str) -> None:
    first, second = csv_rows(written("csv", [build(text), build("Next.")], labels))
    assert first["text"] == text
    assert second["text"] == "Next."


@pytest.mark.parametrize("format", sorted(WRITERS))
def test_a_file_name_that_is_not_unicode_is_written(build: Build, labels: tuple[str, ...], format: str) -> None:
    # What the file system gives for a name in Latin-1.
    name = b"caf\xe9.txt".decode("utf-8", "surrogateescape")
    data = written(format, [build("Six pumps failed.", source=name), InputFailure(name, "empty", f"{name} is empty.")], labels)
    assert b"Six pumps failed." in data


def test_parquet_has_the_columns_of_csv_with_types(
    article: ArticleScore, other: ArticleScore, failure: InputFailure, labels: tuple[str, ...]
) -> None:
    table = parquet(written("parquet", [article, other, failure], labels)).read()
    assert table.column_names == columns(labels)
    kinds = {field.name: field.type for field in table.schema}
    assert {name for name, kind in kinds.items() if kind == pa.int64()} == {"characters", "index", "start", "end", "block", "passage"}
    assert {name for name, kind in kinds.items() if kind == pa.bool_()} == {"machine_translated_flag", "confident", "garbled_flag"}
    assert {name for name, kind in kinds.items() if kind == pa.float64()} == {
        "passage_probability",
        "machine_translated_probability",
        "garbled_probability",
        *(f"probability_{label}" for label in labels),
    }
    assert all(kind in (pa.int64(), pa.bool_(), pa.float64(), pa.string()) for kind in kinds.values())
    assert table.num_rows == len(article.sentences) + len(other.sentences) + 1


def test_parquet_writes_row_groups_as_it_goes(build: Build, labels: tuple[str, ...]) -> None:
    stream = io.BytesIO()
    writer = ParquetWriter(stream, labels, group=4)
    for number in range(5):
        writer.write(build("One.", "Two.", "Three.", source=str(number)))
        if number == 1:
            assert stream.tell() > 200, "the first group is on its way before the end"
    writer.close()
    found = parquet(stream.getvalue())
    assert [found.metadata.row_group(i).num_rows for i in range(found.num_row_groups)] == [6, 6, 3]
    assert found.read().column("source").to_pylist() == [str(number) for number in range(5) for _ in range(3)]


def test_parquet_of_nothing_can_be_read(labels: tuple[str, ...]) -> None:
    table = parquet(written("parquet", [], labels)).read()
    assert (table.num_rows, table.column_names) == (0, columns(labels))


def test_a_model_with_other_labels_has_other_columns(build: Build) -> None:
    data = written("csv", [build({"text": "Hm.", "label": "doubt", "probabilities": {"doubt": 1.0}})], ("doubt",))
    (row,) = csv_rows(data)
    assert row["probability_doubt"] == "1.0"
    assert "probability_denial" not in row


def test_the_three_formats_agree(article: ArticleScore, other: ArticleScore, failure: InputFailure, labels: tuple[str, ...]) -> None:
    results: list[Result] = [article, failure, other]
    table = parquet(written("parquet", results, labels)).read()
    rows = table.to_pylist()
    kinds = {field.name: field.type for field in table.schema}
    from_csv = [{name: typed(cell, kinds[name]) for name, cell in row.items()} for row in csv_rows(written("csv", results, labels))]
    # An empty string is an empty cell in CSV.
    assert from_csv == [{name: None if value == "" else value for name, value in row.items()} for row in rows]

    objects = [json.loads(line) for line in written("jsonl", results, labels).splitlines()]
    expected = []
    for found in objects:
        if "error" in found:
            expected.append((found["source"], found["error"]["kind"], found["error"]["message"]))
        for sentence in found.get("sentences", ()):
            garbled = sentence["garbled"] or {}
            expected.append(
                (
                    found["source"],
                    found["characters"],
                    (found["machine_translated"] or {}).get("probability"),
                    *(sentence[name] for name in ("index", "start", "end", "text", "language", "kind", "label", "confident")),
                    *((sentence["probabilities"] or {}).get(label) for label in labels),
                    garbled.get("probability"),
                    garbled.get("flag"),
                )
            )
    flat = []
    for row in rows:
        if row["error_kind"]:
            flat.append((row["source"], row["error_kind"], row["error_message"]))
            continue
        names = ["source", "characters", "machine_translated_probability"]
        names += ["index", "start", "end", "text", "language", "kind", "label", "confident"]
        names += [f"probability_{label}" for label in labels] + ["garbled_probability", "garbled_flag"]
        flat.append(tuple(row[name] for name in names))
    assert flat == expected


@pytest.mark.parametrize(
    ("name", "format"),
    [("a.jsonl", "jsonl"), ("a.ndjson", "jsonl"), ("a.CSV", "csv"), ("a.b.parquet", "parquet"), ("a.txt", None), ("csv", None)],
)
def test_the_name_of_the_output_tells_the_format(name: str, format: str | None) -> None:
    assert format_for(Path(name)) == format


class StopError(Exception):
    pass


def written_in_part(format: str, output: Path | None, labels: tuple[str, ...], article: ArticleScore) -> None:
    with sink(format, output, labels) as write:
        write(article)
        raise StopError


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("format", [*sorted(WRITERS), "table"])
def test_a_file_is_written_through_the_sink_or_not_at_all(
    article: ArticleScore, failure: InputFailure, labels: tuple[str, ...], tmp_path: Path, format: str
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    with sink(format, whole, labels) as write:
        write(article)
        write(failure)
    if format != "table":
        assert whole.read_bytes() == written(format, [article, failure], labels)
    else:
        assert "accusation" in whole.read_text(encoding="utf-8")
    with pytest.raises(StopError):
        written_in_part(format, broken, labels, article)
    gc.collect()
    assert list(tmp_path.iterdir()) == [whole]


@pytest.mark.parametrize("format", sorted(WRITERS))
def test_standard_output_stays_open(article: ArticleScore, labels: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, format: str) -> None:
    stream = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(stream, encoding="utf-8"))
    with sink(format, None, labels) as write:
        write(article)
    gc.collect()
    assert not stream.closed
    assert stream.getvalue() == written(format, [article], labels)


@pytest.mark.parametrize("format", sorted(WRITERS))
def test_an_error_leaves_standard_output_open(
    article: ArticleScore, labels: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    stream = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(stream, encoding="utf-8"))
    with pytest.raises(StopError):
        written_in_part(format, None, labels, article)
    gc.collect()
    assert not stream.closed, "what else is to be printed can be"


def test_a_csv_writer_leaves_its_stream_usable(labels: tuple[str, ...]) -> None:
    stream = io.BytesIO()
    writer = CsvWriter(stream, labels)
    writer.close()
    del writer
    gc.collect()
    stream.write(b"more")
    assert stream.getvalue().endswith(b"\nmore")
