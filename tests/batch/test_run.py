"""Run: what is scored when, and what lies in the output folder afterwards."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import batch_fakes
import pyarrow.parquet as pq
import pytest

from newsgauge.batch.items import Columns
from newsgauge.batch.run import Plan, run
from newsgauge.batch.walk import Selection
from newsgauge.model.errors import NewsgaugeError

from .conftest import Go, InProcess, article, tree, union


def sources(output: Path) -> list[str]:
    """The source of every article in the shards, once for each time that it is there."""
    return sorted(row["source"] for path in (output / "articles").iterdir() for row in pq.read_table(path).to_pylist())


def summary(output: Path) -> list[dict[str, str]]:
    with (output / "summary.csv").open(newline="", encoding="utf-8") as table:
        return list(csv.DictReader(table))


def test_every_article_is_in_the_shards_and_in_the_summary_once(folder: Path, tmp_path: Path, go: Go) -> None:
    report, _ = go()
    expected = sorted(map(str, folder.rglob("*.txt")))
    assert sources(tmp_path / "out") == expected
    assert [row["source"] for row in summary(tmp_path / "out")] == expected
    assert report.totals is not None and (report.scored, report.totals.articles, report.totals.failures) == (20, 20, 0)
    assert len(list((tmp_path / "out" / "shards").iterdir())) == 4, "twenty articles in shards of six"


def test_a_second_run_does_nothing(tmp_path: Path, go: Go) -> None:
    go()
    before = tree(tmp_path / "out")
    report, scored = go()
    assert scored == [] and report.known == 20
    assert tree(tmp_path / "out") == before


def test_only_what_has_changed_is_scored_again(folder: Path, tmp_path: Path, go: Go) -> None:
    go()
    changed, new = folder / "a" / "n03.txt", folder / "a" / "n03b.txt"
    size = changed.stat().st_size
    changed.write_text(article(3).replace("was read", "was seen"))
    assert changed.stat().st_size == size
    new.write_text(article(99))
    _, scored = go()
    assert scored == [str(changed), str(new)]
    fresh = tmp_path / "fresh"
    go(fresh)
    assert union(tmp_path / "out") == union(fresh)
    for name in ("summary.csv", "errors.jsonl", "skipped.jsonl"):
        assert (tmp_path / "out" / name).read_bytes() == (fresh / name).read_bytes()


def test_results_of_what_is_gone_stay_until_they_are_pruned(folder: Path, tmp_path: Path, go: Go) -> None:
    go()
    for path in (folder / "a").iterdir():
        path.unlink()
    report, scored = go()
    assert report.gone == 7 and scored == []
    assert len(sources(tmp_path / "out")) == 20
    report, scored = go(prune=True)
    assert report.gone == 0 and scored == []
    assert sources(tmp_path / "out") == sorted(map(str, folder.rglob("*.txt")))
    go(tmp_path / "fresh")
    assert union(tmp_path / "out") == union(tmp_path / "fresh")


@pytest.mark.parametrize("format", ["parquet", "jsonl"])
def test_both_formats_drop_a_changed_article_and_keep_its_neighbours(folder: Path, tmp_path: Path, go: Go, format: str) -> None:
    go(format=format)
    (folder / "b" / "n02.txt").write_text(article(77))
    go(format=format)
    go(tmp_path / "fresh", format=format)
    if format == "parquet":
        assert union(tmp_path / "out") == union(tmp_path / "fresh")
    else:
        lines = [
            sorted(line for path in (o / "shards").iterdir() for line in path.read_bytes().splitlines())
            for o in (tmp_path / "out", tmp_path / "fresh")
        ]
        assert lines[0] == lines[1] and len(lines[0]) == 20


def test_another_model_is_refused_until_told(tmp_path: Path, go: Go) -> None:
    go()
    before = tree(tmp_path / "out")
    with pytest.raises(NewsgaugeError, match="--overwrite-model"):
        go(scoring=batch_fakes.OTHER)
    assert tree(tmp_path / "out") == before
    _, scored = go(scoring=batch_fakes.OTHER, overwrite_model=True)
    assert len(scored) == 20
    tables = [pq.read_table(path)["model"].unique().to_pylist() for path in (tmp_path / "out" / "shards").iterdir()]
    assert tables == [["fake@2"]] * 4


def test_stopping_finishes_the_shard_in_hand_and_the_next_run_goes_on(tmp_path: Path, go: Go) -> None:
    asked = iter([False, True])
    report, first = go(stop=lambda: next(asked))
    assert report.interrupted and report.totals is None and len(first) == 6
    report, second = go()
    assert not report.interrupted and len(second) == 14
    go(tmp_path / "fresh")
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh"), "the same shards under the same names"


def test_a_failure_at_any_moment_leaves_a_folder_that_the_next_run_completes(folder: Path, tmp_path: Path, go: Go) -> None:
    go(tmp_path / "fresh")
    for moment in range(0, 20, 3):

        class Failing(InProcess):
            def run(self, jobs: object) -> object:
                for count, found in enumerate(super().run(jobs)):  # type: ignore[arg-type]
                    if count == moment:  # noqa: B023 -- used before the next moment
                        raise OSError("pulled the plug")
                    yield found

        output = tmp_path / f"out{moment}"
        with pytest.raises(OSError, match="plug"):
            run(Plan(str(folder), output, shard_size=6), batch_fakes.SCORING, Failing())  # type: ignore[arg-type]
        _, scored = go(output)
        assert len(scored) == 20 - moment // 6 * 6
        assert tree(output) == tree(tmp_path / "fresh")


def test_debris_of_a_crash_is_removed_and_what_is_not_ours_stays(tmp_path: Path, go: Go) -> None:
    go()
    before = tree(tmp_path / "out")
    name = next((tmp_path / "out" / "shards").iterdir()).name
    (tmp_path / "out" / "shards" / f".{name}-x1y2").write_bytes(b"half")
    (tmp_path / "out" / "shards" / "0123456789abcdef.parquet").write_bytes(b"whole, but not in the manifest")
    (tmp_path / "out" / ".summary.csv-abcd").write_bytes(b"half")
    (tmp_path / "out" / "shards" / "notes.txt").write_bytes(b"somebody's")
    go()
    assert tree(tmp_path / "out") == before | {"shards/notes.txt": b"somebody's"}


def test_a_shard_that_was_deleted_is_made_again(tmp_path: Path, go: Go) -> None:
    go()
    before = tree(tmp_path / "out")
    next((tmp_path / "out" / "shards").iterdir()).unlink()
    _, scored = go()
    assert 2 <= len(scored) <= 6
    assert tree(tmp_path / "out") == before


def test_rows_of_tables_are_articles_and_a_changed_row_is_scored_alone(folder: Path, tmp_path: Path, go: Go) -> None:
    rows = [{"id": "same" if i < 2 else f"r{i}", "text": article(100 + i)} for i in range(15)]
    table = folder / "b.jsonl"
    table.write_text("\n".join(json.dumps(row) for row in rows))
    report, _ = go()
    assert report.totals is not None and report.totals.articles == 35
    assert sources(tmp_path / "out").count(f"{table}#same") == 2, "rows with the same id are both there"
    rows[4]["text"] = article(500)
    rows.append({"id": "last", "text": article(501)})
    table.write_text("\n".join(json.dumps(row) for row in rows))
    _, scored = go()
    assert scored == [f"{table}#r4", f"{table}#last"]
    del rows[7]
    table.write_text("\n".join(json.dumps(row) for row in rows))
    report, scored = go()
    assert scored == [f"{table}#{row['id']}" for row in rows[7:]], "the number of a row is its place"
    assert report.gone == 0 and sources(tmp_path / "out").count(f"{table}#last") == 1
    go(tmp_path / "fresh")
    assert (tmp_path / "out" / "summary.csv").read_bytes() == (tmp_path / "fresh" / "summary.csv").read_bytes()


def test_failures_are_listed_with_their_reason_and_tried_again_only_where_asked(folder: Path, tmp_path: Path, go: Go) -> None:
    (folder / "a" / "binary.txt").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    (folder / "a" / "breaks.txt").write_text(article(50, batch_fakes.BREAK))
    (folder / "rows.csv").write_text("title,words\nOne,The court met.\n")
    report, _ = go()
    lines = [json.loads(line) for line in (tmp_path / "out" / "errors.jsonl").read_text().splitlines()]
    assert [(Path(line["source"]).name, line["error"]["kind"]) for line in lines] == [
        ("binary.txt", "binary"),
        ("breaks.txt", "crash"),
        ("rows.csv", "column"),
    ]
    assert "a library broke" in lines[1]["error"]["message"]
    assert report.totals is not None and (report.totals.articles, report.totals.failures) == (20, 3)
    assert go()[1] == []
    before = union(tmp_path / "out")
    assert [Path(source).name for source in go(retry_failed=True)[1]] == ["binary.txt", "breaks.txt"]
    assert union(tmp_path / "out") == before


def test_what_is_passed_over_is_listed(folder: Path, tmp_path: Path, go: Go) -> None:
    (folder / "photo.jpg").write_bytes(b"x")
    (folder / "link.txt").symlink_to("nowhere")
    go(selection=Selection(exclude=("b/*",)))
    lines = [json.loads(line) for line in (tmp_path / "out" / "skipped.jsonl").read_text().splitlines()]
    reasons = {Path(line["source"]).name: line["skipped"]["kind"] for line in lines}
    assert (
        reasons["photo.jpg"] == "format"
        and reasons["link.txt"] == "link"
        and reasons["n01.txt" if "n01.txt" in reasons else "c"] == "excluded"
    )


def test_columns_can_be_chosen(folder: Path, tmp_path: Path, go: Go) -> None:
    (folder / "t.csv").write_text("name,story\nx,The court met on Monday.\n")
    go(columns=Columns("story", "name"), selection=Selection(include=("t.csv",)))
    assert sources(tmp_path / "out") == [f"{folder / 't.csv'}#x"]


@pytest.mark.parametrize(
    ("change", "needle"),
    [
        ({"format": "xml"}, "parquet"),
        ({"shard_size": 0}, "1 or more"),
        ({"selection": Selection(format="xml")}, "jsonl"),
        ({"selection": Selection(include=("*.pdf",))}, r"\*\.pdf"),
    ],
)
def test_a_plan_without_sense_is_refused(tmp_path: Path, go: Go, change: dict[str, object], needle: str) -> None:
    with pytest.raises(NewsgaugeError, match=needle):
        go(**change)
    assert not (tmp_path / "out" / "summary.csv").exists()


def test_the_output_cannot_be_the_folder_or_a_file(folder: Path, go: Callable[..., object]) -> None:
    with pytest.raises(NewsgaugeError, match="another one"):
        go(folder)
    with pytest.raises(NewsgaugeError, match="is a file"):
        go(folder / "a" / "n00.txt")
