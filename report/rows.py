"""Scores as flat rows: one a sentence, the article's columns repeated."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..model.results import ArticleScore, InputFailure

ARTICLE_COLUMNS = ("source", "model", "article_language", "characters", "machine_translated_probability", "machine_translated_flag")
SENTENCE_COLUMNS = ("index", "start", "end", "block", "text", "language", "kind", "label", "confident")
GARBLED_COLUMNS = ("garbled_probability", "garbled_flag", "garbled_spans", "passage", "passage_probability")
ERROR_COLUMNS = ("error_kind", "error_message")


def columns(labels: tuple[str, ...]) -> list[str]:
    """The columns of the flat form, in order."""
    return [*ARTICLE_COLUMNS, *SENTENCE_COLUMNS, *(f"probability_{label}" for label in labels), *GARBLED_COLUMNS, *ERROR_COLUMNS]


def flat_rows(result: ArticleScore | InputFailure) -> Iterator[dict[str, Any]]:
    """The rows of one result; a failure is one row with only its source and error filled, missing keys are empty cells."""
    if isinstance(result, InputFailure):
        yield {"source": result.source, "error_kind": result.kind, "error_message": result.message}
        return
    probability, flag = result.machine_translated or (None, None)
    inside = {i: number for number, passage in enumerate(result.passages) for i in passage.sentences}
    for sentence in result.sentences:
        row: dict[str, Any] = {
            "source": result.source,
            "model": result.model,
            "article_language": result.language,
            "characters": result.characters,
            "machine_translated_probability": probability,
            "machine_translated_flag": flag,
        }
        row |= {name: getattr(sentence, name) for name in SENTENCE_COLUMNS}
        row |= {f"probability_{label}": value for label, value in (sentence.probabilities or {}).items()}
        if sentence.garbled is not None:
            row["garbled_probability"] = sentence.garbled.probability
            row["garbled_flag"] = sentence.garbled.flag
            row["garbled_spans"] = " ".join(f"{start}-{end}" for start, end, _ in sentence.garbled.spans)
        row["passage"] = number = inside.get(sentence.index)
        row["passage_probability"] = None if number is None else result.passages[number].probability
        yield row
