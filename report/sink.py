"""Where results go: a table on the terminal, or a writer on standard output or on a file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ..model.results import ArticleScore
from .atomic import atomic_output
from .writers import WRITERS, Result

TABLE = "table"


@contextmanager
def sink(format: str, output: Path | None, labels: tuple[str, ...], *, overwrite: bool = False) -> Iterator[Callable[[Result], None]]:
    """A function that takes results one by one. *format* is ``table`` or one of :data:`newsgauge.report.writers.WRITERS`.

    A file in *output* is written whole when the block ends, or not at all where it ends with an error.
    """
    if format == TABLE:
        with _console(output, overwrite) as show:
            yield show
        return
    with ExitStack() as stack:
        stream = sys.stdout.buffer if output is None else stack.enter_context(atomic_output(output, overwrite=overwrite))
        writer = WRITERS[format](stream, labels)
        # Also on an error: a writer that is not closed takes its stream with it when it is collected.
        stack.callback(writer.close)
        yield writer.write


@contextmanager
def _console(output: Path | None, overwrite: bool) -> Iterator[Callable[[Result], None]]:
    import io

    from rich.console import Console

    from .terminal import show

    with ExitStack() as stack:
        if output is None:
            console = Console(highlight=False)
        else:
            stream = io.TextIOWrapper(stack.enter_context(atomic_output(output, overwrite=overwrite)), encoding="utf-8", write_through=True)
            stack.callback(stream.detach)
            console = Console(file=stream, width=120, highlight=False)

        def write(result: Result) -> None:
            if isinstance(result, ArticleScore):
                show(console, result)

        yield write
