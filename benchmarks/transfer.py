"""Garbled English of corpora and languages never trained on: the encoder trained anew without each of them.

``python benchmarks/transfer.py --base BASE --corpora CORPORA --run RUN --by corpus`` (or ``language``) leaves out one group of ``quality/``
after the other, trains the float network on what is left, with the twins and round trips of the starter data, and prints the AUROC of
its sentence head on the group. A rerun resumes. Stance labels take no part. With ``--probe`` no encoder is trained: the head is a
logistic regression on embeddings of the base as it is, rounded as it would ship, one sentence at a time; with ``--read-layers`` the mean
of one on each of several layers, as in the models that ship.

Some labels of these corpora are wrong, so the last columns are of the rows that were read anew for ``benchmarks/readings.py``: the AUROC
on these rows, that of the readers themselves for the same labels, and that for the readers' verdict instead of the label, rows in doubt
left out.
"""

from __future__ import annotations

import logging
import random
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from folds import begin, figures, parser, trained
from readings import read_anew, readers_auroc, those_read, verdicts

from newsgauge.model.bundle import digest
from newsgauge.model.encoder import Encoder, OnnxEncoder
from newsgauge.model.errors import NewsgaugeError, in_one_line
from newsgauge.model.heads import LinearHead
from newsgauge.model.windows import WindowShape
from newsgauge.training.bases import layer_numbers, load_base, tokenizer_file
from newsgauge.training.cache import CachedEncoder
from newsgauge.training.card import table
from newsgauge.training.corpora import Corpora, load_corpora
from newsgauge.training.documents import translated_documents
from newsgauge.training.embed import embed
from newsgauge.training.export import export
from newsgauge.training.garbled import MOST_CLEAN, training_rows
from newsgauge.training.heads import fit_soft_targets, mean_head
from newsgauge.training.layers import keep_layers
from newsgauge.training.metrics import auroc
from newsgauge.training.mixture import balanced
from newsgauge.training.rows import LabelledDocument, is_garbled, quality_documents, round_trip_documents

log = logging.getLogger("newsgauge.benchmarks.transfer")

# What belongs together: a corpus with the human text that was cut with it, languages of which neither has rows of both kinds.
GROUPS = {
    "corpus": {
        "MLQE-PE": ("mlqe_pe_da", "mlqe_pe_postedit"),
        "WMT20/21 MQM": ("wmt20_mqm_zhen", "wmt21_mqm_zhen", "wmt21_mqm_ted_zhen"),
        "WMT16 fi-en": ("wmt16_fien_smt_silver", "wmt16_fien_original_or_ref"),
        "WMT21/22 weak systems": ("wmt_weak_systems_silver", "wmt_human_reference"),
        "Apertium": ("apertium_roundtrip",),
    },
    "language": {
        "Estonian": ("et-en",),
        "Nepali and Sinhala": ("ne-en", "si-en"),
        "Romanian": ("ro-en",),
        "Chinese": ("zh-en",),
        "Finnish": ("fi-en",),
        "Japanese": ("ja-en",),
    },
}
APERTIUM = {"source_corpus": "apertium_roundtrip", "lang_pair": "en-x-en"}
FIELDS = {"corpus": "source_corpus", "language": "lang_pair"}


def measured(documents: list[LabelledDocument], most: int, seed: int) -> Iterator[LabelledDocument]:
    """All garbled rows of *documents* and a sample of their clean ones, *most* in each."""
    rng = random.Random(seed)
    for document in documents:
        clean = [row for row in document.rows if not row.garbled]
        garbled = [row for row in document.rows if row.garbled]
        yield replace(document, rows=tuple(rng.sample(clean, min(most, len(clean))) + garbled))


def split(corpora: Corpora, folder: Path, left_out: Callable[[dict[str, Any]], bool], seed: int) -> tuple[Corpora, list[LabelledDocument]]:
    """The garbled part of *corpora* less the rows *left_out*, of which its dev set is a sample, and all that are left out."""
    paths = [folder / "quality/train.jsonl", folder / "quality/dev.jsonl"]
    apart = [document for path in paths for document in quality_documents(path, wanted=left_out)]
    kept = quality_documents(paths[0], wanted=lambda row: not left_out(row))
    round_trips = round_trip_documents(folder / "quality/apertium_roundtrip.jsonl")
    (apart if left_out(APERTIUM) else kept).extend(round_trips)
    sources = [paths[0], folder / "quality/machine_output_unrated.jsonl.gz"]
    fold = Corpora(
        seeds=corpora.seeds,
        twins=corpora.twins,
        # Every chain of the round trips of the starter data has a pair of Apertium in it.
        round_trips=[] if left_out(APERTIUM) else corpora.round_trips,
        unusual=corpora.unusual,
        plain=corpora.plain,
        translated=[found.document for found in translated_documents(sources, wanted=lambda row: not left_out(row))],
        quality=kept,
        quality_dev=list(measured(apart, 500, seed)),
    )
    return fold, apart


def untrained(chosen: Namespace) -> Encoder:
    """The int8 graph of the base as it is; what it encodes is kept in the run's folder, for the other folds and for a rerun."""
    graph = chosen.run / "base.onnx"
    chosen.run.mkdir(parents=True, exist_ok=True)
    base: Any = load_base(chosen.base, layers=layer_numbers(chosen.layers))
    export(base, graph, int8=True)
    if chosen.read_layers > 1:
        import onnx

        model = onnx.load(str(graph))
        try:
            keep_layers(model, base.config.num_hidden_layers, read=chosen.read_layers)
        except ValueError as error:
            raise NewsgaugeError(str(error)) from error
        onnx.save(model, str(graph))
    tokenizer = Path(tokenizer_file(chosen.base))
    shipped = OnnxEncoder(graph, tokenizer, shape=WindowShape(tokens=chosen.window))
    return CachedEncoder(shipped, f"{digest(graph)} {digest(tokenizer)} {chosen.window}", chosen.run / "embeddings")


def probe(encoder: Encoder, fold: Corpora, strength: float, seed: int, *, layers: int = 1) -> LinearHead:
    """A logistic head on embeddings by *encoder*, fitted on the training rows of *fold*.

    The states of so many *layers* lie side by side in an embedding: see :func:`~newsgauge.training.heads.mean_head`.
    """
    rng = random.Random(seed)
    rated = [balanced(document, rng, most_clean=MOST_CLEAN) for document in fold.quality]
    kinds = [fold.seeds + fold.twins + fold.round_trips, rated, fold.unusual + fold.plain]
    train = training_rows(*(embed(encoder, [alone(document) for document in kind]) for kind in kinds))
    return mean_head([fit_soft_targets(replace(train, vectors=of), strength) for of in np.split(train.vectors, layers, axis=1)])


def told_apart(encoder: Encoder, head: LinearHead, documents: list[LabelledDocument]) -> float:
    """The AUROC of *head* on *documents* of unordered rows."""
    rows = embed(encoder, documents)
    return auroc(head.logits(rows.vectors)[:, 0], is_garbled(rows.rows))


def alone(document: LabelledDocument) -> LabelledDocument:
    """*document* with every sentence by itself: an encoder that was not trained on windows mixes neighbours into each other."""
    return replace(document, consecutive=False)


@in_one_line()
def main() -> None:
    """Train and measure without every group, print a Markdown table."""
    options = parser("transfer", __doc__)
    options.add_argument("--by", choices=sorted(GROUPS), default="corpus", help="what is left out (default: %(default)s)")
    options.add_argument("--probe", action="store_true", help="train no encoder: a logistic regression on embeddings of the base as it is")
    options.add_argument(
        "--read-layers", type=int, default=1, help="with --probe, read so many of the uppermost layers (default: %(default)s)"
    )
    chosen = options.parse_args()
    if chosen.read_layers != 1 and not chosen.probe:
        options.error("several layers are read with --probe alone")
    begin(chosen)
    given = verdicts()
    corpora = load_corpora(chosen.seeds, chosen.corpora)
    encoder = untrained(chosen) if chosen.probe else None
    lines, values = [], []
    for number, (name, members) in enumerate(GROUPS[chosen.by].items()):
        fold, apart = split(corpora, chosen.corpora, lambda row, members=members: row[FIELDS[chosen.by]] in members, chosen.seed)  # type: ignore[misc]
        sets = [fold.quality_dev, those_read(apart, given), read_anew(apart, given)]
        if encoder is not None:
            head = probe(encoder, fold, chosen.garbled_strength, chosen.seed, layers=chosen.read_layers)
            left, read, anew = (told_apart(encoder, head, documents) for documents in sets)
        else:
            network = trained(chosen, f"{chosen.by}-{number}", fold)
            left, read, anew = (figures(chosen, network, documents)["garbled_auroc"] for documents in sets)
        truth = is_garbled([row for document in fold.quality_dev for row in document.rows])
        values.append([left, read, readers_auroc(apart, given), anew])
        lines.append([name, truth.sum(), (~truth).sum(), left, sum(len(document.rows) for document in sets[1]), *values[-1][1:]])
        log.info("without %s: AUROC %.3f", name, left)
    mean = np.mean(values, axis=0)
    lines.append(["mean", "", "", mean[0], "", *mean[1:]])
    heads = ["garbled", "clean", "AUROC", "rows read", "AUROC of these", "the readers'", "for their verdict"]
    cells = [[f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in line] for line in lines]
    print(table([f"{chosen.by} left out", *heads], cells))


if __name__ == "__main__":
    main()
