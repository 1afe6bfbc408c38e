"""A retrained model as a folder: the encoder of the model it came from, new heads, and a card written from the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..model.bundle import Bundle, digest, find, save
from .card import table, versions, without_nan
from .evaluate import write_plots
from .labels import LabelledRow, shortened
from .retrain import Choices, Retrained

LIBRARIES = ("scikit-learn", "scipy", "onnxruntime", "tokenizers", "numpy")
"""Their versions shape a refitted head."""


@dataclass(frozen=True)
class Run:
    """What a card tells of a run: the model it began with, the files of labels, and the command."""

    model: str
    files: Sequence[str]
    command: str
    choices: Choices


def pack(folder: Path, bundle: Bundle, found: Retrained, rows: Sequence[LabelledRow], run: Run, *, overwrite: bool) -> dict[str, Any]:
    """Write the model folder, whole or not at all → what its manifest says of the run."""
    entry = dict(bundle.manifest["encoder"])
    source = find(run.model)
    counted = Counter(str(row.label) for row in rows if row.label is not None)
    training = {
        "from": bundle.identity,
        "rows": dict(counted),
        "files": {shortened(path): digest(Path(path)) for path in run.files if Path(path).is_file()},
        "starter": not run.choices.only_mine,
        "pulls": found.pulls,
        "seed": run.choices.seed,
        "command": run.command,
    }
    about: dict[str, Any] = without_nan({"training": training, "quality": _quality(bundle, found), "versions": versions(LIBRARIES)})
    with TemporaryDirectory() as scratch:
        plots = write_plots(found.judged, found.measured, found.heads.stance.confident_from, Path(scratch))
        files = {name: source / name for part in ("file", "tokenizer") if (name := entry.get(part))}
        files |= {path.name: path for path in plots}
        text = retrained_card(folder.name, about, found, plots)
        save(folder, heads=found.heads, encoder=entry, files=files, about=about, card=text, overwrite=overwrite)
    return about


def _quality(bundle: Bundle, found: Retrained) -> dict[str, Any]:
    """The figures of the heads that were refitted, those of the old model for the others, and how the two compare."""
    old = bundle.manifest.get("quality", {})
    quality: dict[str, Any] = {key: old[key] for key in ("stance", "garbled", "content") if key in old}
    figures = found.evaluation.figures
    if figures.stance is not None:
        quality["stance"] = {**asdict(figures.stance), "macro_f1_interval": figures.interval}
    if figures.garbled is not None:
        quality["garbled"] = asdict(figures.garbled)
    quality["comparisons"] = [asdict(comparison) for comparison in found.evaluation.comparisons]
    if found.elsewhere is not None:
        quality["elsewhere"] = {"before": found.elsewhere[0], "after": found.elsewhere[1]}
    return quality


def retrained_card(name: str, about: dict[str, Any], found: Retrained, plots: Sequence[Path]) -> str:
    """The text of a retrained model's ``README.md``."""
    training, figures = about["training"], found.evaluation.figures
    lines = [
        f"# newsgauge model `{name}`",
        "",
        f"Heads refitted on somebody's own labels; the encoder is that of `{training['from']}`.",
        "",
        f"- Made with: `{training['command']}`",
        f"- Labels: {', '.join(found.heads.stance.labels)}",
        f"- Rows: {', '.join(f'{count:,} {label}' for label, count in sorted(training['rows'].items()))}"
        + (", beside the starter articles" if training["starter"] else ", and no others"),
        *(f"- Data: `{file}`, SHA-256 `{hashed}`" for file, hashed in training["files"].items()),
        *(f"- The {head} head: {_told(pull)}" for head, pull in found.pulls.items()),
        f"- Versions: {', '.join(f'{library} {version}' for library, version in about['versions'].items())}",
        "",
        "## Quality",
        "",
        f"Measured on {found.held_out}; of {figures.documents} documents. Heads without rows of their own are those of the old model.",
        "",
    ]
    if figures.stance is not None:
        report, labels = figures.stance, found.heads.stance.labels
        low, high = figures.interval or (float("nan"), float("nan"))
        scores = [[label, *(f"{part[label]:.3f}" for part in (report.precision, report.recall, report.f1))] for label in labels]
        lines += [
            f"Stance, {report.rows:,} sentences: **macro-F1 {report.macro_f1:.3f}** (95 % interval {low:.3f}–{high:.3f}), accuracy "
            f"{report.accuracy:.3f}, expected calibration error {report.calibration_error:.3f}.",
            "",
            table(["label", "precision", "recall", "F1"], scores),
            "",
            table(["truth ↓, said →", *labels], [[label, *map(str, report.confusion[i])] for i, label in enumerate(labels)]),
            "",
        ]
    if figures.garbled is not None:
        garbled = figures.garbled
        told = f"Garbled, {garbled.rows:,} sentences: **AUROC {garbled.auroc:.3f}** ({garbled.interval[0]:.3f}–{garbled.interval[1]:.3f})"
        lines += [f"{told}; at the threshold {garbled.recall:.1%} are found at {garbled.false_flags:.1%} false flags.", ""]
    lines += comparison_lines(found)
    lines += [f"![{path.stem.replace('_', ' ')}]({path.name})" for path in plots]
    lines += [
        "",
        "## What not to use it for",
        "",
        "It labels what a sentence does to the record, not whether the sentence is true; a high machine-translation probability is",
        "a reason to read, not proof. It is measured on the kind of text that it was given, and on nothing else.",
        "",
        "## Licence",
        "",
        "The encoder's weights are Apache-2.0, the starter articles CC0. The labelled rows are not contained here; whether heads made",
        "from them may be passed on is for whoever owns them to say.",
        "",
    ]
    return "\n".join(lines)


def comparison_lines(found: Retrained) -> list[str]:
    """What a card says of a model beside the one that it came from."""
    lines = []
    for one in found.evaluation.comparisons:
        told = f"{one.one:.3f} against {one.other:.3f}, a difference of {100 * one.difference:+.1f} points"
        lines += [f"{one.figure} beside the old model: {told} ({100 * one.low:+.1f} to {100 * one.high:+.1f}): **{one.verdict}**.", ""]
    if found.elsewhere is not None:
        lines += [f"On held-out starter articles: macro-F1 {found.elsewhere[1]:.3f}; the old model had {found.elsewhere[0]:.3f}.", ""]
    return lines


def _told(pull: float | None) -> str:
    if pull is None:
        return "kept, since no refit did better on held-out rows"
    return f"refitted with a pull of {pull:g} towards what it said before"
