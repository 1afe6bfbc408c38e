"""The sentence and word heads: what they are measured on."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn")

from newsgauge.model.encoder import WordPieces
from newsgauge.training import garbled
from newsgauge.training.embed import Embedded
from newsgauge.training.rows import LabelledDocument, Row


def test_words_are_measured_where_experts_marked_some() -> None:
    rated = LabelledDocument(
        "rated", (Row("1 1", garbled=1.0, spans=((0, 1),)), Row("0 0", garbled=0.0, spans=()), Row("2 2", garbled=1.0))
    )
    scored = LabelledDocument("scored by sentence", (Row("3 3", garbled=0.0, spans=()),))
    states = WordPieces(np.zeros((1, 2), np.int64), np.zeros((1, 2), np.float32))
    rows = [*rated.rows, *scored.rows]
    embedded = Embedded(rows, np.zeros((4, 2), np.float32), np.array([0, 0, 0, 1]), [None if row.spans is None else states for row in rows])
    assert [row.text for row, _ in garbled._expert_marks([rated, scored], embedded)] == ["1 1", "0 0"]
