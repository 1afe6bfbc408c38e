"""Collection: the articles of a report, kept in a temporary file, with a digest of each in memory."""

from __future__ import annotations

import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from urllib.parse import urlsplit

from ..model.results import ArticleScore, InputFailure
from .reading import result_from
from .writers import JsonLinesWriter

_DRIVE = re.compile(r"[\\/]")


@dataclass(frozen=True, slots=True)
class Digest:
    """What the tables of a report say of an article: ``stance`` and ``garbled`` count sentences, of which ``scored`` have a label.

    ``group`` is its outlet or folder, see :func:`group_of`; ``verdict`` the probability and flag of machine translation.
    """

    source: str
    group: str
    language: str | None
    characters: int
    sentences: int
    scored: int
    stance: dict[str, int]
    garbled: int
    uncertain: int
    passages: int
    verdict: tuple[float, bool] | None


class Collection:
    """Articles in the order in which they were added. Memory grows with the digests alone; leave its block to free the file."""

    def __init__(self) -> None:
        self.digests: list[Digest] = []
        self.failures: list[InputFailure] = []
        self.labels: tuple[str, ...] = ()
        self.models: Counter[str] = Counter()
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 -- it lives as long as the collection
        self._writer = JsonLinesWriter(self._file, ())
        self._offsets: list[int] = []

    def __enter__(self) -> Collection:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self.digests)

    def __getitem__(self, index: int) -> ArticleScore:
        import orjson

        self._file.seek(self._offsets[index])
        article = result_from(orjson.loads(self._file.readline()))
        assert isinstance(article, ArticleScore)
        return article

    def __iter__(self) -> Iterator[ArticleScore]:
        return (self[index] for index in range(len(self)))

    def add(self, result: ArticleScore | InputFailure) -> None:
        """Take one result."""
        if isinstance(result, InputFailure):
            self.failures.append(result)
            return
        self._offsets.append(self._file.seek(0, os.SEEK_END))
        self._writer.write(result)
        self.digests.append(digest(result))
        self.labels += tuple(label for label in result.labels if label not in self.labels)
        self.models[result.model] += 1


def digest(article: ArticleScore) -> Digest:
    """What is kept of *article* in memory."""
    scored = [sentence for sentence in article.sentences if sentence.label is not None]
    return Digest(
        source=article.source,
        group=group_of(article.source),
        language=article.language,
        characters=article.characters,
        sentences=len(article.sentences),
        scored=len(scored),
        stance=article.stance,
        garbled=sum(1 for sentence in scored if sentence.garbled is not None and sentence.garbled.flag),
        uncertain=sum(1 for sentence in scored if not sentence.confident),
        passages=len(article.passages),
        verdict=article.machine_translated,
    )


def group_of(source: str) -> str:
    """The outlet or folder of a source: the host of a URL, else the table that it is a row of, else its folder."""
    table, _, row = source.partition("#")
    for address in (row, source):
        # A port that is no number, say, makes no URL.
        try:
            host = urlsplit(address).hostname if "://" in address else None
        except ValueError:
            host = None
        if host:
            return host.removeprefix("www.")
    if row:
        return table
    parts = _DRIVE.split(source)
    return "/".join(parts[:-1]) or "."
