"""Run: what is scored when, and what lies in the output folder afterwards."""

from __future__ import annotations

import csv
import json
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import batch_fakes
import pyarrow.parquet as pq
import pytest

from newsgauge.batch import upkeep
from newsgauge.batch.items import Columns, Input
from newsgauge.batch.manifest import Header, Manifest
from newsgauge.batch.run import Plan, run
from newsgauge.batch.shards import Store
from newsgauge.batch.walk import Selection
from newsgauge.model.errors import NewsgaugeError
from newsgauge.model.inputs import Raw

from ..conftest import injected
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


def test_cards_of_a_release_that_did_not_name_the_model_are_gone_on_with(folder: Path, tmp_path: Path, go: Go) -> None:
    go()
    for path in (tmp_path / "out" / "articles").iterdir():
        pq.write_table(pq.read_table(path).drop_columns("model"), path)
    (folder / "a" / "n03.txt").write_text(article(900))
    _, scored = go()
    assert len(scored) == 1
    named = [row["model"] for row in summary(tmp_path / "out")]
    assert named.count("") == 19 and len(set(named)) == 2


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


def test_what_is_passed_over_this_time_is_not_pruned(folder: Path, tmp_path: Path, go: Go) -> None:
    go()
    report, _ = go(prune=True, selection=Selection(exclude=["a"]))
    assert report.gone == 0 and len(sources(tmp_path / "out")) == 20
    (folder / "a" / "n03.txt").unlink()
    report, scored = go(selection=Selection(exclude=["a"]))
    assert report.gone == 1 and scored == []


def test_what_is_read_as_something_else_is_scored_again(folder: Path, go: Go) -> None:
    go()
    _, scored = go(selection=Selection(format="html"))
    assert scored == sorted(map(str, folder.rglob("*.txt")))
    assert go(selection=Selection(format="html"))[1] == []


def test_a_row_under_another_name_is_scored_again(folder: Path, tmp_path: Path, go: Go) -> None:
    rows = [{"id": f"i{number}", "key": f"k{number}", "text": article(number)} for number in range(3)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    go()
    go(columns=Columns(id="key"))
    assert [source.partition("#")[2] for source in sources(tmp_path / "out") if "#" in source] == ["k0", "k1", "k2"]


@pytest.mark.parametrize("inside", ["articles", "shards", "articles/2024"])
def test_articles_that_lie_where_the_results_go_are_refused(tmp_path: Path, inside: str) -> None:
    articles = tmp_path / "data" / inside
    articles.mkdir(parents=True)
    kept = articles / f"{7:016x}.jsonl"
    kept.write_text(json.dumps({"text": article(1)}) + "\n")
    with pytest.raises(NewsgaugeError, match="lies where the results go"):
        run(Plan(str(articles), tmp_path / "data"), batch_fakes.SCORING, InProcess(batch_fakes.SCORING))
    assert kept.exists()


def test_a_run_with_nothing_to_do_can_be_stopped_too(tmp_path: Path, go: Go) -> None:
    go()
    report, _ = go(stop=lambda: True)
    assert report.interrupted and report.known == 0


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


def grow(folder: Path, go: Go, runs: int, **settings: object) -> None:
    """So many runs, before each of which there is an article more: before the others, among them and after them in turn."""
    for number in range(runs):
        (folder / f"{'amz'[number % 3]}{number}.txt").write_text(article(200 + number))
        go(**settings)


@pytest.mark.parametrize("format", ["parquet", "jsonl"])
def test_small_shards_of_many_runs_are_merged(folder: Path, tmp_path: Path, go: Go, monkeypatch: pytest.MonkeyPatch, format: str) -> None:
    monkeypatch.setattr(upkeep, "MERGED", 5)
    go(format=format)
    shards = tmp_path / "out" / "shards"
    before = sorted(path.name for path in shards.iterdir())
    grow(folder, go, 3, format=format)
    assert len(list(shards.iterdir())) == len(before) + 3, "with the last of the first run, four are small"
    (folder / "more.txt").write_text(article(300))
    report, scored = go(format=format)
    assert len(scored) == 1 and report.totals is not None and report.totals.articles == 24
    after = {path.name for path in shards.iterdir()}
    assert len(after) == 4 and len(after & set(before)) == 3, "the three full ones, and one of the five small ones"
    assert go(format=format)[1] == []
    go(tmp_path / "fresh", format=format)
    for name in ("summary.csv", "errors.jsonl", "skipped.jsonl"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "fresh" / name).read_bytes()
    if format == "parquet":
        assert union(tmp_path / "out") == union(tmp_path / "fresh")
    else:
        held = [
            sorted(b"".join(path.read_bytes() for path in (o / "shards").iterdir()).splitlines())
            for o in (tmp_path / "out", tmp_path / "fresh")
        ]
        assert held[0] == held[1]


def test_a_crash_between_the_merging_and_the_removing_leaves_nothing_double(
    folder: Path, tmp_path: Path, go: Go, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "MERGED", 3)
    go()
    grow(folder, go, 1)
    (folder / "more.txt").write_text(article(300))

    def crash(store: Store, name: str) -> None:
        raise injected(OSError("pulled the plug"))

    with monkeypatch.context() as crashing:
        crashing.setattr(Store, "remove", crash)
        with pytest.raises(OSError, match="plug"):
            go()
    report, scored = go()
    assert scored == [] and report.known == 22
    assert sources(tmp_path / "out") == sorted(map(str, folder.rglob("*.txt")))


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
                        raise injected(OSError("pulled the plug"))
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


def test_pages_of_a_crawl_are_articles_and_its_bad_records_failures(folder: Path, tmp_path: Path, go: Go) -> None:
    pytest.importorskip("fastwarc")
    records = []
    for name, body in (("one", f"<p>{article(70)}</p>"), ("two", "<p></p>"), ("three", f"<p>{article(71)}</p>")):
        block = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n{body}"
        head = f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://{name}/\r\nContent-Type: application/http\r\n"
        records.append(f"{head}Content-Length: {len(block)}\r\n\r\n{block}\r\n\r\n")
    (folder / "c.warc").write_text("garbage\r\n".join(records), newline="")
    go(selection=Selection(include=("*.warc",)))
    crawl = str(folder / "c.warc")
    assert [row["source"] for row in summary(tmp_path / "out")] == [f"{crawl}#http://one/", f"{crawl}#http://three/"]
    lines = [json.loads(line) for line in (tmp_path / "out" / "errors.jsonl").read_text().splitlines()]
    assert [(line["source"], line["error"]["kind"]) for line in lines] == [
        (f"{crawl}#2", "warc"),
        (f"{crawl}#http://two/", "empty"),
        (f"{crawl}#4", "warc"),
    ]


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


def test_a_folder_for_results_that_cannot_be_made_is_told(tmp_path: Path, go: Go) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "articles").write_text("in the way")
    with pytest.raises(NewsgaugeError, match=r"out/articles cannot be made \(File exists\); check the output folder"):
        go()


def test_a_shard_is_never_written_over_one_of_the_same_inputs(tmp_path: Path) -> None:
    store = Store(tmp_path, "jsonl", "fake@1", ("a", "b"))
    inputs = [Input("a.txt", 0, 1, "00")]
    with Manifest.open(tmp_path, Header("fake@1", "news", "jsonl")) as manifest:
        names = []
        for _ in range(3):
            names.append(upkeep.free_name(store, manifest, inputs))
            manifest.add(names[-1], inputs)
    assert names == [store.name(inputs), f"{names[0]}-1", f"{names[0]}-2"]
    other = [Store(tmp_path, "parquet", "fake@1", ()), Store(tmp_path, "jsonl", "fake@2", ())]
    assert len({store.name(inputs), *(each.name(inputs) for each in other), store.name([])}) == 4


class Shuffled(InProcess):
    """An engine that holds some articles and gives their outcomes in any order, as many workers do."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._draw = random.Random(seed)

    def run(self, jobs: Iterator[tuple[Any, Raw]]) -> Iterator[Any]:
        held: list[Any] = []
        for outcome in super().run(jobs):
            held.append(outcome)
            while len(held) > self._draw.randrange(12):
                yield held.pop(self._draw.randrange(len(held)))
        self._draw.shuffle(held)
        yield from held


@pytest.mark.parametrize("format", ["parquet", "jsonl"])
def test_the_order_in_which_articles_are_done_changes_no_byte(folder: Path, tmp_path: Path, go: Go, format: str) -> None:
    go(tmp_path / "fresh", format=format)
    for seed in range(5):
        output = tmp_path / f"out{seed}"
        plan = Plan(str(folder), output, shard_size=6, format=format)
        run(plan, batch_fakes.SCORING, Shuffled(seed))
        assert tree(output) == tree(tmp_path / "fresh")
        assert sorted((output / "manifest.jsonl").read_bytes().splitlines()) == sorted(
            (tmp_path / "fresh" / "manifest.jsonl").read_bytes().splitlines()
        )


def test_the_order_in_which_files_came_into_the_folder_changes_no_byte(folder: Path, tmp_path: Path, go: Go) -> None:
    go(tmp_path / "fresh")
    for path in sorted(folder.rglob("*.txt"), reverse=True):
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content)
        os.utime(path, (1, 1))
    go(tmp_path / "out")
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh")
    for other in (1, 7, 500):
        go(tmp_path / f"out{other}", shard_size=other)
        assert union(tmp_path / f"out{other}") == union(tmp_path / "fresh")
        assert (tmp_path / f"out{other}" / "summary.csv").read_bytes() == (tmp_path / "fresh" / "summary.csv").read_bytes()
