"""Bases: weights that come as a pickle, and code that comes with them, are refused."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from newsgauge.training.bases import load_base


class Trap:
    """Unpickled, it leaves a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.trace,)


def test_a_base_whose_weights_are_a_pickle_is_refused_and_nothing_runs(tiny_base: Path, tmp_path: Path) -> None:
    folder, trace = tmp_path / "base", tmp_path / "trace"
    shutil.copytree(tiny_base, folder)
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Trap(trace)))
    with pytest.raises(OSError, match="safetensors"):
        load_base(str(folder))
    assert not trace.exists()


def test_code_in_the_folder_of_a_base_is_not_run(tiny_base: Path, tmp_path: Path) -> None:
    folder, trace = tmp_path / "base", tmp_path / "trace"
    shutil.copytree(tiny_base, folder)
    (folder / "modeling_evil.py").write_text(f"open({str(trace)!r}, 'w')\n")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "auto_map": {"AutoModel": "modeling_evil.Evil"}}))
    load_base(str(folder))
    assert not trace.exists()
