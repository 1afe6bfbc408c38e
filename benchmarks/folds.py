"""What the benchmarks that train anew for every fold have in common: options, a run a fold, and figures of the trained network."""

from __future__ import annotations

import argparse
import logging
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from newsgauge.model.bundle import MANIFEST
from newsgauge.model.windows import WindowShape
from newsgauge.training import recipe
from newsgauge.training.bases import tokenizer_file
from newsgauge.training.corpora import Corpora
from newsgauge.training.inference import predict, summary
from newsgauge.training.network import Network
from newsgauge.training.precision import native_precision
from newsgauge.training.rows import LabelledDocument
from newsgauge.training.wordpieces import PieceTable


def parser(name: str, about: str | None) -> argparse.ArgumentParser:
    """The recipe's options, for the benchmark *name*."""
    options = recipe.parser()
    options.prog, options.description = f"python benchmarks/{name}.py", about
    options.formatter_class = argparse.RawDescriptionHelpFormatter
    return options


def begin(chosen: Namespace) -> None:
    """Refuse a run without corpora, and one from a model that was trained on them; show progress."""
    if chosen.corpora is None:
        raise SystemExit("What is left out comes from the corpora; name their folder with --corpora.")
    if (Path(chosen.base) / MANIFEST).is_file():
        raise SystemExit(f"{chosen.base} is a model that was trained already, perhaps on what is left out; name a base encoder.")
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("newsgauge").setLevel(logging.INFO)


def trained(chosen: Namespace, fold: str, corpora: Corpora) -> Network:
    """The network of one fold; its checkpoints lie in a folder of its own, from which a rerun goes on."""
    return recipe.fine_tuned(Namespace(**{**vars(chosen), "run": chosen.run / fold}), corpora)


def figures(chosen: Namespace, network: Network, documents: Sequence[LabelledDocument]) -> dict[str, float]:
    """What the float *network* is worth on *documents* (:func:`newsgauge.training.inference.summary`)."""
    shape = WindowShape(tokens=chosen.window)
    texts = Corpora(stance_dev=list(documents)).texts()
    table = PieceTable.from_file(tokenizer_file(chosen.base), texts, longest=shape.sentence)
    return summary(predict(network, documents, table, shape, precision=chosen.precision or native_precision()))
