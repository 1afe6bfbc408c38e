"""A teacher's soft labels for news, labelled or not: ``python -m newsgauge.training.teacher`` writes what a student learns from."""

from __future__ import annotations

import argparse
import json
import logging
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..model.encoder import Encoder, OnnxEncoder
from ..model.heads import LinearHead, sigmoid, softmax
from ..model.windows import WindowShape
from .documents import NATIVE_DOCUMENTS, native_documents
from .embed import embed
from .rows import LabelledDocument, Row, read_json_lines, stance_documents
from .soft import Opinion

log = logging.getLogger("newsgauge.training.teacher")

# Sentences worth a teacher's time: the rare labels stand near words like these.
CUES = re.compile(r"\b(?:den(?:y|ies|ied|ial)|reject|dismiss|refut|accus|alleg|blam|charged|claim|false|lied?\b)", re.IGNORECASE)


def excerpts(path: Path, *, longest: int, skip: frozenset[str], seed: int) -> list[LabelledDocument]:
    """One stretch of at most *longest* consecutive sentences of every article in *path* but those named in *skip*.

    Three of four are drawn around a sentence with one of the :data:`CUES`, where there is one; the others at random.
    """
    rng = random.Random(seed)
    found = []
    for number, row in enumerate(read_json_lines(path)):
        sentences: list[str] = row["sentences"]
        if row["document"] in skip or not sentences:
            continue
        cued = [place for place, text in enumerate(sentences) if CUES.search(text)] if number % 4 else []
        centre = rng.choice(cued) if cued else rng.randrange(len(sentences))
        start = max(0, min(centre - rng.randrange(longest), len(sentences) - longest))
        rows = tuple(Row(text, origin=f"{row['document']}:{start + i}") for i, text in enumerate(sentences[start : start + longest]))
        before = sentences[start - 1] if start else ""
        tags = {"start": str(start)}
        found.append(LabelledDocument(row["document"], rows, row["headline"] or "", before, row["source"] or "", tags=tags))
    rng.shuffle(found)
    return found


def rated(
    encoder: Encoder, heads: Mapping[str, LinearHead], documents: Sequence[LabelledDocument]
) -> Iterator[tuple[LabelledDocument, Opinion]]:
    """What a teacher's *encoder* and its *heads* for ``stance`` and ``content`` say of *documents*."""
    found = embed(encoder, documents)
    stance = softmax(heads["stance"].logits(found.vectors)).tolist()
    article = sigmoid(heads["content"].logits(found.vectors)[:, 0]).tolist()
    place = 0
    for document in documents:
        end = place + len(document.rows)
        yield document, Opinion(int(document.tags.get("start", 0)), tuple(map(tuple, stance[place:end])), tuple(article[place:end]))
        place = end


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    options = argparse.ArgumentParser(prog="python -m newsgauge.training.teacher", description=__doc__)
    options.add_argument("--base", required=True, help="the base encoder that the teacher was trained from")
    options.add_argument("--layers", help="the layers of it that were kept, for example 0,1,2,3,4,5 (default: all)")
    options.add_argument("--run", type=Path, required=True, help="the teacher's folder of checkpoints")
    options.add_argument("--articles", type=Path, required=True, help="unlabelled articles (JSON Lines, .gz too)")
    options.add_argument("--labelled", type=Path, help="labelled articles (stance/train.jsonl) to rate as well, whole")
    options.add_argument("--output", type=Path, required=True, help="JSON Lines file to write; a rerun goes on where it ends")
    options.add_argument("--longest", type=int, default=10, help="sentences of an article at most (default: %(default)s)")
    options.add_argument("--window", type=int, default=384, help="word pieces of an encoder window (default: %(default)s)")
    options.add_argument("--seed", type=int, default=13)
    return options


def main() -> None:
    """Rate excerpts in portions, each written before the next begins."""
    options = parser().parse_args()
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S", level=logging.INFO)
    from .bases import layer_numbers, load_base, tokenizer_file
    from .export import export
    from .finetune import load_trained
    from .network import Network

    base = load_base(options.base, layers=layer_numbers(options.layers))
    config: Any = base.config
    network = Network(base, int(config.hidden_size))
    load_trained(network, options.run)
    # The int8 graph says nearly what the float network says, several times faster.
    graph = options.run / "teacher.onnx"
    export(base, graph, int8=True)
    encoder = OnnxEncoder(graph, Path(tokenizer_file(options.base)), shape=WindowShape(tokens=options.window))
    # The articles that measure the verdict stay unseen.
    kept = frozenset(judged.document.name for judged in native_documents(options.articles, NATIVE_DOCUMENTS, options.seed))
    documents = excerpts(options.articles, longest=options.longest, skip=kept, seed=options.seed)
    if options.labelled is not None:
        documents = stance_documents(options.labelled) + documents
    done = {row["document"] for row in read_json_lines(options.output)} if options.output.exists() else set()
    waiting = [document for document in documents if document.name not in done]
    for start in range(0, len(waiting), 200):
        found = rated(encoder, network.linear_heads(), waiting[start : start + 200])
        lines = [json.dumps(opinion.as_json(document.name), separators=(",", ":")) for document, opinion in found]
        with options.output.open("a", encoding="utf-8") as output:
            output.write("".join(line + "\n" for line in lines))
        log.info("%d of %d articles", len(done) + start + len(lines), len(documents))


if __name__ == "__main__":
    main()
