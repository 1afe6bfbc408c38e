"""A model made anew on the encoder of another: the weights stay, upper layers can go, the heads are fitted again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("onnx")

import onnx
import onnxruntime as ort

from newsgauge.model.bundle import load, read_manifest, shipped_models
from newsgauge.model.graph import refuse_unsafe
from newsgauge.model.heads import LinearHead
from newsgauge.model.scorer import Scorer
from newsgauge.model.stance import Correction
from newsgauge.training import remake
from newsgauge.training.bases import load_base
from newsgauge.training.export import export
from newsgauge.training.shorten import keep_layers

IDS = np.array([[2, *range(100, 140), 3]])


def states(path: Path) -> np.ndarray:
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"input_ids": IDS})[0])


def cut(source: Path, count: int, to: Path) -> Path:
    model = onnx.load(str(source))
    keep_layers(model, count)
    onnx.save(model, str(to))
    return to


@pytest.mark.parametrize("int8", [True, False])
def test_a_cut_graph_is_that_of_a_network_with_fewer_layers(int8: bool, tiny_base: Path, tmp_path: Path) -> None:
    whole, short = tmp_path / "whole.onnx", tmp_path / "short.onnx"
    export(load_base(str(tiny_base)), whole, int8=int8)
    export(load_base(str(tiny_base), layers=[0]), short, int8=int8)
    made = cut(whole, 1, tmp_path / "cut.onnx")
    assert np.array_equal(states(made), states(short)) and not np.array_equal(states(made), states(whole))
    assert refuse_unsafe(made).weights.keys() == refuse_unsafe(short).weights.keys(), "and nothing of the upper layers is kept"


@pytest.mark.parametrize("name", ["fast", "default"])
def test_a_shipped_encoder_with_all_its_layers_says_the_same(name: str, tmp_path: Path) -> None:
    source = shipped_models() / name / "encoder.onnx"
    layers = read_manifest(source.parent)[0]["encoder"]["config"]["num_hidden_layers"]
    assert np.array_equal(states(cut(source, layers, tmp_path / "cut.onnx")), states(source))


@pytest.mark.parametrize("count", [0, -1, 3])
def test_layers_that_are_not_there_are_told(count: int, tiny_base: Path, tmp_path: Path) -> None:
    export(load_base(str(tiny_base)), tmp_path / "whole.onnx", int8=True)
    with pytest.raises(ValueError, match=f"{count} layers cannot be kept of an encoder that has 2; choose 1 to 2"):
        cut(tmp_path / "whole.onnx", count, tmp_path / "cut.onnx")


Command = Callable[..., Path]


@pytest.fixture(scope="module")
def few_seeds(first_of: Callable[[dict[str, int]], Path]) -> Path:
    return first_of({"s1": 30, "g1": 30, "n1": 9, "boilerplate": 60, "robustness": 20})


@pytest.fixture
def command(few_seeds: Path, small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Remakes the quicker model on few data with further options; gives the folder that was written."""

    def run(*more: str, model: Path = small_model) -> Path:
        output = tmp_path / "made"
        options = ["--model", model, "--seeds", few_seeds, "--run", tmp_path / "run", "--output", output, *more]
        monkeypatch.setattr("sys.argv", ["remake", *map(str, options)])
        remake.main()
        return output

    return run


def test_a_shorter_model_keeps_its_weights_and_scores(command: Command, small_model: Path, seeds: Path) -> None:
    folder = command("--layers", "1", "--documents", "5", "--seed", "3")
    old, new = (refuse_unsafe(path / "encoder.onnx").weights for path in (small_model, folder))
    assert len(new) < len(old) and all(np.array_equal(values, old[name]) for name, values in new.items())
    bundle = load(folder)
    assert bundle.manifest["encoder"]["config"]["num_hidden_layers"] == 1
    assert bundle.manifest["training"]["from"] == load(small_model).identity
    assert "float" not in bundle.manifest["quality"], "there is no float network to compare with"
    told = "python -m newsgauge.training.remake --model fast --layers 1 --run RUN --output made --documents 5"
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert told in text and f"on the encoder of `{load(small_model).identity}`" in text
    assert ", 1 layers, width" in text and "The float network" not in text
    (article,) = Scorer.from_folder(folder).score_files([str(seeds / "articles" / "quarry-spill.txt")])
    assert len({sentence.label for sentence in article.sentences}) > 2


def test_news_from_many_countries_is_learned_from_on_demand_only(command: Command) -> None:
    heads = []
    for more in ((), ("--learn-world",)):
        folder = command("--documents", "5", "--seed", "3", "--overwrite", *more)
        heads.append(load(folder).heads)
        assert ("--unusual-weight 4 --learn-world --seed 3" in (folder / "README.md").read_text(encoding="utf-8")) == bool(more)
    assert not np.array_equal(heads[0].garble.sentence.weight, heads[1].garble.sentence.weight)
    assert np.array_equal(heads[0].stance.head.weight, heads[1].stance.head.weight)


@pytest.mark.parametrize("said", [False, True])
def test_with_all_layers_the_old_heads_are_candidates(
    said: bool, command: Command, small_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers = load(small_model).manifest["encoder"]["config"]["num_hidden_layers"]
    given: dict[str, Any] = {}
    assemble = remake.assemble

    def spied(*args: Any, **options: Any) -> Any:
        given.update(options)
        return assemble(*args, **options)

    monkeypatch.setattr(remake, "assemble", spied)
    folder = command(*(("--layers", str(layers)) if said else ()))
    heads = load(small_model).heads
    assert np.array_equal(given["trained"]["stance"].weight, heads.stance.head.weight)
    assert np.array_equal(given["trained"]["piece"].weight, heads.garble.piece.weight)
    assert (folder / "encoder.onnx").read_bytes() == (small_model / "encoder.onnx").read_bytes()


def test_a_model_that_does_not_tell_its_layers_is_one_line(command: Command, small_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "untold"
    shutil.copytree(small_model, folder)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    del manifest["encoder"]["config"]
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(SystemExit, match=r"No model was written: .*untold.* incomplete or senseless .KeyError: 'config'"):
        command(model=folder)
    assert not (tmp_path / "made").exists()


def test_what_cannot_be_remade_is_one_line_and_nothing_is_written(
    command: Command, small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit, match="No model was written: 9 layers cannot be kept"):
        command("--layers", "9")
    with pytest.raises(SystemExit, match=r"No model was written: .*nowhere"):
        command(model=tmp_path / "nowhere")
    bundle = load(small_model)
    correction = Correction(LinearHead.zeros(4, 3 * bundle.encoder.width), None)
    object.__setattr__(bundle.heads.stance, "corrections", (correction,))
    monkeypatch.setattr(remake, "load", lambda folder: bundle)
    with pytest.raises(SystemExit, match="was retrained on labels of its own, which would be lost"):
        command()
    assert not (tmp_path / "made").exists()
    (tmp_path / "made").mkdir()
    with pytest.raises(SystemExit, match="made exists; choose another folder or add --overwrite"):
        command()
