"""Suggestions: which sentences of a folder of articles to label next."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..batch.walk import Found, Selection, walk
from ..model.results import ArticleScore, InputFailure
from ..model.scorer import Scorer
from .split import near_duplicates

SHORTEST = 20
"""Shorter sentences are fragments that nobody can label."""
SHORTLIST = 10
"""So many times the wanted number are looked at for near-duplicates."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A sentence to label: where it stands (``start`` and ``end`` are offsets in its document), its neighbours, and what the model says.

    ``uncertainty`` is one less the gap between the two likeliest labels, in [0, 1] (margin sampling: Scheffer et al. 2001).
    """

    id: str
    text: str
    document: str
    position: int
    start: int
    end: int
    before: str
    after: str
    headline: str
    predicted: str
    probabilities: dict[str, float]
    uncertainty: float


def articles_of(folder: str, scorer: Scorer, *, output: Path, watch: Callable[[int, int], None]) -> Iterator[ArticleScore | InputFailure]:
    """The scores of every article under *folder*, *output* left out; *watch* is told how many files of how many are done."""
    listed = list(walk(folder, Selection()))
    found = [one.path for one in listed if isinstance(one, Found) and Path(one.path).resolve() != output.resolve()]
    yield from (one for one in listed if isinstance(one, InputFailure))
    for done, path in enumerate(found):
        watch(done, len(found))
        yield from scorer.score_files([path])


def candidates(article: ArticleScore) -> list[Suggestion]:
    """The sentences of a scored article that have a label, each with its neighbours in the same article."""
    english = [sentence for sentence in article.sentences if sentence.language == "en"]
    headline = next((sentence.text for sentence in english if sentence.kind == "headline"), "")
    found = []
    for place, sentence in enumerate(english):
        if sentence.label is None or sentence.probabilities is None or len(sentence.text) < SHORTEST:
            continue
        best, second = sorted(sentence.probabilities.values(), reverse=True)[:2]
        found.append(
            Suggestion(
                id=f"{article.source}:{sentence.start}-{sentence.end}",
                text=sentence.text,
                document=article.source,
                position=place,
                start=sentence.start,
                end=sentence.end,
                before=english[place - 1].text if place else "",
                after=english[place + 1].text if place + 1 < len(english) else "",
                headline=headline if headline != sentence.text else "",
                predicted=sentence.label,
                probabilities=dict(sentence.probabilities),
                uncertainty=round(1 - (best - second), 4),
            )
        )
    return found


def suggest_from(
    articles: Iterable[ArticleScore | InputFailure],
    count: int,
    labels: Sequence[str],
    *,
    failed: Callable[[InputFailure], None] = lambda failure: None,
) -> list[Suggestion]:
    """The *count* most telling sentences of *articles*, or fewer: uncertain ones, no two near-duplicates, spread over documents.

    Every label has an equal share of the places by turns, filled with the least certain sentences that the model gives it, so that
    a rare label is not starved; *failed* is told of every article that could not be scored.
    """
    queues: dict[str, list[Suggestion]] = {label: [] for label in labels}
    documents = 0
    for article in articles:
        if isinstance(article, InputFailure):
            failed(article)
            continue
        documents += 1
        for found in candidates(article):
            queues[found.predicted].append(found)
        # A corpus is larger than memory; its shortlist is not.
        for queue in queues.values():
            if len(queue) > 2 * SHORTLIST * count:
                queue.sort(key=_telling)
                del queue[SHORTLIST * count :]
    shortlist = [found for queue in queues.values() for found in sorted(queue, key=_telling)[: SHORTLIST * count]]
    cluster = dict(zip((found.id for found in shortlist), near_duplicates([found.text for found in shortlist]), strict=True))
    most = max(2, -(-2 * count // max(1, documents)))
    return _dealt({label: [found for found in shortlist if found.predicted == label] for label in labels}, count, cluster, most)


def _telling(suggestion: Suggestion) -> tuple[float, str]:
    return -suggestion.uncertainty, suggestion.id


def _dealt(queues: dict[str, list[Suggestion]], count: int, cluster: dict[str, int], most: int) -> list[Suggestion]:
    """One of each queue by turns, at most one of a *cluster* and *most* of a document."""
    chosen: list[Suggestion] = []
    used: set[int] = set()
    of_document: dict[str, int] = {}
    waiting = {label: iter(queue) for label, queue in queues.items()}
    while waiting and len(chosen) < count:
        for label in list(waiting):
            found = next((s for s in waiting[label] if cluster[s.id] not in used and of_document.get(s.document, 0) < most), None)
            if found is None:
                del waiting[label]
            elif len(chosen) < count:
                chosen.append(found)
                used.add(cluster[found.id])
                of_document[found.document] = of_document.get(found.document, 0) + 1
    return chosen
