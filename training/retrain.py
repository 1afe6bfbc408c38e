"""Retraining: the heads of a model refitted on somebody's own labels, and measured against the model they came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..model.bundle import MOST_CORRECTIONS, Bundle, Heads
from ..model.encoder import Encoder
from ..model.errors import NewsgaugeError
from ..model.neighbours import own
from ..model.stance import StanceHead
from .adapt import Examples
from .check import Finding, contradictions, disputed, leaks
from .compare import NO_TELLING
from .embed import embed, labelled
from .evaluate import Evaluation, Judged, compared, embed_rows, judge, quality_places, stance_places
from .labels import QUALITY_LABELS, LabelledRow
from .metrics import confusion_by_group, macro_f1_of
from .refit import Plan, quality_examples, refit_quality, refit_stance
from .rows import STANCE_LABELS, LabelledDocument, decided, is_garbled
from .split import CROSS_VALIDATED, groups
from .starter import Starter

Floats = npt.NDArray[np.float32]

FEWEST_ROWS = 20
"""Fewer labelled rows of a scheme can neither train nor measure anything."""


@dataclass(frozen=True)
class Choices:
    """What a user may decide. ``labels``: a scheme of their own, else None for that of the model; ``only_mine``: no starter rows."""

    labels: tuple[str, ...] | None = None
    only_mine: bool = False
    seed: int = 13


@dataclass(frozen=True)
class Retrained:
    """New heads with what was measured of them on held-out rows, which ``judged`` holds and ``held_out`` describes.

    ``elsewhere`` is macro-F1 on starter articles that trained no shipped model, of the old model and of the new one; None where the
    labels are others. ``pulls`` tells how each head was fitted (see :func:`~.adapt.choose`); ``notes`` are sentences for the user.
    """

    heads: Heads
    evaluation: Evaluation
    judged: Judged
    measured: list[LabelledRow]
    held_out: str
    elsewhere: tuple[float, float] | None
    pulls: dict[str, float | None]
    findings: list[Finding]
    notes: list[str]


def check_rows(rows: Sequence[LabelledRow], labels: Sequence[str], choices: Choices) -> None:
    """Refuse rows that nothing can be learned from. :class:`NewsgaugeError` says what is missing."""
    for scheme, places, wanted in (("stance", stance_places(rows), labels), ("quality", quality_places(rows), QUALITY_LABELS)):
        if not places:
            continue
        found = {str(rows[i].label) for i in places}
        first = f"{rows[places[0]].where} and on"
        if len(found) == 1:
            told = f"all {len(places):,} {scheme} rows are labelled {found.pop()!r}"
            raise NewsgaugeError(f"{first}: {told}; a head needs rows of two labels or more.")
        if len(places) < FEWEST_ROWS:
            told = f"{len(places)} {scheme} rows are too few to train on or to measure"
            raise NewsgaugeError(f"{first}: {told}; label {FEWEST_ROWS} or more.")
        missing = [label for label in wanted if label not in found]
        if missing and (choices.only_mine or (scheme == "stance" and choices.labels is not None)):
            raise NewsgaugeError(f"{first}: no row is labelled {', '.join(missing)}; label some, or name the labels in use with --labels.")


def scheme(bundle: Bundle, choices: Choices) -> tuple[str, ...]:
    """The stance labels to train: those of the model, in its order, where the user named the same ones."""
    known = bundle.heads.stance.labels
    return known if choices.labels is None or set(choices.labels) == set(known) else choices.labels


def workload(rows: Sequence[LabelledRow], dev: Sequence[LabelledRow], starter: Starter) -> int:
    """About how many sentences :func:`retrain` embeds."""
    documents = [*starter.guards, *starter.elsewhere]
    if quality_places(rows):
        documents += [*starter.garbled, *starter.unusual]
    return len(rows) + len(dev) + sum(len(document.rows) for document in documents)


def retrain(
    bundle: Bundle, encoder: Encoder, rows: Sequence[LabelledRow], starter: Starter, choices: Choices, *, dev: Sequence[LabelledRow] = ()
) -> Retrained:
    """Refit the heads of *bundle* that *rows* have labels for; the others stay as they are.

    *encoder*: that of the bundle, or one that remembers its embeddings. Figures are of *dev* where it is given; else each row is
    held out once (under :data:`~.split.CROSS_VALIDATED` rows of a scheme), or a fifth of the documents for good.
    """
    old, labels = bundle.heads, scheme(bundle, choices)
    check_rows(rows, labels, choices)
    stance_at, quality_at = stance_places(rows), quality_places(rows)
    if stance_at and len(old.stance.corrections) >= MOST_CORRECTIONS:
        raise NewsgaugeError(
            f"{bundle.identity} was retrained {len(old.stance.corrections)} times, one upon another, and cannot be once more; "
            "retrain the model that it came from, on all rows together."
        )
    owners = groups(rows)
    vectors = embed_rows(encoder, rows, owners)
    findings = contradictions(rows) + leaks(rows, dev)
    heads, pulls = old, {}
    judged = replace(judge("new", old, rows, vectors), labels=labels, stance_rows=[], quality_rows=[])
    if stance_at:
        targets = np.array([labels.index(str(rows[i].stance)) for i in stance_at], dtype=np.int64)
        guard = None if choices.only_mine else _stance_guard(encoder, starter, labels)
        plan = Plan([owners[i] for i in stance_at], choices.seed, bool(dev) or len(stance_at) < CROSS_VALIDATED)
        stance = refit_stance(old.stance, labels, Examples.of(vectors[stance_at], targets), plan, guard=guard)
        heads, pulls["stance"] = replace(heads, stance=stance.head), stance.pull
        tested = [stance_at[i] for i in stance.tested]
        judged = replace(judged, stance_rows=tested, stance=stance.probabilities)
        findings += disputed([rows[i] for i in tested], labels, targets[stance.tested], stance.probabilities)
    if quality_at:
        garbled = np.array([rows[i].garbled for i in quality_at], dtype=bool)
        plan = Plan([owners[i] for i in quality_at], choices.seed, bool(dev) or len(quality_at) < CROSS_VALIDATED)
        new = quality_examples(old.garble, own(vectors[quality_at]), [rows[i].text for i in quality_at], garbled, np.ones(len(garbled)))
        clean = _quality_guard(encoder, [*starter.guards, *starter.elsewhere], heads)
        guard = None if choices.only_mine else _quality_guard(encoder, [*starter.guards, *starter.garbled, *starter.unusual], heads)
        quality = refit_quality(old.garble, new, plan, guard=guard, clean=clean)
        heads, pulls["garbled"] = replace(heads, garble=quality.head), quality.pull
        tested = [quality_at[i] for i in quality.tested]
        judged = replace(judged, quality_rows=tested, garbled=quality.probabilities[:, 1], threshold=quality.head.threshold)
        findings += disputed([rows[i] for i in tested], QUALITY_LABELS, new.targets[quality.tested], quality.probabilities)
    if dev:
        measured, owners = list(dev), groups(dev)
        vectors = embed_rows(encoder, measured, owners)
        judged, held_out = judge("new", heads, measured, vectors), f"{len(dev):,} rows given with --dev"
        before = judge(bundle.identity, old, measured, vectors)
    else:
        measured, held_out = list(rows), _described(judged, stance_at, quality_at)
        before = _of_the_same(judge(bundle.identity, old, rows, vectors), judged)
    evaluation = compared(judged, before, measured, owners)
    elsewhere = _elsewhere(encoder, starter, old.stance, heads.stance)
    return Retrained(heads, evaluation, judged, measured, held_out, elsewhere, pulls, findings, _notes(evaluation, bundle, labels, pulls))


def _stance_guard(encoder: Encoder, starter: Starter, labels: Sequence[str]) -> Examples | None:
    """The starter rows with stance labels; none where these are not in the scheme."""
    if not set(STANCE_LABELS) <= set(labels):
        return None
    rows, vectors = labelled(embed(encoder, starter.guards, context=True))
    return Examples.of(vectors, np.array([labels.index(str(row.stance)) for row in rows], dtype=np.int64))


def _quality_guard(encoder: Encoder, documents: Sequence[LabelledDocument], heads: Heads) -> Examples:
    """The rows of *documents* that are clearly clean or clearly garbled."""
    found = embed(encoder, documents)
    rows, vectors = decided(found.rows, found.vectors)
    weights = np.array([row.garbled_weight for row in rows])
    return quality_examples(heads.garble, vectors, [row.text for row in rows], is_garbled(rows), weights)


def _of_the_same(before: Judged, judged: Judged) -> Judged:
    """What the old model says of the rows that were held out from the new one, in their order."""
    stance = {row: i for i, row in enumerate(before.stance_rows)}
    quality = {row: i for i, row in enumerate(before.quality_rows)}
    return replace(
        before,
        stance_rows=judged.stance_rows,
        stance=before.stance[[stance[row] for row in judged.stance_rows]],
        quality_rows=judged.quality_rows,
        garbled=before.garbled[[quality[row] for row in judged.quality_rows]],
    )


def _described(judged: Judged, stance_at: Sequence[int], quality_at: Sequence[int]) -> str:
    parts = []
    for name, tested, rows in (("stance", judged.stance_rows, stance_at), ("quality", judged.quality_rows, quality_at)):
        if rows:
            how = "each held out once by cross-validation" if len(tested) == len(rows) else "held out for good, by document"
            parts.append(f"{len(tested):,} {name} rows, {how}")
    return "; ".join(parts)


def _elsewhere(encoder: Encoder, starter: Starter, old: StanceHead, new: StanceHead) -> tuple[float, float] | None:
    if set(old.labels) != set(STANCE_LABELS) or set(new.labels) != set(STANCE_LABELS) or not starter.elsewhere:
        return None
    return macro_f1_elsewhere(encoder, starter, old), macro_f1_elsewhere(encoder, starter, new)


def macro_f1_elsewhere(encoder: Encoder, starter: Starter, head: StanceHead) -> float:
    """Macro-F1 of a head on the starter articles that trained no shipped model."""
    rows, vectors = labelled(embed(encoder, starter.elsewhere, context=True))
    said = [head.labels[best] for best in head.probabilities(vectors).argmax(1)]
    tables = confusion_by_group([str(row.stance) for row in rows], said, ["all"] * len(rows), head.labels)
    return float(macro_f1_of(tables, tables.sum((0, 2)) > 0)[0])


def _notes(evaluation: Evaluation, bundle: Bundle, labels: Sequence[str], pulls: dict[str, float | None]) -> list[str]:
    notes = []
    if "stance" in pulls and set(labels) != set(bundle.heads.stance.labels):
        notes.append(f"The labels are not those of {bundle.identity}, so that the two cannot be compared by them: no telling.")
    for name, pull in pulls.items():
        if pull is None:
            notes.append(f"No refit of the {name} head did better on held-out rows than the old one, which is kept as it is.")
    for comparison in evaluation.comparisons:
        if comparison.verdict == NO_TELLING and comparison.high > comparison.low:
            width = 50 * (comparison.high - comparison.low)
            told = f"{comparison.figure}: {comparison.documents} documents tell models apart that differ by {width:.1f} points or more"
            notes.append(f"{told}; label more documents for a verdict.")
    return notes
