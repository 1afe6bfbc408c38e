"""The command line: each command parses, calls the library and prints."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

app = typer.Typer(
    name="newsgauge",
    help="Label every sentence of a news article accusation, denial, evidence or analysis, and find garbled machine-translated English.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class OutputFormat(StrEnum):
    """What ``score`` writes."""

    table = "table"
    jsonl = "jsonl"
    csv = "csv"
    parquet = "parquet"


ModelOption = Annotated[str, typer.Option("--model", "-m", help="A model folder, or the name of a shipped model.", metavar="MODEL")]


@app.command()
def score(
    files: Annotated[
        list[str],
        typer.Argument(
            help="Articles (.txt .md .html .htm), tables with an article a row (.jsonl .csv .tsv .parquet), or - for standard input.",
            metavar="FILES...",
        ),
    ],
    format: Annotated[
        OutputFormat | None, typer.Option("--format", "-f", help="Default: a table on a terminal, JSON Lines elsewhere.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file, whole or not at all; its ending chooses the format.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output file if it exists.")] = False,
    model: ModelOption = "default",
    input_format: Annotated[
        str | None,
        typer.Option("--input-format", help="Read every input as text, markdown, html, jsonl, csv, tsv or parquet, whatever its name."),
    ] = None,
    text_column: Annotated[
        str | None,
        typer.Option(
            "--text-column", help="The column of a table that holds the article. Default: text, body, content, article or maintext."
        ),
    ] = None,
    id_column: Annotated[
        str | None, typer.Option("--id-column", help="The column that names the article. Default: id, uuid, url, else the row number.")
    ] = None,
    threads: Annotated[int | None, typer.Option("--threads", min=1, help="Threads of the encoder. Default: one per core.")] = None,
) -> None:
    """Label the sentences of articles and mark garbled machine translation.

    Exit status: 0, 1 where an input could not be scored (the others are), 2 for wrong usage.
    """
    from .model.errors import NewsgaugeError
    from .model.results import InputFailure
    from .model.scorer import Scorer
    from .report.progress import Progress
    from .report.sink import sink

    failed = 0
    try:
        chosen = _output_format(format, output)
        scorer = Scorer.from_folder(model, threads=threads)
        on_screen = chosen is OutputFormat.table and output is None
        with sink(chosen, output, scorer.labels, overwrite=overwrite) as write, Progress(enabled=not on_screen) as progress:
            for result in scorer.score_files(files, text_column=text_column, id_column=id_column, format=input_format):
                if isinstance(result, InputFailure):
                    failed += 1
                    typer.echo(f"newsgauge: {result.source}: {result.message}", err=True)
                write(result)
                progress.advance(0 if isinstance(result, InputFailure) else len(result.sentences))
    except NewsgaugeError as error:
        _fail(str(error))
    if failed:
        raise typer.Exit(1)


@app.command()
def info(
    model: Annotated[str, typer.Argument(help="A model folder, or the name of a shipped model.", metavar="[MODEL]")] = "default",
) -> None:
    """Show what a model is: labels, training data, measured quality, versions. Its files are checked."""
    from rich.console import Console

    from .model.bundle import find, read_manifest, verify
    from .model.errors import NewsgaugeError
    from .report.terminal import model_summary

    try:
        folder = find(model)
        manifest, identity = read_manifest(folder)
        verify(folder, manifest)
        Console().print(model_summary(identity, manifest))
    except NewsgaugeError as error:
        _fail(str(error))


def _fail(message: str) -> NoReturn:
    typer.echo(f"newsgauge: {message}", err=True)
    raise typer.Exit(2)


def _output_format(asked: OutputFormat | None, output: Path | None) -> OutputFormat:
    from .model.errors import NewsgaugeError
    from .report.writers import format_for

    if asked is None:
        named = format_for(output) if output is not None else None
        terminal = output is None and sys.stdout.isatty()
        return OutputFormat(named) if named else OutputFormat.table if terminal else OutputFormat.jsonl
    if asked is OutputFormat.parquet and output is None:
        raise NewsgaugeError("Parquet is written to a file only; add --output FILE.")
    return asked


def main() -> None:
    """Run the command line; a reader that closes the pipe early ends it quietly."""
    try:
        app()
    except BrokenPipeError:
        # Python would complain again when it flushes standard output at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
