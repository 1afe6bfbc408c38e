"""Evaluation: what a model says of labelled rows, its figures with intervals, and a second model beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..model.bundle import Bundle, Heads
from ..model.encoder import Encoder
from ..model.errors import NewsgaugeError
from ..model.heads import sigmoid
from ..model.neighbours import own
from ..model.signs import find_signs
from .compare import Comparison, auroc_interval, compare_labels, compare_scores
from .embed import embed, labelled
from .labels import LabelledRow, grouped
from .metrics import StanceReport, auroc, macro_f1_interval, risk_coverage, stance_report
from .rows import LabelledDocument, Row
from .split import groups

Array = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]

COVERAGES = (0.25, 0.5, 0.75, 0.9, 1.0)


@dataclass(frozen=True)
class Judged:
    """What a model says of rows whose label is known.

    *Shapes:* ``stance`` (stance rows, labels), probabilities; ``garbled`` (quality rows,), probabilities; ``stance_rows`` and
    ``quality_rows`` are the places of these rows in the list that was judged.
    """

    model: str
    labels: tuple[str, ...]
    threshold: float
    stance_rows: list[int]
    stance: Array
    quality_rows: list[int]
    garbled: Array


@dataclass(frozen=True, slots=True)
class GarbledReport:
    """Quality of the garbled probability. ``recall`` and ``false_flags`` are at the model's own ``threshold``."""

    rows: int
    garbled: int
    auroc: float
    interval: tuple[float, float]
    threshold: float
    recall: float
    false_flags: float


@dataclass(frozen=True, slots=True)
class Figures:
    """One model's figures; ``interval`` is of macro-F1, 95 %; ``risk_coverage`` holds (coverage, accuracy) pairs."""

    model: str
    documents: int
    stance: StanceReport | None
    interval: tuple[float, float] | None
    risk_coverage: tuple[tuple[float, float], ...]
    garbled: GarbledReport | None


@dataclass(frozen=True, slots=True)
class Differing:
    """A sentence of which two models say different things."""

    where: str
    text: str
    truth: str
    one: str
    other: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A model's figures and, where there is a second one, its figures, the comparisons and the sentences where they differ."""

    figures: Figures
    against: Figures | None = None
    comparisons: tuple[Comparison, ...] = ()
    differing: tuple[Differing, ...] = ()


def label_probabilities(bundle: Bundle, documents: list[LabelledDocument]) -> tuple[list[Row], Array]:
    """What *bundle* says of every row with a stance label, each scored in its context. *Shape:* (rows, labels)."""
    rows, vectors = labelled(embed(bundle.encoder, documents, context=True))
    return rows, bundle.heads.stance.probabilities(vectors).astype(np.float64)


def embed_rows(encoder: Encoder, rows: Sequence[LabelledRow], owners: Sequence[str]) -> Floats:
    """The embedding of each row in context, encoded among its neighbours. *Shape:* (rows, 3 * width)."""
    documents, places = grouped(rows, owners)
    found = embed(encoder, documents, context=True).vectors
    vectors = np.zeros((len(rows), found.shape[1]), np.float32)
    kept = np.array(places, dtype=np.int64) >= 0
    vectors[np.array(places, dtype=np.int64)[kept]] = found[kept]
    return vectors


def stance_places(rows: Sequence[LabelledRow]) -> list[int]:
    """Where the rows with a stance label are."""
    return [i for i, row in enumerate(rows) if row.stance is not None]


def quality_places(rows: Sequence[LabelledRow]) -> list[int]:
    """Where the rows labelled clean or garbled are."""
    return [i for i, row in enumerate(rows) if row.garbled is not None]


def judge(model: str, heads: Heads, rows: Sequence[LabelledRow], vectors: Floats) -> Judged:
    """What *heads* say of *rows*. *Shape* of ``vectors``: (rows, 3 * width), in context."""
    stance, quality = stance_places(rows), quality_places(rows)
    logits = heads.garble.logits(own(vectors[quality]), [find_signs(rows[i].text) for i in quality])
    return Judged(
        model,
        heads.stance.labels,
        heads.garble.threshold,
        stance,
        heads.stance.probabilities(vectors[stance]).astype(np.float64),
        quality,
        sigmoid(logits).astype(np.float64),
    )


def figures(judged: Judged, rows: Sequence[LabelledRow], owners: Sequence[str]) -> Figures:
    """The figures of what was *judged* of *rows*, whose groups are *owners*."""
    report, interval, coverage = None, None, []
    if judged.stance_rows:
        truth, said = _truth(judged, rows), _said(judged)
        report = stance_report(judged.stance, truth, [rows[i].secondary for i in judged.stance_rows], judged.labels)
        interval = macro_f1_interval(truth, said, [owners[i] for i in judged.stance_rows], labels=judged.labels)
        right = np.array([one == other for one, other in zip(truth, said, strict=True)])
        _, covered, accuracy = risk_coverage(judged.stance.max(1), right)
        coverage = [(wanted, float(accuracy[int(np.searchsorted(covered, wanted - 1e-9))])) for wanted in COVERAGES]
    used = {owners[i] for i in (*judged.stance_rows, *judged.quality_rows)}
    return Figures(judged.model, len(used), report, interval, tuple(coverage), _garbled(judged, rows, owners))


def _garbled(judged: Judged, rows: Sequence[LabelledRow], owners: Sequence[str]) -> GarbledReport | None:
    if not judged.quality_rows:
        return None
    truth = _garbled_truth(judged, rows)
    flagged = judged.garbled >= judged.threshold
    return GarbledReport(
        rows=len(truth),
        garbled=int(truth.sum()),
        auroc=auroc(judged.garbled, truth),
        interval=auroc_interval(truth, judged.garbled, [owners[i] for i in judged.quality_rows]),
        threshold=judged.threshold,
        recall=float(flagged[truth].mean()) if truth.any() else float("nan"),
        false_flags=float(flagged[~truth].mean()) if not truth.all() else float("nan"),
    )


def _truth(judged: Judged, rows: Sequence[LabelledRow]) -> list[str]:
    return [str(rows[i].stance) for i in judged.stance_rows]


def _said(judged: Judged) -> list[str]:
    return [judged.labels[best] for best in judged.stance.argmax(1)]


def _garbled_truth(judged: Judged, rows: Sequence[LabelledRow]) -> npt.NDArray[np.bool_]:
    return np.array([bool(rows[i].garbled) for i in judged.quality_rows], dtype=bool)


def compared(one: Judged, other: Judged | None, rows: Sequence[LabelledRow], owners: Sequence[str]) -> Evaluation:
    """The figures of *one* and, where it is given, of *other* beside them. Labels are compared only where both have the same."""
    first = figures(one, rows, owners)
    if other is None:
        return Evaluation(first)
    if set(other.labels) != set(one.labels):
        other = replace(other, stance_rows=[], stance=np.zeros((0, len(other.labels))))
    comparisons, differing = [], []
    if one.stance_rows and other.stance_rows:
        truth, said, before = _truth(one, rows), _said(one), _said(other)
        comparisons.append(compare_labels(truth, said, before, [owners[i] for i in one.stance_rows], one.labels))
        for i, label, here, there in zip(one.stance_rows, truth, said, before, strict=True):
            if here != there:
                differing.append(Differing(rows[i].where, rows[i].text, label, here, there))
    if one.quality_rows:
        known = _garbled_truth(one, rows)
        comparisons.append(compare_scores(known, one.garbled, other.garbled, [owners[i] for i in one.quality_rows]))
        names = ("clean", "garbled")
        here_flags, there_flags = (judged.garbled >= judged.threshold for judged in (one, other))
        flags = zip(one.quality_rows, known.tolist(), here_flags.tolist(), there_flags.tolist(), strict=True)
        differing += [
            Differing(rows[i].where, rows[i].text, names[label], names[here], names[there])
            for i, label, here, there in flags
            if here != there
        ]
    return Evaluation(first, figures(other, rows, owners), tuple(comparisons), tuple(differing))


def evaluate(bundle: Bundle, rows: Sequence[LabelledRow], *, against: Bundle | None = None) -> tuple[Evaluation, Judged]:
    """Evaluate a model on *rows*, and a second one on the same. :class:`NewsgaugeError` where their labels differ."""
    if against is not None and set(against.heads.stance.labels) != set(bundle.heads.stance.labels) and stance_places(rows):
        raise NewsgaugeError(
            f"{against.identity} has the labels {', '.join(against.heads.stance.labels)}, and {bundle.identity} has "
            f"{', '.join(bundle.heads.stance.labels)}; only models of the same labels can be compared."
        )
    owners = groups(rows)
    judged = [judge(model.identity, model.heads, rows, embed_rows(model.encoder, rows, owners)) for model in (bundle, against) if model]
    return compared(judged[0], judged[1] if against is not None else None, rows, owners), judged[0]


def write_plots(judged: Judged, rows: Sequence[LabelledRow], confident_from: float, folder: Path) -> list[Path]:
    """Confusion, reliability, risk-coverage and precision-recall plots, as far as *rows* have labels for them → their files."""
    from .plots import plot_confusion, plot_precision_recall, plot_reliability, plot_risk_coverage

    folder.mkdir(parents=True, exist_ok=True)
    curves: list[tuple[str, Array, npt.NDArray[np.bool_]]] = []
    written = []
    if judged.stance_rows:
        truth, said = _truth(judged, rows), _said(judged)
        right = np.array([one == other for one, other in zip(truth, said, strict=True)])
        report = stance_report(judged.stance, truth, [None] * len(truth), judged.labels)
        written = [folder / name for name in ("confusion.png", "reliability.png", "risk_coverage.png")]
        plot_confusion(report.confusion, judged.labels, written[0])
        plot_reliability(judged.stance.max(1), right, written[1])
        plot_risk_coverage(judged.stance.max(1), right, confident_from, written[2])
        curves += [(label, judged.stance[:, i], np.array([one == label for one in truth])) for i, label in enumerate(judged.labels)]
    if judged.quality_rows:
        curves.append(("garbled", judged.garbled, _garbled_truth(judged, rows)))
    plot_precision_recall(curves, folder / "precision_recall.png")
    return [*written, folder / "precision_recall.png"]


def as_json(evaluation: Evaluation) -> dict[str, Any]:
    """An evaluation as an object of JSON; what could not be measured is null."""
    from dataclasses import asdict

    from .card import without_nan

    found: dict[str, Any] = without_nan(asdict(evaluation))
    return found
