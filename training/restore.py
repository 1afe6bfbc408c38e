"""A shipped encoder back in torch, to train on from it: the weights are those of the int8 graph, off its grid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ..model.bundle import complete, encoder_entry, read_manifest, verify
from ..model.errors import BundleError

PREFIX = "encoder."


def restore_encoder(folder: Path) -> nn.Module:
    """The encoder of the model in *folder* as a network of the transformers library; :class:`BundleError` where it holds none.

    Rounding to int8 has moved every weight by up to half a step of its channel or row; those of matrix products are moved at random
    by as much again. On the grid itself, what training adds to them is less than half a step, and export would round it away.
    """
    import onnx
    from transformers import AutoConfig, AutoModel

    manifest, _ = read_manifest(folder)
    verify(folder, manifest)
    entry = encoder_entry(folder, manifest)
    if "config" not in entry:
        raise BundleError(f"{folder} holds no encoder that can be trained on; expected a model made by newsgauge.training.recipe.")
    with complete(folder):
        settings = dict(entry["config"])
        config = AutoConfig.for_model(settings.pop("model_type"), **settings)
    auto: Any = AutoModel  # its methods have no types
    encoder: nn.Module = auto.from_config(config, add_pooling_layer=False)
    weights = weights_of(onnx.load(str(folder / entry["file"])))
    missing = {name for name, _ in encoder.named_parameters()} - weights.keys()
    if missing:
        raise BundleError(f"{folder / entry['file']} lacks {len(missing)} weights, {min(missing)} among them; choose another base.")
    encoder.load_state_dict({name: torch.from_numpy(weights[name]) for name, _ in encoder.named_parameters()}, strict=False)
    return encoder


def weights_of(model: Any) -> dict[str, np.ndarray]:
    """The weights of an int8 graph made by :mod:`newsgauge.training.export`, by their names in the encoder, as float32, off its grid."""
    from onnx import numpy_helper

    rng = np.random.default_rng(0)
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer if tensor.name.startswith(PREFIX)}
    found = {}
    for name, array in arrays.items():
        own = name.removeprefix(PREFIX)
        if own.endswith("_rows"):
            found[own.removesuffix("_rows")] = array.astype(np.float32) * arrays[name.removesuffix("_rows") + "_scales"]
        elif own.endswith("_quantized"):
            whole = name.removesuffix("_quantized")
            # A graph multiplies from the right, a linear layer holds the transpose.
            steps = array + rng.uniform(-0.5, 0.5, array.shape).astype(np.float32)
            found[own.removesuffix("_quantized")] = np.ascontiguousarray((steps * arrays[whole + "_scale"]).T)
        elif not own.endswith(("_scale", "_scales")):
            found[own] = array.copy()
    return found
