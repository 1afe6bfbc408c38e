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
from newsgauge.model.session import OnnxSession
from newsgauge.model.stance import Correction
from newsgauge.training import remake
from newsgauge.training.bases import load_base
from newsgauge.training.export import export
from newsgauge.training.layers import SIDE_BY_SIDE, keep_layers, proportions

IDS = np.array([[2, *range(100, 140), 3]])


def states(path: Path) -> np.ndarray:
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"input_ids": IDS})[0])


def cut(source: Path, count: int, to: Path, *, read: int = 1) -> Path:
    model = onnx.load(str(source))
    keep_layers(model, count, read=read)
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
    encoder = read_manifest(source.parent)[0]["encoder"]
    layers, _, read = proportions(encoder)
    assert np.array_equal(states(cut(source, layers, tmp_path / "cut.onnx", read=read)), states(source))


@pytest.mark.parametrize("int8", [True, False])
def test_states_of_several_layers_lie_side_by_side_the_last_first(int8: bool, tiny_base: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole.onnx"
    export(load_base(str(tiny_base)), whole, int8=int8)
    both, below = cut(whole, 2, tmp_path / "both.onnx", read=2), cut(whole, 1, tmp_path / "below.onnx")
    assert np.array_equal(states(both), np.concatenate([states(whole), states(below)], axis=-1))
    weights = refuse_unsafe(both).weights
    assert weights.keys() - refuse_unsafe(whole).weights.keys() == {SIDE_BY_SIDE} and weights[SIDE_BY_SIDE][-1] == states(both).shape[-1]
    assert OnnxSession(both, 1).width == states(both).shape[-1]
    for again in (2, 1):
        assert np.array_equal(states(cut(both, 2, tmp_path / "again.onnx", read=again)), states(both if again == 2 else whole))


@pytest.mark.parametrize("read", [0, 3])
def test_layers_that_cannot_be_read_are_told(read: int, tiny_base: Path, tmp_path: Path) -> None:
    export(load_base(str(tiny_base)), tmp_path / "whole.onnx", int8=True)
    with pytest.raises(ValueError, match=f"states of {read} layers cannot be read where 2 are kept; choose 1 to 2"):
        cut(tmp_path / "whole.onnx", 2, tmp_path / "cut.onnx", read=read)


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
    origin = load(small_model).manifest["training"]["encoder"]
    assert bundle.manifest["training"]["encoder"] == origin, "how the encoder was made is handed on"
    assert "float" not in bundle.manifest["quality"], "there is no float network to compare with"
    told = "python -m newsgauge.training.remake --model fast --layers 1 --run RUN --output made --documents 5"
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert told in text and f"on an encoder made with: {origin}" in text
    assert ", 1 layers, width" in text and "The float network" not in text
    (article,) = Scorer.from_folder(folder).score_files([str(seeds / "articles" / "quarry-spill.txt")])
    assert len({sentence.label for sentence in article.sentences}) > 2


def test_heads_read_as_many_layers_as_they_are_told_to(command: Command, small_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = load(small_model).manifest["encoder"]
    size = encoder["config"]["hidden_size"]
    folder = command("--read-layers", "2", "--documents", "5", "--seed", "3")
    bundle = load(folder)
    assert bundle.encoder.width == bundle.manifest["encoder"]["width"] == 2 * size
    garble = bundle.heads.garble
    assert all(head.weight[:, part].any() for head in (garble.sentence, garble.piece) for part in (slice(size), slice(size, None)))
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert f"width {size}, the states of its 2 uppermost layers side by side" in text
    assert "--model fast --read-layers 2 --run RUN" in text
    again = load(command("--documents", "5", "--seed", "3", "--overwrite", model=folder.rename(folder.with_name("wide"))))
    assert again.encoder.width == 2 * size, "a model is remade as it is"
    back = load(command("--read-layers", "1", "--documents", "5", "--seed", "3", "--overwrite", model=folder.with_name("wide")))
    assert back.encoder.width == size and "uppermost" not in (folder / "README.md").read_text(encoding="utf-8")


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
