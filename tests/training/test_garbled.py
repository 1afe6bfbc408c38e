"""Chain and verdict: fitted on documents, and measured on systems and articles that the fit did not see."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn")

from newsgauge.model.encoder import WindowEncoding, WordPieces
from newsgauge.model.heads import LinearHead
from newsgauge.model.passages import PassageChain
from newsgauge.model.quality import VERDICT_FEATURES, GarbleHead
from newsgauge.model.signs import KINDS
from newsgauge.training import garbled
from newsgauge.training.corpora import Corpora
from newsgauge.training.documents import JudgedDocument
from newsgauge.training.embed import Embedded
from newsgauge.training.rows import LabelledDocument, Row

SENTENCE, WORDS = (LinearHead(np.array([row], np.float32), np.zeros(1, np.float32)) for row in ([1.0, 0.0], [0.0, 1.0]))
PLAIN = GarbleHead(
    SENTENCE,
    LinearHead.zeros(1, len(KINDS)),
    WORDS,
    0.5,
    0.5,
    PassageChain(1.0, 0.0, 2.0, 1.0, 0.0),
    LinearHead.zeros(1, len(VERDICT_FEATURES)),
    0.5,
)


class Reader:
    """An encoder of sentences that say their embedding: ``"-1.5 0.25"``."""

    width = 2

    def encode(self, sentences: Sequence[str]) -> Iterator[WindowEncoding]:
        vectors = np.array([[float(number) for number in sentence.split()] for sentence in sentences], dtype=np.float32)
        yield WindowEncoding(0, len(sentences), vectors, None)


def article(name: str, level: float, rng: np.random.Generator, size: int = 14) -> LabelledDocument:
    return LabelledDocument(name, tuple(Row(f"{a:.3f} {b:.3f}") for a, b in rng.normal(level, 1.0, size=(size, 2))))


def judged(*, native: int, systems: int, each: int) -> list[JudgedDocument]:
    rng = np.random.default_rng(21)
    clean = [JudgedDocument(article(f"n{i}", -2.5, rng), False, "native", 1.0) for i in range(native)]
    machine = [JudgedDocument(article(f"m{s}.{i}", 1.0, rng), True, f"system {s}", 1.0) for s in range(systems) for i in range(each)]
    return clean + machine


@pytest.mark.parametrize(("systems", "parts"), [(9, 5), (3, 3)])
def test_parts_share_no_system_and_no_article(systems: int, parts: int) -> None:
    documents = judged(native=30, systems=systems, each=2)
    owner = {row.text: found for found in documents for row in found.document.rows}
    seen: list[tuple[set[str], set[str]]] = []
    for part in garbled._spliced_parts(documents, garbled._machine_folds(documents), seed=3):
        assert len(part) == garbled.SPLICES
        rows = [(owner[row.text], state) for document, states in part for row, state in zip(document.rows, states, strict=True)]
        assert all(found.machine == bool(state) for found, state in rows)
        seen.append(({found.system for found, state in rows if state}, {found.document.name for found, state in rows if not state}))
    assert len(seen) == parts
    for kind in (0, 1):
        names = [name for one in seen for name in one[kind]]
        assert len(names) == len(set(names))
    assert sum(len(one[0]) for one in seen) == systems


def test_words_are_measured_where_experts_marked_some() -> None:
    rated = LabelledDocument(
        "rated", (Row("1 1", garbled=1.0, spans=((0, 1),)), Row("0 0", garbled=0.0, spans=()), Row("2 2", garbled=1.0))
    )
    scored = LabelledDocument("scored by sentence", (Row("3 3", garbled=0.0, spans=()),))
    states = WordPieces(np.zeros((1, 2), np.int64), np.zeros((1, 2), np.float32))
    rows = [*rated.rows, *scored.rows]
    embedded = Embedded(rows, np.zeros((4, 2), np.float32), np.array([0, 0, 0, 1]), [None if row.spans is None else states for row in rows])
    assert [row.text for row, _ in garbled._expert_marks([rated, scored], embedded)] == ["1 1", "0 0"]


def test_chain_and_verdict_are_fitted_and_measured_out_of_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(garbled, "judged_documents", lambda corpora, folder, seed: judged(native=40, systems=8, each=4))
    finished, figures = garbled.fit_documents(Reader(), Corpora(), PLAIN, Path("corpora"), seed=3)
    assert (finished.sentence, finished.piece, finished.threshold) == (PLAIN.sentence, PLAIN.piece, PLAIN.threshold)
    assert figures["article_documents"] == 72 and figures["article_auroc"] > 0.99
    assert figures["article_false_flags"] <= garbled.FALSE_VERDICTS + 1 / 40 and figures["article_recall"] > 0.9
    assert 0.9 < figures["passage_f1"] < 1 and 0.9 < figures["passage_whole"] <= 1
    run = np.array([-2.5] * 6 + [1.0] * 5 + [-2.5] * 6)
    assert [found[:2] for found in finished.chain.runs(run)] == [(6, 10)]
    low, high = (finished.article_probability(np.full(14, level)) for level in (-2.5, 1.0))
    assert low < 0.05 and high > finished.verdict_threshold


def test_the_verdict_reads_words_and_the_chain_reads_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    documents = judged(native=40, systems=8, each=4)

    def silent(place: int) -> list[JudgedDocument]:
        """*documents* with the first or second number of every sentence made nought."""

        def muted(row: Row) -> Row:
            numbers = row.text.split()
            numbers[place] = "0"
            return Row(" ".join(numbers))

        return [
            JudgedDocument(
                LabelledDocument(found.document.name, tuple(map(muted, found.document.rows))), found.machine, found.system, found.weight
            )
            for found in documents
        ]

    def figures(place: int) -> dict[str, float]:
        monkeypatch.setattr(garbled, "judged_documents", lambda corpora, folder, seed: silent(place))
        return garbled.fit_documents(Reader(), Corpora(), PLAIN, Path("corpora"), seed=3)[1]

    without_sentences, without_words = figures(0), figures(1)
    assert without_sentences["article_auroc"] > 0.99 and without_sentences["passage_f1"] < 0.5
    assert without_words["article_auroc"] == 0.5 and without_words["passage_f1"] > 0.9
