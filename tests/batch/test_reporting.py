"""Reports of output folders, files of scores and articles together."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from newsgauge.model.errors import NewsgaugeError
from newsgauge.model.inputs import read_raw
from newsgauge.report.writers import Result

pytest.importorskip("jinja2", reason="the extra [report] is not installed")
pytest.importorskip("matplotlib", reason="the extra [report] is not installed")

import batch_fakes

from newsgauge.batch.reporting import FileScorer, make_report
from newsgauge.batch.worker import assess

Go = Callable[..., Any]


def nobody() -> NoReturn:
    raise AssertionError("a model was loaded where nothing is to be scored")


def scorer() -> FileScorer:
    def score(paths: Iterable[str]) -> Iterator[Result]:
        fake = batch_fakes.SCORING.load()
        return (assess(fake, raw).result for path in paths for raw in read_raw(path))

    return score


def rows(page: Path) -> list[list[Any]]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text(encoding="utf-8"))
    assert found
    return list(json.loads(found[1])["articles"])


@pytest.mark.parametrize("format", ["parquet", "jsonl"])
def test_an_output_folder_is_reported_without_scoring(folder: Path, tmp_path: Path, go: Go, format: str) -> None:
    (folder / "a" / "copy.txt").write_text((folder / "a" / "n00.txt").read_text())
    go(format=format)
    made = make_report([str(tmp_path / "out")], tmp_path / "r.html", nobody)
    assert (made.articles, made.failures, made.failed) == (21, 0, 0)
    found = {Path(row[1]).name: row for row in rows(tmp_path / "r.html")}
    assert len(found) == 21
    with (tmp_path / "out" / "summary.csv").open(newline="", encoding="utf-8") as table:
        summary = {Path(row["source"]).name: row for row in csv.DictReader(table)}
    assert len({row["cluster"] for row in summary.values()}) == len({row[10] or name for name, row in found.items()})
    for name, row in found.items():
        assert (row[11] == "first" or not row[10]) == (summary[name]["first"] == "True")
        assert (row[11] == "retelling") == bool(summary[name]["spun_from"])
    assert Path(found["n01.txt"][2]) == folder / "b" / "c"


def test_scores_and_articles_go_together_and_failures_are_counted(folder: Path, tmp_path: Path, go: Go) -> None:
    (folder / "b" / "empty.txt").write_text("")
    go()
    seen: list[Result] = []
    sources = [str(tmp_path / "out"), str(folder / "a" / "n00.txt"), str(tmp_path / "lost.txt")]
    made = make_report(sources, tmp_path / "r.html", scorer, watch=seen.append)
    assert (made.articles, made.failures, made.failed) == (21, 2, 1)
    assert [result.source for result in seen] == sources[1:], "only what was scored is told of"
    assert "lost.txt" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_an_interrupted_run_is_reported_as_far_as_it_came(tmp_path: Path, go: Go) -> None:
    answers = iter([False] * 2)
    go(stop=lambda: next(answers, True))
    with (tmp_path / "out" / "manifest.jsonl").open("a") as manifest:
        manifest.write('{"shard": "half')
    before = (tmp_path / "out" / "manifest.jsonl").read_bytes()
    assert 0 < make_report([str(tmp_path / "out")], tmp_path / "r.html", nobody).articles < 20
    assert (tmp_path / "out" / "manifest.jsonl").read_bytes() == before, "a report changes nothing"


def test_what_cannot_be_reported_is_said_in_a_line_and_nothing_is_written(tmp_path: Path, go: Go) -> None:
    go()
    (tmp_path / "none").mkdir()
    (tmp_path / "none.jsonl").write_text("")
    shard = next((tmp_path / "out" / "shards").iterdir())
    shard.unlink()
    page = tmp_path / "r.html"
    for sources, needle in (
        ([str(tmp_path / "none")], "newsgauge batch wrote"),
        ([str(tmp_path / "out")], "run newsgauge batch again"),
        ([], "no article to report on"),
    ):
        with pytest.raises(NewsgaugeError, match=needle) as caught:
            make_report(sources, page, nobody)
        assert "\n" not in str(caught.value) and not page.exists()
    page.write_text("mine")
    with pytest.raises(NewsgaugeError, match="--overwrite"):
        make_report([str(tmp_path / "lost")], page, nobody)
