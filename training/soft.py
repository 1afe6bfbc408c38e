"""Soft labels: what a teacher said of sentences that nobody labelled (Hinton et al. 2015), as rows to learn from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from .rows import LabelledDocument, Row, read_json_lines

# A sentence that the teacher surely thinks boilerplate, or part of the article; between them nothing is said.
BOILERPLATE, ARTICLE = 0.1, 0.9
# Professional news is clean English, whatever the teacher thinks of a sentence.
CLEAN_WEIGHT = 0.1


def soft_documents(path: Path) -> list[LabelledDocument]:
    """The documents of a file of :mod:`~.teacher`, with the teacher's distribution on every sentence that may be an article's."""
    documents = []
    for found in read_json_lines(path):
        rows = []
        for text, stance, article in zip(found["sentences"], found["stance"], found["article"], strict=True):
            row = Row(text, article=True if article >= ARTICLE else False if article <= BOILERPLATE else None)
            if article > BOILERPLATE:
                row = replace(row, soft=tuple(stance), garbled=0.0, garbled_weight=CLEAN_WEIGHT, spans=())
            rows.append(row)
        documents.append(LabelledDocument(found["document"], tuple(rows), found["headline"], found["before"], found["source"]))
    return documents
