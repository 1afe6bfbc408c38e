"""The commands for people with labels of their own: train, evaluate and suggest."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .console import ModelOption, RuntimeName, RuntimeOption, fail, tell, unwritable

if TYPE_CHECKING:
    from .training.retrain import Retrained

LabelsArgument = Annotated[
    list[str],
    typer.Argument(
        help="Labelled sentences: .jsonl (also of Prodigy), .csv, .tsv, .parquet, .json (Label Studio), or a folder saved by datasets.",
        metavar="LABELS...",
    ),
]
TextColumnOption = Annotated[str | None, typer.Option("--text-column", help="The column of the sentence. Default: text, sentence …")]
LabelColumnOption = Annotated[str | None, typer.Option("--label-column", help="The column of the label. Default: label, stance …")]
SHOWN_FINDINGS = 5


class EvaluationFormat(StrEnum):
    """What ``evaluate`` prints."""

    table = "table"
    json = "json"


class SuggestionFormat(StrEnum):
    """What ``suggest`` writes."""

    jsonl = "jsonl"
    csv = "csv"
    label_studio = "label-studio"
    prodigy = "prodigy"


def train(
    labels: LabelsArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="The model folder to write, whole or not at all.")],
    model: ModelOption = "default",
    scheme: Annotated[
        str | None, typer.Option("--labels", help="Labels of your own in place of the model's, for example a,b,c.", metavar="LABEL,…")
    ] = None,
    dev: Annotated[list[str] | None, typer.Option("--dev", help="Labels to measure on, kept from training. Repeatable.")] = None,
    only_mine: Annotated[bool, typer.Option("--only-mine", help="Fit on these rows alone, without the starter articles.")] = False,
    report: Annotated[
        Path | None, typer.Option("--report", help="A folder for findings.csv (labels to look at) and evaluation.json.", metavar="DIR")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the model folder if it exists.")] = False,
    seed: Annotated[int, typer.Option("--seed", help="The same seed on the same rows gives the same model.")] = 13,
    cache: Annotated[
        Path | None, typer.Option("--cache", help="The folder for embeddings. Default: newsgauge/ in your cache folder.", metavar="DIR")
    ] = None,
    seeds: Annotated[
        Path | None, typer.Option("--seeds", help="The folder of the starter articles. Default: those that came along.", metavar="DIR")
    ] = None,
    text_column: TextColumnOption = None,
    label_column: LabelColumnOption = None,
    finetune: Annotated[bool, typer.Option("--finetune", help="Train the encoder as well; needs the extra train, and hours.")] = False,
    base: Annotated[
        str | None,
        typer.Option("--base", help="With --finetune: a model folder, a folder of transformers or a hub id. Default: the model's encoder."),
    ] = None,
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="With --finetune: how often the rows are gone through.")] = 3,
    learning_rate: Annotated[float, typer.Option("--learning-rate", min=1e-7, help="With --finetune: the highest rate of AdamW.")] = 5e-5,
    run: Annotated[
        Path | None, typer.Option("--run", help="With --finetune: the folder of checkpoints, where a rerun goes on.", metavar="DIR")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Retrain a model on labels of your own, and say whether it is better.

    The encoder is kept and the heads are refitted, which takes seconds; with --finetune the encoder learns too. Stance rows and
    quality rows (clean, garbled) may be mixed. Exit status: 0, 2 where nothing was written, 130 after Ctrl-C.
    """
    from .model.errors import NewsgaugeError
    from .report.progress import CountProgress
    from .training.job import Job, train_heads
    from .training.labels import Columns

    names = tuple(dict.fromkeys(name.strip() for name in scheme.split(",") if name.strip())) if scheme is not None else None
    if names is not None and len(names) < 2:
        fail(f"--labels {scheme} names fewer than two labels; separate them with commas.")
    if not finetune and (base is not None or run is not None):
        fail("--base and --run belong to --finetune; add it, or leave them out.")
    job = Job(
        labels,
        output,
        model=model,
        labels=names,
        only_mine=only_mine,
        dev=dev or (),
        seed=seed,
        seeds=seeds,
        cache=cache,
        report=report,
        columns=Columns(text_column, label_column),
        overwrite=overwrite,
    )
    try:
        if finetune:
            from .training.tune import Tuning, train_encoder

            found = train_encoder(job, Tuning(base or model, epochs, learning_rate, run), quiet=quiet)
        else:
            with CountProgress("sentences embedded", enabled=not quiet) as progress:
                found = train_heads(job, watch=progress.update)
    except NewsgaugeError as error:
        fail(str(error))
    except OSError as error:
        fail(unwritable(error, output))
    except KeyboardInterrupt:
        typer.echo("newsgauge: stopped; nothing was written" + ("; the same command goes on from here" if finetune else ""), err=True)
        raise typer.Exit(130) from None
    _tell(found, output, report)


def _tell(found: Retrained, output: Path, report: Path | None) -> None:
    """The outcome of a training on standard output, what to look at on standard error."""
    from rich.console import Console

    from .report.evaluation import evaluation_summary, finding_line

    for finding in found.findings[:SHOWN_FINDINGS]:
        tell(finding_line(finding))
    if len(found.findings) > SHOWN_FINDINGS:
        where = f"{report / 'findings.csv'} lists them" if report is not None else "--report DIR lists them"
        tell(f"{len(found.findings):,} labels to look at; {where}")
    Console().print(evaluation_summary(found.evaluation))
    typer.echo(f"measured on {found.held_out}")
    if found.elsewhere is not None:
        before, after = found.elsewhere
        change = f"{100 * (after - before):+.1f} points"
        typer.echo(f"elsewhere (held-out starter articles): macro-F1 {after:.3f}, before {before:.3f} ({change})")
    for note in found.notes:
        typer.echo(note)
    typer.echo(f"wrote {output}")


def evaluate(
    labels: LabelsArgument,
    model: ModelOption = "default",
    runtime: RuntimeOption = RuntimeName.onnxruntime,
    against: Annotated[str | None, typer.Option("--against", help="A second model to compare with.", metavar="MODEL")] = None,
    format: Annotated[EvaluationFormat, typer.Option("--format", "-f", help="What is printed.")] = EvaluationFormat.table,
    plots: Annotated[
        Path | None, typer.Option("--plots", help="A folder for plots: confusion, reliability, risk-coverage, PR.", metavar="DIR")
    ] = None,
    starter: Annotated[
        bool, typer.Option("--starter", help="LABELS is a folder of starter articles: measure on those held out of training.")
    ] = False,
    text_column: TextColumnOption = None,
    label_column: LabelColumnOption = None,
) -> None:
    """Measure a model on labelled sentences, with intervals, and compare it with another one."""
    import json

    from .model.bundle import load
    from .model.errors import NewsgaugeError
    from .training.job import HEADS_LIBRARIES, need
    from .training.labels import Columns, read_labels

    try:
        need("heads", HEADS_LIBRARIES)
        from .training import evaluate as library
        from .training.rows import STANCE_LABELS
        from .training.starter import held_out_rows

        if starter and len(labels) > 1:
            fail(f"--starter takes one folder of starter articles, and {len(labels)} arguments were given; leave the others out.")
        one = load(model, runtime=runtime)
        other = load(against, runtime=runtime) if against is not None else None
        columns = Columns(text_column, label_column)
        scheme = one.heads.stance.labels
        if starter and set(scheme) != set(STANCE_LABELS):
            fail(f"{one.identity} has labels of its own ({', '.join(scheme)}); measure it on rows with these, without --starter.")
        rows = held_out_rows(Path(labels[0])) if starter else read_labels(labels, labels=scheme, columns=columns)
        found, judged = library.evaluate(one, rows, against=other)
        if plots is not None:
            library.write_plots(judged, rows, one.heads.stance.confident_from, plots)
    except NewsgaugeError as error:
        fail(str(error))
    except OSError as error:
        fail(unwritable(error, plots))
    if format is EvaluationFormat.json:
        typer.echo(json.dumps(library.as_json(found), indent=1, ensure_ascii=False))
    else:
        from rich.console import Console

        from .report.evaluation import evaluation_summary

        Console().print(evaluation_summary(found))


def suggest(
    folder: Annotated[str, typer.Argument(help="The folder of articles, or one file.", metavar="FOLDER")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write; .csv, .json (Label Studio) or .jsonl.")],
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many sentences.")] = 200,
    format: Annotated[SuggestionFormat | None, typer.Option("--format", "-f", help="Default: as the ending of the file says.")] = None,
    model: ModelOption = "default",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Choose the sentences of a folder of articles that are most worth labelling: uncertain, different, of every label.

    The file comes back into train once its labels are filled in. Exit status: 0, 1 where an article could not be scored, 2 for
    wrong usage.
    """
    from .model.errors import NewsgaugeError
    from .model.results import InputFailure
    from .model.scorer import Scorer
    from .report.atomic import atomic_output
    from .report.progress import CountProgress
    from .training.exports import WRITERS, format_for
    from .training.suggest import articles_of, suggest_from

    failures: list[InputFailure] = []
    try:
        writer = WRITERS[format.value if format is not None else format_for(output)]
        with atomic_output(output, overwrite=overwrite) as stream, CountProgress("files scored", enabled=not quiet) as progress:
            scorer = Scorer.from_folder(model)
            articles = articles_of(folder, scorer, output=output, watch=progress.update)
            found = suggest_from(articles, count, scorer.labels, failed=failures.append)
            if not found:
                raise NewsgaugeError(f"{folder} holds no sentence to label; expected English articles.")
            writer(found, scorer.labels, scorer.model, stream)
    except NewsgaugeError as error:
        fail(str(error))
    except OSError as error:
        fail(unwritable(error, output))
    for failure in failures:
        tell(f"{failure.source}: {failure.message}")
    if len(found) < count:
        sys.stderr.write(f"newsgauge: only {len(found):,} of {count:,} sentences were found that differ enough\n")
    typer.echo(f"wrote {len(found):,} sentences to {output}")
    if failures:
        raise typer.Exit(1)
