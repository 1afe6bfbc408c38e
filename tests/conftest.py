"""What several test modules share: a shipped model and a scorer with it, loaded once."""

from __future__ import annotations

import importlib
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TypeVar

import pytest
from hypothesis import settings

from newsgauge.model.bundle import MANIFEST, shipped_models
from newsgauge.model.scorer import Scorer

# The same examples in every run, and no failure because the machine is busy: tests of time measure the processor's.
settings.register_profile("newsgauge", deadline=None, derandomize=True, database=None)
settings.load_profile("newsgauge")

Fault = TypeVar("Fault")

TALLY: Counter[str] = Counter()
"""How often the tests did what must be survived: ``inputs tried``, ``faults injected``, ``models refused``."""


def injected(fault: Fault) -> Fault:
    """*fault*, which is about to happen, counted."""
    TALLY["faults injected"] += 1
    return fault


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if TALLY:
        terminalreporter.write_line("counted: " + ", ".join(f"{count:,} {what}" for what, count in sorted(TALLY.items())))


def pytest_make_parametrize_id(val: object) -> str | None:
    """The names of tests with a text can be typed: what pytest makes of other letters and line breaks does not lead back to the test."""
    return re.sub(r"[^A-Za-z0-9 ,.-]+", "_", val)[:60] if isinstance(val, str) else None


@pytest.fixture(scope="session")
def small_model() -> Path:
    """The folder of the quicker of the shipped models. Read it, never write to it."""
    folder = shipped_models() / "fast"
    assert (folder / MANIFEST).is_file(), f"the shipped model is not in {folder}"
    return folder


@pytest.fixture(scope="session")
def scorer(small_model: Path) -> Scorer:
    """A scorer with the quicker of the shipped models."""
    return Scorer.from_folder(small_model)


@pytest.fixture(scope="session")
def seeds() -> Path:
    """The folder of the starter data."""
    return Path(__file__).resolve().parents[1] / "seeds"


@pytest.fixture
def benchmark_named(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Imports a script of ``benchmarks/`` as that folder's scripts import each other."""
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[1] / "benchmarks"))
    return importlib.import_module
