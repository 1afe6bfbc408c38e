"""The exported graphs say what the torch encoder says, for windows of any length and every architecture that can be exported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("onnx")

import onnxruntime as ort  # noqa: E402

from newsgauge.training.export import GELU_LEAST, GELU_ZERO, LAYERS, LEVELS, PAIR, WEIGHT_STEPS, export, round_to, round_weights  # noqa: E402

LENGTHS = [2, 7, 64, 320]
SIZES = {"vocab_size": 2000, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}


def tiny(kind: str) -> Any:
    """A random encoder whose weights all differ from zero and one, biases and norms too."""
    config = transformers.AutoConfig.for_model(kind, **SIZES, max_position_embeddings=514)
    with torch.random.fork_rng():
        torch.manual_seed(4)
        encoder = transformers.AutoModel.from_config(config, add_pooling_layer=False).eval()
        with torch.no_grad():
            for parameter in encoder.parameters():
                parameter.add_(0.05 * torch.randn_like(parameter))
    return encoder


@pytest.fixture(scope="module", params=sorted(LAYERS))
def encoder(request: pytest.FixtureRequest, one_thread: None) -> Any:
    return tiny(request.param)


@pytest.fixture(scope="module")
def folder(encoder: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("graphs")
    export(encoder, made / "float.onnx", int8=False)
    export(encoder, made / "int8.onnx", int8=True)
    return made


def run(path: Path, ids: np.ndarray) -> np.ndarray:
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (hidden,) = session.run(None, {"input_ids": ids})
    return np.asarray(hidden)


def window(encoder: Any, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Random word pieces, and what torch makes of them."""
    ids = np.random.default_rng(length).integers(5, encoder.config.vocab_size, (1, length))
    with torch.inference_mode():
        hidden = encoder(input_ids=torch.tensor(ids), attention_mask=torch.ones(1, length)).last_hidden_state.numpy()
    return ids, hidden


def cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.asarray((one * other).sum(-1) / np.linalg.norm(one, axis=-1) / np.linalg.norm(other, axis=-1))


@pytest.mark.parametrize("length", LENGTHS)
def test_the_float_graph_equals_torch(folder: Path, encoder: Any, length: int) -> None:
    ids, expected = window(encoder, length)
    found = run(folder / "float.onnx", ids)
    assert found.shape == (1, length, 32)
    assert np.abs(found - expected).max() < 1e-4


@pytest.mark.parametrize("length", LENGTHS)
def test_the_int8_graph_stays_close(folder: Path, encoder: Any, length: int) -> None:
    ids, expected = window(encoder, length)
    found = run(folder / "int8.onnx", ids)
    assert found.shape == (1, length, 32)
    assert cosines(found, expected).min() > 0.97
    assert not np.array_equal(found, expected), "nothing was quantised"


def test_no_two_neighbouring_weights_saturate_sixteen_bits(folder: Path) -> None:
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(folder / "int8.onnx").graph
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    weights = [arrays[node.input[1]].astype(int) for node in graph.node if node.op_type == "MatMulIntegerToFloat"]
    assert len(weights) == 12, "six products in each of two layers"
    for weight in weights:
        assert 255 * np.abs(weight).reshape(len(weight) // 2, 2, -1).sum(1).max() < 2**15


def test_an_activation_is_rounded_once_for_all_its_products(folder: Path) -> None:
    import onnx

    nodes = onnx.load(folder / "int8.onnx").graph.node
    rounded = [node.output[0] for node in nodes if node.op_type == "QuantizeLinear"]
    into = [node.input[0] for node in nodes if node.op_type == "MatMulIntegerToFloat"]
    assert [into.count(name) for name in rounded] == 2 * [3, 1, 1, 1], "queries, keys and values share one"


def test_what_gelu_makes_is_rounded_within_its_range(encoder: Any, tmp_path: Path) -> None:
    """Below zero GELU ends at -0.17: steps for what it never makes would be wasted, and a lower end cut off would be a bias."""
    import onnx
    from onnx import numpy_helper

    assert float(torch.nn.functional.gelu(torch.linspace(-10, 0, 100_001)).min()) > -GELU_LEAST
    export(encoder, tmp_path / "int8.onnx", int8=True)
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(tmp_path / "int8.onnx").graph.initializer}
    smallest_step = float(arrays["gelu_range"]) / (LEVELS - GELU_ZERO)
    assert smallest_step * GELU_ZERO >= GELU_LEAST * (1 - 1e-6)
    assert arrays[f"zeros_{GELU_ZERO}"].shape == (encoder.config.max_position_embeddings,)


def test_neighbours_that_are_too_large_together_are_cut_alike() -> None:
    matrix = np.array([[1.0, 1.0], [0.9, -0.1], [-1.0, 0.0], [0.5, 0.0], [1.0, 0.5]], dtype=np.float32)
    integers, scale = round_weights(matrix)
    # 80 + 72 is 24 too much; 80 + 40 is not.
    assert integers[:, 0].tolist() == [68, 60, -80, 40, 80]
    assert int(integers[0, 0]) + int(integers[1, 0]) == PAIR
    assert integers[:, 1].tolist() == [80, -8, 0, 0, 40], "where nothing is too large nothing is cut"
    assert scale[0, 0] == pytest.approx(1 / WEIGHT_STEPS)


def test_each_graph_is_one_file_that_needs_no_other(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == ["float.onnx", "int8.onnx"]
    assert (folder / "int8.onnx").stat().st_size < 0.6 * (folder / "float.onnx").stat().st_size


def test_one_word_piece_with_large_numbers_does_not_coarsen_the_others(tmp_path: Path) -> None:
    encoder = tiny("bert")
    with torch.no_grad():
        # Word 9 raises the feed-forward input of its own place alone, a hundredfold.
        encoder.encoder.layer[0].output.dense.weight.mul_(0.2)
        encoder.encoder.layer[0].intermediate.dense.bias.zero_()
        encoder.embeddings.word_embeddings.weight[9] *= 100.0
    export(encoder, tmp_path / "int8.onnx", int8=True)
    ids, _ = window(encoder, 40)
    ids[0, 20] = 9
    with torch.inference_mode():
        expected = encoder(input_ids=torch.tensor(ids), attention_mask=torch.ones(1, 40)).last_hidden_state.numpy()
    others = np.arange(40) != 20
    assert cosines(run(tmp_path / "int8.onnx", ids), expected)[0][others].min() > 0.99


@pytest.mark.parametrize("axis", [0, 1])
def test_numbers_are_rounded_slice_by_slice(axis: int) -> None:
    rng = np.random.default_rng(3)
    # Slices of very different size: one scale for all of them would lose the small ones.
    values = (rng.normal(size=(300, 64)) * np.logspace(-4, 2, 300)[:, None]).astype(np.float32)
    values[7] = 0.0
    if axis == 0:
        values = np.ascontiguousarray(values.T)
    integers, scale = round_to(values, 127, axis=axis)
    assert integers.dtype == np.int8
    assert (np.abs(integers * scale - values).max(axis) <= np.abs(values).max(axis) / 253).all()


@pytest.mark.parametrize(("kind", "activation"), [("distilbert", "gelu"), ("bert", "relu")])
def test_what_cannot_be_exported_is_refused(kind: str, activation: str, tmp_path: Path) -> None:
    encoder = tiny("bert")
    encoder.config.model_type, encoder.config.hidden_act = kind, activation
    with pytest.raises(ValueError, match=f"type {kind} with {activation} cannot be exported; expected one of bert"):
        export(encoder, tmp_path / "graph.onnx", int8=True)
    assert not list(tmp_path.iterdir())
