"""A shipped encoder, taken back into torch, says what the shipped graph says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("onnx")

import onnxruntime as ort  # noqa: E402

from newsgauge.model.bundle import digest  # noqa: E402
from newsgauge.model.errors import BundleError  # noqa: E402
from newsgauge.training.bases import load_base  # noqa: E402
from newsgauge.training.export import export, round_weights  # noqa: E402
from newsgauge.training.restore import restore_encoder  # noqa: E402


@pytest.fixture(scope="module")
def encoder(tiny_base: Path) -> Any:
    """Every weight differs from every other: a new network is full of zeros and ones, which would hide one in another's place."""
    made = load_base(str(tiny_base)).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return made


@pytest.fixture(scope="module")
def graph(encoder: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("graphs") / "int8.onnx"
    export(encoder, path, int8=True)
    return path


@pytest.fixture
def model(graph: Path, encoder: Any, tokenizer_path: Path, tmp_path: Path) -> Path:
    """As much of a model folder as an encoder needs."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "encoder.onnx").write_bytes(graph.read_bytes())
    (folder / "tokenizer.json").write_bytes(tokenizer_path.read_bytes())
    config = json.loads(encoder.config.to_json_string(use_diff=True))
    write_manifest(folder, {"config": config})
    return folder


def write_manifest(folder: Path, entry: dict[str, Any]) -> None:
    files = {path.name: digest(path) for path in folder.iterdir() if path.name != "manifest.json"}
    entry = {"kind": "onnx", "file": "encoder.onnx", "tokenizer": "tokenizer.json", **entry}
    (folder / "manifest.json").write_text(json.dumps({"format": 2, "encoder": entry, "files": files}))


def test_the_restored_encoder_says_what_the_graph_says(model: Path, encoder: Any) -> None:
    restored = load_base(str(model)).eval()
    ids = torch.arange(5, 65).reshape(1, 60)
    mask = torch.ones_like(ids)
    session = ort.InferenceSession(str(model / "encoder.onnx"), providers=["CPUExecutionProvider"])
    (shipped,) = session.run(None, {"input_ids": ids.numpy()})
    with torch.inference_mode():
        found = restored(input_ids=ids, attention_mask=mask).last_hidden_state.numpy()
    cosine = (found * shipped).sum(-1) / np.linalg.norm(found, axis=-1) / np.linalg.norm(shipped, axis=-1)
    assert cosine.min() > 0.98
    for (name, theirs), (_, ours) in zip(encoder.named_parameters(), restored.named_parameters(), strict=True):
        step = theirs.detach().abs().max() / 80
        # Of large neighbours something is cut; all others are off by half a step at most.
        assert ((theirs - ours).abs() > step).float().mean() < 0.05, name


def test_what_training_adds_is_not_rounded_away_again(model: Path) -> None:
    name = "encoder.layer.0.intermediate.dense.weight"
    weight = load_base(str(model)).get_parameter(name).detach().numpy().T
    before, scale = round_weights(weight)
    after, _ = round_weights(np.clip(weight + 0.2 * scale, -np.abs(weight).max(0), np.abs(weight).max(0)))
    # A fifth of a step takes about every fifth weight to the next one; on the grid it would take none.
    assert 0.1 < (after.astype(int) - before).mean() < 0.3


def test_a_restored_encoder_can_be_cut_and_frozen(model: Path) -> None:
    cut = load_base(str(model), layers=[0], frozen=0)
    trained = {name for name, parameter in cut.named_parameters() if parameter.requires_grad}
    assert trained and all("encoder.layer.0." in name for name in trained)


def test_a_model_without_its_configuration_is_refused(model: Path) -> None:
    write_manifest(model, {})
    with pytest.raises(BundleError, match="no encoder that can be trained on"):
        restore_encoder(model)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"kind": "pickle"}, "kind 'pickle'; expected onnx"),
        ({"file": "../encoder.onnx"}, "'../encoder.onnx' without listing"),
        ({"config": {}}, "incomplete or senseless .KeyError: 'model_type'"),
        ({"config": 5}, "incomplete or senseless .TypeError"),
        ({"config": {"model_type": "no such type"}}, "incomplete or senseless"),
    ],
    ids=["kind", "another file", "no type", "no configuration", "unknown type"],
)
def test_a_manifest_that_asks_for_anything_else_is_refused(model: Path, entry: dict[str, Any], said: str) -> None:
    write_manifest(model, entry)
    with pytest.raises(BundleError, match=said):
        restore_encoder(model)


def test_a_graph_that_lacks_weights_is_refused(model: Path, encoder: Any) -> None:
    config = json.loads(encoder.config.to_json_string(use_diff=True))
    write_manifest(model, {"config": {**config, "num_hidden_layers": 5}})
    with pytest.raises(BundleError, match=r"lacks \d+ weights"):
        restore_encoder(model)
