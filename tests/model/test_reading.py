"""What the encoder reads: borrowed letters as the Latin ones that they look like, everything else and every offset as it is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsgauge.model.document import Document
from newsgauge.model.reading import legible, plain_letters
from newsgauge.model.scorer import Scorer


@settings(max_examples=300)
@given(st.text() | st.text("aаοＡ𝐚 ж\u0301"))
def test_no_offset_moves_and_twice_is_once(text: str) -> None:
    read = plain_letters(text)
    assert len(read) == len(text)
    assert plain_letters(read) == read
    assert [a.isspace() for a in read] == [a.isspace() for a in text]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Тhe mауоr dеnіеd іt.", "The mayor denied it."),
        ("Ｔｈｅ ｍａｙｏｒ", "The mayor"),
        ("𝐓𝐡𝐞 𝘮𝘢𝘺𝘰𝘳", "The mayor"),
        ("ΝΑΤΟ", "NATO"),
        ("СССР", "CCCP"),
    ],
)
def test_borrowed_letters_are_read_as_latin_ones(text: str, read: str) -> None:
    assert plain_letters(text) == read


@pytest.mark.parametrize("text", ["Москва", "Київ", "Αθήνα", "café – naïve", "½ km² ﬁ ™ № …", "“He’s”", "東京 서울", "β-carotene", "μm"])
def test_real_writing_is_left_alone(text: str) -> None:
    assert plain_letters(text) == text == legible(text)


def test_legible_text_has_nothing_unseen_and_no_styled_letters() -> None:
    assert legible("Ｔｈ\u200be\u00ad may\u2060\ufeffor") == "The mayor"
    assert legible("plain") == "plain"


PLAIN = "The mayor denied on Monday that he had known about the cracks in the dam. Police said nine people were hurt."


def test_borrowed_and_full_width_letters_change_no_label(scorer: Scorer) -> None:
    for letters in (dict(zip("aeopc", "аеорс", strict=True)), {chr(i): chr(i + 0xFEE0) for i in range(97, 123)}):
        disguised = "".join(letters.get(letter, letter) if i % 7 else letter for i, letter in enumerate(PLAIN))
        assert disguised != PLAIN and len(disguised) == len(PLAIN)
        one, two = (scorer.score(Document.from_text(text)).sentences for text in (PLAIN, disguised))
        assert [s.probabilities for s in one] == [s.probabilities for s in two]
        assert [(s.start, s.end) for s in one] == [(s.start, s.end) for s in two]
        assert two[0].text == disguised[two[0].start : two[0].end]


def test_unseen_characters_do_not_hide_the_language(scorer: Scorer) -> None:
    hidden = "".join(letter + "\u200b" if i % 2 else letter for i, letter in enumerate(PLAIN))
    assert Document.from_text(hidden).language == "en"
    score = scorer.score(Document.from_text(hidden))
    assert [s.label for s in score.sentences] == [s.label for s in scorer.score(Document.from_text(PLAIN)).sentences]
    spread = np.array([list(s.probabilities.values()) for s in score.sentences if s.probabilities is not None])
    np.testing.assert_allclose(spread.sum(axis=1), 1)
