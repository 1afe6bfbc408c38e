"""Surface signs of garbled text: damage that can be pointed at, and that word pieces hide from an encoder."""

from __future__ import annotations

import operator
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .heads import Floats

KINDS = ("doubled word", "fused sentences", "doubled quotation mark", "orphan bracket", "mixed scripts")


@dataclass(frozen=True, slots=True)
class Sign:
    """One sign of a kind of :data:`KINDS` at code points ``[start, end)`` of its sentence."""

    kind: str
    start: int
    end: int


def find_signs(text: str) -> tuple[Sign, ...]:
    """The signs in a sentence, by place."""
    found = [
        *(Sign("doubled word", *place) for place in _doubled_words(text)),
        *(Sign("fused sentences", *match.span()) for match in _FUSED.finditer(text) if not _ADDRESS.search(match[0])),
        *(Sign("doubled quotation mark", *match.span()) for match in _DOUBLED_QUOTE.finditer(text)),
        *(Sign("orphan bracket", place, place + 1) for place in _orphan_brackets(text)),
        *(Sign("mixed scripts", *place) for place in _mixed_words(text)),
    ]
    return tuple(sorted(found, key=lambda sign: (sign.start, sign.end)))


def sign_features(signs: Sequence[Sequence[Sign]]) -> Floats:
    """Which of :data:`KINDS` each sentence shows. *Shape:* (sentences, kinds), 0 or 1."""
    shown = [{sign.kind for sign in found} for found in signs]
    return np.array([[kind in kinds for kind in KINDS] for kinds in shown], dtype=np.float32).reshape(-1, len(KINDS))


_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
# Said twice for a reason: grammar ("had had"), emphasis, sounds, greetings.
_TWICE = """had that is was do first very so no yes really tut long far many much big never too way there now please wait go can
win ha hey bye hear blah yada knock cha pom hush night aye well oh ooh la na boo woof quack beep"""
# "over and over and over", "year after year after year"
_CONNECTORS = "and or after by upon to"
# A name may be doubled (Duran Duran, Sirhan Sirhan); these capitalised words are no names.
_PLAIN = """the a an this these those it he she they we you i his her their our its in on at of for from by with to and or but as if
when while after before not here what who which will would could should may might must are were be been has"""
_MEANT, _JOINING, _NO_NAMES = (frozenset(words.split()) for words in (_TWICE, _CONNECTORS, _PLAIN))
_LONGEST_REPEAT = 4


def _doubled_words(text: str) -> Iterator[tuple[int, int]]:
    """Runs of one to four words that follow upon themselves, however often, with nothing but space between."""
    places = [match.span() for match in _WORD.finditer(text)]
    folded = [text[start:end].casefold() for start, end in places]
    # Nearly every sentence stops here: no word equals one of the four before it.
    if not any(any(map(operator.eq, folded[size:], folded)) for size in range(1, _LONGEST_REPEAT + 1)):
        return
    # Word i may repeat what stands before it where only space parts the two.
    joined = [i > 0 and text[places[i - 1][1] : places[i][0]].isspace() for i in range(len(places))]
    position = 0
    while position < len(folded):
        for size in range(1, _LONGEST_REPEAT + 1):
            end = position + size
            while end < len(folded) and joined[end] and folded[end] == folded[end - size]:
                end += 1
            whole = (end - position) // size
            unit = slice(position, position + size)
            inner = all(joined[position + 1 : position + size])
            if whole >= 2 and inner:
                start = places[position][0]
                if not _meant([text[a:b] for a, b in places[unit]]) and text[max(0, start - 1) : start] != "-":
                    yield start, places[position + whole * size - 1][1]
                position += whole * size - 1
                break
        position += 1


def _meant(words: list[str]) -> bool:
    """Whether *words* may well stand twice in good English."""
    folded = [word.casefold() for word in words]
    if len(words) == 1:
        name = words[0][:1].isupper() and folded[0] not in _NO_NAMES
        return folded[0] in _MEANT or name or len(words[0]) == 1
    return len(set(folded)) == 1 or (len(words) == 2 and not _JOINING.isdisjoint(folded))


# "…the square.Police said", "…left the townHowever"
_FUSED = re.compile(r"\b[^\W\d_]*[a-z]{2}[.!?][A-Z][a-z]+\b|\b[a-z]{4,}(?:The|This|These|They|However|But|According)\b")
# "Booking.Com", "ASP.Net": no sentence starts so.
_ADDRESS = re.compile(r"\.(?:Com|Org|Net|Gov|Edu|Co|Io|Js|Tv|Ai|App)$")
_DOUBLED_QUOTE = re.compile(r"““|””|\"\"|“\s+“|”\s+”")
_PAIRS = {")": "(", "]": "["}
_BRACKETS = frozenset("()[]")
# "1) Read this", "b) that": a list's marks open nothing. ":)" and ";(" are faces.
_LIST_MARK = re.compile(r"(?:^|\s)(?:\d{1,3}|[A-Za-z]|[ivx]{2,4})$")


def _orphan_brackets(text: str) -> Iterator[int]:
    if _BRACKETS.isdisjoint(text):
        return
    waiting: list[tuple[str, int]] = []
    for place, character in enumerate(text):
        if character not in _BRACKETS:
            continue
        if character not in _PAIRS:
            waiting.append((character, place))
        elif waiting and waiting[-1][0] == _PAIRS[character]:
            waiting.pop()
        elif not _LIST_MARK.search(text[max(0, place - 5) : place]) and text[max(0, place - 1) : place] not in (":", ";", "-"):
            yield place
    yield from (place for _, place in waiting if text[max(0, place - 1) : place] not in (":", ";"))


def _mixed_words(text: str) -> Iterator[tuple[int, int]]:
    if not text.isascii():
        yield from (match.span() for match in _WORD.finditer(text) if _mixes_scripts(match[0]))


def _mixes_scripts(word: str) -> bool:
    """Whether Latin letters stand beside those of another script in one word; Greek ones may, in units and symbols."""
    if word.isascii():
        return False
    scripts = {unicodedata.name(letter, "").split(" ")[0] for letter in word if letter.isalpha()}
    return "LATIN" in scripts and not scripts <= {"LATIN", "GREEK", "MICRO", "MODIFIER", "FEMININE", "MASCULINE"}
