"""The pages themselves: what is in them, what cannot get out of them, how large they are."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from newsgauge.model.results import ArticleScore, InputFailure

pytest.importorskip("jinja2", reason="the extra [report] is not installed")
pytest.importorskip("matplotlib", reason="the extra [report] is not installed")

from newsgauge.report import pages
from newsgauge.report.atomic import OutputError
from newsgauge.report.collection import Collection
from newsgauge.report.html import ReportError, policy
from newsgauge.report.pages import Copies, write_report
from newsgauge.report.plots import PALETTE
from newsgauge.report.svg import embeddable

Build = Callable[..., ArticleScore]

NASTY = "</script><script>alert(1)</script><img src=x onerror=alert(2)> \u202e \"' &amp; {{ 7*7 }} ]]> <!--"


class Page(HTMLParser):
    """The elements, text and data of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, list[str]] = {}
        self._open = ""
        self.feed(self.source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open = tag
        if tag in ("script", "style"):
            self.inside.setdefault(tag, []).append("")

    def handle_data(self, data: str) -> None:
        if self._open in ("script", "style") and self.inside.get(self._open):
            self.inside[self._open][-1] += data
        else:
            self.inside.setdefault("text", []).append(data)

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    @property
    def text(self) -> str:
        return "".join(self.inside["text"])

    @property
    def data(self) -> Any:
        return json.loads(self.inside["script"][0])

    def with_class(self, name: str) -> list[dict[str, str | None]]:
        return [given for _, given in self.elements if name in (given.get("class") or "").split()]


def made(path: Path, results: Iterable[ArticleScore | InputFailure], copies: Copies | None = None, **options: Any) -> Page:
    with Collection() as collection:
        for result in results:
            collection.add(result)
        alone = Copies(range(len(collection)), [-1] * len(collection))
        write_report(collection, copies or alone, path, **options)
    return Page(path)


@pytest.fixture
def hostile(build: Build) -> ArticleScore:
    given = {"text": NASTY, "label": "accusation", "confident": True, "probabilities": {"accusation": 1.0}, "language": NASTY}
    return replace(build(given, {"text": NASTY, "language": NASTY}, source=NASTY, passages=((0, 0),)), model=NASTY, language=NASTY)


def test_the_article_view_shows_everything(article: ArticleScore, tmp_path: Path) -> None:
    page = made(tmp_path / "x.html", [article])
    assert len(page.with_class("s")) == 6
    strip = [given["href"] for tag, given in page.elements if tag == "a" and (given.get("href") or "").startswith("#a0s")]
    assert strip == [f"#a0s{i}" for i in range(6)]
    assert [given["data-why"] for tag, given in page.elements if tag == "mark" and "data-why" in given] == [
        "unlike written English (sentence: garbled 0.94)"
    ] * 2
    assert len(page.with_class("passage")) == 1 and len(page.with_class("b")) == 1
    assert "Garbled machine translation" in page.text and "La jetée reste fermée." in page.text
    assert [given["id"] for tag, given in page.elements if "s" in (given.get("class") or "").split()] == [f"a0s{i}" for i in range(6)]


@pytest.mark.parametrize("count", [1, 2])
def test_the_policy_allows_the_own_style_and_script_and_nothing_else(article: ArticleScore, tmp_path: Path, count: int) -> None:
    page = made(tmp_path / "x.html", [article] * count)
    (given,) = [given["content"] for tag, given in page.elements if tag == "meta" and given.get("http-equiv") == "Content-Security-Policy"]
    assert given is not None
    rules = dict(rule.split(" ", 1) for rule in given.split("; "))
    hashes = {name: base64.b64encode(hashlib.sha256(page.inside[name][-1].encode()).digest()).decode() for name in ("style", "script")}
    assert rules == {
        "default-src": "'none'",
        "style-src": f"'sha256-{hashes['style']}'",
        "script-src": f"'sha256-{hashes['script']}'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert policy("a", "b") != policy("a", "c")


@pytest.mark.parametrize("count", [1, 2])
def test_nothing_comes_from_outside_and_nothing_is_inline(article: ArticleScore, tmp_path: Path, count: int) -> None:
    for tag, given in made(tmp_path / "x.html", [article] * count).elements:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base", "foreignobject")
        assert "src" not in given and "style" not in given
        assert not [name for name in given if name.startswith("on")]
        assert (given.get("href") or "#").startswith("#")
        assert tag in ("svg",) or "url(" not in " ".join(value or "" for value in given.values() if value and not value.startswith("url(#"))


@pytest.mark.parametrize("count", [1, 2])
def test_text_of_others_stays_text(hostile: ArticleScore, tmp_path: Path, count: int) -> None:
    results: list[ArticleScore | InputFailure] = [hostile] * count
    if count > 1:
        results.append(InputFailure(NASTY, "format", NASTY))
    page = made(tmp_path / "x.html", results, Copies([0] * count, [-1] + [0] * (count - 1)), title=NASTY)
    assert len(page.inside["script"]) == count
    assert not [tag for tag, _ in page.elements if tag == "img"]
    assert "\u202e" not in page.source and "[U+202E]" in page.source
    assert "{{ 7*7 }}" in page.text
    if count > 1:
        assert page.data["articles"][0][1] == NASTY.replace("\u202e", "[U+202E]")


def test_a_sentence_of_a_million_characters_is_shown_whole_and_once(build: Build, tmp_path: Path) -> None:
    long = "word " * 200_000
    page = made(tmp_path / "x.html", [build(long)])
    assert long.strip() in page.text
    folder = made(tmp_path / "y.html", [build(long), build("Short.")])
    assert len(folder.source) < 1_500_000


def test_the_folder_view_lists_what_there_is(article: ArticleScore, build: Build, failure: InputFailure, tmp_path: Path) -> None:
    other = build("Clean text.", source="north/b.txt")
    page = made(tmp_path / "x.html", [article, other, failure], title="My articles")
    rows = page.data["articles"]
    assert [row[1] for row in rows] == ["pier.txt", "north/b.txt"] and [row[2] for row in rows] == [".", "north"]
    assert rows[0][4:10] == [4, [1, 1, 1, 1], 2, 1, 0.8125, 1]
    assert [(row[2], row[6]) for row in page.data["claims"]] == [
        (0, "The contractor hid it, divers say."),
        (1, "Of pier the owner made denial hard."),
    ]
    assert "lost.txt" in page.text and "My articles" in page.text
    assert len([given for tag, given in page.elements if tag == "svg" and given.get("class") == "plot"]) == 2
    assert "Of pier the owner made denial hard. Is to say, the steel he has tired." in page.text


def test_a_retelling_is_aligned_with_its_original(build: Build, tmp_path: Path) -> None:
    one = build("The board shut the harbour on Monday.", "Nobody was charged so far.", source="one.txt")
    two = build("On Monday the board closed harbours.", "Nobody charge far.", source="two.txt", verdict=(0.9, True))
    page = made(tmp_path / "x.html", [one, two], Copies([0, 0], [-1, 0]))
    rows = re.findall(r"<tr><td><bdi>(.*?)</bdi></td><td><bdi>(.*?)</bdi></td></tr>", page.source)
    assert rows[0] == ("The board <ins>shut</ins> the harbour on Monday.", "On Monday the board <ins>closed</ins> harbours.")
    assert len(rows) == 2
    assert [row[10:12] for row in page.data["articles"]] == [[1, "first"], [1, "retelling"]]


def test_what_is_left_unaligned_is_stated(build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    articles = [build("Nobody was charged so far.", source=f"{name}.txt") for name in ("one", "two")]
    monkeypatch.setattr("newsgauge.report.folder.MOST_ALIGNED", 0)
    page = made(tmp_path / "x.html", articles, Copies([0, 0], [-1, 0]))
    assert "0 of 1 retellings are aligned. Of a long article the first 400 sentences are." in page.text


def test_five_thousand_articles_make_a_page_of_a_few_megabytes(build: Build, tmp_path: Path) -> None:
    sentences = [f"The ministry said on day {n} that the bridge was safe and that nobody had been warned of it." for n in range(12)]
    article = build(*sentences)
    page = made(tmp_path / "x.html", (replace(article, source=f"outlet-{n % 40}/2025/article-{n}.txt") for n in range(5000)))
    assert len(page.data["articles"]) == 5000
    assert len(page.source.encode()) < pages.TEXT_BYTES + 2_500_000
    shown = len(page.with_class("one"))
    assert 100 < shown < 5000 and f"the texts of {shown:,} of 5,000 articles" in page.text
    assert page.source.count('<tr><th scope="row">') == pages.PLAIN_ROWS + 40


def test_the_same_scores_make_the_same_page(article: ArticleScore, build: Build, tmp_path: Path) -> None:
    one = made(tmp_path / "x.html", [article, build("Clean.")])
    assert made(tmp_path / "y.html", [article, build("Clean.")]).source == one.source


def test_a_file_that_exists_is_not_overwritten_unless_asked(article: ArticleScore, tmp_path: Path) -> None:
    path = tmp_path / "x.html"
    path.write_text("mine")
    with pytest.raises(OutputError, match="--overwrite"):
        made(path, [article])
    assert path.read_text() == "mine" and [one.name for one in tmp_path.iterdir()] == ["x.html"]
    assert made(path, [article], overwrite=True).with_class("s")


@pytest.mark.parametrize(("library", "count"), [("jinja2", 1), ("matplotlib", 2)])
def test_a_missing_extra_is_named(article: ArticleScore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str, count: int) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.delitem(sys.modules, "newsgauge.report.plots")
    with pytest.raises(ReportError, match=r"pip install 'newsgauge\[report\]'") as caught:
        made(tmp_path / "x.html", [article] * count)
    assert library in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_drawing_loses_all_but_shapes_and_text() -> None:
    drawing = b"""<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 9 9" onload="x()">
    <script>x()</script><style>*{}</style><metadata>m</metadata><image href="http://e.org/a.png"/><foreignObject><p/></foreignObject>
    <defs><path id="m" d="M0 0"/><path id="n" d="M0 0"/></defs><use xlink:href="#m" style="fill: #000000; behavior: url(x)" onclick="x()"/>
    <use xlink:href="http://e.org/#m"/><text style="font: 9px 'DejaVu Sans'; fill: url(http://e.org)">&lt;b&gt;</text></svg>"""
    clean = embeddable(drawing)
    for part in ("script", "style", "metadata", "image", "foreign", "onload", "onclick", "e.org", "behavior", 'id="n"'):
        assert part not in clean
    for part in ('href="#m"', 'id="m"', 'fill="currentColor"', 'font-size="9px"', "&lt;b&gt;"):
        assert part in clean


def luminances(colour: str, matrix: Iterable[Iterable[float]]) -> list[float]:
    linear = [((c / 255 + 0.055) / 1.055) ** 2.4 if c > 10 else c / 255 / 12.92 for c in bytes.fromhex(colour[1:])]
    return [min(1.0, max(0.0, sum(a * b for a, b in zip(row, linear, strict=True)))) for row in matrix]


# Full protanopia, deuteranopia and tritanopia in linear RGB: Machado, Oliveira and Fernandes 2009.
VISION = {
    "usual": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritan": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}


@pytest.mark.parametrize("vision", VISION)
def test_the_colours_of_the_labels_are_told_apart_with_any_colour_vision(vision: str) -> None:
    def lab(colour: str) -> tuple[float, float, float]:
        r, g, b = luminances(colour, VISION[vision])
        whole = 0.2126 * r + 0.7152 * g + 0.0722 * b
        xyz = (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047, whole, (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.0888
        x, y, z = (v ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116 for v in xyz)
        return 116 * y - 16, 500 * (x - y), 200 * (y - z)

    colours = [lab(colour) for colour in PALETTE[:4]]
    apart = [sum((p - q) ** 2 for p, q in zip(a, b, strict=True)) ** 0.5 for i, a in enumerate(colours) for b in colours[:i]]
    # A difference of 2.3 is just noticeable (CIE 1976).
    assert min(apart) > 15


def test_black_letters_are_legible_on_every_colour() -> None:
    for colour in PALETTE:
        r, g, b = luminances(colour, VISION["usual"])
        assert (0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05) / 0.05 >= 4.5


def test_the_style_sheet_has_the_colours_of_the_plots() -> None:
    style = (Path(pages.__file__).parent / "templates" / "report.css").read_text(encoding="utf-8")
    for place, colour in enumerate(PALETTE):
        assert f"--c{place}: {' '.join(map(str, bytes.fromhex(colour[1:])))};" in style
