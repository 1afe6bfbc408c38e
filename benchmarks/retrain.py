"""Retraining measured: a simulated newsroom, and a learning curve beside SetFit.

``python benchmarks/retrain.py --output FOLDER`` writes ``retrain.json``, ``retrain.md`` and ``curve.png``. The newsroom labels records of
meetings (``seeds/m*.jsonl``), a domain in which no shipped model was trained to label:

- newsroom: the heads of a model are refitted on 300 rows, whole documents, and measured on the rest of the records and on the starter
  articles that trained no model; the first time by the command itself, from a process that starts to a model folder that is written.
- curve: the same on growing numbers of rows, and SetFit on the same rows if its base is named (``pip install setfit``), both measured on
  documents that neither saw.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from quality import setfit_probabilities

from newsgauge.model.bundle import Bundle, load
from newsgauge.model.errors import in_one_line
from newsgauge.training.cache import CachedEncoder, encoder_identity
from newsgauge.training.card import table
from newsgauge.training.labels import LabelledRow, labelled_rows
from newsgauge.training.metrics import stance_report
from newsgauge.training.plots import plot_curves
from newsgauge.training.retrain import Choices, Retrained, retrain
from newsgauge.training.rows import STANCE_LABELS, LabelledDocument, seed_documents
from newsgauge.training.starter import load_starter

RECORDS = "m*.jsonl"


def by_size(documents: Sequence[LabelledDocument], wanted: int, seed: int) -> tuple[list[LabelledDocument], list[LabelledDocument]]:
    """Documents with *wanted* rows or a few more, drawn by *seed*, and the others."""
    shuffled = random.Random(seed).sample(list(documents), len(documents))
    count = 0
    while count < len(shuffled) and sum(len(document.rows) for document in shuffled[:count]) < wanted:
        count += 1
    return shuffled[:count], shuffled[count:]


def retrained(
    bundle: Bundle, encoder: CachedEncoder, rows: list[LabelledRow], rest: list[LabelledRow], options: Any, seed: int
) -> Retrained:
    """The heads of *bundle* refitted on *rows* with the starter articles, as ``train`` does, measured on *rest*."""
    return retrain(bundle, encoder, rows, load_starter(options.seeds, seed=seed), Choices(seed=seed), dev=rest)


def newsroom(bundle: Bundle, encoder: CachedEncoder, records: list[LabelledDocument], options: Any, seed: int) -> dict[str, Any]:
    """One simulated newsroom: macro-F1 before and after on the rest of the records, and elsewhere."""
    labelled, rest = (labelled_rows(part) for part in by_size(records, options.rows, seed))
    found = retrained(bundle, encoder, labelled, rest, options, seed)
    before, after = found.evaluation.against, found.evaluation.figures
    assert before is not None and before.stance is not None and after.stance is not None and found.elsewhere is not None
    return {
        "rows": len(labelled),
        "measured_on": len(rest),
        "before": before.stance.macro_f1,
        "after": after.stance.macro_f1,
        "gain": after.stance.macro_f1 - before.stance.macro_f1,
        "pull": found.pulls["stance"],
        "verdict": found.evaluation.comparisons[0].verdict,
        "elsewhere_before": found.elsewhere[0],
        "elsewhere_change": found.elsewhere[1] - found.elsewhere[0],
    }


def command_seconds(records: list[LabelledDocument], options: Any) -> float:
    """How long ``newsgauge train`` takes on the first newsroom's rows, nothing embedded before."""
    labelled, _ = by_size(records, options.rows, options.seed)
    with tempfile.TemporaryDirectory() as scratch:
        labels = Path(scratch) / "labels.jsonl"
        lines = [
            {"text": row.text, "label": row.stance, "document": row.document, "position": row.position, "headline": row.headline}
            for row in labelled_rows(labelled)
        ]
        labels.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        command = [
            sys.executable,
            "-c",
            "from newsgauge.cli import main; main()",
            "train",
            str(labels),
            "-o",
            f"{scratch}/mine",
            "--model",
            options.model,
        ]
        began = time.perf_counter()
        subprocess.run([*command, "--cache", f"{scratch}/cache"], check=True, capture_output=True)
        return time.perf_counter() - began


def setfit(rows: Sequence[LabelledRow], dev: Sequence[LabelledRow], options: Any) -> float:
    """Macro-F1 of SetFit trained on the same rows."""
    labels = [STANCE_LABELS.index(str(row.stance)) for row in rows]
    probabilities = setfit_probabilities(
        options.setfit, [row.text for row in rows], labels, [row.text for row in dev], options.output, options.seed
    )
    return stance_report(probabilities, [str(row.stance) for row in dev], [None] * len(dev), STANCE_LABELS).macro_f1


def curve(bundle: Bundle, records: list[LabelledDocument], options: Any) -> list[dict[str, Any]]:
    """Macro-F1 and seconds, embedding included, of every method for every number of rows."""
    dev, train = by_size(records, int(options.dev_share * len(labelled_rows(records))), options.seed)
    measured = labelled_rows(dev)
    points = []
    for size in options.sizes:
        some = labelled_rows(by_size(train, size, options.seed)[0])
        if len(some) < size:
            print(f"{size} rows: left out, {len(some)} are there for training")
            continue
        with tempfile.TemporaryDirectory() as scratch:
            encoder = CachedEncoder(bundle.encoder, encoder_identity(bundle.manifest), Path(scratch))
            began = time.perf_counter()
            found = retrained(bundle, encoder, some, measured, options, options.seed)
            seconds = time.perf_counter() - began
        assert found.evaluation.figures.stance is not None
        point = {"method": f"newsgauge {options.model}", "rows": len(some), "macro_f1": found.evaluation.figures.stance.macro_f1}
        points.append({**point, "seconds": seconds})
        print(points[-1], flush=True)
        if options.setfit and size in (options.setfit_sizes or options.sizes):
            began = time.perf_counter()
            score = setfit(some, measured, options)
            points.append({"method": "SetFit", "rows": len(some), "macro_f1": score, "seconds": time.perf_counter() - began})
            print(points[-1], flush=True)
    return points


def report(mean: dict[str, float], rooms: list[dict[str, Any]], points: list[dict[str, Any]], options: Any) -> str:
    """Both parts as Markdown tables."""
    gains = [room["gain"] for room in rooms]
    verdicts = ", ".join(f"{count} “{word}”" for word, count in Counter(room["verdict"] for room in rooms).most_common())
    lines = [
        [f"records, {rooms[0]['measured_on']:,} rows or so", f"{mean['before']:.3f}", f"{mean['after']:.3f}", f"{100 * mean['gain']:+.1f}"],
        [
            "starter articles held out",
            f"{mean['elsewhere_before']:.3f}",
            f"{mean['elsewhere_before'] + mean['elsewhere_change']:.3f}",
            f"{100 * mean['elsewhere_change']:+.1f}",
        ],
    ]
    text = f"`{options.model}`, {len(rooms)} newsrooms of {options.rows} rows, mean macro-F1:\n\n"
    text += table(["measured on", "before", "after", "points"], lines)
    text += f"\n\nGains from {100 * min(gains):+.1f} to {100 * max(gains):+.1f} points; verdicts: {verdicts}. "
    text += f"`newsgauge train` took {mean['seconds']:.1f} s.\n"
    if points:
        cells = [[p["method"], str(p["rows"]), f"{p['macro_f1']:.3f}", f"{p['seconds']:.1f}"] for p in points]
        text += "\n" + table(["method", "rows", "macro-F1", "seconds"], cells) + "\n"
    return text


@in_one_line()
def main() -> None:
    """Run both parts and write the figures."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--model", default="default", help="the model to retrain (default: %(default)s)")
    options.add_argument("--seeds", type=Path, default=Path("seeds"), help="folder of the starter data (default: %(default)s)")
    options.add_argument("--rows", type=int, default=300, help="rows of the newsroom (default: %(default)s)")
    options.add_argument("--repeats", type=int, default=10, help="newsrooms, each with other documents (default: %(default)s)")
    options.add_argument("--sizes", type=int, nargs="*", default=[50, 100, 200, 400, 700, 1000], help="rows of the learning curve")
    options.add_argument("--setfit", help="folder or hub id of the base of SetFit (default: newsgauge alone)")
    options.add_argument("--setfit-sizes", type=int, nargs="*", help="those of them that SetFit learns from; it takes long (default: all)")
    options.add_argument("--dev-share", type=float, default=0.25, help="share of the records that the curve is measured on")
    options.add_argument("--output", type=Path, required=True, help="folder for the figures and the plot")
    options.add_argument("--seed", type=int, default=13)
    chosen = options.parse_args()
    records = seed_documents(chosen.seeds, RECORDS)
    if not records:
        options.error(f"{chosen.seeds} holds no {RECORDS}; name the folder of the starter data with --seeds")
    chosen.output.mkdir(parents=True, exist_ok=True)
    bundle = load(chosen.model)
    with tempfile.TemporaryDirectory() as scratch:
        encoder = CachedEncoder(bundle.encoder, encoder_identity(bundle.manifest), Path(scratch))
        rooms = []
        for seed in range(chosen.seed, chosen.seed + chosen.repeats):
            rooms.append(newsroom(bundle, encoder, records, chosen, seed))
            print(rooms[-1], flush=True)
    told = ("before", "after", "gain", "elsewhere_before", "elsewhere_change")
    mean = {name: float(np.mean([room[name] for room in rooms])) for name in told}
    mean["seconds"] = command_seconds(records, chosen)
    points = curve(bundle, records, chosen)
    found = {"model": bundle.identity, "seed": chosen.seed, "mean": mean, "newsrooms": rooms, "curve": points}
    (chosen.output / "retrain.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    text = report(mean, rooms, points, chosen)
    (chosen.output / "retrain.md").write_text(text, encoding="utf-8")
    print(text)
    if points:
        methods = dict.fromkeys(point["method"] for point in points)
        lines = {method: [(p["rows"], p["macro_f1"]) for p in points if p["method"] == method] for method in methods}
        plot_curves(lines, "labelled rows", "macro-F1", chosen.output / "curve.png")


if __name__ == "__main__":
    main()
