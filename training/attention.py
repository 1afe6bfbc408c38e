"""Attention of mpnet for training on a processor with bfloat16: the library's arithmetic in two thirds of the time of a step.

The library adds the bias of relative positions to every layer's scores in a pass of its own, and trains it, which costs as much
again; here the bias is fixed and enters with the product of queries and keys. Scores are as wide as the encoder's products.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import nn
from transformers.modeling_outputs import BaseModelOutput
from transformers.models.mpnet.modeling_mpnet import MPNetEncoder, MPNetSelfAttention


def attend(layer: Any, states: torch.Tensor, _: None, bias: torch.Tensor, **__: Any) -> tuple[torch.Tensor, None]:
    """What each word piece gathers from the others. *Shapes:* ``states`` (B, T, width), ``bias`` with the mask (B, heads, T, T)."""
    size, length, width = states.shape
    heads = layer.num_attention_heads

    def split(projected: torch.Tensor) -> torch.Tensor:
        return projected.view(size, length, heads, -1).transpose(1, 2).reshape(size * heads, length, -1)

    query, key, value = (split(project(states)) for project in (layer.q, layer.k, layer.v))
    # Autocast would widen the scores for the softmax, at twice the memory traffic.
    with torch.autocast("cpu", enabled=False):
        added = bias.to(query.dtype).reshape(size * heads, length, length)
        scores = torch.baddbmm(added, query * layer.attention_head_size**-0.5, key.transpose(1, 2))
        gathered = torch.bmm(torch.softmax(scores, dim=-1), value)
    return layer.o(gathered.view(size, heads, length, -1).transpose(1, 2).reshape(size, length, width)), None


def encode(stack: Any, hidden_states: torch.Tensor, attention_mask: torch.Tensor | None = None, **_: Any) -> BaseModelOutput:
    """The states after the last layer; bias and mask are summed once for all layers."""
    bias = stack.compute_position_bias(hidden_states)
    if attention_mask is not None:
        bias = bias + attention_mask
    if torch.is_autocast_enabled("cpu"):
        bias = bias.to(torch.get_autocast_dtype("cpu"))
    for layer in stack.layer:
        hidden_states = layer(hidden_states, None, bias)[0]
    return BaseModelOutput(last_hidden_state=hidden_states)


def lean(encoder: nn.Module) -> nn.Module:
    """*encoder* with this attention, if it is mpnet; its weights, and their names, stay as they are."""
    for module in encoder.modules():
        part: Any = module
        if type(module) is MPNetSelfAttention:
            part.forward = partial(attend, part)
        elif type(module) is MPNetEncoder:
            part.forward = partial(encode, part)
            part.relative_attention_bias.requires_grad_(False)
    return encoder
