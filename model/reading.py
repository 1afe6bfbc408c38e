"""Reading: a text as a reader sees it, whatever its letters were borrowed from and whatever unseen stands between them."""

from __future__ import annotations

import re
import unicodedata

# Cyrillic and Greek letters that no reader can tell from Latin ones.
_LOOKALIKES = dict(
    zip(
        map(ord, "асеорхуіјѕһԁԛԝѵАВЕКМНОРСТХІЈЅԚԜҮονΑΒΕΖΗΙΚΜΝΟΡΤΥΧ"),
        "aceopxyijshdqwvABEKMHOPCTXIJSQWYovABEZHIKMNOPTYX",
        strict=True,
    )
)
_BORROWED = re.compile("[" + "".join(map(chr, _LOOKALIKES)) + "]")
_ALPHABETS = re.compile("[\u0370-\u03ff\u0400-\u052f]")
_WORD = re.compile(r"[^\W\d_]+")
# Full-width forms and the letters of mathematics, for which the same letter stands in ASCII.
_STYLED = re.compile("[\uff21-\uff3a\uff41-\uff5a\U0001d400-\U0001d7cb]")
UNSEEN = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]+")
"""Characters that a reader does not see: soft hyphens, joiners, direction marks, zero-width spaces."""


def plain_letters(text: str) -> str:
    """*text* with letters that only look Latin as the Latin ones: one for one, so that every offset into it stays true.

    Cyrillic and Greek look-alikes are taken for Latin in words that have no other letter of their alphabet; "Москва" stays as it is.
    """
    if text.isascii():
        return text
    text = _STYLED.sub(_unstyled, text)
    return _WORD.sub(_latin, text) if _BORROWED.search(text) else text


def legible(text: str) -> str:
    """*text* with styled letters as plain ones and nothing unseen between them: to judge it by, for offsets are lost."""
    return text if text.isascii() else _STYLED.sub(_unstyled, UNSEEN.sub("", text))


def _unstyled(match: re.Match[str]) -> str:
    plain = unicodedata.normalize("NFKC", match[0])
    return plain if len(plain) == 1 else match[0]


def _latin(match: re.Match[str]) -> str:
    word = match[0]
    return word.translate(_LOOKALIKES) if all(ord(letter) in _LOOKALIKES for letter in _ALPHABETS.findall(word)) else word
