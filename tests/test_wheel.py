"""The wheel: built from the tree, installed alone in a fresh environment, it scores from any folder without torch."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, timeout=600)
    (path,) = folder.glob("*.whl")
    return path


@pytest.mark.slow
def test_the_wheel_holds_the_rooms_and_the_model_and_no_more(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    models = [f"models/{name}/encoder.onnx" for name in ("default", "fast")]
    wanted = ("cli.py", "py.typed", "model/scorer.py", "report/templates/report.js", "seeds/s1.jsonl", "seeds/garbled/r1.jsonl", *models)
    assert {f"newsgauge/{name}" for name in wanted} <= set(names)
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"newsgauge"}
    to_measure_on = ("seeds/articles", "seeds/w", "seeds/n", "seeds/m2", "seeds/m4", "seeds/robustness_documents")
    assert not [name for name in names if name.removeprefix("newsgauge/").startswith(("tests", "build", *to_measure_on))]
    assert wheel.stat().st_size < 100e6


@pytest.mark.slow
def test_the_wheel_scores_in_a_fresh_environment(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True, timeout=120)
    python = environment / "bin" / "python"
    subprocess.run([str(python), "-m", "pip", "install", "-q", str(wheel)], check=True, capture_output=True, timeout=600)
    story = tmp_path / "story.txt"
    story.write_text("Harbour board accused of hiding the report\n\nThe board denied on Friday that it had hidden anything.\n")
    result = subprocess.run([str(environment / "bin" / "newsgauge"), "score", "story.txt"], cwd=tmp_path, capture_output=True, timeout=120)
    assert result.returncode == 0, result.stderr
    article = json.loads(result.stdout)
    assert article["sentences"][1]["label"] == "denial"
    missing = subprocess.run([str(python), "-c", "import torch"], capture_output=True, timeout=60)
    assert missing.returncode != 0
