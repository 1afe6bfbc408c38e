"""Figures of quality: macro-F1, per-class F1, AUROC, expected calibration error, risk and coverage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import confusion_matrix, f1_score, precision_recall_fscore_support, roc_auc_score

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
    """Compare *probabilities* (rows, labels) with *truth*. ``acceptable`` counts the secondary label as right as well."""
    predicted = [labels[index] for index in probabilities.argmax(1)]
    precision, recall, f1, _ = precision_recall_fscore_support(truth, predicted, labels=list(labels), zero_division=0)
    right = np.array([p == t for p, t in zip(predicted, truth, strict=True)])
    accepted = [p in (t, s) for p, t, s in zip(predicted, truth, secondary, strict=True)]
    return StanceReport(
        rows=len(predicted),
        accuracy=float(right.mean()),
        acceptable=float(np.mean(accepted)),
        macro_f1=float(f1_score(truth, predicted, labels=list(labels), average="macro", zero_division=0)),
        f1=dict(zip(labels, map(float, f1), strict=True)),
        precision=dict(zip(labels, map(float, precision), strict=True)),
        recall=dict(zip(labels, map(float, recall), strict=True)),
        calibration_error=expected_calibration_error(probabilities.max(1), right),
        confusion=confusion_matrix(truth, predicted, labels=list(labels)).tolist(),
    )


def expected_calibration_error(confidence: Array, right: npt.NDArray[np.bool_], bins: int = 15) -> float:
    """The mean gap between confidence and accuracy over equal-width bins, weighted by their size (Guo et al. 2017), in [0, 1]."""
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    error = 0.0
    for b in range(bins):
        inside = index == b
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return float(error)


def auroc(scores: Sequence[float] | Array | npt.NDArray[np.float32], truth: Sequence[bool] | npt.NDArray[np.bool_]) -> float:
    """Area under the ROC curve; NaN where one of the classes is missing."""
    known = np.asarray(truth)
    if known.all() or not known.any():
        return float("nan")
    return float(roc_auc_score(known, scores))


def threshold_at_false_flags(negative_scores: Array, rate: float) -> float:
    """The lowest threshold at which at most *rate* of *negative_scores* lie at or over it."""
    ordered = np.sort(negative_scores)[::-1]
    allowed = int(rate * len(ordered))
    return float(np.nextafter(ordered[min(allowed, len(ordered) - 1)], np.inf))


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
    order = np.argsort(-confidence)
    running = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    # A threshold cannot part rows of equal confidence.
    ends = np.append(np.diff(confidence[order]) != 0, True)
    reached = np.flatnonzero((running >= accuracy) & ends)
    if len(reached) == 0:
        return 1.0, 0.0
    last = reached[-1]
    return float(confidence[order[last]]), float((last + 1) / len(order))
