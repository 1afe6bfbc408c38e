"""Labels by place and second readings join the corpora as rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from newsgauge.training.annotations import annotated, coded, reread
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
    (document,) = annotated(path, [ARTICLE, {**ARTICLE, "document": "b"}], {})
    assert (document.name, document.headline, document.before) == ("a", "Boats", "Before it.")
    assert [(row.text, row.stance, row.secondary) for row in document.rows] == [
        ("They counted the boats.", "evidence", None),
        ("Perhaps they did.", "analysis", "evidence"),
        ("Home / World", None, None),
    ]
    assert [row.origin for row in document.rows] == ["a:1", "a:2", "a:3"]


def test_two_stretches_of_one_article_are_two_documents(tmp_path: Path) -> None:
    stretches = [{"document": "a", "start": 0, "labels": ["E"]}, {"document": "a", "start": 4, "labels": ["I"]}]
    found = annotated(lines(tmp_path / "annotations.jsonl", stretches), [ARTICLE], {})
    assert [document.rows[0].text for document in found] == ["Before it.", "After it."]
    assert found[0].before == ""


def test_a_stretch_that_does_not_fit_its_article_is_refused(tmp_path: Path) -> None:
    path = lines(tmp_path / "annotations.jsonl", [{"document": "a", "start": 4, "labels": ["E", "E"]}])
    with pytest.raises(ValueError, match="argument"):
        annotated(path, [ARTICLE], {})


def test_a_teacher_stands_beside_the_label_where_it_read_the_same_sentence(tmp_path: Path) -> None:
    path = lines(tmp_path / "annotations.jsonl", [{"document": "a", "start": 1, "labels": ["E", "I", "X"]}])
    opinion = Opinion(2, ((0.0, 0.1, 0.3, 0.6),), (1.0,))
    (document,) = annotated(path, [ARTICLE], {"a": opinion})
    assert [row.soft for row in document.rows] == [None, (0.0, 0.1, 0.3, 0.6), None]


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
