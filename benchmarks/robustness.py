"""Crying wolf: how often odd but honest English is flagged as garbled, by kind, and how often surface signs are seen in it.

``python benchmarks/robustness.py --model MODEL`` scores every sentence of ``seeds/robustness.jsonl`` alone, and the records of meetings in
``seeds/m*.jsonl``, colloquial English that no model was trained on, as whole documents.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from newsgauge.model.document import Document
from newsgauge.model.scorer import Scorer
from newsgauge.training.card import table
from newsgauge.training.rows import read_json_lines


def main() -> None:
    """Score, print a Markdown table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--model", default="default", help="model folder or name (default: %(default)s)")
    options.add_argument("--sentences", type=Path, default=Path("seeds/robustness.jsonl"), help="default: %(default)s")
    options.add_argument("--records", type=Path, default=Path("seeds"), help="folder of m*.jsonl (default: %(default)s)")
    chosen = options.parse_args()
    scorer = Scorer.from_folder(chosen.model)
    found: dict[str, list[tuple[float, bool, int]]] = {}
    for row in read_json_lines(chosen.sentences):
        for sentence in scorer.score(Document.from_text(row["text"])).sentences:
            if sentence.garbled is not None:
                scored = (sentence.garbled.probability, sentence.garbled.flag, len(sentence.garbled.signs))
                found.setdefault(row["kind"], []).append(scored)
    rows = []
    for kind, values in found.items():
        probability, flags, signs = (np.array(column) for column in zip(*values, strict=True))
        rows.append([kind, str(len(values)), f"{flags.mean():.0%}", f"{np.median(probability):.2f}", f"{(signs > 0).mean():.0%}"])
    print(table(["kind", "sentences scored", "falsely flagged", "median probability", "with a surface sign"], rows))
    scores = [
        scorer.score(Document.from_text("\n\n".join([record["headline"], *(sentence["text"] for sentence in record["sentences"])])))
        for path in sorted(chosen.records.glob("m*.jsonl"))
        for record in read_json_lines(path)
    ]
    flags = [sentence.garbled.flag for score in scores for sentence in score.sentences if sentence.garbled is not None]
    verdicts = [score.machine_translated is not None and score.machine_translated[1] for score in scores]
    counted = [
        str(len(scores)),
        f"{np.mean(verdicts):.0%}",
        f"{np.mean([bool(score.passages) for score in scores]):.0%}",
        f"{np.mean(flags):.0%}",
    ]
    print("\n" + table(["records of meetings", "called machine-translated", "with a passage", "sentences falsely flagged"], [counted]))


if __name__ == "__main__":
    main()
