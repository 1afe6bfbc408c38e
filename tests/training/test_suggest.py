"""Suggestions: uncertain, different, of every label; and each format comes back as it went out."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from newsgauge.model.results import ArticleScore, InputFailure, SentenceScore
from newsgauge.training.exports import COLUMNS, WRITERS, format_for
from newsgauge.training.labels import read_labels
from newsgauge.training.suggest import Suggestion, candidates, suggest_from

LABELS = ("accusation", "denial")
WORDS = [
    "harbour",
    "board",
    "ferry",
    "council",
    "winter",
    "storm",
    "budget",
    "quarry",
    "bridge",
    "school",
    "union",
    "strike",
    "court",
    "police",
    "farmer",
    "market",
]


def article(name: str, *, sure: float, count: int = 12, label: str = "accusation", same: bool = False) -> ArticleScore:
    other = LABELS[1 - LABELS.index(label)]
    sentences, start = [], 0
    for i in range(count):
        words = WORDS if same else [WORDS[(i * 5 + j * (2 + i + len(name))) % 16] + f"{i}{name}" for j in range(8)]
        text = " ".join(words).capitalize() + "."
        probabilities = {label: sure - i * 0.01, other: 1 - sure + i * 0.01}
        sentences.append(SentenceScore(i, start, start + len(text), text, "en", "sentence", label, True, probabilities))
        start += len(text) + 1
    return ArticleScore(name, "m@1", "en", "utf-8", start, LABELS, None, (), tuple(sentences))


def test_the_least_certain_sentences_come_first() -> None:
    found = suggest_from([article("sure", sure=0.99), article("unsure", sure=0.7)], 4, LABELS)
    assert [one.document for one in found] == ["unsure"] * 4
    assert [one.uncertainty for one in found] == sorted((one.uncertainty for one in found), reverse=True)


def test_a_rare_label_is_not_starved() -> None:
    articles = [article(f"a{i}", sure=0.65) for i in range(5)] + [article("d", sure=0.95, label="denial", count=3)]
    found = suggest_from(articles, 10, LABELS)
    assert sum(one.predicted == "denial" for one in found) == 3
    assert len(found) == 10


def test_near_duplicates_are_suggested_once() -> None:
    articles = [article(f"copy{i}", sure=0.7, same=True) for i in range(4)]
    assert len(suggest_from(articles, 10, LABELS)) == 1


def test_one_document_does_not_fill_the_list() -> None:
    articles = [article("doubtful", sure=0.6, count=30), *(article(f"o{i}", sure=0.9, count=30) for i in range(4))]
    found = suggest_from(articles, 20, LABELS)
    assert len(found) == 20
    assert sum(one.document == "doubtful" for one in found) <= 8


def test_an_article_that_cannot_be_scored_is_told() -> None:
    failures: list[InputFailure] = []
    suggest_from([InputFailure("x", "empty", "no text"), article("a", sure=0.9)], 3, LABELS, failed=failures.append)
    assert [failure.source for failure in failures] == ["x"]


def as_a_person_would_label(name: str, data: bytes) -> bytes:
    """The file after its sentences were labelled with the tool that it is for."""
    if name == "csv":
        head, *rest = data.decode("utf-8-sig").splitlines(keepends=True)
        at = head.strip().split(",").index("label")
        assert at == COLUMNS.index("label") == 1
        import csv

        rows = list(csv.reader(io.StringIO("".join(rest))))
        out = io.StringIO()
        csv.writer(out).writerows([head.strip().split(","), *([row[0], "Denial", *row[2:]] for row in rows)])
        return out.getvalue().encode()
    if name == "label-studio":
        tasks = json.loads(data)
        for task in tasks:
            task["annotations"] = [{"result": [{**task["predictions"][0]["result"][0], "value": {"choices": ["denial"]}}]}]
        return json.dumps(tasks).encode()
    rows = [json.loads(line) for line in data.splitlines()]
    filled = [{**row, "label": "denial"} if name == "jsonl" else {**row, "accept": ["denial"], "answer": "accept"} for row in rows]
    return "\n".join(map(json.dumps, filled)).encode()


@pytest.mark.parametrize("name", WRITERS)
def test_what_goes_out_comes_back(name: str, tmp_path: Path) -> None:
    tricky = Suggestion(
        "n:1-2", 'He said, "no; never" — twice.', "n, 1", 4, 1, 30, "Asked.", "Ünd then?", "A, b", "denial", {"denial": 1.0}, 0.1
    )
    formula = replace(tricky, id="n:3-4", text="=SUM(A1) was all he wrote.", headline="+1 for whom?", document="@n", position=31)
    suggestions = [tricky, formula, *candidates(article("a", sure=0.8))]
    stream = io.BytesIO()
    WRITERS[name](suggestions, LABELS, "m@1", stream)
    path = tmp_path / f"file.{ {'csv': 'csv', 'label-studio': 'json'}.get(name, 'jsonl') }"
    path.write_bytes(stream.getvalue())
    assert name != "csv" or ("'=SUM" in path.read_text() and ",=" not in path.read_text())
    with pytest.raises(Exception, match="none of the 14 rows has a label"):
        read_labels([str(path)])
    path.write_bytes(as_a_person_would_label(name, stream.getvalue()))
    rows = read_labels([str(path)])
    assert [row.stance for row in rows] == ["denial"] * len(suggestions)
    for row, one in zip(rows, suggestions, strict=True):
        for field in ("text", "document", "position", "before", "after", "headline"):
            assert getattr(row, field) == getattr(one, field)


def test_the_ending_chooses_the_format() -> None:
    assert [format_for(Path(name)) for name in ("a.csv", "a.json", "a.jsonl", "a")] == ["csv", "label-studio", "jsonl", "jsonl"]
