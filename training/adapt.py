"""Adaptation of a linear head: new rows move it, and a pull towards the old weights keeps what they do not speak of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from threadpoolctl import ThreadpoolController

from ..model.heads import LinearHead
from .split import Ints, folds

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

PULLS = (0.1, 0.03, 0.01, 0.003, 0.001, 0.0003, 0.0001)
"""How strongly the old weights hold, tried from the strongest."""
GUARD = 1.0
"""The weight of all starter rows together, in shares of that of the new rows."""
GATE_PULL = 0.00003
"""A domain is told from another far more easily than a label from another, so that little holds this head."""
INNER_FOLDS = 5
PATIENCE = 2
"""So many pulls in a row that are worse than the best end the search: the score has one valley."""
_PRODUCTS = ThreadpoolController().select(user_api="blas")


@dataclass(frozen=True)
class Examples:
    """Rows to fit a head on. *Shapes:* ``vectors`` (rows, width), ``targets`` (rows,) class numbers, ``weights`` (rows,).

    ``offsets`` (rows, outputs) are added to the logits, for what else speaks for a row.
    """

    vectors: Floats
    targets: Ints
    weights: Doubles
    offsets: Doubles

    @classmethod
    def of(cls, vectors: Floats, targets: Ints, *, weights: Doubles | None = None, offsets: Doubles | None = None) -> Examples:
        """Rows of equal weight without offsets, where none are given."""
        count = len(targets)
        return cls(vectors, targets, np.ones(count) if weights is None else weights, np.zeros((count, 1)) if offsets is None else offsets)

    def __getitem__(self, rows: Ints) -> Examples:
        return Examples(self.vectors[rows], self.targets[rows], self.weights[rows], self.offsets[rows])


def balanced_weights(targets: Ints) -> Doubles:
    """Weights that go with the inverse square root of a class's rows, of mean 1.

    The full inverse costs more of the frequent classes, and of the calibration, than it wins of the rare ones.
    """
    weights = 1.0 / np.sqrt(np.bincount(targets).clip(min=1))[targets]
    return np.asarray(weights / weights.mean(), dtype=np.float64)


def joined(new: Examples, guard: Examples | None) -> Examples:
    """*new*, with class weights, and the *guard* rows, which weigh :data:`GUARD` times as much together."""
    weighted = Examples(new.vectors, new.targets, new.weights * balanced_weights(new.targets), new.offsets)
    if guard is None or len(guard.targets) == 0:
        return weighted
    share = GUARD * weighted.weights.sum() / guard.weights.sum()
    return Examples(
        np.concatenate([weighted.vectors, guard.vectors]),
        np.concatenate([weighted.targets, guard.targets]),
        np.concatenate([weighted.weights, guard.weights * share]),
        np.concatenate([weighted.offsets, guard.offsets]),
    )


def adapt(start: LinearHead, rows: Examples, pull: float, *, near: LinearHead | None = None) -> LinearHead:
    """The head of least mean cross-entropy on *rows* plus *pull* times the squared way from *start*, measured in logits.

    A Gaussian prior around the weights of the old domain (Chelba and Acero 2006, "Adaptation of maximum entropy capitalizer");
    the biases are free. Heads of one output are logistic. The problem is convex; *near*, an answer for another pull, only saves time.
    """
    vectors = rows.vectors
    outputs, width = start.weight.shape
    scale = pull * float(np.square(vectors).sum(1).mean())
    total = rows.weights.sum()
    base = (vectors @ start.weight.T + start.bias).astype(np.float64) + rows.offsets
    truth = np.eye(max(2, outputs))[rows.targets][:, -outputs:]

    def loss(values: Doubles) -> tuple[float, Doubles]:
        moved = values.reshape(outputs, width + 1)
        # The long products in single precision: twice as fast, and exact to far more digits than labels are.
        logits = base + vectors @ moved[:, :-1].T.astype(np.float32) + moved[:, -1]
        # One output is the second of two classes, of which the first has the logit 0.
        full = np.concatenate([np.zeros((len(logits), 1)), logits], axis=1) if outputs == 1 else logits
        top = full.max(1, keepdims=True)
        norm = top[:, 0] + np.log(np.exp(full - top).sum(1))
        error = np.exp(logits - norm[:, None]) - truth
        gradient = (rows.weights[:, None] * error).T / total
        missed = float((rows.weights * (norm - (truth * logits).sum(1))).sum() / total)
        away = moved[:, :-1]
        whole = np.concatenate([gradient.astype(np.float32) @ vectors + scale * away, gradient.sum(1)[:, None]], axis=1)
        return missed + scale / 2 * float(np.square(away).sum()), whole.ravel()

    way = np.zeros((outputs, width + 1))
    if near is not None:
        way = np.concatenate([near.weight - start.weight, (near.bias - start.bias)[:, None]], axis=1).astype(np.float64)
    # Numpy and scipy have threads of their own for products, which stand in each other's way in products as small as these.
    with _PRODUCTS.limit(limits=1):
        found = minimize(loss, way.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 80, "ftol": 1e-7})
    moved = found.x.reshape(outputs, width + 1).astype(np.float32)
    return LinearHead(start.weight + moved[:, :-1], start.bias + moved[:, -1])


def logits_of(head: LinearHead, rows: Examples) -> Doubles:
    """The logits of every row, offsets included. *Shape:* (rows, outputs)."""
    return np.asarray(head.logits(rows.vectors) + rows.offsets, dtype=np.float64)


def cross_entropy(head: LinearHead, rows: Examples) -> Doubles:
    """How surprised *head* is by the class of each row, in nats. *Shape:* (rows,)."""
    logits = logits_of(head, rows)
    full = np.concatenate([np.zeros((len(logits), 1)), logits], axis=1) if logits.shape[1] == 1 else logits
    top = full.max(1, keepdims=True)
    norm = top[:, 0] + np.log(np.exp(full - top).sum(1))
    return np.asarray(norm - full[np.arange(len(full)), rows.targets])


def fit_gate(new: Floats, guard: Floats) -> LinearHead:
    """A logistic head that tells rows of the new kind from those of the guard, both of the same total weight. *Shapes:* (rows, width)."""
    sides = [np.full(len(rows), 1.0 / len(rows)) for rows in (new, guard)]
    targets = np.repeat(np.array([1, 0], dtype=np.int64), [len(new), len(guard)])
    return adapt(
        LinearHead.zeros(1, new.shape[1]), Examples.of(np.concatenate([new, guard]), targets, weights=np.concatenate(sides)), GATE_PULL
    )


@dataclass(frozen=True)
class Adapted:
    """An adapted head and the pull that it was made with; None: no pull was better on held-out rows than the old head."""

    head: LinearHead
    pull: float | None


def choose(
    start: LinearHead,
    new: Examples,
    owners: Sequence[str],
    *,
    guard: Examples | None,
    seed: int,
    keep: bool,
    pulls: Sequence[float] = PULLS,
) -> Adapted:
    """Adapt with the pull of the least cross-entropy on held-out groups of *new*.

    Where *keep*, the old head stays unless that is better by a standard error (Breiman et al. 1984). Cross-entropy and not
    macro-F1 decides: on a hundred rows it is far less a matter of luck.
    """
    parts = folds(new.targets, owners, seed=seed, most=INNER_FOLDS)
    fits = [joined(new[train], guard) for train, _ in parts]
    heads: list[LinearHead | None] = [None] * len(parts)
    scores: dict[float, Doubles] = {}
    for pull in pulls:
        heads = [adapt(start, rows, pull, near=head) for rows, head in zip(fits, heads, strict=True)]
        scores[pull] = np.concatenate([cross_entropy(head, new[test]) for head, (_, test) in zip(heads, parts, strict=True) if head])
        best = min(scores, key=lambda pull: float(scores[pull].sum()))
        if len(scores) - 1 - list(scores).index(best) >= PATIENCE:
            break
    if keep:
        gained = np.concatenate([cross_entropy(start, new[test]) for _, test in parts]) - scores[best]
        if gained.mean() <= gained.std() / np.sqrt(len(gained)):
            return Adapted(start, None)
    return Adapted(adapt(start, joined(new, guard), best), best)
