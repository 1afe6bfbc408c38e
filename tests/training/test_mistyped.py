"""Typing errors as clean English: what a slip does to a word, which articles are mistyped, and that the garbled head learns from them."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsgauge.training.corpora import Corpora
from newsgauge.training.mistyped import ARTICLES, STARTERS, mistyped, mistyped_documents, slip
from newsgauge.training.rows import LabelledDocument, Row

TEXT = "Several witnesses described the collapse of the eastern embankment during yesterday's extraordinary storm, officials said."


def article(name: str, size: int = 8) -> LabelledDocument:
    return LabelledDocument(name, tuple(Row(TEXT, stance="evidence", garbled=0.0, garbled_weight=0.2, spans=()) for _ in range(size)))


@given(st.text("abcdefgh", min_size=4, max_size=9), st.integers(0, 2**16))
def test_a_slip_keeps_the_ends_of_a_word_and_changes_at_most_one_letter_or_two_neighbours(word: str, seed: int) -> None:
    made = slip(word, random.Random(seed))
    assert made[0] == word[0] and made[-1] == word[-1]
    assert abs(len(made) - len(word)) <= 1
    if len(made) == len(word):
        assert sum(a != b for a, b in zip(made, word, strict=True)) <= 2


def test_all_four_slips_happen() -> None:
    rng = random.Random(1)
    made = {slip("abcdef", rng) for _ in range(400)}
    assert {"acbdef", "acdef", "abbcdef"} <= made, "transposed, left out, typed twice"
    assert any(len(word) == 6 and sum(a != b for a, b in zip(word, "abcdef", strict=True)) == 1 for word in made), "replaced"


def test_a_mistyped_article_is_clean_english_and_nothing_else_is_known_of_it() -> None:
    rows = (*article("a").rows, Row(TEXT, article=False))
    made = mistyped(LabelledDocument("a", rows, headline="Embankment collapses"), random.Random(5))
    assert (made.name, made.headline) == ("a", "Embankment collapses")
    assert [row.garbled for row in made.rows] == [0.0] * 8 + [None]
    assert all(row.garbled_weight == 1.0 and (row.stance, row.soft, row.article, row.spans) == (None,) * 4 for row in made.rows)
    words = [(old, new) for row in made.rows for old, new in zip(TEXT.split(), row.text.split(), strict=True)]
    changed = [old for old, new in words if old != new]
    assert 0 < len(changed) < len(words) / 4
    assert all(len(word.strip(",.'s")) >= 4 for word in changed)


@pytest.mark.parametrize("count", [5, 400])
def test_articles_of_some_length_are_drawn_and_none_that_is_held_out(count: int) -> None:
    corpora = Corpora(
        stance=[article(f"a{i}") for i in range(count)] + [article("short", 3)],
        stance_dev=[article("dev")],
        seeds=[article(f"s{i}", 3) for i in range(count)],
        seeds_dev=[article("seed dev")],
    )
    made = mistyped_documents(corpora, seed=3)
    names = [document.name for document in made]
    assert len(names) == len(set(names)) == min(count, ARTICLES) + min(count, STARTERS)
    assert not {"short", "dev", "seed dev"} & set(names)
    assert [document.rows for document in made] == [document.rows for document in mistyped_documents(corpora, seed=3)]
    assert [document.rows for document in made] != [document.rows for document in mistyped_documents(corpora, seed=4)]
