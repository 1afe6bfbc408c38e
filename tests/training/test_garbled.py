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


def test_rated_rows_share_an_origin_by_corpus_and_languages_and_odd_english_has_none() -> None:
    def embedded(*documents: tuple[Row, ...]) -> Embedded:
        rows = [row for members in documents for row in members]
        owner = np.repeat(np.arange(len(documents)), [len(members) for members in documents])
        return Embedded(rows, np.arange(len(rows), dtype=np.float32)[:, None], owner, [None] * len(rows))

    def row(garbled: float | None, languages: str = "", weight: float = 1.0) -> Row:
        return Row("One.", garbled=garbled, garbled_weight=weight, languages=languages)

    news = embedded((row(0.0, weight=0.2), row(None)), (row(1.0),))
    rated = embedded((row(1.0, "de-en", 0.5), row(0.0, "fi-en"), row(None, "de-en"), row(0.0, "de-en")), (row(0.0, "de-en"),))
    found = garbled.training_rows(news, rated, embedded((row(0.0),)), unusual=30.0)
    assert found.targets.tolist() == [0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    assert found.weights.tolist() == [0.2, 1.0, 0.5, 1.0, 1.0, 1.0, 30.0]
    assert found.vectors[:, 0].tolist() == [0.0, 2.0, 0.0, 1.0, 3.0, 4.0, 0.0]
    own, first, other, again, elsewhere, odd = (found.origins[i] for i in (0, 2, 3, 4, 5, 6))
    assert found.origins[1] == own and first == again and odd == ""
    assert len({own, first, other, elsewhere, odd}) == 5
