"""Readers of labelled data, on small files written here."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsgauge.model.errors import NewsgaugeError
from newsgauge.training.rows import (
    SEVERITY_TARGETS,
    Row,
    boilerplate_document,
    offending_spans,
    quality_documents,
    read_json_lines,
    round_trip_documents,
    seed_documents,
    stance_documents,
    twin_documents,
)

STANCE_ROWS: list[dict[str, Any]] = [
    {
        "id": "p-2",
        "document": "pier",
        "position": 2,
        "text": "Back to top",
        "label": "none",
        "before": "The mayor denied it.",
        "headline": "Pier shut",
    },
    {
        "id": "p-0",
        "document": "pier",
        "position": 0,
        "text": "The contractor hid the crack, divers say.",
        "label": "accusation",
        "secondary": "evidence",
        "before": "Who knew, and when?",
        "headline": "Pier shut",
        "source": "gazette",
    },
    {
        "id": "m-0",
        "document": "mill",
        "position": 0,
        "text": "Output fell by a tenth.",
        "label": "evidence",
        "before": None,
        "headline": None,
    },
    {"id": "p-1", "document": "pier", "position": 1, "text": "The mayor denied it.", "label": "denial", "secondary": None},
]


def write_lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def test_stance_rows_are_grouped_by_document_and_put_in_order(tmp_path: Path) -> None:
    pier, mill = stance_documents(write_lines(tmp_path / "stance.jsonl", STANCE_ROWS))
    assert (pier.name, mill.name) == ("pier", "mill")
    assert [row.origin for row in pier.rows] == ["p-0", "p-1", "p-2"]
    assert (pier.before, pier.headline, pier.source) == ("Who knew, and when?", "Pier shut", "gazette")
    assert (mill.before, mill.headline, mill.source) == ("", "", "")
    assert pier.consecutive


def test_a_none_row_is_boilerplate_and_nothing_else_is_known_of_it(tmp_path: Path) -> None:
    pier, _ = stance_documents(write_lines(tmp_path / "stance.jsonl", STANCE_ROWS), clean_weight=0.3)
    accusation, _, boilerplate = pier.rows
    assert (boilerplate.stance, boilerplate.article, boilerplate.garbled, boilerplate.spans) == (None, False, None, None)
    assert (accusation.stance, accusation.secondary, accusation.article) == ("accusation", "evidence", True)
    assert (accusation.garbled, accusation.garbled_weight, accusation.spans) == (0.0, 0.3, ())


def test_a_compressed_file_reads_like_a_plain_one_and_blank_lines_are_passed_over(tmp_path: Path) -> None:
    plain = tmp_path / "stance.jsonl"
    plain.write_text("\n".join(json.dumps(row) for row in STANCE_ROWS) + "\n\n   \n", encoding="utf-8")
    packed = tmp_path / "stance.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert list(read_json_lines(packed)) == STANCE_ROWS
    assert stance_documents(packed) == stance_documents(plain)


def test_starter_articles_are_read_from_every_file_of_the_folder(tmp_path: Path) -> None:
    for name, identity in (("s2.jsonl", "s2-001"), ("s1.jsonl", "s1-001")):
        sentences = [
            {"text": "Nothing was hidden, she said.", "label": "denial", "secondary": None},
            {"text": "Six pumps failed.", "label": "evidence", "secondary": "accusation"},
        ]
        write_lines(tmp_path / name, [{"id": identity, "genre": "wire report", "headline": "Pumps", "sentences": sentences}])
    write_lines(tmp_path / "other.jsonl", [{"unrelated": True}])
    first, second = seed_documents(tmp_path)
    assert (first.name, second.name) == ("s1-001", "s2-001")
    assert (first.headline, first.source, first.tags) == ("Pumps", "seed", {"genre": "wire report"})
    assert first.rows[1] == Row("Six pumps failed.", "evidence", "accusation", True, 0.0, 1.0, (), "s1-001.01")


def test_twins_carry_severity_as_target_and_offending_words_as_spans(tmp_path: Path) -> None:
    garbled = "The “bridge of heart” 🌉 was made close by city."
    sentences = [
        {"text": "Six pumps failed.", "severity": 0, "offending": [], "label": "evidence"},
        {"text": "Six pump was failed.", "severity": 1, "offending": ["pump was"], "label": "none"},
        {"text": garbled, "severity": 2, "offending": ["made close", "“bridge of heart”", "not in it"]},
    ]
    twin = {"id": "s9-001-g", "of": "s9-001", "pivot": "Finnish", "headline": "Bridge close", "sentences": sentences}
    real = {**twin, "id": "r-1-g", "document": "r-1"}
    from_seed, from_news = twin_documents([write_lines(tmp_path / "g1.jsonl", [twin, real])])
    assert (from_seed.name, from_news.name) == ("s9-001", "r-1")
    assert (from_seed.source, from_seed.headline, from_seed.tags) == ("twin", "Bridge close", {"pivot": "Finnish"})
    assert [(row.garbled, row.garbled_weight) for row in from_seed.rows] == [SEVERITY_TARGETS[severity] for severity in (0, 1, 2)]
    assert [row.stance for row in from_seed.rows] == ["evidence", None, None]
    assert [row.article for row in from_seed.rows] == [True, None, None]
    assert [row.spans and [garbled[start:end] for start, end in row.spans] for row in from_seed.rows[2:]] == [
        ["“bridge of heart”", "made close"]
    ]
    assert [row.spans for row in from_seed.rows[:2]] == [(), ((4, 12),)]
    targets = [target for _, (target, _) in sorted(SEVERITY_TARGETS.items())]
    assert targets == sorted(targets), "a worse sentence must not have a lower target"


@given(st.text(max_size=30), st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=5), st.text(max_size=3))
def test_spans_hold_exactly_the_offending_words(text: str, cuts: list[tuple[int, int]], other: str) -> None:
    offending = [text[min(cut) : max(cut)] for cut in cuts]
    spans = offending_spans(text, [*offending, other])
    found = [text[start:end] for start, end in spans]
    assert sorted(found) == sorted(piece for piece in [*offending, other] if piece and piece in text)
    assert list(spans) == sorted(spans)


def quality_row(number: int, label: str, spans: list[list[Any]], precision: float | None, domain: str = "news") -> dict[str, Any]:
    return {
        "id": f"q{number}",
        "text": "Rain of yesterday has fallen downstairs.",
        "label": label,
        "spans": spans,
        "label_precision_est": precision,
        "source_corpus": "mqm",
        "domain": domain,
        "lang_pair": "zh-en",
    }


def test_quality_rows_keep_visible_faults_as_spans_and_precision_as_weight(tmp_path: Path) -> None:
    marked = [
        [29, 39, "accuracy/mistranslation", "major"],
        [0, 4, "fluency/spelling", "minor"],
        [5, 17, "style/awkward", "minor"],
        [5, 17, "fluency/grammar", "minor"],
    ]
    rows = [
        quality_row(0, "garbled", marked, 0.9),
        quality_row(1, "garbled", [[0, 4, "fluency/spelling", "minor"]], None),
        quality_row(2, "clean", marked, 0.4),
        quality_row(3, "unsure", [], 0.9),
        quality_row(4, "clean", [], 0.75, domain="social"),
    ]
    news, social = quality_documents(write_lines(tmp_path / "train.jsonl", rows))
    assert (news.name, social.name) == ("mqm:news", "mqm:social")
    assert not news.consecutive
    assert [row.origin for row in news.rows] == ["q0", "q1", "q2"], "a label that is not wanted is left out"
    assert [row.spans for row in news.rows] == [((5, 17), (29, 39)), None, ()]
    assert [row.garbled for row in news.rows] == [1.0, 1.0, 0.0]
    assert [row.garbled_weight for row in (*news.rows, *social.rows)] == pytest.approx([0.8, 0.6, 0.0, 0.5])
    assert all(row.stance is None and row.article is None and row.languages == "zh-en" for row in news.rows)


def test_a_label_that_is_never_right_weighs_nothing(tmp_path: Path) -> None:
    (document,) = quality_documents(write_lines(tmp_path / "train.jsonl", [quality_row(0, "garbled", [], 0.0)]))
    assert document.rows[0].garbled_weight == 0.0


def test_a_round_trip_is_followed_by_its_original(tmp_path: Path) -> None:
    rows = [
        {"id": f"t{number}", "text": f"Of {number} the fire has.", "score_raw": {"original": f"Fire {number} broke out."}}
        for number in range(2)
    ]
    (document,) = round_trip_documents(write_lines(tmp_path / "trips.jsonl", rows))
    assert [(row.text, row.garbled) for row in document.rows] == [
        ("Of 0 the fire has.", 1.0),
        ("Fire 0 broke out.", 0.0),
        ("Of 1 the fire has.", 1.0),
        ("Fire 1 broke out.", 0.0),
    ]
    assert [row.spans for row in document.rows] == [None, (), None, ()]
    assert len({row.origin for row in document.rows}) == 4
    assert not document.consecutive


def test_boilerplate_rows_are_chosen_by_their_id(tmp_path: Path) -> None:
    rows = [
        {"id": "b-1", "text": "Share this", "label": "none"},
        {"id": "k-1", "text": "He left.", "label": "article"},
        {"id": "b-2", "text": "Log in", "label": "none"},
    ]
    document = boilerplate_document(write_lines(tmp_path / "boilerplate.jsonl", rows), lambda name: name != "b-2")
    assert [(row.text, row.article) for row in document.rows] == [("Share this", False), ("He left.", True)]
    assert not document.consecutive


@pytest.mark.parametrize("content", [b"\x86\xff\x00", gzip.compress(b'{"id": 1}\n' * 99)[:-20], gzip.compress(b"not json\n")])
def test_a_packed_file_of_rows_that_is_none_is_told_by_name(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(content)
    with pytest.raises(NewsgaugeError, match=rf"{path} is not JSON Lines .* expected one JSON object a line"):
        list(read_json_lines(path))


def test_a_field_that_is_not_there_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"id": 1, "inner": {}}\n\n{"other": {"deep": 2}}\n', encoding="utf-8")
    first, second = read_json_lines(path)
    assert first["id"] == 1 and second.get("id") is None and second == {"other": {"deep": 2}}
    with pytest.raises(NewsgaugeError, match=rf"{path}, line 3, has no field 'id', only other;"):
        second["id"]
    with pytest.raises(NewsgaugeError, match="line 3, has no field 'id', only deep;"):
        second["other"]["id"]
    with pytest.raises(NewsgaugeError, match="line 1, has no field 'id', only none;"):
        first["inner"]["id"]


def test_a_line_that_is_no_object_is_told_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"id": 1}\n[2]\n', encoding="utf-8")
    with pytest.raises(NewsgaugeError, match=rf"{path}, line 2, is no JSON object; expected one a line"):
        list(read_json_lines(path))
