"""The console: what the commands share in talking to their user."""

from __future__ import annotations

from typing import Annotated, NoReturn

import typer

ModelOption = Annotated[str, typer.Option("--model", "-m", help="A model folder, or the name of a shipped model.", metavar="MODEL")]


def fail(message: str) -> NoReturn:
    """End with a line on standard error and the exit status of wrong usage."""
    typer.echo(f"newsgauge: {message}", err=True)
    raise typer.Exit(2)
