"""What several test modules share: the shipped model and a scorer with it, loaded once."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsgauge.model.bundle import MANIFEST, shipped_models
from newsgauge.model.scorer import Scorer


@pytest.fixture(scope="session")
def default_model() -> Path:
    """The folder of the model that comes with the package. Read it, never write to it."""
    folder = shipped_models() / "default"
    assert (folder / MANIFEST).is_file(), f"the shipped model is not in {folder}"
    return folder


@pytest.fixture(scope="session")
def scorer(default_model: Path) -> Scorer:
    """A scorer with the shipped model."""
    return Scorer.from_folder(default_model)
