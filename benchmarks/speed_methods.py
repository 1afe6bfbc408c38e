"""What ``speed.py`` times: newsgauge and its peers, each in a process of its own that answers on its standard output.

    python benchmarks/speed_methods.py METHOD ARTICLES.json        a line of JSON for every line that comes in
    python benchmarks/speed_methods.py METHOD ARTICLES.json --once scores the first article as a command would, and ends

METHOD is ``newsgauge:MODEL``, ``newsgauge-openvino:MODEL``, ``stages:MODEL``, ``encoder:MODEL``, ``encoder-openvino:MODEL``,
``products``, or a peer of :data:`PEERS`, where needed with ``:BASE``. Peers are given sentences that are
split already; only newsgauge splits them. A peer has weights of its own kind, fitted to the first articles or not at all: that changes no
speed. A library that is missing is told in a line ``{"missing": …}``.
"""

from __future__ import annotations

import argparse
import io
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from newsgauge.model.errors import MissingExtraError

LABELS = ("accusation", "denial", "evidence", "analysis")
SHAPES = ((384, 384), (384, 1536), (1536, 384), (768, 768), (768, 3072), (3072, 768))
ROWS = 384
Article = list[tuple[str, str]]
Round = Callable[[list[Article]], Any]


def newsgauge(model: str, runtime: str = "onnxruntime") -> Round:
    """The bytes of articles → JSON Lines, as ``newsgauge score`` does it."""
    from newsgauge.model.document import Document
    from newsgauge.model.scorer import Scorer
    from newsgauge.report.writers import JsonLinesWriter

    scorer = Scorer.from_folder(model, threads=1, runtime=runtime)

    def run(articles: list[Article]) -> None:
        writer = JsonLinesWriter(io.BytesIO(), scorer.labels)
        for article in articles:
            writer.write(scorer.score(Document.from_bytes("\n\n".join(text for text, _ in article).encode())))

    return run


def stages(model: str) -> Round:
    """:func:`newsgauge` with a clock at every door: CPU-seconds by stage. ``heads`` is what is left, the making of scores included."""
    from newsgauge.model import document, encoder, scorer
    from newsgauge.report import writers

    spent: dict[str, float] = {}

    def timed(owner: Any, name: str, stage: str) -> None:
        inner = getattr(owner, name)

        def outer(*given: Any, **named: Any) -> Any:
            began = time.process_time()
            try:
                return inner(*given, **named)
            finally:
                spent[stage] = spent.get(stage, 0.0) + time.process_time() - began

        setattr(owner, name, outer)

    timed(document, "_build", "read")
    timed(scorer, "segment", "split")
    timed(encoder.OnnxEncoder, "_split", "tokenise")
    timed(encoder.OnnxEncoder, "_run", "encode")
    timed(writers.JsonLinesWriter, "write", "write")
    whole = newsgauge(model)

    def run(articles: list[Article]) -> dict[str, float]:
        spent.clear()
        began = time.process_time()
        whole(articles)
        total = time.process_time() - began
        return {**{stage: spent[stage] for stage in ("read", "split", "tokenise", "encode", "write")}, "heads": total - sum(spent.values())}

    return run


def fitted(embed: Callable[[list[str]], Any], articles: list[Article]) -> Any:
    """A logistic regression of scikit-learn on what *embed* makes of the first articles."""
    from sklearn.linear_model import LogisticRegression

    rows = [row for article in articles[:8] for row in article]
    return LogisticRegression(max_iter=500).fit(embed([text for text, _ in rows]), [label for _, label in rows])


def one_thread() -> None:
    """Keep torch to one thread."""
    import torch

    torch.set_num_threads(1)


def sentence_transformers(base: str, articles: list[Article]) -> Round:
    """Embeddings by sentence-transformers, probabilities by logistic regression."""
    one_thread()
    from sentence_transformers import SentenceTransformer

    encoder = SentenceTransformer(base, device="cpu")
    head = fitted(encoder.encode, articles)
    return lambda given: json.dumps(head.predict_proba(encoder.encode(texts(given), batch_size=32)).tolist())


def setfit(base: str, articles: list[Article]) -> Round:
    """``predict`` of SetFit, with a logistic regression for its head."""
    one_thread()
    from setfit import SetFitModel

    model = SetFitModel.from_pretrained(base, labels=list(LABELS), device="cpu")
    model.model_head = fitted(model.model_body.encode, articles)
    return lambda given: json.dumps([str(label) for label in model.predict(texts(given), batch_size=32)])


def pipeline(base: str, articles: list[Article]) -> Round:
    """A pipeline ``text-classification`` of transformers, as after fine-tuning."""
    one_thread()
    from transformers import AutoModelForSequenceClassification, AutoTokenizer
    from transformers import pipeline as make

    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=len(LABELS))
    classify: Any = make("text-classification", model=model, tokenizer=AutoTokenizer.from_pretrained(base), device="cpu", top_k=None)
    return lambda given: json.dumps(classify(texts(given), batch_size=32))


def spacy(articles: list[Article]) -> Round:
    """The text categoriser of spaCy."""
    from spacy import blank
    from spacy.training import Example

    nlp = blank("en")
    categoriser = nlp.add_pipe("textcat")
    for label in LABELS:
        categoriser.add_label(label)
    rows = [row for article in articles[:8] for row in article]
    nlp.initialize(
        lambda: [Example.from_dict(nlp.make_doc(text), {"cats": {name: float(name == label) for name in LABELS}}) for text, label in rows]
    )
    return lambda given: json.dumps([document.cats for document in nlp.pipe(texts(given))])


def tfidf(articles: list[Article]) -> Round:
    """Words and pairs of words, logistic regression: the floor in quality."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline

    vectors = TfidfVectorizer(ngram_range=(1, 2)).fit([text for article in articles[:8] for text, _ in article])
    whole = make_pipeline(vectors, fitted(vectors.transform, articles))
    return lambda given: json.dumps(whole.predict_proba(texts(given)).tolist())


def texts(articles: list[Article]) -> list[str]:
    """The sentences of *articles*."""
    return [text for article in articles for text, _ in article]


def products() -> Round:
    """The limit: int8 products of the encoders' shapes in onnxruntime, in billions of operations a CPU-second."""
    import numpy as np
    import onnxruntime as ort
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    sessions = {}
    for inner, outer in SHAPES:
        weights = numpy_helper.from_array(rng.integers(-80, 81, (inner, outer)).astype(np.int8), "weights")
        node = helper.make_node("MatMulInteger", ["rows", "weights"], ["product"])
        inputs = [helper.make_tensor_value_info("rows", TensorProto.UINT8, [ROWS, inner])]
        outputs = [helper.make_tensor_value_info("product", TensorProto.INT32, [ROWS, outer])]
        graph = helper.make_graph([node], "product", inputs, outputs, [weights])
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        sessions[inner, outer] = ort.InferenceSession(made.SerializeToString(), options, providers=["CPUExecutionProvider"])
    rows = {inner: rng.integers(0, 256, (ROWS, inner)).astype(np.uint8) for inner, _ in SHAPES}

    def run(_: list[Article]) -> dict[str, float]:
        rates = {}
        for (inner, outer), session in sessions.items():
            times = 2_000_000_000 // (inner * outer * ROWS)
            began = time.process_time()
            for _ in range(times):
                session.run(None, {"rows": rows[inner]})
            rates[f"{inner}x{outer}"] = 2e-9 * inner * outer * ROWS * times / (time.process_time() - began)
        return rates

    return run


def encoder_rate(model: str, runtime: str = "onnxruntime") -> Round:
    """The int8 operations of a model's encoder over the CPU-time of the whole of it, for a full window; billions a second."""
    import onnx

    from newsgauge.model.bundle import find, load, read_manifest

    folder = find(model)
    entry = read_manifest(folder)[0]["encoder"]
    weights = [tensor.dims for tensor in onnx.load(str(folder / entry["file"])).graph.initializer if tensor.name.endswith("_quantized")]
    window, encoder = int(entry["window"]["tokens"]), load(model, threads=1, runtime=runtime).encoder
    operations = 2 * window * sum(inner * outer for inner, outer in weights)

    def run(_: list[Article]) -> dict[str, float]:
        began = time.process_time()
        for _ in range(20):
            encoder._run(list(range(1000, 1000 + window)))
        return {"rate": 20e-9 * operations / (time.process_time() - began)}

    return run


PEERS: dict[str, Callable[..., Round]] = {
    "sentence-transformers": sentence_transformers,
    "setfit": setfit,
    "pipeline": pipeline,
    "spacy": spacy,
    "tfidf": tfidf,
}
OURS: dict[str, Callable[..., Round]] = {
    "newsgauge": newsgauge,
    "newsgauge-openvino": partial(newsgauge, runtime="openvino"),
    "stages": stages,
    "products": products,
    "encoder": encoder_rate,
    "encoder-openvino": partial(encoder_rate, runtime="openvino"),
}


def make(method: str, articles: list[Article]) -> Round:
    """The round of a method by its name."""
    name, _, base = method.partition(":")
    given: Iterator[Any] = filter(None, [base])
    return OURS[name](*given) if name in OURS else PEERS[name](*given, articles=articles)


def main() -> None:
    """Answer every line with a line, until there are no more."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("method")
    options.add_argument("articles", type=Path)
    options.add_argument("--once", action="store_true", help="score the first article and end")
    chosen = options.parse_args()
    articles: list[Article] = json.loads(chosen.articles.read_text(encoding="utf-8"))
    answers = sys.stdout
    # What libraries print is no answer.
    sys.stdout = sys.stderr
    try:
        run = make(chosen.method, articles)
    except (ImportError, MissingExtraError) as error:
        print(json.dumps({"missing": str(error)}), file=answers, flush=True)
        return
    if chosen.once:
        print(run(articles[:1]), file=answers, flush=True)
        return
    print(json.dumps({"ready": chosen.method}), file=answers, flush=True)
    for _ in sys.stdin:
        began = time.process_time()
        found = run(articles)
        seconds = time.process_time() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"seconds": seconds, "peak": peak, "found": found if isinstance(found, dict) else None}), file=answers, flush=True)


if __name__ == "__main__":
    main()
