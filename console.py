"""The console: what the commands share in talking to their user."""

from __future__ import annotations

from typing import Annotated, NoReturn

import typer

ModelOption = Annotated[str, typer.Option("--model", "-m", help="A model folder, or the name of a shipped model.", metavar="MODEL")]


def tell(message: str) -> None:
    """A line on standard error; control characters in it, of a file name for instance, are shown as their numbers."""
    from .report.visible import visible

    typer.echo(f"newsgauge: {visible(message)}", err=True)


def fail(message: str) -> NoReturn:
    """End with a line on standard error and the exit status of wrong usage."""
    tell(message)
    raise typer.Exit(2)
