"""The recipe of the shipped models: ``python -m newsgauge.training.recipe`` makes a model folder from labelled corpora."""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..model.errors import NewsgaugeError
from ..model.windows import WindowShape
from .card import without_nan
from .precision import PRECISIONS, native_precision
from .rows import STANCE_LABELS

if TYPE_CHECKING:
    from ..model.heads import Floats
    from ..model.quality import GarbleHead
    from .corpora import Corpora
    from .garbled import SentenceFit
    from .network import Network

log = logging.getLogger("newsgauge.training.recipe")

LIBRARIES = ("torch", "transformers", "scikit-learn", "onnxruntime", "tokenizers", "numpy")
"""Their versions shape a model."""
LEAST_COSINE = 0.99
"""The int8 encoder of the shipped models has 0.994 with its float one."""


def parser() -> argparse.ArgumentParser:
    """The options of the recipe."""
    options = argparse.ArgumentParser(prog="python -m newsgauge.training.recipe", description=__doc__)
    options.add_argument(
        "--base", required=True, help="folder or hub id of the base encoder (sentence-transformers or transformers), or a model folder"
    )
    options.add_argument("--layers", help="keep only these layers of the base, for example 0,1,2,3,4,5 (default: all)")
    options.add_argument(
        "--frozen", type=int, help="keep the weights of the embeddings and of so many of the lowest layers (default: train all)"
    )
    data_options(options)
    options.add_argument("--run", type=Path, required=True, help="folder for checkpoints and intermediate files; a rerun resumes")
    options.add_argument("--output", type=Path, help="model folder to write (default: stop after fine-tuning)")
    options.add_argument("--overwrite", action="store_true", help="replace the model folder if it exists")
    options.add_argument("--base-name", help="what the model card calls the base (default: the folder's name)")
    options.add_argument("--epochs", type=int, default=3)
    options.add_argument("--learning-rate", type=float, default=1.5e-4)
    options.add_argument("--batch", type=int, default=2048, help="word pieces of a training step (default: %(default)s)")
    options.add_argument("--window", type=int, default=256, help="word pieces of an encoder window (default: %(default)s)")
    options.add_argument(
        "--precision",
        choices=PRECISIONS,
        help="type of the encoder's matrix products (default: bfloat16 where the processor has instructions for it)",
    )
    return options


def data_options(options: argparse.ArgumentParser) -> None:
    """The options of every command that fits heads: what they learn from, and how."""
    options.add_argument("--seeds", type=Path, default=Path("seeds"), help="folder of the starter data (default: %(default)s)")
    options.add_argument("--corpora", type=Path, help="folder with stance/ and quality/ (default: the starter data alone)")
    options.add_argument("--soft", type=Path, help="a teacher's labels (newsgauge.training.teacher) to learn from as well")
    options.add_argument(
        "--garbled-strength", type=float, default=0.3, help="inverse regularisation of the garbled head (default: %(default)s)"
    )
    options.add_argument(
        "--unusual-weight", type=float, default=4.0, help="what a row of unusual English weighs there (default: %(default)s)"
    )
    options.add_argument(
        "--learn-world",
        action="store_true",
        help="the garbled head learns from news from many countries as well (the translation head always does)",
    )
    options.add_argument("--seed", type=int, default=13)


def sentence_fit(options: argparse.Namespace) -> SentenceFit:
    """How the *options* of :func:`data_options` want the garbled head fitted."""
    from .garbled import SentenceFit

    return SentenceFit(options.garbled_strength, options.unusual_weight, options.learn_world)


def main() -> None:
    """Parse the options and run every stage."""
    options = parser().parse_args()
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("newsgauge").setLevel(logging.INFO)
    if options.output is not None and options.output.exists() and not options.overwrite:
        raise SystemExit(f"{options.output} exists; choose another folder or add --overwrite.")
    from .corpora import load_corpora

    try:
        corpora = load_corpora(options.seeds, options.corpora, soft=options.soft)
    except (NewsgaugeError, OSError) as error:
        raise SystemExit(f"Nothing was trained: {error}") from error
    network = fine_tuned(options, corpora)
    if options.output is not None:
        package(options, corpora, network)


def fine_tuned(options: argparse.Namespace, corpora: Corpora, *, labels: Sequence[str] = STANCE_LABELS) -> Network:
    """The base encoder under its heads, trained on the mixture; figures after each epoch go to ``epochs.jsonl`` in the run's folder.

    *labels*: those of the stance head. A checkpoint of other data is ignored.
    """
    import torch

    from .bases import layer_numbers, load_base, tokenizer_file
    from .corpora import epoch_windows
    from .finetune import Schedule, finetune
    from .inference import predict, summary
    from .network import Network
    from .wordpieces import PieceTable

    torch.manual_seed(options.seed)
    shape = WindowShape(tokens=options.window)
    training_shape = WindowShape(tokens=max(448, options.window))
    table = PieceTable.from_file(tokenizer_file(options.base), corpora.texts(), longest=shape.sentence)
    layers = layer_numbers(options.layers)
    encoder = load_base(options.base, layers=layers, frozen=options.frozen)
    config: Any = encoder.config
    network = Network(encoder, int(config.hidden_size), labels=labels)
    schedule = Schedule(
        epochs=options.epochs,
        learning_rate=options.learning_rate,
        batch_pieces=options.batch,
        precision=options.precision or native_precision(),
        seed=options.seed,
    )
    log.info("training in %s", schedule.precision)

    def report(epoch: int) -> None:
        sets = {
            "stance": corpora.stance_dev,
            "seeds": corpora.seeds_dev,
            "quality": corpora.quality_dev,
            "twins": corpora.twins_dev + corpora.seeds_dev,
            "round_trips": corpora.round_trips_dev + corpora.seeds_dev,
        }
        known = {name: documents for name, documents in sets.items() if documents}
        said = {name: predict(network, documents, table, shape, precision=schedule.precision) for name, documents in known.items()}
        figures = without_nan({name: summary(predictions) for name, predictions in said.items()})
        log.info("after epoch %d: %s", epoch, json.dumps(figures))
        with (options.run / "epochs.jsonl").open("a", encoding="utf-8") as lines:
            lines.write(json.dumps({"epoch": epoch, **figures}) + "\n")

    finetune(
        network,
        lambda epoch: epoch_windows(corpora, table, training_shape, epoch=epoch, seed=options.seed),
        table,
        training_shape,
        schedule,
        options.run,
        identity=f"{options.base} {layers} {options.frozen} {training_shape} {digest_of(corpora, labels)}",
        after_epoch=report,
    )
    return network


def package(options: argparse.Namespace, corpora: Corpora, network: Network, *, old: GarbleHead | None = None, command: str = "") -> None:
    """Export and quantise the encoder, fit the heads on the graph that ships, and write the model folder.

    *old*: the garbled head whose passage chain and verdict stay, where there are no whole documents to fit them on. *command*: what
    the card says the model was made with, if it is not the recipe. :class:`NewsgaugeError` where int8 and float embeddings differ.
    """
    import numpy as np

    from ..model.encoder import OnnxEncoder
    from .assemble import assemble
    from .bases import tokenizer_file
    from .embed import embed, labelled
    from .export import export
    from .folder import Parts, write_model
    from .metrics import rows_report

    shape = WindowShape(tokens=options.window)
    tokenizer = Path(tokenizer_file(options.base))
    exact, small = options.run / "float.onnx", options.run / "int8.onnx"
    config: Any = network.encoder.config
    export(network.encoder, exact, int8=False)
    export(network.encoder, small, int8=True)
    shipped = OnnxEncoder(small, tokenizer, shape=shape)
    assembled = assemble(
        shipped,
        corpora,
        trained=network.linear_heads(),
        folder=options.corpora,
        seed=options.seed,
        labels=network.labels,
        fit=sentence_fit(options),
        old=old,
    )
    rows, unrounded = labelled(embed(OnnxEncoder(exact, tokenizer, shape=shape), corpora.stance_dev or corpora.seeds_dev))
    _, rounded = labelled(assembled.dev)
    exactly = assembled.heads.stance.probabilities(unrounded).astype(np.float64)
    figures = {"macro_f1": rows_report(exactly, rows, network.labels).macro_f1, "cosine": parity(unrounded, rounded)}
    training: dict[str, Any] = {
        "rows": rows_of(corpora),
        "epochs": options.epochs,
        "learning_rate": options.learning_rate,
        "batch": options.batch,
        "precision": options.precision or native_precision(),
        "seed": options.seed,
    }
    entry = {
        "kind": "onnx",
        "file": "encoder.onnx",
        "tokenizer": "tokenizer.json",
        "width": shipped.width,
        "window": asdict(shape),
        "base": options.base_name or Path(options.base).name,
        "config": json.loads(config.to_json_string(use_diff=True)),
    }
    write_model(
        options.output,
        Parts(shipped, entry, small, tokenizer),
        replace(assembled, quality={**assembled.quality, "float": figures}),
        corpora,
        training=training,
        libraries=LIBRARIES,
        command=command or reproduction(options),
        seeds=options.seeds,
        run=options.run,
        overwrite=options.overwrite,
    )


def parity(exact: Floats, rounded: Floats) -> float:
    """The mean cosine of embeddings by the float and the int8 graph; :class:`NewsgaugeError` under :data:`LEAST_COSINE`."""
    import numpy as np

    cosine = float(((exact * rounded).sum(1) / np.linalg.norm(exact, axis=1) / np.linalg.norm(rounded, axis=1)).mean())
    if not cosine >= LEAST_COSINE:
        raise NewsgaugeError(
            f"The int8 encoder is off: its embeddings have a mean cosine of {cosine:.4f} with those of the float one, and at least "
            f"{LEAST_COSINE} is expected. No model was written; train with a lower learning rate, or from another base."
        )
    return cosine


def digest_of(corpora: Corpora, labels: Sequence[str]) -> str:
    """What tells one training set from another: every text and all that is known of it."""
    digest = hashlib.sha256(repr(tuple(labels)).encode())
    for name, documents in vars(corpora).items():
        for document in documents:
            unnamed = replace(document, rows=tuple(replace(row, origin="") for row in document.rows))
            digest.update(repr((name, unnamed)).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:16]


def rows_of(corpora: Corpora) -> dict[str, int]:
    """Rows of each kind that an encoder learns from or is measured on; those that only a teacher labelled count as its own wherever
    they stand."""
    kinds = {name: documents for name, documents in vars(corpora).items() if name not in ("world", "world_dev")}
    rows = {name: sum(len(document.rows) for document in documents) for name, documents in kinds.items()}
    taught = sum(row.stance is None and row.soft is not None for document in corpora.stance for row in document.rows)
    return {**rows, "stance": rows["stance"] - taught, "soft": rows["soft"] + taught}


def reproduction(options: argparse.Namespace) -> str:
    """The command that makes the model again, with names of folders in place of their paths here."""
    layers = f" --layers {options.layers}" if options.layers else ""
    layers += f" --frozen {options.frozen}" if options.frozen is not None else ""
    corpora = (" --corpora CORPORA" if options.corpora else "") + (" --soft SOFT" if options.soft else "")
    return (
        f"python -m newsgauge.training.recipe --base {options.base_name or Path(options.base).name}{layers}{corpora} --run RUN"
        f" --output {options.output.name} --epochs {options.epochs} --learning-rate {options.learning_rate}"
        f" --batch {options.batch} --window {options.window} --garbled-strength {options.garbled_strength}"
        f" --unusual-weight {options.unusual_weight}{' --learn-world' if options.learn_world else ''} --seed {options.seed}"
    )


if __name__ == "__main__":
    main()
