"""Graph: what an ONNX file declares, read and judged before anything runs it."""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

OPERATORS = frozenset({
    "Abs", "Add", "Cast", "Concat", "Div", "DynamicQuantizeMatMul", "FusedMatMul", "Gather", "Gelu", "LayerNormalization", "MatMul",
    "MatMulIntegerToFloat", "Max", "Mul", "QuantizeLinear", "Range", "ReduceMax", "Reshape", "Shape", "Slice", "Softmax", "Squeeze", "Sub",
    "Transpose", "Unsqueeze",
})  # fmt: skip
"""The operators that an exported encoder is made of, by this export or an earlier one. None loops, branches, or reads or writes a file."""

_Field = int | memoryview
# Field numbers of onnx.proto: those that an exported graph uses, or that are names and notes.
_MODEL, _MODEL_NOTES = 7, frozenset({1, 2, 3, 4, 5, 6, 8, 14})
_NODE, _TENSOR, _GRAPH_NOTES = 1, 5, frozenset({2, 10, 11, 12, 13, 14, 16})
_OPERATOR, _ATTRIBUTE = 4, 5
_ATTRIBUTE_NAME, _FLOAT = 1, 2
_PLAIN_ATTRIBUTE = frozenset({1, 2, 3, 4, 7, 8, 13, 20})
_DIMENSION, _KIND, _NAME, _BYTES, _TENSOR_NOTES = 1, 2, 8, 9, frozenset({12, 16})
_EMPTY = memoryview(b"")
_KINDS = {1: "<f4", 2: "<u1", 3: "<i1", 6: "<i4", 7: "<i8", 10: "<f2", 11: "<f8"}


@dataclass(frozen=True, slots=True)
class Contents:
    """What an exported encoder holds: its ``weights`` by name, which lie in the file, and the ``epsilons`` of its layer norms."""

    weights: Mapping[str, npt.NDArray[Any]]
    epsilons: frozenset[float]


def refuse_unsafe(path: Path) -> Contents:
    """Read the ONNX file *path*; :class:`ValueError` with the reason where it is no encoder of ours.

    Refused are operators outside :data:`OPERATORS`, graphs and functions within, weights that lie in other files, tensors whose
    declared shape is not the bytes that are there, and weights that are not finite. ``OSError`` where it cannot be read.
    """
    with path.open("rb") as opened:
        # An empty file cannot be mapped.
        data = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) if path.stat().st_size else b""
    nodes = 0
    weights: dict[str, npt.NDArray[Any]] = {}
    epsilons: set[float] = set()
    for number, graph in _fields(memoryview(data)):
        if number == _MODEL:
            nodes += _read_graph(_message(graph), weights, epsilons)
        elif number not in _MODEL_NOTES:
            raise ValueError(f"field {number} of the model is not one that an exported encoder has")
    if not nodes:
        raise ValueError("it holds no operator")
    return Contents(weights, frozenset(epsilons))


def _read_graph(graph: memoryview, weights: dict[str, npt.NDArray[Any]], epsilons: set[float]) -> int:
    """Judge a graph and gather what it holds; the number of its nodes."""
    nodes = 0
    for number, value in _fields(graph):
        if number == _NODE:
            nodes += 1
            epsilons |= _read_node(_message(value))
        elif number == _TENSOR:
            name, tensor = _read_tensor(_message(value))
            weights[name] = tensor
        elif number not in _GRAPH_NOTES:
            raise ValueError(f"field {number} of the graph is not one that an exported encoder has")
    return nodes


def _read_node(node: memoryview) -> set[float]:
    """Judge a node; its epsilon, if it has one."""
    epsilons = set()
    for number, value in _fields(node):
        if number == _OPERATOR and (name := _text(value)) not in OPERATORS:
            raise ValueError(f"the operator {name!r} is not one that an exported encoder is made of")
        if number == _ATTRIBUTE:
            parts = dict(_fields(_message(value)))
            if not parts.keys() <= _PLAIN_ATTRIBUTE:
                raise ValueError("an attribute holds a graph or a tensor, where numbers and names belong")
            number_in_it = parts.get(_FLOAT)
            if _text(parts.get(_ATTRIBUTE_NAME, _EMPTY)) == "epsilon" and isinstance(number_in_it, memoryview) and len(number_in_it) == 4:
                epsilons.add(float(np.frombuffer(number_in_it, "<f4")[0]))
    return epsilons


def _read_tensor(tensor: memoryview) -> tuple[str, npt.NDArray[Any]]:
    """Judge weights; their name and values."""
    name, kind, shape, content = "", 0, [], _EMPTY
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
    if declared != len(content) or max(shape, default=0) > len(content):
        raise ValueError(f"the weights {name!r} declare {declared:,} bytes (shape {shape[:8]}) and have {len(content):,}")
    values = np.frombuffer(content, _KINDS[kind])
    if "f" in _KINDS[kind] and not np.isfinite(values).all():
        raise ValueError(f"the weights {name!r} hold values that are not finite numbers")
    return name, values.reshape(shape)


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
