"""Refitting: the stance and the garbled head of a model, adapted to new rows and tried on rows that were held out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from ..model.heads import LinearHead, sigmoid, softmax
from ..model.quality import GarbleHead
from ..model.signs import find_signs
from ..model.stance import StanceHead
from .adapt import Adapted, Examples, choose, logits_of
from .metrics import coverage_at_accuracy, threshold_at_false_flags
from .split import Ints, rounds

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Head = TypeVar("Head", StanceHead, GarbleHead)

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
    """Adapt the stance head to *new* rows, whose targets count *labels*; without the labels of *old* among these it starts at zero."""
    start = _start(old, labels, new.vectors.shape[1])
    same = tuple(labels) == old.labels
    final, tested, logits = _held_out(start, new, plan, guard=guard, keep=same)
    if final.pull is None:
        return Refitted(old, None, tested, softmax(logits.astype(np.float32)).astype(np.float64))
    temperature, threshold = 1.0, old.confident_from
    targets = new.targets[tested]
    if len(tested) >= CALIBRATION_ROWS:
        temperature = _temperature(logits, targets)
    probabilities = softmax((logits / temperature).astype(np.float32)).astype(np.float64)
    if len(tested) >= CALIBRATION_ROWS:
        threshold, _ = coverage_at_accuracy(probabilities.max(1), probabilities.argmax(1) == targets, CONFIDENT)
    return Refitted(StanceHead(tuple(labels), final.head, temperature, threshold), final.pull, tested, probabilities)


def _start(old: StanceHead, labels: Sequence[str], width: int) -> LinearHead:
    """The old head in the order of *labels*, its temperature in its weights; new labels, and all in another scheme, are zero."""
    weight, bias = np.zeros((len(labels), width), np.float32), np.zeros(len(labels), np.float32)
    if set(old.labels) <= set(labels):
        for i, label in enumerate(old.labels):
            weight[labels.index(label)] = old.head.weight[i] / old.temperature
            bias[labels.index(label)] = old.head.bias[i] / old.temperature
    return LinearHead(weight, bias)


def _held_out(
    start: LinearHead,
    new: Examples,
    plan: Plan,
    *,
    guard: Examples | None,
    keep: bool,
    finish: Callable[[LinearHead], LinearHead] = lambda head: head,
) -> tuple[Adapted, Ints, Doubles]:
    """The final head, the rows that were held out, and the logits that heads fitted without them give these. *Shape:* (rows, outputs).

    *finish* is applied to every head that was fitted.
    """
    tested, logits = [], []
    final: Adapted | None = None
    parts = rounds(new.targets, plan.owners, seed=plan.seed)
    for train, test in parts:
        fitted = choose(start, new[train], [plan.owners[i] for i in train], guard=guard, seed=plan.seed, keep=keep)
        tested.append(test)
        logits.append(logits_of(finish(fitted.head), new[test]))
        if len(parts) == 1 and not plan.whole:
            final = fitted
    if final is None:
        final = choose(start, new, plan.owners, guard=guard, seed=plan.seed, keep=keep)
    return Adapted(finish(final.head), final.pull), np.concatenate(tested), np.concatenate(logits)


def _temperature(logits: Doubles, targets: Ints) -> float:
    """The temperature of the least cross-entropy (Guo et al. 2017)."""

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        top = scaled.max(1, keepdims=True)
        norm = top[:, 0] + np.log(np.exp(scaled - top).sum(1))
        return float((norm - scaled[np.arange(len(scaled)), targets]).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-2.0, 2.0), method="bounded").x))


def quality_examples(old: GarbleHead, vectors: Floats, texts: Sequence[str], garbled: Sequence[bool], weights: Doubles) -> Examples:
    """Rows to refit the garbled head on; what surface signs say of them stays as it is. *Shapes:* (rows, width), (rows,)."""
    signs = old.logits(vectors, [find_signs(text) for text in texts]) - old.sentence.logits(vectors)[:, 0]
    return Examples(vectors, np.array(garbled, dtype=np.int64), weights, signs[:, None].astype(np.float64))


def refit_quality(old: GarbleHead, new: Examples, plan: Plan, *, guard: Examples | None, clean: Examples) -> Refitted[GarbleHead]:
    """Adapt the garbled head to *new* rows.

    Its level is set so that the median logit of *clean* English stays, because the passage chain and the verdict read these logits
    and because labelled rows are garbled far more often than news is; its threshold flags as much of *clean* as before. The heads
    for words, passages and articles stay.
    """
    usual = float(np.median(logits_of(old.sentence, clean)))

    def levelled(head: LinearHead) -> LinearHead:
        shift = usual - float(np.median(logits_of(head, clean)))
        return LinearHead(head.weight, (head.bias + shift).astype(np.float32))

    final, tested, logits = _held_out(old.sentence, new, plan, guard=guard, keep=True, finish=levelled)
    garbled = sigmoid(logits[:, 0].astype(np.float32)).astype(np.float64)
    both = np.stack([1 - garbled, garbled], axis=1)
    if final.pull is None:
        return Refitted(old, None, tested, both)
    before, after = (sigmoid(logits_of(one, clean)[:, 0].astype(np.float32)).astype(np.float64) for one in (old.sentence, final.head))
    threshold = threshold_at_false_flags(after, float((before >= old.threshold).mean()))
    return Refitted(replace(old, sentence=final.head, threshold=threshold), final.pull, tested, both)
