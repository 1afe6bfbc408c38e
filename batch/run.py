"""Run: a folder → shards, a summary and lists of what failed and what was passed over."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from ..model.errors import NewsgaugeError
from ..model.inputs import EXTENSIONS, FORMATS, Raw
from ..model.results import InputFailure
from ..report.atomic import atomic_output
from ..report.progress import Tally
from .cards import Outcome
from .engine import Engine
from .items import Columns, Input, Item
from .manifest import Header, Manifest
from .process import TIME_LIMIT
from .reader import End, Reader
from .shards import CARDS, RESULTS, Store
from .shards import FORMATS as SHARD_FORMATS
from .summary import Totals, summarise
from .upkeep import drop_stale, free_name, merge_small
from .walk import Found, Selection, Skipped, walk
from .worker import Scoring

SHARD_SIZE = 500
"""Articles in a shard."""
SKIPPED = "skipped.jsonl"

_Ticket = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run: the articles in *folder*, to shards of ``shard_size`` articles in *output*.

    ``time_limit`` is how many seconds the reading of an article may take, not its scoring. ``prune`` drops the results of inputs
    that are no longer there, ``retry_failed`` tries again what failed, ``overwrite_model`` gives up the results of another model.
    """

    folder: str
    output: Path
    selection: Selection = field(default_factory=Selection)
    columns: Columns = field(default_factory=Columns)
    format: str = "parquet"
    shard_size: int = SHARD_SIZE
    time_limit: float = TIME_LIMIT
    prune: bool = False
    retry_failed: bool = False
    overwrite_model: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did. ``totals`` is of all results in the output folder, None where the run was ``interrupted``."""

    scored: int
    sentences: int
    known: int
    gone: int
    interrupted: bool
    totals: Totals | None


def run(
    plan: Plan,
    scoring: Scoring,
    engine: Engine,
    *,
    stop: Callable[[], bool] = lambda: False,
    watch: Callable[[Tally], None] = lambda tally: None,
) -> Report:
    """Score what is missing or has changed in the output folder, and bring it up to date.

    When *stop* becomes true the shards in hand are finished, and no other is begun. *watch* is called after every article.
    :class:`NewsgaugeError` where the folder or the output folder cannot be used; what is finished stays.
    """
    _check(plan)
    store = Store(plan.output, plan.format, scoring.model, scoring.labels)
    tally = Tally(total_bytes=_measure(plan))
    store.prepare()
    header = Header(scoring.model, os.path.normpath(plan.folder), plan.format)
    with Manifest.open(plan.output, header, overwrite_model=plan.overwrite_model) as manifest:
        manifest.forget([name for name, _ in manifest.shards if not store.complete(name)])
        store.clean(name for name, _ in manifest.shards)
        with tempfile.TemporaryFile() as skipped:
            feed = _Feed(plan, store, manifest, stop, skipped, tally)
            with closing(feed.jobs()) as jobs, closing(engine.run(jobs)) as outcomes:
                for ticket, outcome in outcomes:
                    feed.take(ticket, outcome)
                    watch(tally)
            skipped.seek(0)
            with atomic_output(plan.output / SKIPPED, overwrite=True) as stream:
                shutil.copyfileobj(skipped, stream)
        if feed.interrupted:
            return Report(tally.articles, tally.sentences, tally.known, 0, True, None)
        gone = 0 if plan.prune else manifest.gone()
        drop_stale(store, manifest, prune=plan.prune)
        merge_small(store, manifest, plan.shard_size)
        totals = summarise(plan.output, [(store.cards(name), first) for name, first in manifest.shards], scoring.labels)
        return Report(tally.articles, tally.sentences, tally.known, gone, False, totals)


class _Feed:
    """The articles that are to be scored, grouped into shards in the order of the walk; a shard is written when all of it is there."""

    def __init__(self, plan: Plan, store: Store, manifest: Manifest, stop: Callable[[], bool], skipped: IO[bytes], tally: Tally) -> None:
        self._plan = plan
        self._store = store
        self._manifest = manifest
        self._stop = stop
        self._skipped = skipped
        self._tally = tally
        self._open: dict[int, _Shard] = {}
        self._begun = 0
        self._counted = 0
        self.interrupted = False

    def jobs(self) -> Generator[tuple[_Ticket, Raw], None, None]:
        """What an engine is to score; what is known to be unreadable goes into its shard at once. To be closed after use."""
        plan = self._plan
        with closing(Reader(plan.selection, plan.columns, time_limit=plan.time_limit)) as reader:
            yield from self._new(reader.read(walk(plan.folder, plan.selection, output=str(plan.output))))

    def _new(self, entries: Iterator[Item | Skipped | End]) -> Iterator[tuple[_Ticket, Raw]]:
        shard: _Shard | None = None
        for entry in entries:
            if isinstance(entry, Skipped):
                line = {"source": entry.path, "skipped": {"kind": entry.reason, "message": entry.message}}
                self._skipped.write(json.dumps(line).encode() + b"\n")
                continue
            if shard is None and self._stop():
                self.interrupted = True
                return
            self._advance(entry)
            if isinstance(entry, End) or self._known(entry):
                continue
            if shard is None:
                self._begun += 1
                shard = self._open[self._begun] = _Shard()
            ticket = (self._begun, len(shard.inputs))
            shard.inputs.append(entry.input)
            shard.outcomes.append(None)
            shard.full = len(shard.inputs) == self._plan.shard_size
            if isinstance(entry.raw.content, InputFailure):
                self.take(ticket, Outcome(entry.raw.content))
            else:
                yield ticket, entry.raw
            if shard.full:
                shard = None
        if shard is not None:
            shard.full = True
            self._write_if_done(self._begun)

    def take(self, ticket: _Ticket, outcome: Outcome) -> None:
        """An article is done. Its shard is written if this was the last of it."""
        number, place = ticket
        shard = self._open[number]
        shard.outcomes[place] = outcome
        shard.done += 1
        self._tally.articles += 1
        if isinstance(outcome.result, InputFailure):
            self._tally.failures += 1
            shard.inputs[place] = replace(shard.inputs[place], error=outcome.result.kind)
        else:
            self._tally.sentences += len(outcome.result.sentences)
        self._write_if_done(number)

    def _write_if_done(self, number: int) -> None:
        shard = self._open[number]
        if not shard.full or shard.done < len(shard.inputs):
            return
        name = free_name(self._store, self._manifest, shard.inputs)
        self._store.write(name, shard.inputs, [outcome for outcome in shard.outcomes if outcome is not None])
        self._manifest.add(name, shard.inputs)
        del self._open[number]

    def _known(self, item: Item) -> bool:
        known = self._manifest.holds(item.input, retry_failed=self._plan.retry_failed)
        if known:
            self._tally.known += 1
            self._tally.known_bytes += item.input.size
        return known

    def _advance(self, entry: Item | End) -> None:
        """Note how far the run is; the bytes of a table add up to the size of its file at its end."""
        if isinstance(entry, Item):
            self._counted += entry.input.size
            self._tally.done_bytes += entry.input.size
        else:
            self._tally.done_bytes += entry.found.size - self._counted
            self._counted = 0
            if entry.whole:
                self._manifest.ended(entry.found.path)


@dataclass(slots=True)
class _Shard:
    """A shard in the making: ``full`` when no more inputs come, ``done`` outcomes are there."""

    inputs: list[Input] = field(default_factory=list)
    outcomes: list[Outcome | None] = field(default_factory=list)
    done: int = 0
    full: bool = False


def _measure(plan: Plan) -> int:
    """The bytes of the files that will be read; :class:`NewsgaugeError` where there are none."""
    total = found = 0
    for entry in walk(plan.folder, plan.selection, output=str(plan.output)):
        if isinstance(entry, Found):
            found += 1
            total += entry.size
    if not found:
        wanted = f" that matches {' or '.join(plan.selection.include)}" if plan.selection.include else ""
        raise NewsgaugeError(f"{plan.folder} holds no file{wanted} that can be read; expected {' '.join(EXTENSIONS)}.")
    return total


def _check(plan: Plan) -> None:
    """:class:`NewsgaugeError` where a plan makes no sense."""
    if plan.format not in SHARD_FORMATS:
        raise NewsgaugeError(f"Shards cannot be {plan.format!r}: use one of {', '.join(SHARD_FORMATS)}.")
    if plan.selection.format is not None and plan.selection.format not in FORMATS:
        raise NewsgaugeError(f"Unknown input format {plan.selection.format!r}: use one of {', '.join(FORMATS)}.")
    if plan.shard_size < 1:
        raise NewsgaugeError(f"A shard of {plan.shard_size} articles cannot be; expected 1 or more.")
    if plan.output.exists() and not plan.output.is_dir():
        raise NewsgaugeError(f"{plan.output} is a file; expected a folder for the results.")
    if plan.output.is_dir() and os.path.isdir(plan.folder) and os.path.samefile(plan.output, plan.folder):
        raise NewsgaugeError(f"{plan.output} is the folder of the articles; choose another one for the results.")
    articles = Path(plan.folder).resolve()
    for own in (plan.output.resolve() / name for name in (RESULTS, CARDS)):
        if own == articles or own in articles.parents:
            raise NewsgaugeError(f"{plan.folder} lies where the results go, in {own}; choose another output folder.")
