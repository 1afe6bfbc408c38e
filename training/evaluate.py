"""Measure a model's labels: ``python -m newsgauge.training.evaluate LABELS --model MODEL`` prints macro-F1 and each class."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..model.bundle import Bundle, load
from .corpora import held_out
from .embed import embed, labelled
from .metrics import rows_report
from .rows import STANCE_LABELS, LabelledDocument, Row, seed_documents, stance_documents


def label_probabilities(bundle: Bundle, documents: list[LabelledDocument]) -> tuple[list[Row], npt.NDArray[np.float64]]:
    """What *bundle* says of every labelled row, each scored in its context. *Shape:* (rows, labels)."""
    rows, vectors = labelled(embed(bundle.encoder, documents))
    return rows, bundle.heads.stance.probabilities(vectors).astype(np.float64)


def main() -> None:
    """Parse the options, evaluate and print."""
    options = argparse.ArgumentParser(prog="python -m newsgauge.training.evaluate", description=__doc__)
    options.add_argument("labels", type=Path, help="stance rows (.jsonl), or a folder of starter articles: the share held out of training")
    options.add_argument("--model", default="default", help="model folder or name (default: %(default)s)")
    chosen = options.parse_args()
    if chosen.labels.is_dir():
        documents = [document for document in seed_documents(chosen.labels) if held_out(document.name, 0.2)]
    else:
        documents = stance_documents(chosen.labels)
    bundle = load(chosen.model)
    rows, probabilities = label_probabilities(bundle, documents)
    report = rows_report(probabilities, rows)
    print(f"{bundle.identity} on {report.rows} sentences of {len(documents)} documents")
    print(f"macro-F1 {report.macro_f1:.4f}  accuracy {report.accuracy:.4f}  calibration error {report.calibration_error:.4f}")
    for label in STANCE_LABELS:
        print(f"{label:>10}  precision {report.precision[label]:.3f}  recall {report.recall[label]:.3f}  F1 {report.f1[label]:.3f}")


if __name__ == "__main__":
    main()
