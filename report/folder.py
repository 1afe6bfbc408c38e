"""Folder: a collection as the folder view shows it. Every list has a bound, and says how much of what there is it shows."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from ..model.results import ArticleScore
from .alignment import align, changed
from .collection import Collection, Digest
from .visible import shortened

CLAIM_LABELS = ("accusation", "denial")
MOST_CLAIMS = 4000
MOST_PASSAGES = 50
MOST_CLUSTERS = 60
MOST_ALIGNED = 60
MOST_MEMBERS = 50
MOST_GROUPS = 200
CLAIM_CHARACTERS = 320
PASSAGE_CHARACTERS = 800
ALIGNED_CHARACTERS = 1200


Entry = TypeVar("Entry", bound=tuple[Any, ...])


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence with a label of :data:`CLAIM_LABELS`, at code points ``[start, end)`` of its article."""

    article: int
    sentence: int
    label: str
    probability: float
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class GarbledPassage:
    """A passage with its text, from sentence ``sentence`` on."""

    article: int
    sentence: int
    probability: float
    sentences: int
    text: str


@dataclass(frozen=True, slots=True)
class AlignedRow:
    """A sentence of the original and that which stands for it, in pieces: words that the other does not have are marked."""

    original: tuple[tuple[str, bool], ...]
    copy: tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True)
class Retelling:
    """A garbled retelling beside its original, as indices of articles, sentence by sentence."""

    original: int
    copy: int
    rows: tuple[AlignedRow, ...]


@dataclass(frozen=True, slots=True)
class Cluster:
    """Articles that are nearly the same, the first of them first, and the retellings among them."""

    number: int
    members: tuple[int, ...]
    retellings: tuple[Retelling, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """An outlet or folder; ``garbled`` articles of those ``judged`` have the verdict, ``uncertain`` counts sentences."""

    name: str
    articles: int
    scored: int
    stance: dict[str, int]
    judged: int
    garbled: int
    uncertain: int


class Highlights:
    """The claims and passages with the highest probabilities, of articles that are added one by one."""

    def __init__(self) -> None:
        self.claims_in_all = 0
        self.passages_in_all = 0
        self._claims: list[tuple[float, int, Claim]] = []
        self._passages: list[tuple[float, int, int, GarbledPassage]] = []

    def add(self, number: int, article: ArticleScore) -> None:
        """Take article *number*."""
        for sentence in article.sentences:
            if sentence.label in CLAIM_LABELS and sentence.probabilities:
                self.claims_in_all += 1
                probability = sentence.probabilities[sentence.label]
                # Of equals the earlier stays.
                key = (probability, -self.claims_in_all)
                if len(self._claims) < MOST_CLAIMS or key > self._claims[0][:2]:
                    text = shortened(sentence.text, CLAIM_CHARACTERS)
                    claim = Claim(number, sentence.index, sentence.label, probability, sentence.start, sentence.end, text)
                    _push(self._claims, (*key, claim), MOST_CLAIMS)
        for passage in article.passages:
            self.passages_in_all += 1
            inside = [one for one in article.sentences if one.index in passage.sentences]
            text = shortened(" ".join(one.text for one in inside), PASSAGE_CHARACTERS)
            found = GarbledPassage(number, passage.first_sentence, passage.probability, len(inside), text)
            _push(self._passages, (passage.probability, len(inside), -self.passages_in_all, found), MOST_PASSAGES)

    @property
    def claims(self) -> list[Claim]:
        """The claims, the most probable first."""
        return [entry[-1] for entry in sorted(self._claims, reverse=True)]

    @property
    def passages(self) -> list[GarbledPassage]:
        """The passages, the most probable first, of those the longest."""
        return [entry[-1] for entry in sorted(self._passages, reverse=True)]


def _push(heap: list[Entry], entry: Entry, most: int) -> None:
    if len(heap) < most:
        heapq.heappush(heap, entry)
    else:
        heapq.heappushpop(heap, entry)


def groups(digests: Iterable[Digest], labels: Sequence[str]) -> list[Group]:
    """The outlets or folders, those with the most articles first."""
    found: dict[str, list[Digest]] = {}
    for digest in digests:
        found.setdefault(digest.group, []).append(digest)
    made = [
        Group(
            name=name,
            articles=len(members),
            scored=sum(one.scored for one in members),
            stance={label: sum(one.stance.get(label, 0) for one in members) for label in labels},
            judged=sum(1 for one in members if one.verdict is not None),
            garbled=sum(1 for one in members if one.verdict is not None and one.verdict[1]),
            uncertain=sum(one.uncertain for one in members),
        )
        for name, members in found.items()
    ]
    return sorted(made, key=lambda group: (-group.articles, group.name))


def cluster_members(cluster: Sequence[int], spun_from: Sequence[int]) -> list[tuple[int, ...]]:
    """The clusters of two and more, as indices of articles; those with retellings first, then the largest.

    *cluster*: for each article the index of the first of its cluster. *spun_from*: of its original, or -1.
    """
    members: dict[int, list[int]] = {}
    for index, first in enumerate(cluster):
        members.setdefault(first, []).append(index)
    several = [tuple(found) for found in members.values() if len(found) > 1]
    return sorted(several, key=lambda found: (-sum(spun_from[one] >= 0 for one in found), -len(found), found[0]))


def clusters(collection: Collection, members: Sequence[tuple[int, ...]], spun_from: Sequence[int]) -> list[Cluster]:
    """The first :data:`MOST_CLUSTERS` of *members* with their retellings aligned, as long as there are not over :data:`MOST_ALIGNED`."""
    left = MOST_ALIGNED
    made = []
    for number, found in enumerate(members[:MOST_CLUSTERS], 1):
        spun = [copy for copy in found if spun_from[copy] >= 0][:left]
        left -= len(spun)
        made.append(Cluster(number, found, tuple(retelling(collection, spun_from[copy], copy) for copy in spun)))
    return made


def retelling(collection: Collection, original: int, copy: int) -> Retelling:
    """Two articles sentence by sentence; boilerplate is left out."""
    one, other = _texts(collection[original]), _texts(collection[copy])
    rows = []
    for i, j in align(one, other):
        left = "" if i is None else shortened(one[i], ALIGNED_CHARACTERS)
        right = "" if j is None else shortened(other[j], ALIGNED_CHARACTERS)
        # Where a sentence has no partner, all of it is other: marks would say nothing.
        paired = bool(left and right)
        rows.append(AlignedRow(_pieces(left, right, paired), _pieces(right, left, paired)))
    return Retelling(original, copy, tuple(rows))


def _pieces(text: str, other: str, paired: bool) -> tuple[tuple[str, bool], ...]:
    if not text:
        return ()
    return tuple(changed(text, other)) if paired else ((text, False),)


def _texts(article: ArticleScore) -> list[str]:
    return [sentence.text for sentence in article.sentences if sentence.kind != "boilerplate"]
