"""The supply chain: ranges for every dependency, versions for every one of the base install, and no licence that binds its user."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def licences() -> ModuleType:
    spec = importlib.util.spec_from_file_location("licences", ROOT / "docs" / "licences.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_licence_of_the_base_install_is_copyleft_or_unknown(licences: ModuleType) -> None:
    assert {"numpy", "onnxruntime", "trafilatura", "lxml", "click"} <= set(licences.base_install())
    assert list(licences.faults()) == []


@pytest.mark.parametrize(
    ("licence", "bound"),
    [
        ("MIT", False),
        ("GPL-3.0-only", True),
        ("MPL-1.1 OR GPL-2.0-only OR LGPL-2.1-or-later", False),
        ("AGPL-3.0 OR GPL-2.0", True),
        ("GNU Lesser General Public License v3 (LGPLv3)", True),
        ("Apache-2.0 AND CNRI-Python", False),
    ],
)
def test_copyleft_is_told_from_a_choice(licences: ModuleType, licence: str, bound: bool) -> None:
    assert licences.copyleft(licence) is bound


def test_every_dependency_of_the_base_install_has_a_range() -> None:
    for requirement in tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]:
        assert re.fullmatch(r"[\w-]+>=[\d.]+,<\d+", requirement), requirement


def test_the_constraints_name_a_version_for_everything_in_the_base_install(licences: ModuleType) -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9-]+==[\w.]+", line) for line in lines)
    pinned = {line.split("==")[0] for line in lines}
    assert not set(licences.base_install()) - pinned
    assert {"hypothesis", "pytest", "torch"} <= pinned
