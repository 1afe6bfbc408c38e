"""A model folder that is written in a moment; its encoder cannot be run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from newsgauge.model.bundle import Heads, save
from newsgauge.model.content import ContentHead
from newsgauge.model.heads import LinearHead
from newsgauge.model.passages import PassageChain
from newsgauge.model.quality import VERDICT_FEATURES, GarbleHead
from newsgauge.model.signs import KINDS
from newsgauge.model.stance import Correction, StanceHead


def small_heads(width: int = 4) -> Heads:
    random = np.random.default_rng(7)

    def head(outputs: int, inputs: int = width) -> LinearHead:
        return LinearHead(random.normal(size=(outputs, inputs)).astype(np.float32), random.normal(size=outputs).astype(np.float32))

    garble = GarbleHead(
        sentence=head(1),
        signs=head(1, len(KINDS)),
        piece=head(1),
        threshold=0.25,
        piece_threshold=0.125,
        chain=PassageChain(1.5, -0.5, 3.0, 2.0, -0.25, shortest=3, reach=2),
        verdict=head(1, len(VERDICT_FEATURES)),
        verdict_threshold=0.75,
    )
    return Heads(StanceHead(("accusation", "denial", "evidence", "analysis"), head(4), 1.25, 0.625), garble, ContentHead(head(1), 0.375))


def corrected(heads: Heads, width: int = 4) -> Heads:
    """*heads* after retraining twice, the first time on labels alone, the second with a gate."""
    random = np.random.default_rng(8)

    def head(outputs: int) -> LinearHead:
        return LinearHead(random.normal(size=(outputs, 3 * width)).astype(np.float32), random.normal(size=outputs).astype(np.float32))

    corrections = (Correction(head(4), None), Correction(head(4), head(1)))
    return replace(heads, stance=replace(heads.stance, corrections=corrections))


def save_small(folder: Path, source: Path, **settings: Any) -> None:
    """Save a folder that is quickly written; its encoder cannot be run."""
    source.mkdir(exist_ok=True)
    for name in ("encoder.onnx", "tokenizer.json"):
        (source / name).write_text(name)
    defaults: dict[str, Any] = {"heads": small_heads(), "encoder": {"kind": "onnx"}, "about": {}, "card": "# A card\n"}
    save(folder, **{**defaults, "files": {path.name: path for path in source.iterdir()}, **settings})
