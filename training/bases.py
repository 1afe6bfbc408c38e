"""Base encoders: a folder or hub id → an encoder of the transformers library, cut to fewer layers on request."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..model.bundle import MANIFEST
from .attention import lean
from .restore import restore_encoder


def load_base(base: str, *, layers: Sequence[int] | None = None, frozen: int | None = None) -> nn.Module:
    """The encoder in *base* with only the given *layers* kept, in order (Sajjad et al. 2023), its pooler dropped.

    *base*: a folder or hub id of the transformers or sentence-transformers library, or a model folder of newsgauge to train on from.
    With *frozen*, the embeddings and so many of the lowest layers keep their weights (Lee et al. 2019, "What would Elsa do?").
    """
    from transformers import AutoModel

    encoder: Any
    if (Path(base) / MANIFEST).is_file():
        encoder = restore_encoder(Path(base))
    else:
        # Weights as a pickle are refused; so is a folder's own code, which the library runs only where it is told to.
        encoder = AutoModel.from_pretrained(base, dtype=torch.float32, add_pooling_layer=False, use_safetensors=True)
    if layers is not None:
        stack = encoder.encoder.layer
        wrong = [index for index in layers if not 0 <= index < len(stack)]
        if wrong:
            raise ValueError(f"Layers {wrong} are not in {base}, which has layers 0 to {len(stack) - 1}.")
        encoder.encoder.layer = nn.ModuleList([stack[index] for index in layers])
        encoder.config.num_hidden_layers = len(layers)
    # Dropout inside the encoder takes 45 % of a training step on a CPU; masked word pieces regularise for nothing.
    for module in encoder.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    if frozen is not None:
        for part in (encoder.embeddings, *encoder.encoder.layer[:frozen]):
            part.requires_grad_(False)
    return lean(encoder)


def layer_numbers(listed: str | None) -> list[int] | None:
    """The option ``--layers``, numbers with commas between them; None for all."""
    return [int(number) for number in listed.split(",")] if listed else None


def tokenizer_file(base: str) -> str:
    """The path of the ``tokenizer.json`` of *base*; a hub id is fetched."""
    folder = Path(base)
    if folder.is_dir():
        path = folder / "tokenizer.json"
        if not path.is_file():
            raise FileNotFoundError(f"{folder} has no tokenizer.json; expected a fast tokenizer beside the weights.")
        return str(path)
    from huggingface_hub import hf_hub_download

    return str(hf_hub_download(base, "tokenizer.json"))
