"""Crying wolf: how often odd but honest English is flagged as garbled, by kind, and how often surface signs are seen in it.

``python benchmarks/robustness.py --model MODEL`` scores every sentence of ``seeds/robustness.jsonl`` alone and, as whole documents,
``seeds/robustness_documents.jsonl`` and the records of meetings in ``seeds/m2.jsonl`` and ``m4.jsonl``, which are no news and trained no
model.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from given import rows_in

from newsgauge.model.document import Document
from newsgauge.model.errors import in_one_line
from newsgauge.model.scorer import Scorer
from newsgauge.training.card import table


@in_one_line()
def main() -> None:
    """Score, print a Markdown table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--model", default="default", help="model folder or name (default: %(default)s)")
    options.add_argument("--sentences", type=Path, default=Path("seeds/robustness.jsonl"), help="default: %(default)s")
    options.add_argument("--documents", type=Path, default=Path("seeds"), help="folder of the whole documents (default: %(default)s)")
    chosen = options.parse_args()
    found: dict[str, list[tuple[float, bool, int]]] = {}
    files = {"no news": "robustness_documents.jsonl", "records of meetings": "m[24].jsonl"}
    documents = {kind: rows_in(chosen.documents / name) for kind, name in files.items()}
    sentences = rows_in(chosen.sentences)
    scorer = Scorer.from_folder(chosen.model)
    for row in sentences:
        for sentence in scorer.score(Document.from_text(row["text"])).sentences:
            if sentence.garbled is not None:
                scored = (sentence.garbled.probability, sentence.garbled.flag, len(sentence.garbled.signs))
                found.setdefault(row["kind"], []).append(scored)
    rows = []
    for kind, values in found.items():
        probability, flags, signs = (np.array(column) for column in zip(*values, strict=True))
        rows.append([kind, str(len(values)), f"{flags.mean():.0%}", f"{np.median(probability):.2f}", f"{(signs > 0).mean():.0%}"])
    print(table(["kind", "sentences scored", "falsely flagged", "median probability", "with a surface sign"], rows))
    counted = [false_flags(scorer, kind, given) for kind, given in documents.items()]
    print("\n" + table(["documents", "number", "called machine-translated", "with a passage", "sentences falsely flagged"], counted))


def false_flags(scorer: Scorer, kind: str, documents: Sequence[dict[str, Any]]) -> list[str]:
    """A line of the table: the shares of *documents*, and of their sentences, that are flagged."""
    texts = [
        "\n\n".join([document["headline"], *(one if isinstance(one, str) else one["text"] for one in document["sentences"])])
        for document in documents
    ]
    scores = [scorer.score(Document.from_text(text)) for text in texts]
    flags = [sentence.garbled.flag for score in scores for sentence in score.sentences if sentence.garbled is not None]
    verdicts = [score.machine_translated is not None and score.machine_translated[1] for score in scores]
    passages = [bool(score.passages) for score in scores]
    return [kind, str(len(scores)), *(f"{np.mean(values):.0%}" for values in (verdicts, passages, flags))]


if __name__ == "__main__":
    main()
