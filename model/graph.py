"""Graph: what an ONNX file declares, read and judged before anything runs it."""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator
from pathlib import Path

import numpy as np

OPERATORS = frozenset({
    "Abs", "Add", "Cast", "Div", "DynamicQuantizeMatMul", "FusedMatMul", "Gather", "Gelu", "LayerNormalization", "MatMul",
    "MatMulIntegerToFloat", "Max", "Mul", "QuantizeLinear", "Range", "ReduceMax", "Reshape", "Shape", "Slice", "Softmax", "Squeeze", "Sub",
    "Transpose", "Unsqueeze",
})  # fmt: skip
"""The operators that an exported encoder is made of, by this export or an earlier one. None loops, branches, or reads or writes a file."""

_Field = int | memoryview
# Field numbers of onnx.proto: those that an exported graph uses, or that are names and notes.
_MODEL, _MODEL_NOTES = 7, frozenset({1, 2, 3, 4, 5, 6, 8, 14})
_NODE, _TENSOR, _GRAPH_NOTES = 1, 5, frozenset({2, 10, 11, 12, 13, 14, 16})
_OPERATOR, _ATTRIBUTE = 4, 5
_PLAIN_ATTRIBUTE = frozenset({1, 2, 3, 4, 7, 8, 13, 20})
_DIMENSION, _KIND, _NAME, _BYTES, _TENSOR_NOTES = 1, 2, 8, 9, frozenset({12, 16})
_KINDS = {1: "<f4", 2: "<u1", 3: "<i1", 6: "<i4", 7: "<i8", 10: "<f2", 11: "<f8"}


def refuse_unsafe(path: Path) -> None:
    """Read the declarations of the ONNX file *path* and raise :class:`ValueError`, with the reason, where it is no encoder of ours.

    Refused are operators outside :data:`OPERATORS`, graphs and functions within, weights that lie in other files, tensors whose
    declared shape is not the bytes that are there, and weights that are not finite. ``OSError`` where it cannot be read.
    """
    with path.open("rb") as opened:
        # An empty file cannot be mapped.
        data = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) if path.stat().st_size else b""
    nodes = 0
    for number, graph in _fields(memoryview(data)):
        if number == _MODEL:
            nodes += _check_graph(_message(graph))
        elif number not in _MODEL_NOTES:
            raise ValueError(f"field {number} of the model is not one that an exported encoder has")
    if not nodes:
        raise ValueError("it holds no operator")


def _check_graph(graph: memoryview) -> int:
    """Judge a graph; the number of its nodes."""
    nodes = 0
    for number, value in _fields(graph):
        if number == _NODE:
            nodes += 1
            _check_node(_message(value))
        elif number == _TENSOR:
            _check_tensor(_message(value))
        elif number not in _GRAPH_NOTES:
            raise ValueError(f"field {number} of the graph is not one that an exported encoder has")
    return nodes


def _check_node(node: memoryview) -> None:
    for number, value in _fields(node):
        if number == _OPERATOR and (name := _text(value)) not in OPERATORS:
            raise ValueError(f"the operator {name!r} is not one that an exported encoder is made of")
        if number == _ATTRIBUTE and any(part not in _PLAIN_ATTRIBUTE for part, _ in _fields(_message(value))):
            raise ValueError("an attribute holds a graph or a tensor, where numbers and names belong")


def _check_tensor(tensor: memoryview) -> None:
    name, kind, shape, content = "", 0, [], memoryview(b"")
    for number, value in _fields(tensor):
        if number == _DIMENSION:
            shape += [value] if isinstance(value, int) else list(_varints(value))
        elif number == _KIND and isinstance(value, int):
            kind = value
        elif number == _NAME:
            name = _text(value)
        elif number == _BYTES:
            content = _message(value)
        elif number not in _TENSOR_NOTES:
            raise ValueError(
                f"field {number} of the weights {name!r} is not one that an exported encoder has; weights stand in the graph itself"
            )
    if kind not in _KINDS:
        raise ValueError(f"the weights {name!r} are of kind {kind}; expected numbers")
    declared = math.prod(shape) * np.dtype(_KINDS[kind]).itemsize
    if declared != len(content):
        raise ValueError(f"the weights {name!r} declare {declared:,} bytes (shape {shape[:8]}) and have {len(content):,}")
    if "f" in _KINDS[kind] and not np.isfinite(np.frombuffer(content, _KINDS[kind])).all():
        raise ValueError(f"the weights {name!r} hold values that are not finite numbers")


def _message(value: _Field) -> memoryview:
    if isinstance(value, int):
        raise ValueError("a number stands where a message belongs")
    return value


def _text(value: _Field) -> str:
    return bytes(_message(value)[:100]).decode("utf-8", "replace")


def _fields(data: memoryview) -> Iterator[tuple[int, _Field]]:
    """The fields of a message in the wire format of Protocol Buffers: number and value; :class:`ValueError` where it is damaged."""
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, position = _varint(data, position)
            yield number, value
            continue
        if wire == 2:
            size, position = _varint(data, position)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise ValueError(f"at byte {position:,} of a message there is nothing that can be read")
        if size > len(data) - position:
            raise ValueError(f"a field declares {size:,} bytes where {len(data) - position:,} are left")
        yield number, data[position : position + size]
        position += size


def _varints(data: memoryview) -> Iterator[int]:
    position = 0
    while position < len(data):
        value, position = _varint(data, position)
        yield value


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    """A number of variable length at *position*, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(data):
            raise ValueError("it ends within a number")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ValueError("a number is longer than ten bytes")
