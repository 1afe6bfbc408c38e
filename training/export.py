"""Export: a torch encoder → an ONNX graph, fused and quantised to int8."""

from __future__ import annotations

import logging
from pathlib import Path

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
    """Fuse attention, GELU and layer norms with onnxruntime's transformer optimiser → how often each was fused."""
    from onnxruntime.transformers import optimizer

    model = optimizer.optimize_model(str(source), model_type="bert", num_heads=heads, hidden_size=width, opt_level=0)
    fused = {name: int(count) for name, count in model.get_fused_operator_statistics().items() if count}
    model.save_model_to_file(str(target))
    return fused


def quantise(source: Path, target: Path) -> None:
    """Weights to int8 with a scale per output channel, activations to uint8 with a scale per window (dynamic)."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(str(source), str(target), weight_type=QuantType.QInt8, per_channel=True)
