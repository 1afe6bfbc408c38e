"""Progress on standard error, for runs of over two seconds on a terminal."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any

PATIENCE_SECONDS = 2.0


class Progress:
    """Counts articles and sentences; shows them from :data:`PATIENCE_SECONDS` on, where standard error is a terminal."""

    def __init__(self, *, enabled: bool = True) -> None:
        self._enabled = enabled and sys.stderr.isatty()
        self._began = time.monotonic()
        self._articles = 0
        self._sentences = 0
        self._display: Any = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._display is not None:
            self._display.stop()

    def advance(self, sentences: int) -> None:
        """One more article is done, with so many sentences."""
        self._articles += 1
        self._sentences += sentences
        elapsed = time.monotonic() - self._began
        if not self._enabled or elapsed < PATIENCE_SECONDS:
            return
        if self._display is None:
            from rich.console import Console
            from rich.status import Status

            self._display = Status("", console=Console(stderr=True))
            self._display.start()
        self._display.update(f"{self._articles:,} articles, {self._sentences:,} sentences, {self._sentences / elapsed:,.0f} a second")
