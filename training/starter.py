"""The starter data beside a newsroom's own rows: what guards a refitted head against forgetting."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..model.errors import NewsgaugeError
from .corpora import held_out
from .labels import LabelledRow, labelled_rows
from .rows import PLAIN_FILES, LabelledDocument, clean_documents, seed_documents, twin_documents, unusual_documents

DEV_SHARE = 0.2
"""The share of starter articles that trained no shipped model (see :func:`~.corpora.load_corpora`)."""
GUARDS = 60
"""So many starter articles guard a refit: more of them change little and are slower to embed."""
UNUSUAL = 15
"""So many sentences of each kind of odd but honest English guard a garbled head."""
PLAIN = 20
"""So many documents that are no news guard it as well."""


def shipped_seeds() -> Path:
    """The folder of the starter data that comes with the package."""
    return Path(__file__).resolve().parent.parent / "seeds"


@dataclass(frozen=True)
class Starter:
    """Starter articles: ``guards`` to fit with, ``elsewhere`` that trained no shipped model, to measure on.

    ``garbled`` are twins and round trips of some guards, ``unusual`` odd but honest English and honest English that is no news.
    """

    guards: list[LabelledDocument]
    elsewhere: list[LabelledDocument]
    garbled: list[LabelledDocument]
    unusual: list[LabelledDocument]


def load_starter(folder: Path, *, seed: int) -> Starter:
    """The starter data in *folder*, drawn by *seed*. :class:`NewsgaugeError` where there is none."""
    articles = seed_documents(folder)
    if not articles:
        raise NewsgaugeError(f"{folder} holds no starter articles (s*.jsonl); name their folder with --seeds, or train with --only-mine.")
    rng = random.Random(seed)
    usable = [document for document in articles if not held_out(document.name, DEV_SHARE)]
    guards = rng.sample(usable, min(GUARDS, len(usable)))
    # Half of the guards lend their twins, the other half their round trips, so that no text comes in three versions.
    half = len(guards) // 2
    garbled = [
        *_of(guards[:half], twin_documents(sorted(folder.glob("g*.jsonl")))),
        *_of(guards[half:], twin_documents(sorted(folder.glob("garbled/r*.jsonl")))),
    ]
    unusual = [_sampled(document, rng) for document in unusual_documents(folder / "unusual.jsonl")]
    plain = clean_documents(folder, PLAIN_FILES)
    unusual += rng.sample(plain, min(PLAIN, len(plain)))
    return Starter(guards, [document for document in articles if held_out(document.name, DEV_SHARE)], garbled, unusual)


def held_out_rows(folder: Path) -> list[LabelledRow]:
    """The sentences of the starter articles in *folder* that trained no shipped model, to measure on."""
    return labelled_rows(load_starter(folder, seed=0).elsewhere)


def _of(articles: Sequence[LabelledDocument], twins: Sequence[LabelledDocument]) -> list[LabelledDocument]:
    """The first twin of each article that has one."""
    first: dict[str, LabelledDocument] = {}
    for twin in twins:
        first.setdefault(twin.name, twin)
    return [first[article.name] for article in articles if article.name in first]


def _sampled(document: LabelledDocument, rng: random.Random) -> LabelledDocument:
    return replace(document, rows=tuple(rng.sample(document.rows, min(UNUSUAL, len(document.rows)))))
