"""Heads fitted on made-up embeddings whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")
pytest.importorskip("sklearn")

from newsgauge.model.encoder import WordPieces
from newsgauge.model.heads import LinearHead, sigmoid
from newsgauge.model.quality import verdict_features
from newsgauge.model.signs import KINDS, Sign
from newsgauge.training.embed import Embedded, labelled
from newsgauge.training.heads import (
    BinaryRows,
    best_piece_threshold,
    calibrated_pieces,
    fit_binary,
    fit_pieces,
    fit_signs,
    fit_soft_targets,
    fit_stance,
    fit_verdict,
    mean_head,
    piece_hits,
    piece_quality,
)
from newsgauge.training.metrics import auroc
from newsgauge.training.rows import STANCE_LABELS, Row

WIDTH = 8


def clusters(seed: int, count: int, *, spread: float, unlabelled: int = 0) -> Embedded:
    """Four clouds, one a label, around corners of the space; *unlabelled* rows lie anywhere."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, len(STANCE_LABELS), count)
    vectors = 2.0 * np.eye(len(STANCE_LABELS), WIDTH)[labels] + spread * rng.normal(size=(count, WIDTH))
    rows = [Row("x", stance=STANCE_LABELS[label]) for label in labels] + [Row("?")] * unlabelled
    anywhere = 9 * rng.normal(size=(unlabelled, WIDTH))
    return Embedded(rows, np.concatenate([vectors, anywhere]).astype(np.float32), np.zeros(len(rows), dtype=np.int64), [None] * len(rows))


def test_the_stance_head_gets_separable_labels_right() -> None:
    dev = clusters(2, 200, spread=0.3, unlabelled=40)
    fitted = fit_stance(clusters(1, 300, spread=0.3, unlabelled=60), dev)
    rows, vectors = labelled(dev)
    probabilities = fitted.head.probabilities(vectors)
    assert [STANCE_LABELS[best] for best in probabilities.argmax(1)] == [row.stance for row in rows]
    assert probabilities.sum(1) == pytest.approx(np.ones(len(rows)), abs=1e-5)
    assert fitted.head.labels == STANCE_LABELS
    assert fitted.head.temperature > 0
    assert fitted.coverage == 1.0
    assert (probabilities.max(1) >= fitted.head.confident_from).all()


def test_the_temperature_brings_confidence_to_the_accuracy_on_dev() -> None:
    dev = clusters(4, 1500, spread=1.2)
    fitted = fit_stance(clusters(3, 1500, spread=1.2), dev)
    probabilities = fitted.head.probabilities(dev.vectors)
    right = np.array([STANCE_LABELS[best] == row.stance for best, row in zip(probabilities.argmax(1), dev.rows, strict=True)])
    assert 0.6 < right.mean() < 0.95, "the task is neither trivial nor hopeless"
    assert probabilities.max(1).mean() == pytest.approx(right.mean(), abs=0.03)
    confident = probabilities.max(1) >= fitted.head.confident_from
    assert right[confident].mean() >= fitted.accuracy_when_confident
    assert confident.mean() == pytest.approx(fitted.coverage)
    assert 0 < fitted.coverage < 1


def test_the_best_candidate_on_dev_is_kept() -> None:
    train, dev = clusters(5, 400, spread=1.0), clusters(6, 500, spread=1.0)
    assert fit_stance(train, dev, strengths=(0.3,)).origin == "logistic regression, C = 0.3"
    ideal = LinearHead(4 * np.eye(len(STANCE_LABELS), WIDTH, dtype=np.float32), np.zeros(len(STANCE_LABELS), np.float32))
    wrong = LinearHead(-ideal.weight, ideal.bias)
    few = clusters(7, 12, spread=1.0)
    kept = fit_stance(few, dev, trained=ideal)
    assert kept.origin == "trained with the encoder"
    assert np.array_equal(kept.head.head.weight, ideal.weight)
    assert fit_stance(train, dev, trained=wrong).origin.startswith("logistic regression")


def test_a_second_label_gets_its_share_of_probability() -> None:
    rng = np.random.default_rng(0)
    vectors = (np.array([[3.0, 0.0]] * 100 + [[0.0, 3.0]] * 100) + 0.05 * rng.normal(size=(200, 2))).astype(np.float32)
    sure = [Row("x", stance="denial")] * 100
    torn = [Row("x", stance="accusation", secondary="evidence")] * 100
    extra = np.array([[-3.0, 0.0], [-3.0, 0.0], [0.0, -3.0], [0.0, -3.0]], dtype=np.float32)
    rows = sure + torn + [Row("x", stance="analysis")] * 2 + [Row("x", stance="evidence")] * 2
    everything = Embedded(rows, np.concatenate([vectors, extra]), np.zeros(len(rows), dtype=np.int64), [None] * len(rows))
    head = fit_stance(everything, everything, primary=0.6).head
    named = dict(zip(STANCE_LABELS, head.probabilities(vectors[100:]).mean(0), strict=True))
    assert named["accusation"] > named["evidence"] > max(named["denial"], named["analysis"])


def test_a_binary_head_points_the_right_way_and_is_calibrated() -> None:
    rng = np.random.default_rng(7)

    def draw(count: int) -> tuple[np.ndarray, np.ndarray]:
        truth = np.arange(count) % 2 == 0
        return (rng.normal(size=(count, 3)) + truth[:, None] * np.array([1.2, 0.0, -0.8])).astype(np.float32), truth

    vectors, truth = draw(800)
    dev_vectors, dev_truth = draw(800)
    # Targets so soft that the raw head would be far too timid.
    head = fit_binary(BinaryRows(vectors, np.where(truth, 0.7, 0.3), np.ones(800)), dev_vectors, dev_truth)
    assert head.weight[0, 0] > 0 > head.weight[0, 2]
    probability = sigmoid(head.logits(dev_vectors)[:, 0])
    assert probability[dev_truth].mean() > probability[~dev_truth].mean() + 0.3
    assert probability.mean() == pytest.approx(dev_truth.mean(), abs=0.01)
    for low, high in ((0.0, 0.3), (0.3, 0.7), (0.7, 1.0)):
        inside = (probability >= low) & (probability < high)
        assert inside.sum() > 50
        assert dev_truth[inside].mean() == pytest.approx(probability[inside].mean(), abs=0.12)


def test_of_states_side_by_side_each_has_its_say() -> None:
    first = LinearHead(np.array([[2.0, 0.0]], np.float32), np.array([1.0], np.float32))
    second = LinearHead(np.array([[0.0, -4.0]], np.float32), np.array([3.0], np.float32))
    states = np.random.default_rng(4).normal(size=(5, 4)).astype(np.float32)
    both = mean_head([first, second])
    np.testing.assert_allclose(both.logits(states), (first.logits(states[:, :2]) + second.logits(states[:, 2:])) / 2, atol=1e-6)

    rng = np.random.default_rng(9)
    truth = np.arange(600) % 2 == 0
    # What was learned by heart tells everything in training, and on dev no more than what was not.
    train = (rng.normal(size=(600, 2)) + truth[:, None] * np.array([30.0, 1.5])).astype(np.float32)
    dev = (rng.normal(size=(600, 2)) + truth[:, None] * np.array([1.5, 1.5])).astype(np.float32)
    rows = BinaryRows(train, truth.astype(float), np.ones(600))
    alone, together = (fit_binary(rows, dev, truth, layers=layers) for layers in (1, 2))
    assert auroc(together.logits(dev)[:, 0], truth) > auroc(alone.logits(dev)[:, 0], truth) + 0.02
    assert together.weight[0, 0] == pytest.approx(together.weight[0, 1], rel=0.2)


def test_what_tells_origins_apart_is_no_cue() -> None:
    rng = np.random.default_rng(5)
    garbled, from_wiki = np.arange(1200) % 2 == 0, rng.random(1200) < 0.5
    # Nine of ten rows of one corpus are garbled, one of ten of the other: its topic tells more than what garbles a sentence.
    kept = garbled == (from_wiki ^ (rng.random(1200) < 0.1))
    garbled, from_wiki = garbled[kept], from_wiki[kept]
    noise = rng.normal(size=(len(garbled), 2))
    vectors = (noise + np.stack([garbled, 3.0 * from_wiki], axis=1)).astype(np.float32)
    rows = BinaryRows(vectors, garbled.astype(float), np.ones(len(garbled)))
    origins = ["wiki" if place else "news" for place in from_wiki]
    fooled, fair, free = (fit_soft_targets(replace(rows, origins=found), 1.0) for found in ((), origins, [""] * len(garbled)))
    ratio = [head.weight[0, 1] / head.weight[0, 0] for head in (fooled, fair)]
    assert fair.weight.shape == (1, 2) and ratio[0] > 1.0 > 3 * ratio[1]
    np.testing.assert_allclose(free.weight, fooled.weight, rtol=1e-5)


def test_a_weightless_row_does_not_pull_a_binary_head() -> None:
    vectors = np.array([[1.0], [-1.0], [5.0]] * 20, dtype=np.float32)
    targets = np.array([1.0, 0.0, 0.0] * 20)
    dev = np.array([[1.0], [-1.0], [0.5], [-0.5]] * 10, dtype=np.float32)
    head = fit_binary(BinaryRows(vectors, targets, np.array([1.0, 1.0, 0.0] * 20)), dev, dev[:, 0] > 0, strength=1.0)
    assert head.weight[0, 0] > 0


def test_the_binary_head_that_ranks_dev_better_is_kept_and_calibrated() -> None:
    rng = np.random.default_rng(11)
    dev_truth = np.arange(400) % 4 == 0
    dev_vectors = (rng.normal(size=(400, 2)) + 1.5 * dev_truth[:, None] * np.array([1.0, 0.0])).astype(np.float32)
    misled = BinaryRows(np.array([[0.0, 1.0], [0.0, -1.0]] * 10, dtype=np.float32), np.array([1.0, 0.0] * 10), np.ones(20))
    right, bias = np.array([[9.0, 0.0]], dtype=np.float32), np.array([5.0], dtype=np.float32)
    head = fit_binary(misled, dev_vectors, dev_truth, trained=LinearHead(right, bias))
    assert head.weight[0, 1] == 0.0
    assert 0 < head.weight[0, 0] < 9.0
    assert sigmoid(head.logits(dev_vectors)[:, 0]).mean() == pytest.approx(dev_truth.mean(), abs=0.01)
    led = BinaryRows(dev_vectors, dev_truth.astype(float), np.ones(400))
    refitted = fit_binary(led, dev_vectors, dev_truth, trained=LinearHead(-right, bias))
    assert refitted.weight[0, 1] != 0.0


def test_a_sign_raises_logits_where_it_tells_and_never_lowers_them() -> None:
    rng = np.random.default_rng(5)
    truth = np.arange(600) % 3 == 0
    vectors = (rng.normal(size=(600, 1)) + truth[:, None]).astype(np.float32)
    # A doubled word in a third of the garbled rows, a bracket in clean ones.
    signs = [
        (Sign(KINDS[0], 0, 1),) if bad and i % 2 else (Sign(KINDS[3], 0, 1),) if not bad and i % 5 == 0 else ()
        for i, bad in enumerate(truth)
    ]
    head, weights = fit_signs(LinearHead(np.ones((1, 1), np.float32), np.zeros(1, np.float32)), vectors, signs, truth)
    assert head.weight[0, 0] > 0
    assert weights.weight[0, 0] > 1.0
    assert weights.weight[0, 3] == 0.0
    assert (weights.weight >= 0).all() and not weights.bias.any()


def piece_example(states: list[float], offsets: list[tuple[int, int]], spans: tuple[tuple[int, int], ...]) -> tuple[Row, WordPieces]:
    stacked = np.array(states, dtype=np.float32)[:, None]
    return Row("x", garbled=1.0, spans=spans), WordPieces(np.array(offsets, dtype=np.int64).reshape(-1, 2), stacked)


def test_a_piece_is_hit_where_it_overlaps_a_span() -> None:
    row, pieces = piece_example([0, 0, 0, 0], [(0, 3), (3, 5), (6, 9), (9, 10)], ((4, 7),))
    assert piece_hits(row, pieces).tolist() == [False, True, True, False]
    assert piece_hits(Row("x", spans=()), pieces).tolist() == [False] * 4


def test_calibrated_pieces_say_how_often_a_piece_is_garbled() -> None:
    rng = np.random.default_rng(2)
    examples = []
    for _ in range(300):
        hits = rng.random(10) < 0.3
        spans = tuple((i, i + 1) for i in range(10) if hits[i])
        examples.append(piece_example((rng.normal(size=10) + 1.5 * hits).tolist(), [(i, i + 1) for i in range(10)], spans))
    boastful = LinearHead(np.array([[9.0]], np.float32), np.array([2.0], np.float32))
    head = calibrated_pieces(boastful, examples)
    states = np.concatenate([pieces.states for _, pieces in examples])
    truth = np.concatenate([piece_hits(row, pieces) for row, pieces in examples])
    said = sigmoid(head.logits(states)[:, 0])
    for low, high in ((0.0, 0.2), (0.2, 0.5), (0.5, 1.0)):
        inside = (said >= low) & (said < high)
        assert inside.sum() > 100
        assert truth[inside].mean() == pytest.approx(said[inside].mean(), abs=0.06)
    assert best_piece_threshold(head, examples)[1] == pytest.approx(best_piece_threshold(boastful, examples)[1])


def test_the_piece_head_finds_the_garbled_pieces() -> None:
    rng = np.random.default_rng(1)
    examples = []
    for _ in range(60):
        states = rng.normal(size=10) * 0.3
        states[3:6] += 2.0
        examples.append(piece_example(states.tolist(), [(i, i + 1) for i in range(10)], ((3, 6),)))
    head = fit_pieces(examples, strength=1.0)
    threshold, f1 = best_piece_threshold(head, examples)
    assert f1 > 0.95
    assert sigmoid(head.logits(np.array([[2.0]], dtype=np.float32)))[0, 0] >= threshold
    assert sigmoid(head.logits(np.array([[0.0]], dtype=np.float32)))[0, 0] < threshold
    doubled = [(row, WordPieces(pieces.offsets, np.repeat(pieces.states, 2, axis=1))) for row, pieces in examples]
    both = fit_pieces(doubled, strength=1.0, layers=2)
    np.testing.assert_allclose(both.weight, np.repeat(head.weight, 2, axis=1) / 2, rtol=1e-6)
    np.testing.assert_allclose(both.bias, head.bias, rtol=1e-6)


def test_marked_pieces_are_measured_at_the_threshold() -> None:
    head = LinearHead(np.ones((1, 1), np.float32), np.zeros(1, np.float32))
    # Marked are the first five pieces, garbled the first three and the last.
    example = piece_example([1, 2, 1, 2, 1, -1, -2, -1, -2, -1], [(i, i + 1) for i in range(10)], ((0, 3), (9, 10)))
    f1, correlation = piece_quality(head, 0.5, [example])
    assert f1 == pytest.approx(2 * 3 / (5 + 4))
    assert correlation == pytest.approx((3 * 4 - 2 * 1) / np.sqrt(5 * 4 * 6 * 5))
    assert piece_quality(head, 0.95, [example]) == (0.0, 0.0), "nothing is marked"


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=1, max_size=25))
def test_the_piece_threshold_is_the_best_of_all(pairs: list[tuple[int, bool]]) -> None:
    spans = tuple((place, place + 1) for place, (_, hit) in enumerate(pairs) if hit)
    example = piece_example([float(state) for state, _ in pairs], [(place, place + 1) for place in range(len(pairs))], spans)
    head = LinearHead(np.ones((1, 1), np.float32), np.zeros(1, np.float32))
    probability, truth = sigmoid(head.logits(example[1].states)[:, 0]), np.array([hit for _, hit in pairs])

    def f1_at(threshold: float) -> float:
        flagged = probability >= threshold
        return float(2 * (flagged & truth).sum() / max(1, flagged.sum() + truth.sum()))

    threshold, f1 = best_piece_threshold(head, [example])
    assert f1 == pytest.approx(max(f1_at(float(value)) for value in probability))
    assert f1_at(threshold) == pytest.approx(f1)


def test_the_verdict_tells_garbled_articles_from_clean_ones() -> None:
    rng = np.random.default_rng(8)
    clean = [rng.normal(-2.0, 1.0, size=int(rng.integers(5, 30))) for _ in range(60)]
    garbled = [rng.normal(0.0, 1.2, size=int(rng.integers(5, 30))) for _ in range(15)]
    documents, machine = clean + garbled, [False] * 60 + [True] * 15
    head = fit_verdict(documents, machine, [1.0] * 75)

    def probability(logits: np.ndarray) -> float:
        return float(sigmoid(head.logits(verdict_features(logits)[None, :]))[0, 0])

    judged = np.array([probability(logits) for logits in documents])
    assert judged[60:].min() > 0.5 > np.quantile(judged[:60], 0.95)
    # Both classes weigh the same, so that four times as many clean articles do not drag the verdict down.
    assert probability(rng.normal(-0.2, 1.2, size=20)) > 0.5


def test_a_verdict_on_few_sentences_is_nearer_to_one_half_and_no_surer_than_it_should_be() -> None:
    rng = np.random.default_rng(10)
    # Half of the variance lies between articles, as it does between the sentences of one.
    documents = [rng.normal(sign + rng.normal(), 1.0, size=20) for sign in (-1.0, 1.0) for _ in range(300)]
    head = fit_verdict(documents, [False] * 300 + [True] * 300, [1.0] * 600)
    assert not head.bias.any()

    def surprise(size: int, scale: float) -> float:
        logits = np.array([head.logits(verdict_features(words[:size])[None, :])[0, 0] for words in documents]) * scale
        return float(np.logaddexp(0, np.where(np.arange(600) < 300, logits, -logits)).mean())

    for size in (1, 3, 20):
        assert surprise(size, 1.0) < min(surprise(size, 0.6), surprise(size, 1.6))


def test_a_verdict_is_not_moved_by_documents_without_weight() -> None:
    rng = np.random.default_rng(9)
    documents = [rng.normal(-2.0, 1.0, size=12) for _ in range(20)] + [rng.normal(1.0, 1.0, size=12) for _ in range(20)]
    lies = [rng.normal(4.0, 1.0, size=12) for _ in range(20)]
    head = fit_verdict(documents + lies, [False] * 20 + [True] * 20 + [False] * 20, [1.0] * 40 + [0.0] * 20)
    truthful = [float(head.logits(verdict_features(logits)[None, :])[0, 0]) for logits in documents]
    assert max(truthful[:20]) < 0 < min(truthful[20:])
