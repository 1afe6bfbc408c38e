"""Writers: results → JSON Lines, CSV or Parquet, in a stream."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from ..model.results import ArticleScore, InputFailure
from ..model.spreadsheet import guarded
from .rows import columns, flat_rows

if TYPE_CHECKING:
    import pyarrow as pa

Result = ArticleScore | InputFailure


class Writer(Protocol):
    """Takes results one by one; ``close`` writes what is still held, and leaves the stream open."""

    def write(self, result: Result) -> None:
        """Take one result."""

    def close(self) -> None:
        """Write what is held back."""


def encodable(value: Any) -> Any:
    """*value* with the bytes of file names that are not Unicode written out as escapes."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {key: encodable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [encodable(item) for item in value]
    return value


class JsonLinesWriter:
    """One object of the output contract per line, UTF-8."""

    def __init__(self, stream: BinaryIO, labels: tuple[str, ...]) -> None:
        import orjson

        self._stream = stream
        self._dump: Callable[[Any], bytes] = orjson.dumps

    def write(self, result: Result) -> None:
        """Write one line."""
        self._stream.write(self._dump(encodable(result.to_dict())) + b"\n")
        self._stream.flush()

    def close(self) -> None:
        """Nothing is held back."""


class CsvWriter:
    """One row per sentence, UTF-8 with a header; see :func:`newsgauge.report.rows.columns`."""

    def __init__(self, stream: BinaryIO, labels: tuple[str, ...]) -> None:
        self._text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=True)
        self._writer = csv.DictWriter(self._text, columns(labels), restval="", lineterminator="\r\n")
        self._writer.writeheader()

    def write(self, result: Result) -> None:
        """Write the rows of one result."""
        for row in flat_rows(result):
            self._writer.writerow({name: guarded(encodable(value)) for name, value in row.items()})

    def close(self) -> None:
        """Flush, and let go of the stream."""
        self._text.flush()
        self._text.detach()


class ParquetWriter:
    """The rows of :class:`CsvWriter` as Parquet, row groups of about *group* rows."""

    def __init__(self, stream: BinaryIO, labels: tuple[str, ...], *, group: int = 20_000) -> None:
        import pyarrow.parquet as pq

        self._schema = schema(labels)
        self._writer = pq.ParquetWriter(stream, self._schema, compression="zstd")
        self._rows: list[dict[str, Any]] = []
        self._group = group

    def write(self, result: Result) -> None:
        """Keep the rows of one result, and write a row group when there are enough."""
        self._rows.extend(encodable(row) for row in flat_rows(result))
        if len(self._rows) >= self._group:
            self._flush()

    def close(self) -> None:
        """Write the last row group and the footer."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, schema=self._schema))
            self._rows = []


def schema(labels: tuple[str, ...]) -> pa.Schema:
    """The Arrow schema of the flat form."""
    import pyarrow as pa

    integers = {"characters", "index", "start", "end", "block", "passage"}
    booleans = {"machine_translated_flag", "confident", "garbled_flag"}

    def kind(name: str) -> pa.DataType:
        if name in integers:
            return pa.int64()
        if name in booleans:
            return pa.bool_()
        return pa.float64() if "probability" in name else pa.string()

    return pa.schema([(name, kind(name)) for name in columns(labels)])


WRITERS: dict[str, Callable[[BinaryIO, tuple[str, ...]], Writer]] = {"jsonl": JsonLinesWriter, "csv": CsvWriter, "parquet": ParquetWriter}
SUFFIXES = {".html": "html", ".htm": "html", ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".parquet": "parquet", ".pq": "parquet"}


def format_for(output: Path) -> str | None:
    """The format that the name of *output* asks for, if it does."""
    return SUFFIXES.get(output.suffix.lower())
