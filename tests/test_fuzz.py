"""Whatever bytes come in: an answer in bounded time, spans that partition, probabilities that add up, valid JSON out.

The default suite tries some hundred inputs. ``pytest -m fuzz`` tries over 20,000 and says how many of which kind.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from newsgauge.model.bundle import Bundle, load
from newsgauge.model.document import Document
from newsgauge.model.encoder import WindowEncoding, WordPieces
from newsgauge.model.errors import InputError
from newsgauge.model.inputs import Article, read
from newsgauge.model.results import ArticleScore, InputFailure
from newsgauge.model.scorer import Scorer
from newsgauge.report.writers import WRITERS

from .conftest import TALLY

SECONDS = 20.0
"""The most processor time that an input of some hundred bytes may take; most take milliseconds."""
EXTREME_SECONDS = 120.0
"""The same for one of megabytes."""
LONG = 20_000

NASTY = [
    "\ud800", "\udfff", "\0", "\x1b[31m", "\x7f", "\u202e", "\u2066", "\u200b", "\u200d", "\ufeff", "\u2028", "\u0085", "\u00ad", "\ufffe",
    "e\u0301\u0323" * 9, "👩‍👩‍👧‍👦", "🇺🇦", "وقال", "אמר", "Москва", "ｆｕｌｌ", "ﬁ", "\r", "\r\n", "\n\n", "\t", "\v", "\f",
    "<div>", "</div>", "<p", "<!--", "-->", "<![CDATA[", "<script>", "&#0;", "&#xD800;", "&#1114112;", "&amp", "<table><tr><td>",
    "```", "![a](", "[x](", "](", "# ", "> ", "- ", "1. ", "| --- |", "---", "\\", "*", "_",
    '"', "“", "”", "'", ",", ";", "=cmd()", "{", "}", "[", "]", "null", "1e999", "-0", "Dr.", "U.S.", "p.m.", "…", "...", "?!", ".",
]  # fmt: skip
PLAIN = [
    "The mayor denied it. ", "Police said nine people were hurt, according to the log. ", "He lied, she said. ", "What it means is open. ",
    "By Ann Lee", "Read more", "the the of of", "(“",
]  # fmt: skip

text = st.text(max_size=80) | st.lists(st.sampled_from(NASTY) | st.sampled_from(PLAIN) | st.text(max_size=12), max_size=25).map("".join)
codec = st.sampled_from(["utf-8", "utf-16", "utf-16-le", "utf-32", "cp1252", "koi8-r", "shift_jis"])


@st.composite
def encoded(draw: st.DrawFn) -> bytes:
    content = draw(text)
    name = draw(codec)
    return content.encode(name, "surrogatepass" if name.startswith("utf") else "replace")


@st.composite
def broken(draw: st.DrawFn, made: st.SearchStrategy[bytes]) -> bytes:
    """What *made* gives, whole, cut, or with a few bytes changed."""
    data = bytearray(draw(made))
    for _ in range(draw(st.sampled_from([0, 0, 1, 3])) if data else 0):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(0, len(data)))] if draw(st.integers(0, 4)) == 0 else data)


def page(parts: list[tuple[str, str]]) -> bytes:
    return "".join(f"<{tag}>{content}</{tag}>" for tag, content in parts).encode("utf-8", "surrogatepass")


def rows(contents: list[str]) -> bytes:
    return "".join(json.dumps({"id": i, "text": content}) + "\n" for i, content in enumerate(contents)).encode()


def sheet(contents: list[str]) -> bytes:
    return ("id,text\n" + "".join(f'{i},"{content}"\n' for i, content in enumerate(contents))).encode("utf-8", "replace")


def parquet(contents: list[str]) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table({"text": [content.encode("utf-8", "replace").decode() for content in contents]}), stream)
    return stream.getvalue()


texts = st.lists(text, max_size=3)
tags = st.sampled_from(["p", "div", "h1", "title", "table", "li", "a", "script", "article", "br", "svg", "meta"])
INPUTS: dict[str, st.SearchStrategy[bytes]] = {
    "a.txt": encoded() | st.binary(max_size=300),
    "a.md": encoded(),
    "a.html": broken(st.lists(st.tuples(tags, text), max_size=8).map(page)) | encoded(),
    "a.jsonl": broken(texts.map(rows)) | encoded(),
    "a.csv": broken(texts.map(sheet)) | encoded(),
    "a.tsv": encoded(),
    "a.parquet": broken(texts.map(parquet)) | st.binary(max_size=100),
    "a.txt.gz": broken(encoded().map(gzip.compress)),
    "a.jsonl.zst": st.binary(max_size=100),
    "a.warc": st.binary(max_size=100),
}
files = st.sampled_from(sorted(INPUTS)).flatmap(lambda name: st.tuples(st.just(name), INPUTS[name]))


class Quick:
    """An encoder that embeds by arithmetic: everything but the graph is tried thousands of times in minutes."""

    def __init__(self, width: int) -> None:
        self.width = width
        self._wave = np.arange(width, dtype=np.float32)

    def encode(self, sentences: Sequence[str]) -> Iterator[WindowEncoding]:
        for i, sentence in enumerate(sentences):
            words = [match.span() for match in re.finditer(r"\w+|[^\w\s]", sentence)][:160]
            base = np.sin(self._wave * (len(sentence) % 17 + 1))[None, :].astype(np.float32)
            states = np.repeat(base, len(words), axis=0)
            yield WindowEncoding(i, i + 1, base, (WordPieces(np.array(words, dtype=np.int64).reshape(-1, 2), states),))


@pytest.fixture(scope="module")
def quick(small_model: Path) -> Scorer:
    loaded = load(small_model, threads=1)
    return Scorer(Bundle(loaded.identity, loaded.manifest, Quick(loaded.encoder.width), loaded.heads))


def check_document(document: Document) -> None:
    position = 0
    for block in document.blocks:
        assert position <= block.start < block.end
        assert not document.text[position : block.start].strip()
        position = block.end
    assert not document.text[position:].strip()


def check_score(article: ArticleScore, document: Document) -> None:
    position = 0
    for index, sentence in enumerate(article.sentences):
        assert sentence.index == index
        assert position <= sentence.start < sentence.end
        assert document.text[sentence.start : sentence.end] == sentence.text == sentence.text.strip()
        assert not document.text[position : sentence.start].strip()
        position = sentence.end
        if sentence.probabilities is not None:
            assert all(0 <= value <= 1 for value in sentence.probabilities.values())
            assert abs(sum(sentence.probabilities.values()) - 1) < 1e-9
            assert sentence.label == max(sentence.probabilities, key=lambda name: sentence.probabilities[name])  # type: ignore[index]
        if sentence.garbled is not None:
            assert 0 <= sentence.garbled.probability <= 1
            assert all(0 <= start < end <= len(sentence.text) and 0 <= p <= 1 for start, end, p in sentence.garbled.spans)
    assert not document.text[position:].strip()
    assert all(0 <= passage.probability <= 1 and passage.first_sentence <= passage.last_sentence for passage in article.passages)


def try_file(scorer: Scorer, path: Path, *, seconds: float = SECONDS) -> list[str]:
    """Read, score and write a file in every form; what became of its articles: ``scored`` or the kind of the failure."""
    began = time.process_time()
    found: list[str] = []
    streams = {name: io.BytesIO() for name in WRITERS}
    writers = {name: make(streams[name], scorer.labels) for name, make in WRITERS.items()}
    for article in read(str(path)):
        result = article
        if isinstance(article, Article):
            check_document(article.document)
            result = scorer.score_article(article)
            if isinstance(result, ArticleScore):
                check_score(result, article.document)
        assert isinstance(result, ArticleScore | InputFailure)
        if isinstance(result, InputFailure):
            assert result.kind and result.message and len(result.message) < 3000
        found.append(result.kind if isinstance(result, InputFailure) else "scored")
        for writer in writers.values():
            writer.write(result)
    for writer in writers.values():
        writer.close()
    assert found, "every input has an answer"
    TALLY["inputs tried"] += 1
    lines = streams["jsonl"].getvalue().decode("utf-8").splitlines(keepends=False)
    assert len(streams["jsonl"].getvalue().splitlines()) == len(found)
    assert all("source" in json.loads(line) for line in streams["jsonl"].getvalue().split(b"\n")[:-1]) and lines
    assert pq.read_table(io.BytesIO(streams["parquet"].getvalue())).num_rows >= len(found) - found.count("scored")
    streams["csv"].getvalue().decode("utf-8")
    assert time.process_time() - began < seconds
    return found


ANY = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


@settings(ANY, max_examples=250)
@given(file=files)
def test_any_file_gets_an_answer(quick: Scorer, tmp_path_factory: pytest.TempPathFactory, file: tuple[str, bytes]) -> None:
    path = tmp_path_factory.getbasetemp() / file[0]
    path.write_bytes(file[1])
    try_file(quick, path)


@settings(ANY, max_examples=20)
@given(content=text.filter(str.strip))
def test_any_text_gets_an_answer_of_the_shipped_model(scorer: Scorer, content: str) -> None:
    try:
        document = Document.from_text(content)
    except InputError:
        return
    check_score(scorer.score(document), document)


# Larger than any article and worse than any page.
EXTREMES: dict[str, tuple[str, bytes]] = {
    "a line of 10 MB": ("a.txt", b"The mayor denied it, he said. " * 350_000),
    "a token of a million letters": ("a.txt", b"x" * 1_000_000),
    "a million combining marks": ("a.txt", ("e" + "\u0301" * 500_000).encode()),
    "100,000 blank lines": ("a.txt", b"One.\n" + b"\n" * 100_000 + b"Two.\n"),
    "100,000 lines of a letter": ("a.md", b"a\n" * 100_000),
    "elements nested 100,000 deep": ("a.html", b"<div>" * 100_000 + b"<p>The mayor denied it." + b"</div>" * 100_000),
    "100,000 open tags": ("a.html", b"<p><b><i>" * 33_000),
    "100,000 brackets": ("a.md", b"[" * 100_000),
    "an open quotation mark": ("a.csv", b'id,text\n1,"' + b"word, " * 300_000),
    "JSON nested 100,000 deep": ("a.jsonl", b'{"text": ' + b"[" * 100_000 + b"\n"),
    "a zip bomb": ("a.txt.gz", gzip.compress(bytes(300_000_000), 9)),
    "5 MB of Windows line ends": ("a.txt", b"\r\n" * 2_500_000 + b"End."),
    "a million directions": ("a.txt", "\u202eabc\u202c ".encode() * 150_000),
}


@pytest.mark.fuzz
@pytest.mark.parametrize("name", EXTREMES)
def test_an_extreme_file_gets_an_answer(quick: Scorer, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    path = tmp_path / EXTREMES[name][0]
    path.write_bytes(EXTREMES[name][1])
    began, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = Counter(try_file(quick, path, seconds=EXTREME_SECONDS))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < 2500
    with capsys.disabled():
        sys.stdout.write(f"\n{name}: {dict(found)}, {time.process_time() - began:.1f} s, at most {grown:,.0f} MB more\n")


@pytest.mark.fuzz
def test_twenty_thousand_files_get_an_answer(quick: Scorer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tried: Counter[str] = Counter()
    found: Counter[str] = Counter()

    @seed(9)
    @settings(ANY, derandomize=False, max_examples=LONG)
    @given(file=files)
    def attempt(file: tuple[str, bytes]) -> None:
        path = tmp_path / file[0]
        path.write_bytes(file[1])
        tried[file[0]] += 1
        found.update(try_file(quick, path))

    attempt()
    with capsys.disabled():
        sys.stdout.write(f"\n{tried.total():,} files: {dict(tried)}\nanswers: {dict(found)}\n")
    assert tried.total() >= LONG
