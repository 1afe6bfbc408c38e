"""Export: a torch encoder → an ONNX graph, float or int8, of the operators that onnxruntime runs fastest on a CPU.

The graph is written node by node: what torch exports carries masks and guards that one window without padding has no use for,
and the layer norms that onnxruntime's optimiser fuses with their sums run at an eighth of the speed of the plain ones. Beside the
int8 products it is the passes over activations that cost time, so each is read and written as seldom as the operators allow: rounded
once for all the products that it goes into, and split into heads by the products themselves.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from torch import nn

if TYPE_CHECKING:
    import onnx

CONTRIB = "com.microsoft"
# Where the parts of a layer stand in each architecture: query, key, value, output of attention and its norm, feed-forward and its norm.
BERT_LAYER = (
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "attention.output.LayerNorm",
    "intermediate.dense",
    "output.dense",
    "output.LayerNorm",
)
LAYERS = {
    "bert": BERT_LAYER,
    "roberta": BERT_LAYER,
    "xlm-roberta": BERT_LAYER,
    "mpnet": ("attention.attn.q", "attention.attn.k", "attention.attn.v", "attention.attn.o", "attention.LayerNorm", *BERT_LAYER[5:]),
}
# Processors with AVX2 but without VNNI add two neighbouring products of a column in sixteen bits, and saturate
# (onnxruntime's page on quantisation, "reduce range"): neighbours whose sum is within PAIR never do, as 255 * 128 < 2**15.
WEIGHT_STEPS = 80
PAIR = 128
TABLE_STEPS = 127
# Activations are rounded to 0 … 255, zero to the middle of it; what comes out of GELU is hardly below zero and has more steps above.
LEVELS, MIDDLE, GELU_ZERO = 255, 128, 48
GELU_LEAST = 0.17
# The bias of attention is copied for so many neighbours at a time.
RUN = 16
# Tables of fewer rows stay float: they weigh next to nothing.
SMALL_TABLE = 64


def export(encoder: nn.Module, path: Path, *, int8: bool) -> None:
    """Write ``input_ids (1, T) → hidden (1, T, width)``, for a window without padding, as one file.

    With *int8*, weight matrices have int8 integers with a scale per output channel, activations are rounded to uint8 with a
    scale per word piece, and embedding tables have 8-bit integers with a scale per row. :class:`ValueError` for an architecture
    that is not in :data:`LAYERS`.
    """
    import onnx

    config: Any = encoder.config
    refuse_unknown(config)
    weights = {name: tensor.detach().float().numpy() for name, tensor in encoder.state_dict().items()}
    graph = _Graph(weights, longest=int(config.max_position_embeddings), int8=int8)
    hidden, bias = _embeddings(graph, config), None
    if config.model_type == "mpnet":
        bias = _position_bias(graph, encoder)
    for layer in range(config.num_hidden_layers):
        hidden = _layer(graph, config, f"encoder.layer.{layer}", hidden, bias)
    onnx.save(graph.model(hidden, int(config.hidden_size)), str(path))


def refuse_unknown(config: Any) -> None:
    """:class:`ValueError` for an encoder that cannot be exported, so that it is known before hours of training."""
    kind, activation = config.model_type, getattr(config, "hidden_act", None)
    if kind not in LAYERS or activation != "gelu":
        raise ValueError(
            f"An encoder of type {kind} with {activation} cannot be exported; expected one of {', '.join(LAYERS)} with gelu."
            " Choose another base."
        )


class _Graph:
    """Nodes and initializers of a graph under way; a method adds nodes and returns the name of their result."""

    def __init__(self, weights: dict[str, npt.NDArray[np.float32]], *, longest: int, int8: bool) -> None:
        self.weights = weights
        self.longest = longest
        self.int8 = int8
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}
        self.results: dict[tuple[str, ...], str] = {}

    def node(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        from onnx import helper

        result = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [result], name=result, domain=domain, **attributes))
        return result

    def constant(self, name: str, values: npt.ArrayLike) -> str:
        from onnx import numpy_helper

        if name not in self.initializers:
            self.initializers[name] = numpy_helper.from_array(np.asarray(values, order="C"), name)
        return name

    def weight(self, name: str) -> str:
        return self.constant(f"encoder.{name}", self.weights[name])

    def once(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """:meth:`node`, or the result of the node of this kind that these inputs have already."""
        key = (kind, *inputs)
        if key not in self.results:
            self.results[key] = self.node(kind, *inputs, **attributes)
        return self.results[key]

    def linear(self, name: str, inputs: str, *, gelu: bool = False) -> str:
        """The product of *inputs* (T, width) with a weight matrix, and its bias; *gelu* where the inputs come out of it."""
        matrix, bias = self.weights[f"{name}.weight"].T, self.weight(f"{name}.bias")
        if not self.int8:
            return self.node("Add", self.node("MatMul", inputs, self.constant(f"encoder.{name}.weight_matrix", matrix)), bias)
        integers, scale = round_weights(matrix)
        weights = (self.constant(f"encoder.{name}.weight_quantized", integers), self.constant(f"encoder.{name}.weight_scale", scale[0]))
        scales, zero = self.scales(inputs, gelu=gelu), GELU_ZERO if gelu else MIDDLE
        zeros = self.once("Gather", self.constant(f"zeros_{zero}", np.full(self.longest, zero, np.uint8)), self.places())
        rounded = self.once("QuantizeLinear", inputs, scales, zeros, axis=0)
        one, at = self.constant("unscaled", np.float32(1)), self.constant(f"zero_{zero}", np.uint8(zero))
        product = self.node("MatMulIntegerToFloat", rounded, weights[0], one, weights[1], at, domain=CONTRIB)
        by_row = self.once("Unsqueeze", scales, self.constant("last_axis", np.array([1], dtype=np.int64)))
        return self.node("Add", self.node("Mul", product, by_row), bias)

    def scales(self, inputs: str, *, gelu: bool) -> str:
        """A step of rounding for every word piece, by its largest number: one for a whole window, which a few word pieces with large
        numbers would spoil for the others, is what onnxruntime's own dynamic operators take. *Shape:* (T,)."""
        if gelu:
            # GELU goes down to -0.16997, and that is to have a step too.
            steps = LEVELS - GELU_ZERO
            least = self.constant("gelu_range", np.float32(GELU_LEAST * steps / GELU_ZERO))
            largest = self.once("Max", self.once("ReduceMax", inputs, axes=[-1], keepdims=0), least)
        else:
            steps = LEVELS - MIDDLE
            largest = self.once("ReduceMax", self.once("Abs", inputs), axes=[-1], keepdims=0)
        return self.once("Mul", largest, self.constant(f"one_of_{steps}", np.float32(1 / steps)))

    def lookup(self, name: str, ids: str) -> str:
        table = self.weights[name]
        if not self.int8 or len(table) < SMALL_TABLE:
            return self.node("Gather", self.weight(name), ids)
        integers, scales = round_to(table, TABLE_STEPS, axis=1)
        rows = self.node("Cast", self.node("Gather", self.constant(f"encoder.{name}_rows", integers), ids), to=1)
        return self.node("Mul", rows, self.node("Gather", self.constant(f"encoder.{name}_scales", scales), ids))

    def norm(self, name: str, inputs: str, epsilon: float) -> str:
        return self.node("LayerNormalization", inputs, self.weight(f"{name}.weight"), self.weight(f"{name}.bias"), axis=-1, epsilon=epsilon)

    def places(self, apart: int = 1) -> str:
        """0 … T - 1, or every so manieth of them."""
        length = self.once("Gather", self.once("Shape", "input_ids"), self.constant("one", np.int64(1)))
        return self.once("Range", self.constant("zero", np.int64(0)), length, self.constant(f"apart_{apart}", np.int64(apart)))

    def model(self, hidden: str, width: int) -> onnx.ModelProto:
        from onnx import TensorProto, helper

        self.node("Unsqueeze", hidden, self.constant("axis", np.array([0], dtype=np.int64)))
        self.nodes[-1].output[0] = "hidden"
        inputs = [helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "pieces"])]
        outputs = [helper.make_tensor_value_info("hidden", TensorProto.FLOAT, [1, "pieces", width])]
        graph = helper.make_graph(self.nodes, "encoder", inputs, outputs, list(self.initializers.values()))
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid(CONTRIB, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=9, producer_name="newsgauge")


def round_to(values: npt.NDArray[np.float32], steps: int, *, axis: int) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """*values* as integers of at most *steps* either way, and the scale of each slice across *axis*, that axis kept as one."""
    scale = (np.abs(values).max(axis, keepdims=True) / steps).clip(min=1e-12).astype(np.float32)
    return np.round(values / scale).astype(np.int8), scale


def round_weights(matrix: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """:func:`round_to` for a weight matrix, column by column, where no two neighbours in a column exceed :data:`PAIR` together."""
    integers, scale = round_to(matrix, WEIGHT_STEPS, axis=0)
    even = len(integers) // 2 * 2
    pairs = integers[:even].astype(np.int16).reshape(even // 2, 2, -1)
    excess = (np.abs(pairs).sum(1) - PAIR).clip(min=0)
    cut = np.stack([(excess + 1) // 2, excess // 2], axis=1)
    integers[:even] = (np.sign(pairs) * (np.abs(pairs) - cut)).reshape(even, -1)
    return integers, scale


def _embeddings(graph: _Graph, config: Any) -> str:
    # BERT counts places from 0; the others from the one after the padding's.
    first = 0 if config.model_type == "bert" else int(config.pad_token_id) + 1
    places = graph.places()
    if first:
        places = graph.node("Add", places, graph.constant("first_place", np.int64(first)))
    ids = graph.node("Squeeze", "input_ids", graph.constant("axis", np.array([0], dtype=np.int64)))
    words = graph.lookup("embeddings.word_embeddings.weight", ids)
    summed = graph.node("Add", words, graph.lookup("embeddings.position_embeddings.weight", places))
    if "embeddings.token_type_embeddings.weight" in graph.weights:
        kind = graph.node("Gather", graph.weight("embeddings.token_type_embeddings.weight"), graph.constant("zero", np.int64(0)))
        summed = graph.node("Add", summed, kind)
    return graph.norm("embeddings.LayerNorm", summed, config.layer_norm_eps)


def _position_bias(graph: _Graph, encoder: Any) -> str:
    """What MPNet adds to the attention logits: a number per head and bucket of distances. *Shape:* (heads, T, T).

    A row of it is a stretch of one long sequence, over all distances. It is put together from runs of :data:`RUN` numbers; those
    that begin at each distance are made when a session begins, as nothing in them depends on the window.
    """
    import torch

    longest = graph.longest
    distances = torch.arange(1 - longest, longest + RUN)
    buckets = encoder.encoder.relative_position_bucket(distances, num_buckets=int(encoder.config.relative_attention_num_buckets)).numpy()
    runs = graph.constant("buckets", np.lib.stride_tricks.sliding_window_view(buckets, RUN).astype(np.int32))
    by_run = graph.node("Transpose", graph.node("Gather", graph.weight("encoder.relative_attention_bias.weight"), runs), perm=[2, 0, 1])
    axis, last_axis = graph.constant("axis", np.array([0], dtype=np.int64)), graph.constant("last_axis", np.array([1], dtype=np.int64))
    to, start = graph.node("Unsqueeze", graph.places(RUN), axis), graph.node("Unsqueeze", graph.places(), last_axis)
    shifted = graph.node("Add", graph.node("Sub", to, start), graph.constant("longest", np.int64(longest - 1)))
    whole = graph.constant("whole_rows", np.array([0, 0, -1], dtype=np.int64))
    rows = graph.node("Reshape", graph.node("Gather", by_run, shifted, axis=1), whole)
    length = graph.node("Gather", graph.once("Shape", "input_ids"), last_axis)
    return graph.node("Slice", rows, axis, length, graph.constant("row_axis", np.array([2], dtype=np.int64)))


def _layer(graph: _Graph, config: Any, name: str, hidden: str, bias: str | None) -> str:
    query, key, value, output, attended_norm, up, down, norm = (f"{name}.{part}" for part in LAYERS[config.model_type])
    heads, epsilon = int(config.num_attention_heads), config.layer_norm_eps
    size = int(config.hidden_size) // heads
    split = graph.constant("split", np.array([0, heads, size], dtype=np.int64))
    join = graph.constant("join", np.array([0, heads * size], dtype=np.int64))
    queries, keys, values = (graph.node("Reshape", graph.linear(part, hidden), split) for part in (query, key, value))
    logits = graph.node("FusedMatMul", queries, keys, domain=CONTRIB, transBatchA=1, transBatchB=1, transB=1, alpha=size**-0.5)
    if bias is not None:
        logits = graph.node("Add", logits, bias)
    mixed = graph.node("FusedMatMul", graph.node("Softmax", logits, axis=-1), values, domain=CONTRIB, transBatchB=1)
    joined = graph.node("Reshape", graph.node("Transpose", mixed, perm=[1, 0, 2]), join)
    hidden = graph.norm(attended_norm, graph.node("Add", graph.linear(output, joined), hidden), epsilon)
    raised = graph.node("Gelu", graph.linear(up, hidden), domain=CONTRIB)
    return graph.norm(norm, graph.node("Add", graph.linear(down, raised, gelu=True), hidden), epsilon)
