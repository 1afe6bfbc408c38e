"""Sentences beside their neighbours, and what retraining adds to the logits by them."""

from __future__ import annotations

import numpy as np
import pytest

from newsgauge.model.encoder import WindowEncoding
from newsgauge.model.heads import Floats, LinearHead
from newsgauge.model.neighbours import in_context, windows_in_context
from newsgauge.model.stance import Correction, StanceHead

WIDTH = 3


def embeddings(count: int) -> Floats:
    return np.arange(1, 1 + count * WIDTH, dtype=np.float32).reshape(count, WIDTH)


def windows(cuts: list[int]) -> list[WindowEncoding]:
    every = embeddings(cuts[-1])
    return [WindowEncoding(first, last, every[first:last], None) for first, last in zip([0, *cuts[:-1]], cuts, strict=True)]


def test_a_sentence_stands_before_its_neighbours_and_beside_nothing_at_the_ends() -> None:
    one, two, three = embeddings(3)
    nothing = np.zeros(WIDTH, np.float32)
    wanted = [[one, nothing, two], [two, one, three], [three, two, nothing]]
    np.testing.assert_array_equal(in_context(embeddings(3)), np.array(wanted).reshape(3, 3 * WIDTH))


@pytest.mark.parametrize("cuts", [[6], [1, 6], [5, 6], [2, 4, 6], [1, 2, 3, 4, 5, 6]])
def test_where_the_windows_end_makes_no_difference(cuts: list[int]) -> None:
    found = list(windows_in_context(windows(cuts)))
    assert [(window.first, window.last) for window, _ in found] == list(zip([0, *cuts[:-1]], cuts, strict=True))
    np.testing.assert_array_equal(np.concatenate([vectors for _, vectors in found]), in_context(embeddings(6)))


def test_an_article_without_sentences_has_no_windows() -> None:
    assert list(windows_in_context([])) == []


def head(outputs: int, width: int, *, bias: float = 0.0) -> LinearHead:
    random = np.random.default_rng(outputs * width)
    return LinearHead(random.normal(size=(outputs, width)).astype(np.float32), np.full(outputs, bias, np.float32))


@pytest.mark.parametrize(("bias", "share"), [(-1e4, 0.0), (1e4, 1.0)])
def test_a_gate_lets_through_all_of_a_correction_or_nothing(bias: float, share: float) -> None:
    vectors = in_context(embeddings(4) / 10)
    plain = StanceHead(("a", "b"), head(2, WIDTH), 1.0, 0.5)
    shift = head(2, 3 * WIDTH)
    gated = StanceHead(("a", "b"), plain.head, 1.0, 0.5, (Correction(shift, head(1, 3 * WIDTH, bias=bias)),))
    np.testing.assert_allclose(gated.logits(vectors), plain.logits(vectors) + share * shift.logits(vectors), rtol=1e-6)


def test_corrections_add_up_under_one_temperature() -> None:
    vectors = in_context(embeddings(4) / 10)
    shifts = head(2, 3 * WIDTH), head(2, 3 * WIDTH, bias=0.5)
    both = StanceHead(("a", "b"), head(2, WIDTH), 2.0, 0.5, tuple(Correction(shift, None) for shift in shifts))
    logits = both.head.logits(vectors[:, :WIDTH]) + shifts[0].logits(vectors) + shifts[1].logits(vectors)
    np.testing.assert_allclose(both.logits(vectors), logits, rtol=1e-6)
    odds = np.log(both.probabilities(vectors)[:, 0] / both.probabilities(vectors)[:, 1])
    np.testing.assert_allclose(odds, (logits[:, 0] - logits[:, 1]) / 2, rtol=1e-4)
