"""Labels by place and second readings join the corpora as rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from newsgauge.training.annotations import coded, read_annotations, reread, stretches
from newsgauge.training.rows import LabelledDocument, Row, soft_stance
from newsgauge.training.soft import Opinion

ARTICLE: dict[str, Any] = {
    "document": "a",
    "headline": "Boats",
    "source": "seed",
    "sentences": ["Before it.", "They counted the boats.", "Perhaps they did.", "Home / World", "After it."],
}


def lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_a_code_is_a_label_and_a_second_one() -> None:
    row = coded("They counted the boats.", "E/I")
    assert (row.stance, row.secondary, row.article, row.garbled, row.spans) == ("evidence", "analysis", True, 0.0, ())
    assert coded("They did not.", "D").secondary is None
    boilerplate = coded("Home / World", "X")
    assert (boilerplate.stance, boilerplate.article, boilerplate.garbled) == (None, False, None)


@pytest.mark.parametrize("code", ["", "B", "A/", "A/X", "AE", "a"])
def test_another_code_is_refused_by_name(code: str) -> None:
    with pytest.raises(ValueError, match="no code of an annotation; expected one of A, D, E, I"):
        coded("They counted the boats.", code)


def test_a_stretch_stands_at_its_place_with_the_sentence_before_it(tmp_path: Path) -> None:
    path = lines(tmp_path / "annotations.jsonl", [{"document": "a", "start": 1, "labels": ["E", "I/E", "X"]}])
    (document,) = stretches([ARTICLE, {**ARTICLE, "document": "b"}], read_annotations(path), {})
    assert (document.name, document.headline, document.before) == ("a", "Boats", "Before it.")
    assert [(row.text, row.stance, row.secondary) for row in document.rows] == [
        ("They counted the boats.", "evidence", None),
        ("Perhaps they did.", "analysis", "evidence"),
        ("Home / World", None, None),
    ]
    assert [row.origin for row in document.rows] == ["a:1", "a:2", "a:3"]


def test_two_stretches_of_one_article_are_two_documents(tmp_path: Path) -> None:
    labels = [{"document": "a", "start": 0, "labels": ["E"]}, {"document": "a", "start": 4, "labels": ["I"]}]
    found = list(stretches([ARTICLE], read_annotations(lines(tmp_path / "annotations.jsonl", labels)), {}))
    assert [document.rows[0].text for document in found] == ["Before it.", "After it."]
    assert found[0].before == ""


def test_a_stretch_that_does_not_fit_its_article_is_refused() -> None:
    with pytest.raises(ValueError, match="'a' has 5 sentences and an annotation of number 5"):
        list(stretches([ARTICLE], {"a": {4: "E", 5: "E"}}, {}))


def test_a_teacher_stands_beside_the_label_of_a_sentence_and_alone_where_there_is_none() -> None:
    said = (0.0, 0.1, 0.3, 0.6)
    opinions = {"a": Opinion(2, (said, said, said), (1.0, 1.0, 1.0))}
    (document,) = stretches([ARTICLE], {"a": {1: "E", 2: "I", 3: "X"}}, opinions)
    assert [(row.stance, row.soft) for row in document.rows] == [("evidence", None), ("analysis", said), (None, None), (None, said)]
    assert [row.article for row in document.rows] == [True, True, False, True]


def test_annotations_and_opinions_apart_are_documents_of_their_own() -> None:
    found = list(stretches([ARTICLE], {"a": {0: "E"}}, {"a": Opinion(3, ((0.0, 0.1, 0.3, 0.6),), (1.0,))}))
    assert [[row.text for row in document.rows] for document in found] == [["Before it."], ["Home / World"]]
    assert [document.before for document in found] == ["", "Perhaps they did."]


def test_a_second_reading_counts_as_much_as_the_first_and_ousts_the_teacher(tmp_path: Path) -> None:
    rows = (
        Row("They counted the boats.", "evidence", origin="r1.00", soft=(1.0, 0.0, 0.0, 0.0)),
        Row("Perhaps they did.", "analysis", origin="r1.01", soft=(0.0, 0.0, 0.0, 1.0)),
        Row("Home / World", None, origin="r1.02"),
    )
    readings = [{"id": "r1.00", "label": "A/E"}, {"id": "r1.01", "label": "X"}, {"id": "r1.02", "label": "A"}]
    (document,) = reread([LabelledDocument("a", rows)], lines(tmp_path / "rereadings.jsonl", readings))
    first, second, third = document.rows
    assert soft_stance(first, 0.8) == pytest.approx([0.4, 0.0, 0.6, 0.0])
    assert second == rows[1]
    assert third == rows[2]
