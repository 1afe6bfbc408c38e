"""Interrupt: the first Ctrl-C is a wish, the second an order, and afterwards everything is as before."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from newsgauge.batch.account import account
from newsgauge.batch.interrupt import interruptible
from newsgauge.batch.run import Report
from newsgauge.batch.summary import Totals


def test_the_first_ctrl_c_is_told_and_the_second_ends() -> None:
    before = signal.getsignal(signal.SIGINT)
    told: list[str] = []
    with interruptible(lambda: told.append("stopping")) as stop:
        assert not stop() and told == []
        os.kill(os.getpid(), signal.SIGINT)
        assert stop() and told == ["stopping"]
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert told == ["stopping"] and signal.getsignal(signal.SIGINT) is before


def test_without_ctrl_c_nothing_is_told() -> None:
    before: Any = signal.getsignal(signal.SIGINT)
    with interruptible(lambda: pytest.fail("nobody pressed anything")) as stop:
        assert not stop()
    assert signal.getsignal(signal.SIGINT) is before


def shown(report: Any) -> list[str]:
    console = Console(width=100, record=True, file=open(os.devnull, "w"))  # noqa: SIM115 -- ends with the process
    console.print(account(report))
    return [" ".join(line.split()) for line in console.export_text().splitlines()]


def test_the_account_of_a_run_has_what_there_is_to_say() -> None:
    totals = Totals(1200, 3, 45_678, {"claim": 5, "doubt": 1000}, 7, 8, 9)
    assert shown(Report(1100, 45_000, 100, 0, False, totals)) == [
        "scored in this run 1,100",
        "done before 100",
        "articles 1,200",
        "sentences 45,678",
        "claim 5",
        "doubt 1,000",
        "verdict garbled 7",
        "copies of another article 8",
        "garbled retellings of another article 9",
        "failed inputs 3",
    ]
    totals = replace(totals, stance={"[/b]": 5, "quote [direct]": 6})
    assert {"[/b] 5", "quote [direct] 6"} <= set(shown(Report(1, 1, 0, 0, False, totals)))
    assert shown(SimpleNamespace(scored=1, known=2, gone=3, totals=None)) == [
        "scored in this run 1",
        "done before 2",
        "no longer there, kept (drop with --prune) 3",
    ]
