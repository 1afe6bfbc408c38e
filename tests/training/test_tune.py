"""The encoder tuned on somebody's own labels, with a tiny base: a model folder of any scheme, or none at all."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("onnx")
pytest.importorskip("sklearn")

from newsgauge.model.bundle import load
from newsgauge.model.errors import NewsgaugeError
from newsgauge.training import recipe
from newsgauge.training.corpora import Corpora
from newsgauge.training.job import Job
from newsgauge.training.labels import LabelledRow, read_labels
from newsgauge.training.rows import STANCE_LABELS, LabelledDocument, Row
from newsgauge.training.tune import Tuning, held_out, mixture, refuse_missing, train_encoder


@pytest.fixture(scope="module")
def few_seeds(seeds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every kind of starter data, little of each."""
    folder = tmp_path_factory.mktemp("seeds")
    (folder / "garbled").mkdir()
    sizes = {"s1": 14, "g1": 14, "garbled/r1": 14, "boilerplate": 782, "unusual": 30, "robustness": 12}
    for name, size in sizes.items():
        lines = (seeds / f"{name}.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
        (folder / f"{name}.jsonl").write_text("".join(lines[:size]), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def labels(seeds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A newsroom's rows, of a scheme of its own: five labels."""
    names = dict(zip(STANCE_LABELS, "abcd", strict=True))
    path = tmp_path_factory.mktemp("labels") / "mine.jsonl"
    with path.open("w", encoding="utf-8") as stream:
        for line in (seeds / "s3.jsonl").read_text(encoding="utf-8").splitlines()[:14]:
            article = json.loads(line)
            for i, sentence in enumerate(article["sentences"]):
                label = names[sentence["label"]] if i % 7 else "e"
                row = {"text": sentence["text"], "label": label, "document": article["id"], "position": i}
                stream.write(json.dumps(row) + "\n")
    return path


@pytest.mark.slow
def test_five_labels_are_trained_and_scored(
    few_seeds: Path, labels: Path, tiny_base: Path, small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Random weights round badly; what a trained encoder must reach is tested below.
    monkeypatch.setattr(recipe, "LEAST_COSINE", 0.5)
    output = tmp_path / "mine"
    job = Job([str(labels)], output, model=str(small_model), labels=tuple("abcde"), seeds=few_seeds, report=tmp_path / "report")
    found = train_encoder(job, Tuning(str(tiny_base), 1, 1e-3, tmp_path / "run"), quiet=True)
    bundle = load(output)
    assert bundle.heads.stance.labels == tuple("abcde")
    assert found.evaluation.figures.stance is not None
    assert any("no telling" in note for note in found.notes)
    old = load(small_model)
    assert bundle.heads.garble.chain == old.heads.garble.chain
    assert np.array_equal(bundle.heads.garble.verdict.weight, old.heads.garble.verdict.weight)
    card = (output / "README.md").read_text(encoding="utf-8")
    assert "# newsgauge model `mine`" in card and "--finetune" in card and str(tmp_path) not in card
    assert (tmp_path / "report" / "findings.csv").is_file()
    monkeypatch.setattr(recipe, "LEAST_COSINE", 1.1)
    again = Job([str(labels)], tmp_path / "off", model=str(small_model), labels=tuple("abcde"), seeds=few_seeds)
    with pytest.raises(NewsgaugeError, match="int8 encoder is off"):
        train_encoder(again, Tuning(str(tiny_base), 1, 1e-3, tmp_path / "run"), quiet=True)
    assert not (tmp_path / "off").exists()


def test_embeddings_that_are_off_fail_the_run() -> None:
    exact = np.random.default_rng(1).normal(size=(20, 8)).astype(np.float32)
    assert recipe.parity(exact, exact * 2) == pytest.approx(1)
    with pytest.raises(NewsgaugeError, match="No model was written"):
        recipe.parity(exact, exact[::-1])


def test_starter_labels_do_not_count_in_another_scheme(few_seeds: Path, labels: Path) -> None:
    rows = read_labels([str(labels)], labels=tuple("abcde"))
    train, dev = held_out(rows, seed=13)
    assert not {row.document for row in train} & {row.document for row in dev}
    corpora = mixture(train, [*dev, LabelledRow("Bad are it.", "w", garbled=True)], few_seeds, tuple("abcde"), only_mine=False)
    assert {row.stance for one in corpora.seeds + corpora.twins for row in one.rows} == {None}
    assert {row.stance for one in corpora.stance for row in one.rows} == set("abcde")
    assert [row.text for one in corpora.quality_dev for row in one.rows] == ["Bad are it."]
    assert any(row.stance for one in mixture(train, dev, few_seeds, STANCE_LABELS, only_mine=False).seeds for row in one.rows)


def test_a_label_without_a_row_to_train_on_is_refused_before_training() -> None:
    document = LabelledDocument("d", (Row("One.", "a"), Row("Two.", None)))
    refuse_missing(Corpora(stance=[document]), ["a"])
    with pytest.raises(NewsgaugeError, match="no row that is left to train on is labelled b, c"):
        refuse_missing(Corpora(stance=[document], stance_dev=[replace(document, rows=(Row("No.", "b"),))]), ["a", "b", "c"])


def test_a_base_that_cannot_be_exported_is_refused_before_training(labels: Path, small_model: Path, tmp_path: Path) -> None:
    base = tmp_path / "gpt"
    base.mkdir()
    (base / "config.json").write_text('{"model_type": "gpt2"}')
    job = Job([str(labels)], tmp_path / "out", model=str(small_model), labels=tuple("abcde"))
    with pytest.raises(NewsgaugeError, match="gpt2"):
        train_encoder(job, Tuning(str(base), 1, 1e-3, None), quiet=True)
    assert list(tmp_path.iterdir()) == [base]
