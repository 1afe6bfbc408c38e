"""Heads: embeddings with labels → calibrated linear heads, by scikit-learn."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, matthews_corrcoef

from ..model.encoder import WordPieces
from ..model.errors import NewsgaugeError
from ..model.heads import LinearHead, sigmoid
from ..model.quality import verdict_features
from ..model.signs import Sign, sign_features
from ..model.stance import StanceHead
from .embed import Embedded, labelled
from .metrics import auroc, best_threshold, coverage_at_accuracy, rows_report
from .rows import STANCE_LABELS, Row, overlaps, soft_stance

log = logging.getLogger(__name__)

# The larger, the less an origin's intercept is held back by the regularisation.
INTERCEPT = 0.5
# Of so many sentences are the short articles that the verdict learns from.
CROPS = (1, 2, 3, 5, 8)

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


def _soft_fit(vectors: Floats, rows: Sequence[Row], labels: Sequence[str], strength: float, primary: float) -> LogisticRegression:
    """Logistic regression on soft targets: each row once per label, weighted by its share."""
    targets = np.array([soft_stance(row, primary, labels) for row in rows])
    which, label = np.nonzero(targets)
    model = LogisticRegression(C=strength, max_iter=400)
    model.fit(vectors[which], label, sample_weight=targets[which, label])
    return model


def _as_regression(head: LinearHead) -> LogisticRegression:
    """A head in the clothes of a fitted logistic regression."""
    model = LogisticRegression()
    model.coef_, model.intercept_ = head.weight.astype(np.float64), head.bias.astype(np.float64)
    model.classes_ = np.arange(max(2, len(head.bias)))
    return model


def _as_head(model: LogisticRegression) -> LinearHead:
    return LinearHead(model.coef_.astype(np.float32), model.intercept_.astype(np.float32))


@dataclass(frozen=True)
class FittedStance:
    """A stance head with the figures by which it was chosen."""

    head: StanceHead
    origin: str
    coverage: float
    accuracy_when_confident: float


def fit_stance(
    train: Embedded,
    dev: Embedded,
    *,
    trained: LinearHead | None = None,
    labels: Sequence[str] = STANCE_LABELS,
    strengths: Sequence[float] = (0.003, 0.01, 0.03, 0.1, 0.3),
    primary: float = 0.8,
    confident: float = 0.9,
) -> FittedStance:
    """The best on *dev* of logistic regressions fitted on *train* and the head *trained* with the encoder, calibrated on *dev*.

    Temperature and the threshold for ``confident`` are chosen on *dev* as well.
    """
    rows, vectors = labelled(train)
    dev_rows, dev_vectors = labelled(dev)
    missing = set(labels) - {row.stance for row in rows}
    if missing:
        raise NewsgaugeError(f"No training row is labelled {', '.join(sorted(missing))}; every label needs some rows.")
    candidates = {} if trained is None else {"trained with the encoder": _as_regression(trained)}
    candidates |= {f"logistic regression, C = {strength:g}": _soft_fit(vectors, rows, labels, strength, primary) for strength in strengths}
    scores = {}
    for name, model in candidates.items():
        report = rows_report(model.predict_proba(dev_vectors), dev_rows, labels)
        log.info("stance head, %s: dev macro-F1 %.4f, accuracy %.4f", name, report.macro_f1, report.accuracy)
        scores[name] = report.macro_f1
    origin = max(scores, key=lambda name: scores[name])
    numbers = np.array([labels.index(str(row.stance)) for row in dev_rows])
    calibrated = CalibratedClassifierCV(FrozenEstimator(candidates[origin]), method="temperature").fit(dev_vectors, numbers)
    temperature = 1.0 / float(calibrated.calibrated_classifiers_[0].calibrators[0].beta_)
    linear = _as_head(candidates[origin])
    probabilities = StanceHead(tuple(labels), linear, temperature, 1.0).probabilities(dev_vectors).astype(np.float64)
    right = probabilities.argmax(1) == numbers
    threshold, coverage = coverage_at_accuracy(probabilities.max(1), right, confident)
    return FittedStance(StanceHead(tuple(labels), linear, temperature, threshold), origin, coverage, confident)


@dataclass(frozen=True)
class BinaryRows:
    """What a binary head learns from. *Shapes:* ``vectors`` (rows, width); ``targets`` in [0, 1] and ``weights`` (rows,).

    Rows of one ``origins`` (rows,), a corpus say, share an intercept that the head forgets (Khosla et al. 2012, "Undoing the Damage of
    Dataset Bias"): what tells corpora apart, as their topics do, is then no cue. Those of the origin "" have none.
    """

    vectors: Floats
    targets: Doubles
    weights: Doubles
    origins: Sequence[str] = ()


def fit_binary(
    train: BinaryRows,
    dev_vectors: Floats,
    dev_truth: npt.NDArray[np.bool_],
    *,
    trained: LinearHead | None = None,
    strength: float = 0.03,
    layers: int = 1,
) -> LinearHead:
    """The better on dev, by AUROC, of a logistic regression on soft targets and the head *trained* with the encoder.

    Its logits are calibrated on dev (Platt 1999). *layers*: see :func:`mean_head`.
    """
    split = zip(np.split(train.vectors, layers, axis=1), np.split(dev_vectors, layers, axis=1), strict=True)
    fitted = mean_head([calibrated(fit_soft_targets(replace(train, vectors=of), strength), dev, dev_truth) for of, dev in split])
    candidates = [fitted] + ([] if trained is None else [trained])
    scores = [auroc(head.logits(dev_vectors)[:, 0], dev_truth) for head in candidates]
    log.info("binary head: dev AUROC %s (refitted, trained with the encoder)", ", ".join(f"{score:.4f}" for score in scores))
    return calibrated(candidates[int(np.argmax(scores))], dev_vectors, dev_truth)


def fit_soft_targets(train: BinaryRows, strength: float) -> LinearHead:
    """A logistic regression in which a row is once of either kind, and weighs its share of it; without the intercepts of the origins."""
    which = np.concatenate([np.arange(len(train.targets))] * 2)
    label = np.repeat([1, 0], len(train.targets))
    weight = np.concatenate([train.weights * train.targets, train.weights * (1 - train.targets)])
    used = weight > 0
    names = sorted({*train.origins} - {""})
    features = train.vectors
    if names:
        intercepts = np.float32(INTERCEPT) * (np.array(train.origins)[:, None] == names)
        features = np.concatenate([features, intercepts], axis=1)
    model = LogisticRegression(C=strength, max_iter=400)
    model.fit(features[which[used]], label[used], sample_weight=weight[used])
    head = _as_head(model)
    return replace(head, weight=head.weight[:, : train.vectors.shape[1]])


def mean_head(heads: Sequence[LinearHead]) -> LinearHead:
    """The mean of the logits that *heads* give the states of one layer each, as a head on all these states side by side.

    On what an encoder was trained for, its last layer outshines those below, and a single regression on all reads little else; what other
    systems garble the lower ones know as well, and err otherwise.
    """
    weight = np.concatenate([head.weight for head in heads], axis=1) / len(heads)
    return LinearHead(weight.astype(np.float32), np.mean([head.bias for head in heads], axis=0).astype(np.float32))


def spread(head: LinearHead, places: npt.NDArray[np.int64], width: int) -> LinearHead:
    """A *head* on the numbers at *places* of vectors of *width*, as one on the whole vectors, which reads nothing else."""
    weight = np.zeros((len(head.weight), width), np.float32)
    weight[:, places] = head.weight
    return LinearHead(weight, head.bias)


def calibrated(head: LinearHead, vectors: Floats, truth: npt.NDArray[np.bool_]) -> LinearHead:
    """The binary *head* with its logits scaled and shifted to the likeliest for *truth* (Platt 1999)."""
    platt = LogisticRegression(C=1e6).fit(head.logits(vectors), truth)
    scale, offset = float(platt.coef_[0, 0]), float(platt.intercept_[0])
    return LinearHead((head.weight * scale).astype(np.float32), (head.bias * scale + offset).astype(np.float32))


def fit_signs(
    head: LinearHead, vectors: Floats, signs: Sequence[Sequence[Sign]], truth: npt.NDArray[np.bool_]
) -> tuple[LinearHead, LinearHead]:
    """What surface signs add to the logits of *head*, by logistic regression over both → the head, calibrated with them, and theirs.

    A sign never speaks for a sentence: a weight below zero, which few rows can bring about, becomes zero.
    """
    features = np.concatenate([head.logits(vectors), sign_features(signs)], axis=1)
    model = LogisticRegression(C=1.0, max_iter=400).fit(features, truth)
    scale, weights = float(model.coef_[0, 0]), np.clip(model.coef_[:, 1:], 0.0, None).astype(np.float32)
    scaled = LinearHead((head.weight * scale).astype(np.float32), (head.bias * scale + model.intercept_).astype(np.float32))
    return scaled, LinearHead(weights, np.zeros(1, np.float32))


def fit_pieces(examples: Sequence[tuple[Row, WordPieces]], *, strength: float = 0.01, layers: int = 1) -> LinearHead:
    """A logistic head on word-piece states: does the piece lie in a garbled span? *layers*: see :func:`mean_head`."""
    states, hits = _pieces(examples)
    weights = np.concatenate([np.full(len(pieces.offsets), row.garbled_weight) for row, pieces in examples])
    models = [LogisticRegression(C=strength, max_iter=200).fit(of, hits, sample_weight=weights) for of in np.split(states, layers, axis=1)]
    return mean_head([_as_head(model) for model in models])


def calibrated_pieces(head: LinearHead, examples: Sequence[tuple[Row, WordPieces]]) -> LinearHead:
    """See :func:`calibrated`; on word pieces."""
    return calibrated(head, *_pieces(examples))


def _pieces(examples: Sequence[tuple[Row, WordPieces]]) -> tuple[Floats, npt.NDArray[np.bool_]]:
    return np.concatenate([pieces.states for _, pieces in examples]), np.concatenate([piece_hits(row, pieces) for row, pieces in examples])


def piece_hits(row: Row, pieces: WordPieces) -> npt.NDArray[np.bool_]:
    """Which word pieces of *row* overlap one of its garbled spans. *Shape:* (pieces,)."""
    spans = row.spans or ()
    return np.array([overlaps(place, spans) for place in pieces.offsets.tolist()], dtype=bool)


def best_piece_threshold(head: LinearHead, examples: Sequence[tuple[Row, WordPieces]]) -> tuple[float, float]:
    """The threshold with the best F1 over word pieces → (threshold, F1)."""
    states, hits = _pieces(examples)
    return best_threshold(sigmoid(head.logits(states)[:, 0]).astype(np.float64), hits)


def piece_quality(head: LinearHead, threshold: float, examples: Sequence[tuple[Row, WordPieces]]) -> tuple[float, float]:
    """F1 and the correlation of Matthews (1975) over word pieces, of which those from *threshold* on are marked."""
    states, hits = _pieces(examples)
    marked = sigmoid(head.logits(states)[:, 0]) >= threshold
    return float(f1_score(hits, marked, zero_division=0.0)), float(matthews_corrcoef(hits, marked))


def fit_verdict(documents: Sequence[Doubles], machine: Sequence[bool], weights: Sequence[float]) -> LinearHead:
    """Logistic regression over :func:`verdict_features` of *documents* (the mean word logits of their sentences), without a bias.

    Both classes get the same total weight. The first and the last :data:`CROPS` sentences of a document share its weight with it, so
    that short articles are judged with less certainty.
    """
    parts = [
        [words] + [words[cut] for size in CROPS if size < len(words) for cut in (slice(size), slice(-size, None))] for words in documents
    ]
    features = np.array([verdict_features(words) for part in parts for words in part], dtype=np.float64)
    truth = np.array([value for value, part in zip(machine, parts, strict=True) for _ in part], dtype=bool)
    weight = np.array([value / len(part) for value, part in zip(weights, parts, strict=True) for _ in part])
    for value in (True, False):
        weight[truth == value] *= len(documents) / weight[truth == value].sum()
    spread = features.std(0) + 1e-6
    model = LogisticRegression(C=1.0, max_iter=1000, fit_intercept=False).fit(features / spread, truth, sample_weight=weight)
    return LinearHead((model.coef_ / spread).astype(np.float32), np.zeros(1, np.float32))
