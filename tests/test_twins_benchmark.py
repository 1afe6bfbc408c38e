"""The benchmark of garbled twins: what it measures on, and what it makes of a score."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("sklearn")

from newsgauge.model.results import ArticleScore, Garble, Passage, SentenceScore
from newsgauge.model.scorer import Scorer
from newsgauge.training.corpora import load_corpora
from newsgauge.training.rows import read_json_lines


@pytest.fixture
def benchmark(benchmark_named: Callable[[str], ModuleType]) -> ModuleType:
    return benchmark_named("twins")


def test_pairs_are_whole_rated_and_new_to_every_model(benchmark: ModuleType, seeds: Path) -> None:
    articles = [article for path in sorted(seeds.glob("w*.jsonl")) for article in read_json_lines(path)]
    assert Counter(article["id"].split("-")[0] for article in articles) == dict.fromkeys(benchmark.KINDS, 15)
    rows = [row for article in articles for row in article["sentences"]]
    assert len(articles) == 120 and len(rows) == 1963
    assert Counter(row["severity"] for row in rows) == {0: 594, 1: 559, 2: 810}
    for row in rows:
        assert bool(row["offending"]) == (row["severity"] > 0)
        assert all(piece in row["garbled"] for piece in row["offending"])
        assert row["severity"] == 0 or row["garbled"] != row["text"]
    learned = set(load_corpora(seeds, None).texts())
    assert not [row for row in rows if row["text"] in learned or row["garbled"] in learned]
    pivots = {twin["pivot"] for path in seeds.glob("g*.jsonl") for twin in read_json_lines(path)}
    assert {article["pivot"] for article in articles} - pivots >= benchmark.NEW_PIVOTS


def sentence(index: int, block: int, start: int, text: str, garbled: Garble) -> SentenceScore:
    return SentenceScore(index, start, start + len(text), text, "en", "sentence", "evidence", True, {"evidence": 1.0}, garbled, block)


def test_of_a_paragraph_that_was_split_the_worst_sentence_counts(benchmark: ModuleType) -> None:
    found = (
        sentence(0, 0, 0, "Headline", Garble(0.9, True)),
        sentence(1, 1, 10, "All is well.", Garble(0.1, False)),
        sentence(2, 1, 23, "It It rained.", Garble(0.8, True, ((0, 5, 0.9),))),
        sentence(3, 2, 38, "Fine.", Garble(0.2, False)),
    )
    score = ArticleScore("a", "m", "en", "utf-8", 43, ("evidence",), (0.9, True), (Passage(10, 36, 1, 2, 0.9),), found)
    rows = [("All is well. It It rained.", 2, ["It It", "rained"]), ("Fine.", None, [])]
    wrecked, clean = benchmark.sentences(score, rows, 7)
    assert (wrecked.article, wrecked.severity, wrecked.probability, wrecked.flag, wrecked.in_passage) == (7, 2, 0.8, True, True)
    assert wrecked.words == ((False, False), (False, False), (False, False), (True, True), (True, True), (True, False))
    assert (clean.severity, clean.flag, clean.in_passage, clean.words) == (None, False, False, ((False, False),))
    assert benchmark.word_f1([wrecked]) == pytest.approx(2 * 2 / (3 + 2))


def test_a_line_of_the_table_holds_only_its_articles(benchmark: ModuleType, scorer: Scorer, seeds: Path) -> None:
    articles = list(read_json_lines(seeds / "w1.jsonl"))[:2]
    rows, verdicts = benchmark.score_pairs(scorer, articles)
    assert {one.article for one in rows} == {0, 1}
    scored = len(rows)
    written = sum(2 * len(article["sentences"]) for article in articles)
    assert 0.9 * written < scored <= written
    line = benchmark.row("one", rows, verdicts, [1])
    assert len(line) == len(benchmark.HEAD) and line[:2] == ["one", "1"]
    assert line[2] == benchmark.row("one", [one for one in rows if one.article == 1], verdicts, [1])[2]
    assert 0.5 < float(line[2].split()[0]) <= 1
    original = next(place for place, one in enumerate(rows) if one.article == 1 and one.severity is None)
    rows = [replace(one, in_passage=place == original) for place, one in enumerate(rows)]
    assert benchmark.row("both", rows, verdicts, [0, 1])[-1] == "50%", "one original of two has a sentence in a passage"


def test_without_pairs_it_says_where_they_are(benchmark: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["twins.py", "--seeds", str(tmp_path)])
    with pytest.raises(SystemExit, match=r"w\*\.jsonl holds no rows; run this in a checkout"):
        benchmark.main()


@pytest.mark.parametrize("content", [None, b"", b"\x86\xff\x00"], ids=["missing", "empty", "binary"])
def test_a_model_that_cannot_be_read_is_one_line(
    content: bytes | None, benchmark: ModuleType, seeds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if content is not None:
        (tmp_path / "manifest.json").write_bytes(content)
    monkeypatch.setattr("sys.argv", ["twins.py", "--seeds", str(seeds), "--model", str(tmp_path)])
    with pytest.raises(SystemExit, match=r"No model|is not valid JSON"):
        benchmark.main()
