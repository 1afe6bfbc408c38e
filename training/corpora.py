"""The training mixture: where the corpora lie, which documents are kept for dev, what an epoch is made of."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..model.errors import NewsgaugeError
from ..model.windows import WindowShape
from .annotations import ANNOTATIONS, REREADINGS, read_annotations, reread, stretches
from .documents import is_human, is_weak, system_held_out, translated_documents
from .mixture import TrainingWindow, bags, balanced, crops, excerpt, inserted, splice
from .rows import (
    PLAIN_FILES,
    WORLD_FILES,
    LabelledDocument,
    Row,
    boilerplate_document,
    clean_documents,
    quality_documents,
    read_json_lines,
    round_trip_documents,
    seed_documents,
    stance_documents,
    twin_documents,
    unusual_documents,
)
from .soft import blended, read_opinions
from .wordpieces import PieceTable

FILES = (
    "stance/train.jsonl",
    "stance/dev.jsonl",
    "stance/unlabelled.jsonl.gz",
    "quality/train.jsonl",
    "quality/dev.jsonl",
    "quality/apertium_roundtrip.jsonl",
    "quality/machine_output_unrated.jsonl.gz",
    "quality/real_twins.jsonl",
)
"""What a folder of corpora holds."""
# The verdict is fitted on documents that the encoder never saw, and needs more than a handful of each kind.
PLAIN_DEV_SHARE = 0.35


def held_out(name: str, share: float, salt: str = "dev") -> bool:
    """Whether the document *name* belongs to the *share* kept for dev: a property of its name alone."""
    digest = hashlib.sha256(f"{salt}:{name}".encode()).digest()
    return int.from_bytes(digest[:4], "big") < share * 2**32


def is_train(row: Mapping[str, Any]) -> bool:
    """Whether a quality row may be trained on: files of one kind of row hold both splits, and rows without one belong to training."""
    return row.get("split") != "dev"


@dataclass(frozen=True)
class Corpora:
    """Documents by kind. Twins, round trips and starter articles whose names are held out are in the ``*_dev`` lists only;
    ``unusual`` is honest English that reads oddly, ``plain`` such that is no news, ``world`` news and records from many countries, which no
    encoder learns from, ``soft`` what a teacher labelled."""

    stance: list[LabelledDocument] = field(default_factory=list)
    stance_dev: list[LabelledDocument] = field(default_factory=list)
    seeds: list[LabelledDocument] = field(default_factory=list)
    seeds_dev: list[LabelledDocument] = field(default_factory=list)
    twins: list[LabelledDocument] = field(default_factory=list)
    twins_dev: list[LabelledDocument] = field(default_factory=list)
    round_trips: list[LabelledDocument] = field(default_factory=list)
    round_trips_dev: list[LabelledDocument] = field(default_factory=list)
    unusual: list[LabelledDocument] = field(default_factory=list)
    plain: list[LabelledDocument] = field(default_factory=list)
    plain_dev: list[LabelledDocument] = field(default_factory=list)
    world: list[LabelledDocument] = field(default_factory=list)
    world_dev: list[LabelledDocument] = field(default_factory=list)
    soft: list[LabelledDocument] = field(default_factory=list)
    boilerplate: list[LabelledDocument] = field(default_factory=list)
    boilerplate_dev: list[LabelledDocument] = field(default_factory=list)
    translated: list[LabelledDocument] = field(default_factory=list)
    quality: list[LabelledDocument] = field(default_factory=list)
    quality_dev: list[LabelledDocument] = field(default_factory=list)

    def texts(self) -> list[str]:
        """Every text that a window of these documents can hold."""
        found: list[str] = []
        for documents in vars(self).values():
            for document in documents:
                found.extend(row.text for row in document.rows)
                found.extend((document.before, document.headline))
        return found


def load_corpora(seeds: Path, corpora: Path | None, *, soft: Path | None = None, dev_share: float = 0.2) -> Corpora:
    """The starter data in *seeds*; where *corpora* is given, its folders ``stance`` and ``quality``, with the labels that *seeds*
    adds to them; where *soft* is, a teacher's labels of what nobody labelled.

    Without *corpora* the held-out starter articles are the stance dev set. :class:`NewsgaugeError` where *corpora* lacks one of
    :data:`FILES`.
    """
    if corpora is not None and (missing := [name for name in FILES if not (corpora / name).is_file()]):
        raise NewsgaugeError(f"{corpora} lacks {', '.join(missing)}; expected a folder of corpora that holds {', '.join(FILES)}.")
    starters = seed_documents(seeds)
    twins = twin_documents(sorted(seeds.glob("g*.jsonl")))
    round_trips = twin_documents(sorted(seeds.glob("garbled/r*.jsonl")))
    plain = clean_documents(seeds, PLAIN_FILES)
    world = clean_documents(seeds, WORLD_FILES)
    stance, stance_dev, quality, quality_dev, translated = [], [], [], [], []
    rated: list[LabelledDocument] = []
    if corpora is not None:
        stance = stance_documents(corpora / "stance/train.jsonl")
        stance_dev = stance_documents(corpora / "stance/dev.jsonl")
        quality = quality_documents(corpora / "quality/train.jsonl", wanted=lambda row: not system_held_out(row))
        quality += round_trip_documents(corpora / "quality/apertium_roundtrip.jsonl", wanted=is_train)
        sources = [corpora / "quality/train.jsonl", corpora / "quality/machine_output_unrated.jsonl.gz"]
        translated = [
            found.document for found in translated_documents(sources, wanted=lambda row: is_train(row) and not system_held_out(row))
        ]
        quality_dev = quality_documents(corpora / "quality/dev.jsonl")
        twins += twin_documents([corpora / "quality/real_twins.jsonl"])
        opinions = read_opinions(soft) if soft is not None else {}
        stance = blended(stance, opinions)
        if (seeds / REREADINGS).is_file():
            stance = reread(stance, seeds / REREADINGS)
        annotations = seeds / ANNOTATIONS
        codes = read_annotations(annotations) if annotations.is_file() else {}
        unlabelled = read_json_lines(corpora / "stance/unlabelled.jsonl.gz")
        for document in stretches(unlabelled, codes, opinions) if opinions or codes else ():
            (stance if any(row.stance for row in document.rows) else rated).append(document)
    return Corpora(
        stance=stance,
        stance_dev=stance_dev,
        seeds=[d for d in starters if not held_out(d.name, dev_share)],
        seeds_dev=[d for d in starters if held_out(d.name, dev_share)],
        twins=[d for d in twins if not held_out(d.name, dev_share)],
        twins_dev=[d for d in twins if held_out(d.name, dev_share)],
        round_trips=[d for d in round_trips if not held_out(d.name, dev_share)],
        round_trips_dev=[d for d in round_trips if held_out(d.name, dev_share)],
        unusual=unusual_documents(seeds / "unusual.jsonl"),
        plain=[d for d in plain if not held_out(d.name, PLAIN_DEV_SHARE)],
        plain_dev=[d for d in plain if held_out(d.name, PLAIN_DEV_SHARE)],
        world=[d for d in world if not held_out(d.name, PLAIN_DEV_SHARE)],
        world_dev=[d for d in world if held_out(d.name, PLAIN_DEV_SHARE)],
        soft=rated,
        boilerplate=[boilerplate_document(seeds / "boilerplate.jsonl", lambda name: not held_out(name, dev_share))],
        boilerplate_dev=[boilerplate_document(seeds / "boilerplate.jsonl", lambda name: held_out(name, dev_share))],
        translated=translated,
        quality=quality,
        quality_dev=quality_dev,
    )


def epoch_windows(
    corpora: Corpora, table: PieceTable, shape: WindowShape, *, epoch: int, seed: int, most_clean: int = 1500, excerpts: int = 250
) -> list[TrainingWindow]:
    """The windows of one epoch: every stance document, starter article, twin and round trip once, spliced articles, excerpts of
    *excerpts* documents of each kind of translator (weak, human, strong) and as many inside labelled articles, documents that are no
    news, each also with machine output inside, unusual English and quality rows."""
    rng = random.Random(f"{seed}:{epoch}")
    windows: list[TrainingWindow] = []

    def length(row: Row) -> int:
        return len(table[row.text].ids)

    def cut(document: LabelledDocument) -> None:
        windows.extend(crops(document, [length(row) for row in document.rows], shape, rng))

    originals = {document.name: document for document in corpora.seeds + corpora.stance}
    garbled = corpora.twins + corpora.round_trips
    for document in corpora.stance + corpora.soft + corpora.seeds + garbled:
        cut(document)
    for twin in garbled:
        if twin.name in originals:
            cut(splice(originals[twin.name], twin, rng))
    kinds: dict[tuple[bool, bool], list[LabelledDocument]] = {}
    for document in corpora.translated:
        kinds.setdefault((is_human(document.tags["system"]), is_weak(document.tags["system"])), []).append(document)
    for members in kinds.values():
        for document in rng.sample(members, min(excerpts, len(members))):
            cut(excerpt(document, rng, longest=12))
        # Among its own kind a sentence is told by its neighbours; in an article of clean English it has to be told by itself.
        for document in rng.sample(members, min(excerpts, len(members))) if corpora.stance else ():
            cut(inserted(rng.choice(corpora.stance), document, rng))
    for document in corpora.plain:
        cut(document)
        if corpora.translated:
            cut(inserted(document, rng.choice(corpora.translated), rng))
    for document in corpora.unusual:
        windows.extend(bags(document, length, shape.tokens, rng))
    for document in corpora.quality:
        windows.extend(bags(balanced(document, rng, most_clean=most_clean), length, shape.tokens, rng))
    return windows
