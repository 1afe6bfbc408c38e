"""The garbled head: fitted on sentences and word pieces, its chain and its verdict on whole documents."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import f1_score
from sklearn.model_selection import GroupKFold

from ..model.encoder import Encoder, WordPieces
from ..model.heads import LinearHead, sigmoid
from ..model.passages import PassageChain
from ..model.quality import VERDICT_FEATURES, GarbleHead
from ..model.signs import Sign, find_signs
from .corpora import Corpora
from .documents import JudgedDocument, native_documents, spliced, system_held_out, translated_documents
from .embed import Embedded, Floats, embed
from .heads import (
    BinaryRows,
    best_piece_threshold,
    calibrated_pieces,
    fit_binary,
    fit_chain,
    fit_pieces,
    fit_signs,
    fit_verdict,
    piece_quality,
)
from .metrics import auroc, threshold_at_false_flags
from .mixture import balanced
from .rows import CLEAN, SEVERE, LabelledDocument, Row, is_garbled

FALSE_FLAGS_ON_NEWS = 0.01
# Invented news is livelier than agency news, and nearer to what else people score.
FALSE_FLAGS_ON_STARTERS = 0.02
FALSE_VERDICTS = 0.02
NATIVE_DOCUMENTS = 250
# Rows of one corpus and domain that a sentence head is fitted on: of either kind so many, or the other up to twice as many.
MOST_CLEAN = 1500
# Parts that the systems are dealt out to, to fit on all but one and measure on that; documents with a garbled run inside for each.
FOLDS = 5
SPLICES = 120
SHORTEST_JUDGED = 10
# Few documents that are no news stand for much of what people will score.
PLAIN_WEIGHT = 3.0

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SentenceFit:
    """How the sentence head is fitted: the inverse ``strength`` of its regularisation, and what a row of unusual English, or of
    English that is no news, weighs."""

    strength: float = 0.3
    unusual: float = 4.0


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


def training_rows(parts: Sequence[Embedded], factors: Sequence[float]) -> BinaryRows:
    """The rows of all parts whose quality is known, with their soft targets; those of a part weigh its factor times as much."""
    rows, vectors = _joined(parts)
    targets = np.array([row.garbled or 0.0 for row in rows])
    factor = np.repeat(factors, [sum(row.garbled is not None for row in part.rows) for part in parts])
    return BinaryRows(vectors, targets, np.array([row.garbled_weight for row in rows]) * factor)


def _decided(rows: list[Row], vectors: Floats) -> tuple[list[Row], Floats]:
    """Without the mild faults."""
    keep = np.array([not CLEAN < (row.garbled or 0.0) < SEVERE for row in rows], dtype=bool)
    return [row for row, kept in zip(rows, keep, strict=True) if kept], vectors[keep]


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
    train = training_rows([news, embed(encoder, rated), embed(encoder, corpora.unusual + corpora.plain)], [1.0, 1.0, fit.unusual])
    dev = embed(encoder, corpora.quality_dev)
    marked = embed(encoder, _with_spans(corpora.quality))
    originals = embed(encoder, corpora.seeds_dev)
    wrecks = {"twins": embed(encoder, corpora.twins_dev), "round_trips": embed(encoder, corpora.round_trips_dev)}
    dev_rows, dev_vectors = _decided(*_joined([dev, originals, *wrecks.values()]))
    # The head trained with the encoder flags half of all unusual English, whose few rows weigh little among so many.
    head = fit_binary(train, dev_vectors, is_garbled(dev_rows), strength=fit.strength)
    candidates = [fit_pieces(news.marked() + marked.marked())] + ([trained["piece"]] if "piece" in trained else [])
    examples = [example for part in (originals, *wrecks.values()) for example in part.marked()]
    # A verdict that was fitted with another encoder reads these logits too.
    candidates = [calibrated_pieces(candidate, examples) for candidate in candidates]
    tried = [(best_piece_threshold(candidate, examples), candidate) for candidate in candidates]
    (piece_threshold, piece_f1), pieces = max(tried, key=lambda pair: pair[0][1])

    head, signs = fit_signs(head, dev_vectors, _signs(dev_rows), is_garbled(dev_rows))
    plain = LinearHead.zeros(1, len(VERDICT_FEATURES))
    garble = GarbleHead(head, signs, pieces, 0.5, piece_threshold, PassageChain(1.0, 0.0, 2.0, 1.0, 0.0), plain, 0.5)

    def probabilities(rows: Sequence[Row], vectors: Floats) -> Doubles:
        return sigmoid(garble.logits(vectors, _signs(rows))).astype(np.float64)

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


def _signs(rows: Sequence[Row]) -> list[tuple[Sign, ...]]:
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


def judged_documents(corpora: Corpora, folder: Path, seed: int) -> list[JudgedDocument]:
    """Whole documents with a verdict, none of which the encoder was trained on.

    Machine output of the systems held out, held-out twins and round trips; human translations of the dev set, native news that nobody
    labelled, held-out starter articles and held-out documents that are no news.
    """
    machine = translated_documents(
        [folder / "quality/train.jsonl", folder / "quality/machine_output_unrated.jsonl.gz"], wanted=system_held_out
    )
    human = [found for found in translated_documents([folder / "quality/dev.jsonl"]) if not found.machine]
    trained_on = {document.name for document in corpora.stance + corpora.soft}
    twins = [JudgedDocument(twin, True, f"twin:{twin.tags['pivot']}", 1.0) for twin in corpora.twins_dev + corpora.round_trips_dev]
    starters = [JudgedDocument(document, False, "starter", 1.0) for document in corpora.seeds_dev]
    plain = [JudgedDocument(document, False, "plain", PLAIN_WEIGHT) for document in corpora.plain_dev]
    native = native_documents(folder / "stance/unlabelled.jsonl.gz", NATIVE_DOCUMENTS, seed, known=trained_on)
    return machine + human + twins + starters + plain + native


def fit_documents(encoder: Encoder, corpora: Corpora, garble: GarbleHead, folder: Path, *, seed: int) -> tuple[GarbleHead, dict[str, Any]]:
    """Fit the chain and the verdict on whole documents, none of which trained the encoder → the head and its figures.

    Both are measured by cross-validation over systems, then fitted on all; the verdict on documents of at least
    :data:`SHORTEST_JUDGED` sentences.
    """
    judged = judged_documents(corpora, folder, seed)
    embedded = embed(encoder, [found.document for found in judged])
    logits = _by_document(garble.logits(embedded.vectors, _signs(embedded.rows)), embedded, len(judged))
    folds = _machine_folds(judged)
    parts = [_sequences(encoder, garble, part) for part in _spliced_parts(judged, folds, seed)]
    said: list[npt.NDArray[np.int64]] = []
    whole: list[npt.NDArray[np.int64]] = []
    for part, members in zip(parts, folds, strict=True):
        chain = fit_chain([one for other in parts if other is not part for one in other])
        said += [_marked(chain, values) for values, _ in part]
        whole += [_marked(chain, logits[i]) for i in members if len(logits[i]) >= SHORTEST_JUDGED]
    spliced_documents = [one for part in parts for one in part]
    truth = np.concatenate([states for _, states in spliced_documents])

    words = _by_document(garble.word_logits(embedded.vectors), embedded, len(judged))
    machine = np.array([found.machine for found in judged])
    weights = np.array([found.weight for found in judged])
    groups = np.array([found.system if found.machine else f"{found.system}:{i % 10}" for i, found in enumerate(judged)])
    out_of_fold = np.zeros(len(judged))
    for train, test in GroupKFold(FOLDS).split(words, machine, groups):
        verdict = fit_verdict([words[i] for i in train], machine[train].tolist(), weights[train].tolist())
        fold = replace(garble, verdict=verdict)
        out_of_fold[test] = [fold.article_probability(words[i]) for i in test]
    plain = np.array([len(values) >= SHORTEST_JUDGED for values in words])
    threshold = threshold_at_false_flags(out_of_fold[plain & ~machine], FALSE_VERDICTS)
    verdict = fit_verdict(words, machine.tolist(), weights.tolist())
    finished = replace(garble, chain=fit_chain(spliced_documents), verdict=verdict, verdict_threshold=max(0.5, threshold))
    return finished, {
        "passage_f1": float(f1_score(truth, np.concatenate(said))),
        "passage_whole": float(np.concatenate(whole).mean()) if whole else float("nan"),
        "article_auroc": auroc(out_of_fold[plain], machine[plain]),
        "article_recall": float((out_of_fold[plain & machine] >= finished.verdict_threshold).mean()),
        "article_false_flags": float((out_of_fold[plain & ~machine] >= finished.verdict_threshold).mean()),
        "article_documents": int(plain.sum()),
    }


def _machine_folds(judged: Sequence[JudgedDocument]) -> list[list[int]]:
    """The places of the machine-translated documents, dealt out so that no two folds share a system."""
    places = [i for i, found in enumerate(judged) if found.machine]
    systems = [judged[i].system for i in places]
    folds = GroupKFold(min(FOLDS, len(set(systems)))).split(systems, groups=systems)
    return [[places[member] for member in members] for _, members in folds]


def _spliced_parts(
    judged: Sequence[JudgedDocument], folds: Sequence[Sequence[int]], seed: int
) -> list[list[tuple[LabelledDocument, list[int]]]]:
    """Spliced documents in parts that share no system and no host."""
    native = [found.document for found in judged if found.system == "native"]
    return [
        spliced(native[number::FOLDS], [judged[i].document for i in members], SPLICES, seed + number)
        for number, members in enumerate(folds)
    ]


def _sequences(encoder: Encoder, garble: GarbleHead, made: Sequence[tuple[LabelledDocument, list[int]]]) -> list[tuple[Doubles, list[int]]]:
    embedded = embed(encoder, [document for document, _ in made])
    logits = _by_document(garble.logits(embedded.vectors, _signs(embedded.rows)), embedded, len(made))
    return [(values, states) for values, (_, states) in zip(logits, made, strict=True)]


def _by_document(values: Floats, embedded: Embedded, count: int) -> list[Doubles]:
    """The *values* of the rows of each of the *count* documents."""
    return [values[embedded.document == index].astype(np.float64) for index in range(count)]


def _marked(chain: PassageChain, logits: Doubles) -> npt.NDArray[np.int64]:
    inside = np.zeros(len(logits), dtype=np.int64)
    for first, last, _ in chain.runs(logits):
        inside[first : last + 1] = 1
    return inside
