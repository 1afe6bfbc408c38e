"""Progress: on a terminal, after a while, and nowhere else."""

from __future__ import annotations

import io
import sys

import pytest

from newsgauge.report import progress as module
from newsgauge.report.progress import LINE_SECONDS, PATIENCE_SECONDS, BatchProgress, Progress, Tally, described


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


def test_a_batch_run_says_how_far_it_is_in_lines_where_there_is_no_terminal(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with BatchProgress() as progress:
        for second in range(25):
            progress.update(Tally(total_bytes=100, done_bytes=second, articles=second, sentences=10 * second))
            clock[0] += 1
    lines = stream.getvalue().splitlines()
    assert len(lines) == 24 // int(LINE_SECONDS)
    assert lines[0].startswith("newsgauge: 10 articles (1.0/s), 100 sentences (10/s), 0 failed")


def test_a_batch_run_shows_a_bar_on_a_terminal_and_leaves_none_behind(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    with BatchProgress() as progress:
        clock[0] += 1
        progress.update(Tally(total_bytes=100, done_bytes=50, articles=5, sentences=50, failures=2))
    assert "2 failed" in stream.getvalue()
    assert stream.getvalue().count("\x1b[?25l") == stream.getvalue().count("\x1b[?25h") == 1


def test_a_quiet_batch_run_says_nothing(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    for stream in (io.StringIO(), Terminal()):
        monkeypatch.setattr(sys, "stderr", stream)
        with BatchProgress(enabled=False) as progress:
            clock[0] += 60
            progress.update(Tally(articles=1))
        assert stream.getvalue() == ""


def test_the_time_left_is_told_by_what_was_scored_not_by_what_was_done_before() -> None:
    tally = Tally(total_bytes=1000, done_bytes=600, known_bytes=500, articles=10, known=50)
    assert described(tally, 60) == "10 articles (0.2/s), 0 sentences (0/s), 0 failed, 50 done before, 0:04:00 left"
