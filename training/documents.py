"""Whole documents for the passage chain and the article verdict: machine output, human text, and splices of both."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .rows import LabelledDocument, Row, quality_row, read_json_lines

# Systems whose output a reader would call garbled; the neural systems of the zh-en evaluations are fluent.
WEAK_SYSTEMS = ("helsinki", "wmt22-ALMAnaCH", "wmt21-Online-G", "wmt21-Online-Y")
HUMAN_SYSTEMS = ("human", "ref", "native")
# Kept from the encoder altogether: what is measured on them is measured on systems never trained on.
HELD_OUT_SYSTEMS = frozenset({("wmt21-Online-Y", "ja-en"), ("wmt22-ALMAnaCH-Inria", "uk-en"), ("wmt22-ALMAnaCH-Inria", "cs-en")})
# Human translations read a little like machine ones and are rare among articles that people score.
HUMAN_WEIGHT = 0.3
# So many articles that nobody labelled measure the verdict.
NATIVE_DOCUMENTS = 250
# What nobody rated: of a weak system more often garbled than not, of a human translator nearly always clean.
UNRATED_WEAK = (0.7, 0.25)
UNRATED_HUMAN = (0.0, 0.3)


@dataclass(frozen=True, slots=True)
class JudgedDocument:
    """A document and whether it is machine output, of which system; ``weight`` is its share in the verdict's training and in the rates of
    false verdicts and passages."""

    document: LabelledDocument
    machine: bool
    system: str
    weight: float


def system_held_out(row: dict[str, Any]) -> bool:
    """Whether a quality row is the output of a system that is kept from training."""
    return (row["system"], row["lang_pair"]) in HELD_OUT_SYSTEMS


def translated_documents(
    paths: Iterable[Path], *, wanted: Callable[[dict[str, Any]], bool] = lambda row: True, shortest: int = 4, longest: int = 40
) -> list[JudgedDocument]:
    """The *wanted* rows of quality files put together again to documents of one translator each, in the order of their sentence numbers.

    ``mlqe`` rows are single sentences drawn from articles and make no document.
    """
    grouped: dict[tuple[str, str, str, str], dict[int, dict[str, Any]]] = {}
    for path in paths:
        for row in read_json_lines(path):
            number = row["id"].rsplit(":", 1)[-1]
            if row["source_corpus"].startswith("wmt") and number.isdigit() and wanted(row):
                key = (row["source_corpus"], row["system"], row["lang_pair"], row["group"])
                grouped.setdefault(key, {})[int(number)] = row
    documents = []
    for (corpus, system, pair, group), members in grouped.items():
        if len(members) < shortest:
            continue
        human = is_human(system)
        fallback = UNRATED_HUMAN if human else UNRATED_WEAK if is_weak(system) else None
        rows = []
        for number in sorted(members)[:longest]:
            rated = quality_row(members[number])
            if rated.garbled is None and fallback is not None:
                rated = replace(rated, garbled=fallback[0], garbled_weight=fallback[1])
            rows.append(rated)
        tags = {"system": system, "pair": pair}
        documents.append(
            JudgedDocument(
                LabelledDocument(group, tuple(rows), source=corpus, tags=tags),
                not human,
                f"{system}:{pair}",
                HUMAN_WEIGHT if human else 1.0,
            )
        )
    return documents


def is_human(system: str) -> bool:
    """Whether the name is that of a human translator or author."""
    return system.lower().startswith(HUMAN_SYSTEMS)


def is_weak(system: str) -> bool:
    """Whether the name is that of a system whose output is mostly garbled."""
    return system.startswith(WEAK_SYSTEMS)


def native_documents(path: Path, count: int, seed: int, *, known: Set[str] = frozenset(), longest: int = 40) -> list[JudgedDocument]:
    """A sample of whole news articles from a file of unlabelled ones, none of them named among *known*."""
    articles = [row for row in read_json_lines(path) if len(row["sentences"]) >= 4 and row["document"] not in known]
    chosen = random.Random(seed).sample(articles, min(count, len(articles)))
    return [
        JudgedDocument(
            LabelledDocument(
                row["document"], tuple(Row(text) for text in row["sentences"][:longest]), row["headline"], source=row["source"]
            ),
            False,
            "native",
            1.0,
        )
        for row in chosen
    ]


def spliced(
    clean: Sequence[LabelledDocument], garbled: Sequence[LabelledDocument], count: int, seed: int
) -> list[tuple[LabelledDocument, list[int]]]:
    """Clean documents with one garbled run of 3–10 sentences inside, and wholly clean ones → (document, 0/1 per sentence)."""
    rng = random.Random(seed)
    made = []
    for number in range(count):
        host = rng.choice(clean)
        rows = list(host.rows)
        states = [0] * len(rows)
        if number % 3 and garbled:
            donor = list(rng.choice(garbled).rows)
            size = min(len(donor), rng.randint(3, 10))
            start = rng.randint(0, len(donor) - size)
            place = rng.randint(0, len(rows))
            rows[place:place] = donor[start : start + size]
            states[place:place] = [1] * size
        made.append((LabelledDocument(host.name, tuple(rows), host.headline, source=host.source), states))
    return made
