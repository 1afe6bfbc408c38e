"""What an ONNX file declares: an exported encoder passes, and anything that could do more than one is refused with its reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsgauge.model.bundle import shipped_models
from newsgauge.model.graph import OPERATORS, refuse_unsafe


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def field(number: int, value: int | bytes | str) -> bytes:
    """One field in the wire format of Protocol Buffers."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def node(operator: str, *more: bytes) -> bytes:
    return field(1, field(1, "input_ids") + field(2, "hidden") + field(4, operator) + b"".join(more))


def tensor(shape: list[int], content: bytes, kind: int = 1, *more: bytes) -> bytes:
    return field(5, b"".join(field(1, size) for size in shape) + field(2, kind) + field(8, "w") + field(9, content) + b"".join(more))


def model(*graph: bytes) -> bytes:
    return field(1, 9) + field(7, b"".join(graph))


GOOD = model(node("Add", field(5, field(1, "axis") + field(3, 1))), tensor([2, 2], np.eye(2, dtype="<f4").tobytes()))


def refusal(tmp_path: Path, data: bytes) -> str:
    path = tmp_path / "encoder.onnx"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"\S") as caught:
        refuse_unsafe(path)
    return str(caught.value)


@pytest.mark.parametrize("name", ["default", "fast"])
def test_a_shipped_graph_passes(name: str) -> None:
    refuse_unsafe(shipped_models() / name / "encoder.onnx")


def test_a_small_graph_passes(tmp_path: Path) -> None:
    path = tmp_path / "encoder.onnx"
    path.write_bytes(GOOD)
    contents = refuse_unsafe(path)
    assert contents.epsilons == frozenset()
    np.testing.assert_array_equal(contents.weights["w"], np.eye(2, dtype=np.float32))
    packed = field(5, field(1, varint(2) + varint(2)) + field(2, 3) + field(9, b"abcd"))
    fixed = varint(5 << 3 | 5) + bytes(4)
    path.write_bytes(
        model(node("Add", field(5, field(1, "alpha") + varint(2 << 3 | 5) + bytes(4))), packed) + fixed + varint(1 << 3 | 1) + bytes(8)
    )
    refuse_unsafe(path)


def test_epsilons_of_layer_norms_are_read_and_nothing_else_is_taken_for_one(tmp_path: Path) -> None:
    def attribute(name: str, value: bytes) -> bytes:
        return field(5, field(1, name) + value + field(20, 1))

    def number(value: float) -> bytes:
        return varint(2 << 3 | 5) + np.float32(value).tobytes()

    path = tmp_path / "encoder.onnx"
    others = [attribute("alpha", number(0.5)), attribute("epsilon", field(3, 1)), attribute("epsilon", field(2, b"abc"))]
    path.write_bytes(model(node("LayerNormalization", attribute("epsilon", number(1e-5)), *others)))
    assert refuse_unsafe(path).epsilons == {float(np.float32(1e-5))}


@pytest.mark.parametrize("operator", ["If", "Loop", "Scan", "ConstantOfShape", "Constant", "Expand", "PyOp", "", "add"])
def test_an_operator_that_no_encoder_needs_is_refused(tmp_path: Path, operator: str) -> None:
    assert operator not in OPERATORS
    message = refusal(tmp_path, model(node(operator)))
    assert repr(operator) in message and "not one that an exported encoder is made of" in message


@pytest.mark.parametrize("part", [5, 6, 9, 10, 11, 22, 23])
def test_a_graph_or_tensor_within_an_operator_is_refused(tmp_path: Path, part: int) -> None:
    assert "holds a graph or a tensor" in refusal(tmp_path, model(node("Add", field(5, field(1, "body") + field(part, b"")))))


@pytest.mark.parametrize(
    "more",
    [field(13, field(1, "location") + field(2, "/etc/hostname")), field(14, 1), field(4, bytes(16)), field(3, b""), field(6, b"x")],
    ids=["external data", "location", "float data", "segment", "strings"],
)
def test_weights_that_lie_elsewhere_are_refused(tmp_path: Path, more: bytes) -> None:
    assert "weights stand in the graph itself" in refusal(tmp_path, model(node("Add"), tensor([2, 2], bytes(16), 1, more)))


@pytest.mark.parametrize(
    ("shape", "size"),
    [([1 << 40], 16), ([2, 2], 15), ([2, 2], 17), ([], 0), ([0], 4), ([(1 << 64) - 4], 16), ([1 << 62, 1 << 62], 0), ([1 << 62, 0], 0)],
)
def test_a_tensor_that_declares_what_is_not_there_is_refused(tmp_path: Path, shape: list[int], size: int) -> None:
    message = refusal(tmp_path, model(node("Add"), tensor(shape, bytes(size))))
    assert "'w' declare" in message and f"have {size}" in message


@pytest.mark.parametrize("kind", [0, 8, 9, 16, 99])
def test_weights_of_another_kind_are_refused(tmp_path: Path, kind: int) -> None:
    assert f"of kind {kind}" in refusal(tmp_path, model(node("Add"), tensor([1], b"\1\1\1\1", kind)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("kind", "type"), [(1, "<f4"), (10, "<f2"), (11, "<f8")])
def test_weights_that_are_no_numbers_are_refused(tmp_path: Path, value: float, kind: int, type: str) -> None:
    content = np.array([1.0, value]).astype(type).tobytes()
    assert "not finite" in refusal(tmp_path, model(node("Add"), tensor([2], content, kind)))


@pytest.mark.parametrize("number", [20, 25, 99])
def test_training_and_functions_are_refused(tmp_path: Path, number: int) -> None:
    assert f"field {number} of the model" in refusal(tmp_path, GOOD + field(number, b""))


def test_sparse_weights_are_refused(tmp_path: Path) -> None:
    assert "field 15 of the graph" in refusal(tmp_path, model(node("Add"), field(15, b"")))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no operator"),
        (field(1, 9), "no operator"),
        (model(tensor([1], bytes(4))), "no operator"),
        (field(7, 5), "a number stands where a message belongs"),
        (GOOD + b"\x80", "ends within a number"),
        (GOOD + varint(1 << 3) + b"\x80" * 11, "longer than ten bytes"),
        (GOOD + varint(2 << 3 | 2) + varint(1 << 50), "declares 1,125,899,906,842,624 bytes where 0 are left"),
        (GOOD + varint(1 << 3 | 3), "nothing that can be read"),
        (GOOD[:-1], "are left"),
    ],
    ids=["empty", "no graph", "weights only", "number for a graph", "cut number", "long number", "long field", "group", "cut"],
)
def test_a_damaged_file_is_refused(tmp_path: Path, data: bytes, said: str) -> None:
    assert said in refusal(tmp_path, data)


@settings(max_examples=300)
@given(st.binary(max_size=200), st.integers(0, len(GOOD)), st.integers(0, 20))
def test_whatever_is_in_it_a_file_passes_or_is_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes, at: int, drop: int) -> None:
    path = tmp_path_factory.getbasetemp() / "any.onnx"
    path.write_bytes(GOOD[:at] + data + GOOD[at + drop :])
    told = ""
    try:
        refuse_unsafe(path)
    except ValueError as error:
        told = str(error)
    assert "\n" not in told
