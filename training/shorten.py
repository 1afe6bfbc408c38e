"""Fewer layers: an exported encoder cut off above some of them, every weight below as it was (Sajjad et al. 2023, "top-layer dropping")."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

LAST_NORM = "encoder.encoder.layer.{}.output.LayerNorm.weight"


def keep_layers(model: onnx.ModelProto, count: int) -> None:
    """Cut *model*, a graph of :mod:`~newsgauge.training.export`, in place: its lowest *count* layers stay.

    ``ValueError`` where it has fewer, or *count* is none.
    """
    graph = model.graph
    tops = [node.output[0] for node in graph.node if LAST_NORM.format(count - 1) in node.input]
    if len(tops) != 1:
        names = {tensor.name for tensor in graph.initializer}
        have = sum(LAST_NORM.format(layer) in names for layer in range(len(names)))
        raise ValueError(f"{count} layers cannot be kept of an encoder that has {have}; choose 1 to {have}.")
    graph.node[-1].input[0] = tops[0]
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
