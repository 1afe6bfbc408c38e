"""Labels that annotators gave after the corpora were made: as codes of the guidelines and places, without the texts.

``annotations.jsonl.gz`` has a JSON object a stretch of consecutive sentences of an unlabelled article: its name (``document``), the
place of the first sentence in it (``start``) and a code a sentence (``labels``). ``rereadings.jsonl.gz`` has a second annotator's code
(``label``) for rows of the training set (``id``). A code is the letter of the label, after a slash that of the second one: ``D/A``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count, takewhile
from pathlib import Path
from typing import Any

from .rows import CLEAN_WEIGHT, STANCE_LABELS, LabelledDocument, Row, read_json_lines, soft_stance
from .soft import Opinion, taught

ANNOTATIONS, REREADINGS = "annotations.jsonl.gz", "rereadings.jsonl.gz"
CODES = {"A": "accusation", "D": "denial", "E": "evidence", "I": "analysis"}
NOT_ARTICLE = "X"


def coded(text: str, code: str, *, origin: str = "", soft: tuple[float, ...] | None = None) -> Row:
    """The row that *code* makes of a sentence; :class:`ValueError` where it is none of the guidelines' codes."""
    if code == NOT_ARTICLE:
        return Row(text, article=False, origin=origin)
    first, _, second = code.partition("/")
    if first not in CODES or (second and second not in CODES) or code.endswith("/"):
        raise ValueError(f"{code!r} is no code of an annotation; expected one of {', '.join(CODES)}, a pair such as D/A, or {NOT_ARTICLE}.")
    return Row(text, CODES[first], CODES.get(second), True, 0.0, CLEAN_WEIGHT, (), origin, soft=soft)


def read_annotations(path: Path) -> dict[str, dict[int, str]]:
    """The codes of a file, by article and place."""
    codes: dict[str, dict[int, str]] = {}
    for stretch in read_json_lines(path):
        codes.setdefault(stretch["document"], {}).update(enumerate(stretch["labels"], stretch["start"]))
    return codes


def stretches(
    articles: Iterable[dict[str, Any]], codes: Mapping[str, Mapping[int, str]], opinions: Mapping[str, Opinion]
) -> Iterator[LabelledDocument]:
    """The runs of consecutive sentences of *articles* (a JSON object each) that have a code, a teacher's opinion or both."""
    for article in articles:
        name, sentences = article["document"], article["sentences"]
        rows = taught(opinions[name], sentences) if name in opinions else {}
        for place, code in codes.get(name, {}).items():
            if place >= len(sentences):
                raise ValueError(
                    f"{name!r} has {len(sentences)} sentences and an annotation of number {place}; use the articles that were annotated."
                )
            rows[place] = coded(sentences[place], code, origin=f"{name}:{place}", soft=rows[place].soft if place in rows else None)
        starts = [place for place in sorted(rows) if place - 1 not in rows]
        for start in starts:
            run = tuple(rows[place] for place in takewhile(rows.__contains__, count(start)))
            before = sentences[start - 1] if start else ""
            yield LabelledDocument(name, run, article["headline"] or "", before, article["source"] or "")


def reread(documents: Sequence[LabelledDocument], path: Path, *, primary: float = 0.8) -> list[LabelledDocument]:
    """*documents* with a second annotator's reading, *primary* on its first label, in place of what a teacher said of the sentence."""
    readings = {row["id"]: row["label"] for row in read_json_lines(path)}
    found = []
    for document in documents:
        rows = []
        for row in document.rows:
            code = readings.get(row.origin, NOT_ARTICLE)
            if row.stance is not None and code != NOT_ARTICLE:
                row = replace(row, soft=tuple(soft_stance(coded(row.text, code), primary, STANCE_LABELS)))
            rows.append(row)
        found.append(replace(document, rows=tuple(rows)))
    return found
