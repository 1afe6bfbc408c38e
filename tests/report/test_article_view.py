"""The article view before it is a page: letters, citations, paragraphs, reasons."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from newsgauge.model.results import ArticleScore, Garble
from newsgauge.model.signs import Sign
from newsgauge.report.article import Piece, article_view, citation, label_views
from newsgauge.report.collection import group_of
from newsgauge.report.visible import shortened, visible

Build = Callable[..., ArticleScore]


def test_letters_are_those_of_the_annotation_guide() -> None:
    views = label_views(["accusation", "denial", "evidence", "analysis"])
    assert [view.letter for view in views.values()] == ["A", "D", "E", "I"]
    assert [view.colour for view in views.values()] == [0, 1, 2, 3]


def test_other_labels_get_letters_that_are_free() -> None:
    views = label_views(["denial", "doubt", "do", "d", "praise"])
    assert [view.letter for view in views.values()] == ["D", "O", "3", "4", "P"]


def test_a_citation_says_where_and_what(article: ArticleScore) -> None:
    model = "by newsgauge toy@0123456789ab"
    texts = [citation(article, sentence) for sentence in article.sentences]
    assert texts[1] == f"pier.txt, characters 22–56, accusation (probability 0.70), {model}"
    assert texts[2] == f"pier.txt, characters 57–92, denial (probability 0.70), flagged as garbled, {model}"
    assert texts[3] == f"pier.txt, characters 93–127, analysis (probability 0.70, uncertain), flagged as garbled, {model}"
    assert texts[4] == "pier.txt, characters 128–144, not scored"


def test_paragraphs_follow_the_blocks_and_passages_cut_them(article: ArticleScore) -> None:
    blocks = [0, 1, 1, 2, 3, 4]
    sentences = tuple(replace(one, block=block) for one, block in zip(article.sentences, blocks, strict=True))
    view = article_view(replace(article, sentences=sentences), label_views(article.labels))
    shape = [
        (run.passage is not None, [([one.index for one in paragraph.sentences], paragraph.continued) for paragraph in run.paragraphs])
        for run in view.runs
    ]
    assert shape == [
        (False, [([0], False), ([1], False)]),
        (True, [([2], True), ([3], False)]),
        (False, [([4], False), ([5], False)]),
    ]


def test_without_blocks_paragraphs_are_guessed_from_the_space_between(build: Build) -> None:
    article = build("One.", "Two.", "Three.")
    third = article.sentences[2]
    apart = (*article.sentences[:2], replace(third, start=third.start + 1, end=third.end + 1))
    (run,) = article_view(replace(article, sentences=apart), label_views(article.labels)).runs
    assert [[one.index for one in paragraph.sentences] for paragraph in run.paragraphs] == [[0, 1], [2]]


def test_marked_words_carry_their_reasons_and_the_text_stays(build: Build) -> None:
    text = "It was It was of stone."
    mark = Garble(0.9, True, ((14, 22, 0.75),), (Sign("doubled word", 0, 13), Sign("orphan bracket", 10, 16)))
    given = {"text": text, "label": "denial", "confident": True, "probabilities": {"denial": 1.0}, "garbled": mark}
    (sentence,) = article_view(build(given), label_views(["denial", "accusation", "evidence", "analysis"])).sentences
    unlike = "unlike written English (sentence: garbled 0.90)"
    assert sentence.pieces == (
        Piece("It was It ", "doubled word"),
        Piece("was", "doubled word; orphan bracket"),
        Piece(" ", "orphan bracket"),
        Piece("of", f"{unlike}; orphan bracket"),
        Piece(" stone", unlike),
        Piece(".", None),
    )
    assert "doubled word “It was It was”" in sentence.told and "garbled 0.90, flagged" in sentence.told


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u202eb\u2066c", "a[U+202E]b[U+2066]c"),
        ("a\x00\x1bb", "a[U+0000][U+001B]b"),
        ("a\r\nb\u2028c", "a b c"),
        ("می‌روم 👩‍🔧", "می‌روم 👩‍🔧"),
        ("a\udcffb", "a\\udcffb"),
        ("\U000e0041", "[U+E0041]"),
    ],
)
def test_what_cannot_be_seen_is_shown(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_long_text_is_cut() -> None:
    assert shortened("x" * 1_000_000, 10) == "x" * 9 + "…"
    assert shortened("short", 10) == "short"


@pytest.mark.parametrize(
    ("source", "group"),
    [
        ("a/b/c.txt", "a/b"),
        ("c.txt", "."),
        ("-", "."),
        ("crawl.jsonl#https://www.example.org/x#y", "example.org"),
        ("crawl.jsonl#17", "crawl.jsonl"),
        ("x#http://[bad", "x"),
        (r"c:\news\a.txt", "c:/news"),
    ],
)
def test_the_outlet_is_the_host_or_the_folder(source: str, group: str) -> None:
    assert group_of(source) == group
