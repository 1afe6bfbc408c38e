"""The whole recipe on the starter data alone, with a tiny base: labels in, model folder out."""

from __future__ import annotations

import json
import shutil
from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("onnx")
pytest.importorskip("sklearn")

from newsgauge.model.bundle import load
from newsgauge.model.document import Document
from newsgauge.model.results import ArticleScore
from newsgauge.model.scorer import Scorer
from newsgauge.training import recipe
from newsgauge.training.corpora import Corpora
from newsgauge.training.rows import STANCE_LABELS, LabelledDocument, Row


def make(base: Path, seeds: Path, run: Path, output: Path, *more: str) -> None:
    options = ["--base", base, "--seeds", seeds, "--run", run, "--output", output, "--epochs", "1", *more]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["recipe", *map(str, options)])
        recipe.main()


@pytest.fixture(scope="module")
def made(tiny_base: Path, seeds: Path, tmp_path_factory: pytest.TempPathFactory) -> Namespace:
    folder = tmp_path_factory.mktemp("recipe")
    make(tiny_base, seeds, folder / "run", folder / "models" / "toy", "--base-name", "tiny-random")
    return Namespace(run=folder / "run", model=folder / "models" / "toy")


def strict(text: str) -> Any:
    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.slow
def test_the_model_folder_is_accepted_and_scores(made: Namespace, seeds: Path) -> None:
    bundle = load(made.model)
    assert bundle.identity.startswith("toy@")
    assert bundle.heads.stance.labels == STANCE_LABELS
    path = seeds / "articles" / "quarry-spill.txt"
    (article,) = Scorer.from_folder(made.model).score_files([str(path)])
    assert isinstance(article, ArticleScore)
    text = path.read_text(encoding="utf-8")
    assert all(text[sentence.start : sentence.end] == sentence.text for sentence in article.sentences)
    for sentence in article.sentences:
        if sentence.probabilities is not None:
            assert sum(sentence.probabilities.values()) == pytest.approx(1.0, abs=1e-3)
            assert sentence.label == max(sentence.probabilities, key=lambda label: (sentence.probabilities or {})[label])
    assert sum(article.stance.values()) > len(article.sentences) / 2, "most of an article is no boilerplate"
    assert article.machine_translated is not None


@pytest.mark.slow
def test_the_manifest_is_strict_json_and_names_every_file(made: Namespace) -> None:
    manifest = strict((made.model / "manifest.json").read_text(encoding="utf-8"))
    assert set(manifest["files"]) == {path.name for path in made.model.iterdir()} - {"manifest.json"}
    plots = {"reliability.png", "risk_coverage.png"}
    assert set(manifest["files"]) == {"README.md", "encoder.onnx", "heads.safetensors", "tokenizer.json", *plots}
    assert all((made.model / name).read_bytes().startswith(b"\x89PNG") for name in plots)
    assert manifest["training"]["rows"]["seeds"] > manifest["training"]["rows"]["seeds_dev"] > 0
    assert manifest["encoder"]["base"] == "tiny-random"
    assert 0 < manifest["quality"]["stance"]["macro_f1"] < 1
    assert manifest["quality"]["float"]["cosine"] > 0.95
    assert not [path for path in made.model.parent.iterdir() if path != made.model], "no debris beside the model"


@pytest.mark.slow
def test_the_figures_of_each_epoch_are_strict_json(made: Namespace) -> None:
    (line,) = (made.run / "epochs.jsonl").read_text(encoding="utf-8").splitlines()
    figures = strict(line)
    assert figures["epoch"] == 0
    assert 0 <= figures["seeds"]["macro_f1"] <= 1
    assert 0 <= figures["twins"]["garbled_auroc"] <= 1


@pytest.mark.slow
def test_the_card_says_how_it_was_made_and_how_good_it_is(made: Namespace, tiny_base: Path) -> None:
    card = (made.model / "README.md").read_text(encoding="utf-8")
    manifest = json.loads((made.model / "manifest.json").read_text(encoding="utf-8"))
    assert "python -m newsgauge.training.recipe --base tiny-random" in card
    assert "--epochs 1" in card
    assert f"macro-F1 {manifest['quality']['stance']['macro_f1']:.3f}" in card
    assert str(tiny_base.parent) not in card, "no path of this machine"
    assert str(made.run.parent) not in card
    assert "nan" not in card.lower().split(), "what was not measured is not a figure"
    assert "nan%" not in card.lower()


@pytest.mark.slow
def test_a_second_run_resumes_and_ends_with_the_same_figures(
    made: Namespace, tiny_base: Path, seeds: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(made.run, tmp_path / "run")
    make(tiny_base, seeds, tmp_path / "run", tmp_path / "toy", "--base-name", "tiny-random")
    assert "Resumed" in caplog.text
    assert not [record for record in caplog.records if record.message.startswith("step ")], "no step is trained again"
    first, second = (json.loads((folder / "manifest.json").read_text(encoding="utf-8")) for folder in (made.model, tmp_path / "toy"))
    assert second["quality"]["stance"] == first["quality"]["stance"]
    assert second["files"]["encoder.onnx"] == first["files"]["encoder.onnx"]
    assert second["files"]["heads.safetensors"] == first["files"]["heads.safetensors"]


@pytest.mark.slow
def test_an_article_is_scored_alike_by_the_same_model_loaded_twice(made: Namespace) -> None:
    document = Document.from_text("The minister denied it. Nine people were hurt, the police said.")
    one, two = (Scorer.from_folder(made.model).score(document) for _ in range(2))
    assert one == two


def test_an_existing_model_is_refused_before_anything_is_trained(seeds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = tmp_path / "model"
    output.mkdir()
    monkeypatch.setattr(recipe, "fine_tuned", lambda *_: pytest.fail("training started"))
    with pytest.raises(SystemExit) as refused:
        make(tmp_path / "base", seeds, tmp_path / "run", output)
    assert str(output) in str(refused.value)
    assert "--overwrite" in str(refused.value)
    assert not (tmp_path / "run").exists()


def test_missing_corpora_are_one_line_before_anything_is_trained(seeds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "fine_tuned", lambda *_: pytest.fail("training started"))
    with pytest.raises(SystemExit, match=r"Nothing was trained: .*nowhere lacks stance/train.jsonl, "):
        make(tmp_path / "base", seeds, tmp_path / "run", tmp_path / "model", "--corpora", str(tmp_path / "nowhere"))


def test_overwrite_lets_the_run_begin(seeds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = tmp_path / "model"
    output.mkdir()
    begun = []
    monkeypatch.setattr(recipe, "fine_tuned", lambda options, corpora: begun.append("trained"))
    monkeypatch.setattr(recipe, "package", lambda options, corpora, encoder: begun.append("packaged"))
    make(tmp_path / "base", seeds, tmp_path / "run", output, "--overwrite")
    assert begun == ["trained", "packaged"]


def test_a_checkpoint_knows_its_data_by_all_that_is_in_it() -> None:
    document = LabelledDocument("d", (Row("One.", "denial", origin="a"), Row("Two.", None)))
    known = recipe.digest_of(Corpora(stance=[document]), STANCE_LABELS)
    assert known == recipe.digest_of(
        Corpora(stance=[replace(document, rows=(Row("One.", "denial", origin="b"), Row("Two.")))]), STANCE_LABELS
    )
    others = [
        (Corpora(stance=[replace(document, rows=(Row("One.", "evidence"), Row("Two.")))]), STANCE_LABELS),
        (Corpora(stance_dev=[document]), STANCE_LABELS),
        (Corpora(stance=[replace(document, before="Zero.")]), STANCE_LABELS),
        (Corpora(stance=[document]), ("denial", "evidence")),
    ]
    assert len({known, *(recipe.digest_of(corpora, labels) for corpora, labels in others)}) == 5


def test_what_was_not_measured_becomes_null() -> None:
    figures = {"auroc": float("nan"), "by_corpus": {"a": [0.5, float("nan")]}, "name": "nan", "rows": 3}
    assert recipe.without_nan(figures) == {"auroc": None, "by_corpus": {"a": [0.5, None]}, "name": "nan", "rows": 3}


def test_the_told_command_makes_the_same_model(tmp_path: Path) -> None:
    given = [
        "--base",
        str(tmp_path / "minilm"),
        "--layers",
        "0,2",
        "--frozen",
        "1",
        "--batch",
        "512",
        "--run",
        str(tmp_path / "run"),
        "--output",
        str(tmp_path / "out" / "toy"),
    ]
    options = recipe.parser().parse_args([*given, "--epochs", "7", "--seed", "5", "--learning-rate", "0.001"])
    told = recipe.reproduction(options)
    assert str(tmp_path) not in told
    again = recipe.parser().parse_args(told.split()[3:])
    for name in ("layers", "frozen", "batch", "epochs", "seed", "learning_rate", "window"):
        assert getattr(again, name) == getattr(options, name)
    assert (again.base, again.output.name) == ("minilm", "toy")
