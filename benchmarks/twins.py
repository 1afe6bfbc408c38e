"""Garbled twins that no model learned from: how well they are told from their originals, sentence by sentence and as articles.

``python benchmarks/twins.py --model MODEL`` scores the articles of ``seeds/w*.jsonl`` and their twins, each from its text alone, a
sentence a paragraph, and prints what was found: of all, by the kind of article, and by whether any text that models learned from had
gone through the twin's pivot language.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from given import rows_in

from newsgauge.model.document import Document
from newsgauge.model.errors import in_one_line
from newsgauge.model.results import ArticleScore
from newsgauge.model.scorer import Scorer
from newsgauge.training.card import table
from newsgauge.training.compare import auroc_interval
from newsgauge.training.metrics import auroc
from newsgauge.training.rows import offending_spans, overlaps

KINDS = {
    "w1": "US politics",
    "w2": "war and diplomacy",
    "w3": "business and technology",
    "w4": "crime and courts",
    "w5": "health and science",
    "w6": "Europe",
    "w7": "Asia, Africa, Latin America",
    "w8": "sports, culture, features",
}
NEW_PIVOTS = frozenset({"Albanian", "Armenian", "Burmese", "Danish", "Hausa", "Khmer"})
SEVERE = 2


@dataclass(frozen=True, slots=True)
class Scored:
    """A sentence: its article's number, ``severity`` (None: of an original), and what a model said of it.

    ``words`` has a pair a word: does it lie in a garbled span, is it marked.
    """

    article: int
    severity: int | None
    probability: float
    flag: bool
    in_passage: bool
    words: tuple[tuple[bool, bool], ...]


@dataclass(frozen=True, slots=True)
class Verdicts:
    """An article's name and pivot, and whether the original and the twin were called machine-translated."""

    name: str
    pivot: str
    original: bool
    twin: bool


def words_of(text: str) -> Iterator[tuple[int, int]]:
    """Where the words of *text* stand."""
    end = 0
    for word in text.split():
        start = text.index(word, end)
        end = start + len(word)
        yield start, end


def sentences(score: ArticleScore, rows: Sequence[tuple[str, int | None, list[str]]], article: int) -> Iterator[Scored]:
    """What *score* says of *rows* (text, severity, offending), which are the paragraphs after the headline.

    Of a paragraph that was split the most garbled sentence counts; one that was not scored is left out.
    """
    inside = {i for passage in score.passages for i in passage.sentences}
    for number, (text, severity, offending) in enumerate(rows, start=1):
        found = [(one, one.garbled) for one in score.sentences if one.block == number and one.garbled is not None]
        if not found:
            continue
        begin = min(one.start for one in score.sentences if one.block == number)
        marked = [(one.start - begin + a, one.start - begin + b) for one, garbled in found for a, b, _ in garbled.spans]
        wrong = offending_spans(text, offending)
        words = tuple((overlaps(place, wrong), overlaps(place, marked)) for place in words_of(text))
        yield Scored(
            article,
            severity,
            max(garbled.probability for _, garbled in found),
            any(garbled.flag for _, garbled in found),
            any(one.index in inside for one, _ in found),
            words,
        )


def score_pairs(scorer: Scorer, articles: Sequence[dict[str, Any]]) -> tuple[list[Scored], list[Verdicts]]:
    """Every article and its twin, scored."""
    rows: list[Scored] = []
    verdicts = []
    for number, article in enumerate(articles):
        clean = [(one["text"], None, []) for one in article["sentences"]]
        twin = [(one["garbled"], one["severity"], one["offending"]) for one in article["sentences"]]
        flags = []
        for headline, members in ((article["headline"], clean), (article["garbled_headline"], twin)):
            score = scorer.score(Document.from_text("\n\n".join([headline, *(text for text, _, _ in members)])))
            rows += sentences(score, members, number)
            flags.append(score.machine_translated is not None and score.machine_translated[1])
        verdicts.append(Verdicts(article["id"], article["pivot"], *flags))
    return rows, verdicts


def row(name: str, rows: Sequence[Scored], verdicts: Sequence[Verdicts], numbers: Sequence[int]) -> list[str]:
    """A line of the table, over the articles *numbers*."""
    chosen = set(numbers)
    rows = [one for one in rows if one.article in chosen]
    severe, clean = ([one for one in rows if one.severity == kind] for kind in (SEVERE, None))
    intact = [one for one in rows if one.severity == 0]
    low, high = auroc_interval(*_truth(severe, clean), [str(one.article) for one in severe + clean])
    counted = [verdicts[number] for number in numbers]
    return [
        name,
        str(len(numbers)),
        f"{_auroc(severe, clean):.3f} ({low:.3f}–{high:.3f})",
        f"{_auroc(severe, intact):.3f}",
        f"{np.mean([one.flag for one in severe]):.0%}",
        f"{np.mean([one.flag for one in clean]):.1%}",
        f"{word_f1([one for one in rows if one.severity is not None]):.2f}",
        f"{np.mean([one.in_passage for one in rows if one.severity is not None]):.0%}",
        f"{np.mean([one.twin for one in counted]):.0%}",
        f"{np.mean([one.original for one in counted]):.0%}",
        f"{len({one.article for one in clean if one.in_passage}) / len(numbers):.0%}",
    ]


HEAD = [
    "articles",
    "number",
    "AUROC, severe damage against originals (95 % interval)",
    "against intact sentences of the same twins",
    "severe damage flagged",
    "originals' sentences flagged",
    "words, F1",
    "twins' sentences in passages",
    "twins called machine-translated",
    "originals called so",
    "originals with a passage",
]


def word_f1(rows: Sequence[Scored]) -> float:
    """F1 of the marked words of twins."""
    pairs = [pair for one in rows for pair in one.words]
    both = sum(wrong and marked for wrong, marked in pairs)
    return 2 * both / max(1, sum(wrong for wrong, _ in pairs) + sum(marked for _, marked in pairs))


def _truth(garbled: Sequence[Scored], clean: Sequence[Scored]) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64]]:
    return np.repeat([True, False], [len(garbled), len(clean)]), np.array([one.probability for one in (*garbled, *clean)])


def _auroc(garbled: Sequence[Scored], clean: Sequence[Scored]) -> float:
    truth, scores = _truth(garbled, clean)
    return auroc(scores, truth)


@in_one_line()
def main() -> None:
    """Score, print a Markdown table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--model", default="default", help="model folder or name (default: %(default)s)")
    options.add_argument("--second-look", help="the model that scores what the first suspects (default: none)")
    options.add_argument("--seeds", type=Path, default=Path("seeds"), help="folder of the starter data (default: %(default)s)")
    chosen = options.parse_args()
    articles = rows_in(chosen.seeds / "w*.jsonl")
    rows, verdicts = score_pairs(Scorer.from_folder(chosen.model, second_look=chosen.second_look), articles)
    groups = {"all": list(range(len(articles)))}
    groups |= {told: [i for i, one in enumerate(verdicts) if one.name.startswith(kind)] for kind, told in KINDS.items()}
    groups["through languages new to the models"] = [i for i, one in enumerate(verdicts) if one.pivot in NEW_PIVOTS]
    print(table(HEAD, [row(name, rows, verdicts, numbers) for name, numbers in groups.items() if numbers]))


if __name__ == "__main__":
    main()
