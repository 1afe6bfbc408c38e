"""Heads fitted anew on the encoder of a model that is there: ``python -m newsgauge.training.remake`` makes a model folder of it.

No weight of the encoder changes. With ``--layers`` its upper layers are dropped, for a quicker model; with ``--read-layers`` the heads read
the states of several layers.
"""

from __future__ import annotations

import argparse
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..model.bundle import complete, encoder_entry, find, load
from ..model.encoder import OnnxEncoder
from ..model.errors import NewsgaugeError
from ..model.windows import WindowShape
from .assemble import assemble
from .corpora import load_corpora
from .folder import Parts, write_model
from .heads import spread
from .layers import keep_layers, proportions
from .packing import LIBRARIES
from .recipe import data_options, sentence_fit


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    options = argparse.ArgumentParser(
        prog="python -m newsgauge.training.remake", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--model", required=True, help="the model with the encoder: a folder or a shipped model's name")
    options.add_argument("--layers", type=int, help="keep so many of the lowest layers (default: all)")
    options.add_argument(
        "--read-layers",
        type=int,
        help="read the states of so many of the uppermost layers (default: as the model does, as far as they are kept)",
    )
    data_options(options)
    options.add_argument("--run", type=Path, required=True, help="folder for intermediate files")
    options.add_argument("--output", type=Path, required=True, help="model folder to write")
    options.add_argument("--overwrite", action="store_true", help="replace the model folder if it exists")
    options.add_argument("--documents", type=int, help="labelled articles that the stance head learns from (default: a sample)")
    return options


def main() -> None:
    """Cut the encoder, fit and measure every head, write the folder."""
    options = parser().parse_args()
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("newsgauge").setLevel(logging.INFO)
    if options.output.exists() and not options.overwrite:
        raise SystemExit(f"{options.output} exists; choose another folder or add --overwrite.")
    try:
        remake(options)
    except (NewsgaugeError, ValueError, OSError) as error:
        raise SystemExit(f"No model was written: {error}") from error


def remake(options: argparse.Namespace) -> None:
    """What the command does; *options* as of :func:`parser`."""
    folder = find(options.model)
    bundle = load(folder)
    if bundle.heads.stance.corrections:
        raise NewsgaugeError(f"{folder} was retrained on labels of its own, which would be lost; name the model that it came from.")
    entry = dict(encoder_entry(folder, bundle.manifest))
    options.run.mkdir(parents=True, exist_ok=True)
    graph, tokenizer = folder / entry["file"], folder / entry["tokenizer"]
    encoder, trained = bundle.encoder, {"stance": bundle.heads.stance.head, "piece": bundle.heads.garble.piece}
    with complete(folder):
        depth, size, read = proportions(entry)
        before = bundle.manifest["training"]
        origin = before.get("encoder") or f"`{before['command']}`"
    layers = depth if options.layers is None else options.layers
    wanted = min(read, layers) if options.read_layers is None else options.read_layers
    if (layers, wanted) != (depth, read):
        import onnx

        model = onnx.load(str(graph))
        keep_layers(model, layers, read=wanted)
        graph = options.run / "encoder.onnx"
        onnx.save(model, str(graph))
        entry |= {"config": {**entry["config"], "num_hidden_layers": layers}, "width": wanted * size}
        encoder = OnnxEncoder(graph, tokenizer, shape=WindowShape(**entry["window"]))
        # A head that was trained to read a layer that is no longer there, or several, is of no use; labels are told by the last alone.
        trained = {"stance": spread(trained["stance"], np.arange(size), entry["width"])} if (layers, read) == (depth, 1) else {}
    corpora = load_corpora(options.seeds, options.corpora, soft=options.soft)
    assembled = assemble(
        encoder,
        corpora,
        trained=trained,
        folder=options.corpora,
        seed=options.seed,
        labels=bundle.heads.stance.labels,
        fit=replace(sentence_fit(options), layers=wanted),
        documents=options.documents,
    )
    command = reproduction(options)
    training: dict[str, Any] = {**before, "encoder": origin, "command": command}
    write_model(
        options.output,
        Parts(encoder, entry, graph, tokenizer),
        assembled,
        corpora,
        training=training,
        libraries=LIBRARIES,
        command=command,
        seeds=options.seeds,
        run=options.run,
        overwrite=options.overwrite,
    )


def reproduction(options: argparse.Namespace) -> str:
    """The command that makes the model again, with names of folders in place of their paths here."""
    layers = f" --layers {options.layers}" if options.layers else ""
    layers += f" --read-layers {options.read_layers}" if options.read_layers else ""
    corpora = (" --corpora CORPORA" if options.corpora else "") + (f" --soft {options.soft.name}" if options.soft else "")
    documents = f" --documents {options.documents}" if options.documents else ""
    return (
        f"python -m newsgauge.training.remake --model {Path(options.model).name}{layers}{corpora} --run RUN --output {options.output.name}"
        f"{documents} --garbled-strength {options.garbled_strength:g} --unusual-weight {options.unusual_weight:g}"
        f"{' --learn-world' if options.learn_world else ''} --seed {options.seed}"
    )


if __name__ == "__main__":
    main()
