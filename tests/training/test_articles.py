"""Chain and verdict: fitted on documents, and measured on systems and articles that the fit did not see."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

from newsgauge.model.content import ContentHead
from newsgauge.model.encoder import WindowEncoding
from newsgauge.model.errors import NewsgaugeError
from newsgauge.model.heads import LinearHead
from newsgauge.model.passages import PassageChain
from newsgauge.model.quality import VERDICT_FEATURES, GarbleHead
from newsgauge.model.signs import KINDS
from newsgauge.training import articles, card
from newsgauge.training.corpora import Corpora
from newsgauge.training.documents import JudgedDocument
from newsgauge.training.embed import Embedded, article_rows
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


EVERYTHING = ContentHead(LinearHead.zeros(1, 2), 0.5)
ARTICLE = ContentHead(LinearHead(np.array([[-1.0, 0.0]], np.float32), np.full(1, 6.0, np.float32)), 0.5)


class Reader:
    """An encoder of sentences that say their embedding: ``"-1.5 0.25"``."""

    width = 2

    def encode(self, sentences: Sequence[str]) -> Iterator[WindowEncoding]:
        vectors = np.array([[float(number) for number in sentence.split()] for sentence in sentences], dtype=np.float32)
        yield WindowEncoding(0, len(sentences), vectors, None)


def article(name: str, level: float, rng: np.random.Generator, size: int = 14) -> LabelledDocument:
    return LabelledDocument(name, tuple(Row(f"{a:.3f} {b:.3f}") for a, b in rng.normal(level, 1.0, size=(size, 2))))


def judged(*, native: int, systems: int, each: int, world: int = 0) -> list[JudgedDocument]:
    """Agency news at −2.5; machine output at 1; news of the world, each at a level of its own between −3 and 0.5."""
    rng = np.random.default_rng(21)
    clean = [JudgedDocument(article(f"n{i}", -2.5, rng), False, "native", 1.0) for i in range(native)]
    levels = np.linspace(-3.0, 0.5, world)
    other = [JudgedDocument(article(f"w{i}", level, rng), False, "world", 1.0) for i, level in enumerate(levels)]
    machine = [JudgedDocument(article(f"m{s}.{i}", 1.0, rng), True, f"system {s}", 1.0) for s in range(systems) for i in range(each)]
    return clean + other + machine


def fitted(
    monkeypatch: pytest.MonkeyPatch, given: list[JudgedDocument], content: ContentHead = EVERYTHING
) -> tuple[GarbleHead, dict[str, Any]]:
    monkeypatch.setattr(articles, "judged_documents", lambda corpora, folder, seed: given)
    return articles.fit_documents(Reader(), Corpora(), PLAIN, content, Path("corpora"), seed=3)


@pytest.mark.parametrize(("systems", "parts"), [(9, 5), (3, 3)])
def test_folds_share_no_system_and_parts_no_article(systems: int, parts: int) -> None:
    documents = judged(native=30, systems=systems, each=2, world=10)
    folds = articles._folds(documents)
    assert len(folds) == parts and sorted(place for fold in folds for place in fold) == list(range(len(documents)))
    for kind, count in (("native", 30), ("world", 10)):
        shares = [sum(documents[place].system == kind for place in fold) for fold in folds]
        assert sum(shares) == count and max(shares) - min(shares) <= 1
    owner = {
        row.text: (number, documents[place])
        for number, fold in enumerate(folds)
        for place in fold
        for row in documents[place].document.rows
    }
    for number, part in enumerate(articles._spliced_parts(documents, folds, seed=3)):
        assert list(part) == ["native", "other"]
        for host, made in part.items():
            assert len(made) == articles.SPLICES
            rows = [(*owner[row.text], state) for document, states in made for row, state in zip(document.rows, states, strict=True)]
            assert all(fold == number and found.machine == bool(state) for fold, found, state in rows)
            assert {found.system == "native" for _, found, state in rows if not state} == {host == "native"}
    systems_of = [{documents[place].system for place in fold if documents[place].machine} for fold in folds]
    assert sum(map(len, systems_of)) == len(set().union(*systems_of)) == systems


def test_chain_and_verdict_are_fitted_and_measured_out_of_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    finished, figures = fitted(monkeypatch, judged(native=40, systems=8, each=4))
    assert (finished.sentence, finished.piece, finished.threshold) == (PLAIN.sentence, PLAIN.piece, PLAIN.threshold)
    assert figures["article_documents"] == 72 and figures["article_auroc"] > 0.99
    assert figures["article_false_flags"] <= articles.FALSE_VERDICTS + 1 / 40 and figures["article_recall"] > 0.9
    assert 0.9 < figures["passage_f1"] < 1 and 0.9 < figures["passage_whole"] <= 1
    assert np.isnan(figures["passage_f1_elsewhere"]) and figures["article_false"] == {
        "native": [pytest.approx(figures["article_false_flags"]), 40]
    }
    run = np.array([-2.5] * 6 + [1.0] * 5 + [-2.5] * 6)
    # The chain reads the sum of sentence and words, which say the same here.
    assert [found[:2] for found in finished.chain.runs(2 * run)] == [(6, 10)]
    low, high = (finished.article_probability(np.full(14, level)) for level in (-2.5, 1.0))
    assert low < 0.05 and high > finished.verdict_threshold


def test_few_clean_documents_have_a_passage_whatever_their_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    finished, figures = fitted(monkeypatch, judged(native=40, systems=8, each=4, world=40))
    shares = figures["passage_false"]
    assert {kind: count for kind, (_, count) in shares.items()} == {"native": 40, "world": 40}
    assert sum(share * count for share, count in shares.values()) <= articles.FALSE_PASSAGES * 80
    assert finished.chain.threshold > 0.5 and 0.5 < figures["passage_f1_elsewhere"] < figures["passage_f1"]


def test_every_tenth_article_of_agency_news_is_suspect_and_all_that_is_garbled(monkeypatch: pytest.MonkeyPatch) -> None:
    finished, figures = fitted(monkeypatch, judged(native=40, systems=8, each=4, world=40))
    shares = figures["second_looks"]
    assert {kind: count for kind, (_, count) in shares.items()} == {"native": 40, "world": 40, "machine": 32}
    assert shares["native"][0] == articles.SECOND_LOOKS and shares["machine"][0] == 1.0 and 0.2 < shares["world"][0] < 1.0
    assert -2.5 < finished.suspect_from < 1.0
    told = card._by_kind(shares)
    assert "100.0% of 32 (machine-translated documents)" in told and "10.0% of 40 (agency news)" in told


@pytest.mark.parametrize(
    ("logits", "kept"), [([-2.0, 3.0, 1.0, -4.0, 5.0], True), ([4.0], True), ([-9.0, -9.0, -9.0], True), ([9.0, 9.0], False)]
)
def test_the_strongest_run_is_the_highest_threshold_that_leaves_one(logits: list[float], kept: bool) -> None:
    chain = PassageChain(1.0, 0.0, 0.5, 0.5, 0.0)
    values = np.array(logits)
    read = values if kept else values[:0]
    document = articles.DocumentScores(read, read, np.full(len(values), kept), np.zeros(len(values), np.int64))
    strongest = articles.strongest_run(chain, document)
    assert not document.marks(replace(chain, threshold=float(np.nextafter(strongest, np.inf)))).any()
    assert document.marks(replace(chain, threshold=strongest)).any() == (kept and len(logits) > 1)


def test_what_a_head_learned_from_is_not_judged(tmp_path: Path) -> None:
    for name in ("quality/train.jsonl", "quality/dev.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "stance").mkdir()
    for name in ("quality/machine_output_unrated.jsonl.gz", "stance/unlabelled.jsonl.gz"):
        (tmp_path / name).write_bytes(gzip.compress(b""))
    one, two, three, four = (LabelledDocument(name, (Row("0 0"),)) for name in ("one", "two", "three", "four"))
    corpora = Corpora(seeds=[one], seeds_dev=[two], plain=[one], plain_dev=[two], world=[three], world_dev=[four])
    found = articles.judged_documents(corpora, tmp_path, 3)
    assert not any(one.machine for one in found)
    assert {(one.system, one.document.name) for one in found} == {("starter", "two"), ("plain", "two"), ("world", "four")}


def with_byline(found: JudgedDocument) -> JudgedDocument:
    """*found* with a row, in its midst, that reads like the worst of garble and that :data:`ARTICLE` takes for boilerplate."""
    rows = found.document.rows
    return replace(found, document=replace(found.document, rows=(*rows[:6], Row("9 9"), *rows[6:])))


def test_what_is_taken_for_boilerplate_is_no_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    documents = judged(native=40, systems=8, each=4)
    bylined = [found if found.machine else with_byline(found) for found in documents]
    (head, figures), (plain, _) = fitted(monkeypatch, bylined, ARTICLE), fitted(monkeypatch, documents)
    assert np.array_equal(head.verdict.weight, plain.verdict.weight)
    assert figures["passage_f1"] > 0.9 > fitted(monkeypatch, bylined)[1]["passage_f1"]


def test_a_document_of_boilerplate_alone_keeps_its_rows() -> None:
    vectors = np.array([[9, 0], [0, 0], [9, 0], [9, 0]], np.float32)
    embedded = Embedded([Row("x")] * 4, vectors, np.array([0, 0, 1, 1]), [None] * 4)
    assert article_rows(ARTICLE, embedded).tolist() == [False, True, True, True]


def test_the_verdict_reads_words_and_the_chain_both(monkeypatch: pytest.MonkeyPatch) -> None:
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

    both = fitted(monkeypatch, documents)[1]
    without_sentences, without_words = (fitted(monkeypatch, silent(place))[1] for place in (0, 1))
    assert without_sentences["article_auroc"] > 0.99 and without_words["article_auroc"] == 0.5
    assert 0.8 < max(without_sentences["passage_f1"], without_words["passage_f1"]) < both["passage_f1"] < 1


def test_the_card_tells_what_passages_were_measured_on() -> None:
    figures = {
        "passage_f1": 0.75,
        "passage_f1_elsewhere": 0.66,
        "passage_whole": 0.8,
        "passage_false": {"human": [0.125, 8], "native": [0.0, 40]},
    }
    told = card._passages(figures)
    assert "0.750 in agency news and 0.660 in other clean English" in told and "80.0% of the sentences" in told
    assert told.endswith("of clean documents have one, 0.0% of 40 (agency news), 12.5% of 8 (human translations)")
    alone = card._passages(figures | {"passage_f1_elsewhere": float("nan"), "passage_whole": float("nan")})
    assert "other clean English" not in alone and "nan" not in alone


@pytest.mark.parametrize("given", [judged(native=0, systems=3, each=2, world=4), judged(native=4, systems=0, each=0, world=4)])
def test_corpora_without_machine_output_or_agency_news_are_told_by_their_folder(
    given: list[JudgedDocument], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NewsgaugeError, match=r"^corpora holds no machine output of held-out systems, or no agency news; expected"):
        fitted(monkeypatch, given)
