"""Surface signs: found where damage is, not where good English looks like it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsgauge.model.signs import KINDS, find_signs


@pytest.mark.parametrize(
    ("text", "kind", "marked"),
    [
        ("The harbour was closed closed on Monday.", "doubled word", "closed closed"),
        ("It will It will be a hard winter.", "doubled word", "It will It will"),
        ("This This has never happened here.", "doubled word", "This This"),
        ("He came out of the hall of the hall of the hall at noon.", "doubled word", "of the hall of the hall of the hall"),
        ("They waited for the boat for the boat until dawn.", "doubled word", "for the boat for the boat"),
        ("The crews left the quarry.Police sealed it at night.", "fused sentences", "quarry.Police"),
        ("Nobody in the townHowever spoke of it.", "fused sentences", "townHowever"),
        ("““We shall see,” she said.", "doubled quotation mark", "““"),
        ('He called it ""a lapse" of judgment.', "doubled quotation mark", '""'),
        ("The dam [near the village broke on Friday.", "orphan bracket", "["),
        ("The dam near the village) broke on Friday.", "orphan bracket", ")"),
        ("The mаyor spoke first.", "mixed scripts", "mаyor"),
    ],
)
def test_damage_is_found_at_its_place(text: str, kind: str, marked: str) -> None:
    (sign,) = find_signs(text)
    assert (sign.kind, text[sign.start : sign.end]) == (kind, marked)


@pytest.mark.parametrize(
    "text",
    [
        "He had had enough, and she knew that that was so.",
        "It rained over and over and over again, year after year after year.",
        "A very very long road, no no doubt.",
        "Duran Duran played in Baden Baden.",
        "“New York, New York,” she sang.",
        "Paris – Paris in spring – was empty.",
        "Prices rose 10 10 times.",
        "The site is Booking.Com and the tool ASP.Net.",
        "See www.example.org/a.Page for the U.S.Army notice.",
        "“Stay home,” he said. “Wait.”",
        "They wrote [sic] on the wall (twice).",
        "1) Read the notice. b) Sign it.",
        "All is well :)",
        "A 5 μm film and a β-blocker, in naïve café style.",
        "McDonald and iPhone are names; so is YouTube.",
    ],
)
def test_good_english_has_none(text: str) -> None:
    assert find_signs(text) == ()


@settings(max_examples=300)
@given(st.text(max_size=200))
def test_any_text_gives_ordered_signs_within_it(text: str) -> None:
    signs = find_signs(text)
    assert all(sign.kind in KINDS and 0 <= sign.start < sign.end <= len(text) for sign in signs)
    assert list(signs) == sorted(signs, key=lambda sign: (sign.start, sign.end))


@pytest.mark.parametrize("unit", ["a ", "word ", "to be ", "(", ")", "“", "x.Y", "ab.Cd"])
def test_a_long_repetition_is_one_sign_or_one_each_and_never_a_hang(unit: str) -> None:
    times = 3000
    signs = find_signs(unit * times)
    assert len(signs) <= times
    if unit in ("word ", "to be "):
        assert [(sign.start, sign.end) for sign in signs] == [(0, len(unit) * times - 1)] * (unit == "word ")
