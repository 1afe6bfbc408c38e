"""Labels on outlets never trained on: cross-validation over outlets, the encoder trained anew for every fold.

``python benchmarks/outlets.py --base BASE --corpora CORPORA --run RUN`` deals the outlets of ``stance/`` (train and dev) out to folds of
about equal size, trains on all folds but one, and measures the float network on that one. A rerun resumes.
"""

from __future__ import annotations

import json
import logging
from argparse import Namespace
from collections import Counter
from collections.abc import Sequence

import numpy as np

from newsgauge.training import recipe
from newsgauge.training.card import table
from newsgauge.training.corpora import Corpora, load_corpora
from newsgauge.training.rows import STANCE_LABELS, LabelledDocument

log = logging.getLogger("newsgauge.benchmarks.outlets")


def deal(documents: Sequence[LabelledDocument], folds: int) -> list[set[str]]:
    """Outlets in *folds* groups of about as many rows each: the largest first, each to the group that has least."""
    rows: Counter[str] = Counter()
    for document in documents:
        rows[document.source] += len(document.rows)
    groups: list[set[str]] = [set() for _ in range(folds)]
    sizes = [0] * folds
    for outlet, count in sorted(rows.items(), key=lambda pair: (-pair[1], pair[0])):
        least = sizes.index(min(sizes))
        groups[least].add(outlet)
        sizes[least] += count
    return groups


def main() -> None:
    """Train and measure every fold, print a Markdown table."""
    options = recipe.parser()
    options.prog, options.description = "python benchmarks/outlets.py", __doc__
    options.add_argument("--folds", type=int, default=4)
    chosen = options.parse_args()
    if chosen.corpora is None or chosen.folds < 2:
        raise SystemExit("Cross-validation over outlets needs --corpora and at least two folds.")
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("newsgauge").setLevel(logging.INFO)
    # A teacher that was trained on all outlets would tell of those held out.
    corpora = load_corpora(chosen.seeds, chosen.corpora)
    documents = corpora.stance + corpora.stance_dev
    rows = []
    for number, outlets in enumerate(deal(documents, chosen.folds)):
        kept = [document for document in documents if document.source not in outlets]
        apart = [document for document in documents if document.source in outlets]
        run = chosen.run / f"fold-{number}"
        recipe.fine_tuned(Namespace(**{**vars(chosen), "run": run}), Corpora(stance=kept, stance_dev=apart, seeds=corpora.seeds))
        last = json.loads((run / "epochs.jsonl").read_text(encoding="utf-8").splitlines()[-1])["stance"]
        figures = [last["macro_f1"], last["accuracy"], *(last[f"f1_{label}"] for label in STANCE_LABELS)]
        log.info("fold %d: %d outlets, %d articles: macro-F1 %.3f", number, len(outlets), len(apart), figures[0])
        rows.append((len(outlets), sum(len(document.rows) for document in apart), figures))
    values = np.array([figures for _, _, figures in rows])
    lines = [[str(i), str(outlets), str(count), *(f"{value:.3f}" for value in line)] for i, (outlets, count, line) in enumerate(rows)]
    lines.append(
        ["mean ± spread", "", "", *(f"{mean:.3f} ± {spread:.3f}" for mean, spread in zip(values.mean(0), values.std(0), strict=True))]
    )
    print(table(["fold held out", "outlets", "sentences", "macro-F1", "accuracy", *STANCE_LABELS], lines))


if __name__ == "__main__":
    main()
