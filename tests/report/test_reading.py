"""What score and batch wrote is read back as it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from newsgauge.model.results import ArticleScore, Garble, InputFailure
from newsgauge.report.reading import ScoresError, holds_scores, read_scores
from newsgauge.report.writers import WRITERS

Build = Callable[..., ArticleScore]


def written(path: Path, labels: tuple[str, ...], *results: ArticleScore | InputFailure) -> Path:
    with path.open("wb") as stream:
        writer = WRITERS[path.suffix[1:]](stream, labels)
        for result in results:
            writer.write(result)
        writer.close()
    return path


def test_json_lines_come_back_whole(article: ArticleScore, failure: InputFailure, labels: tuple[str, ...], tmp_path: Path) -> None:
    path = written(tmp_path / "s.jsonl", labels, article, failure, article)
    assert holds_scores(path)
    assert list(read_scores(path)) == [article, failure, article]


def test_parquet_comes_back_but_for_what_the_flat_form_leaves_out(
    article: ArticleScore, failure: InputFailure, labels: tuple[str, ...], tmp_path: Path
) -> None:
    # Twice the same source in a row: the sentences begin anew.
    path = written(tmp_path / "s.parquet", labels, article, article, failure, failure)
    assert holds_scores(path)
    one, two, *failures = read_scores(path)
    assert one == two and failures == [failure, failure]
    assert isinstance(one, ArticleScore)
    for got, wanted in zip(one.sentences, article.sentences, strict=True):
        spans = () if wanted.garbled is None else tuple((a, b, wanted.garbled.probability) for a, b, _ in wanted.garbled.spans)
        mark = None if wanted.garbled is None else Garble(wanted.garbled.probability, wanted.garbled.flag, spans)
        assert got == replace(wanted, garbled=mark)
    assert replace(one, sentences=article.sentences) == replace(article, encoding=None)


def test_parquet_of_an_earlier_version_is_read(article: ArticleScore, labels: tuple[str, ...], tmp_path: Path) -> None:
    path = written(tmp_path / "s.parquet", labels, article)
    pq.write_table(pq.read_table(path).drop_columns(["block", "passage_probability"]), path)
    (found,) = read_scores(path)
    assert isinstance(found, ArticleScore) and found.passages[0].probability == 0.9375


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", "Text."),
        ("rows.jsonl", '{"text": "An article."}'),
        ("s.parquet", "none"),
        ("s.csv", "source,text"),
        ("no.jsonl", None),
    ],
)
def test_articles_and_other_files_are_no_scores(name: str, content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    assert not holds_scores(tmp_path / name)


@pytest.mark.parametrize(
    "change",
    [{"version": 2}, {"sentences": 3}, {"stance": None}, {"stance": {}}, {"passages": [{}]}, {"machine_translated": 0.5}],
    ids=str,
)
def test_a_damaged_line_is_named(change: dict[str, object], article: ArticleScore, tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    path.write_text(json.dumps(article.to_dict()) + "\n\n" + json.dumps(article.to_dict() | change) + "\n")
    with pytest.raises(ScoresError, match=r"s\.jsonl, line 3: expected a score of version 1") as caught:
        list(read_scores(path))
    assert "\n" not in str(caught.value)


def test_a_cut_line_and_a_cut_file_are_named(article: ArticleScore, labels: tuple[str, ...], tmp_path: Path) -> None:
    lines = written(tmp_path / "s.jsonl", labels, article)
    lines.write_bytes(lines.read_bytes()[:-20])
    with pytest.raises(ScoresError, match="line 1"):
        list(read_scores(lines))
    table = written(tmp_path / "s.parquet", labels, article)
    table.write_bytes(table.read_bytes()[:-20])
    with pytest.raises(ScoresError, match="damaged"):
        list(read_scores(table))
    pq.write_table(pq.read_table(written(tmp_path / "t.parquet", labels, article)).drop_columns(["kind"]), table)
    with pytest.raises(ScoresError, match="no column kind"):
        list(read_scores(table))
