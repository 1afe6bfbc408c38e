"""Two models on the same rows: is one better, and where do they differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .metrics import confusion_by_group, group_draws, macro_f1_of, resampled, weighted_auroc

Array = npt.NDArray[np.float64]

DRAWS = 1000
SHARE = 0.95
BETTER, WORSE, NO_TELLING = "better", "worse", "no telling"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A figure of one model less that of another, with its interval by a paired bootstrap over documents.

    ``verdict`` is :data:`BETTER` or :data:`WORSE` where the interval lies on one side of zero, else :data:`NO_TELLING`.
    """

    figure: str
    one: float
    other: float
    difference: float
    low: float
    high: float
    verdict: str
    documents: int


def compare_labels(
    truth: Sequence[str], one: Sequence[str], other: Sequence[str], groups: Sequence[str], labels: Sequence[str], *, seed: int = 13
) -> Comparison:
    """Macro-F1 of two sets of predictions, *one* less *other* (paired bootstrap: Berg-Kirkpatrick et al. 2012)."""
    tables = [confusion_by_group(truth, said, groups, labels) for said in (one, other)]
    counted = tables[0].sum((0, 2)) > 0
    first, second = (float(macro_f1_of(table.sum(0, keepdims=True), counted)[0]) for table in tables)
    drawn = [macro_f1_of(resampled(table, DRAWS, seed), counted) for table in tables]
    return _verdict("macro-F1", first, second, drawn[0] - drawn[1], len(tables[0]))


def compare_scores(truth: npt.NDArray[np.bool_], one: Array, other: Array, groups: Sequence[str], *, seed: int = 13) -> Comparison:
    """AUROC of two sets of scores, *one* less *other*, by the same bootstrap; draws with a single class are left out."""
    _, owner = np.unique(groups, return_inverse=True)
    count = int(owner.max()) + 1
    everything = np.ones(len(truth))
    first, second = (weighted_auroc(scores, truth, everything) for scores in (one, other))
    drawn = [
        weighted_auroc(one, truth, weights[owner]) - weighted_auroc(other, truth, weights[owner])
        for weights in group_draws(count, DRAWS, seed)
    ]
    return _verdict("AUROC", first, second, np.array(drawn), count)


def _verdict(figure: str, one: float, other: float, drawn: Array, documents: int) -> Comparison:
    known = drawn[~np.isnan(drawn)]
    # A bootstrap over a handful of documents knows nothing of the spread between documents.
    conclusive = documents >= 5 and len(known) > 0
    low, high = (float(edge) for edge in np.quantile(known, [(1 - SHARE) / 2, (1 + SHARE) / 2])) if conclusive else (-1.0, 1.0)
    verdict = BETTER if low > 0 else WORSE if high < 0 else NO_TELLING
    return Comparison(figure, one, other, one - other, low, high, verdict, documents)


def auroc_interval(truth: npt.NDArray[np.bool_], scores: Array, groups: Sequence[str], *, seed: int = 13) -> tuple[float, float]:
    """A percentile bootstrap interval of AUROC over documents; NaN where there is a single class."""
    _, owner = np.unique(groups, return_inverse=True)
    drawn = np.array([weighted_auroc(scores, truth, weights[owner]) for weights in group_draws(int(owner.max()) + 1, DRAWS, seed)])
    known = drawn[~np.isnan(drawn)]
    if len(known) == 0:
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - SHARE) / 2, (1 + SHARE) / 2])
    return float(low), float(high)
