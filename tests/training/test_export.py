"""The exported graphs say what the torch encoder says, for any number and length of windows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("onnxscript")

import onnxruntime as ort  # noqa: E402

from newsgauge.training.bases import load_base  # noqa: E402
from newsgauge.training.export import export_float, fuse, quantise, quantise_tables  # noqa: E402

SHAPES = [(1, 2), (1, 7), (2, 24), (3, 40), (1, 320)]


@pytest.fixture(scope="module")
def encoder(tiny_base: Path) -> Any:
    return load_base(str(tiny_base)).eval()


@pytest.fixture(scope="module")
def folder(encoder: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("graphs")
    export_float(encoder, made / "raw.onnx")
    fused = fuse(made / "raw.onnx", made / "float.onnx", heads=2, width=32)
    assert fused, "the optimiser found nothing to fuse"
    quantise(made / "float.onnx", made / "int8.onnx")
    return made


def run(path: Path, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    assert [given.name for given in session.get_inputs()] == ["input_ids", "attention_mask"]
    (hidden,) = session.run(None, {"input_ids": ids, "attention_mask": mask})
    return np.asarray(hidden)


def inputs(encoder: Any, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Random word pieces, the last window of several padded to a half, and what torch makes of them."""
    rng = np.random.default_rng(shape[1])
    ids = rng.integers(5, encoder.config.vocab_size, shape)
    mask = np.ones_like(ids)
    if shape[0] > 1:
        mask[-1, shape[1] // 2 :] = 0
    with torch.inference_mode():
        hidden = encoder(input_ids=torch.tensor(ids), attention_mask=torch.tensor(mask)).last_hidden_state.numpy()
    return ids, mask, hidden


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["raw.onnx", "float.onnx"])
def test_the_float_graph_equals_torch(folder: Path, encoder: Any, name: str, shape: tuple[int, int]) -> None:
    ids, mask, expected = inputs(encoder, shape)
    found = run(folder / name, ids, mask)
    assert found.shape == (*shape, 32)
    assert np.abs(found - expected)[mask == 1].max() < 1e-4


@pytest.mark.parametrize("shape", SHAPES)
def test_the_int8_graph_stays_close(folder: Path, encoder: Any, shape: tuple[int, int]) -> None:
    ids, mask, expected = inputs(encoder, shape)
    found = run(folder / "int8.onnx", ids, mask)
    assert found.shape == (*shape, 32)
    for window in range(shape[0]):
        ours, theirs = (values[window][mask[window] == 1].mean(0) for values in (found, expected))
        cosine = float(ours @ theirs / np.linalg.norm(ours) / np.linalg.norm(theirs))
        assert cosine > 0.95
    assert not np.array_equal(found, expected), "nothing was quantised"


def test_a_table_is_quantised_row_by_row() -> None:
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(3)
    # Rows of very different size: one scale for all of them would lose the small ones.
    values = (rng.normal(size=(300, 64)) * np.logspace(-4, 2, 300)[:, None]).astype(np.float32)
    values[7] = 0.0
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "ids"], ["vectors"])],
        "lookup",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, [None])],
        [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, [None, 64])],
        [numpy_helper.from_array(values, "table")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    assert quantise_tables(model) == 1
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"ids": np.arange(300)})
    assert (np.abs(found - values).max(1) <= np.abs(values).max(1) / 253).all()
    assert len(model.SerializeToString()) < 0.4 * values.nbytes
    assert quantise_tables(model) == 0, "int8 rows are left alone"


def test_weights_keep_to_seven_bits(folder: Path) -> None:
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(folder / "int8.onnx").graph
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    weights = [arrays[node.input[1]] for node in graph.node if node.op_type == "MatMulInteger"]
    assert len(weights) == 12, "six products in each of two layers"
    # 255 * 64 * 2 fits sixteen signed bits: no processor's pair of products saturates.
    assert max(np.abs(weight.astype(int)).max() for weight in weights) <= 64


def test_each_graph_is_one_file_that_needs_no_other(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == ["float.onnx", "int8.onnx", "raw.onnx"]
    assert (folder / "int8.onnx").stat().st_size < 0.6 * (folder / "float.onnx").stat().st_size
