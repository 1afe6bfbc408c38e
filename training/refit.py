"""Refitting: the stance and the garbled head of a model, adapted to new rows and tried on rows that were held out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from ..model.heads import LinearHead, sigmoid, softmax
from ..model.neighbours import PARTS
from ..model.quality import GarbleHead
from ..model.signs import find_signs
from ..model.stance import Correction, StanceHead
from .adapt import Adapted, Examples, choose, fit_gate, logits_of
from .heads import spread
from .metrics import coverage_at_accuracy, threshold_at_false_flags
from .split import Ints, rounds

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Head = TypeVar("Head", StanceHead, GarbleHead)
Fitted = TypeVar("Fitted")

CALIBRATION_ROWS = 100
"""Fewer held-out rows say too little for a temperature of their own."""
CONFIDENT = 0.9


@dataclass(frozen=True)
class Refitted(Generic[Head]):
    """A refitted head and what heads fitted without them say of the held-out rows.

    ``pull``: see :func:`~.adapt.choose`. *Shapes:* ``tested`` (held-out rows,), their places; ``probabilities``
    (held-out rows, labels).
    """

    head: Head
    pull: float | None
    tested: Ints
    probabilities: Doubles


@dataclass(frozen=True)
class Plan:
    """How to hold out: ``whole`` fits the final head on every row, because other rows measure it or each row was held out once."""

    owners: Sequence[str]
    seed: int
    whole: bool


def refit_stance(old: StanceHead, labels: Sequence[str], new: Examples, plan: Plan, *, guard: Examples | None) -> Refitted[StanceHead]:
    """Give the stance head a correction fitted on *new* rows, whose targets count *labels* and whose vectors are in context.

    It is gated where *guard* rows tell the new kind of text from the old; without the labels of *old* among *labels* it is all there is.
    """
    start = _carried(old, labels, new.vectors.shape[1] // PARTS)
    read = _read(old)
    nothing = LinearHead.zeros(len(labels), len(read))
    new = _begun(new, start, read)
    guard = None if guard is None else _begun(guard, start, read)
    same = tuple(labels) == old.labels

    def fit(rows: Examples, owners: Sequence[str]) -> tuple[Correction, float | None]:
        found = choose(nothing, rows, owners, guard=guard, seed=plan.seed, keep=same)
        gate = fit_gate(rows.vectors, guard.vectors) if guard is not None and found.pull is not None else None
        return Correction(found.head, gate), found.pull

    (correction, pull), tested, logits = _held_out(fit, lambda found, rows: found[0].logits(rows.vectors) + rows.offsets, new, plan)
    if pull is None:
        # Some of the fits without the rows held out may have moved the head; what is kept did not.
        return Refitted(old, None, tested, softmax(new.offsets[tested].astype(np.float32)).astype(np.float64))
    temperature, threshold = 1.0, old.confident_from
    targets = new.targets[tested]
    if len(tested) >= CALIBRATION_ROWS:
        temperature = _temperature(logits, targets)
    probabilities = softmax((logits / temperature).astype(np.float32)).astype(np.float64)
    if len(tested) >= CALIBRATION_ROWS:
        threshold, _ = coverage_at_accuracy(probabilities.max(1), probabilities.argmax(1) == targets, CONFIDENT)
    wide = PARTS * old.head.weight.shape[1]
    gate = None if correction.gate is None else spread(correction.gate, read, wide)
    correction = Correction(spread(correction.shift, read, wide), gate)
    head = StanceHead(tuple(labels), start.head, temperature, threshold, (*start.corrections, correction))
    return Refitted(head, pull, tested, probabilities)


def _read(old: StanceHead) -> Ints:
    """The places of an embedding in context that *old* reads: labels are told by the encoder's last layer, and on what else there is a
    correction takes twice as long to fit and is no better. All, where it reads none."""
    told = np.tile(old.head.weight.any(axis=0), PARTS)
    for correction in old.corrections:
        told |= correction.shift.weight.any(axis=0)
    return np.flatnonzero(told if told.any() else ~told)


def _begun(rows: Examples, start: StanceHead, read: Ints) -> Examples:
    """*rows* with what *start* says of them, and of their vectors what is *read*."""
    return replace(rows, vectors=rows.vectors[:, read], offsets=start.logits(rows.vectors).astype(np.float64))


def _carried(old: StanceHead, labels: Sequence[str], width: int) -> StanceHead:
    """*old* in the order of *labels*, its temperature in its weights; new labels, and all in another scheme, are zero."""
    if not set(old.labels) <= set(labels):
        return StanceHead(tuple(labels), LinearHead.zeros(len(labels), width), 1.0, 0.0)
    places = [labels.index(label) for label in old.labels]

    def moved(head: LinearHead) -> LinearHead:
        weight, bias = np.zeros((len(labels), head.weight.shape[1]), np.float32), np.zeros(len(labels), np.float32)
        weight[places], bias[places] = head.weight / old.temperature, head.bias / old.temperature
        return LinearHead(weight, bias)

    corrections = tuple(Correction(moved(one.shift), one.gate) for one in old.corrections)
    return StanceHead(tuple(labels), moved(old.head), 1.0, old.confident_from, corrections)


def _held_out(
    fit: Callable[[Examples, Sequence[str]], Fitted], logits: Callable[[Fitted, Examples], Doubles], new: Examples, plan: Plan
) -> tuple[Fitted, Ints, Doubles]:
    """The final *fit*, the rows that were held out, and the *logits* that fits without them give these. *Shape:* (rows, outputs)."""
    tested, found = [], []
    parts = rounds(new.targets, plan.owners, seed=plan.seed)
    for train, test in parts:
        fitted = fit(new[train], [plan.owners[i] for i in train])
        tested.append(test)
        found.append(logits(fitted, new[test]))
    final = fitted if len(parts) == 1 and not plan.whole else fit(new, plan.owners)
    return final, np.concatenate(tested), np.concatenate(found)


def _temperature(logits: Doubles, targets: Ints) -> float:
    """The temperature of the least cross-entropy (Guo et al. 2017)."""

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        top = scaled.max(1, keepdims=True)
        norm = top[:, 0] + np.log(np.exp(scaled - top).sum(1))
        return float((norm - scaled[np.arange(len(scaled)), targets]).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-2.0, 2.0), method="bounded").x))


def quality_examples(old: GarbleHead, vectors: Floats, texts: Sequence[str], garbled: npt.NDArray[np.bool_], weights: Doubles) -> Examples:
    """Rows to refit the garbled head on; what surface signs say of them stays as it is. *Shapes:* (rows, width), (rows,)."""
    signs = old.logits(vectors, [find_signs(text) for text in texts]) - old.sentence.logits(vectors)[:, 0]
    return Examples(vectors, garbled.astype(np.int64), weights, signs[:, None].astype(np.float64))


def refit_quality(old: GarbleHead, new: Examples, plan: Plan, *, guard: Examples | None, clean: Examples) -> Refitted[GarbleHead]:
    """Adapt the garbled head to *new* rows.

    Its level is set so that the median logit of *clean* English stays, because the passage chain reads these logits
    and because labelled rows are garbled far more often than news is; its threshold flags as much of *clean* as before. The heads
    for words, passages and articles stay.
    """
    usual = float(np.median(logits_of(old.sentence, clean)))

    def levelled(head: LinearHead) -> LinearHead:
        shift = usual - float(np.median(logits_of(head, clean)))
        return LinearHead(head.weight, (head.bias + shift).astype(np.float32))

    def fit(rows: Examples, owners: Sequence[str]) -> Adapted:
        found = choose(old.sentence, rows, owners, guard=guard, seed=plan.seed, keep=True)
        return Adapted(levelled(found.head), found.pull)

    final, tested, logits = _held_out(fit, lambda found, rows: logits_of(found.head, rows), new, plan)
    if final.pull is None:
        return Refitted(old, None, tested, _both(logits_of(old.sentence, new[tested])))
    before, after = (sigmoid(logits_of(one, clean)[:, 0].astype(np.float32)).astype(np.float64) for one in (old.sentence, final.head))
    threshold = threshold_at_false_flags(after, float((before >= old.threshold).mean()))
    return Refitted(replace(old, sentence=final.head, threshold=threshold), final.pull, tested, _both(logits))


def _both(logits: Doubles) -> Doubles:
    """The probabilities of clean and garbled. *Shapes:* (rows, 1) → (rows, 2)."""
    garbled = sigmoid(logits[:, 0].astype(np.float32)).astype(np.float64)
    return np.stack([1 - garbled, garbled], axis=1)
