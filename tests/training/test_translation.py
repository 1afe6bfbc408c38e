"""The translation head: what it learns from, and that it learns to tell runs by what stands around them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

pytest.importorskip("sklearn")

from newsgauge.model.content import ContentHead
from newsgauge.model.encoder import WindowEncoding
from newsgauge.model.heads import LinearHead
from newsgauge.training import translation
from newsgauge.training.corpora import Corpora
from newsgauge.training.metrics import auroc
from newsgauge.training.rows import LabelledDocument, Row
from newsgauge.training.translation import LONGEST, MEMBERS, SPLICES, beside, ensemble, fit_perceptron, fit_translation, read_documents

EVERYTHING = ContentHead(LinearHead.zeros(1, 2), 0.5)


class Reader:
    """An encoder of sentences that say their embedding: ``"-1.5 0.25"``."""

    width = 2

    def encode(self, sentences: Sequence[str]) -> Iterator[WindowEncoding]:
        vectors = np.array([[float(number) for number in sentence.split()] for sentence in sentences], dtype=np.float32)
        yield WindowEncoding(0, len(sentences), vectors, None)


def document(name: str, rng: np.random.Generator, *, size: int = 14, shift: float = 0.0, system: str = "") -> LabelledDocument:
    """Sentences at a level of their article's own, *shift* above it in their second number."""
    level = rng.normal(0.0, 3.0)
    rows = tuple(Row(f"{a:.3f} {b:.3f}") for a, b in rng.normal((0.0, level + shift), 0.5, size=(size, 2)))
    return LabelledDocument(name, rows, tags={"system": system})


def corpora(count: int = 40) -> Corpora:
    rng = np.random.default_rng(3)
    return Corpora(
        stance=[document(f"n{i}", rng, size=30) for i in range(count)],
        world=[document(f"w{i}", rng) for i in range(count)],
        translated=[document(f"h{i}", rng, system="human-A") for i in range(5)]
        + [document(f"weak{i}", rng, system="wmt21-Online-G") for i in range(5)]
        + [document(f"strong{i}", rng, system="Online-B") for i in range(5)],
        twins=[document(f"g{i}", rng) for i in range(5)],
    )


def test_documents_are_clean_translated_or_both_and_short() -> None:
    given = corpora()
    marked = read_documents(given, 0)
    owner = {row.text: found for found in given.stance + given.world + given.translated + given.twins for row in found.rows}
    machine = {found.name for found in given.twins} | {f"weak{i}" for i in range(5)}
    kinds = set()
    for found, states in marked:
        assert len(found.rows) == len(states) <= LONGEST + 10
        assert [owner[row.text].name in machine for row in found.rows] == [bool(state) for state in states]
        kinds.add(tuple(sorted(set(states))))
    assert kinds == {(0,), (1,), (0, 1)}
    assert not any(owner[row.text].name.startswith("strong") for found, _ in marked for row in found.rows)
    assert len(marked) == 3 * 40 + 3 * 5 + 3 * 40 + 15 and min(SPLICES.values()) > 120
    assert [states for _, states in read_documents(given, 0)] == [states for _, states in marked]
    assert read_documents(given, 1) != marked


def test_without_garbled_documents_there_is_no_head() -> None:
    rng = np.random.default_rng(1)
    assert fit_translation(Reader(), Corpora(stance=[document("n", rng)]), EVERYTHING, seed=0) is None


def test_what_sets_a_run_apart_from_its_article_is_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translation, "EPOCHS", 60)
    rng = np.random.default_rng(9)
    articles, states = [], []
    for number in range(400):
        level, start = rng.normal(0.0, 3.0), int(rng.integers(0, 9))
        state = np.zeros(14, np.int64)
        state[start : start + 5] = number % 2
        articles.append(np.stack([rng.normal(size=14), level + 1.5 * state + rng.normal(0, 0.5, 14)], axis=1).astype(np.float32))
        states.append(state)
    head = fit_perceptron(np.concatenate([beside(one) for one in articles[:300]]), np.concatenate(states[:300]), seed=0)
    told = np.concatenate([head.logits(head.project(one)) for one in articles[300:]])
    truth = np.concatenate(states[300:]) > 0
    alone = np.concatenate([one[:, 1] for one in articles[300:]])
    assert auroc(told, truth) > 0.9 > 0.7 > auroc(alone, truth)


def test_the_fitted_head_gives_half_of_the_log_odds(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    features, truth = beside(rng.normal(size=(300, 2)).astype(np.float32)), rng.integers(0, 2, 300)
    half = fit_perceptron(features, truth, seed=4)
    monkeypatch.setattr(translation, "SHARE", 1.0)
    whole = fit_perceptron(features, truth, seed=4)
    vectors = rng.normal(size=(20, 2)).astype(np.float32)
    assert whole.logits(whole.project(vectors)) == pytest.approx(2 * half.logits(half.project(vectors)), abs=1e-5)


def test_an_ensemble_gives_the_mean_of_its_members() -> None:
    rng = np.random.default_rng(6)
    features, truth = beside(rng.normal(size=(300, 2)).astype(np.float32)), rng.integers(0, 2, 300)
    members = [fit_perceptron(features, truth, seed=seed) for seed in range(3)]
    whole = ensemble(members)
    vectors = rng.normal(size=(20, 2)).astype(np.float32)
    mean = np.mean([one.logits(one.project(vectors)) for one in members], axis=0)
    assert whole.units == sum(one.units for one in members) and whole.logits(whole.project(vectors)) == pytest.approx(mean, abs=0.01)
    for array in whole.arrays("t").values():
        assert np.array_equal(array, array.astype(np.float16).astype(np.float32))


def test_intact_sentences_of_a_twin_and_boilerplate_teach_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int]] = []

    def noting(features: np.ndarray, translated: np.ndarray, *, seed: int) -> None:
        seen.append((len(features), int(translated.sum())))

    monkeypatch.setattr(translation, "fit_perceptron", noting)
    monkeypatch.setattr(translation, "ensemble", lambda members: None)
    rows = (Row("0 0", garbled=0.05), Row("0 1", garbled=1.0), Row("0 2", garbled=0.75), Row("9 3", garbled=1.0))
    monkeypatch.setattr(translation, "read_documents", lambda corpora, seed: [(LabelledDocument("g", rows), [1, 1, 1, 1])])
    fit_translation(Reader(), Corpora(), EVERYTHING, seed=0)
    article = ContentHead(LinearHead(np.array([[-1.0, 0.0]], np.float32), np.full(1, 6.0, np.float32)), 0.5)
    fit_translation(Reader(), Corpora(), article, seed=0)
    assert seen == [(3, 3)] * MEMBERS + [(2, 2)] * MEMBERS
