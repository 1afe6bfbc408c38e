"""An evaluation for people: tables on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from .terminal import LABEL_STYLES, OTHER_LABEL_STYLE, printable

if TYPE_CHECKING:
    from ..training.check import Finding
    from ..training.compare import Comparison
    from ..training.evaluate import Evaluation, Figures

SHOWN = 20
"""So many sentences on which two models differ are shown; JSON has them all."""


def evaluation_summary(evaluation: Evaluation) -> Group:
    """The figures of a model and, where there is a second one, how the two compare and where they differ."""
    models = [evaluation.figures, *([evaluation.against] if evaluation.against else [])]
    parts: list[RenderableType] = [_overview(models)]
    report = evaluation.figures.stance
    if report is not None:
        parts += [Text(), _classes(evaluation.figures)]
    parts += [Text(comparison_line(one), style="bold") for one in evaluation.comparisons]
    if evaluation.differing:
        parts += [Text(), _differing(evaluation)]
    return Group(*parts)


def comparison_line(one: Comparison) -> str:
    """A comparison in words."""
    interval = f"{100 * one.low:+.1f} to {100 * one.high:+.1f}, {one.documents:,} documents"
    return f"{one.verdict}: {one.figure} {one.one:.3f} against {one.other:.3f}, {100 * one.difference:+.1f} points ({interval})"


def _overview(models: Sequence[Figures]) -> Table:
    table = _table("", *(Text(printable(model.model)) for model in models))

    def add(name: str, values: Iterable[str]) -> None:
        cells = list(values)
        if any(cells):
            table.add_row(name, *cells)

    def span(interval: tuple[float, float] | None) -> str:
        return f" ({interval[0]:.3f}–{interval[1]:.3f})" if interval else ""

    add("sentences with a label", (f"{m.stance.rows:,}" if m.stance else "" for m in models))
    add("documents", (f"{m.documents:,}" for m in models))
    add("macro-F1 (95 % interval)", (f"{m.stance.macro_f1:.3f}{span(m.interval)}" if m.stance else "" for m in models))
    add("accuracy", (f"{m.stance.accuracy:.3f}" if m.stance else "" for m in models))
    add("with second labels", (f"{m.stance.acceptable:.3f}" if m.stance else "" for m in models))
    add("calibration error", (f"{m.stance.calibration_error:.3f}" if m.stance else "" for m in models))
    for place, (coverage, _) in enumerate(models[0].risk_coverage[:-1]):
        told = (f"{m.risk_coverage[place][1]:.3f}" if m.risk_coverage else "" for m in models)
        add(f"accuracy of the surest {coverage:.0%}", told)
    add("garbled: sentences", (f"{m.garbled.garbled:,} of {m.garbled.rows:,}" if m.garbled else "" for m in models))
    add("garbled: AUROC (95 % interval)", (f"{m.garbled.auroc:.3f}{span(m.garbled.interval)}" if m.garbled else "" for m in models))
    add("garbled: found", (f"{m.garbled.recall:.1%}" if m.garbled else "" for m in models))
    add("garbled: false flags", (f"{m.garbled.false_flags:.1%}" if m.garbled else "" for m in models))
    return table


def _classes(figures: Figures) -> Table:
    report = figures.stance
    assert report is not None
    table = _table("truth ↓, said →", *(Text(printable(label)) for label in report.f1), "precision", "recall", "F1")
    for i, (label, f1) in enumerate(report.f1.items()):
        counts = [Text(str(count), style="bold" if i == j else "") for j, count in enumerate(report.confusion[i])]
        scores = (report.precision[label], report.recall[label], f1)
        table.add_row(Text(printable(label), style=LABEL_STYLES.get(label, OTHER_LABEL_STYLE)), *counts, *(f"{s:.2f}" for s in scores))
    return table


def _differing(evaluation: Evaluation) -> Table:
    table = _table("truth", "said", "before", f"where they differ ({len(evaluation.differing):,})", last_left=True)
    for one in evaluation.differing[:SHOWN]:
        table.add_row(*(Text(printable(cell)) for cell in (one.truth, one.one, one.other, one.text)))
    return table


def _table(first: str, *others: str | Text, last_left: bool = False) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(first, no_wrap=True)
    for name in others:
        table.add_column(name, justify="left" if last_left else "right", overflow="fold", no_wrap=not last_left)
    return table


def finding_line(finding: Finding) -> str:
    """A finding of the label check in words, with file and line."""
    text = printable(finding.text[:60])
    if finding.kind == "contradiction":
        return f"{finding.where}: {finding.label!r}, but {finding.other_where} says {finding.other!r} of the same sentence: {text}"
    if finding.kind == "leak":
        return f"{finding.where}: the {finding.other} is among the training rows ({finding.other_where}): {text}"
    return f"{finding.where}: {finding.label!r} looks like {finding.other!r} (its probability is {finding.confidence:.2f}): {text}"
