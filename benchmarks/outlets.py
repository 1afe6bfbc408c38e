"""Labels on outlets never trained on: cross-validation over outlets, the encoder trained anew for every fold.

``python benchmarks/outlets.py --base BASE --corpora CORPORA --run RUN`` deals the outlets out to folds of about as many dev rows each,
trains on the training articles of all folds but one, and measures the float network on the dev articles of that one and, for comparison,
on those of the outlets that it was trained on. A rerun resumes.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence

import numpy as np
from folds import begin, figures, parser, trained

from newsgauge.model.errors import in_one_line
from newsgauge.training.card import table
from newsgauge.training.corpora import Corpora, load_corpora
from newsgauge.training.rows import STANCE_LABELS, LabelledDocument

log = logging.getLogger("newsgauge.benchmarks.outlets")
FIGURES = ("macro_f1", "accuracy", *(f"f1_{label}" for label in STANCE_LABELS))


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


@in_one_line()
def main() -> None:
    """Train and measure every fold, print a Markdown table."""
    options = parser("outlets", __doc__)
    options.add_argument("--folds", type=int, default=4, help="groups of outlets (default: %(default)s)")
    chosen = options.parse_args()
    if chosen.folds < 2:
        raise SystemExit(f"--folds is {chosen.folds}; cross-validation needs two or more.")
    begin(chosen)
    # A teacher that was trained on all outlets would tell of those held out.
    corpora = load_corpora(chosen.seeds, chosen.corpora)
    lines, values = [], []
    for number, outlets in enumerate(deal(corpora.stance_dev, chosen.folds)):
        kept = [document for document in corpora.stance if document.source not in outlets]
        known = [document for document in corpora.stance_dev if document.source not in outlets]
        apart = [document for document in corpora.stance_dev if document.source in outlets]
        network = trained(chosen, f"fold-{number}", Corpora(stance=kept, stance_dev=known, seeds=corpora.seeds))
        away, home = (figures(chosen, network, documents) for documents in (apart, known))
        values.append([*(away[name] for name in FIGURES), home["macro_f1"]])
        log.info("fold %d: macro-F1 %.3f on outlets held out, %.3f on others", number, away["macro_f1"], home["macro_f1"])
        rows = sum(row.stance is not None for document in apart for row in document.rows)
        lines.append([str(number + 1), str(len(outlets)), str(rows), *(f"{value:.3f}" for value in values[-1])])
    spread = [f"{mean:.3f} ± {deviation:.3f}" for mean, deviation in zip(np.mean(values, 0), np.std(values, 0), strict=True)]
    lines.append(["mean ± spread", "", "", *spread])
    print(table(["fold held out", "outlets", "sentences", "macro-F1", "accuracy", *STANCE_LABELS, "macro-F1 on dev of the others"], lines))


if __name__ == "__main__":
    main()
