"""Failures are shown as they are: what was mistaken for what, how often, and the surest example."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn")

from newsgauge.model.bundle import load
from newsgauge.model.heads import LinearHead
from newsgauge.model.stance import StanceHead
from newsgauge.training.embed import Embedded
from newsgauge.training.failures import false_flags, mistakes
from newsgauge.training.rows import STANCE_LABELS, Row

HEAD = StanceHead(STANCE_LABELS, LinearHead(np.eye(4, dtype=np.float32), np.zeros(4, np.float32)), 1.0, 0.5)


def embedded(*rows: tuple[str, str, str | None, str, float]) -> Embedded:
    """Rows of (text, truth, second label, what the head will say, by how much)."""
    vectors = np.zeros((len(rows), 4), np.float32)
    for row, (_, _, _, said, strength) in zip(vectors, rows, strict=True):
        row[STANCE_LABELS.index(said)] = strength
    made = [Row(text, truth, secondary) for text, truth, secondary, _, _ in rows]
    return Embedded(made, vectors, np.zeros(len(rows), np.int64), [None] * len(rows))


def test_confusions_come_by_frequency_each_with_the_surest_example() -> None:
    dev = embedded(
        *[("a", "denial", None, "evidence", 1.0)] * 3,
        ("b", "denial", None, "denial", 1.0),
        ("c", "evidence", None, "analysis", 1.0),
        *[("d", "evidence", None, "evidence", 1.0)] * 9,
    )
    own = embedded(
        ("Mildly wrong.", "denial", None, "evidence", 1.0),
        ("Surely wrong.", "denial", None, "evidence", 4.0),
        ("Also wrong.", "evidence", None, "analysis", 2.0),
        ("Defensible.", "analysis", "evidence", "evidence", 9.0),
        ("Right.", "accusation", None, "accusation", 9.0),
    )
    first, second = mistakes(HEAD, dev, own)
    assert (first.truth, first.said, first.share, first.text) == ("denial", "evidence", 0.75, "Surely wrong.")
    assert first.probability == pytest.approx(np.exp(4) / (np.exp(4) + 3))
    assert (second.truth, second.said, second.share, second.text) == ("evidence", "analysis", 0.1, "Also wrong.")
    assert mistakes(HEAD, dev, own, most=1) == [first]


def test_a_label_without_dev_rows_has_a_share_of_nothing() -> None:
    dev = embedded(("a", "evidence", None, "evidence", 1.0))
    (only,) = mistakes(HEAD, dev, embedded(("Wrong.", "denial", None, "analysis", 1.0)))
    assert only.share == 0.0


def test_false_flags_are_shares_by_kind(small_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "odd.jsonl"
    wreck = "Of the water the people has made to close itself the the door of it door, he said it said."
    rows = [
        {"id": "1", "kind": "wrecks", "text": wreck},
        {"id": "2", "kind": "plain", "text": "The council approved the budget on Tuesday."},
        {"id": "3", "kind": "plain", "text": "Rain is expected in the north."},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    model = load(small_model)
    assert false_flags(model.encoder, model.heads.garble, path) == {"wrecks": 1.0, "plain": 0.0}
