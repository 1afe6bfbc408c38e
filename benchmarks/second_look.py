"""A second look: what a quick model finds alone, with a better one behind it, and what that one finds and costs.

``python benchmarks/second_look.py --corpora CORPORA`` scores, with ``fast``, with ``fast`` and ``default`` behind it, and with ``default``,
each document from its text alone, a sentence a paragraph: machine output of systems held out of training, clean documents of every kind,
and clean documents with a run of the former inside. On these documents the chains and the verdicts, of a dozen numbers, were fitted; no
head and no encoder was. Costs are CPU-seconds of one thread.
"""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.metrics import f1_score

from newsgauge.model.document import Document
from newsgauge.model.errors import NewsgaugeError, in_one_line
from newsgauge.model.results import ArticleScore
from newsgauge.model.scorer import Scorer
from newsgauge.training.articles import SHORTEST_JUDGED, judged_documents
from newsgauge.training.card import table
from newsgauge.training.corpora import load_corpora
from newsgauge.training.documents import JudgedDocument, spliced
from newsgauge.training.rows import LabelledDocument

log = logging.getLogger("newsgauge.benchmarks.second_look")

AGENCY = "native"
HEAD = [
    "model",
    "passages in agency news, F1",
    "in other clean English",
    "machine-translated documents found",
    "clean ones called so",
    "scored by the second: agency news",
    "other clean English",
    "machine-translated",
    "CPU-seconds per 1,000 sentences: agency news",
    "other clean English",
]


@dataclass(frozen=True, slots=True)
class Reading:
    """What was said of a document: its verdict, by which model, which of its sentences lie in a passage; and the CPU-seconds it took."""

    flag: bool
    model: str
    inside: list[bool]
    seconds: float


@dataclass(frozen=True, slots=True)
class Material:
    """What is read: whole documents, and by the kind of their hosts spliced ones with the state of each sentence, 1 for machine output."""

    judged: list[JudgedDocument]
    spliced: dict[str, list[tuple[LabelledDocument, list[int]]]]


def material(judged: Sequence[JudgedDocument], count: int, seed: int) -> Material:
    """*judged*, and *count* documents spliced of them with hosts from agency news, and as many with others."""
    machine = [found.document for found in judged if found.machine]
    hosts: dict[str, list[LabelledDocument]] = {"agency news": [], "other clean English": []}
    for found in judged:
        if not found.machine:
            hosts["agency news" if found.system == AGENCY else "other clean English"].append(found.document)
    if not machine or not all(hosts.values()):
        raise NewsgaugeError(
            "The corpora hold no machine output of held-out systems, or no clean documents; expected those of the project."
        )
    return Material(list(judged), {kind: spliced(found, machine, count, seed) for kind, found in hosts.items()})


def inside(score: ArticleScore, count: int) -> list[bool]:
    """Which of the *count* paragraphs of an article have a sentence in a passage."""
    blocks = {score.sentences[i].block for passage in score.passages for i in passage.sentences}
    return [block in blocks for block in range(count)]


def read(scorer: Scorer, document: LabelledDocument) -> Reading:
    """Score *document*, a sentence a paragraph."""
    text = "\n\n".join(" ".join(row.text.split()) for row in document.rows)
    began = time.process_time()
    score = scorer.score(Document.from_text(text))
    seconds = time.process_time() - began
    flag = score.machine_translated is not None and score.machine_translated[1]
    return Reading(flag, score.model, inside(score, len(document.rows)), seconds)


def line(name: str, scorer: Scorer, second: str | None, given: Material) -> list[str]:
    """The line of the table for *scorer*; *second*: the identity of the model of its second looks."""
    whole = [(found, read(scorer, found.document)) for found in given.judged]
    f1 = []
    for documents in given.spliced.values():
        pairs = [(states, read(scorer, document).inside) for document, states in documents]
        f1.append(f1_score(*(np.concatenate(column) for column in zip(*pairs, strict=True))))
    long = [(found, reading) for found, reading in whole if len(found.document.rows) >= SHORTEST_JUDGED]
    found = [reading.flag for document, reading in long if document.machine]
    wrong = [(reading.flag, document.weight) for document, reading in long if not document.machine]
    agency = [(document, reading) for document, reading in whole if document.system == AGENCY]
    others = [(document, reading) for document, reading in whole if not document.machine and document.system != AGENCY]
    machine = [(document, reading) for document, reading in whole if document.machine]
    return [
        name,
        *(f"{value:.3f}" for value in f1),
        f"{np.mean(found):.1%}",
        f"{np.average([flag for flag, _ in wrong], weights=[weight for _, weight in wrong]):.1%}",
        *("–" if second is None else f"{_twice(readings, second):.0%}" for readings in (agency, others, machine)),
        *(f"{_cost(readings):.1f}" for readings in (agency, others)),
    ]


def _twice(readings: Sequence[tuple[JudgedDocument, Reading]], second: str) -> float:
    return float(np.mean([reading.model == second for _, reading in readings]))


def _cost(readings: Sequence[tuple[JudgedDocument, Reading]]) -> float:
    """CPU-seconds per 1,000 sentences."""
    return 1000 * sum(reading.seconds for _, reading in readings) / sum(len(found.document.rows) for found, _ in readings)


@in_one_line()
def main() -> None:
    """Score, print a Markdown table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--model", default="fast", help="the quick model: a folder or a shipped model's name (default: %(default)s)")
    options.add_argument("--second-look", default="default", help="the better one (default: %(default)s)")
    options.add_argument("--corpora", type=Path, required=True, help="the folder of the corpora")
    options.add_argument("--seeds", type=Path, default=Path("seeds"), help="folder of the starter data (default: %(default)s)")
    options.add_argument("--spliced", type=int, default=300, help="spliced documents of either kind of host (default: %(default)s)")
    options.add_argument("--seed", type=int, default=0, help="of the splices (default: %(default)s)")
    chosen = options.parse_args()
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S", level=logging.INFO)
    corpora = load_corpora(chosen.seeds, chosen.corpora, soft=chosen.seeds / "opinions.jsonl.gz")
    given = material(judged_documents(corpora, chosen.corpora, chosen.seed), chosen.spliced, chosen.seed)
    second = Scorer.from_folder(chosen.second_look, threads=1)
    scorers = {
        chosen.model: (Scorer.from_folder(chosen.model, threads=1), None),
        f"{chosen.model}, then {chosen.second_look}": (
            Scorer.from_folder(chosen.model, threads=1, second_look=chosen.second_look),
            second.model,
        ),
        chosen.second_look: (second, None),
    }
    lines = []
    for name, (scorer, model) in scorers.items():
        lines.append(line(name, scorer, model, given))
        log.info("%s", ", ".join(lines[-1]))
    print(table(HEAD, lines))


if __name__ == "__main__":
    main()
