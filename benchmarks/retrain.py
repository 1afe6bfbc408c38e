"""Retraining measured: a simulated newsroom, and a learning curve beside SetFit.

``python benchmarks/retrain.py --base BASE --output FOLDER`` writes ``retrain.json`` and ``curve.png``. The encoder is BASE as it is,
since the shipped ones were trained on the starter articles, of which both parts are made:

- newsroom: a head that knows the starter articles of all other kinds is refitted on 300 rows of one kind, whole articles of it; measured
  on the rest of that kind and on articles of other kinds that were kept from both.
- curve: a head from nothing, and SetFit (``pip install setfit``) if asked for, on growing numbers of the same rows; with ``--labels FILE
  --model MODEL`` instead a shipped model, retrained on rows of that file.

Needs the extra ``[train]``.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from newsgauge.model.bundle import load
from newsgauge.model.encoder import Encoder, OnnxEncoder
from newsgauge.model.heads import LinearHead
from newsgauge.model.stance import StanceHead
from newsgauge.model.windows import WindowShape
from newsgauge.training.adapt import Examples
from newsgauge.training.cache import CachedEncoder
from newsgauge.training.evaluate import embed_rows
from newsgauge.training.labels import LabelledRow, read_labels
from newsgauge.training.metrics import stance_report
from newsgauge.training.refit import Plan, refit_stance
from newsgauge.training.rows import STANCE_LABELS, seed_documents
from newsgauge.training.split import groups

KINDS = "science,tech,sports,business,trade,health,disaster,education,culture,local"


def frozen(base: str, folder: Path) -> OnnxEncoder:
    """The encoder of *base* as it would ship: exported and rounded to int8, not trained."""
    from newsgauge.training.bases import load_base, tokenizer_file
    from newsgauge.training.export import export

    export(load_base(base), folder / "base.onnx", int8=True)
    return OnnxEncoder(folder / "base.onnx", Path(tokenizer_file(base)), shape=WindowShape())


def starter_rows(seeds: Path) -> list[tuple[str, LabelledRow]]:
    """(kind, row) of every sentence of the starter articles."""
    return [
        (
            one.tags["genre"],
            LabelledRow(row.text, row.origin, row.stance, row.secondary, headline=one.headline, document=one.name, position=i),
        )
        for one in seed_documents(seeds)
        for i, row in enumerate(one.rows)
    ]


def by_document(rows: Sequence[LabelledRow], wanted: int, seed: int) -> tuple[list[LabelledRow], list[LabelledRow]]:
    """Whole documents with *wanted* rows or a little more, drawn by *seed*, and the others."""
    names = list(dict.fromkeys(row.document for row in rows))
    random.Random(seed).shuffle(names)
    chosen: set[str] = set()
    while names and sum(row.document in chosen for row in rows) < wanted:
        chosen.add(names.pop())
    return [row for row in rows if row.document in chosen], [row for row in rows if row.document not in chosen]


def examples(encoder: Encoder, rows: Sequence[LabelledRow]) -> Examples:
    """The rows, embedded in their articles."""
    targets = np.array([STANCE_LABELS.index(str(row.stance)) for row in rows], dtype=np.int64)
    return Examples.of(embed_rows(encoder, rows, groups(rows)), targets)


def macro_f1(head: StanceHead, rows: Examples) -> float:
    """Macro-F1 of a head."""
    truth = [STANCE_LABELS[i] for i in rows.targets]
    return stance_report(head.probabilities(rows.vectors).astype(np.float64), truth, [None] * len(truth), STANCE_LABELS).macro_f1


def blank(width: int) -> StanceHead:
    """A head that knows nothing; its labels are not those in use, so that it is not kept."""
    return StanceHead(("", "?"), LinearHead(np.zeros((2, width), np.float32), np.zeros(2, np.float32)), 1.0, 0.5)


def newsroom(encoder: Encoder, timed: Encoder, options: argparse.Namespace, seed: int) -> dict[str, float]:
    """One simulated newsroom: before and after, on its own kind and elsewhere, and the seconds from rows to head, by *timed*."""
    every = starter_rows(options.seeds)
    kinds = tuple(options.kinds.split(","))
    own = [row for kind, row in every if kind.startswith(kinds)]
    others = [row for kind, row in every if not kind.startswith(kinds)]
    rows, rest = by_document(own, options.rows, seed)
    elsewhere, guards = by_document(others, len(others) // 4, seed)
    guard = examples(encoder, guards)
    old = refit_stance(blank(encoder.width), STANCE_LABELS, guard, Plan(groups(guards), seed, True), guard=None).head
    began = time.perf_counter()
    guard = examples(timed, guards)
    new = refit_stance(old, STANCE_LABELS, examples(timed, rows), Plan(groups(rows), seed, True), guard=guard).head
    seconds = time.perf_counter() - began
    own_rest, away = examples(encoder, rest), examples(encoder, elsewhere)
    before, after = macro_f1(old, own_rest), macro_f1(new, own_rest)
    return {
        "rows": len(rows),
        "measured_on": len(rest),
        "before": before,
        "after": after,
        "gain": after - before,
        "elsewhere_before": macro_f1(old, away),
        "elsewhere_change": macro_f1(new, away) - macro_f1(old, away),
        "seconds": seconds,
    }


def setfit(rows: Sequence[LabelledRow], dev: Sequence[LabelledRow], options: argparse.Namespace, seed: int) -> tuple[float, float]:
    """SetFit (Tunstall et al. 2022) on the same rows, ten pairs a row → (macro-F1, seconds)."""
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments

    labels = [STANCE_LABELS.index(str(row.stance)) for row in rows]
    train = Dataset.from_dict({"text": [row.text for row in rows], "label": labels})
    began = time.perf_counter()
    model = SetFitModel.from_pretrained(options.base, labels=list(range(len(STANCE_LABELS))), device="cpu")
    arguments = TrainingArguments(
        output_dir=str(options.output / "setfit"),
        batch_size=32,
        num_epochs=1,
        num_iterations=10,
        seed=seed,
        save_strategy="no",
        report_to="none",
    )
    Trainer(model=model, args=arguments, train_dataset=train).train()
    seconds = time.perf_counter() - began
    probabilities = np.asarray(model.predict_proba([row.text for row in dev], as_numpy=True))
    return stance_report(probabilities, [str(row.stance) for row in dev], [None] * len(dev), STANCE_LABELS).macro_f1, seconds


def curve(encoder: Encoder, start: StanceHead, rows: list[LabelledRow], options: argparse.Namespace) -> list[dict[str, Any]]:
    """Macro-F1 and seconds for every number of rows, of newsgauge and of the peers that were asked for."""
    dev, train = by_document(rows, int(options.dev_share * len(rows)), options.seed)
    measured = examples(encoder, dev)
    points = []
    for size in options.sizes:
        some, _ = by_document(train, size, options.seed)
        if len(some) < size:
            print(f"{size} rows: left out, {len(train)} are left for training")
            continue
        began = time.perf_counter()
        plan = Plan(groups(some), options.seed, True)
        head = refit_stance(start, STANCE_LABELS, examples(encoder, some), plan, guard=None).head
        points.append({"method": "newsgauge", "rows": len(some), "macro_f1": macro_f1(head, measured)})
        points[-1]["seconds"] = time.perf_counter() - began
        print(points[-1], flush=True)
        if "setfit" in options.peers:
            score, seconds = setfit(some, dev, options, options.seed)
            points.append({"method": "SetFit", "rows": len(some), "macro_f1": score, "seconds": seconds})
            print(points[-1], flush=True)
    return points


def main() -> None:
    """Run both parts and write the figures."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--base", required=True, help="an encoder that never saw the starter articles: a folder or hub id")
    options.add_argument("--seeds", type=Path, default=Path("seeds"), help="folder of the starter data (default: %(default)s)")
    options.add_argument("--kinds", default=KINDS, help="genres of the newsroom, by how they begin (default: %(default)s)")
    options.add_argument("--rows", type=int, default=300, help="rows of the newsroom (default: %(default)s)")
    options.add_argument("--repeats", type=int, default=10, help="newsrooms, each with other articles (default: %(default)s)")
    options.add_argument("--sizes", type=int, nargs="*", default=[50, 100, 200, 400, 700, 1000], help="rows of the learning curve")
    options.add_argument("--peers", nargs="*", choices=["setfit"], default=[], help="what to measure beside newsgauge; slow")
    options.add_argument("--labels", help="rows for the learning curve (default: the starter articles)")
    options.add_argument("--model", help="with --labels: the model to retrain (default: the base under an empty head)")
    options.add_argument("--dev-share", type=float, default=0.3, help="share of the curve's rows to measure on (default: %(default)s)")
    options.add_argument("--output", type=Path, required=True, help="folder for the figures and the plot")
    options.add_argument("--seed", type=int, default=13)
    chosen = options.parse_args()
    if chosen.model and not chosen.labels:
        options.error("--model needs --labels: the shipped models were trained on the starter articles")
    chosen.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        plain = frozen(chosen.base, Path(scratch))
        encoder: Encoder = CachedEncoder(plain, chosen.base, Path(scratch))
        rooms = []
        for seed in range(chosen.seed, chosen.seed + chosen.repeats):
            rooms.append(newsroom(encoder, encoder if rooms else plain, chosen, seed))
            print(rooms[-1], flush=True)
        start = blank(encoder.width)
        rows = [row for _, row in starter_rows(chosen.seeds)]
        if chosen.labels:
            rows = [row for row in read_labels([chosen.labels]) if row.stance is not None]
        if chosen.model:
            bundle = load(chosen.model)
            encoder, start = bundle.encoder, bundle.heads.stance
        points = curve(encoder, start, rows, chosen) if chosen.sizes else []
    told = ("before", "after", "gain", "elsewhere_before", "elsewhere_change")
    mean = {name: float(np.mean([room[name] for room in rooms])) for name in told if rooms}
    # Later newsrooms find their embeddings in the cache.
    mean |= {"seconds": rooms[0]["seconds"]} if rooms else {}
    print("mean", mean)
    found = {"newsrooms": rooms, "mean": mean, "curve": points, "kinds": chosen.kinds, "seed": chosen.seed}
    (chosen.output / "retrain.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if points:
        from newsgauge.training.plots import plot_curves

        methods = dict.fromkeys(point["method"] for point in points)
        lines = {method: [(p["rows"], p["macro_f1"]) for p in points if p["method"] == method] for method in methods}
        plot_curves(lines, "labelled rows", "macro-F1", chosen.output / "curve.png")


if __name__ == "__main__":
    main()
