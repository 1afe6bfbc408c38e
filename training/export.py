"""Export: a torch encoder → an ONNX graph, fused and quantised to int8."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

log = logging.getLogger(__name__)


class _Hidden(nn.Module):
    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        hidden: torch.Tensor = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return hidden


def export_float(encoder: nn.Module, path: Path) -> None:
    """Write ``input_ids (B, T), attention_mask (B, T) → hidden (B, T, width)`` in float32, as one file."""
    encoder.eval()
    ids = torch.randint(200, 20_000, (2, 24))
    size = {0: torch.export.Dim("batch", min=1, max=4096), 1: torch.export.Dim("pieces", min=2, max=512)}
    with torch.inference_mode():
        torch.onnx.export(
            _Hidden(encoder).eval(),
            (ids, torch.ones_like(ids)),
            str(path),
            input_names=["input_ids", "attention_mask"],
            output_names=["hidden"],
            dynamic_shapes={"input_ids": size, "attention_mask": size},
            external_data=False,
            dynamo=True,
            verbose=False,
        )


def fuse(source: Path, target: Path, *, heads: int, width: int) -> dict[str, int]:
    """Fuse GELU and layer norms with onnxruntime's transformer optimiser → how often each was fused."""
    from onnxruntime.transformers import optimizer
    from onnxruntime.transformers.fusion_options import FusionOptions

    options = FusionOptions("bert")
    # A fused embedding layer would hide its table from row-wise quantisation.
    options.enable_embed_layer_norm = False
    model = optimizer.optimize_model(
        str(source), model_type="bert", num_heads=heads, hidden_size=width, optimization_options=options, opt_level=0
    )
    fused = {name: int(count) for name, count in model.get_fused_operator_statistics().items() if count}
    model.save_model_to_file(str(target))
    return fused


def quantise(source: Path, target: Path) -> None:
    """Weights to int8 with a scale per output channel, embedding tables with one per row, activations to uint8 with one per window.

    Weights keep to seven bits: the eight-bit products of processors with AVX2 but without VNNI saturate, which ruins an
    encoder (onnxruntime's page on quantisation, "reduce range"). So the same integers come out on every machine.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = onnx.load(str(source))
    name_weights(model)
    quantise_tables(model)
    quantize_dynamic(model, str(target), weight_type=QuantType.QInt8, per_channel=True, reduce_range=True, op_types_to_quantize=["MatMul"])


def name_weights(model: Any) -> None:
    """Give every weight matrix the name that goes with the bias of its product: constant folding left it a number.

    The names let :mod:`newsgauge.training.restore` find the weights again.
    """
    graph = model.graph
    names = {tensor.name for tensor in graph.initializer}
    consumers = {name: node for node in graph.node for name in node.input}
    renamed = {}
    for node in graph.node:
        if node.op_type == "MatMul" and node.input[1] in names:
            added = consumers[node.output[0]].input
            biases = [name for name in added if name in names and name.endswith(".bias") and "LayerNorm" not in name]
            if len(biases) == 1:
                renamed[node.input[1]] = biases[0].removesuffix("bias") + "weight"
    for tensor in graph.initializer:
        tensor.name = renamed.get(tensor.name, tensor.name)
    for node in graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = renamed.get(name, name)


def quantise_tables(model: Any, *, smallest: int = 1 << 14) -> int:
    """Replace every looked-up float table of *smallest* or more numbers by int8 rows, each with its own scale → how many."""
    from onnx import TensorProto, helper, numpy_helper

    graph = model.graph
    tables = {tensor.name: tensor for tensor in graph.initializer if tensor.data_type == TensorProto.FLOAT and len(tensor.dims) == 2}
    nodes, done = [], 0
    for node in graph.node:
        table = tables.get(node.input[0]) if node.op_type == "Gather" else None
        if table is None or math.prod(table.dims) < smallest:
            nodes.append(node)
            continue
        values = numpy_helper.to_array(table)
        scales = (np.abs(values).max(1, keepdims=True) / 127).clip(min=1e-12).astype(np.float32)
        name, result = table.name, node.output[0]
        graph.initializer.append(numpy_helper.from_array(np.round(values / scales).astype(np.int8), f"{name}_rows"))
        graph.initializer.append(numpy_helper.from_array(scales, f"{name}_scales"))
        nodes += [
            helper.make_node("Gather", [f"{name}_rows", node.input[1]], [f"{result}_rows"], axis=0),
            helper.make_node("Cast", [f"{result}_rows"], [f"{result}_float"], to=TensorProto.FLOAT),
            helper.make_node("Gather", [f"{name}_scales", node.input[1]], [f"{result}_scales"], axis=0),
            helper.make_node("Mul", [f"{result}_float", f"{result}_scales"], [result]),
        ]
        done += 1
    del graph.node[:]
    graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    return done
