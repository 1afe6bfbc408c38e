"""Originals and retellings side by side."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from newsgauge.report.alignment import MOST, align, changed

ORIGINAL = [
    "The board shut the harbour on Monday.",
    "Nine divers searched the northern quay for cracks.",
    "Nobody has been charged so far.",
    "The company denies that it hid a report.",
]
COPY = [
    "On Monday the board has closed harbours.",
    "Subscribe our letters.",
    "Nine diving men the quay of north for crack searched.",
    "The company make denial that it hid reports.",
]


def test_each_sentence_stands_beside_its_retelling() -> None:
    assert align(ORIGINAL, COPY) == [(0, 0), (None, 1), (1, 2), (2, None), (3, 3)]


@settings(max_examples=50)
@given(st.lists(st.sampled_from(ORIGINAL + COPY), max_size=7), st.lists(st.sampled_from(ORIGINAL + COPY), max_size=7))
def test_every_sentence_comes_once_and_in_order(one: list[str], other: list[str]) -> None:
    pairs = align(one, other)
    assert [i for i, _ in pairs if i is not None] == list(range(len(one)))
    assert [j for _, j in pairs if j is not None] == list(range(len(other)))


def test_the_same_text_is_aligned_with_itself_up_to_the_bound() -> None:
    text = [f"Sentence number {n} of the text." for n in range(MOST + 5)]
    assert align(text, text) == [(n, n) for n in range(MOST)]


def test_words_that_the_other_does_not_have_are_marked() -> None:
    pieces = changed("The board shut the harbour.", "The boards closed harbours.")
    assert pieces == [("The board ", False), ("shut", True), (" the harbour.", False)]
    assert "".join(text for text, _ in pieces) == "The board shut the harbour."
    assert changed("", "x") == []
