"""WARC: the pages of a crawl are articles; what is damaged in it costs itself."""

from __future__ import annotations

import gzip
import io
import sys
from pathlib import Path

import pytest

from newsgauge.model.inputs import Article, Raw, read, read_raw
from newsgauge.model.results import InputFailure

TEXT = "The mayor denied it on Monday."
PAGE = f"<html><body><p>{TEXT}</p></body></html>".encode()


def record(kind: str, uri: str, block: bytes, *, length: int | None = None) -> bytes:
    length = len(block) if length is None else length
    head = f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:uuid:{uri}>\r\nWARC-Target-URI: {uri}\r\n"
    head += f"WARC-Date: 2025-01-01T00:00:00Z\r\nContent-Type: application/http; msgtype={kind}\r\nContent-Length: {length}\r\n\r\n"
    return head.encode() + block + b"\r\n\r\n"


def response(uri: str, body: bytes = PAGE, *, status: str = "200 OK", type: str = "text/html", extra: str = "", **settings: int) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {type}\r\n{extra}\r\n".encode()
    return record("response", uri, head + body, **settings)


CRAWL = [
    record("warcinfo", "about", b"software: a crawler\r\n"),
    record("request", "http://a/1", b"GET / HTTP/1.1\r\n\r\n"),
    response("http://a/1"),
    response("http://a/picture", b"\x89PNG", type="image/png"),
    response("http://a/lost", status="404 Not Found"),
    response("http://a/packed", gzip.compress(PAGE), extra="Content-Encoding: gzip\r\n"),
    response("http://a/chunks", b"%x\r\n%s\r\n0\r\n\r\n" % (len(PAGE), PAGE), extra="Transfer-Encoding: chunked\r\n"),
]
GOOD = ["http://a/1", "http://a/packed", "http://a/chunks"]


@pytest.fixture(autouse=True)
def library() -> None:
    pytest.importorskip("fastwarc")


def told(path: Path, *records: bytes, packed: bool = False, max_bytes: int = 10_000) -> list[str]:
    """The name of each page, or the kind of each failure."""
    path.write_bytes(b"".join(gzip.compress(part) if packed else part for part in records))
    words = []
    for result in read(str(path), max_bytes=max_bytes):
        assert result.source.startswith(f"{path}#") or len(records) < 2
        if isinstance(result, Article):
            assert TEXT in result.document.text
        words.append(result.source.partition("#")[2] if isinstance(result, Article) else result.kind)
    return words


@pytest.mark.parametrize("packed", [False, True])
def test_the_pages_of_successful_responses_are_articles(tmp_path: Path, packed: bool) -> None:
    assert told(tmp_path / ("crawl.warc" + packed * ".gz"), *CRAWL, packed=packed) == GOOD


def test_records_are_numbered_by_their_place(tmp_path: Path) -> None:
    path = tmp_path / "crawl.warc"
    path.write_bytes(b"".join([*CRAWL, response("http://a/1")]))
    raws: list[Raw] = list(read_raw(str(path)))
    assert [raw.number for raw in raws] == [3, 6, 7, 8]
    assert raws[0].source == raws[3].source, "a page that was fetched twice"


@pytest.mark.parametrize("packed", [False, True])
def test_bad_records_cost_themselves_alone(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / ("crawl.warc" + packed * ".gz")
    broken = response("http://a/broken", gzip.compress(PAGE)[:20] + b"xxxxxxxx", extra="Content-Encoding: gzip\r\n")
    bomb = response("http://a/bomb", gzip.compress(b" " * 1_000_000), extra="Content-Encoding: gzip\r\n")
    bad = [record("response", "http://a/none", b"no header"), broken, bomb, response("http://a/long", b" " * 20_000)]
    assert told(path, *bad, *CRAWL, packed=packed) == ["warc", "warc", "too-large", "too-large", *GOOD]


def test_what_stands_between_records_is_one_failure_and_the_next_are_read(tmp_path: Path) -> None:
    path = tmp_path / "crawl.warc"
    assert told(path, CRAWL[2], b"garbage\r\n" * 9 + b"WARC/1. no\r\n\r\n" * 3, *CRAWL[3:]) == ["http://a/1", "warc", *GOOD[1:]]
    assert told(path, *CRAWL[:3], b"garbage\r\n", *CRAWL[3:6], b"more\r\n", CRAWL[6]) == ["http://a/1", "warc", GOOD[1], "warc", GOOD[2]]
    assert told(path, CRAWL[2], response("http://a/short", length=100), *CRAWL[3:])[-2:] == GOOD[1:]


def test_a_damaged_member_of_a_gzip_file_is_one_failure_and_the_next_are_read(tmp_path: Path) -> None:
    path = tmp_path / "crawl.warc.gz"
    parts = [gzip.compress(part) for part in CRAWL]
    middle = len(parts[2]) // 2
    parts[2] = parts[2][:middle] + b"zzzzzzzz" + parts[2][middle + 8 :]
    assert told(path, *parts) == ["warc", *GOOD[1:]]
    assert told(path, *parts[:6], b"zzzzzzzz", parts[6]) == ["warc", GOOD[1], "warc", GOOD[2]]


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_that_was_cut_off_says_so(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / ("crawl.warc" + packed * ".gz")
    whole = b"".join(gzip.compress(part) if packed else part for part in CRAWL)
    assert told(path, whole[: -30 if not packed else -40])[:2] == GOOD[:2]
    (last,) = [result for result in read(str(path)) if isinstance(result, InputFailure)]
    assert last.kind in ("cut-off", "warc")


def test_a_record_that_says_it_is_longer_than_the_file_hides_no_other(tmp_path: Path) -> None:
    assert told(tmp_path / "crawl.warc", response("http://a/x", length=9_000), *CRAWL) == ["cut-off", *GOOD]


def test_the_charset_that_the_server_named_is_used(tmp_path: Path) -> None:
    path = tmp_path / "crawl.warc"
    page = f"<html><body><p>{TEXT} Он был там.</p></body></html>".encode("cp1251")
    path.write_bytes(response("http://a/1", page, type="text/html; charset=windows-1251"))
    (article,) = read(str(path))
    assert isinstance(article, Article) and "Он был там." in article.document.text


def test_a_file_without_pages_says_so(tmp_path: Path) -> None:
    assert told(tmp_path / "crawl.warc", b"") == ["empty"]
    assert told(tmp_path / "crawl.warc", CRAWL[0]) == ["empty"]
    assert told(tmp_path / "crawl.warc", b"This is no such file.\n" * 99) == ["warc"]


def test_a_pipe_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(Pipe(CRAWL[2])))
    (result,) = read("-", format="warc")
    assert isinstance(result, InputFailure) and "save it as a file" in result.message


def test_without_the_library_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastwarc.warc", None)
    (tmp_path / "crawl.warc").write_bytes(CRAWL[2])
    (result,) = read(str(tmp_path / "crawl.warc"))
    assert isinstance(result, InputFailure) and "newsgauge[warc]" in result.message
