"""Language: which language a document and each of its blocks is in."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING

from .reading import legible

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

SAMPLE = 2000
"""Code points of a block that are looked at."""

MIN_LETTERS = 60
"""Letters a block needs before it can have a language other than its document's."""

CONFIDENT = 0.6
"""Least probability of a decision for another language than English."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Frequent English words that the languages around English do not share (Dutch "was", Danish "for", Spanish "he" are left out).
_ENGLISH = _words(
    """
    the of and that with it from were his this which are be they would said who their but not will she its been about after more than
    could there when you your if out can into to by
    """
)
_SHARED = _words("in on at for is was as has have had or an all we")
_FOREIGN = _words(
    """
    de la el que en los las del por una con para le les des est dans un et der das und ist nicht den het een van il di che per em os
    och att det som og av yang dan dengan bir bu je se na si da do u ng sa ang mga ya wa kwa ni katika
    """
)
_WORD = re.compile(r"[^\W\d_]+")
# Scripts that one language, for practical purposes, writes alone.
_BY_SCRIPT = {
    "HANGUL": "ko", "HIRAGANA": "ja", "KATAKANA": "ja", "GREEK": "el", "HEBREW": "he", "THAI": "th", "GEORGIAN": "ka", "ARMENIAN": "hy",
    "TAMIL": "ta", "TELUGU": "te", "GUJARATI": "gu", "GURMUKHI": "pa", "KANNADA": "kn", "MALAYALAM": "ml", "SINHALA": "si", "KHMER": "km",
    "LAO": "lo", "MYANMAR": "my", "CJK": "zh",
}  # fmt: skip
_SCRIPT_CODES = {
    "ARABIC": "Arab", "CYRILLIC": "Cyrl", "DEVANAGARI": "Deva", "BENGALI": "Beng", "ETHIOPIC": "Ethi", "TIBETAN": "Tibt", "ORIYA": "Orya",
    "MONGOLIAN": "Mong", "THAANA": "Thaa", "SYRIAC": "Syrc",
}  # fmt: skip
_lock = Lock()


def languages(blocks: Sequence[str]) -> tuple[str | None, list[str | None]]:
    """The language of a document and of each of its blocks, in their order.

    A block with 60 letters or more is judged by itself, on its first 2,000 code points; a shorter one is what its script
    says, or else in the language of the document, which is the language of most letters. Another language than English
    takes a confident decision, for garbled English is still English. None: no letters.
    """
    samples = [legible(block[:SAMPLE]) for block in blocks]
    letters = [sum(map(str.isalpha, sample)) for sample in samples]
    found = [_judge(sample) if count >= MIN_LETTERS else _by_script(sample) for sample, count in zip(samples, letters, strict=True)]
    weight: Counter[str] = Counter()
    for language, count in zip(found, letters, strict=True):
        if language is not None:
            weight[language] += count
    undecided = sum(count for language, count in zip(found, letters, strict=True) if language is None)
    if undecided > sum(weight.values()):
        short = " ".join(sample for sample, language in zip(samples, found, strict=True) if language is None)[:SAMPLE]
        document: str | None = _judge(short)
    else:
        document = weight.most_common(1)[0][0] if weight else None
    return document, [
        language if language is not None else (None if count == 0 else document) for language, count in zip(found, letters, strict=True)
    ]


def _judge(sample: str) -> str:
    """The language of a text with letters; English where nothing else is sure."""
    script = _by_script(sample)
    if script is not None and not script.startswith("und-"):
        return script
    if script is None and _plainly_english(sample):
        return "en"
    identifier = _identifier()
    (best, probability), *others = identifier.rank(sample)
    english = probability if best == "en" else next((share for language, share in others if language == "en"), 0.0)
    if script is not None:
        return best if probability >= CONFIDENT and best != "en" else script
    return best if best != "en" and probability >= CONFIDENT and english < 0.02 else "en"


def _plainly_english(sample: str) -> bool:
    """Whether enough of the words, and enough different ones, are English function words: spares the model its loading."""
    words = [word.lower() for word in _WORD.findall(sample)]
    known = [word for word in words if word in _ENGLISH]
    if len(known) >= 0.125 * len(words) and len(set(known)) >= 3:
        return True
    if len(known) >= 0.06 * len(words) and len(set(known)) >= 3 and sum(word in _FOREIGN for word in words) <= 0.03 * len(words):
        return all(character.isascii() for character in sample if character.isalpha())
    shared = sum(word in _SHARED for word in words)
    return len(set(known)) >= 2 and len(known) + shared >= 0.25 * len(words)


def _by_script(sample: str) -> str | None:
    """The language of a text mostly in a script other than Latin, ``und-<Script>`` where many languages use it; else None."""
    counts = Counter(_script(character) for character in sample if character.isalpha())
    if not counts:
        return None
    if counts["HIRAGANA"] + counts["KATAKANA"] > 0.1 * counts.total():
        return "ja"
    name, count = counts.most_common(1)[0]
    if name == "LATIN" or count <= counts.total() / 2:
        return None
    return _BY_SCRIPT.get(name) or f"und-{_SCRIPT_CODES.get(name, 'Zyyy')}"


@lru_cache(maxsize=4096)
def _script(character: str) -> str:
    return unicodedata.name(character, "UNKNOWN").split(maxsplit=1)[0]


def _identifier() -> LanguageIdentifier:
    with _lock:
        return _load()


@lru_cache(maxsize=1)
def _load() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
