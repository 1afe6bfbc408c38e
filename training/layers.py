"""Layers of an exported encoder: which of them stay, and whose states the heads read; no weight changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import onnx

# The shape of the output where states of several layers lie side by side, by which another runtime tells how many do.
SIDE_BY_SIDE = "side_by_side"
BESIDE = "beside"
# A configuration leaves out what is usual: for every architecture that can be exported so many layers, and numbers to a state.
USUAL_LAYERS, USUAL_WIDTH = 12, 768
LAST_NORM = "encoder.encoder.layer.{}.output.LayerNorm.weight"


def proportions(entry: Mapping[str, Any]) -> tuple[int, int, int]:
    """From a manifest's *entry* of its encoder: its layers, the width of a state, and of how many layers the states lie side by side."""
    config = entry["config"]
    layers, width = int(config.get("num_hidden_layers", USUAL_LAYERS)), int(config.get("hidden_size", USUAL_WIDTH))
    return layers, width, int(entry["width"]) // width


def keep_layers(model: onnx.ModelProto, count: int, *, read: int = 1) -> None:
    """Cut *model*, a graph of :mod:`~newsgauge.training.export`, in place: its lowest *count* layers stay (Sajjad et al. 2023,
    "top-layer dropping"), and it gives the states of the uppermost *read* of them side by side, the last layer's first (Devlin et al.
    2019, feature-based approach).

    ``ValueError`` where it has fewer layers, or one of the numbers is none.
    """
    from onnx import helper, numpy_helper

    graph = model.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    have = sum(LAST_NORM.format(layer) in weights for layer in range(len(weights)))
    if not 1 <= count <= have:
        raise ValueError(f"{count} layers cannot be kept of an encoder that has {have}; choose 1 to {have}.")
    if not 1 <= read <= count:
        raise ValueError(f"The states of {read} layers cannot be read where {count} are kept; choose 1 to {count}.")
    above = {name: node.output[0] for node in graph.node for name in node.input if name.endswith(".output.LayerNorm.weight")}
    tops = [above[LAST_NORM.format(layer)] for layer in range(count - 1, count - 1 - read, -1)]
    width = weights[LAST_NORM.format(0)].dims[0] * read
    if SIDE_BY_SIDE in weights:
        graph.initializer.remove(weights[SIDE_BY_SIDE])
    (output,) = graph.output
    output.type.tensor_type.shape.dim[-1].dim_value = width
    for node in [node for node in graph.node if node.output[0] in (output.name, BESIDE)]:
        graph.node.remove(node)
    if read == 1:
        graph.node.append(helper.make_node("Unsqueeze", [tops[0], "axis"], [output.name]))
    else:
        graph.initializer.append(numpy_helper.from_array(np.array([1, -1, width], dtype=np.int64), SIDE_BY_SIDE))
        graph.node.append(helper.make_node("Concat", tops, [BESIDE], axis=-1))
        graph.node.append(helper.make_node("Reshape", [BESIDE, SIDE_BY_SIDE], [output.name]))
    _prune(graph)


def _prune(graph: onnx.GraphProto) -> None:
    """Drop the nodes and weights that the output does not need."""
    needed = {output.name for output in graph.output}
    kept = []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            needed.update(node.input)
            kept.append(node)
    weights = [tensor for tensor in graph.initializer if tensor.name in needed]
    for field, values in ((graph.node, kept[::-1]), (graph.initializer, weights)):
        del field[:]
        field.extend(values)
