"""The garbled head: fitted on sentences and word pieces."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..model.encoder import Encoder, WordPieces
from ..model.heads import LinearHead, sigmoid
from ..model.passages import PassageChain
from ..model.quality import VERDICT_FEATURES, GarbleHead
from ..model.signs import Sign, find_signs
from .corpora import Corpora
from .embed import Embedded, Floats, embed
from .heads import (
    BinaryRows,
    best_piece_threshold,
    calibrated_pieces,
    fit_binary,
    fit_pieces,
    fit_signs,
    piece_quality,
)
from .metrics import auroc, threshold_at_false_flags
from .mixture import balanced
from .rows import CLEAN, LabelledDocument, Row, decided, is_garbled

FALSE_FLAGS_ON_NEWS = 0.01
# Invented news is livelier than agency news, and nearer to what else people score.
FALSE_FLAGS_ON_STARTERS = 0.02
# Rows of one corpus and domain that a sentence head is fitted on: of either kind so many, or the other up to twice as many.
MOST_CLEAN = 1500

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SentenceFit:
    """How the sentence head is fitted: the inverse ``strength`` of its regularisation, and what a row of ``unusual`` English, or of
    English that is no news, weighs.

    With ``world`` it learns from news from many countries too, with the same weight. The states of so many ``layers`` lie side by side in
    an embedding: see :func:`~newsgauge.training.heads.mean_head`, for words too.
    """

    strength: float = 0.3
    unusual: float = 4.0
    world: bool = False
    layers: int = 1


DEFAULT_FIT = SentenceFit()


def _joined(parts: Sequence[Embedded]) -> tuple[list[Row], Floats]:
    """The rows of all parts whose quality is known, with their vectors."""
    rows: list[Row] = []
    vectors = []
    for part in parts:
        keep = np.array([row.garbled is not None for row in part.rows], dtype=bool)
        rows += [row for row in part.rows if row.garbled is not None]
        vectors.append(part.vectors[keep])
    return rows, np.concatenate(vectors)


def training_rows(news: Embedded, rated: Embedded, odd: Embedded, *, unusual: float = 1.0) -> BinaryRows:
    """The rows whose quality is known, with their soft targets; those of *odd* English weigh *unusual* times as much.

    *rated* rows are of one origin where corpus, domain and languages are the same, *news* and its twins are another, and *odd* English
    has none: it stands for all that people may score.
    """
    parts = (news, rated, odd)
    rows, vectors = _joined(parts)
    counts = [sum(row.garbled is not None for row in part.rows) for part in parts]
    corpora = [f"{number} {row.languages}" for number, row in zip(rated.document, rated.rows, strict=True) if row.garbled is not None]
    targets = np.array([row.garbled or 0.0 for row in rows])
    weights = np.array([row.garbled_weight for row in rows]) * np.repeat([1.0, 1.0, unusual], counts)
    return BinaryRows(vectors, targets, weights, ["news"] * counts[0] + corpora + [""] * counts[2])


def fit_sentences(
    encoder: Encoder,
    corpora: Corpora,
    news: Embedded,
    news_dev: Embedded,
    *,
    trained: Mapping[str, LinearHead],
    seed: int,
    fit: SentenceFit = DEFAULT_FIT,
) -> tuple[GarbleHead, dict[str, Any]]:
    """Fit the sentence and word-piece heads → a head with a plain chain and verdict, and what was measured on dev.

    *news*: professional articles (clean) and twins, embedded; *news_dev*: clean articles. At the threshold at most
    :data:`FALSE_FLAGS_ON_NEWS` of their sentences and :data:`FALSE_FLAGS_ON_STARTERS` of those of held-out starter articles are flagged.
    *trained*: see :func:`~.assemble.assemble`.
    """
    rng = random.Random(seed)
    rated = [balanced(document, rng, most_clean=MOST_CLEAN) for document in corpora.quality]
    odd = corpora.unusual + corpora.plain + (corpora.world if fit.world else [])
    train = training_rows(news, embed(encoder, rated), embed(encoder, odd), unusual=fit.unusual)
    dev = embed(encoder, corpora.quality_dev)
    marked = embed(encoder, _with_spans(corpora.quality))
    originals = embed(encoder, corpora.seeds_dev)
    wrecks = {"twins": embed(encoder, corpora.twins_dev), "round_trips": embed(encoder, corpora.round_trips_dev)}
    dev_rows, dev_vectors = decided(*_joined([dev, originals, *wrecks.values()]))
    # The head trained with the encoder flags half of all unusual English, whose few rows weigh little among so many.
    head = fit_binary(train, dev_vectors, is_garbled(dev_rows), strength=fit.strength, layers=fit.layers)
    candidates = [fit_pieces(news.marked() + marked.marked(), layers=fit.layers)] + ([trained["piece"]] if "piece" in trained else [])
    examples = [example for part in (originals, *wrecks.values()) for example in part.marked()]
    # A verdict that was fitted with another encoder reads these logits too.
    candidates = [calibrated_pieces(candidate, examples) for candidate in candidates]
    tried = [(best_piece_threshold(candidate, examples), candidate) for candidate in candidates]
    (piece_threshold, piece_f1), pieces = max(tried, key=lambda pair: pair[0][1])

    head, signs = fit_signs(head, dev_vectors, row_signs(dev_rows), is_garbled(dev_rows))
    plain = LinearHead.zeros(1, len(VERDICT_FEATURES))
    garble = GarbleHead(head, signs, pieces, 0.5, piece_threshold, PassageChain(1.0, 0.0, 2.0, 1.0, 0.0), plain, 0.5)

    def probabilities(rows: Sequence[Row], vectors: Floats) -> Doubles:
        return sigmoid(garble.logits(vectors, row_signs(rows))).astype(np.float64)

    clean = probabilities(*_joined([news_dev]))
    starters = probabilities(originals.rows, originals.vectors)
    threshold = threshold_at_false_flags(clean, FALSE_FLAGS_ON_NEWS)
    if len(starters):
        threshold = max(threshold, threshold_at_false_flags(starters, FALSE_FLAGS_ON_STARTERS))
    known = np.array([row.garbled is not None for row in dev.rows], dtype=bool)
    said, said_truth = probabilities(dev.rows, dev.vectors)[known], is_garbled([row for row in dev.rows if row.garbled is not None])
    by_corpus = {}
    for index, document in enumerate(corpora.quality_dev):
        inside = dev.document[known] == index
        truth = said_truth[inside]
        if truth.any() and not truth.all():
            by_corpus[document.name] = [auroc(said[inside], truth), len(truth)]
    marks = {kind: part.marked() for kind, part in wrecks.items()} | {"mqm": _expert_marks(corpora.quality_dev, dev)}
    quality = {
        "auroc": auroc(said, said_truth) if len(said) else float("nan"),
        "auroc_by_corpus": by_corpus,
        "false_flags_on_news": float((clean >= threshold).mean()),
        "false_flags_on_starters": float((starters >= threshold).mean()) if len(starters) else float("nan"),
        "recall_dev": _recall(said, said_truth, threshold),
        "piece_f1": piece_f1,
        "words": {kind: piece_quality(pieces, piece_threshold, found) for kind, found in marks.items() if found},
    }
    for kind, part in wrecks.items():
        told, severe = probabilities(part.rows, part.vectors), is_garbled(part.rows)
        intact = np.array([(row.garbled or 0.0) <= CLEAN for row in part.rows], dtype=bool)
        if severe.any():
            quality |= {
                f"{kind}_auroc": _told_apart(told[severe], starters),
                f"{kind}_within_auroc": _told_apart(told[severe], told[intact]),
                f"recall_{kind}": _recall(told, severe, threshold),
            }
    return replace(garble, threshold=threshold), quality


def row_signs(rows: Sequence[Row]) -> list[tuple[Sign, ...]]:
    """The surface signs of each row."""
    return [find_signs(row.text) for row in rows]


def _told_apart(garbled: Doubles, clean: Doubles) -> float:
    """How well the scores of garbled sentences are told from those of clean ones, as AUROC."""
    return auroc(np.concatenate([garbled, clean]), np.repeat([True, False], [len(garbled), len(clean)]))


def _recall(probabilities: Doubles, garbled: npt.NDArray[np.bool_], threshold: float) -> float:
    return float((probabilities[garbled] >= threshold).mean()) if garbled.any() else float("nan")


def _expert_marks(documents: Sequence[LabelledDocument], embedded: Embedded) -> list[tuple[Row, WordPieces]]:
    """The marked and the clean rows, with their word pieces, of those *documents* in which experts marked words."""
    read = [any(row.spans for row in document.rows) for document in documents]
    pairs = zip(embedded.rows, embedded.pieces, embedded.document, strict=True)
    return [(row, pieces) for row, pieces, document in pairs if pieces is not None and read[document]]


def _with_spans(documents: Sequence[LabelledDocument], most: int = 2000) -> list[LabelledDocument]:
    """The rows that experts marked and as many clean ones."""
    found = []
    for document in documents:
        marked = tuple(row for row in document.rows if row.spans)
        clean = tuple(row for row in document.rows if row.spans == ())
        found.append(replace(document, rows=marked[:most] + clean[: len(marked)]))
    return [document for document in found if document.rows]
