"""Documents: newlines, blocks, encodings and refusals."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsgauge.model.document import Document
from newsgauge.model.errors import InputError

STORY = "The ferry left the harbour at dawn. Nobody on the quay had seen the captain since Tuesday."


def blocks(document: Document) -> list[str]:
    return [document.text[block.start : block.end] for block in document.blocks]


@settings(max_examples=150)
@given(st.text(max_size=400), st.sampled_from(["text", "markdown", "html"]))
def test_blocks_partition_the_text(text: str, format: str) -> None:
    try:
        document = Document.from_text(text, format=format)  # type: ignore[arg-type]
    except InputError as error:
        kind = error.kind
    else:
        kind = ""
    if kind:
        assert kind == "empty"
        return
    position = 0
    for block in document.blocks:
        assert position <= block.start < block.end <= len(document.text)
        assert not document.text[position : block.start].strip()
        content = document.text[block.start : block.end]
        assert content == content.strip()
        position = block.end
    assert not document.text[position:].strip()


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r", "\u2028", "\u2029", "\x85", "\v", "\f", "\x1c", "\x1d", "\x1e"])
def test_every_newline_becomes_one_newline(newline: str) -> None:
    document = Document.from_text(f"First line here.{newline}Second line here.")
    assert document.text == "First line here.\nSecond line here."
    assert blocks(document) == ["First line here.", "Second line here."]


def test_nul_and_lone_surrogates_become_one_replacement_character_each() -> None:
    assert Document.from_text("one\x00two \ud800three").text == "one\ufffdtwo \ufffdthree"


def test_a_paragraph_a_line() -> None:
    document = Document.from_text("A short heading\n" + STORY + "\n" + STORY + "\n\n" + STORY)
    assert len(document.blocks) == 4
    assert [block.kind_hint for block in document.blocks] == ["headline", None, None, None]


def test_hard_wrapped_lines_are_joined_to_paragraphs() -> None:
    wrapped = (
        "The mayor of the river town told a crowded hall that the bridge would be\n"
        "closed for a year, because engineers had found cracks in two of its six\n"
        "piers and could not say how old they were.\n"
        "\n"
        "Shopkeepers on the northern bank said that they would ask the regional court\n"
        "for an order against the closure, which they called a panic measure taken\n"
        "before anyone had looked at the drawings.\n"
    )
    found = blocks(Document.from_text(wrapped))
    assert len(found) == 2
    assert found[0].startswith("The mayor") and found[0].endswith("they were.")


def test_a_list_of_headlines_is_not_taken_for_wrapped_text() -> None:
    lines = ["Harbour board elects new chair", "Storm closes the coastal railway", "Museum finds a missing painting"]
    assert blocks(Document.from_text("\n".join(lines))) == lines


def test_a_long_line_that_breaks_off_goes_on_in_the_next() -> None:
    document = Document.from_text(
        "The committee will publish its report on the fire\nbefore the end of the month, she said.\nNobody was hurt."
    )
    assert len(document.blocks) == 2


@pytest.mark.parametrize("text", ["", " \n\t\r\n ", "\ufeff", "\u200b\n\u200b", "\x00"])
@pytest.mark.parametrize("format", ["text", "markdown", "html"])
def test_nothing_to_read_is_empty(text: str, format: str) -> None:
    with pytest.raises(InputError) as caught:
        Document.from_text(text, format=format)  # type: ignore[arg-type]
    assert caught.value.kind == "empty"


def test_empty_bytes_are_empty() -> None:
    with pytest.raises(InputError) as caught:
        Document.from_bytes(b" \n")
    assert caught.value.kind == "empty"


def test_unknown_format() -> None:
    with pytest.raises(InputError) as caught:
        Document.from_text(STORY, format="docx")  # type: ignore[arg-type]
    assert caught.value.kind == "format" and "markdown" in str(caught.value)


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"%PDF-1.7\n%\xe2\xe3", "PDF"),
        (b"PK\x03\x04\x14\x00\x06\x00", "ZIP"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "PNG"),
        (b"\x1f\x8b\x08\x00\x00", "gzip"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "JPEG"),
        (b"{\\rtf1\\ansi hello}", "RTF"),
        (bytes(range(256)) * 20, "control"),
        (b"text\x00\x00\x00\x01\x02 with a tail", "control"),
    ],
)
def test_binary_data_is_refused_by_name(data: bytes, named: str) -> None:
    with pytest.raises(InputError, match=named) as caught:
        Document.from_bytes(data)
    assert caught.value.kind == "binary"


@pytest.mark.parametrize(
    ("codec", "recorded"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("utf-32", "utf-32"),
        ("cp1252", "cp1252"),
    ],
)
def test_encodings(codec: str, recorded: str) -> None:
    text = "“We don’t know,” the café owner said – and shut the door. " + STORY
    document = Document.from_bytes(text.encode(codec))
    assert document.text == text
    assert document.encoding == recorded


def test_curly_quotes_alone_are_windows_1252() -> None:
    document = Document.from_bytes("“No,” she said – “never.”".encode("cp1252"))
    assert (document.text, document.encoding) == ("“No,” she said – “never.”", "cp1252")


def test_the_detector_reads_other_alphabets() -> None:
    text = "Капитан парома рассказал, что во вторник вечером на причале никого не было. " * 3
    document = Document.from_bytes(text.encode("cp1251"))
    assert document.text == text
    assert document.language == "ru"


def test_one_damaged_byte_does_not_change_the_encoding() -> None:
    data = ("Très peu de gens ont été blessés à l’époque, a déclaré le maire. " * 5).encode() + b"\xff end"
    document = Document.from_bytes(data)
    assert document.encoding == "utf-8" and "\ufffd end" in document.text and "été" in document.text


@pytest.mark.parametrize("codec", ["undefined", "hex", "base64", "zlib", "rot13"])
def test_a_codec_that_gives_no_text_is_no_charset(codec: str) -> None:
    page = f'<html><head><meta charset="{codec}"></head><body><p>Café. {STORY}</p></body></html>'.encode("latin-1")
    assert "Café" in Document.from_bytes(page, format="html").text


def test_meta_charset_decides_for_html_only() -> None:
    page = f'<html><head><meta charset="iso-8859-2"></head><body><p>Łódź został zamknięty. {STORY}</p></body></html>'
    document = Document.from_bytes(page.encode("iso-8859-2"), format="html")
    assert "Łódź został zamknięty" in document.text and document.encoding == "iso8859-2"


def test_text_has_no_encoding() -> None:
    assert Document.from_text(STORY).encoding is None


@pytest.mark.parametrize(
    ("text", "format"),
    [
        ((STORY + " ") * 60_000, "text"),
        ((STORY + " ") * 60_000, "markdown"),
        ("<body>" + f"<p>{STORY}</p>" * 21_000, "html"),
        ("x" * 1_000_000, "text"),
        (" " * 2_000_000 + "x", "text"),
        ("a\n\n" * 50_000, "text"),
    ],
    ids=["line", "markdown", "html", "token", "spaces", "blocks"],
)
def test_large_inputs_take_seconds(text: str, format: str) -> None:
    started = time.process_time()
    document = Document.from_text(text, format=format)  # type: ignore[arg-type]
    assert time.process_time() - started < 60
    assert len(re.sub(r"\s", "", document.text)) > 0
