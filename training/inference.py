"""What the float network says of labelled documents, cut into windows as scoring cuts them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from ..model.windows import WindowShape
from .metrics import auroc, rows_report
from .mixture import TrainingWindow, crops
from .network import Network, collate, lay_out
from .precision import matrix_products
from .rows import LabelledDocument, Row, is_garbled
from .wordpieces import PieceTable


@dataclass(frozen=True)
class Predictions:
    """One entry a row. *Shapes:* ``stance`` (rows, labels) logits; ``garbled``, ``content`` (rows,) logits."""

    rows: list[Row]
    labels: tuple[str, ...]
    stance: npt.NDArray[np.float64]
    garbled: npt.NDArray[np.float64]
    content: npt.NDArray[np.float64]


def scoring_windows(documents: Sequence[LabelledDocument], table: PieceTable, shape: WindowShape) -> list[TrainingWindow]:
    """Consecutive documents as scoring would cut them, unordered rows one by one."""
    windows = []
    for document in documents:
        if document.consecutive:
            windows.extend(crops(document, [len(table[row.text].ids) for row in document.rows], shape, None))
        else:
            windows.extend(TrainingWindow((row,), 0, 1) for row in document.rows)
    return windows


def predict(
    network: Network,
    documents: Sequence[LabelledDocument],
    table: PieceTable,
    shape: WindowShape,
    *,
    precision: str = "float32",
    batch_pieces: int = 4096,
) -> Predictions:
    """Score *documents* with the float network; rows come back in the order of their windows' lengths."""
    windows = sorted(scoring_windows(documents, table, shape), key=lambda window: len(lay_out(window, table, shape)[0]))
    rows: list[Row] = []
    found: dict[str, list[torch.Tensor]] = {"stance": [], "garbled": [], "content": []}
    network.eval()
    position = 0
    with torch.inference_mode(), matrix_products(precision):
        while position < len(windows):
            size = 1
            while position + size < len(windows) and len(lay_out(windows[position + size], table, shape)[0]) * (size + 1) <= batch_pieces:
                size += 1
            batch = collate(windows[position : position + size], table, shape, labels=network.labels)
            logits = network(batch)
            rows.extend(batch.rows)
            for name, values in found.items():
                values.append(getattr(logits, name))
            position += size
    stacked = {name: torch.cat(values).double().numpy() for name, values in found.items()}
    return Predictions(rows, network.labels, stacked["stance"], stacked["garbled"], stacked["content"])


def summary(predictions: Predictions) -> dict[str, float]:
    """Macro-F1 and accuracy of the labels, AUROC of garbled and of boilerplate, over the rows whose truth is known."""
    figures: dict[str, float] = {}
    known = [i for i, row in enumerate(predictions.rows) if row.stance is not None]
    if known:
        logits = predictions.stance[known]
        probabilities = np.exp(logits - logits.max(1, keepdims=True))
        probabilities /= probabilities.sum(1, keepdims=True)
        rows = [predictions.rows[i] for i in known]
        report = rows_report(probabilities, rows, predictions.labels)
        figures |= {"macro_f1": report.macro_f1, "accuracy": report.accuracy, "acceptable": report.acceptable}
        figures |= {f"f1_{label}": value for label, value in report.f1.items()}
    rated = [i for i, row in enumerate(predictions.rows) if row.garbled is not None]
    if rated:
        figures["garbled_auroc"] = auroc(predictions.garbled[rated], is_garbled([predictions.rows[i] for i in rated]))
    placed = [i for i, row in enumerate(predictions.rows) if row.article is not None]
    if placed:
        figures["boilerplate_auroc"] = auroc(-predictions.content[placed], [not predictions.rows[i].article for i in placed])
    return figures
