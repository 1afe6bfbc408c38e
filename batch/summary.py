"""Summary: the cards of all shards → ``summary.csv``, one row an article, and ``errors.jsonl``, one line a failed input."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..model.results import InputFailure
from ..model.spreadsheet import guarded
from ..report.atomic import atomic_output
from ..report.writers import JsonLinesWriter
from .cards import merged
from .copies import Copies, among, find_copies
from .minhash import HASHES, SIGNATURE_BYTES

SUMMARY = "summary.csv"
ERRORS = "errors.jsonl"

Shards = Sequence[tuple[Path, tuple[str, int]]]

_FIGURES = ("source", "language", "characters", "sentences", "scored")
_VERDICT = ("garbled", "passages", "machine_translated_probability", "machine_translated_flag")


@dataclass(frozen=True, slots=True)
class Totals:
    """What an output folder holds: ``copies`` are articles that are not the first of their cluster, ``spun`` garbled retellings."""

    articles: int
    failures: int
    sentences: int
    stance: dict[str, int]
    garbled: int
    copies: int
    spun: int


def columns(labels: tuple[str, ...]) -> list[str]:
    """The columns of ``summary.csv``.

    ``share_LABEL`` and ``share_garbled`` are shares of the ``scored`` sentences; ``cluster`` is the number of the row, from 1, of
    the first article that is nearly the same, and ``first`` says whether this is it; ``spun_from`` names the article that this
    is a garbled retelling of; ``model`` is the one that scored it, of two where there are second looks.
    """
    shares = (f"share_{label}" for label in labels)
    return [*_FIGURES, *labels, *shares, *_VERDICT, "share_garbled", "cluster", "first", "spun_from", "model"]


def summarise(folder: Path, shards: Shards, labels: tuple[str, ...]) -> Totals:
    """Write both files into *folder*. *shards*: the cards of each and the path and number of its first input, sorted by these."""
    copies = _copies(folder, shards)
    originals = set(copies.spun_from[copies.spun_from >= 0].tolist())
    sources = {i: row["source"] for i, row in enumerate(_scored(shards, ["source"])) if i in originals} if originals else {}
    stance = np.zeros(len(labels), np.int64)
    articles = failures = sentences = garbled = 0
    with atomic_output(folder / ERRORS, overwrite=True) as stream:
        errors = JsonLinesWriter(stream, labels)
        with atomic_output(folder / SUMMARY, overwrite=True) as table:
            text = io.TextIOWrapper(table, encoding="utf-8", newline="", write_through=True)
            writer = csv.DictWriter(text, columns(labels), restval="", lineterminator="\r\n")
            writer.writeheader()
            for row in merged(shards, ["error_kind", "error_message", "stance", "model", *_FIGURES, *_VERDICT]):
                if row["error_kind"] is not None:
                    failures += 1
                    errors.write(InputFailure(row["source"], row["error_kind"], row["error_message"]))
                    continue
                cluster, origin = int(copies.cluster[articles]), int(copies.spun_from[articles])
                marks = {"cluster": cluster + 1, "first": cluster == articles, "spun_from": sources.get(origin), "model": row["model"]}
                writer.writerow({name: guarded(value) for name, value in (_figures(row, labels) | marks).items()})
                articles += 1
                sentences += row["sentences"]
                stance += row["stance"]
                garbled += bool(row["machine_translated_flag"])
            text.flush()
            text.detach()
    repeated = int(np.count_nonzero(copies.cluster != np.arange(articles)))
    spun = int(np.count_nonzero(copies.spun_from >= 0))
    return Totals(articles, failures, sentences, dict(zip(labels, stance.tolist(), strict=True)), garbled, repeated, spun)


def _figures(row: dict[str, Any], labels: tuple[str, ...]) -> dict[str, Any]:
    scored = row["scored"]
    counts = dict(zip(labels, row["stance"], strict=True))
    shares = {f"share_{label}": round(count / scored, 4) if scored else None for label, count in counts.items()}
    figures = {name: row[name] for name in (*_FIGURES, *_VERDICT)}
    return figures | counts | shares | {"share_garbled": round(row["garbled"] / scored, 4) if scored else None}


def _scored(shards: Shards, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    return (row for row in merged(shards, ["error_kind", *names]) if row["error_kind"] is None)


def _copies(folder: Path, shards: Shards) -> Copies:
    probabilities: list[float] = []
    # In a file, so that memory does not grow with the signatures.
    with tempfile.TemporaryFile(dir=folder) as stream:
        signed: list[int] = []
        for index, row in enumerate(_scored(shards, ["signature", "machine_translated_probability"])):
            probability = row["machine_translated_probability"]
            probabilities.append(np.nan if probability is None else probability)
            if row["signature"] is not None:
                signed.append(index)
                stream.write(row["signature"])
        stream.flush()
        places = np.array(signed, dtype=np.int64)
        signatures = np.empty((0, 2 * HASHES), np.uint32)
        if signed:
            signatures = np.memmap(stream, np.dtype("<u4"), "r", shape=(len(signed), SIGNATURE_BYTES // 4))
        found = find_copies(signatures, np.array(probabilities)[places])
    return among(found, places, len(probabilities))
