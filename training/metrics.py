"""Figures of quality: macro-F1, per-class F1, AUROC, expected calibration error, risk and coverage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support, roc_auc_score

from .rows import STANCE_LABELS, Row

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class StanceReport:
    """Quality of labels on rows with a known label. *Shape* of ``confusion``: (labels, labels), rows are the truth."""

    rows: int
    accuracy: float
    acceptable: float
    macro_f1: float
    f1: dict[str, float]
    precision: dict[str, float]
    recall: dict[str, float]
    calibration_error: float
    confusion: list[list[int]]


def stance_report(probabilities: Array, truth: Sequence[str], secondary: Sequence[str | None], labels: Sequence[str]) -> StanceReport:
    """Compare *probabilities* (rows, labels) with *truth*. ``acceptable`` counts the secondary label as right as well.

    Macro-F1 is the mean over the labels that occur in *truth*.
    """
    predicted = [labels[index] for index in probabilities.argmax(1)]
    precision, recall, f1, _ = precision_recall_fscore_support(truth, predicted, labels=list(labels), zero_division=0)
    right = np.array([p == t for p, t in zip(predicted, truth, strict=True)])
    accepted = [p in (t, s) for p, t, s in zip(predicted, truth, secondary, strict=True)]
    return StanceReport(
        rows=len(predicted),
        accuracy=float(right.mean()),
        acceptable=float(np.mean(accepted)),
        macro_f1=float(np.mean([score for label, score in zip(labels, f1, strict=True) if label in truth])),
        f1=dict(zip(labels, map(float, f1), strict=True)),
        precision=dict(zip(labels, map(float, precision), strict=True)),
        recall=dict(zip(labels, map(float, recall), strict=True)),
        calibration_error=expected_calibration_error(probabilities.max(1), right),
        confusion=confusion_matrix(truth, predicted, labels=list(labels)).tolist(),
    )


def rows_report(probabilities: Array, rows: Sequence[Row], labels: Sequence[str] = STANCE_LABELS) -> StanceReport:
    """:func:`stance_report` for labelled *rows*. *Shape* of ``probabilities``: (rows, labels)."""
    return stance_report(probabilities, [str(row.stance) for row in rows], [row.secondary for row in rows], labels)


def macro_f1_interval(
    truth: Sequence[str],
    predicted: Sequence[str],
    groups: Sequence[str],
    *,
    labels: Sequence[str] = STANCE_LABELS,
    draws: int = 1000,
    share: float = 0.95,
    seed: int = 13,
) -> tuple[float, float]:
    """A percentile bootstrap interval of macro-F1 that draws whole *groups*: sentences of one document are alike (Efron 1979)."""
    tables = confusion_by_group(truth, predicted, groups, labels)
    low, high = np.quantile(macro_f1_of(resampled(tables, draws, seed), tables.sum((0, 2)) > 0), [(1 - share) / 2, (1 + share) / 2])
    return float(low), float(high)


def confusion_by_group(truth: Sequence[str], predicted: Sequence[str], groups: Sequence[str], labels: Sequence[str]) -> Array:
    """A confusion matrix for each group, in the order of their names. *Shape:* (groups, labels, labels), rows are the truth."""
    number = {label: i for i, label in enumerate(labels)}
    known, said = (np.array([number[label] for label in column]) for column in (truth, predicted))
    _, owner = np.unique(groups, return_inverse=True)
    tables = np.zeros((owner.max() + 1, len(labels), len(labels)))
    np.add.at(tables, (owner, known, said), 1)
    return tables


def group_draws(count: int, draws: int, seed: int) -> Array:
    """How often each of *count* groups is drawn in each bootstrap sample. *Shape:* (draws, count)."""
    chosen = np.random.default_rng(seed).integers(0, count, (draws, count))
    return np.stack([np.bincount(row, minlength=count) for row in chosen]).astype(np.float64)


def resampled(tables: Array, draws: int, seed: int) -> Array:
    """The confusion matrices of bootstrap samples of groups; with the same groups and seed they are paired.

    *Shape:* (draws, labels, labels).
    """
    size = tables.shape[1]
    return np.asarray((group_draws(len(tables), draws, seed) @ tables.reshape(len(tables), -1)).reshape(draws, size, size))


def macro_f1_of(tables: Array, counted: npt.NDArray[np.bool_]) -> Array:
    """Macro-F1 over the *counted* labels of each confusion matrix. *Shapes:* (n, labels, labels), (labels,) → (n,)."""
    f1 = 2 * np.einsum("dll->dl", tables) / (tables.sum(1) + tables.sum(2)).clip(min=1)
    return np.asarray(f1[:, counted].mean(1))


def weighted_auroc(scores: Array, truth: npt.NDArray[np.bool_], weights: Array) -> float:
    """Area under the ROC curve of weighted rows, ties counted half; NaN where a class has no weight. *Shapes:* (rows,)."""
    _, place = np.unique(scores, return_inverse=True)
    positive, negative = np.bincount(place, weights * truth), np.bincount(place, weights * ~truth)
    pairs = positive.sum() * negative.sum()
    return float(((np.cumsum(negative) - negative / 2) * positive).sum() / pairs) if pairs > 0 else float("nan")


def expected_calibration_error(confidence: Array, right: npt.NDArray[np.bool_], bins: int = 15) -> float:
    """The mean gap between confidence and accuracy over equal-width bins, weighted by their size (Guo et al. 2017), in [0, 1]."""
    return float(sum(share * abs(accuracy - mean) for share, mean, accuracy in calibration_bins(confidence, right, bins)))


def calibration_bins(confidence: Array, right: npt.NDArray[np.bool_], bins: int = 15) -> list[tuple[float, float, float]]:
    """Of each equal-width bin that holds rows: its share of the rows, its mean confidence, its accuracy."""
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    filled = [index == b for b in range(bins) if (index == b).any()]
    return [(float(inside.mean()), float(confidence[inside].mean()), float(right[inside].mean())) for inside in filled]


def auroc(scores: Sequence[float] | Array | npt.NDArray[np.float32], truth: Sequence[bool] | npt.NDArray[np.bool_]) -> float:
    """Area under the ROC curve; NaN where one of the classes is missing."""
    known = np.asarray(truth)
    if known.all() or not known.any():
        return float("nan")
    return float(roc_auc_score(known, scores))


def threshold_at_false_flags(negative_scores: Array, rate: float, weights: Array | None = None) -> float:
    """The lowest threshold at which at most *rate* of *negative_scores*, by their *weights*, lie at or over it."""
    order = np.argsort(-negative_scores, kind="stable")
    shares = np.ones(len(order)) if weights is None else weights[order]
    over = np.cumsum(shares) > rate * shares.sum()
    return float(np.nextafter(negative_scores[order[over.argmax() if over.any() else -1]], np.inf))


def best_threshold(scores: Array, truth: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """The threshold at which "at or over it" has the best F1 → (threshold, F1)."""
    order = np.argsort(-scores)
    hits = np.cumsum(truth[order])
    f1 = 2 * hits / (np.arange(1, len(order) + 1) + truth.sum())
    # A threshold cannot part entries of equal score.
    f1[~np.append(np.diff(scores[order]) != 0, True)] = -1.0
    best = int(f1.argmax())
    return float(scores[order[best]]), float(f1[best])


def coverage_at_accuracy(confidence: Array, right: npt.NDArray[np.bool_], accuracy: float) -> tuple[float, float]:
    """The confidence threshold that covers most rows with at least *accuracy* right among them → (threshold, coverage).

    (1, 0) where no threshold reaches it (selective classification: Geifman and El-Yaniv 2017).
    """
    thresholds, coverage, running = risk_coverage(confidence, right)
    reached = np.flatnonzero(running >= accuracy)
    if len(reached) == 0:
        return 1.0, 0.0
    last = reached[-1]
    return float(thresholds[last]), float(coverage[last])


def risk_coverage(confidence: Array, right: npt.NDArray[np.bool_]) -> tuple[Array, Array, Array]:
    """Every threshold that parts the rows, highest first, with its coverage and the accuracy at or over it. *Shapes:* (thresholds,)."""
    order = np.argsort(-confidence)
    running = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    # A threshold cannot part rows of equal confidence.
    ends = np.append(np.diff(confidence[order]) != 0, True)
    return confidence[order][ends], (np.flatnonzero(ends) + 1) / len(order), running[ends]
