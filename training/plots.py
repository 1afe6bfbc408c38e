"""Plots of a model's quality, as PNG files for its card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt

from .metrics import calibration_bins, risk_coverage

# A file, never a window, on any machine.
mpl.use("Agg")

from matplotlib import pyplot as plt

INK, ACCENT = "#333333", "#0b6e99"


def plot_reliability(confidence: npt.NDArray[np.float64], right: npt.NDArray[np.bool_], path: Path) -> None:
    """Accuracy against confidence in bins; a point's area is its share of the rows, the diagonal is perfect calibration."""
    bins = np.array(calibration_bins(confidence, right))
    figure, axes = _square()
    axes.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle="--", label="perfect calibration")
    axes.scatter(bins[:, 1], bins[:, 2], s=900 * bins[:, 0] + 12, color=ACCENT, label="sentences, in bins of confidence")
    axes.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1), ylim=(0, 1))
    axes.legend(loc="upper left", frameon=False)
    _write(figure, path)


def plot_risk_coverage(confidence: npt.NDArray[np.float64], right: npt.NDArray[np.bool_], chosen: float, path: Path) -> None:
    """The share of wrong labels among the most confident rows, against how many those are; *chosen* is the threshold in use."""
    thresholds, coverage, accuracy = risk_coverage(confidence, right)
    figure, axes = _square()
    axes.plot(coverage, 1 - accuracy, color=ACCENT)
    at = int(np.searchsorted(-thresholds, -chosen, side="right")) - 1
    if at >= 0:
        axes.plot(coverage[at], 1 - accuracy[at], "o", color=INK, label=f"confident: p ≥ {chosen:.2f}", clip_on=False)
        axes.legend(loc="upper left", frameon=False)
    axes.set(xlabel="coverage (share of sentences kept)", ylabel="risk (share of wrong labels)", xlim=(0, 1), ylim=(0, None))
    _write(figure, path)


def plot_confusion(confusion: Sequence[Sequence[int]], labels: Sequence[str], path: Path) -> None:
    """A confusion matrix with its counts; a cell is as dark as its share of the sentences of its true label."""
    counts = np.array(confusion, dtype=np.float64)
    shares = counts / counts.sum(1, keepdims=True).clip(min=1)
    size = 1.9 + 0.75 * len(labels)
    figure, axes = plt.subplots(figsize=(size, size), layout="constrained")
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(counts.shape):
        colour = "white" if shares[row, column] > 0.55 else INK
        axes.text(column, row, f"{counts[row, column]:.0f}", ha="center", va="center", color=colour)
    places = np.arange(len(labels))
    axes.set(xticks=places, yticks=places, yticklabels=labels, xlabel="said", ylabel="truth")
    axes.set_xticks(places, labels, rotation=30, ha="right")
    _write(figure, path)


def plot_precision_recall(curves: Sequence[tuple[str, npt.NDArray[np.float64], npt.NDArray[np.bool_]]], path: Path) -> None:
    """Precision against recall, a curve for each (name, scores, truth); those without a true row are left out."""
    from sklearn.metrics import precision_recall_curve

    figure, axes = _square()
    for name, scores, truth in curves:
        if truth.any():
            precision, recall, _ = precision_recall_curve(truth, scores)
            axes.plot(recall, precision, label=name)
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
    axes.legend(loc="lower left", frameon=False)
    _write(figure, path)


def plot_curves(curves: Mapping[str, Sequence[tuple[float, float]]], xlabel: str, ylabel: str, path: Path) -> None:
    """A line for each name through its (x, y) points; x counts rows, on a logarithmic axis."""
    figure, axes = _square()
    for name, points in curves.items():
        axes.plot(*zip(*points, strict=True), marker="o", label=name)
    axes.set(xlabel=xlabel, ylabel=ylabel, xscale="log")
    axes.legend(frameon=False)
    _write(figure, path)


def plot_intervals(names: Sequence[str], values: Sequence[float], intervals: Sequence[tuple[float, float]], label: str, path: Path) -> None:
    """One bar a name, the first on top, with its interval."""
    figure, axes = plt.subplots(figsize=(7.2, 0.9 + 0.42 * len(names)), layout="constrained")
    at = np.arange(len(names))[::-1]
    edges = np.array([[value - low, high - value] for value, (low, high) in zip(values, intervals, strict=True)]).T
    axes.barh(at, values, xerr=edges, color=ACCENT, ecolor=INK, height=0.6, capsize=3)
    axes.set(yticks=at, yticklabels=names, xlabel=label, xlim=(0, 1))
    axes.spines[["top", "right"]].set_visible(False)
    _write(figure, path)


def _square() -> tuple[Any, Any]:
    figure, axes = plt.subplots(figsize=(4.6, 4.2), layout="constrained")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    return figure, axes


def _write(figure: Any, path: Path) -> None:
    # Without the library's version in the file the same figures are the same bytes.
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)
