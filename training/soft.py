"""Soft labels: what a teacher said of sentences, with or without a label of their own (Hinton et al. 2015), as rows to learn from.

A file of them holds numbers and no text: a JSON object an article with its name (``document``), the place of the first rated
sentence in it (``start``) and, a sentence each, the ``stance`` probabilities and that of being part of the ``article``, in percent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .rows import LabelledDocument, Row, read_json_lines

# A sentence that the teacher surely thinks boilerplate, or part of the article; between them nothing is said.
BOILERPLATE, ARTICLE = 0.1, 0.9
# Professional news is clean English, whatever the teacher thinks of a sentence.
CLEAN_WEIGHT = 0.1


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a teacher said of consecutive sentences. *Shapes:* ``stance`` (sentences, labels), ``article`` (sentences,), in [0, 1]."""

    start: int
    stance: tuple[tuple[float, ...], ...]
    article: tuple[float, ...]

    def as_json(self, document: str) -> dict[str, Any]:
        """The object of a file, in percent."""
        stance = [[round(100 * p) for p in row] for row in self.stance]
        return {"document": document, "start": self.start, "stance": stance, "article": [round(100 * p) for p in self.article]}


def read_opinions(path: Path) -> dict[str, Opinion]:
    """The opinions of a file by the names of the articles; rounded probabilities sum to 1 again."""
    found = {}
    for row in read_json_lines(path):
        stance = tuple(tuple(value / sum(values) for value in values) for values in row["stance"])
        found[row["document"]] = Opinion(row["start"], stance, tuple(value / 100 for value in row["article"]))
    return found


def taught(opinion: Opinion, sentences: Sequence[str]) -> dict[int, Row]:
    """The rated ones of an article's *sentences* by their places, with the teacher's distribution where they may be an article's."""
    texts = sentences[opinion.start : opinion.start + len(opinion.article)]
    rows = {}
    for place, (text, stance, article) in enumerate(zip(texts, opinion.stance, opinion.article, strict=True), opinion.start):
        rows[place] = Row(text, article=True if article >= ARTICLE else False if article <= BOILERPLATE else None)
        if article > BOILERPLATE:
            rows[place] = replace(rows[place], soft=stance, garbled=0.0, garbled_weight=CLEAN_WEIGHT, spans=())
    return rows


def blended(labelled: Sequence[LabelledDocument], opinions: dict[str, Opinion]) -> list[LabelledDocument]:
    """*labelled* with the teacher's distribution beside the label of every sentence that was rated."""
    documents = []
    for document in labelled:
        opinion = opinions.get(document.name)
        if opinion is not None:
            pairs = zip(document.rows, opinion.stance, strict=True)
            document = replace(document, rows=tuple(replace(row, soft=said) if row.stance else row for row, said in pairs))
        documents.append(document)
    return documents
