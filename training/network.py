"""The trained network: one encoder, one pass, heads for stance, garbled (sentence and word piece) and content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from ..model.heads import LinearHead
from ..model.windows import WindowShape
from .mixture import TrainingWindow
from .rows import STANCE_LABELS, Row, overlaps, soft_stance
from .wordpieces import Pieces, PieceTable


@dataclass(frozen=True)
class Batch:
    """Windows as tensors. B windows, T word pieces, S scored sentences in all.

    *Shapes:* ``ids``, ``mask``, ``sentence`` (index into S or -1), ``piece_target``, ``piece_weight``: (B, T);
    ``stance`` (S, labels), ``stance_weight``, ``content``, ``content_weight``, ``garbled``, ``garbled_weight``: (S,).
    """

    ids: torch.Tensor
    mask: torch.Tensor
    sentence: torch.Tensor
    stance: torch.Tensor
    stance_weight: torch.Tensor
    content: torch.Tensor
    content_weight: torch.Tensor
    garbled: torch.Tensor
    garbled_weight: torch.Tensor
    piece_target: torch.Tensor
    piece_weight: torch.Tensor
    rows: tuple[Row, ...]


def lay_out(window: TrainingWindow, table: PieceTable, shape: WindowShape) -> tuple[list[int], list[tuple[int, int]], list[Pieces]]:
    """The word pieces of a window with its context cut to size, and where each scored sentence (with its separator) stands."""
    pieces = [table[row.text] for row in window.rows]
    stream: list[int] = []
    bounds = []
    for piece in pieces:
        bounds.append(len(stream))
        stream.extend(piece.ids)
        stream.append(table.separator)
    bounds.append(len(stream))
    lo = max(0, bounds[window.first] - shape.before)
    hi = min(len(stream), bounds[window.last] + shape.after)
    ids = [table.start, *stream[lo:hi]]
    places = [(bounds[i] - lo + 1, bounds[i + 1] - lo + 1) for i in range(window.first, window.last)]
    return ids, places, pieces[window.first : window.last]


def collate(
    windows: Sequence[TrainingWindow],
    table: PieceTable,
    shape: WindowShape,
    *,
    primary: float = 0.8,
    labels: Sequence[str] = STANCE_LABELS,
) -> Batch:
    """Windows → :class:`Batch`; stance targets are over *labels*."""
    laid = [lay_out(window, table, shape) for window in windows]
    width = max(len(ids) for ids, _, _ in laid)
    size = (len(laid), width)
    ids = torch.full(size, table.padding, dtype=torch.long)
    mask = torch.zeros(size, dtype=torch.long)
    sentence = torch.full(size, -1, dtype=torch.long)
    piece_target, piece_weight = torch.zeros(size), torch.zeros(size)
    rows: list[Row] = []
    for b, ((window_ids, places, pieces), window) in enumerate(zip(laid, windows, strict=True)):
        ids[b, : len(window_ids)] = torch.tensor(window_ids)
        mask[b, : len(window_ids)] = 1
        for (start, end), piece, row in zip(places, pieces, window.rows[window.first : window.last], strict=True):
            sentence[b, start:end] = len(rows)
            if row.spans is not None:
                hit = [overlaps(place, row.spans) for place in piece.offsets]
                piece_target[b, start : start + len(hit)] = torch.tensor(hit, dtype=torch.float)
                piece_weight[b, start : start + len(hit)] = row.garbled_weight
            rows.append(row)
    return Batch(
        ids,
        mask,
        sentence,
        stance=torch.tensor([soft_stance(row, primary, labels) for row in rows]),
        stance_weight=torch.tensor([float(row.stance is not None or row.soft is not None) for row in rows]),
        content=torch.tensor([float(row.article or False) for row in rows]),
        content_weight=torch.tensor([float(row.article is not None) for row in rows]),
        garbled=torch.tensor([row.garbled or 0.0 for row in rows]),
        garbled_weight=torch.tensor([row.garbled_weight if row.garbled is not None else 0.0 for row in rows]),
        piece_target=piece_target,
        piece_weight=piece_weight,
        rows=tuple(rows),
    )


@dataclass(frozen=True)
class Logits:
    """*Shapes:* ``stance`` (S, labels), ``content`` (S,), ``garbled`` (S,), ``piece`` (B, T), ``embedding`` (S, width)."""

    stance: torch.Tensor
    content: torch.Tensor
    garbled: torch.Tensor
    piece: torch.Tensor
    embedding: torch.Tensor


class Network(nn.Module):
    """An encoder of the transformers library under four linear heads; a sentence is the mean of its word pieces and its separator."""

    def __init__(self, encoder: nn.Module, width: int, *, dropout: float = 0.1, labels: Sequence[str] = STANCE_LABELS) -> None:
        super().__init__()
        self.labels = tuple(labels)
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.stance = nn.Linear(width, len(labels))
        self.content = nn.Linear(width, 1)
        self.garbled = nn.Linear(width, 1)
        self.piece = nn.Linear(width, 1)

    def linear_heads(self) -> dict[str, LinearHead]:
        """The heads as arrays, by task."""
        layers = {"stance": self.stance, "content": self.content, "garbled": self.garbled, "piece": self.piece}
        return {
            name: LinearHead(layer.weight.detach().numpy().copy(), layer.bias.detach().numpy().copy()) for name, layer in layers.items()
        }

    def forward(self, batch: Batch) -> Logits:
        """Encode a batch and apply every head; the logits are float32 whatever the encoder ran in."""
        hidden = self.encoder(input_ids=batch.ids, attention_mask=batch.mask).last_hidden_state.float()
        flat = batch.sentence.reshape(-1)
        inside = flat >= 0
        states = hidden.reshape(-1, hidden.shape[-1])[inside]
        count = len(batch.rows)
        total = torch.zeros(count, hidden.shape[-1], dtype=hidden.dtype).index_add_(0, flat[inside], states)
        pieces = torch.bincount(flat[inside], minlength=count).clamp(min=1).unsqueeze(1)
        embedding = total / pieces
        dropped = self.dropout(embedding)
        return Logits(
            self.stance(dropped).float(),
            self.content(dropped).float().squeeze(1),
            self.garbled(dropped).float().squeeze(1),
            self.piece(self.dropout(hidden)).float().squeeze(2),
            embedding,
        )


def _weighted(loss: torch.Tensor, weight: torch.Tensor, least: float) -> torch.Tensor:
    return (loss * weight).sum() / weight.sum().clamp(min=least)


def losses(logits: Logits, batch: Batch) -> dict[str, torch.Tensor]:
    """The loss of each task, a weighted mean over what the batch knows; a task that is scarce in a batch weighs less."""
    return {
        "stance": _weighted(F.cross_entropy(logits.stance, batch.stance, reduction="none"), batch.stance_weight, 8),
        "content": _weighted(F.binary_cross_entropy_with_logits(logits.content, batch.content, reduction="none"), batch.content_weight, 8),
        # Clean news alone, whose rows weigh a fifth, is not to count as much as rated rows.
        "garbled": _weighted(F.binary_cross_entropy_with_logits(logits.garbled, batch.garbled, reduction="none"), batch.garbled_weight, 40),
        "piece": _weighted(F.binary_cross_entropy_with_logits(logits.piece, batch.piece_target, reduction="none"), batch.piece_weight, 200),
    }
