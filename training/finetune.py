"""Fine-tuning: labelled documents → a trained network, with checkpoints that a later run resumes exactly."""

from __future__ import annotations

import json
import logging
import math
import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from ..model.windows import WindowShape
from .mixture import TrainingWindow
from .network import Batch, Network, collate, lay_out, losses
from .precision import matrix_products
from .wordpieces import PieceTable

log = logging.getLogger(__name__)

CHECKPOINT = "checkpoint.safetensors"

EpochSource = Callable[[int], list[TrainingWindow]]


@dataclass(frozen=True, slots=True)
class Schedule:
    """How to train. Learning rates are of AdamW; ``decay`` is the factor per layer downwards (Howard and Ruder 2018);
    ``masked`` is the share of word pieces that a step hides; ``precision`` is one of :data:`~.precision.PRECISIONS`."""

    epochs: int = 3
    learning_rate: float = 1.5e-4
    head_rate: float = 1e-3
    decay: float = 0.9
    warmup: float = 0.06
    weight_decay: float = 0.01
    batch_pieces: int = 2048
    primary: float = 0.8
    clip: float = 1.0
    masked: float = 0.06
    seed: int = 13
    weights: tuple[tuple[str, float], ...] = (("stance", 1.0), ("content", 0.3), ("garbled", 0.7), ("piece", 0.5))
    checkpoint_seconds: int = 300
    precision: str = "float32"


def batches(
    windows: Sequence[TrainingWindow], table: PieceTable, shape: WindowShape, schedule: Schedule, epoch: int
) -> list[list[TrainingWindow]]:
    """Windows of similar length together, at most ``batch_pieces`` word pieces with padding; the order is shuffled."""
    rng = random.Random(f"{schedule.seed}:{epoch}:batches")
    sized = [(len(lay_out(window, table, shape)[0]), window) for window in windows]
    rng.shuffle(sized)
    sized.sort(key=lambda pair: -(pair[0] // 16))
    groups: list[list[TrainingWindow]] = []
    current: list[TrainingWindow] = []
    widest = 0
    for length, window in sized:
        if current and max(widest, length) * (len(current) + 1) > schedule.batch_pieces:
            groups.append(current)
            current, widest = [], 0
        current.append(window)
        widest = max(widest, length)
    if current:
        groups.append(current)
    rng.shuffle(groups)
    return groups


def hide(batch: Batch, mask_id: int, share: float) -> Batch:
    """Replace a random *share* of the word pieces of scored sentences, separators included, by the mask token."""
    hidden = (torch.rand(batch.ids.shape) < share) & (batch.sentence >= 0)
    return replace(batch, ids=batch.ids.masked_fill(hidden, mask_id))


def parameter_groups(network: Network, schedule: Schedule) -> list[dict[str, object]]:
    """Layer-wise learning rates: heads highest, then ``decay`` per layer down to the embeddings; no weight decay on biases and norms."""
    config: Any = network.encoder.config
    depth = int(config.num_hidden_layers)
    groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        if not name.startswith("encoder."):
            rate = schedule.head_rate
        else:
            pieces = name.split(".")
            layer = int(pieces[pieces.index("layer") + 1]) if "layer" in pieces else (depth - 1 if "relative" in name else -1)
            rate = schedule.learning_rate * schedule.decay ** (depth - 1 - layer)
        decay = 0.0 if parameter.ndim < 2 else schedule.weight_decay
        groups.setdefault((rate, decay), []).append(parameter)
    return [{"params": members, "lr": rate, "base": rate, "weight_decay": decay} for (rate, decay), members in groups.items()]


def finetune(
    network: Network,
    epochs: EpochSource,
    table: PieceTable,
    shape: WindowShape,
    schedule: Schedule,
    folder: Path,
    *,
    identity: str = "",
    after_epoch: Callable[[int], None] | None = None,
) -> None:
    """Train *network* in place. Progress is logged; a checkpoint in *folder* is resumed.

    One of another schedule, or of another *identity* (what the network and its data are), is ignored with a warning.

    Every step draws its dropout from a seed of its own, so a resumed run equals one that was never interrupted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    optimizer = torch.optim.AdamW(parameter_groups(network, schedule), betas=(0.9, 0.98), eps=1e-6, fused=True)
    per_epoch = len(batches(epochs(0), table, shape, schedule, 0))
    total = per_epoch * schedule.epochs
    settings = json.dumps({**asdict(schedule), "identity": identity}, sort_keys=True)
    done = _restore(network, optimizer, folder, settings)
    began, first, saved = time.monotonic(), done, time.monotonic()
    running: dict[str, float] = {}
    names = dict(schedule.weights)
    for step, epoch, last_of_epoch, batch in _steps(epochs, table, shape, schedule, done, total, network.labels):
        network.train()
        torch.manual_seed(schedule.seed * 1_000_003 + step)
        progress = step / total
        factor = min(1.0, (step + 1) / (schedule.warmup * total)) * (1.0 - progress)
        for group in optimizer.param_groups:
            group["lr"] = group["base"] * factor
        with matrix_products(schedule.precision):
            logits = network(hide(batch, table.mask, schedule.masked))
        parts = losses(logits, batch)
        loss = torch.stack([names[name] * value for name, value in parts.items()]).sum()
        if not math.isfinite(loss.item()):
            raise FloatingPointError(f"The loss became {loss.item()} at step {step}; try a lower learning rate.")
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(network.parameters(), schedule.clip)
        optimizer.step()
        for name, value in parts.items():
            running[name] = 0.98 * running.get(name, value.item()) + 0.02 * value.item()
        if (step + 1) % 50 == 0:
            rate = (time.monotonic() - began) / (step + 1 - first)
            told = " ".join(f"{name} {value:.3f}" for name, value in running.items())
            log.info(
                "step %d/%d epoch %d %s, %.2f s a step, %.0f min left", step + 1, total, epoch, told, rate, rate * (total - step - 1) / 60
            )
        if time.monotonic() - saved > schedule.checkpoint_seconds or last_of_epoch:
            _save(network, optimizer, folder, settings, step + 1)
            saved = time.monotonic()
        if last_of_epoch and after_epoch is not None:
            network.eval()
            after_epoch(epoch)


def _steps(
    epochs: EpochSource, table: PieceTable, shape: WindowShape, schedule: Schedule, done: int, total: int, labels: Sequence[str]
) -> Iterator[tuple[int, int, bool, Batch]]:
    step = 0
    for epoch in range(schedule.epochs + 1):
        groups = batches(epochs(epoch), table, shape, schedule, epoch)
        for number, group in enumerate(groups):
            if step >= total:
                return
            if step >= done:
                last = number == len(groups) - 1 or step == total - 1
                yield step, epoch, last, collate(group, table, shape, primary=schedule.primary, labels=labels)
            step += 1


def _save(network: Network, optimizer: torch.optim.Optimizer, folder: Path, settings: str, done: int) -> None:
    tensors = {f"network.{name}": value.contiguous() for name, value in network.state_dict().items()}
    for number, state in optimizer.state_dict()["state"].items():
        for name, value in state.items():
            tensors[f"optimizer.{number}.{name}"] = value if isinstance(value, torch.Tensor) else torch.tensor(value)
    temporary = folder / "checkpoint.tmp"
    save_file(tensors, temporary, metadata={"done": str(done), "settings": settings})
    with temporary.open("rb") as written:
        os.fsync(written.fileno())
    os.replace(temporary, folder / CHECKPOINT)


def load_trained(network: Network, folder: Path) -> None:
    """Give *network* the weights of the checkpoint in *folder*, which must be of the same base and layers."""
    tensors = load_file(folder / CHECKPOINT)
    network.load_state_dict({name[8:]: value for name, value in tensors.items() if name.startswith("network.")})


def _restore(network: Network, optimizer: torch.optim.Optimizer, folder: Path, settings: str) -> int:
    path = folder / CHECKPOINT
    if not path.exists():
        return 0
    from safetensors import safe_open

    with safe_open(path, framework="pt") as opened:
        metadata = opened.metadata()
    if metadata.get("settings") != settings:
        log.warning("%s is of another schedule, base or training set and is ignored.", path)
        return 0
    tensors = load_file(path)
    load_trained(network, folder)
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimizer."):
            _, number, key = name.split(".")
            state.setdefault(int(number), {})[key] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
    log.info("Resumed %s after %s steps.", path, metadata["done"])
    return int(metadata["done"])
