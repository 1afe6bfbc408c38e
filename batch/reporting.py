"""Reporting: score files, output folders and articles → one HTML report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..model.errors import NewsgaugeError
from ..model.results import ArticleScore
from ..report.atomic import check_free
from ..report.collection import Collection
from ..report.html import environment
from ..report.pages import Copies, write_report
from ..report.reading import holds_scores, read_scores
from ..report.writers import Result
from .copies import among, find_copies
from .manifest import NAME as MANIFEST
from .manifest import finished
from .minhash import HASHES, signature
from .shards import Store

FileScorer = Callable[[Iterable[str]], Iterator[Result]]
"""Scores the articles in some paths, in order: :meth:`newsgauge.model.scorer.Scorer.score_files`, its columns filled in."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a report holds: numbers of articles and failures; ``failed`` counts those failures that are not from files of scores."""

    articles: int
    failures: int
    failed: int


def make_report(
    sources: Iterable[str],
    output: Path,
    scorer: Callable[[], FileScorer],
    *,
    title: str | None = None,
    overwrite: bool = False,
    watch: Callable[[Result], None] = lambda result: None,
) -> Report:
    """Write the report of all *sources*: files of scores, output folders of ``batch``, and articles, which *scorer* scores.

    *scorer* is called where there are articles. *watch* sees every result that was scored. :class:`NewsgaugeError` where a
    source cannot be read or holds nothing, or *output* cannot be written; nothing is written then.
    """
    # Before an hour of scoring, not after it.
    check_free(output, overwrite=overwrite)
    environment()
    failed = 0
    with Collection() as collection:
        score: FileScorer | None = None
        signatures: list[bytes | None] = []
        for source in sources:
            results = _written(source)
            fresh = results is None
            if results is None:
                score = score or scorer()
                results = _watched(score([source]), watch)
            for result in results:
                collection.add(result)
                if isinstance(result, ArticleScore):
                    signatures.append(signature(one.text for one in result.sentences if one.kind != "boilerplate"))
                elif fresh:
                    failed += 1
        if not len(collection) and not collection.failures:
            raise NewsgaugeError("There is no article to report on; expected files of scores, a folder that batch wrote, or articles.")
        write_report(collection, _copies(collection, signatures), output, title=title, overwrite=overwrite)
        return Report(len(collection), len(collection.failures), failed)


def _watched(results: Iterator[Result], watch: Callable[[Result], None]) -> Iterator[Result]:
    for result in results:
        watch(result)
        yield result


def _written(source: str) -> Iterator[Result] | None:
    """The results that are written in *source*, None where it is an article or a table of articles."""
    path = Path(source)
    if path.is_dir():
        return _shards(path)
    return read_scores(path) if holds_scores(path) else None


def _shards(folder: Path) -> Iterator[Result]:
    if not (folder / MANIFEST).is_file():
        raise NewsgaugeError(f"{folder} is a folder without {MANIFEST}; expected one that newsgauge batch wrote: run batch on it first.")
    header, names = finished(folder)
    store = Store(folder, header.format, header.model, ())
    for name in names:
        if not store.results(name).is_file():
            raise NewsgaugeError(f"{store.results(name)} is missing; run newsgauge batch again to make it.")
        yield from read_scores(store.results(name))


def _copies(collection: Collection, signatures: list[bytes | None]) -> Copies:
    """Clusters over all articles; one without words is alone."""
    places = np.array([place for place, signed in enumerate(signatures) if signed is not None], dtype=np.int64)
    joined = b"".join(signed for signed in signatures if signed is not None)
    verdicts = np.array([np.nan if one.verdict is None else one.verdict[0] for one in collection.digests])
    found = find_copies(np.frombuffer(joined, np.dtype("<u4")).reshape(-1, 2 * HASHES), verdicts[places])
    copies = among(found, places, len(signatures))
    return Copies(copies.cluster.tolist(), copies.spun_from.tolist())
