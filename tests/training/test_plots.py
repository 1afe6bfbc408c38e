"""Plots of the card: files that are pictures, the same bytes for the same figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")

from newsgauge.training.plots import plot_intervals, plot_reliability, plot_risk_coverage


def draw(folder: Path, seed: int) -> list[bytes]:
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0.3, 1, 300)
    right = rng.uniform(size=300) < confidence
    folder.mkdir()
    plot_reliability(confidence, right, folder / "reliability.png")
    plot_risk_coverage(confidence, right, 0.8, folder / "risk.png")
    plot_intervals(["ours", "theirs"], [0.8, 0.6 + seed / 100], [(0.78, 0.83), (0.5, 0.7)], "macro-F1", folder / "bars.png")
    return [path.read_bytes() for path in sorted(folder.iterdir())]


def test_the_same_figures_make_the_same_file_and_others_another(tmp_path: Path) -> None:
    first, again, other = draw(tmp_path / "a", 1), draw(tmp_path / "b", 1), draw(tmp_path / "c", 2)
    assert first == again
    assert all(picture.startswith(b"\x89PNG") for picture in first)
    assert all(one != two for one, two in zip(first, other, strict=True))


def test_a_threshold_that_nothing_reaches_is_drawn_without_a_mark(tmp_path: Path) -> None:
    plot_risk_coverage(np.array([0.5, 0.6]), np.array([True, False]), 1.0, tmp_path / "risk.png")
    assert (tmp_path / "risk.png").stat().st_size > 0
