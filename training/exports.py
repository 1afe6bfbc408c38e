"""Suggestions as files for people who label: JSON Lines, CSV, Label Studio and Prodigy; each comes back through the readers of labels."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from ..model.spreadsheet import guarded
from .suggest import Suggestion

_PLACE = ("id", "document", "position", "start", "end", "before", "after", "headline")
COLUMNS = ("text", "label", "predicted", "uncertainty", *_PLACE)


def write_json_lines(suggestions: Sequence[Suggestion], labels: Sequence[str], model: str, stream: BinaryIO) -> None:
    """One object a line; whoever labels fills in ``label``."""
    for one in suggestions:
        row: dict[str, Any] = {"text": one.text, "label": None, "predicted": one.predicted, "probabilities": one.probabilities}
        _line({**row, "uncertainty": one.uncertainty, "model": model, **_place(one)}, stream)


def write_csv(suggestions: Sequence[Suggestion], labels: Sequence[str], model: str, stream: BinaryIO) -> None:
    """A row each in UTF-8, with the mark that spreadsheets know it by; whoever labels fills in ``label``."""
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for one in suggestions:
        row: dict[str, Any] = {"text": one.text, "label": "", "predicted": one.predicted, "uncertainty": one.uncertainty, **_place(one)}
        writer.writerow([guarded(row[name]) for name in COLUMNS])
    text.detach()


def write_label_studio(suggestions: Sequence[Suggestion], labels: Sequence[str], model: str, stream: BinaryIO) -> None:
    """Tasks to import, with the model's label as pre-annotation for ``<Choices name="label" toName="text">``."""
    tasks = []
    for one in suggestions:
        choice = {"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": [one.predicted]}}
        prediction = {"model_version": model, "score": one.probabilities[one.predicted], "result": [choice]}
        data: dict[str, Any] = {"text": one.text}
        tasks.append({"data": data | _place(one), "predictions": [prediction]})
    stream.write(json.dumps(tasks, ensure_ascii=False, indent=1).encode() + b"\n")


def write_prodigy(suggestions: Sequence[Suggestion], labels: Sequence[str], model: str, stream: BinaryIO) -> None:
    """Tasks for the choice interface, with the model's label selected; what is no text of the task is in ``meta``."""
    options = [{"id": label, "text": label} for label in labels]
    for one in suggestions:
        meta = {**_place(one), "uncertainty": one.uncertainty, "model": model}
        _line({"text": one.text, "options": options, "accept": [one.predicted], "meta": meta}, stream)


def _place(one: Suggestion) -> dict[str, Any]:
    return {name: getattr(one, name) for name in _PLACE}


def _line(row: Mapping[str, Any], stream: BinaryIO) -> None:
    stream.write(json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n")


WRITERS: Mapping[str, Callable[[Sequence[Suggestion], Sequence[str], str, BinaryIO], None]] = {
    "jsonl": write_json_lines,
    "csv": write_csv,
    "label-studio": write_label_studio,
    "prodigy": write_prodigy,
}


def format_for(path: Path) -> str:
    """The format that a file's ending asks for: CSV, Label Studio for .json, else JSON Lines."""
    return {".csv": "csv", ".json": "label-studio"}.get(path.suffix.lower(), "jsonl")
