"""Sentences: exact offsets, and every repair."""

import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsgauge.model import segment as segmenting
from newsgauge.model.document import Document
from newsgauge.model.errors import InputError
from newsgauge.model.segment import Segmenter, Sentence, SentencexSegmenter, segment

NEWS = st.lists(
    st.sampled_from(
        [
            "The ferry left",
            "U.S.",
            "Sen.",
            "p.m.",
            "5",
            "J.",
            '"',
            "“",
            "”",
            "'",
            "(",
            ")",
            "[",
            "]",
            ".",
            "?",
            "!",
            "...",
            "…",
            "\n",
            "\n\n",
            " ",
            "vital.October",
            "—",
            "é",
            "No",
            "he",
        ]
    ),
    max_size=60,
).map("".join)


def sentences(text: str, segmenter: Segmenter | None = None) -> list[str]:
    return [text[start:end] for start, end in (segmenter or SentencexSegmenter()).spans(text)]


@settings(max_examples=300)
@given(st.one_of(st.text(max_size=300), NEWS))
def test_sentences_partition_the_text(text: str) -> None:
    try:
        document = Document.from_text(text)
    except InputError:
        return
    position = 0
    for sentence in segment(document):
        block = document.blocks[sentence.block]
        assert block.start <= sentence.start < sentence.end <= block.end
        assert position <= sentence.start
        assert not document.text[position : sentence.start].strip()
        content = document.text[sentence.start : sentence.end]
        assert content == content.strip()
        position = sentence.end
    assert not document.text[position:].strip()


class Careless:
    """A segmenter that overlaps, leaves gaps and goes out of range."""

    def spans(self, text: str) -> list[tuple[int, int]]:
        return [(4, 6), (2, 9), (5, 5), (-3, 2), (len(text), len(text) + 9)]


@given(st.text(min_size=1, max_size=60))
def test_a_careless_segmenter_loses_nothing(text: str) -> None:
    try:
        document = Document.from_text(text)
    except InputError:
        return
    found = segment(document, Careless())
    assert "".join("".join(document.text[s.start : s.end].split()) for s in found) == "".join(document.text.split())


@pytest.mark.parametrize(
    ("text", "count"),
    [
        # Clock times: a sentence ends only where the time is over.
        ("The ship docked at 5 p.m. Monday in the rain.", 1),
        ("It sailed at 11:40 a.m. Eastern time on a calm sea.", 1),
        ("It sails from 9 a.m. to 5 p.m. daily.", 1),
        ("The ship docked at 5 p.m. Sailors waved from the deck.", 2),
        # Abbreviations and titles.
        ("The U.S. Coast Guard searched all night.", 1),
        ("They sailed to the U.S. The voyage took a week.", 2),
        ("Later Sen. Ada Moss met Rep. Lou Hart and Gov. Tim Poole.", 1),
        ("He thanked Lt. Col. Ruth Okoro and Ms. Vance.", 1),
        ("Pier No. 7 burned down on Jan. 12 after dark.", 1),
        ("She said no. Nobody asked again.", 2),
        ("Captain J. R. Holm met George W. Stone there.", 1),
        ("Critics such as Len Ito, R-Calif., objected loudly.", 1),
        ("Harbour Lines Inc. Chief Executive Mia Lund resigned.", 1),
        ("He works for Harbour Lines Inc. The firm is old.", 2),
        # Brackets stay with their sentence; a sentence in brackets is one.
        ("It will be [the captain's word]. Then he left.", 2),
        ("He left [the harbour]. She stayed.", 2),
        ("They moved towards the front. [North pier]. The number is small.", 2),
        ("The ship sank. (Nobody was on board.) An inquiry began.", 3),
        # Run-together text.
        ("The strait is strategically vital.October The peace deal held.", 2),
        ("They met in 2019.Nobody remembers why.", 2),
        ("The page is on Node.Js and Booking.Com today.", 1),
        ("Some fruit, e.g.Apples, and the U.S.A squad came.", 1),
        ("Write to press@harbour.Example or see www.harbour.Example today.", 1),
        # Others.
        ("What now? he asked. Nobody knew!", 2),
        ("The list: 1. Harbour. 2. Bridge.", 3),
        ("He paused... then went on.", 1),
        ("The line broke\nin the middle. And went\non.", 2),
        # Without a capital anywhere.
        ("the mayor denied it. nobody was hurt on jan. 5. (he left!) then it ended… or not", 4),
        ("the u.s. forces met mr. smith of acme inc. at 5 p.m. on monday, e.g. at no. 5", 1),
        ("one capital in this one, by Ada. it is as it was.", 1),
    ],
)
def test_repairs(text: str, count: int) -> None:
    assert len(sentences(text)) == count, sentences(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("“We saw it. It was on fire,” she said. Then she left.", ["“We saw it. It was on fire,” she said.", "Then she left."]),
        ('He said: "It sank. We swam." Nobody spoke.', ['He said: "It sank. We swam."', "Nobody spoke."]),
        ("“Is it over?” he asked. “Yes.” “Good.”", ["“Is it over?” he asked.", "“Yes.”", "“Good.”"]),
    ],
)
def test_a_quotation_of_several_sentences_is_not_torn_apart(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('The ship sank. "We swam," he said.', ["The ship sank.", '"We swam," he said.']),
        ("The ship sank. “ We swam,” he said.", ["The ship sank.", "“ We swam,” he said."]),
        ("“The ship sank. ” He left.", ["“The ship sank. ”", "He left."]),
        ('"The ship sank. " He left.', ['"The ship sank. "', "He left."]),
        ("The ship sank.“We swam,” he said.", ["The ship sank.", "“We swam,” he said."]),
        ("He left. ”", ["He left. ”"]),
        ("“We swam.” — Ada Moss, sailor", ["“We swam.” — Ada Moss, sailor"]),
        ('"', ['"']),
    ],
)
def test_quotation_marks_stay_with_their_words(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@pytest.mark.parametrize("unseen", ["\u200b", "\u00ad", "\ufeff\u2060"], ids=["space", "hyphen", "marks"])
def test_what_nobody_sees_ends_no_sentence_and_hides_no_end(unseen: str) -> None:
    plain = "The U.S. Coast Guard left. He came. It ended.” He left. Mr. Lee swam. On Jan. 12 it was over."
    expected = sentences(plain)
    assert len(expected) == 6
    hidden = unseen.join(plain)
    assert [sentence.replace(unseen, "") for sentence in sentences(hidden)] == expected
    assert "".join("".join(sentence.split()) for sentence in sentences(hidden)) == "".join(hidden.split())
    assert sentences(unseen) == [unseen]
    assert sentences(f"{unseen}He left. She stayed.{unseen}") == [f"{unseen}He left.", f"She stayed.{unseen}"]


def test_a_block_ends_a_sentence() -> None:
    document = Document.from_text("A heading without a stop\n\nThe ship sank. It was old.")
    assert [(s.block, document.text[s.start : s.end]) for s in segment(document)] == [
        (0, "A heading without a stop"),
        (1, "The ship sank."),
        (1, "It was old."),
    ]


def test_chunks_make_no_boundaries() -> None:
    text = "The ferry left the harbour at dawn on a calm sea. " * 1000
    assert set(sentences(text)) == {"The ferry left the harbour at dawn on a calm sea."}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Aaaa Bbbb Cccc Dddd Eeee *Ffff", ["Aaaa Bbbb Cccc Dddd", "Eeee *Ffff"]),
        ("Aaaa Bbbb Cccc\nDddddddd Eeee *Ffff", ["Aaaa Bbbb Cccc", "Dddddddd Eeee *Ffff"]),
        ("Aaaa Bbbb\nCccc Dddddddd Eeee *Ffff", ["Aaaa Bbbb\nCccc", "Dddddddd Eeee *Ffff"]),
        ("Aaaa Bbbb Cccc D. *Gg", ["Aaaa Bbbb Cccc D.", "*Gg"]),
        ("Aaaaaaaaaaa Bbbbbbbbbbbbbbbbbbb* Cc Dd", ["Aaaaaaaaaaa", "Bbbbbbbbbbbbbbbbbbb*", "Cc Dd"]),
        # A space in the first half of a chunk is too early to cut at.
        ("Aaaaaaaaaa Bbbbbbbbbbbbbbbbbbbb* Cc Dd", ["Aaaaaaaaaa Bbbbbbbbbbbbbbbbbbbb* Cc Dd"]),
        ("Aaaaaaaaaaaaaaaaaaaaaaaaaaaaa Bbb*", ["Aaaaaaaaaaaaaaaaaaaaaaaaaaaaa Bbb*"]),
        # Twenty code points are one chunk, and no sentence of it is cut.
        ("Aaaa Bbbb Cccc *Ddd.", ["Aaaa Bbbb Cccc *Ddd."]),
        # The last sentence of a chunk, which may go on, begins the next.
        ("One fell. Two fell. Three fell. Four fell. Five.", ["One fell.", "Two fell.", "Three fell.", "Four fell.", "Five."]),
        ("One fell. Twoooooooooooooooooooooo fell. Three.", ["One fell.", "Twoooooooooooooooooooooo fell.", "Three."]),
    ],
)
def test_what_is_longer_than_a_chunk_is_cut_at_white_space(monkeypatch: pytest.MonkeyPatch, text: str, expected: list[str]) -> None:
    monkeypatch.setattr(segmenting, "CHUNK", 20)
    assert sentences(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It fell. 100. Harbour fell.", ["It fell.", "100. Harbour fell."]),
        ("It fell. 1000. Harbour fell.", ["It fell.", "1000.", "Harbour fell."]),
        ("It fell! 12) Harbour fell.", ["It fell!", "12) Harbour fell."]),
        ("Fell? 7! Harbour fell.", ["Fell?", "7!", "Harbour fell."]),
        ("*** It fell. *** She left. ***", ["*** It fell.", "*** She left.", "***"]),
        ("It fell. ... She left.", ["It fell.", "... She left."]),
        (
            'It was 6" long. "We swam," he said. It was 7" long. "We ran."',
            ['It was 6" long.', '"We swam," he said.', 'It was 7" long.', '"We ran."'],
        ),
        ('Said he. " "Go on." It fell.', ["Said he.", '" "Go on."', "It fell."]),
        (
            "“It fell. It rose.” He left. “It stood. It sat.” She came. “Go.” End.",
            ["“It fell. It rose.”", "He left.", "“It stood. It sat.”", "She came.", "“Go.”", "End."],
        ),
        (
            'He said "no. Yes." She said "it. Is" done. "Go. Now." End.',
            ['He said "no. Yes."', 'She said "it. Is" done.', '"Go. Now."', "End."],
        ),
        ("He left.  She came.\n\n  It rained.", ["He left.", "She came.", "It rained."]),
    ],
)
def test_numbers_and_marks_alone_are_no_sentences(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


def test_a_line_without_a_stop_is_not_given_to_the_splitter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentencex", None)
    assert sentences("Mayor’s “plan” (draft) & 5% cut: Ann Lee, Bo Hart/Cy Day – $3; – so") == [
        "Mayor’s “plan” (draft) & 5% cut: Ann Lee, Bo Hart/Cy Day – $3; – so"
    ]
    assert sentences("") == [] and sentences(" \n ") == []
    with pytest.raises(ImportError):
        sentences("It fell. He left.")


def test_the_language_is_that_of_the_splitter(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr("sentencex.get_sentence_boundaries", lambda language, text: asked.append((language, text)) or [])
    sentences('It fell. "He left."\n\nNow.', SentencexSegmenter(language="de"))
    sentences("It fell.")
    assert asked == [("de", "It fell.  He left.   Now."), ("en", "It fell.")]


class Noting:
    """A segmenter that is told blocks and cuts after four code points."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def spans(self, text: str) -> list[tuple[int, int]]:
        self.told.append(text)
        return [(0, 4), (4, len(text))]


def test_a_segmenter_is_told_the_blocks_and_places_are_those_in_the_document() -> None:
    document = Document.from_text("One two\n\nThree four\n\nA\n")
    noting = Noting()
    found = segment(document, noting)
    assert noting.told == [document.text[block.start : block.end] for block in document.blocks] == ["One two", "Three four", "A"]
    assert found == (Sentence(0, 3, 0), Sentence(4, 7, 0), Sentence(9, 13, 1), Sentence(13, 19, 1), Sentence(21, 22, 2))
    assert segment(document) == (Sentence(0, 7, 0), Sentence(9, 19, 1), Sentence(21, 22, 2))


@pytest.mark.parametrize(
    "text",
    [
        "The ferry left the harbour at dawn on a calm sea. " * 100_000,
        "x" * 1_000_000,
        "a." * 500_000,
        '"' * 500_000,
        "(“" * 250_000,
        '" ' * 250_000,
        "Well. " + " '" * 250_000 + "End",
        "." * 500_000,
        "![a](" * 60_000,
        "a\n" * 100_000,
    ],
    ids=["line", "token", "dotted", "quotes", "open", "loose", "gap", "dots", "exclaim", "lines"],
)
def test_time_is_bounded(text: str) -> None:
    document = Document.from_text(text)
    started = time.process_time()
    found = segment(document)
    assert time.process_time() - started < 30
    assert found[0].start == 0 and found[-1].end == len(document.text.rstrip())
