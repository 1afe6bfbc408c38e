"""Splits of labelled rows: by document where rows say so, else by cluster of near-duplicate sentences."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..batch.minhash import HASHES, likeness, signature
from .labels import LabelledRow

Ints = npt.NDArray[np.int64]

ALIKE = 0.5
"""Sentences that share this much of their runs of three words are near-duplicates."""
CROSS_VALIDATED = 500
"""With fewer rows than this, every row is held out once instead of some for good."""
FOLDS = 5
_BAND = 4


def near_duplicates(texts: Sequence[str], *, alike: float = ALIKE) -> Ints:
    """The cluster of each text; texts that are *alike* share one, chains included. *Shape:* (texts,), numbered from 0.

    Candidates are found by locality-sensitive hashing of MinHash signatures in bands (Leskovec et al. 2014, "Mining of Massive
    Datasets", ch. 3): pairs at the limit are found in seven of eight cases, exact copies always.
    """
    parents = list(range(len(texts)))

    def root(i: int) -> int:
        while parents[i] != i:
            parents[i] = parents[parents[i]]
            i = parents[i]
        return i

    signatures = [signature([text]) for text in texts]
    runs = np.zeros((len(texts), HASHES), np.uint32)
    buckets: dict[tuple[int, bytes], int] = {}
    for i, found in enumerate(signatures):
        if found is None:
            continue
        runs[i] = np.frombuffer(found, "<u4")[HASHES:]
        for band in range(0, HASHES, _BAND):
            other = buckets.setdefault((band, runs[i, band : band + _BAND].tobytes()), i)
            if root(other) != root(i) and likeness(runs[i : i + 1], runs[other : other + 1])[0] >= alike:
                parents[root(i)] = root(other)
    return np.unique([root(i) for i in range(len(texts))], return_inverse=True)[1].astype(np.int64)


def groups(rows: Sequence[LabelledRow]) -> list[str]:
    """What must not be torn apart: the document of each row, or the cluster of near-duplicates of one that names none."""
    loose = [i for i, row in enumerate(rows) if not row.document]
    clusters = near_duplicates([rows[i].text for i in loose])
    found = [f"document {row.document}" for row in rows]
    for i, cluster in zip(loose, clusters, strict=True):
        found[i] = f"cluster {cluster}"
    return found


def folds(targets: Ints, owners: Sequence[str], *, seed: int, most: int = FOLDS) -> list[tuple[Ints, Ints]]:
    """(training rows, held-out rows) for each of at most *most* folds of whole groups, with the classes spread evenly.

    Where there is only one group, or every class has a single row, rows are dealt out one by one.
    """
    from sklearn.model_selection import KFold, StratifiedGroupKFold

    names, numbers = np.unique(np.asarray(owners), return_inverse=True)
    empty = np.zeros(len(targets))
    if len(names) < 2:
        found = KFold(min(most, len(targets)), shuffle=True, random_state=seed).split(empty)
    else:
        with warnings.catch_warnings():
            # A class with fewer rows than folds is missing in some of them, which is as even as it gets.
            warnings.simplefilter("ignore", UserWarning)
            # scikit-learn wants every fold filled by at least one class of its size.
            count = min(most, len(names), int(np.bincount(targets).max()))
            if count < 2:
                found = KFold(2, shuffle=True, random_state=seed).split(empty)
            else:
                found = StratifiedGroupKFold(count, shuffle=True, random_state=seed).split(empty, targets, numbers)
            return [(train.astype(np.int64), test.astype(np.int64)) for train, test in found if len(train) and len(test)]
    return [(train.astype(np.int64), test.astype(np.int64)) for train, test in found]


def rounds(targets: Ints, owners: Sequence[str], *, seed: int) -> list[tuple[Ints, Ints]]:
    """How rows are held out: each once under :data:`CROSS_VALIDATED` rows, else a fifth of the groups for good."""
    found = folds(targets, owners, seed=seed)
    return found if len(targets) < CROSS_VALIDATED else found[:1]
