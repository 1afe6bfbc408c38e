"""Inputs: files and tables to articles, and a clear failure for everything else."""

import io
import json
import os
import sys
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from newsgauge.model.inputs import Article, read
from newsgauge.model.results import InputFailure

STORY = "The ferry left the harbour at dawn. Nobody had seen the captain."


def one(path: Path | str, **options: object) -> Article | InputFailure:
    (item,) = read(str(path), **options)  # type: ignore[arg-type]
    return item


def outcome(items: object) -> list[tuple[str, str]]:
    """(last part of the source, text or the kind of the failure)."""
    return [
        (item.source.rpartition("/")[2], item.document.text if isinstance(item, Article) else item.kind)
        for item in items  # type: ignore[attr-defined]
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.txt", STORY), ("a.MD", f"# Head\n\n**{STORY}**"), ("a.html", f"<p>{STORY}</p>"), ("a.htm", f"<p>{STORY}</p>")],
)
def test_article_files(tmp_path: Path, name: str, content: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    item = one(path)
    assert isinstance(item, Article)
    assert item.source == str(path) and STORY in item.document.text and "*" not in item.document.text
    assert item.document.encoding == "utf-8"


@pytest.mark.parametrize(
    ("name", "content", "kind", "named"),
    [
        ("empty.txt", b"", "empty", "empty"),
        ("blank.md", b" \n", "empty", "white space"),
        ("page.html", b"<script>x</script>", "empty", "no readable text"),
        ("file.txt", b"%PDF-1.4", "binary", "PDF"),
        ("file.docx", b"PK\x03\x04", "format", "--input-format"),
        ("file", STORY.encode(), "format", "without an ending"),
        ("big.txt", b"word " * 500, "too-large", "1,000"),
        ("empty.jsonl", b"", "empty", "empty"),
        ("empty.csv", b"\n", "empty", "empty"),
        ("header.csv", b"id,text\n", "empty", "no rows"),
        ("empty.parquet", b"", "empty", "empty"),
        ("bad.parquet", b"PAR1 is not enough", "table", "Parquet"),
        ("binary.csv", b"\x00\x01\x02" * 100, "binary", "control"),
        ("wrong.csv", b"id,story\n1,x\n", "column", "'story'"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, name: str, content: bytes, kind: str, named: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    item = one(path, max_bytes=1000)
    assert isinstance(item, InputFailure)
    assert (item.source, item.kind) == (str(path), kind)
    assert named in item.message and "\n" not in item.message


def test_missing_and_directory(tmp_path: Path) -> None:
    for path, kind in [
        (tmp_path / "none.txt", "missing"),
        (tmp_path / "none.xyz", "missing"),
        (tmp_path, "directory"),
        ("a\0b.txt", "missing"),
    ]:
        item = one(path)
        assert isinstance(item, InputFailure) and item.kind == kind


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the administrator may read everything")
def test_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "secret.txt"
    path.write_text(STORY)
    path.chmod(0)
    item = one(path)
    assert isinstance(item, InputFailure) and item.kind == "unreadable"


def test_format_overrides_the_ending(tmp_path: Path) -> None:
    path = tmp_path / "page.cgi"
    path.write_text(f"<p>{STORY}</p>")
    item = one(path, format="html")
    assert isinstance(item, Article) and item.document.text == STORY
    item = one(path, format="doc")
    assert isinstance(item, InputFailure) and item.kind == "format" and "parquet" in item.message


class Standard:
    def __init__(self, data: bytes) -> None:
        self.buffer = io.BytesIO(data)


@pytest.mark.parametrize(
    ("data", "format", "expected"),
    [
        (STORY.encode(), None, [("-", STORY)]),
        (b"# " + STORY.encode(), "markdown", [("-", STORY)]),
        (json.dumps({"text": STORY}).encode(), "jsonl", [("-#1", STORY)]),
        (f"id,text\nx,{STORY}\n".encode(), "csv", [("-#x", STORY)]),
        (b"", None, [("-", "empty")]),
    ],
)
def test_standard_input(monkeypatch: pytest.MonkeyPatch, data: bytes, format: str | None, expected: list[tuple[str, str]]) -> None:
    monkeypatch.setattr(sys, "stdin", Standard(data))
    assert outcome(read("-", format=format)) == expected


def test_parquet_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    sink = io.BytesIO()
    parquet.write_table(pyarrow.table({"text": [STORY]}), sink)
    monkeypatch.setattr(sys, "stdin", Standard(sink.getvalue()))
    assert outcome(read("-", format="parquet")) == [("-#1", STORY)]


def test_jsonl_rows(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    rows = [
        json.dumps({"Body": STORY, "ID": "a1"}),
        "",
        '{"body": "never closed',
        json.dumps({"body": None, "id": 7}),
        json.dumps({"body": 12}),
        json.dumps([1]),
        json.dumps({"body": " "}),
        json.dumps({"title": "x"}),
        "[" * 100_000,
        json.dumps({"body": STORY, "id": ""}),
    ]
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(rows).encode())
    items = list(read(str(path)))
    assert outcome(items) == [
        ("rows.jsonl#a1", STORY),
        ("rows.jsonl#3", "json"),
        ("rows.jsonl#7", "table"),
        ("rows.jsonl#5", "table"),
        ("rows.jsonl#6", "json"),
        ("rows.jsonl#7", "empty"),
        ("rows.jsonl#8", "column"),
        ("rows.jsonl#9", "json"),
        ("rows.jsonl#10", STORY),
    ]
    assert "line 3" in items[1].message  # type: ignore[union-attr]
    assert "'title'" in items[6].message  # type: ignore[union-attr]


def test_jsonl_without_the_column_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"story": "x"}\n' * 1000)
    items = outcome(read(str(path)))
    assert len(items) == 11 and items[-1] == ("rows.jsonl", "column")


def test_jsonl_line_too_long(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"text": "x " * 1000}) + "\n" + json.dumps({"text": STORY}) + "\n")
    assert outcome(read(str(path), max_bytes=500)) == [("rows.jsonl#1", "too-large"), ("rows.jsonl#2", STORY)]


@pytest.mark.parametrize(("name", "delimiter"), [("rows.csv", ","), ("rows.csv", ";"), ("rows.tsv", "\t")])
def test_csv_rows(tmp_path: Path, name: str, delimiter: str) -> None:
    path = tmp_path / name
    rows = [["url", "Content"], ["http://x", f'"{STORY}\nEnd."'], ["", STORY], [], ["y"], ["z", ""]]
    path.write_bytes("\r\n".join(delimiter.join(row) for row in rows).encode("utf-8-sig"))
    assert outcome(read(str(path))) == [("x", f"{STORY}\nEnd."), (f"{name}#2", STORY), (f"{name}#y", "table"), (f"{name}#z", "empty")]


def test_csv_in_windows_1252(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes("text\n“The café is shut,” he said.\n".encode("cp1252"))
    item = one(path)
    assert isinstance(item, Article)
    assert item.document.text == "“The café is shut,” he said." and item.document.encoding == "cp1252"


def test_csv_with_an_open_quotation_mark_ends(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(f'id,text\n1,{STORY}\n2,"never closed\n' + "line\n" * 100_000)
    items = list(read(str(path), max_bytes=200_000))
    assert outcome(items) == [("rows.csv#1", STORY), ("rows.csv", "table")]
    assert "quotation mark" in items[1].message  # type: ignore[union-attr]


def test_chosen_columns(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(f"text,Story,key\nx,{STORY},k1\n")
    assert outcome(read(str(path), text_column="story", id_column="key")) == [("rows.csv#k1", STORY)]
    for options, named in [({"text_column": "nope"}, "--text-column"), ({"id_column": "nope"}, "--id-column")]:
        item = one(path, **options)
        assert isinstance(item, InputFailure) and item.kind == "column"
        assert named in item.message and "'Story'" in item.message and "'nope'" in item.message


def test_parquet_rows(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    parquet.write_table(pyarrow.table({"id": [5, None, 7], "text": [STORY, STORY, None], "other": [1, 2, 3]}), path)
    assert outcome(read(str(path))) == [("rows.parquet#5", STORY), ("rows.parquet#2", STORY), ("rows.parquet#7", "table")]
    item = one(path, text_column="nope")
    assert isinstance(item, InputFailure) and item.kind == "column" and "'other'" in item.message


def test_a_parquet_table_with_two_columns_of_a_name_is_told(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    parquet.write_table(pyarrow.Table.from_arrays([pyarrow.array([STORY])] * 2, names=["text", "text"]), path)
    item = one(path)
    assert isinstance(item, InputFailure) and item.kind == "table" and "2 times" in item.message


def test_a_time_that_python_cannot_hold_names_no_article(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    when = pyarrow.array([2**62], pyarrow.timestamp("us"))
    parquet.write_table(pyarrow.table({"when": when, "text": [STORY]}), path)
    item = one(path, id_column="when")
    assert isinstance(item, InputFailure) and item.kind == "table"


def test_parquet_text_of_another_type(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    parquet.write_table(pyarrow.table({"text": [1.5]}), path)
    item = one(path)
    assert isinstance(item, InputFailure) and item.kind == "table" and "float" in item.message


def test_tables_are_streamed(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with path.open("w") as file:
        for _ in range(200_000):
            file.write('{"text": "The ferry left the harbour at dawn."}\n')
    items = read(str(path))
    assert [next(items).source.rpartition("#")[2] for _ in range(3)] == ["1", "2", "3"]


def test_what_is_larger_than_an_article_may_be_is_refused_in_every_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = io.BytesIO()
    parquet.write_table(pyarrow.table({"text": [STORY, "x " * 300]}), sink)
    (tmp_path / "rows.parquet").write_bytes(sink.getvalue())
    assert outcome(read(str(tmp_path / "rows.parquet"), max_bytes=500)) == [("rows.parquet#1", STORY), ("rows.parquet#2", "too-large")]
    monkeypatch.setattr(sys, "stdin", Standard(sink.getvalue()))
    assert outcome(read("-", format="parquet", max_bytes=500)) == [("-", "too-large")]
    (tmp_path / "rows.csv").write_text(f"text\n{STORY}\n" + "x " * 300 + f"\n{STORY}\n")
    assert outcome(read(str(tmp_path / "rows.csv"), max_bytes=500)) == [("rows.csv#1", STORY), ("rows.csv", "too-large")]


def test_a_parquet_text_that_is_no_text_is_a_failure_and_the_other_rows_are_read(tmp_path: Path) -> None:
    """As made by a program that writes any bytes: the file says UTF-8, and nothing has checked it."""
    bad = pyarrow.StringArray.from_buffers(
        3, pyarrow.array([0, 2, 4, 6], pyarrow.int32()).buffers()[1], pyarrow.py_buffer(b"Hi\xc2\x80\x80\x80")
    )
    large = pyarrow.LargeStringArray.from_buffers(3, pyarrow.array([0, 1, 2, 3]).buffers()[1], pyarrow.py_buffer(b"a\xffc"))
    parquet.write_table(pyarrow.table({"text": [STORY] * 3, "id": large}), tmp_path / "ids.parquet")
    assert outcome(read(str(tmp_path / "ids.parquet"))) == [(f"ids.parquet#{name}", STORY) for name in "a2c"]
    for column in (bad, large):
        parquet.write_table(pyarrow.table({"text": column}), tmp_path / "rows.parquet")
        found = list(read(str(tmp_path / "rows.parquet")))
        failures = [item for item in found if isinstance(item, InputFailure) and item.kind == "table"]
        assert len(found) == 3 and len(failures) == 1
        assert failures[0].message.endswith("the text column holds bytes, not text")
