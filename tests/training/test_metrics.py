"""Figures of quality against values worked out by hand and by brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("sklearn")

from newsgauge.training.metrics import (
    auroc,
    coverage_at_accuracy,
    expected_calibration_error,
    macro_f1_interval,
    risk_coverage,
    rows_report,
    stance_report,
    threshold_at_false_flags,
)
from newsgauge.training.rows import Row

LABELS = ("accusation", "denial", "evidence", "analysis")
# Few distinct values, so that ties are common.
tied_scores = st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]), min_size=1, max_size=40)
any_scores = st.lists(st.floats(0, 1), min_size=1, max_size=40)


def said(labels: list[str], confidence: float = 0.7) -> np.ndarray:
    rest = (1 - confidence) / 3
    return np.array([[confidence if name == label else rest for name in LABELS] for label in labels])


def test_macro_f1_is_the_mean_over_the_labels_that_occur() -> None:
    truth = ["accusation", "accusation", "denial", "evidence", "evidence", "evidence"]
    predicted = ["accusation", "denial", "denial", "evidence", "evidence", "accusation"]
    report = stance_report(said(predicted), truth, [None, "denial", None, None, None, "analysis"], LABELS)
    # accusation: 1 of 2 said, 1 of 2 found; denial: 1 of 2, 1 of 1; evidence: 2 of 2, 2 of 3; analysis: nothing.
    assert report.f1 == pytest.approx({"accusation": 1 / 2, "denial": 2 / 3, "evidence": 4 / 5, "analysis": 0.0})
    assert report.precision == pytest.approx({"accusation": 1 / 2, "denial": 1 / 2, "evidence": 1.0, "analysis": 0.0})
    assert report.recall == pytest.approx({"accusation": 1 / 2, "denial": 1.0, "evidence": 2 / 3, "analysis": 0.0})
    assert report.macro_f1 == pytest.approx((1 / 2 + 2 / 3 + 4 / 5) / 3)
    assert report.accuracy == pytest.approx(4 / 6)
    assert report.acceptable == pytest.approx(5 / 6), "one miss said the second label"
    assert report.confusion == [[1, 1, 0, 0], [0, 1, 0, 0], [1, 0, 2, 0], [0, 0, 0, 0]]
    assert report.rows == 6
    assert report.calibration_error == pytest.approx(abs(4 / 6 - 0.7))


def test_calibration_error_weighs_each_bin_by_its_size() -> None:
    confidence = np.array([0.95, 0.95, 0.95, 0.95, 0.55, 0.55])
    right = np.array([True, True, True, False, True, True])
    # Two bins of ten: |0.75 - 0.95| on four rows, |1 - 0.55| on two.
    assert expected_calibration_error(confidence, right, bins=10) == pytest.approx((4 * 0.2 + 2 * 0.45) / 6)
    # In one bin the errors cancel.
    assert expected_calibration_error(confidence, right, bins=1) == pytest.approx(abs(5 / 6 - confidence.mean()))
    assert expected_calibration_error(np.array([1.0, 1.0]), np.array([True, True])) == 0.0


@given(st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=1, max_size=40))
def test_auroc_is_the_share_of_pairs_in_the_right_order(pairs: list[tuple[int, bool]]) -> None:
    scores, truth = [float(score) for score, _ in pairs], [positive for _, positive in pairs]
    positives = [score for score, positive in zip(scores, truth, strict=True) if positive]
    negatives = [score for score, positive in zip(scores, truth, strict=True) if not positive]
    found = auroc(scores, truth)
    if not positives or not negatives:
        assert math.isnan(found)
        return
    won = sum((p > n) + 0.5 * (p == n) for p in positives for n in negatives)
    assert found == pytest.approx(won / len(positives) / len(negatives))


@given(st.one_of(tied_scores, any_scores), st.floats(0, 1))
def test_the_false_flag_threshold_keeps_the_rate(scores: list[float], rate: float) -> None:
    negatives = np.array(scores)
    threshold = threshold_at_false_flags(negatives, rate)
    assert (negatives >= threshold).sum() <= rate * len(negatives)


@given(st.one_of(tied_scores, any_scores), st.floats(0, 0.95))
def test_no_lower_threshold_keeps_the_false_flag_rate(scores: list[float], rate: float) -> None:
    negatives = np.array(scores)
    threshold = threshold_at_false_flags(negatives, rate)
    lower = np.nextafter(threshold, -np.inf)
    assert (negatives >= lower).sum() > rate * len(negatives)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 4)), min_size=1, max_size=30), st.integers(0, 20))
def test_a_score_counts_as_often_as_it_weighs(pairs: list[tuple[int, int]], twentieths: int) -> None:
    scores, weights = (np.array(column, dtype=np.float64) for column in zip(*pairs, strict=True))
    repeated = np.repeat(scores, weights.astype(int))
    rate = twentieths / 20
    assert threshold_at_false_flags(scores, rate, weights) == threshold_at_false_flags(repeated, rate)


def test_coverage_is_the_largest_share_that_keeps_the_accuracy() -> None:
    confidence = np.array([0.6, 0.99, 0.8, 0.7, 0.9])
    right = np.array([False, True, False, True, True])
    # From the top: right, right, wrong, right, wrong.
    assert coverage_at_accuracy(confidence, right, 0.75) == (0.7, pytest.approx(0.8))
    assert coverage_at_accuracy(confidence, right, 0.9) == (0.9, pytest.approx(0.4))
    assert coverage_at_accuracy(confidence, right, 0.6) == (0.6, 1.0)
    assert coverage_at_accuracy(confidence, ~np.ones(5, dtype=bool), 0.5) == (1.0, 0.0)


@given(st.one_of(tied_scores, any_scores), st.data(), st.sampled_from([0.5, 0.75, 0.9, 1.0]))
def test_what_the_coverage_threshold_covers_is_as_accurate_as_asked(scores: list[float], data: st.DataObject, accuracy: float) -> None:
    confidence = np.array(scores)
    right = np.array(data.draw(st.lists(st.booleans(), min_size=len(scores), max_size=len(scores))))
    threshold, coverage = coverage_at_accuracy(confidence, right, accuracy)
    reached = [value for value in confidence if right[confidence >= value].mean() >= accuracy]
    if not reached:
        assert (threshold, coverage) == (1.0, 0.0)
        return
    covered = confidence >= threshold
    assert right[covered].mean() >= accuracy
    assert covered.mean() == pytest.approx(coverage)
    assert coverage == pytest.approx(max((confidence >= value).mean() for value in reached))


def test_a_report_of_rows_reads_their_labels() -> None:
    rows = [Row("a", stance="denial"), Row("b", stance="evidence", secondary="analysis"), Row("c", stance="evidence")]
    report = rows_report(said(["denial", "analysis", "evidence"]), rows)
    assert report.accuracy == pytest.approx(2 / 3)
    assert report.acceptable == 1.0
    assert report.rows == 3


def test_the_bootstrap_interval_holds_the_figure_and_narrows_with_more_documents() -> None:
    rng = np.random.default_rng(0)

    def interval(documents: int) -> tuple[float, float, float]:
        truth = [LABELS[i] for i in rng.integers(0, 4, documents * 5)]
        predicted = [label if rng.random() < 0.8 else "analysis" for label in truth]
        groups = [str(i // 5) for i in range(len(truth))]
        low, high = macro_f1_interval(truth, predicted, groups, draws=400)
        return low, stance_report(said(predicted), truth, [None] * len(truth), LABELS).macro_f1, high

    small, large = interval(20), interval(400)
    for low, figure, high in (small, large):
        assert low < figure < high
    assert large[2] - large[0] < 0.5 * (small[2] - small[0])


def test_sentences_of_one_document_are_drawn_together() -> None:
    truth = ["accusation", "denial", "evidence", "analysis"] * 50
    predicted = truth[:100] + ["evidence"] * 100
    alone = macro_f1_interval(truth, predicted, [str(i) for i in range(200)])
    together = macro_f1_interval(truth, predicted, [str(i // 100) for i in range(200)])
    assert together[1] - together[0] > 3 * (alone[1] - alone[0]), "two documents tell less than two hundred"


def test_risk_falls_on_the_most_confident_rows() -> None:
    confidence = np.array([0.9, 0.9, 0.8, 0.5, 0.4])
    thresholds, coverage, accuracy = risk_coverage(confidence, np.array([True, True, True, False, True]))
    assert thresholds.tolist() == [0.9, 0.8, 0.5, 0.4]
    assert coverage.tolist() == pytest.approx([0.4, 0.6, 0.8, 1.0])
    assert accuracy.tolist() == pytest.approx([1.0, 1.0, 0.75, 0.8])
