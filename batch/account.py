"""Account: what a run did and what its output folder holds, for people."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from ..report.terminal import printable
from .run import Report


def account(report: Report) -> Table:
    """A table of the run and, where it came to its end, of all results in the output folder."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)

    def add(name: str, count: int) -> None:
        table.add_row(Text(printable(name)), Text(f"{count:,}"))

    add("scored in this run", report.scored)
    add("done before", report.known)
    if report.gone:
        add("no longer there, kept (drop with --prune)", report.gone)
    totals = report.totals
    if totals is not None:
        add("articles", totals.articles)
        add("sentences", totals.sentences)
        for label, count in totals.stance.items():
            add(f"  {label}", count)
        add("verdict garbled", totals.garbled)
        add("copies of another article", totals.copies)
        add("garbled retellings of another article", totals.spun)
        add("failed inputs", totals.failures)
    return table
