"""Progress: on a terminal, after a while, and nowhere else."""

from __future__ import annotations

import io
import sys

import pytest

from newsgauge.report import progress as module
from newsgauge.report.progress import PATIENCE_SECONDS, Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that stands still; the test moves it."""
    now = [100.0]

    class Clock:
        monotonic = staticmethod(lambda: now[0])

    monkeypatch.setattr(module, "time", Clock)
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    return now


def shown(stream: io.StringIO, now: list[float], monkeypatch: pytest.MonkeyPatch, *, seconds: float, enabled: bool = True) -> str:
    monkeypatch.setattr(sys, "stderr", stream)
    with Progress(enabled=enabled) as progress:
        progress.advance(10)
        now[0] += seconds
        progress.advance(1190)
        progress.advance(300)
    return stream.getvalue()


def test_nothing_is_printed_where_there_is_no_terminal(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(io.StringIO(), clock, monkeypatch, seconds=60) == ""


def test_a_short_run_prints_nothing(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(Terminal(), clock, monkeypatch, seconds=PATIENCE_SECONDS * 0.9) == ""


def test_it_can_be_switched_off(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(Terminal(), clock, monkeypatch, seconds=60, enabled=False) == ""


def test_a_long_run_on_a_terminal_counts(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    output = shown(Terminal(), clock, monkeypatch, seconds=5)
    assert "3 articles, 1,500 sentences, 300 a second" in output
    assert output.endswith(("\x1b[2K", "\x1b[?25h")), "its line is cleared and the cursor is back"


def test_an_error_ends_the_display(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    now, stream = clock, Terminal()
    monkeypatch.setattr(sys, "stderr", stream)

    def broken() -> None:
        with Progress() as progress:
            now[0] += 5
            progress.advance(1)
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        broken()
    assert stream.getvalue().count("\x1b[?25l") == stream.getvalue().count("\x1b[?25h") == 1


def test_an_error_is_not_swallowed_without_a_display() -> None:
    with pytest.raises(RuntimeError), Progress(enabled=False):
        raise RuntimeError
