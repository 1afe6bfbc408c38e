"""Markup to text: what a reader of a Markdown or HTML page reads, as a list of paragraphs."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lxml.etree import _Element


@dataclass(frozen=True, slots=True)
class Piece:
    """One paragraph, heading or list item: one line of text, no surrounding white space, never empty."""

    text: str
    heading: bool = False


# --- HTML ---------------------------------------------------------------------------------------------------------------

_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]{0,30})(?:[\s/][^<>]*)?>")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Elements without an end tag, or whose end tag authors leave out: they say nothing about depth.
_UNNESTED = _words(
    """
    area base br col dd dt embed hr img input li link meta option p param source tbody td tfoot th thead tr track wbr
    """
)
_MAX_DEPTH = 200
_MAX_CHARACTERS = 2_000_000
_MAX_ELEMENTS = 20_000
_BREAKS = _words(
    """
    address article aside blockquote body br dd div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr li main
    nav ol p pre section table td th tr ul head item lb list quote row cell
    """
)
_HEADINGS = _words("h1 h2 h3 h4 h5 h6 head")
_UNREAD = ("script", "style", "noscript", "template", "svg", "iframe", "object", "select", "button", "textarea")


def from_html(page: str) -> list[Piece]:
    """The article in an HTML page: its title, then paragraphs, headings and list items; comments, tables and menus left out.

    trafilatura finds the article; a page in which it finds none, or with over two million characters of text or 20,000
    elements, gives all text of its body. An empty list means that there is no text.
    """
    tree = _parse(_bounded_depth(page))
    if tree is None:
        return []
    title = _title(tree)
    body = tree.find("body")
    everything = list(_pieces(body)) if body is not None else []
    # Beyond this trafilatura takes minutes: some of its steps are quadratic in the number of elements.
    if sum(len(piece.text) for piece in everything) > _MAX_CHARACTERS or sum(1 for _ in tree.iter()) > _MAX_ELEMENTS:
        return everything
    pieces = _extract(tree, len(everything)) or everything
    if pieces and title and all(title.casefold() not in piece.text.casefold() for piece in pieces[:2]):
        pieces.insert(0, Piece(title, heading=True))
    return pieces


def _bounded_depth(page: str) -> str:
    """``page`` without the tags nested deeper than 200 levels: libxml2 drops what is deeper than 256, text and all."""
    depth = 0

    def keep(match: re.Match[str]) -> str:
        nonlocal depth
        if match.group(2).lower() in _UNNESTED or match.group(0).endswith("/>"):
            return match.group(0)
        if match.group(1):
            depth = max(0, depth - 1)
            return match.group(0) if depth < _MAX_DEPTH else " "
        depth += 1
        return match.group(0) if depth <= _MAX_DEPTH else " "

    return _TAG.sub(keep, page)


def _parse(page: str) -> _Element | None:
    """The page without scripts, styles and controls; None where there is nothing to parse."""
    from lxml import etree

    parser = etree.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True)
    try:
        tree = etree.fromstring(page.encode("utf-8", errors="replace"), parser)
    except (etree.ParserError, etree.XMLSyntaxError):
        return None
    if tree is not None:
        etree.strip_elements(tree, *_UNREAD, with_tail=False)
    return tree


def _title(tree: _Element) -> str:
    """The headline: what the page gives to those who share it, its only first heading, or its title without the site's name."""
    shared = next((meta.get("content") for meta in tree.iter("meta") if meta.get("property") == "og:title"), None)
    headings = ["".join(heading.itertext()) for heading in tree.iter("h1")]
    titles = [re.split(r" [|–—-] ", "".join(title.itertext()), maxsplit=1)[0] for title in tree.iter("title")]
    return " ".join((shared or (headings[0] if len(headings) == 1 else "") or next(iter(titles), "")).split())


def _extract(tree: _Element, paragraphs: int) -> list[Piece]:
    """What trafilatura takes for the article; empty where it finds none."""
    import trafilatura
    from lxml import etree
    from trafilatura.settings import use_config

    page = etree.tostring(tree, encoding="unicode", method="html")

    def run(least: int) -> list[Piece]:
        config = use_config()
        config.set("DEFAULT", "MIN_EXTRACTED_SIZE", str(least))
        found = trafilatura.bare_extraction(page, include_comments=False, include_tables=False, favor_recall=True, config=config)
        return [] if found is None or isinstance(found, dict) or found.body is None else list(_pieces(found.body))

    pieces = run(250)
    if len(pieces) <= 1 < paragraphs:
        # Under its minimum size trafilatura glues a page into one paragraph; a page so short needs no minimum.
        parts = run(0)
        if sum(len(piece.text) for piece in parts) >= 0.8 * sum(len(piece.text) for piece in pieces):
            return parts
    return pieces


def _pieces(tree: _Element) -> Iterator[Piece]:
    """The text of a tree in reading order, cut where a block element begins or ends; a walk without recursion."""
    from lxml import etree

    buffer: list[str] = []
    heading = False

    def flush() -> Iterator[Piece]:
        text = " ".join("".join(buffer).split())
        buffer.clear()
        if text:
            yield Piece(text, heading)

    for event, element in etree.iterwalk(tree, events=("start", "end")):
        tag = element.tag if isinstance(element.tag, str) else ""
        if event == "start":
            if tag in _BREAKS:
                yield from flush()
                heading = tag in _HEADINGS
            if tag:
                buffer.append(element.text or "")
        else:
            if tag in _BREAKS:
                yield from flush()
                heading = False
            if element is not tree:
                buffer.append(element.tail or "")
    yield from flush()


# --- Markdown -----------------------------------------------------------------------------------------------------------

_HEADING = re.compile(r"(#{1,6})(?:[ \t]|$)")
_BULLET = re.compile(r"[-*+][ \t]+(?:\[[ xX]\][ \t]+)?|(\d{1,9})[.)][ \t]+")
_DEFINITION = re.compile(r"\[[^\^\[\]][^\[\]]{0,200}\]:")
_FOOTNOTE = re.compile(r"\[\^[^\[\]]{1,100}\]:?")
_IMAGE = re.compile(r"!\[[^\[\]]{0,1000}\](?:\([^()]{0,2000}(?:\([^()]{0,500}\)[^()]{0,500})?\)|\[[^\[\]]{0,200}\])")
_LINK = re.compile(r"\[([^\[\]]{0,1000})\](?:\([^()]{0,2000}(?:\([^()]{0,500}\)[^()]{0,500})?\)|\[[^\[\]]{0,200}\])")
_AUTOLINK = re.compile(r"<((?:https?://|mailto:)[^<>\s]{1,2000})>")
_INLINE_TAG = re.compile(r"</?[A-Za-z][^<>]{0,1000}>")
_STRONG = re.compile(r"\*{2,3}(?=\S)|(?<=\S)\*{2,3}|~~")
_EMPHASIS = re.compile(r"(?<![\w*])\*(?=[^\s*])([^*]{1,1000})(?<=\S)\*(?![\w*])")
_UNDERSCORE = re.compile(r"(?<![\w_])(_{1,3})(?=[^\s_])([^_]{1,1000})(?<=\S)\1(?![\w_])")
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")
# Escaped marks rest in a private-use range, out of reach of the rules for marks.
_SHELTER = 0x10FF00
_UNSHELTER = {_SHELTER + code: chr(code) for code in range(0x21, 0x7F)}


def from_markdown(text: str) -> list[Piece]:
    """The readable text of a Markdown page (lines ended by ``\\n``): headings, paragraphs and list items.

    Markers of headings, lists, quotations and emphasis go; links leave their text; images, fenced code, tables, rules,
    front matter, comments and link definitions are dropped.
    """
    lines = _without_tables(_without_fences(_without_comments(text).split("\n")))
    pieces: list[Piece] = []
    buffer: list[str] = []
    listed = False

    def flush(heading: bool = False) -> None:
        content = _inline(" ".join(buffer))
        buffer.clear()
        if content:
            pieces.append(Piece(content, heading))

    for raw in lines:
        line = raw.strip().lstrip("> \t")
        underline = len(line) >= 2 and (not line.strip("=") or not line.strip("-"))
        if underline and buffer and not listed:
            flush(heading=True)
            continue
        bare = line.replace(" ", "")
        if not line or underline or (len(bare) >= 3 and len(set(bare)) == 1 and bare[0] in "*-_") or _DEFINITION.match(line):
            flush()
            listed = False
            continue
        heading = _HEADING.match(line)
        if heading:
            flush()
            buffer.append(line[heading.end(1) :].rstrip().rstrip("#"))
            flush(heading=True)
            listed = False
            continue
        bullet = _BULLET.match(line)
        # Within a paragraph only "1." begins a list: "in May\n2019. The" is prose.
        if bullet and (listed or not buffer or bullet.group(1) in (None, "1")):
            flush()
            line = line[bullet.end() :]
            listed = True
        buffer.append(line)
    flush()
    return pieces


def _without_comments(text: str) -> str:
    kept: list[str] = []
    position = 0
    while (start := text.find("<!--", position)) >= 0:
        end = text.find("-->", start + 4)
        if end < 0:
            break
        kept.append(text[position:start])
        position = end + 3
    return "".join(kept) + text[position:]


def _without_fences(lines: list[str]) -> list[str]:
    """``lines`` without front matter and fenced code; a fence that nothing closes loses only its own line."""
    if lines and lines[0].strip() == "---":
        closing = next((at for at, line in enumerate(lines[1:200], 1) if line.strip() in ("---", "...")), None)
        if closing is not None and all(not line.strip() or ":" in line or line[:1] in " \t-#" for line in lines[1:closing]):
            lines = lines[closing + 1 :]
    kept: list[str] = []
    inside: list[str] = []
    fence = ""
    for line in lines:
        mark = line.lstrip(" \t>")
        if fence:
            inside.append(line)
            if mark.startswith(fence) and not mark.strip(fence[0] + " \t"):
                fence = ""
                inside.clear()
        elif mark.startswith(("```", "~~~")) and "`" not in mark.lstrip("`~"):
            fence = mark[: len(mark) - len(mark.lstrip(mark[0]))]
        else:
            kept.append(line)
    return kept + inside


def _without_tables(lines: list[str]) -> list[str]:
    kept: list[str] = []
    table = False
    for line in lines:
        mark = line.strip()
        table = table and "|" in mark
        if "|" in mark and "-" in mark and not mark.strip("|:- \t"):
            if not table and kept and "|" in kept[-1]:
                kept.pop()
            table = True
        if not table:
            kept.append(line)
    return kept


def _inline(text: str) -> str:
    text = _ESCAPE.sub(lambda match: chr(_SHELTER + ord(match.group(1))), text)
    text = _IMAGE.sub("", text)
    text = _FOOTNOTE.sub("", text)
    text = _LINK.sub(r"\1", text)
    text = _AUTOLINK.sub(r"\1", text)
    text = _INLINE_TAG.sub("", text)
    text = _STRONG.sub("", text)
    text = _EMPHASIS.sub(r"\1", text)
    text = _UNDERSCORE.sub(r"\2", text)
    text = text.replace("`", "").translate(_UNSHELTER)
    return " ".join(html.unescape(text).split())
