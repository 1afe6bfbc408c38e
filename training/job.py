"""A training job: files of labels in, a model folder out, with the label check and the evaluation beside it."""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..model.bundle import check_labels, load
from ..model.errors import BundleError, MissingExtraError
from ..report.atomic import atomic_output
from .labels import Columns, LabelError, LabelledRow, read_labels, shortened

if TYPE_CHECKING:
    from .retrain import Retrained

HEADS_LIBRARIES = ("sklearn", "scipy", "joblib", "matplotlib")


def need(extra: str, libraries: Sequence[str]) -> None:
    """:class:`MissingExtraError` with the command to run, where one of *libraries* is not installed."""
    missing = [library for library in libraries if importlib.util.find_spec(library) is None]
    if missing:
        raise MissingExtraError(f"This needs {', '.join(missing)}, which is not installed; run: pip install 'newsgauge[{extra}]'.")


@dataclass(frozen=True)
class Job:
    """What to train. ``labels``: a scheme of the user's own; ``cache``, ``seeds``: None for the usual folders."""

    files: Sequence[str]
    output: Path
    model: str = "default"
    labels: tuple[str, ...] | None = None
    only_mine: bool = False
    dev: Sequence[str] = ()
    seed: int = 13
    seeds: Path | None = None
    cache: Path | None = None
    report: Path | None = None
    columns: Columns = field(default_factory=Columns)
    overwrite: bool = False


def command_of(job: Job) -> str:
    """The command that makes the model again, with names of files in place of their paths here."""
    words = ["newsgauge train", *map(shortened, job.files), "-o", job.output.name, "--model", shortened(job.model)]
    words += ["--labels", ",".join(job.labels)] if job.labels is not None else []
    words += [word for path in job.dev for word in ("--dev", shortened(path))]
    words += ["--only-mine"] if job.only_mine else []
    return " ".join([*words, "--seed", str(job.seed)])


def prepare(job: Job) -> None:
    """:class:`BundleError` or :class:`OSError` where the model or the report could not be written, before anything is spent on training."""
    refuse_existing(job.output, overwrite=job.overwrite)
    if job.report is not None:
        job.report.mkdir(parents=True, exist_ok=True)


def refuse_existing(output: Path, *, overwrite: bool) -> None:
    """:class:`BundleError` where the model folder is there or cannot be."""
    if output.exists() and not overwrite:
        raise BundleError(f"{output} exists; choose another folder, or add --overwrite to replace it.")
    parent = next(folder for folder in output.absolute().parents if folder.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise BundleError(f"{output} cannot be written: {parent} is no folder that you may write to; choose another one.")
    if output.exists() and not (output / "manifest.json").is_file():
        raise BundleError(f"{output} exists and is no model folder; choose another folder: it is not overwritten.")


def read_job(job: Job, scheme: Sequence[str]) -> tuple[list[LabelledRow], list[LabelledRow]]:
    """The rows to train on and those given to measure on; labels are of *scheme*. :class:`LabelError` where no model can have those."""
    try:
        check_labels(scheme)
    except ValueError as error:
        raise LabelError(f"These labels cannot be used: {error}.") from error
    dev = read_labels(job.dev, labels=scheme, columns=job.columns) if job.dev else []
    return read_labels(job.files, labels=scheme, columns=job.columns), dev


def train_heads(job: Job, *, watch: Callable[[int, int], None] = lambda done, total: None) -> Retrained:
    """Refit the heads of a model and write the folder; *watch* is told how many sentences of how many are embedded."""
    need("heads", HEADS_LIBRARIES)
    from .cache import CachedEncoder, cache_folder, encoder_identity
    from .packing import Run, pack
    from .retrain import Choices, retrain, workload
    from .starter import load_starter, shipped_seeds

    prepare(job)
    bundle = load(job.model)
    rows, dev = read_job(job, job.labels or bundle.heads.stance.labels)
    starter = load_starter(job.seeds or shipped_seeds(), seed=job.seed)
    total, done = workload(rows, dev, starter), 0

    def embedded(sentences: int) -> None:
        nonlocal done
        done = min(total, done + sentences)
        watch(done, total)

    encoder = CachedEncoder(bundle.encoder, encoder_identity(bundle.manifest), job.cache or cache_folder(), watch=embedded)
    choices = Choices(job.labels, job.only_mine, job.seed)
    found = retrain(bundle, encoder, rows, starter, choices, dev=dev)
    pack(job.output, bundle, found, rows, Run(job.model, job.files, command_of(job), choices), overwrite=job.overwrite)
    if job.report is not None:
        write_report(job.report, found)
    encoder.trim()
    return found


def write_report(folder: Path, found: Retrained) -> None:
    """What the label check found and the whole evaluation, as ``findings.csv`` and ``evaluation.json``; earlier ones are replaced."""
    from .check import write_findings
    from .evaluate import as_json

    with atomic_output(folder / "findings.csv", overwrite=True) as stream:
        write_findings(found.findings, stream)
    with atomic_output(folder / "evaluation.json", overwrite=True) as stream:
        stream.write(json.dumps(as_json(found.evaluation), indent=1, ensure_ascii=False).encode() + b"\n")
