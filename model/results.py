"""What a score is: frozen dataclasses and their form in the output contract, version 1."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

from .signs import Sign

CONTRACT_VERSION = 1

Kind = Literal["sentence", "headline", "boilerplate"]


@dataclass(frozen=True, slots=True)
class Garble:
    """How likely a sentence is garbled machine translation.

    ``probability`` is in [0, 1]; ``spans`` are ``(start, end, probability)`` with code-point offsets into the
    *sentence*; ``signs`` are surface signs, such as a doubled word, at offsets into it as well.
    """

    probability: float
    flag: bool
    spans: tuple[tuple[int, int, float], ...] = ()
    signs: tuple[Sign, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The ``garbled`` object of the output contract."""
        return {
            "probability": self.probability,
            "flag": self.flag,
            "spans": [list(span) for span in self.spans],
            "signs": [{"kind": sign.kind, "start": sign.start, "end": sign.end} for sign in self.signs],
        }


@dataclass(frozen=True, slots=True)
class SentenceScore:
    """One sentence: ``document.text[start:end] == text``, in paragraph ``block`` of the document, counted from 0.

    ``label``, ``probabilities`` and ``garbled`` are None where it is not scored, ``block`` where it is not known.
    """

    index: int
    start: int
    end: int
    text: str
    language: str | None
    kind: Kind
    label: str | None = None
    confident: bool | None = None
    probabilities: dict[str, float] | None = None
    garbled: Garble | None = None
    block: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """One element of ``sentences`` of the output contract."""
        return {
            "index": self.index,
            "start": self.start,
            "end": self.end,
            "block": self.block,
            "text": self.text,
            "language": self.language,
            "kind": self.kind,
            "label": self.label,
            "confident": self.confident,
            "probabilities": self.probabilities,
            "garbled": None if self.garbled is None else self.garbled.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class Passage:
    """A run of garbled sentences: code-point offsets into the document, the first and last sentence index, both included."""

    start: int
    end: int
    first_sentence: int
    last_sentence: int
    probability: float

    @property
    def sentences(self) -> range:
        """The indices of its sentences."""
        return range(self.first_sentence, self.last_sentence + 1)

    def to_dict(self) -> dict[str, Any]:
        """One element of ``passages`` of the output contract."""
        return {
            "start": self.start,
            "end": self.end,
            "first_sentence": self.first_sentence,
            "last_sentence": self.last_sentence,
            "probability": self.probability,
        }


@dataclass(frozen=True, slots=True)
class ArticleScore:
    """One article, scored. ``machine_translated`` is None where no sentence could be scored (no English)."""

    source: str
    model: str
    language: str | None
    encoding: str | None
    characters: int
    labels: tuple[str, ...]
    machine_translated: tuple[float, bool] | None
    passages: tuple[Passage, ...]
    sentences: tuple[SentenceScore, ...]

    @property
    def stance(self) -> dict[str, int]:
        """Sentences per label, every label of the model present."""
        counts = Counter(sentence.label for sentence in self.sentences if sentence.label is not None)
        return {label: counts[label] for label in self.labels}

    def to_dict(self) -> dict[str, Any]:
        """The whole object of the output contract."""
        verdict = None
        if self.machine_translated is not None:
            verdict = {"probability": self.machine_translated[0], "flag": self.machine_translated[1]}
        return {
            "source": self.source,
            "version": CONTRACT_VERSION,
            "model": self.model,
            "language": self.language,
            "encoding": self.encoding,
            "characters": self.characters,
            "machine_translated": verdict,
            "stance": self.stance,
            "passages": [passage.to_dict() for passage in self.passages],
            "sentences": [sentence.to_dict() for sentence in self.sentences],
        }


@dataclass(frozen=True, slots=True)
class InputFailure:
    """An input that could not be scored: ``kind`` is a stable identifier, ``message`` is for people."""

    source: str
    kind: str
    message: str

    def to_dict(self) -> dict[str, Any]:
        """The error object of the output contract."""
        return {"source": self.source, "error": {"kind": self.kind, "message": self.message}}
