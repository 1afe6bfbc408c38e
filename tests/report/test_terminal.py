"""The table for people: what a terminal shows, what an article cannot do to it, how wide it is."""

from __future__ import annotations

import io
import re
import sys
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.segment import Segment

from newsgauge.model.results import ArticleScore, Garble
from newsgauge.model.signs import Sign
from newsgauge.report.terminal import model_summary, printable, render, show

Build = Callable[..., ArticleScore]

EVERY_CHARACTER = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code <= 0xDFFF]
# The property Bidi_Control of the Unicode character database.
DIRECTIONS = "\u061c\u200e\u200f" + "\u202a\u202b\u202c\u202d\u202e" + "\u2066\u2067\u2068\u2069"
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def printed(article: ArticleScore, *, width: int = 80, terminal: bool = False) -> str:
    stream = io.StringIO()
    console = Console(file=stream, width=width, force_terminal=terminal, highlight=False, color_system="standard" if terminal else None)
    show(console, article)
    return stream.getvalue()


def segments(article: ArticleScore) -> list[Segment]:
    console = Console(file=io.StringIO(), width=200, force_terminal=True, highlight=False)
    return list(console.render(render(article), console.options))


def styled(article: ArticleScore, attribute: str) -> str:
    """All text that is shown with an attribute such as ``dim``, its pieces joined by a bar."""
    return "|".join(segment.text for segment in segments(article) if segment.style and getattr(segment.style, attribute))


def cells(line: str) -> int:
    """The cells of a terminal that a line fills, by the Unicode database alone."""
    width = 0
    for character in line:
        if unicodedata.category(character) in ("Mn", "Me", "Cf"):
            continue
        width += 2 if unicodedata.east_asian_width(character) in "WF" else 1
    return width


def squeezed(text: str) -> str:
    return re.sub(r"\s", "", text)


def test_control_characters_become_spaces() -> None:
    controls = [character for character in EVERY_CHARACTER if unicodedata.category(character) == "Cc"]
    assert len(controls) == 65
    assert printable("".join(controls)) == " " * len(controls)


@pytest.mark.parametrize("character", DIRECTIONS, ids=lambda character: f"U+{ord(character):04X}")
def test_direction_characters_become_spaces(character: str) -> None:
    assert printable(f"a{character}b") == "a b"


@pytest.mark.parametrize("character", [c for c in EVERY_CHARACTER if len(f"a{c}b".splitlines()) > 1], ids=lambda c: f"U+{ord(c):04X}")
def test_no_character_breaks_the_line(character: str) -> None:
    assert printable(f"a{character}b") == "a b"


@given(st.text())
def test_offsets_stay_true_in_printable_text(text: str) -> None:
    shown = printable(text)
    assert len(shown) == len(text)
    assert all(one == other or other == " " for one, other in zip(text, shown, strict=True))


@pytest.mark.parametrize("text", ["Plain words, “quotes” and 1,234.", "Ārija šodien", "桥梁関閉", "مرحبا", "🌉 bridge"])
def test_ordinary_writing_is_left_alone(text: str) -> None:
    assert printable(text) == text


def test_an_article_cannot_drive_the_terminal(build: Build) -> None:
    nasty = "Before\x1b[2J\x1b]0;title\x07 \x9b31m \u202eafter\x08\rback"
    for where in (build(nasty), build("Fine.", source=nasty)):
        shown = printed(where, terminal=True)
        left = COLOUR.sub("", shown)
        assert not [c for c in left if unicodedata.category(c) == "Cc" and c != "\n"]
        assert "\u202e" not in shown
        assert "[2J" in squeezed(left)


def test_square_brackets_are_text_and_not_markup(build: Build) -> None:
    shown = printed(build("He [the mayor] left [/bold] at [red]noon[/red].", source="[/x].txt"))
    assert "He [the mayor] left [/bold] at [red]noon[/red]." in shown
    assert "[/x].txt" in shown


def test_each_sentence_has_its_label_probability_and_garbled_score(article: ArticleScore) -> None:
    lines = printed(article, width=120).splitlines()
    assert lines[0].startswith("pier.txt")
    rows = [line.split(maxsplit=4) for line in lines[2:8]]
    assert rows[1][:4] == ["1", "accusation", "0.70", "0.06"]
    assert rows[2][:4] == ["2", "denial", "0.70", "┃!0.94"]
    assert rows[3][:4] == ["3", "analysis?", "0.70", "┃!0.75"], "an unsure label has a question mark"
    assert "boilerplate" in rows[4]
    assert rows[5][:4] == ["5", "not", "English", "(fr)"]
    assert "La jetée reste fermée." in lines[7]


def test_garbled_words_are_highlighted_and_nothing_else(article: ArticleScore) -> None:
    assert styled(article, "reverse") == "Of pier|made denial hard."


def test_a_sentence_without_spans_has_no_highlight(build: Build) -> None:
    garbled = {"text": "Is to say it.", "label": "denial", "probabilities": {"denial": 1.0}, "garbled": Garble(0.9, True)}
    assert styled(build(garbled), "reverse") == ""


def test_the_reason_for_a_flag_stands_behind_the_sentence(build: Build) -> None:
    mark = Garble(0.9, True, (), (Sign("doubled word", 0, 11),))
    garbled = {"text": "It was It was not.", "label": "denial", "probabilities": {"denial": 1.0}, "garbled": mark}
    assert "It was It was not. [doubled word: “It was It w”]" in printed(build(garbled), width=120)


def test_boilerplate_and_foreign_sentences_are_dimmed(article: ArticleScore) -> None:
    dim = styled(article, "dim")
    assert "Share this story" in dim
    assert "La jetée reste fermée." in dim
    assert "divers say" not in dim


def test_labels_have_colours_of_their_own(article: ArticleScore) -> None:
    colours = {}
    for segment in segments(article):
        for label in article.labels:
            if segment.text.strip().rstrip("?") == label and segment.style and segment.style.color:
                colours[label] = segment.style.color.name
    assert set(colours) == set(article.labels)
    assert len(set(colours.values())) == 4


def test_the_summary_counts_labels_garbled_sentences_and_passages(article: ArticleScore, build: Build) -> None:
    shown = printed(article)
    assert "1 accusation  1 denial  1 evidence  1 analysis  · 2 garbled, 1 passage\n" in shown
    assert "verdict: garbled machine translation (probability 0.81)" in shown
    clean = printed(build("Six pumps failed.", "Two were new."))
    assert "0 accusation  0 denial  2 evidence  0 analysis  · 0 garbled, 0 passages" in clean
    assert "no sign of garbled machine translation (probability 0.12)" in clean
    assert "verdict" not in printed(build("Six pumps failed.", verdict=None)), "what was not judged has no verdict"


def colours_in(output: str) -> set[int]:
    codes = {int(code) for match in COLOUR.finditer(output) for code in match.group()[2:-1].split(";") if code}
    return {code for code in codes if 30 <= code <= 49 or 90 <= code <= 107}


def test_no_colour_where_it_is_not_wanted(article: ArticleScore, monkeypatch: pytest.MonkeyPatch) -> None:
    assert colours_in(printed(article, terminal=True))
    monkeypatch.setenv("NO_COLOR", "1")
    output = printed(article, terminal=True)
    assert colours_in(output) == set()
    assert "\x1b[7m" in output, "garbled words stay marked without colour"


def test_outside_a_terminal_there_are_no_escapes(article: ArticleScore) -> None:
    assert "\x1b" not in printed(article)


WIDE = "大桥在星期四关闭了，因为潜水员发现了裂缝，市长否认了一切。" * 8


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize(
    "text",
    [
        WIDE,
        "Odd" + WIDE,
        "x" * 500,
        "ordinary words " * 40,
        "ｆｕｌｌ ｗｉｄｔｈ " * 30,
        "e\u0301 accents " * 60,
        "x\u200by\u200d" * 200,
        "tab\there " * 40,
        "🌉 bridge 🏗 " * 40,
    ],
    ids=["chinese", "odd offset", "one long word", "words", "full width", "combining", "zero width", "tabs", "emoji"],
)
def test_no_line_is_wider_than_the_terminal(build: Build, text: str, width: int) -> None:
    sentence: dict[str, Any] = {"text": text, "label": "accusation", "probabilities": {"accusation": 1.0}}
    spanned = {**sentence, "garbled": Garble(0.9, True, ((1, len(text) - 1, 0.9),))}
    foreign = {"text": text, "language": "zh"}
    shown = printed(build(sentence, spanned, foreign, "After.", source="folder/" * 30 + "文" * 60, passages=((1, 1),)), width=width)
    assert max(map(cells, shown.splitlines())) <= width
    assert squeezed(shown).count(squeezed(printable(text))) >= 3, "no part of a sentence is lost"


def test_a_folded_sentence_stays_in_its_column(build: Build) -> None:
    lines = printed(build("word " * 60)).splitlines()
    column = next(line for line in lines if "word" in line).index("word")
    folded = [line for line in lines if "word" in line]
    assert len(folded) > 3
    assert all(line[:column].strip() == "" for line in folded[1:])


def test_a_foreign_sentence_takes_no_room_from_the_text(build: Build) -> None:
    long: dict[str, Any] = {"text": "Word " * 60, "label": "analysis", "confident": False, "probabilities": {"analysis": 1.0}}
    shown = printed(build(long, {"text": "La jetée reste fermée.", "language": "fr"})).splitlines()
    alone = printed(build(long)).splitlines()
    column = shown[2].index("Word")
    assert column <= alone[2].index("Word") + 2
    assert any(line[column:].startswith("La jetée") for line in shown)


def test_wide_letters_end_at_the_edge_and_begin_in_the_column(build: Build) -> None:
    lines = [line for line in printed(build("Odd" + WIDE, "After.")).splitlines() if "大" in line or "，" in line or "潜" in line]
    column = lines[0].index("Odd")
    assert all(line[:column].strip() == "" and not line[column].isspace() for line in lines[1:])
    assert all(cells(line.rstrip()) >= 78 for line in lines[:-1])


MANIFEST: dict[str, Any] = {
    "labels": ["accusation", "denial"],
    "encoder": {"kind": "onnx", "width": 384, "base": "tiny"},
    "training": {"rows": {"stance": 1234, "stance_dev": 99}},
    "quality": {
        "stance": {"macro_f1": 0.725, "accuracy": 0.75, "calibration_error": 0.03, "rows": 2000, "f1": {"accusation": 0.7, "denial": 0.6}},
        "garbled": {"auroc": None, "twins_auroc": 0.9},
    },
    "versions": {"numpy": "2.0"},
}


def summary(manifest: dict[str, Any]) -> str:
    stream = io.StringIO()
    Console(file=stream, width=100).print(model_summary("toy@0123", manifest))
    return stream.getvalue()


def test_the_essentials_of_a_model_are_told() -> None:
    told = summary(MANIFEST)
    for part in ("toy@0123", "accusation, denial", "tiny, onnx", "width 384", "1,234 stance", "2,000 sentences", "numpy 2.0", "0.900"):
        assert part in told
    assert "macro-F1 0.725" in told
    assert "99" not in told
    assert "None" not in told


def test_a_bare_manifest_is_told_as_well() -> None:
    told = summary({"labels": ["doubt"], "encoder": {"kind": "sentence-transformers", "width": 8}})
    assert "doubt" in told
    assert "unknown base" in told


def test_a_manifest_cannot_drive_the_terminal() -> None:
    hostile = {**MANIFEST, "labels": ["[/b]", "a\x1b[2Jb"], "encoder": {"kind": "onnx", "width": 8, "base": "[red]x\u202e"}}
    told = summary(hostile)
    assert "[/b]" in told
    assert "[red]x" in told
    assert "\x1b" not in told
    assert "\u202e" not in told
