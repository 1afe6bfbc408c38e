"""Heads adapted to new rows: towards them as far as they speak, and no further."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("sklearn")

from newsgauge.model.heads import LinearHead
from newsgauge.model.stance import StanceHead
from newsgauge.training.adapt import Examples, adapt, balanced_weights, choose, cross_entropy, joined
from newsgauge.training.refit import Plan, refit_stance

WIDTH = 6
OLD = LinearHead(2 * np.eye(2, WIDTH, dtype=np.float32), np.zeros(2, np.float32))
# The same, which reads every place of an embedding.
READS_ALL = LinearHead(OLD.weight + np.float32(1e-6), OLD.bias)


def cloud(seed: int, count: int, *, first: int = 0, spread: float = 0.5) -> Examples:
    """Two classes around the axes *first* and *first* + 1."""
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, 2, count)
    vectors = np.eye(2, WIDTH, first)[targets] + spread * rng.normal(size=(count, WIDTH))
    return Examples.of(vectors.astype(np.float32), targets.astype(np.int64))


def owners(count: int) -> list[str]:
    return [str(i // 4) for i in range(count)]


def neighbourless(rows: Examples) -> Examples:
    """The rows in context, with no sentence before or after."""
    return replace(rows, vectors=np.concatenate([rows.vectors, np.zeros((len(rows.vectors), 2 * WIDTH), np.float32)], axis=1))


def moved(rows: Examples, *, by: float = 9) -> Examples:
    """The rows of another kind of text, which tells in the last place of the embedding."""
    vectors = rows.vectors.copy()
    vectors[:, WIDTH - 1] += by
    return replace(rows, vectors=vectors)


def accuracy(head: LinearHead, rows: Examples) -> float:
    return float((head.logits(rows.vectors).argmax(1) == rows.targets).mean())


def test_an_endless_pull_keeps_the_weights_and_none_lets_them_go() -> None:
    rows = cloud(1, 80, first=3)
    assert np.allclose(adapt(OLD, rows, 1e6).weight, OLD.weight, atol=1e-3)
    assert accuracy(adapt(OLD, rows, 1e-3), cloud(2, 300, first=3)) > accuracy(OLD, cloud(2, 300, first=3)) + 0.2


def test_a_logistic_head_is_a_softmax_of_two() -> None:
    rows = cloud(3, 60)
    one = LinearHead(np.zeros((1, WIDTH), np.float32), np.zeros(1, np.float32))
    two = LinearHead(np.zeros((2, WIDTH), np.float32), np.zeros(2, np.float32))
    single, double = adapt(one, rows, 0.02), adapt(two, rows, 0.01)
    difference = double.logits(rows.vectors)[:, 1] - double.logits(rows.vectors)[:, 0]
    # Two outputs share the way that one output goes alone.
    assert np.allclose(adapt(one, rows, 0.005).logits(rows.vectors)[:, 0], difference, atol=0.05)
    assert cross_entropy(single, rows).mean() < np.log(2)


def test_new_rows_of_another_kind_move_the_head_and_the_guard_holds_the_old_kind() -> None:
    new, guard = cloud(4, 120, first=3), cloud(5, 200)
    found = choose(OLD, new, owners(120), guard=guard, seed=1, keep=True)
    assert found.pull is not None
    assert accuracy(found.head, cloud(6, 400, first=3)) > accuracy(OLD, cloud(6, 400, first=3)) + 0.2
    alone = choose(OLD, new, owners(120), guard=None, seed=1, keep=True)
    assert accuracy(found.head, cloud(7, 400)) >= accuracy(alone.head, cloud(7, 400))


def test_rows_without_a_message_leave_the_head_alone() -> None:
    rng = np.random.default_rng(8)
    noise = Examples.of(rng.normal(size=(60, WIDTH)).astype(np.float32), rng.integers(0, 2, 60).astype(np.int64))
    calm = LinearHead(np.zeros((2, WIDTH), np.float32), np.zeros(2, np.float32))
    found = choose(calm, noise, owners(60), guard=None, seed=1, keep=True)
    assert found.pull is None
    assert found.head is calm


def test_rare_classes_weigh_more_but_not_all_they_could() -> None:
    weights = balanced_weights(np.array([0] * 90 + [1] * 10))
    assert weights.mean() == pytest.approx(1)
    assert weights[-1] / weights[0] == pytest.approx(3)


def test_the_guard_weighs_as_much_as_the_new_rows() -> None:
    both = joined(cloud(1, 50), cloud(2, 400))
    assert both.weights[:50].sum() == pytest.approx(both.weights[50:].sum())


def test_labels_of_another_scheme_start_from_nothing() -> None:
    rows = neighbourless(cloud(9, 150, first=1, spread=0.2))
    old = StanceHead(("x", "y"), READS_ALL, 1.0, 0.5)
    found = refit_stance(old, ("p", "q", "r"), rows, Plan(owners(150), 1, True), guard=None)
    assert found.head.labels == ("p", "q", "r")
    assert [one.gate for one in found.head.corrections] == [None]
    measured = neighbourless(cloud(10, 300, first=1, spread=0.2))
    assert (found.head.logits(measured.vectors).argmax(1) == measured.targets).mean() > 0.95
    assert len(found.tested) == 150
    assert found.probabilities.sum(1) == pytest.approx(np.ones(150), abs=1e-5)


def test_labels_in_another_order_keep_what_was_known_of_them() -> None:
    old = StanceHead(("x", "y"), READS_ALL, 2.0, 0.5)
    rows = neighbourless(cloud(11, 150))
    found = refit_stance(old, ("y", "x"), replace(rows, targets=1 - rows.targets), Plan(owners(150), 1, True), guard=None)
    assert found.head.labels == ("y", "x")
    np.testing.assert_allclose(found.head.head.weight, READS_ALL.weight[::-1] / 2)


def test_a_correction_stays_in_the_domain_that_it_was_made_for() -> None:
    old = StanceHead(("x", "y"), READS_ALL, 1.0, 0.5)
    guard, elsewhere = neighbourless(cloud(12, 200)), neighbourless(cloud(13, 300))
    new, rest = moved(neighbourless(cloud(14, 120, first=3))), moved(neighbourless(cloud(15, 300, first=3)))
    found = refit_stance(old, ("x", "y"), new, Plan(owners(120), 1, True), guard=guard)
    (correction,) = found.head.corrections
    assert correction.gate is not None

    def right(head: StanceHead, rows: Examples) -> float:
        return float((head.logits(rows.vectors).argmax(1) == rows.targets).mean())

    assert right(found.head, rest) > right(old, rest) + 0.2
    assert right(found.head, elsewhere) >= right(old, elsewhere) - 0.01
    again = refit_stance(
        found.head, ("x", "y"), moved(neighbourless(cloud(16, 120, first=3)), by=-9), Plan(owners(120), 1, True), guard=guard
    )
    assert len(again.head.corrections) == 2
    assert right(again.head, rest) >= right(found.head, rest) - 0.02


def test_a_correction_reads_what_the_head_reads_and_no_more() -> None:
    weight = READS_ALL.weight.copy()
    weight[:, -2:] = 0
    old = StanceHead(("x", "y"), LinearHead(weight, OLD.bias), 1.0, 0.5)
    guard, new = neighbourless(cloud(12, 200)), moved(neighbourless(cloud(14, 120, first=1)))
    once = refit_stance(old, ("x", "y"), new, Plan(owners(120), 1, True), guard=guard)
    other = refit_stance(old, ("p", "q"), new, Plan(owners(120), 1, True), guard=None)
    again = refit_stance(other.head, ("p", "q"), new, Plan(owners(120), 1, True), guard=None)
    corrections = [*once.head.corrections, *again.head.corrections]
    assert corrections and all(one.shift.weight.shape == (2, 3 * WIDTH) for one in corrections)
    for head in (head for one in corrections for head in (one.shift, one.gate) if head is not None):
        read = head.weight.any(axis=0).reshape(3, WIDTH)
        assert not read[:, -2:].any() and read[0, :-2].all()


def test_the_same_seed_gives_the_same_head() -> None:
    one, other = (choose(OLD, cloud(4, 120, first=3), owners(120), guard=cloud(5, 50), seed=3, keep=True) for _ in range(2))
    assert np.array_equal(one.head.weight, other.head.weight)
