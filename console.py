"""The console: what the commands share in talking to their user."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer


class InputFormat(StrEnum):
    """What an input can be read as."""

    text = "text"
    markdown = "markdown"
    html = "html"
    jsonl = "jsonl"
    csv = "csv"
    tsv = "tsv"
    parquet = "parquet"
    warc = "warc"


ModelOption = Annotated[str, typer.Option("--model", "-m", help="A model folder, or the name of a shipped model.", metavar="MODEL")]

SecondLookOption = Annotated[
    str | None,
    typer.Option(
        "--second-look",
        help="A better model, which scores what --model suspects of garbled translation: --model fast --second-look default.",
        metavar="MODEL",
    ),
]


class RuntimeName(StrEnum):
    """What runs the encoder of a model."""

    onnxruntime = "onnxruntime"
    openvino = "openvino"


RuntimeOption = Annotated[
    RuntimeName,
    typer.Option("--runtime", help="What runs the encoder: openvino (extra openvino) is quicker on processors with AMX."),
]


def tell(message: str) -> None:
    """A line on standard error; control characters in it, of a file name for instance, are shown as their numbers."""
    from .report.visible import visible

    typer.echo(f"newsgauge: {visible(message)}", err=True)


def unwritable(error: OSError, output: Path | None) -> str:
    """What to say of an *error* of the file system on the way to *output*, if there is one."""
    place = error.filename or output or "the output"
    return f"{place} cannot be read or written ({error.strerror or error}); check the folder and its permissions."


def fail(message: str) -> NoReturn:
    """End with a line on standard error and the exit status of wrong usage."""
    tell(message)
    raise typer.Exit(2)
