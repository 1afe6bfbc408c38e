"""The label check: contradictions, labels that held-out predictions dispute, and leaks between training and evaluation."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from ..model.spreadsheet import guarded
from .labels import LabelledRow
from .split import Ints, near_duplicates

CONTRADICTION, DISPUTED, LEAK = "contradiction", "disputed", "leak"
SAME_SENTENCE = 0.9
"""Sentences that share this much of their runs of three words are taken for one sentence."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to look at: a row, its label, and what speaks against it. ``confidence`` is that of the label, in [0, 1], where known."""

    kind: str
    where: str
    label: str
    text: str
    other: str
    other_where: str = ""
    confidence: float | None = None


def contradictions(rows: Sequence[LabelledRow]) -> list[Finding]:
    """Rows of one sentence (near enough) with different labels of one scheme; the second label of a row is no contradiction."""
    found = []
    for stance in (True, False):
        members = [row for row in rows if (row.stance if stance else row.garbled) is not None]
        clusters: dict[int, list[LabelledRow]] = {}
        for row, cluster in zip(members, near_duplicates([row.text for row in members], alike=SAME_SENTENCE), strict=True):
            clusters.setdefault(int(cluster), []).append(row)
        for cluster in clusters.values():
            first = cluster[0]
            for row in cluster[1:]:
                accepted = {row.label, row.secondary} & {first.label, first.secondary} - {None}
                if not accepted:
                    found.append(Finding(CONTRADICTION, row.where, str(row.label), row.text, str(first.label), first.where))
    return found


def disputed(rows: Sequence[LabelledRow], labels: Sequence[str], targets: Ints, probabilities: npt.NDArray[np.float64]) -> list[Finding]:
    """Labels that a model which did not see them strongly disputes, the least believed first.

    Confident learning (Northcutt et al. 2021, "Confident Learning: Estimating Uncertainty in Dataset Labels"): a row counts as
    another class where the probability of that class reaches the mean that its own rows get, and that of its label does not.
    *Shapes:* ``targets`` (rows,), ``probabilities`` (rows, labels), held out; NaN where nothing was held out.
    """
    known = ~np.isnan(probabilities).any(1)
    usual = np.array(
        [probabilities[known & (targets == i), i].mean() if (known & (targets == i)).any() else np.inf for i in range(len(labels))]
    )
    own = probabilities[np.arange(len(targets)), targets]
    reached = np.where(probabilities >= usual, probabilities, -1.0)
    rival = reached.argmax(1)
    doubted = known & (reached.max(1) > own) & (own < usual[targets]) & (rival != targets)
    found = []
    for i in sorted(np.flatnonzero(doubted).tolist(), key=lambda i: float(own[i])):
        row = rows[i]
        if labels[rival[i]] != row.secondary:
            found.append(Finding(DISPUTED, row.where, labels[targets[i]], row.text, labels[rival[i]], confidence=round(float(own[i]), 4)))
    return found


def leaks(train: Sequence[LabelledRow], dev: Sequence[LabelledRow]) -> list[Finding]:
    """Rows of *dev* whose sentence (near enough) or document is in *train* as well."""
    texts = [row.text for row in (*train, *dev)]
    clusters = near_duplicates(texts, alike=SAME_SENTENCE)
    seen: dict[int, LabelledRow] = {}
    for row, cluster in zip(train, clusters, strict=False):
        seen.setdefault(int(cluster), row)
    documents = {row.document: row for row in train if row.document}
    found = []
    for row, cluster in zip(dev, clusters[len(train) :], strict=True):
        twin = seen.get(int(cluster)) or documents.get(row.document)
        if twin is not None:
            what = "same sentence" if int(cluster) in seen else "same document"
            found.append(Finding(LEAK, row.where, str(row.label), row.text, what, twin.where))
    return found


def write_findings(findings: Sequence[Finding], stream: BinaryIO) -> None:
    """The findings as CSV, a row each, in UTF-8 with a mark that spreadsheets know it by."""
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow([field.name for field in fields(Finding)])
    writer.writerows(["" if value is None else guarded(value) for value in astuple(finding)] for finding in findings)
    text.detach()
