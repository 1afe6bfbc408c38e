"""Labels against peers: the same training rows, the same dev rows, one run.

``python benchmarks/quality.py --base BASE --corpora CORPORA --output FOLDER`` writes ``quality.md``, ``quality.json`` and
``quality.png``. Peers are trained here, which may take hours: the same command again goes on after the last peer that was measured on the
same rows. Models of newsgauge are taken as they are, every time. Needs the extras ``[train]`` and, for SetFit, ``pip install setfit``; a
peer whose library is missing is left out and named.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from newsgauge.model.bundle import load
from newsgauge.model.errors import in_one_line
from newsgauge.training.card import table
from newsgauge.training.corpora import load_corpora
from newsgauge.training.evaluate import label_probabilities
from newsgauge.training.metrics import macro_f1_interval, rows_report
from newsgauge.training.plots import plot_intervals
from newsgauge.training.rows import STANCE_LABELS, LabelledDocument

RESULTS = "quality.json"

Probabilities = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """Labelled sentences, each with the one before it."""

    texts: list[str]
    before: list[str]
    labels: list[int]


def flatten(documents: list[LabelledDocument]) -> Rows:
    """The labelled sentences of *documents* in order."""
    texts, before, labels = [], [], []
    for document in documents:
        previous = document.before or document.headline
        for row in document.rows:
            if row.stance is not None:
                texts.append(row.text)
                before.append(previous)
                labels.append(STANCE_LABELS.index(row.stance))
            previous = row.text
    return Rows(texts, before, labels)


def tfidf(train: Rows, dev: Rows, options: argparse.Namespace) -> Probabilities:
    """TF-IDF of words and word pairs, logistic regression."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True), LogisticRegression(C=4.0, max_iter=1000))
    model.fit(train.texts, train.labels)
    return np.asarray(model.predict_proba(dev.texts))


def frozen(train: Rows, dev: Rows, options: argparse.Namespace) -> Probabilities:
    """Embeddings of the base as it is, logistic regression."""
    from sentence_transformers import SentenceTransformer
    from sklearn.linear_model import LogisticRegression

    encoder = SentenceTransformer(options.base, device="cpu")
    vectors = encoder.encode(train.texts, batch_size=64)
    model = LogisticRegression(C=10.0, max_iter=1000).fit(vectors, train.labels)
    return np.asarray(model.predict_proba(encoder.encode(dev.texts, batch_size=64)))


def setfit(train: Rows, dev: Rows, options: argparse.Namespace) -> Probabilities:
    """SetFit with 64 rows a class."""
    from datasets import Dataset
    from setfit import sample_dataset

    rows = Dataset.from_dict({"text": train.texts, "label": train.labels})
    few = sample_dataset(rows, label_column="label", num_samples=64, seed=options.seed)
    return setfit_probabilities(options.base, few["text"], few["label"], dev.texts, options.output, options.seed)


def setfit_probabilities(
    base: str, texts: Sequence[str], labels: Sequence[int], measured: Sequence[str], output: Path, seed: int
) -> Probabilities:
    """What SetFit (Tunstall et al. 2022), trained from *base* on labelled *texts* with ten pairs a row, says of those *measured*.

    *Shape:* (measured, labels).
    """
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments

    model = SetFitModel.from_pretrained(base, labels=list(range(len(STANCE_LABELS))), device="cpu")
    arguments = TrainingArguments(
        output_dir=str(output / "setfit"),
        batch_size=32,
        num_epochs=1,
        num_iterations=10,
        seed=seed,
        save_strategy="no",
        report_to="none",
    )
    rows = Dataset.from_dict({"text": list(texts), "label": list(labels)})
    Trainer(model=model, args=arguments, train_dataset=rows).train()
    return np.asarray(model.predict_proba(list(measured), as_numpy=True))


def fine_tuned(train: Rows, dev: Rows, options: argparse.Namespace) -> Probabilities:
    """The base under a new classification head, sentence with the preceding one, by the trainer of sentence-transformers."""
    from datasets import Dataset
    from sentence_transformers.cross_encoder import CrossEncoder, CrossEncoderTrainer, CrossEncoderTrainingArguments
    from sentence_transformers.cross_encoder.losses import CrossEntropyLoss
    from torch.utils.data import BatchSampler
    from transformers.trainer_pt_utils import LengthGroupedSampler

    # Rows of like length together: of batches drawn from all rows, half would be padding.
    lengths = [len(before) + len(text) for before, text in zip(train.before, train.texts, strict=True)]

    def grouped(_: Dataset, batch_size: int, drop_last: bool, generator: Any = None, **others: Any) -> BatchSampler:
        return BatchSampler(LengthGroupedSampler(batch_size, lengths=lengths, generator=generator), batch_size, drop_last)

    model = CrossEncoder(options.base, num_labels=len(STANCE_LABELS), max_length=160, device="cpu")
    rows = Dataset.from_dict({"before": train.before, "text": train.texts, "label": train.labels})
    arguments = CrossEncoderTrainingArguments(
        output_dir=str(options.output / "fine-tuned"),
        num_train_epochs=options.epochs,
        per_device_train_batch_size=32,
        learning_rate=1e-4,
        warmup_steps=0.06,
        seed=options.seed,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
        batch_sampler=grouped,
    )
    CrossEncoderTrainer(model=model, args=arguments, train_dataset=rows, loss=CrossEntropyLoss(model)).train()
    return np.asarray(model.predict(list(zip(dev.before, dev.texts, strict=True)), apply_softmax=True))


PEERS: dict[str, tuple[str, str, Callable[[Rows, Rows, argparse.Namespace], Probabilities]]] = {
    "tfidf": ("TF-IDF + logistic regression", "sklearn", tfidf),
    "frozen": ("frozen base + logistic regression", "sentence_transformers", frozen),
    "setfit": ("SetFit, 64 a class", "setfit", setfit),
    "fine-tuned": ("base fine-tuned by sentence-transformers", "sentence_transformers", fine_tuned),
}


@in_one_line()
def main() -> None:
    """Train the peers, measure everything, write the table and the plot."""
    options = parser().parse_args()
    train, dev = documents(options)
    rows, train_rows = flatten(dev), flatten(train)
    labelled = [row for document in dev for row in document.rows if row.stance is not None]
    groups = [document.name for document in dev for row in document.rows if row.stance is not None]
    options.output.mkdir(parents=True, exist_ok=True)
    about = {
        "base": Path(options.base).name,
        "training_rows": digest(train_rows),
        "dev_rows": digest(rows),
        "epochs": options.epochs,
        "seed": options.seed,
    }
    results = measured_before(options.output / RESULTS, about, [PEERS[key][0] for key in options.peers])

    def measure(name: str, probabilities: Probabilities, seconds: float | None) -> None:
        report = rows_report(probabilities, labelled)
        predicted = [STANCE_LABELS[best] for best in probabilities.argmax(1)]
        low, high = macro_f1_interval([str(row.stance) for row in labelled], predicted, groups)
        results.append(
            {"method": name, "macro_f1": report.macro_f1, "low": low, "high": high, "accuracy": report.accuracy, "f1": report.f1}
        )
        results[-1] |= {"calibration_error": report.calibration_error, "training_seconds": seconds}
        print(f"{name}: macro-F1 {report.macro_f1:.3f} [{low:.3f}, {high:.3f}], accuracy {report.accuracy:.3f}", flush=True)
        # A peer may train for an hour: what was measured before it is not to wait.
        write(results, about, options.output)

    for key in options.peers:
        name, library, fit = PEERS[key]
        if importlib.util.find_spec(library) is None:
            print(f"{name}: left out, {library} is not installed")
            continue
        if any(one["method"] == name for one in results):
            print(f"{name}: measured before")
            continue
        began = time.perf_counter()
        measure(name, fit(train_rows, rows, options), time.perf_counter() - began)
    for model in options.models:
        measure(f"newsgauge {Path(model).name}", label_probabilities(load(model), dev)[1], None)


def parser() -> argparse.ArgumentParser:
    """The options of the benchmark."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--base", required=True, help="the base encoder of all peers that need one: a folder or hub id")
    options.add_argument("--corpora", type=Path, help="folder with stance/ and quality/ (default: the starter articles alone)")
    options.add_argument("--seeds", type=Path, default=Path("seeds"), help="folder of the starter data (default: %(default)s)")
    options.add_argument("--models", nargs="*", default=["fast", "default"], help="models of newsgauge (default: %(default)s)")
    options.add_argument("--peers", nargs="*", choices=list(PEERS), default=list(PEERS), help="which peers to train (default: all)")
    options.add_argument("--epochs", type=float, default=3, help="epochs of the fine-tuned peer (default: %(default)s)")
    options.add_argument("--output", type=Path, required=True, help="folder for the table, the figures and the plot")
    options.add_argument("--seed", type=int, default=13)
    return options


def documents(options: argparse.Namespace) -> tuple[list[LabelledDocument], list[LabelledDocument]]:
    """Training and dev documents: of the corpora, with the starter articles among the training ones, or of the starter articles alone."""
    corpora = load_corpora(options.seeds, options.corpora)
    return corpora.stance + corpora.seeds, corpora.stance_dev or corpora.seeds_dev


def digest(rows: Rows) -> str:
    """What tells these rows from others: their number and a hash."""
    return f"{len(rows.texts)} sha256:{hashlib.sha256(repr(rows).encode()).hexdigest()[:16]}"


def measured_before(path: Path, about: dict[str, Any], names: Sequence[str]) -> list[dict[str, Any]]:
    """What a run on the same rows, with the same settings, that was cut off has measured of the peers *names*."""
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    same = all(found.get(key) == value for key, value in about.items())
    return [one for one in found.get("results", []) if one["method"] in names] if same else []


def write(results: list[dict[str, Any]], about: dict[str, Any], output: Path) -> None:
    """The figures as JSON, as a Markdown table and as a plot."""
    (output / RESULTS).write_text(json.dumps({**about, "results": results}, indent=1) + "\n", encoding="utf-8")
    head = ["method", "macro-F1 (95 % interval)", "accuracy", *STANCE_LABELS, "calibration error"]
    cells = [
        [
            one["method"],
            f"{one['macro_f1']:.3f} ({one['low']:.3f}–{one['high']:.3f})",
            f"{one['accuracy']:.3f}",
            *(f"{one['f1'][label]:.2f}" for label in STANCE_LABELS),
            f"{one['calibration_error']:.3f}",
        ]
        for one in results
    ]
    (output / "quality.md").write_text(table(head, cells) + "\n", encoding="utf-8")
    plot_intervals(
        [one["method"] for one in results],
        [one["macro_f1"] for one in results],
        [(one["low"], one["high"]) for one in results],
        "macro-F1 on dev, 95 % bootstrap interval by document",
        output / "quality.png",
    )


if __name__ == "__main__":
    main()
