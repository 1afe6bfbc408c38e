"""Whole documents for the passage chain and the article verdict: machine output, human text, and splices of both."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .rows import LabelledDocument, Row, read_json_lines

# Systems whose output a reader would call garbled; the neural systems of the zh-en evaluations are fluent.
WEAK_SYSTEMS = ("helsinki", "wmt22-ALMAnaCH", "wmt21-Online-G", "wmt21-Online-Y")
HUMAN_SYSTEMS = ("human", "ref", "native")
# Human translations read a little like machine ones and are rare among articles that people score.
HUMAN_WEIGHT = 0.3


@dataclass(frozen=True, slots=True)
class JudgedDocument:
    """A document and whether it is machine output, of which system; ``weight`` is its share in the verdict's training."""

    document: LabelledDocument
    machine: bool
    system: str
    weight: float


def machine_documents(paths: Iterable[Path], *, shortest: int = 4, longest: int = 40) -> list[JudgedDocument]:
    """Rows of quality files put together again to documents of one system each, in the order of their sentence numbers.

    Only systems of :data:`WEAK_SYSTEMS` and human translators: what a strong system left is no sure sign of anything. Of
    ``mlqe`` rows, single sentences drawn from articles, none make a document.
    """
    grouped: dict[tuple[str, str, str], dict[int, str]] = {}
    for path in paths:
        for row in read_json_lines(path):
            number = row["id"].rsplit(":", 1)[-1]
            if row["source_corpus"].startswith("wmt") and number.isdigit():
                key = (row["source_corpus"], row["system"], row["group"])
                grouped.setdefault(key, {})[int(number)] = row["text"]
    documents = []
    for (corpus, system, group), sentences in grouped.items():
        if len(sentences) < shortest:
            continue
        human = system.lower().startswith(HUMAN_SYSTEMS)
        if not human and not system.startswith(WEAK_SYSTEMS):
            continue
        texts = [sentences[number] for number in sorted(sentences)][:longest]
        document = LabelledDocument(group, tuple(Row(text) for text in texts), source=corpus)
        documents.append(JudgedDocument(document, not human, system, HUMAN_WEIGHT if human else 1.0))
    return documents


def native_documents(path: Path, count: int, seed: int, *, longest: int = 40) -> list[JudgedDocument]:
    """A sample of whole news articles from a file of unlabelled ones."""
    articles = [row for row in read_json_lines(path) if len(row["sentences"]) >= 4]
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
