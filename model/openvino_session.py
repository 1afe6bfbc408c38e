"""OpenVINO session: an encoder built anew for OpenVINO from the weights in its ONNX file.

OpenVINO knows no operators of onnxruntime's own, which the file is made of, and reads ``transBatchA`` of one wrongly. What is built
rounds as the file says: weights are its int8 integers, and each word piece is rounded to 8 bits by itself.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from .graph import Contents, refuse_unsafe
from .heads import Floats

STEP = 32
"""Windows are filled up to a multiple of this: AMX multiplies tiles of 16 rows, and every new length costs milliseconds and memory."""
HIDDEN = -1e9
"""What is added to the attention of a word piece that only fills up; its weight is zero then."""
GELU_LEAST = 0.17
"""GELU goes down to -0.16997."""
PREFIX = "encoder."
_BERT = ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense", "attention.output.LayerNorm")
_MPNET = ("attention.attn.q", "attention.attn.k", "attention.attn.v", "attention.attn.o", "attention.LayerNorm")


class OpenVinoSession:
    """The encoder in the ONNX file *graph*, run by OpenVINO on the processor. ``ValueError`` where it is no int8 encoder of ours.

    Products are of int8 integers, attention is in bfloat16 where the processor has instructions for it, and in float32 elsewhere.
    """

    def __init__(self, graph: Path, threads: int) -> None:
        # OpenVINO reports every import to its makers through this module, and does without where it is not there.
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
        import openvino

        contents = refuse_unsafe(graph)
        try:
            network = _Network(contents)
            model = network.build()
            self._rows = len(contents.weights[f"{PREFIX}embeddings.word_embeddings.weight_rows"])
            self._longest = _longest(contents.weights)
        except KeyError as error:
            raise ValueError(f"it lacks the weights {error}, which OpenVINO needs: run it with onnxruntime") from error
        core = openvino.Core()
        settings = {
            "INFERENCE_PRECISION_HINT": "bf16" if _has_bfloat16(core) else "f32",
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            # Each worker process would choose the same core.
            "ENABLE_CPU_PINNING": False,
        }
        self._request = core.compile_model(model, "CPU", settings).create_infer_request()
        self._width = network.width
        self._lock = Lock()

    @property
    def width(self) -> int:
        """The length of a state."""
        return self._width

    def run(self, ids: list[int]) -> Floats:
        """See :meth:`~newsgauge.model.session.Session.run`. ``ValueError`` for ids or lengths that have no row of weights."""
        count = len(ids)
        if count > self._longest or not all(0 <= number < self._rows for number in ids):
            raise ValueError(f"it has weights for {self._longest} places and {self._rows} word pieces")
        filled = np.zeros((1, -(-count // STEP) * STEP), dtype=np.int32)
        filled[0, :count] = ids
        # A request holds its inputs and outputs until the next one.
        with self._lock:
            (states,) = self._request.infer([filled, np.array(count, dtype=np.int32)]).values()
            return np.array(states[0, :count], dtype=np.float32)


def _has_bfloat16(core: Any) -> bool:
    """Whether the processor has instructions for it."""
    return "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _longest(weights: Mapping[str, npt.NDArray[Any]]) -> int:
    """The most word pieces that a window can have."""
    first = int(weights.get("first_place", np.int64(0)))
    if first < 0:
        raise ValueError(f"its first place is {first}; expected 0 or more")
    return len(weights[f"{PREFIX}embeddings.position_embeddings.weight_rows"]) - first


class _Network:
    """A network under way; a method adds nodes and returns their result. Weights have the names of :mod:`newsgauge.training.export`."""

    def __init__(self, contents: Contents) -> None:
        from openvino import opset13

        self._ops: Any = opset13
        self._weights = contents.weights
        if len(contents.epsilons) != 1:
            raise ValueError(f"its layer norms have the epsilons {sorted(contents.epsilons)}; expected one for all")
        (self._epsilon,) = contents.epsilons
        self._size = int(contents.weights[f"{PREFIX}embeddings.LayerNorm.bias"].size)
        self.width = int(contents.weights["side_by_side"][-1]) if "side_by_side" in contents.weights else self._size
        """The length of a state: one layer's, or those of several side by side."""
        self._ids = opset13.parameter([1, -1], np.int32, name="ids")
        self._count = opset13.parameter([], np.int32, name="count")

    def build(self) -> Any:
        """``ids (1, T), count → states (1, T, width)``: the states of the first *count* word pieces, which see none of the others."""
        from openvino import Model

        ops = self._ops
        length = ops.squeeze(ops.gather(ops.shape_of(self._ids, "i32"), self._constant([1]), self._constant(0)), self._constant([0]))
        all_places = ops.range(self._constant(0), length, self._constant(1), "i32")
        # A table may end before what fills a window up.
        places = ops.minimum(all_places, ops.subtract(self._count, self._constant(1)))
        beyond = ops.greater_equal(all_places, self._count)
        hidden = self._embeddings(places)
        relative = "buckets" in self._weights
        bias = self._position_bias(places, beyond) if relative else ops.select(beyond, self._constant(HIDDEN), self._constant(0.0))
        states: list[Any] = []
        while f"{PREFIX}encoder.layer.{len(states)}.output.dense.bias" in self._weights:
            hidden = self._layer(f"encoder.layer.{len(states)}", hidden, bias, _MPNET if relative else _BERT)
            states.append(hidden)
        read, rest = divmod(self.width, self._size)
        if rest or not 1 <= read <= len(states):
            raise ValueError(f"its states of width {self.width} are not those of 1 to {len(states)} layers")
        side_by_side = ops.concat(states[: -read - 1 : -1], -1) if read > 1 else hidden
        return Model([ops.result(side_by_side)], [self._ids, self._count], "encoder")

    def _constant(self, values: Any) -> Any:
        array = np.asarray(values, order="C")
        smaller = {"float64": np.float32, "int64": np.int32}.get(array.dtype.name)
        return self._ops.constant(array if smaller is None else array.astype(smaller))

    def _weight(self, name: str) -> npt.NDArray[Any]:
        return self._weights[PREFIX + name]

    def _embeddings(self, places: Any) -> Any:
        ops = self._ops
        if "first_place" in self._weights:
            places = ops.add(places, self._constant(self._weights["first_place"]))
        summed = ops.add(self._lookup("word", self._ids), ops.unsqueeze(self._lookup("position", places), self._constant(0)))
        kinds = f"{PREFIX}embeddings.token_type_embeddings.weight"
        if kinds in self._weights:
            summed = ops.add(summed, self._constant(self._weights[kinds][0]))
        return self._norm("embeddings.LayerNorm", summed)

    def _lookup(self, table: str, at: Any) -> Any:
        ops, name = self._ops, f"embeddings.{table}_embeddings.weight"
        rows, scales = self._weight(f"{name}_rows"), self._weight(f"{name}_scales")
        # OpenVINO itself does not say when it is asked for a row that is not there.
        if len(rows) != len(scales):
            raise ValueError(f"the table {name} has {len(rows)} rows and {len(scales)} scales")
        found, scale = (ops.gather(self._constant(array), at, self._constant(0)) for array in (rows, scales))
        return ops.multiply(ops.convert(found, "f32"), scale)

    def _norm(self, name: str, inputs: Any) -> Any:
        ops = self._ops
        normal = ops.mvn(inputs, self._constant([-1]), True, self._epsilon, "inside_sqrt")
        return ops.add(ops.multiply(normal, self._constant(self._weight(f"{name}.weight"))), self._constant(self._weight(f"{name}.bias")))

    def _position_bias(self, places: Any, beyond: Any) -> Any:
        """What MPNet adds to the attention logits, by distance. *Shape:* (1, heads, T, T)."""
        ops, buckets = self._ops, self._weights["buckets"][:, 0]
        by_distance = self._weight("encoder.relative_attention_bias.weight")[buckets].T
        table = np.concatenate([by_distance, np.full((len(by_distance), 1), HIDDEN, np.float32)], axis=1)
        zero = int(self._weights["longest"])
        if not _longest(self._weights) - 1 <= zero <= len(buckets) - _longest(self._weights):
            raise ValueError(f"its {len(buckets)} distances, with 0 at {zero}, are not those of {_longest(self._weights)} places")
        distances = ops.subtract(ops.unsqueeze(places, self._constant(0)), ops.unsqueeze(places, self._constant(1)))
        at = ops.select(beyond, self._constant(len(buckets)), ops.add(distances, self._constant(zero)))
        return ops.unsqueeze(ops.gather(self._constant(table), at, self._constant(1)), self._constant(0))

    def _layer(self, name: str, hidden: Any, bias: Any, parts: tuple[str, ...]) -> Any:
        ops = self._ops
        query, key, value, output, attended_norm = (f"{name}.{part}" for part in parts)
        _, heads, size = self._weights["split"].tolist()
        rounded = self._rounded(hidden)
        split, swap, join = self._constant([0, 0, heads, size]), self._constant([0, 2, 1, 3]), self._constant([0, 0, heads * size])
        queries, keys, values = (
            ops.transpose(ops.reshape(self._linear(part, *rounded), split, True), swap) for part in (query, key, value)
        )
        logits = ops.add(ops.multiply(ops.matmul(queries, keys, False, True), self._constant(size**-0.5)), bias)
        mixed = ops.matmul(ops.softmax(logits, -1), values, False, False)
        joined = ops.reshape(ops.transpose(mixed, swap), join, True)
        hidden = self._norm(attended_norm, ops.add(self._linear(output, *self._rounded(joined, apart=True)), hidden))
        raised = ops.gelu(self._linear(f"{name}.intermediate.dense", *self._rounded(hidden)), "erf")
        shifted = self._rounded(ops.add(raised, self._constant(GELU_LEAST)), least=0.0, apart=True)
        lowered = self._linear(f"{name}.output.dense", *shifted, shift=GELU_LEAST)
        return self._norm(f"{name}.output.LayerNorm", ops.add(lowered, hidden))

    def _rounded(self, inputs: Any, *, least: float = -128 / 127, apart: bool = False) -> tuple[Any, Any]:
        """*inputs* over the largest of each word piece, in 256 steps from *least* to 1, and these largest, (1, T, 1)."""
        ops = self._ops
        largest = ops.reduce_max(inputs if least == 0 else ops.abs(inputs), self._constant([-1]), True)
        if apart:
            # What leads to the output without a product between stays float32; through these numbers all before them would.
            largest = ops.matmul(largest, self._constant([[1.0]]), False, False)
        low, high = self._constant(least), self._constant(1.0)
        share = ops.multiply(inputs, ops.divide(high, largest))
        return ops.fake_quantize(share, low, high, low, high, 256), largest

    def _linear(self, name: str, inputs: Any, largest: Any, *, shift: float = 0.0) -> Any:
        """The product of what was rounded with a weight matrix, its bias added; *shift* is what was added to the inputs."""
        ops = self._ops
        integers, scale = self._weight(f"{name}.weight_quantized"), self._weight(f"{name}.weight_scale")
        matrix = ops.multiply(ops.convert(self._constant(integers.T), "f32"), self._constant(scale[:, None]))
        bias = self._weight(f"{name}.bias") - np.float32(shift) * scale * integers.sum(axis=0)
        return ops.add(ops.multiply(ops.matmul(inputs, matrix, False, True), largest), self._constant(bias))
