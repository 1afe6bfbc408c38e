"""Markup: what remains of Markdown and HTML."""

import time

import pytest

from newsgauge.model.markup import Piece, from_html, from_markdown

STORY = "The ferry left the harbour at dawn with forty people on board, and nobody on the quay had seen the captain since Tuesday evening."


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("# Ferry missing #\n\nText.", [Piece("Ferry missing", True), Piece("Text.")]),
        ("Ferry missing\n=====\nText.", [Piece("Ferry missing", True), Piece("Text.")]),
        ("#harbour is a tag", [Piece("#harbour is a tag")]),
        ("One line\nand its end.", [Piece("One line and its end.")]),
        ("- one\n- [x] two\n  goes on\n3. three", [Piece("one"), Piece("two goes on"), Piece("three")]),
        ("They met in May\n2019. Nobody came.", [Piece("They met in May 2019. Nobody came.")]),
        ("> quoted\n> > twice", [Piece("quoted twice")]),
        ("a [link](http://x.org/a_(b)), a [ref][1] and <https://y.org>.", [Piece("a link, a ref and https://y.org.")]),
        ("[1]: http://x.org\n\nText[^2].", [Piece("Text.")]),
        ("before ![alt](pic.png) after", [Piece("before after")]),
        ("[![alt](a.png)](b.html)", []),
        ("**bold** and *soft* and __both__ and _it_, `code`, ~~gone~~", [Piece("bold and soft and both and it, code, gone")]),
        ("5 * 3 and snake_case_name stay", [Piece("5 * 3 and snake_case_name stay")]),
        (r"\*kept\* and \# kept", [Piece("*kept* and # kept")]),
        ("a &amp; b", [Piece("a & b")]),
        ("x\n```py\ncode()\n```\ny", [Piece("x y")]),
        ("```\nnever closed", [Piece("never closed")]),
        ("| a | b |\n|---|---|\n| 1 | 2 |\n\nText.", [Piece("Text.")]),
        ("one\n\n---\n\n***\n\ntwo", [Piece("one"), Piece("two")]),
        ("---\ntitle: x\n---\nText.", [Piece("Text.")]),
        ("a <!-- note\nmore --> b <em>c</em>", [Piece("a b c")]),
        ("", []),
    ],
)
def test_markdown(source: str, expected: list[Piece]) -> None:
    assert from_markdown(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        "[" * 300_000,
        "![a](" * 60_000,
        "*a " * 100_000,
        "_a " * 100_000,
        "**" * 150_000,
        "<a " * 100_000,
        ">" * 300_000,
        "<!--" * 75_000,
        "```\n" * 75_001,
    ],
    ids=["bracket", "image", "star", "underscore", "strong", "tag", "quote", "comment", "fence"],
)
def test_markdown_takes_linear_time(source: str) -> None:
    started = time.process_time()
    from_markdown(source)
    assert time.process_time() - started < 10


def page(body: str, title: str = "") -> str:
    return f"<html><head><title>{title}</title></head><body>{body}</body></html>"


def test_html_article() -> None:
    body = (
        f"<nav><a href='/'>Start page</a></nav><h1>Ferry missing since dawn</h1><article><p>{STORY}</p><h2>A calm sea</h2>"
        f"<p>{STORY.replace('ferry', 'tug')}</p><table><tr><td>cell</td></tr></table>"
        "<ul><li>One thing is certain, he said.</li></ul></article>"
        "<script>var x = 1;</script><footer>All rights kept</footer>"
    )
    pieces = from_html(page(body, "Ferry missing since dawn"))
    assert pieces[0] == Piece("Ferry missing since dawn", True)
    texts = [piece.text for piece in pieces]
    assert STORY in texts and "One thing is certain, he said." in texts
    assert Piece("A calm sea", True) in pieces
    assert not any(word in " ".join(texts) for word in ("var x", "cell", "Start page", "rights"))


def test_title_that_the_text_has_is_not_repeated() -> None:
    pieces = from_html(
        page(f"<article><h1>Ferry missing since dawn</h1><p>{STORY}</p><p>{STORY}</p></article>", "Ferry missing since dawn")
    )
    assert sum("Ferry missing" in piece.text for piece in pieces) == 1


def test_html_without_an_article_gives_the_text_of_the_body() -> None:
    assert [piece.text for piece in from_html("<div>Only <b>this</b></div><style>p {}</style><div>and this</div>")] == [
        "Only this",
        "and this",
    ]


@pytest.mark.parametrize("source", ["", "<html></html>", "<script>x</script>", "<!-- only -->", "<a " * 10])
def test_html_without_text(source: str) -> None:
    assert from_html(source) == []


def test_xml_declaration_is_no_obstacle() -> None:
    assert STORY in [piece.text for piece in from_html(f'<?xml version="1.0" encoding="latin-1"?><html><body><p>{STORY}</p></body></html>')]


@pytest.mark.parametrize(
    "source",
    [
        "<div>" * 100_000 + f"<p>{STORY}</p>" + "</div>" * 100_000,
        "<b>" * 100_000 + STORY,
        "<ul><li>" * 20_000 + STORY,
        "<p>" * 100_000 + STORY,
        "word<br>" * 100_000 + STORY,
        f"<p>{STORY}</p>" * 15_000,
        "<script>" + "x" * 5_000_000 + f"</script><p>{STORY}</p>",
    ],
    ids=["div", "b", "list", "p", "br", "many", "script"],
)
def test_deep_and_large_html_keeps_its_text(source: str) -> None:
    started = time.process_time()
    pieces = from_html(page(source))
    assert time.process_time() - started < 60
    assert STORY in " ".join(piece.text for piece in pieces)


def test_a_page_of_open_brackets_ends() -> None:
    started = time.process_time()
    from_html("<" * 500_000)
    assert time.process_time() - started < 30
