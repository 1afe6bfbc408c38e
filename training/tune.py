"""Tuning: the encoder trained on somebody's own labels, then exported, checked, measured and written as a model folder."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..model.bundle import Bundle, find, load, save
from ..model.errors import BundleError, NewsgaugeError
from ..model.windows import WindowShape
from .card import without_nan
from .check import contradictions, leaks
from .corpora import Corpora, load_corpora
from .evaluate import compared, embed_rows, judge
from .job import HEADS_LIBRARIES, Job, command_of, need, prepare, read_job, write_report
from .labels import LabelledRow, grouped
from .packing import comparison_lines
from .retrain import Choices, Retrained, check_rows, macro_f1_elsewhere, scheme
from .rows import STANCE_LABELS, LabelledDocument
from .split import folds, groups
from .starter import load_starter, shipped_seeds

log = logging.getLogger(__name__)

LIBRARIES = (*HEADS_LIBRARIES, "torch", "transformers", "onnx")


@dataclass(frozen=True)
class Tuning:
    """How to train the encoder. ``base``: a model folder or name, a folder of transformers, a hub id; ``run``: the checkpoints."""

    base: str
    epochs: int
    learning_rate: float
    run: Path | None


def train_encoder(job: Job, tuning: Tuning, *, quiet: bool = False) -> Retrained:
    """Fine-tune the encoder and write the model folder; a run that was interrupted goes on where it stopped.

    A model folder is its own checkpoint: its int8 weights are given back to torch (see :mod:`~.restore`).
    """
    need("train", LIBRARIES)
    from . import recipe

    prepare(job)
    bundle = load(job.model)
    choices = Choices(job.labels, job.only_mine, job.seed)
    labels = scheme(bundle, choices)
    rows, dev = read_job(job, labels)
    check_rows(rows, labels, choices)
    train, measured = (rows, dev) if dev else held_out(rows, seed=job.seed)
    # Heads, temperature and thresholds are chosen on rows that neither train the network nor measure it.
    fit, chosen_on = held_out(train, seed=job.seed)
    base = _base(tuning.base)
    corpora = mixture(fit, chosen_on, job.seeds or shipped_seeds(), labels, only_mine=job.only_mine)
    refuse_missing(corpora, labels)
    run = tuning.run or job.output.with_name(f"{job.output.name}.run")
    window = bundle.manifest["encoder"].get("window", asdict(WindowShape()))["tokens"]
    settings = {
        "base": base,
        "run": run,
        "output": run / "model",
        "seeds": job.seeds or shipped_seeds(),
        "epochs": tuning.epochs,
        "learning-rate": tuning.learning_rate,
        "seed": job.seed,
        "window": window,
    }
    options = recipe.parser().parse_args(["--overwrite", *(f"--{name}={value}" for name, value in settings.items())])
    told = f"{command_of(job)} --finetune --base {Path(base).name} --epochs {tuning.epochs} --learning-rate {tuning.learning_rate}"
    if not quiet:
        logging.basicConfig(format="newsgauge: %(message)s")
        logging.getLogger("newsgauge").setLevel(logging.INFO)
    try:
        network = recipe.fine_tuned(options, corpora, labels=labels)
        recipe.package(options, corpora, network, old=bundle.heads.garble, command=told)
    except (FloatingPointError, ValueError, OSError) as error:
        raise NewsgaugeError(f"The encoder could not be trained ({' '.join(str(error).split())[:300]}); no model was written.") from error
    tuned = load(run / "model")
    found = _measured(bundle, tuned, rows, measured, train, job, given=bool(dev))
    _write(job, tuned, run / "model", found, bundle, told)
    if job.report is not None:
        write_report(job.report, found)
    return found


def held_out(rows: Sequence[LabelledRow], *, seed: int) -> tuple[list[LabelledRow], list[LabelledRow]]:
    """A fifth of the documents to measure on, the rest to train on."""
    known = {label: i for i, label in enumerate(sorted({str(row.label) for row in rows}))}
    train, test = folds(np.array([known[str(row.label)] for row in rows], dtype=np.int64), groups(rows), seed=seed)[0]
    return [rows[i] for i in train], [rows[i] for i in test]


def refuse_missing(corpora: Corpora, labels: Sequence[str]) -> None:
    """:class:`NewsgaugeError` where no row to train on has one of the *labels*: a stance head cannot be fitted then."""
    documents = corpora.stance + corpora.seeds + corpora.twins + corpora.round_trips
    known = {row.stance for document in documents for row in document.rows}
    missing = [label for label in labels if label not in known]
    if missing:
        told = f"no row that is left to train on is labelled {', '.join(missing)}, with the others held out to choose on and to measure"
        raise NewsgaugeError(f"--finetune cannot train these labels: {told}; label more documents, or train without --finetune.")


def mixture(train: Sequence[LabelledRow], dev: Sequence[LabelledRow], seeds: Path, labels: Sequence[str], *, only_mine: bool) -> Corpora:
    """The user's documents beside the starter data; of the latter only quality and boilerplate where its labels do not count."""
    corpora = load_corpora(seeds, None)
    if only_mine or not set(STANCE_LABELS) <= set(labels):
        plain = {name: [_without_stance(one) for one in documents] for name, documents in vars(corpora).items()}
        corpora = Corpora(**plain)
    own, own_dev = (_documents(rows) for rows in (train, dev))
    return replace(
        corpora,
        stance=[one for one in own if _stance(one)],
        stance_dev=[one for one in own_dev if _stance(one)],
        quality=[replace(one, consecutive=False) for one in own if not _stance(one)],
        quality_dev=[replace(one, consecutive=False) for one in own_dev if not _stance(one)],
    )


def _documents(rows: Sequence[LabelledRow]) -> list[LabelledDocument]:
    return grouped(rows, groups(rows))[0]


def _stance(document: LabelledDocument) -> bool:
    return any(row.stance is not None for row in document.rows)


def _without_stance(document: LabelledDocument) -> LabelledDocument:
    return replace(document, rows=tuple(replace(row, stance=None, secondary=None) for row in document.rows))


def _base(base: str) -> str:
    """The folder of a model by its name, else *base* as it is; :class:`NewsgaugeError` where it cannot be exported later."""
    with suppress(BundleError):
        return str(find(base))
    from transformers import AutoConfig

    from .export import refuse_unknown

    try:
        refuse_unknown(AutoConfig.from_pretrained(base))
    except (OSError, ValueError) as error:
        raise NewsgaugeError(f"--base {base} cannot be used ({' '.join(str(error).split())[:300]}).") from error
    return base


def _measured(
    bundle: Bundle,
    tuned: Bundle,
    rows: Sequence[LabelledRow],
    measured: list[LabelledRow],
    train: Sequence[LabelledRow],
    job: Job,
    *,
    given: bool,
) -> Retrained:
    owners = groups(measured)
    new = judge("new", tuned.heads, measured, embed_rows(tuned.encoder, measured, owners))
    before = judge(bundle.identity, bundle.heads, measured, embed_rows(bundle.encoder, measured, owners)) if _same(bundle, tuned) else None
    how = f"{len(measured):,} rows {'given with --dev' if given else 'held out for good, by document'}"
    notes = [] if before else [f"The labels are not those of {bundle.identity}, so that the two cannot be compared by them: no telling."]
    elsewhere = None
    if _same(bundle, tuned) and set(tuned.heads.stance.labels) == set(STANCE_LABELS):
        starter = load_starter(job.seeds or shipped_seeds(), seed=job.seed)
        scores = [macro_f1_elsewhere(one.encoder, starter, one.heads.stance) for one in (bundle, tuned)]
        elsewhere = scores[0], scores[1]
    findings = contradictions(rows) + leaks(train, measured)
    return Retrained(tuned.heads, compared(new, before, measured, owners), new, measured, how, elsewhere, {}, findings, notes)


def _same(one: Bundle, other: Bundle) -> bool:
    return set(one.heads.stance.labels) == set(other.heads.stance.labels)


def _write(job: Job, tuned: Bundle, source: Path, found: Retrained, bundle: Bundle, command: str) -> None:
    """The packaged model with what it is beside the old one in its manifest and card, at its place."""
    manifest: dict[str, Any] = dict(tuned.manifest)
    comparisons = [asdict(one) for one in found.evaluation.comparisons]
    training = {**manifest["training"], "from": bundle.identity, "command": command}
    quality = {**manifest["quality"], "comparisons": comparisons}
    about = without_nan({"training": training, "quality": quality, "versions": manifest["versions"]})
    own = {"heads.safetensors", "README.md"}
    files = {name: source / name for name in manifest["files"] if name not in own}
    beside = "\n".join(["## Beside the model it came from", "", f"Measured on {found.held_out}.", "", *comparison_lines(found)])
    card = (source / "README.md").read_text(encoding="utf-8").replace("# newsgauge model `model`", f"# newsgauge model `{job.output.name}`")
    card = card.replace("## Known failures", f"{beside}\n## Known failures")
    save(job.output, heads=tuned.heads, encoder=manifest["encoder"], files=files, about=about, card=card, overwrite=job.overwrite)
    log.info("the checkpoints in %s can be deleted", source.parent)
