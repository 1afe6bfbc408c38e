"""Records: what stands in a file of labels, row by row, each with its file and line, whatever tool wrote it."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..model.compression import expanded, inner_name
from ..model.encoding import decode
from ..model.errors import InputError, MissingExtraError, NewsgaugeError
from ..model.spreadsheet import unguarded

ENDINGS = (".jsonl", ".ndjson", ".csv", ".tsv", ".parquet", ".json")


class RecordError(NewsgaugeError):
    """A file of labels cannot be read; the message names file and line."""


@dataclass(frozen=True, slots=True)
class Record:
    """One row as it lies in its file; ``where`` is "FILE, line N"."""

    where: str
    values: Mapping[str, Any]


def read_records(path: str) -> list[Record]:
    """The rows of one file, by its ending, or of a folder that the datasets library saved. :class:`RecordError`."""
    if os.path.isdir(path):
        records = _saved_dataset(Path(path))
    else:
        ending = os.path.splitext(inner_name(path))[1].lower()
        if os.path.isfile(path) and ending not in ENDINGS:
            raise RecordError(f"{path}: unknown kind of file {ending!r}; expected {' '.join(ENDINGS)}, or a folder saved by datasets.")
        data = _bytes(path)
        if not data.strip():
            raise RecordError(f"{path}: it is empty; expected a table with a text and a label column.")
        if ending == ".parquet":
            records = _parquet(path, data)
        elif ending == ".json":
            records = _json(path, _text(path, data))
        elif ending in (".csv", ".tsv"):
            records = _csv(path, _text(path, data), "\t" if ending == ".tsv" else None)
        else:
            records = _json_lines(path, _text(path, data))
    if not records:
        raise RecordError(f"{path}: it has no rows; expected a table with a text and a label column.")
    return records


def _bytes(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return expanded(path, file).read()
    except InputError as error:
        raise RecordError(f"{path}: {error}") from None
    except OSError as error:
        raise RecordError(f"{path}: cannot be read ({error.strerror}); name a file of labels.") from None


def _text(path: str, data: bytes) -> str:
    """The text of a file in one encoding; lines in different ones are an error that names the first odd line."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    try:
        text, encoding = decode(data)
    except InputError as error:
        raise RecordError(f"{path}: {error}") from None
    if encoding.startswith(("utf-16", "utf-32")):
        return text
    odd, fine = 0, False
    for number, line in enumerate(data.split(b"\n"), 1):
        try:
            fine = not line.decode("utf-8").isascii() or fine
        except UnicodeDecodeError:
            odd = odd or number
    if fine:
        raise RecordError(f"{path}, line {odd}: not UTF-8, as other lines of the file are; save the whole file as UTF-8.")
    return text


def _json_lines(path: str, text: str) -> list[Record]:
    records = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            detail = f"{error.msg} at column {error.colno}" if isinstance(error, json.JSONDecodeError) else "nested too deeply"
            raise RecordError(f"{where}: not valid JSON ({detail}); JSON Lines holds one object a line.") from None
        if not isinstance(value, dict):
            raise RecordError(f"{where}: a JSON {type(value).__name__}; expected an object with a text and a label.")
        records.append(Record(where, _prodigy(value)))
    return records


def _prodigy(value: dict[str, Any]) -> dict[str, Any]:
    """A task of Prodigy as a flat row; any other row as it is. What nobody accepted has no label."""
    if not ({"answer", "options", "_task_hash"} & value.keys()):
        return value
    meta = value.get("meta")
    flat = {**(meta if isinstance(meta, dict) else {}), **value}
    answered = value.get("answer") == "accept"
    chosen = value.get("accept") if "accept" in value or "options" in value else value.get("label")
    return {**flat, "label": chosen if answered else None}


def _json(path: str, text: str) -> list[Record]:
    """An export of Label Studio (JSON or JSON-MIN), or any array of objects."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        detail = f"line {error.lineno}: {error.msg}" if isinstance(error, json.JSONDecodeError) else "nested too deeply"
        raise RecordError(f"{path}, {detail}; expected the JSON export of Label Studio (for one object a line, name it .jsonl).") from None
    if not isinstance(value, list) or not all(isinstance(task, dict) for task in value):
        raise RecordError(f"{path}: expected an array of tasks, as Label Studio exports it.")
    records = []
    for number, task in enumerate(value, 1):
        where = f"{path}, task {number}"
        records += [Record(where, row) for row in _label_studio(task)]
    return records


def _label_studio(task: dict[str, Any]) -> list[dict[str, Any]]:
    """One row for each finished annotation of a task, so that two annotators who differ are seen; one without a label for none."""
    data = task.get("data")
    if not isinstance(data, dict):
        return [{name: value["choices"] if isinstance(value, dict) and "choices" in value else value for name, value in task.items()}]
    rows = []
    for annotation in task.get("annotations") or []:
        if annotation.get("was_cancelled"):
            continue
        row: dict[str, Any] = {**data, "label": None}
        for result in annotation.get("result") or []:
            value = result.get("value") or {}
            if "choices" in value:
                row["label"] = [*(row["label"] or []), *value["choices"]]
            elif "start" in value and "end" in value:
                row["spans"] = [*(row.get("spans") or []), [value["start"], value["end"]]]
        rows.append(row)
    return rows or [{**data, "label": None}]


def _csv(path: str, text: str, delimiter: str | None) -> list[Record]:
    head = text[: text.find("\n")] if "\n" in text else text
    # The default limit of the csv module is 131,072 characters a cell, and its message does not say what to do.
    csv.field_size_limit(2**31 - 1)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter or max(",;\t|", key=head.count))
    records = []
    try:
        names = next(reader)
        begins = reader.line_num + 1
        for cells in reader:
            where = f"{path}, line {begins}"
            begins = reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) > len(names):
                raise RecordError(f"{where}: {len(cells)} cells under {len(names)} columns; put quotation marks around text with commas.")
            records.append(Record(where, dict(zip(names, map(unguarded, cells), strict=False))))
    except csv.Error as error:
        raise RecordError(f"{path}, line {reader.line_num}: not a valid table ({error}); is a quotation mark left open?") from None
    return records


def _parquet(path: str, data: bytes) -> list[Record]:
    import pyarrow
    from pyarrow import parquet

    try:
        rows = parquet.read_table(io.BytesIO(data)).to_pylist()
    except (pyarrow.ArrowException, OSError, LookupError, ValueError, OverflowError) as error:
        raise RecordError(f"{path}: not a readable Parquet table ({' '.join(str(error).split())[:200]}).") from None
    return [Record(f"{path}, row {number}", row) for number, row in enumerate(rows, 1)]


def _saved_dataset(folder: Path) -> list[Record]:
    if not any((folder / name).is_file() for name in ("state.json", "dataset_dict.json")):
        raise RecordError(f"{folder}: a folder, but not one saved by datasets (save_to_disk); name the files of labels in it.")
    try:
        from datasets import ClassLabel, DatasetDict, load_from_disk
    except ImportError:
        raise MissingExtraError(f"{folder}: a dataset folder needs an extra; run: pip install 'newsgauge[train]'.") from None
    try:
        loaded = load_from_disk(str(folder))
    except Exception as error:  # the library raises what its many readers raise
        raise RecordError(f"{folder}: not a readable dataset folder ({' '.join(str(error).split())[:200]}).") from None
    if isinstance(loaded, DatasetDict):
        if "train" not in loaded:
            raise RecordError(f"{folder}: it has the splits {', '.join(loaded)}, and none is called train; name one of its folders.")
        loaded = loaded["train"]
    numbered = {name: feature for name, feature in loaded.features.items() if isinstance(feature, ClassLabel)}
    records = []
    for number, row in enumerate(loaded, 1):
        named = {name: feature.int2str(row[name]) for name, feature in numbered.items() if row[name] is not None and row[name] >= 0}
        missing = dict.fromkeys(numbered.keys() - named.keys())
        records.append(Record(f"{folder}, row {number}", {**row, **missing, **named}))
    return records
