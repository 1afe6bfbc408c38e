"""How far the labels of garbled English can be trusted: rows of the corpora read anew by two readers.

The readers, two language models of which one works on this project, agree more than people would. They saw about a hundred rows of each
corpus, half of them labelled garbled, in random order without label, source or context, and gave each 0 (sound), 1 (slight or in doubt)
or 2 (garbled). ``python benchmarks/readings.py --corpora CORPORA`` prints how many of the labels they share, and how far they agree with
each other.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from given import rows_in
from sklearn.metrics import cohen_kappa_score

from newsgauge.model.errors import NewsgaugeError, in_one_line
from newsgauge.training.card import table
from newsgauge.training.metrics import auroc
from newsgauge.training.rows import LabelledDocument, is_garbled, quality_documents, round_trip_documents

Verdicts = dict[str, tuple[int, int]]
READINGS = Path(__file__).with_name("readings.jsonl")


def rated(corpora: Path) -> Iterator[LabelledDocument]:
    """All rated rows of the folder *corpora*: training and dev, and the round trips of Apertium."""
    for name in ("train", "dev"):
        yield from quality_documents(corpora / f"quality/{name}.jsonl")
    yield from round_trip_documents(corpora / "quality/apertium_roundtrip.jsonl")


def verdicts(path: Path = READINGS) -> Verdicts:
    """What both readers gave each row, by the row's id. :class:`NewsgaugeError` where that is not two of 0, 1 and 2."""
    found: Verdicts = {}
    for row in rows_in(path):
        said = row["verdicts"]
        if not (isinstance(said, list) and len(said) == 2 and all(verdict in (0, 1, 2) for verdict in said)):
            raise NewsgaugeError(f"{path}: the verdicts of {row['id']!r} are {said!r}; expected two of 0, 1 and 2.")
        found[row["id"]] = (said[0], said[1])
    return found


def kind(given: tuple[int, int]) -> str:
    """What two verdicts come to: where they add up to one at most sound, from three on garbled."""
    return ("sound", "sound", "in doubt", "garbled", "garbled")[sum(given)]


def those_read(documents: Iterable[LabelledDocument], given: Verdicts) -> list[LabelledDocument]:
    """The rows of *documents* that were read, with the labels of their corpora."""
    read = [replace(document, rows=tuple(row for row in document.rows if row.origin in given)) for document in documents]
    return [document for document in read if document.rows]


def read_anew(documents: Iterable[LabelledDocument], given: Verdicts) -> list[LabelledDocument]:
    """The rows of *documents* that were read and are not in doubt, with the readers' verdict for their label."""
    clear = {name: both for name, both in given.items() if kind(both) != "in doubt"}
    return [
        replace(document, rows=tuple(replace(row, garbled=float(kind(clear[row.origin]) == "garbled")) for row in document.rows))
        for document in those_read(documents, clear)
    ]


def readers_auroc(documents: Iterable[LabelledDocument], given: Verdicts) -> float:
    """The AUROC of both verdicts added up, for the labels of those rows of *documents* that were read: what a detector can reach."""
    rows = [row for document in those_read(documents, given) for row in document.rows]
    return auroc([sum(given[row.origin]) for row in rows], is_garbled(rows))


def shared(documents: Iterable[LabelledDocument], given: Verdicts) -> list[list[str]]:
    """A line for each corpus and label: the rows read, how many are garbled, in doubt and sound, and the precision of the label, as
    its corpus estimates it and as it was read (a row in doubt counts half)."""
    read: dict[tuple[str, str], list[tuple[str, float]]] = {}
    for document in those_read(documents, given):
        for row in document.rows:
            label = "garbled" if row.garbled else "clean"
            read.setdefault((document.source, label), []).append((kind(given[row.origin]), row.garbled_weight))
    lines = []
    for (corpus, label), rows in sorted(read.items()):
        counts = [sum(said == wanted for said, _ in rows) for wanted in ("garbled", "in doubt", "sound")]
        right = (counts[0 if label == "garbled" else 2] + counts[1] / 2) / len(rows)
        estimated = np.mean([(1 + weight) / 2 for _, weight in rows])
        lines.append([corpus, label, *map(str, [len(rows), *counts]), f"{estimated:.2f}", f"{right:.2f}"])
    return lines


@in_one_line()
def main() -> None:
    """Print both tables as Markdown."""
    options = argparse.ArgumentParser(
        prog="python benchmarks/readings.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--corpora", type=Path, required=True, help="the folder of the labelled corpora")
    options.add_argument("--readings", type=Path, default=READINGS, help="what the readers said (default: %(default)s)")
    chosen = options.parse_args()
    given = verdicts(chosen.readings)
    if not (lines := shared(rated(chosen.corpora), given)):
        raise NewsgaugeError(
            f"{chosen.corpora} has none of the {len(given)} rows of {chosen.readings}; expected the corpora that were read."
        )
    print(table(["corpus", "label", "rows", "read as garbled", "in doubt", "as sound", "precision, estimated", "precision, read"], lines))
    one, other = np.array(list(given.values())).T
    kappa = cohen_kappa_score(one, other, weights="linear")
    print(f"\nThe readers give the same verdict to {(one == other).mean():.0%} of {len(given)} rows; linearly weighted kappa {kappa:.2f}.")


if __name__ == "__main__":
    main()
