"""Windows: every sentence is scored once, in order, and no window is larger than its shape says."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsgauge.model.windows import Window, WindowShape, plan, sentence_bounds


@st.composite
def shapes(draw: st.DrawFn) -> WindowShape:
    before, after = draw(st.integers(0, 60)), draw(st.integers(0, 60))
    sentence = draw(st.integers(1, 200))
    return WindowShape(before + after + sentence + 2 + draw(st.integers(0, 100)), before, after, sentence)


@st.composite
def streams(draw: st.DrawFn) -> tuple[WindowShape, list[int]]:
    shape = draw(shapes())
    return shape, draw(st.lists(st.integers(0, shape.sentence), max_size=80))


def check(windows: list[Window], bounds: list[int], shape: WindowShape) -> None:
    """Everything that a plan promises."""
    scored = [sentence for window in windows for sentence in range(window.first, window.last)]
    assert scored == list(range(len(bounds) - 1))
    for window in windows:
        assert window.first < window.last
        core_start, core_end = bounds[window.first], bounds[window.last]
        assert core_end - core_start <= shape.core
        # Context is all that there is, up to the limit: never more, never less.
        assert core_start - window.start == min(shape.before, core_start)
        assert window.end - core_end == min(shape.after, bounds[-1] - core_end)
        # One more for the start token.
        assert window.end - window.start + 1 <= shape.tokens


@settings(max_examples=300)
@given(streams())
def test_the_windows_partition_the_sentences_and_keep_to_their_shape(stream: tuple[WindowShape, list[int]]) -> None:
    shape, lengths = stream
    bounds = sentence_bounds(lengths)
    check(list(plan(bounds, shape)), bounds, shape)


@given(streams())
def test_a_stream_that_fits_is_one_window(stream: tuple[WindowShape, list[int]]) -> None:
    shape, lengths = stream
    bounds = sentence_bounds(lengths)
    if lengths and bounds[-1] <= shape.core:
        assert list(plan(bounds, shape)) == [Window(0, bounds[-1], 0, len(lengths))]
    elif lengths:
        assert len(list(plan(bounds, shape))) > 1


@given(st.lists(st.integers(0, 300), max_size=50))
def test_bounds_give_each_sentence_its_length_and_a_separator(lengths: list[int]) -> None:
    bounds = sentence_bounds(lengths)
    assert bounds[0] == 0
    assert [end - start - 1 for start, end in pairwise(bounds)] == lengths


def test_no_sentences_make_no_windows() -> None:
    assert list(plan(sentence_bounds([]), WindowShape())) == []


@pytest.mark.parametrize("length", [0, 1, 160])
def test_one_sentence_is_one_window_without_context(length: int) -> None:
    assert list(plan(sentence_bounds([length]), WindowShape())) == [Window(0, length + 1, 0, 1)]


def test_sentences_of_the_greatest_length_go_one_by_one() -> None:
    shape = WindowShape(tokens=48 + 32 + 160 + 2, before=48, after=32, sentence=160)
    bounds = sentence_bounds([160] * 5)
    windows = list(plan(bounds, shape))
    check(windows, bounds, shape)
    assert len(windows) == 5
    assert max(window.end - window.start + 1 for window in windows) == shape.tokens


def test_a_huge_document_is_planned_in_linear_time_and_in_few_windows() -> None:
    shape = WindowShape()
    bounds = sentence_bounds([(i * 37) % 60 for i in range(200_000)])
    began = time.process_time()
    windows = list(plan(bounds, shape))
    assert time.process_time() - began < 20
    check(windows, bounds, shape)
    least = -(-bounds[-1] // shape.core)
    assert least <= len(windows) < 1.5 * least


@pytest.mark.parametrize(
    ("tokens", "before", "after", "sentence"),
    [(241, 48, 32, 160), (256, 100, 100, 160), (256, 48, 32, 175), (0, 0, 0, 1), (2, 0, 0, 1), (-5, 0, 0, 10)],
)
def test_a_window_too_small_for_its_parts_is_refused(tokens: int, before: int, after: int, sentence: int) -> None:
    with pytest.raises(ValueError, match=f"at least {before + after + sentence + 2}"):
        WindowShape(tokens, before, after, sentence)


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [(-1, 32, 160), (48, -1, 160), (48, 32, -1), (48, 32, 0)],
)
def test_a_negative_context_and_sentences_without_word_pieces_are_refused(before: int, after: int, sentence: int) -> None:
    with pytest.raises(ValueError, match=r"(?i)negative|at least|expected"):
        WindowShape(256, before, after, sentence)


def test_the_smallest_possible_window_is_taken() -> None:
    shape = WindowShape(tokens=3, before=0, after=0, sentence=1)
    bounds = sentence_bounds([1, 0, 1])
    windows = list(plan(bounds, shape))
    check(windows, bounds, shape)
    assert shape.core == 2
