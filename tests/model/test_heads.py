"""Heads: what is refused, extreme values, and rows that do not know of each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsgauge.model.content import ContentHead
from newsgauge.model.errors import BundleError
from newsgauge.model.heads import Floats, LinearHead, sigmoid, softmax
from newsgauge.model.stance import StanceHead

LABELS = ("accusation", "denial", "evidence", "analysis")


def head(outputs: int, width: int, seed: int = 0) -> LinearHead:
    random = np.random.default_rng(seed)
    return LinearHead(random.normal(size=(outputs, width)).astype(np.float32), random.normal(size=outputs).astype(np.float32))


@pytest.mark.parametrize(
    ("weight", "bias"),
    [((4,), (4,)), ((4, 8), (3,)), ((4, 8), (4, 1)), ((4, 8), ()), ((2, 4, 8), (2,))],
)
def test_shapes_that_do_not_belong_together_are_refused(weight: tuple[int, ...], bias: tuple[int, ...]) -> None:
    with pytest.raises(BundleError, match=r"expected \(outputs, width\)"):
        LinearHead(np.zeros(weight, dtype=np.float32), np.zeros(bias, dtype=np.float32))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["weight", "bias"])
def test_values_that_are_not_finite_are_refused(value: float, where: str) -> None:
    weight, bias = np.zeros((2, 3), dtype=np.float32), np.zeros(2, dtype=np.float32)
    (weight if where == "weight" else bias).flat[-1] = value
    with pytest.raises(BundleError, match="not finite"):
        LinearHead(weight, bias)


def test_logits_are_the_affine_map() -> None:
    made = LinearHead(np.array([[1.0, 2.0], [0.0, -1.0]], dtype=np.float32), np.array([0.5, 10.0], dtype=np.float32))
    logits = made.logits(np.array([[1.0, 1.0], [2.0, 0.0], [0.0, 0.0]], dtype=np.float32))
    np.testing.assert_array_equal(logits, [[3.5, 9.0], [2.5, 10.0], [0.5, 10.0]])
    assert logits.dtype == np.float32


@settings(max_examples=60)
@given(st.integers(1, 40), st.integers(1, 5), st.integers(1, 400), st.integers(0, 2**32 - 1))
def test_the_logits_of_a_row_do_not_depend_on_the_others(rows: int, outputs: int, width: int, seed: int) -> None:
    made = head(outputs, width, seed)
    vectors = np.random.default_rng(seed + 1).normal(size=(rows, width)).astype(np.float32)
    together = made.logits(vectors)
    assert together.shape == (rows, outputs)
    for i in range(rows):
        np.testing.assert_array_equal(made.logits(vectors[i : i + 1])[0], together[i])


def test_no_rows_give_no_logits() -> None:
    assert head(4, 8).logits(np.zeros((0, 8), dtype=np.float32)).shape == (0, 4)


def test_vectors_of_another_width_are_not_scored() -> None:
    with pytest.raises(ValueError, match=r"8|9|shape|dimension"):
        head(4, 8).logits(np.zeros((2, 9), dtype=np.float32))


def test_arrays_survive_the_way_out_and_back() -> None:
    made = head(4, 8)
    arrays = {**made.arrays("stance"), **head(1, 8, 1).arrays("content")}
    back = LinearHead.from_arrays(arrays, "stance", outputs=4, width=8)
    np.testing.assert_array_equal(back.weight, made.weight)
    np.testing.assert_array_equal(back.bias, made.bias)


@pytest.mark.parametrize(("outputs", "width"), [(3, 8), (4, 7), (8, 4)])
def test_a_head_of_another_shape_than_asked_is_refused(outputs: int, width: int) -> None:
    with pytest.raises(BundleError, match=r"'stance'.*\(4, 8\).*expected"):
        LinearHead.from_arrays(head(4, 8).arrays("stance"), "stance", outputs=outputs, width=width)


@pytest.mark.parametrize("lacking", ["stance.weight", "stance.bias"])
def test_a_head_that_is_not_there_is_named(lacking: str) -> None:
    arrays = head(4, 8).arrays("stance")
    del arrays[lacking]
    with pytest.raises(BundleError, match=lacking):
        LinearHead.from_arrays(arrays, "stance", outputs=4, width=8)


def test_half_precision_arrays_are_widened() -> None:
    arrays: dict[str, Floats] = {name: array.astype(np.float16) for name, array in head(4, 8).arrays("stance").items()}
    assert LinearHead.from_arrays(arrays, "stance", outputs=4, width=8).weight.dtype == np.float32


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("size", [0.0, 1.0, 88.8, 1e4, 3e38])
def test_the_sigmoid_neither_overflows_nor_leaves_the_unit_interval(size: float) -> None:
    low, high = sigmoid(np.array([-size, size], dtype=np.float32)).tolist()
    assert 0.0 <= low <= 0.5 <= high <= 1.0
    assert low + high == pytest.approx(1.0, abs=1e-6)
    if size > 80:
        assert (low, high) == (0.0, 1.0)


def test_the_sigmoid_is_the_logistic_function() -> None:
    logits = np.linspace(-12, 12, 97, dtype=np.float32)
    np.testing.assert_allclose(sigmoid(logits), 1 / (1 + np.exp(-logits.astype(np.float64))), atol=1e-6)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("logits", "expected"),
    [([1e4, 0.0, -1e4], [1, 0, 0]), ([-1e30, -1e30], [0.5, 0.5]), ([1e38, 1e38, -1e38], [0.5, 0.5, 0]), ([0.0], [1])],
)
def test_the_softmax_bears_extreme_values(logits: list[float], expected: list[float]) -> None:
    np.testing.assert_allclose(softmax(np.array([logits], dtype=np.float32)), [expected], atol=1e-7)


@given(st.lists(st.lists(st.floats(-50, 50, width=32), min_size=4, max_size=4), min_size=1, max_size=10), st.floats(0.05, 20))
def test_stance_probabilities_sum_to_one_and_temperature_keeps_the_order(rows: list[list[float]], temperature: float) -> None:
    vectors = np.array(rows, dtype=np.float32)
    identity = LinearHead(np.eye(4, dtype=np.float32), np.zeros(4, dtype=np.float32))
    probabilities = StanceHead(LABELS, identity, temperature, 0.5).probabilities(vectors)
    assert probabilities.shape == vectors.shape
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    best = vectors.argmax(axis=1)
    np.testing.assert_array_equal(probabilities[np.arange(len(best)), best], probabilities.max(axis=1))


def test_a_higher_temperature_is_less_sure() -> None:
    identity = LinearHead(np.eye(4, dtype=np.float32), np.zeros(4, dtype=np.float32))
    row = np.array([[2.0, 1.0, 0.0, -1.0]], dtype=np.float32)
    sure, unsure = (float(StanceHead(LABELS, identity, t, 0.5).probabilities(row).max()) for t in (0.5, 4.0))
    assert sure > 0.8 > 0.5 > unsure > 0.25


def test_the_content_head_gives_one_probability_a_row() -> None:
    made = ContentHead(LinearHead(np.array([[1.0, 0.0]], dtype=np.float32), np.zeros(1, dtype=np.float32)), 0.5)
    np.testing.assert_allclose(made.article_probability(np.array([[0, 7], [100, 7], [-100, 7]], dtype=np.float32)), [0.5, 1, 0], atol=1e-6)
