"""The command line: each command parses, calls the library and prints."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from .cli_training import evaluate, suggest, train
from .console import InputFormat, ModelOption, RuntimeName, RuntimeOption, SecondLookOption, fail, tell

if TYPE_CHECKING:
    from .batch.reporting import FileScorer
    from .report.writers import Result

app = typer.Typer(
    name="newsgauge",
    help="Label every sentence of a news article accusation, denial, evidence or analysis, and find garbled machine-translated English.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # Rich takes half of the time that help needs.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class OutputFormat(StrEnum):
    """What ``score`` writes."""

    table = "table"
    jsonl = "jsonl"
    csv = "csv"
    parquet = "parquet"
    html = "html"


class ShardFormat(StrEnum):
    """What ``batch`` writes."""

    parquet = "parquet"
    jsonl = "jsonl"


class EngineName(StrEnum):
    """What does the work of ``batch``."""

    local = "local"
    ray = "ray"


InputFormatOption = Annotated[
    InputFormat | None,
    typer.Option("--input-format", help="Read every input as this, whatever its name."),
]
TextColumnOption = Annotated[
    str | None,
    typer.Option("--text-column", help="The column of a table that holds the article. Default: text, body, content, article or maintext."),
]
ThreadsOption = Annotated[int | None, typer.Option("--threads", min=1, help="Threads of the encoder. Default: one per core.")]
IdColumnOption = Annotated[
    str | None, typer.Option("--id-column", help="The column that names the article. Default: id, uuid, url, else the row number.")
]


@app.command(short_help="Label the sentences of articles and mark garbled machine translation.")
def score(
    files: Annotated[
        list[str],
        typer.Argument(
            help="Articles (.txt .md .html .htm), tables with an article a row (.jsonl .csv .tsv .parquet), web crawls (.warc), "
            "all but Parquet also as .gz or .zst, or - for standard input.",
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
    second_look: SecondLookOption = None,
    runtime: RuntimeOption = RuntimeName.onnxruntime,
    input_format: InputFormatOption = None,
    text_column: TextColumnOption = None,
    id_column: IdColumnOption = None,
    threads: ThreadsOption = None,
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
        if chosen is OutputFormat.html and output is not None:
            load = partial(_scorer, model, second_look, threads, runtime, format=input_format, text_column=text_column, id_column=id_column)
            _report(files, output, load, overwrite=overwrite)
            return
        scorer = Scorer.from_folder(model, threads=threads, runtime=runtime, second_look=second_look)
        on_screen = chosen is OutputFormat.table and output is None
        with sink(chosen, output, scorer.labels, overwrite=overwrite) as write, Progress(enabled=not on_screen) as progress:
            for result in scorer.score_files(files, text_column=text_column, id_column=id_column, format=input_format):
                if isinstance(result, InputFailure):
                    failed += 1
                    tell(f"{result.source}: {result.message}")
                write(result)
                progress.advance(0 if isinstance(result, InputFailure) else len(result.sentences))
    except NewsgaugeError as error:
        fail(str(error))
    except BrokenPipeError:  # the reader of a pipe has enough; this is the status of what a shell ends so
        _let_go_of_output()
        raise typer.Exit(141) from None
    if failed:
        raise typer.Exit(1)


@app.command(short_help="Score every article under a folder; can be stopped at any moment.")
def batch(
    folder: Annotated[str, typer.Argument(help="The folder whose articles are to be scored, or one file.", metavar="FOLDER")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder of the results; a run that was interrupted goes on there.")],
    format: Annotated[ShardFormat, typer.Option("--format", "-f", help="What the shards are written as.")] = ShardFormat.parquet,
    model: ModelOption = "default",
    second_look: SecondLookOption = None,
    runtime: RuntimeOption = RuntimeName.onnxruntime,
    include: Annotated[
        list[str] | None, typer.Option("--include", help="Only files whose path in FOLDER matches the glob (* also matches /). Repeatable.")
    ] = None,
    exclude: Annotated[list[str] | None, typer.Option("--exclude", help="No files or folders that match the glob. Repeatable.")] = None,
    max_bytes: Annotated[int, typer.Option("--max-bytes", min=1, help="The most bytes that one article may have.")] = 64 * 1024 * 1024,
    input_format: InputFormatOption = None,
    text_column: TextColumnOption = None,
    id_column: IdColumnOption = None,
    workers: Annotated[
        int | None, typer.Option("--workers", "-j", min=1, help="Worker processes, or actors of Ray. Default: one per core.")
    ] = None,
    engine: Annotated[EngineName, typer.Option("--engine", help="Worker processes here, or actors of Ray (extra ray).")] = EngineName.local,
    ray_address: Annotated[
        str | None, typer.Option("--ray-address", help="The Ray cluster to use, as HOST:PORT or auto. Default: Ray is started here.")
    ] = None,
    time_limit: Annotated[
        float,
        typer.Option("--time-limit", min=0.001, help="Seconds to read an article, and to score it; one that takes longer is a failure."),
    ] = 120,
    shard_size: Annotated[int, typer.Option("--shard-size", min=1, help="Articles in a shard.")] = 500,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Try again what failed in an earlier run.")] = False,
    prune: Annotated[bool, typer.Option("--prune", help="Drop the results of files that are no longer there.")] = False,
    overwrite_model: Annotated[
        bool, typer.Option("--overwrite-model", help="Give up the results of another model and score everything again.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress and no table at the end.")] = False,
) -> None:
    """Score every article under a folder; can be stopped at any moment, and then goes on where it was.

    A run scores only what is missing or has changed. Exit status: 0, 1 where an input failed (the others are scored), 2 for wrong
    usage, 130 after Ctrl-C.
    """
    from .batch.account import account
    from .batch.engine import chosen
    from .batch.interrupt import interruptible
    from .batch.items import Columns
    from .batch.pool import Limits
    from .batch.run import Plan, run
    from .batch.walk import Selection
    from .batch.worker import Scoring
    from .model.errors import NewsgaugeError
    from .report.progress import BatchProgress

    plan = Plan(
        folder,
        output,
        selection=Selection(include or (), exclude or (), max_bytes, input_format),
        columns=Columns(text_column, id_column),
        format=format,
        shard_size=shard_size,
        time_limit=time_limit,
        prune=prune,
        retry_failed=retry_failed,
        overwrite_model=overwrite_model,
    )
    try:
        scoring = Scoring.with_model(model, runtime=runtime, second_look=second_look)
        using = chosen(engine, scoring, workers=workers, address=ray_address, limits=Limits(article=time_limit))
        with BatchProgress(enabled=not quiet) as progress, interruptible(_stopping) as stop:
            report = run(plan, scoring, using, stop=stop, watch=progress.update)
    except NewsgaugeError as error:
        fail(str(error))
    except KeyboardInterrupt:
        _stopped()
    if report.totals is None:
        _stopped()
    if not quiet:
        from rich.console import Console

        Console().print(account(report))
    if report.totals.failures:
        tell(f"{report.totals.failures:,} inputs failed; {output / 'errors.jsonl'} says why")
        raise typer.Exit(1)


@app.command(short_help="Make one HTML file of scores.")
def report(
    scores: Annotated[
        list[str],
        typer.Argument(
            help="Files that score wrote (.jsonl .parquet), output folders of batch, or articles, which are scored.", metavar="SCORES..."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The HTML file to write, whole or not at all.")],
    title: Annotated[str | None, typer.Option("--title", help="The heading of the report. Default: the name of the article.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output file if it exists.")] = False,
    model: ModelOption = "default",
    second_look: SecondLookOption = None,
    runtime: RuntimeOption = RuntimeName.onnxruntime,
    input_format: InputFormatOption = None,
    text_column: TextColumnOption = None,
    id_column: IdColumnOption = None,
    threads: ThreadsOption = None,
) -> None:
    """Make one self-contained HTML file of scores: the text of an article with its labels, or tables and plots of many.

    Exit status: 0, 1 where an article could not be scored (the others are in the report), 2 for wrong usage.
    """
    scorer = partial(_scorer, model, second_look, threads, runtime, format=input_format, text_column=text_column, id_column=id_column)
    _report(scores, output, scorer, overwrite=overwrite, title=title)


@app.command(short_help="Show what a model is, and check its files.")
def info(
    model: Annotated[str, typer.Argument(help="A model folder, or the name of a shipped model.", metavar="[MODEL]")] = "default",
) -> None:
    """Show what a model is: labels, training data, measured quality, versions. Its files are checked."""
    from rich.console import Console

    from .model.bundle import complete, find, read_manifest, read_scheme, verify
    from .model.errors import NewsgaugeError
    from .report.terminal import model_summary

    try:
        folder = find(model)
        manifest, identity = read_manifest(folder)
        verify(folder, manifest)
        read_scheme(folder, manifest)
        with complete(folder):
            summary = model_summary(identity, manifest)
        Console().print(summary)
    except NewsgaugeError as error:
        fail(str(error))


app.command(short_help="Retrain a model on labels of your own, and say whether it is better.")(train)
app.command(short_help="Measure a model on labelled sentences; with --against, beside another.")(evaluate)
app.command(short_help="Choose the sentences of a folder that are most worth labelling next.")(suggest)


def _scorer(
    model: str,
    second_look: str | None,
    threads: int | None,
    runtime: str,
    *,
    format: str | None = None,
    text_column: str | None = None,
    id_column: str | None = None,
) -> FileScorer:
    from .model.scorer import Scorer

    score_files = Scorer.from_folder(model, threads=threads, runtime=runtime, second_look=second_look).score_files
    return partial(score_files, format=format, text_column=text_column, id_column=id_column)


def _report(sources: list[str], output: Path, scorer: Callable[[], FileScorer], *, overwrite: bool, title: str | None = None) -> None:
    from .batch.reporting import make_report
    from .model.errors import NewsgaugeError
    from .model.results import InputFailure
    from .report.progress import Progress

    try:
        with Progress() as progress:

            def watch(result: Result) -> None:
                if isinstance(result, InputFailure):
                    tell(f"{result.source}: {result.message}")
                progress.advance(0 if isinstance(result, InputFailure) else len(result.sentences))

            made = make_report(sources, output, scorer, title=title, overwrite=overwrite, watch=watch)
    except NewsgaugeError as error:
        fail(str(error))
    if made.failed:
        raise typer.Exit(1)


def _stopping() -> None:
    typer.echo("newsgauge: finishing the shards in hand; press Ctrl-C again to stop at once", err=True)


def _stopped() -> NoReturn:
    typer.echo("newsgauge: stopped; the same command goes on from here", err=True)
    raise typer.Exit(130)


def _output_format(asked: OutputFormat | None, output: Path | None) -> OutputFormat:
    from .model.errors import NewsgaugeError
    from .report.writers import format_for

    if asked is None:
        named = format_for(output) if output is not None else None
        terminal = output is None and sys.stdout.isatty()
        return OutputFormat(named) if named else OutputFormat.table if terminal else OutputFormat.jsonl
    if asked in (OutputFormat.parquet, OutputFormat.html) and output is None:
        raise NewsgaugeError(f"{asked.upper()} is written to a file only; add --output FILE.")
    return asked


def main() -> None:
    """Run the command line; a full disk behind its output ends it with one line."""
    try:
        app()
    except OSError as error:
        _let_go_of_output()
        tell(f"{error.filename or 'the output'} cannot be read or written ({error.strerror or error}); make room, or choose another place.")
        sys.exit(2)


def _let_go_of_output() -> None:
    # Python would complain again when it flushes standard output at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
