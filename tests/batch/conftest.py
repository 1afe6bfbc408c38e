"""Folders of articles, and runs over them with the fake scorer."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from newsgauge.batch.cards import Outcome
from newsgauge.batch.engine import LocalEngine
from newsgauge.batch.items import Columns, identify, items
from newsgauge.batch.pool import Limits
from newsgauge.batch.reader import End
from newsgauge.batch.run import Plan, Report, run
from newsgauge.batch.walk import Found, Selection
from newsgauge.batch.worker import Scoring, assess
from newsgauge.model.inputs import Raw
from newsgauge.model.results import InputFailure

# Worker processes get this process's path, and so find the fakes.
sys.path.insert(0, str(Path(__file__).parent))

import batch_fakes

PLACES = ("harbour", "quarry", "council", "hospital", "airport", "market")


def article(number: int, extra: str = "") -> str:
    """Six lines that no other article has; *extra* goes in the middle."""
    lines = [f"Line {line} of report {number * 7919 + line} from the {PLACES[(number + line) % 6]} was read." for line in range(6)]
    return "\n".join([*lines[:3], *([extra] if extra else []), *lines[3:]]) + "\n"


class InProcess:
    """An engine without processes, which notes what it scored."""

    def __init__(self, scoring: Scoring = batch_fakes.SCORING) -> None:
        self.scored: list[str] = []
        self._scorer = scoring.load()

    def run(self, jobs: Iterator[tuple[Any, Raw]]) -> Iterator[Any]:
        for ticket, raw in jobs:
            self.scored.append(raw.source)
            yield ticket, assess(self._scorer, raw)


class ReadHere:
    """A reader without a process, whose start takes longer than most of the runs here."""

    def __init__(self, selection: Selection, columns: Columns, *, time_limit: float) -> None:
        self._selection = selection
        self._columns = columns

    def read(self, entries: Iterator[Any]) -> Iterator[Any]:
        for entry in entries:
            if isinstance(entry, InputFailure):
                yield identify(entry.source, Raw(entry.source, 0, entry))
            elif isinstance(entry, Found):
                whole = True
                for item in items(entry.path, self._selection, self._columns):
                    whole = item.input.error is None or not item.is_file
                    yield item
                yield End(entry, whole)
            else:
                yield entry

    def close(self) -> None:
        """There is nothing to end."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twenty articles in three folders."""
    root = tmp_path / "news"
    for number in range(20):
        path = root / ("a", "b/c", "b")[number % 3] / f"n{number:02}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(article(number))
    return root


Go = Callable[..., tuple[Report, list[str]]]


@pytest.fixture
def go(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Go:
    """Run over the folder in this process; gives the report and the sources that were scored."""

    monkeypatch.setattr("newsgauge.batch.run.Reader", ReadHere)

    def start(
        output: Path | None = None, *, scoring: Scoring = batch_fakes.SCORING, stop: Any = lambda: False, **settings: Any
    ) -> tuple[Report, list[str]]:
        engine = InProcess(scoring)
        plan = Plan(str(folder), output or tmp_path / "out", **{"shard_size": 6, **settings})
        return run(plan, scoring, engine, stop=stop), engine.scored

    return start


def local(
    folder: Path, output: Path, *, workers: int = 2, scoring: Scoring = batch_fakes.SCORING, time_limit: float = 60, **settings: Any
) -> Report:
    """Run over the folder with worker processes."""
    engine = LocalEngine(scoring, workers=workers, limits=Limits(article=time_limit))
    return run(Plan(str(folder), output, **{"shard_size": 6, "time_limit": time_limit, **settings}), scoring, engine)


def union(output: Path) -> bytes:
    """All rows of all shards, sorted by source, as one Parquet-like stream of bytes."""
    tables = [pq.read_table(path) for path in sorted((output / "shards").glob("*.parquet"))]
    table = pa.concat_tables(tables).sort_by([("source", "ascending"), ("index", "ascending")]).combine_chunks()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return bytes(sink.getvalue())


def tree(output: Path) -> dict[str, bytes]:
    """Every file of an output folder but the manifest, whose lines stand in the order in which shards were finished."""
    return {
        str(path.relative_to(output)): path.read_bytes() for path in output.rglob("*") if path.is_file() and path.name != "manifest.jsonl"
    }


def outcome_of(source: str, text: str) -> Outcome:
    return assess(batch_fakes.load(), Raw(source, 0, text.encode()))
