"""A model folder from fitted heads: figures and known failures → card, plots, and the files that ship."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..model.bundle import save
from ..model.encoder import Encoder
from .assemble import Assembled
from .card import card, versions, without_nan
from .corpora import Corpora
from .embed import embed, labelled
from .failures import false_flags, mistakes
from .plots import plot_reliability, plot_risk_coverage

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Parts:
    """An encoder as it runs, its entry in the manifest, and its two files."""

    encoder: Encoder
    entry: Mapping[str, Any]
    graph: Path
    tokenizer: Path


def write_model(
    output: Path,
    parts: Parts,
    assembled: Assembled,
    corpora: Corpora,
    *,
    training: Mapping[str, Any],
    libraries: Sequence[str],
    command: str,
    seeds: Path,
    run: Path,
    overwrite: bool,
) -> None:
    """Write the folder *output*, whole or not at all.

    *training*: how the encoder was trained; *libraries*: those whose versions shape the model; *command*: what the card says it was made
    with; *run*: where plots lie meanwhile.
    """
    stance, own = assembled.heads.stance, embed(parts.encoder, corpora.seeds_dev)
    quality = {
        **assembled.quality,
        "mistakes": [asdict(mistake) for mistake in mistakes(stance, assembled.dev, own)],
        "false_flags": false_flags(parts.encoder, assembled.heads.garble, seeds / "robustness.jsonl"),
    }
    log.info("quality: %s", json.dumps(quality))
    about = {"training": training, "quality": quality, "versions": versions(libraries)}
    text = card(output.name, {**about, "encoder": parts.entry}, stance.labels, command=command)
    rows, vectors = labelled(assembled.dev)
    confidence = stance.probabilities(vectors).astype(np.float64)
    right = confidence.argmax(1) == [stance.labels.index(str(row.stance)) for row in rows]
    plots = {name: run / name for name in ("reliability.png", "risk_coverage.png")}
    plot_reliability(confidence.max(1), right, plots["reliability.png"])
    plot_risk_coverage(confidence.max(1), right, stance.confident_from, plots["risk_coverage.png"])
    files = {"encoder.onnx": parts.graph, "tokenizer.json": parts.tokenizer, **plots}
    save(output, heads=assembled.heads, encoder=parts.entry, files=files, about=without_nan(about), card=text, overwrite=overwrite)
    log.info("wrote %s", output)
