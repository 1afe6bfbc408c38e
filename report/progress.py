"""Progress on standard error, for runs of over two seconds on a terminal."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any

PATIENCE_SECONDS = 2.0
LINE_SECONDS = 10.0
"""Where standard error is no terminal, how often a long run says how far it is."""


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


class CountProgress:
    """Counts towards a known total, with the time left: a bar on a terminal, elsewhere a line every :data:`LINE_SECONDS`."""

    def __init__(self, what: str, *, enabled: bool = True) -> None:
        self._what = what
        self._enabled = enabled
        self._began = self._told = time.monotonic()
        self._bar: Any = None

    def __enter__(self) -> CountProgress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self, done: int, total: int) -> None:
        """So many of *total* are done."""
        now = time.monotonic()
        if not self._enabled or now - self._began < PATIENCE_SECONDS:
            return
        left = round((now - self._began) * max(0, total - done) / max(1, done))
        told = f"{self._what}: {done:,} of {total:,}, {left // 60}:{left % 60:02} left"
        if sys.stderr.isatty():
            if self._bar is None:
                from rich.console import Console
                from rich.status import Status

                self._bar = Status("", console=Console(stderr=True))
                self._bar.start()
            self._bar.update(told)
        elif now - self._told >= LINE_SECONDS:
            self._told = now
            sys.stderr.write(f"newsgauge: {told}\n")
            sys.stderr.flush()


@dataclass(slots=True)
class Tally:
    """How far a batch run is: ``articles`` are done, of which ``failures`` failed; ``known`` were done before.

    ``total_bytes`` is the size of the files that were found, ``done_bytes`` of what was gone through, ``known_bytes`` of what of
    it was done before.
    """

    total_bytes: int = 0
    done_bytes: int = 0
    known_bytes: int = 0
    articles: int = 0
    sentences: int = 0
    failures: int = 0
    known: int = 0


class BatchProgress:
    """Shows a :class:`Tally` on standard error: a bar on a terminal, elsewhere a line every :data:`LINE_SECONDS`."""

    def __init__(self, *, enabled: bool = True) -> None:
        self._enabled = enabled
        self._began = time.monotonic()
        self._told = self._began
        self._bar: Any = None

    def __enter__(self) -> BatchProgress:
        if self._enabled and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn

            self._bar = Progress(BarColumn(), TextColumn("{task.description}"), console=Console(stderr=True), transient=True)
            self._bar.add_task("looking for articles", total=None)
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self, tally: Tally) -> None:
        """Show how far the run is."""
        now = time.monotonic()
        if self._bar is not None:
            total = max(tally.total_bytes, tally.done_bytes)
            self._bar.update(
                self._bar.task_ids[0], description=described(tally, now - self._began), total=total, completed=tally.done_bytes
            )
        elif self._enabled and now - self._told >= LINE_SECONDS:
            self._told = now
            sys.stderr.write(f"newsgauge: {described(tally, now - self._began)}\n")
            sys.stderr.flush()


def described(tally: Tally, seconds: float) -> str:
    """A tally in words, with the time left as the bytes that were scored in so many *seconds* tell it."""
    scored = tally.done_bytes - tally.known_bytes
    parts = [
        f"{tally.articles:,} articles ({tally.articles / max(seconds, 1e-9):,.1f}/s)",
        f"{tally.sentences:,} sentences ({tally.sentences / max(seconds, 1e-9):,.0f}/s)",
        f"{tally.failures:,} failed",
    ]
    if tally.known:
        parts.append(f"{tally.known:,} done before")
    if scored > 0:
        left = round(max(0, tally.total_bytes - tally.done_bytes) * seconds / scored)
        parts.append(f"{left // 3600}:{left // 60 % 60:02}:{left % 60:02} left")
    return ", ".join(parts)
