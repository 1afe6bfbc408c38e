"""Cards: what is kept of an article beside its sentences, one row an article, for the summary and the search for copies."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..model.results import ArticleScore, InputFailure
from ..report.rows import flat_rows
from ..report.writers import encodable
from .items import Input

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an article. ``signature`` is as made by :func:`newsgauge.batch.minhash.signature`."""

    result: ArticleScore | InputFailure
    signature: bytes | None = None


def card(item: Input, outcome: Outcome) -> dict[str, Any]:
    """The row of one article; ``rows`` is how many rows it has in a Parquet shard."""
    result = outcome.result
    row: dict[str, Any] = {
        "path": encodable(item.path),
        "number": item.number,
        "source": encodable(result.source),
        "rows": sum(1 for _ in flat_rows(result)),
        "signature": outcome.signature,
    }
    if isinstance(result, InputFailure):
        return row | {"error_kind": result.kind, "error_message": encodable(result.message)}
    probability, flag = result.machine_translated or (None, None)
    scored = [sentence for sentence in result.sentences if sentence.garbled is not None]
    return row | {
        "model": result.model,
        "language": result.language,
        "characters": result.characters,
        "sentences": len(result.sentences),
        "scored": len(scored),
        "garbled": sum(1 for sentence in scored if sentence.garbled is not None and sentence.garbled.flag),
        "passages": len(result.passages),
        "machine_translated_probability": probability,
        "machine_translated_flag": flag,
        "stance": [result.stance[label] for label in result.labels],
    }


def schema() -> pa.Schema:
    """The Arrow schema of cards; ``stance`` has a count per label of the model."""
    import pyarrow as pa

    integers = ("number", "rows", "characters", "sentences", "scored", "garbled", "passages")
    texts = ("path", "source", "error_kind", "error_message", "model", "language")
    return pa.schema(
        [
            *((name, pa.string()) for name in texts),
            *((name, pa.int64()) for name in integers),
            ("machine_translated_probability", pa.float64()),
            ("machine_translated_flag", pa.bool_()),
            ("stance", pa.list_(pa.int64())),
            ("signature", pa.binary()),
        ]
    )


def table(rows: Sequence[dict[str, Any]]) -> pa.Table:
    """Cards as a table."""
    import pyarrow as pa

    return pa.Table.from_pylist(list(rows), schema=schema())


def read(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """The cards in a file, or these *columns* of them; what an earlier release did not write is null."""
    import pyarrow.parquet as pq

    return pq.read_table(path, columns=columns, schema=schema())


def merged(shards: Iterable[tuple[Path, tuple[str, int]]], columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The cards of all *shards*, sorted by path and number; only those shards are in memory that overlap.

    *shards*: the file of each and the path and number of its first input, sorted by these. Each is sorted within.
    """
    # The file names that are no Unicode are written out in cards: the order is that of what is written.
    waiting = sorted(((str(encodable(first[0])), first[1]), path) for path, first in shards)
    waiting.reverse()
    heap: list[_Open] = []
    while heap or waiting:
        while waiting and (not heap or waiting[-1][0] <= heap[0][0]):
            _, path = waiting.pop()
            _push(heap, path, _rows(path, columns))
        _, path, rows, row = heapq.heappop(heap)
        yield row
        _push(heap, path, rows)


_Open = tuple[tuple[str, int], Path, Iterator[dict[str, Any]], dict[str, Any]]


def _push(heap: list[_Open], path: Path, rows: Iterator[dict[str, Any]]) -> None:
    row = next(rows, None)
    if row is not None:
        heapq.heappush(heap, ((row["path"], row["number"]), path, rows, row))


def _rows(path: Path, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    yield from read(path, ["path", "number", *columns]).to_pylist()
