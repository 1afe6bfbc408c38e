"""Every check of a model folder, with a model that is loaded in a moment: what it lets through, what not, and its whole message."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from newsgauge.model import bundle
from newsgauge.model.bundle import (
    HEADS,
    MANIFEST,
    check_labels,
    digest,
    find,
    load,
    read_manifest,
    read_scheme,
    save,
    shipped_models,
    verify,
)
from newsgauge.model.errors import BundleError
from newsgauge.model.quality import VERDICT_FEATURES
from newsgauge.model.signs import KINDS
from newsgauge.model.windows import WindowShape

from ..conftest import TALLY
from .conftest import corrected, save_small, small_heads

WINDOW = {"tokens": 100, "before": 5, "after": 4, "sentence": 50}
ENTRY = {"kind": "onnx", "file": "encoder.onnx", "tokenizer": "tokenizer.json", "width": 4, "window": WINDOW}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """With what the encoder was loaded; it has width 4."""
    found: list[tuple[Any, ...]] = []

    def load_encoder(graph: Path, tokenizer: Path, *, shape: WindowShape, threads: int | None, runtime: str) -> Any:
        found.append((graph, tokenizer, shape, threads))
        return SimpleNamespace(width=4)

    monkeypatch.setattr(bundle, "OnnxEncoder", load_encoder)
    return found


@pytest.fixture
def model(tmp_path: Path, asked: list[tuple[Any, ...]]) -> Path:
    save_small(tmp_path / "mine", tmp_path / "source", encoder=ENTRY, about={"training": {"note": "é"}})
    return tmp_path / "mine"


def edit(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    manifest = json.loads((folder / MANIFEST).read_bytes())
    change(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest))


def new_heads(folder: Path, change: Callable[[dict[str, np.ndarray]], Any]) -> None:
    arrays = load_file(folder / HEADS)
    change(arrays)
    save_file(arrays, folder / HEADS)
    edit(folder, lambda manifest: manifest["files"].update({HEADS: digest(folder / HEADS)}))


def refusal(folder: Path | str) -> str:
    with pytest.raises(BundleError) as caught:
        load(folder)
    TALLY["models refused"] += 1
    return str(caught.value)


# What is let through


def test_the_encoder_is_loaded_with_what_the_manifest_says(model: Path, asked: list[tuple[Any, ...]]) -> None:
    found = load(model, threads=3)
    load(str(model))
    expected = (model / "encoder.onnx", model / "tokenizer.json", WindowShape(**WINDOW))
    assert asked == [(*expected, 3), (*expected, None)]
    assert found.encoder.width == 4
    assert found.manifest == json.loads((model / MANIFEST).read_bytes())
    assert found.identity == "mine@" + hashlib.sha256((model / MANIFEST).read_bytes()).hexdigest()[:12]


def test_a_model_is_called_by_the_name_of_its_folder_however_it_is_given(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(model)
    assert load(".").identity == load(model).identity
    (model.parent / "other").symlink_to(model)
    assert load(model.parent / "other").identity == load(model).identity


def test_what_a_manifest_may_say_at_most(model: Path) -> None:
    def extreme(manifest: dict[str, Any]) -> None:
        manifest["labels"] = ["a", "b" * 100]
        manifest["stance"] = {"temperature": 1e-3, "confident_from": 1e6}
        manifest["garbled"]["threshold"] = -1e6
        manifest["content"]["threshold"] = 1
        manifest["garbled"]["chain"] |= {"shortest": 2.0, "reach": 16}

    edit(model, extreme)
    new_heads(model, lambda arrays: arrays.update({"stance.weight": np.ones((2, 4), np.float32), "stance.bias": np.ones(2, np.float32)}))
    heads = load(model).heads
    assert heads.stance.labels == ("a", "b" * 100)
    assert (heads.stance.temperature, heads.stance.confident_from) == (1e-3, 1e6)
    assert (heads.garble.threshold, heads.content.threshold, heads.garble.chain.shortest, heads.garble.chain.reach) == (-1e6, 1.0, 2, 16)
    assert isinstance(heads.content.threshold, float) and isinstance(heads.garble.chain.shortest, int)


def test_a_manifest_of_the_largest_size_is_read_and_one_byte_more_is_not(model: Path) -> None:
    data = (model / MANIFEST).read_bytes()
    (model / MANIFEST).write_bytes(data + b" " * (bundle.LARGEST_MANIFEST - len(data)))
    assert load(model).heads.stance.labels == small_heads().stance.labels
    with (model / MANIFEST).open("ab") as more:
        more.write(b" ")
    assert refusal(model) == f"{model / MANIFEST} is over 1048576 bytes; expected the manifest of a model folder."


def test_a_file_of_the_largest_size_is_read_and_one_byte_more_is_not(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    largest = max((model / name).stat().st_size for name in ("encoder.onnx", "tokenizer.json", "README.md", HEADS))
    monkeypatch.setattr(bundle, "LARGEST_FILE", largest)
    load(model)
    monkeypatch.setattr(bundle, "LARGEST_FILE", largest - 1)
    assert refusal(model) == f"{model / HEADS} has {largest:,} bytes; expected at most {largest - 1:,}. Do not use this model."


def test_the_labels_are_read_without_the_rest(model: Path) -> None:
    assert read_scheme(model, {"labels": ["b", "a"]}) == ("b", "a")
    with pytest.raises(BundleError) as caught:
        read_scheme(model, {})
    again = "restore it or train the model again."
    assert str(caught.value) == f"{model / MANIFEST} is incomplete or senseless (KeyError: 'labels'); {again}"


@pytest.mark.parametrize("label", ["", "=a", "+a", "-a", "@a", "'a", "a\u202e", 1, None, b"a"])
def test_a_label_is_printable_text_that_begins_with_no_sign(label: object) -> None:
    check_labels(["a=+-@'a", "b", "c"])
    for labels in (["b", label], [label, "b"]):
        with pytest.raises(ValueError, match=r"^a label is .*; expected printable text of at most 100 characters, no sign first$"):
            check_labels(labels)


def test_a_digest_is_that_of_every_byte(tmp_path: Path) -> None:
    data = bytes(range(256)) * 5000
    (tmp_path / "file").write_bytes(data)
    assert digest(tmp_path / "file") == hashlib.sha256(data).hexdigest()


def test_a_model_is_looked_for_among_the_shipped_ones_by_its_bare_name_alone(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shipped_models() == Path(bundle.__file__).resolve().parents[1] / "models"
    shipped = tmp_path / "shipped"
    monkeypatch.setattr(bundle, "shipped_models", lambda: shipped)
    monkeypatch.chdir(tmp_path)
    told = f"No model 'yours': expected a folder with a {MANIFEST}, or one of the shipped models: "
    assert refusal("yours") == told + "none."
    for name in ("b", "a"):
        (shipped / name).mkdir(parents=True)
        (shipped / name / MANIFEST).write_text("{}")
    (shipped / "none").mkdir()
    assert refusal("yours") == told + "a, b."
    assert find("a") == shipped / "a"
    assert find("mine") == Path("mine")
    assert find(str(model)) == model
    shutil.copytree(model, tmp_path / "b")
    assert find("b") == shipped / "b"
    assert find("./b") == Path("b") or find("./b") == Path("./b")


# What is refused


AGAIN = "restore it or train the model again."


def test_the_messages_of_a_manifest(model: Path) -> None:
    path = model / MANIFEST
    good = path.read_bytes()
    for content, told in (
        (b"{", f"{path} is not valid JSON (Expecting property name enclosed in double quotes: line 1 column 2 (char 1)); restore"),
        (b"[]", f"{path} has no format version; expected the manifest of a model folder."),
        (b'{"format": "1"}', f"{path} has no format version; expected the manifest of a model folder."),
        (b'{"format": 1}', f"{path} has format 1; this version reads format 2. The model is of an earlier version; train it again."),
        (b'{"format": 3}', f"{path} has format 3; this version reads format 2. Upgrade newsgauge."),
        (b'{"format": 2}', f"{path} lists no files; restore the folder or train the model again."),
        (b'{"format": 2, "files": {}}', f"{path} lists no files; restore the folder or train the model again."),
        (b'{"format": 2, "files": ["a"]}', f"{path} lists no files; restore the folder or train the model again."),
    ):
        path.write_bytes(content)
        assert refusal(model).startswith(told), content
    path.write_bytes(b"{")
    assert refusal(model).endswith("; restore the folder or train the model again.")
    path.unlink()
    with pytest.raises(BundleError) as caught:
        read_manifest(model)
    assert str(caught.value) == f"{path} cannot be read (No such file or directory); expected a model folder."
    (model.parent / "elsewhere").write_bytes(good)
    path.symlink_to(model.parent / "elsewhere")
    assert refusal(model) == f"{path} is a link, not a plain file of the folder; copy the model with its files, or do not use it."


def test_the_messages_of_a_file(model: Path) -> None:
    path = model / "tokenizer.json"
    path.write_text("changed")
    assert refusal(model) == f"{path} is not the file that the manifest describes (its SHA-256 differs); {AGAIN}"
    path.unlink()
    assert refusal(model) == f"{path} is missing from the model; restore the folder or train the model again."
    path.symlink_to(model / "README.md")
    outside = "which is not a plain file of the folder; do not use this model."
    assert refusal(model) == f"{model / MANIFEST} names 'tokenizer.json', {outside}"
    manifest = {"files": {"../source/tokenizer.json": digest(model.parent / "source" / "tokenizer.json")}}
    with pytest.raises(BundleError) as caught:
        verify(model, manifest)
    assert str(caught.value) == f"{model / MANIFEST} names '../source/tokenizer.json', {outside}"


def test_a_later_file_is_looked_at_as_well(model: Path) -> None:
    *others, last = json.loads((model / MANIFEST).read_bytes())["files"]
    assert others
    (model / last).write_text("changed")
    assert f"{model / last} is not the file" in refusal(model)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda m: m["encoder"].update(kind="torch"), "{path} asks for an encoder of kind 'torch'; expected onnx. Train the model again."),
        (lambda m: m["encoder"].update(width=5), "The encoder of {folder} makes embeddings of width 4; its manifest says 5."),
        (
            lambda m: m["encoder"].update(file="a", tokenizer="b"),
            "The manifest uses 'a', 'b' without listing its SHA-256; do not use this model.",
        ),
        (
            lambda m: m["encoder"].update(tokenizer="b"),
            "The manifest uses 'b' without listing its SHA-256; do not use this model.",
        ),
        (lambda m: m["files"].pop(HEADS), f"The manifest uses '{HEADS}' without listing its SHA-256; do not use this model."),
        (lambda m: m.pop("encoder"), "{path} is incomplete or senseless (KeyError: 'encoder'); {again}"),
        (lambda m: m.pop("content"), "{path} is incomplete or senseless (KeyError: 'content'); {again}"),
        (lambda m: m.update(encoder=3), "{path} is incomplete or senseless (TypeError: 'int' object is not subscriptable); {again}"),
        (
            lambda m: m["stance"].update(temperature=9e-4),
            "{path} is incomplete or senseless (ValueError: the temperature is 0.0009; expected at least 0.001); {again}",
        ),
        (
            lambda m: m["stance"].update(temperature=1000001),
            "{path} is incomplete or senseless (ValueError: temperature is 1000001; expected a number between -1e+06 and 1e+06); {again}",
        ),
        (
            lambda m: m["stance"].update(confident_from="x" * 90),
            "{path} is incomplete or senseless (ValueError: confident_from is '"
            + "x" * 49
            + "; expected a number between -1e+06 and 1e+06); {again}",
        ),
        (
            lambda m: m["stance"].update(gates=[True] * 17),
            "{path} is incomplete or senseless (ValueError: gates are [True, True, True, True, True, True, True, True, T; "
            "expected a list of at most 16 truth values); {again}",
        ),
        (
            lambda m: m["stance"].update(gates=[1]),
            "{path} is incomplete or senseless (ValueError: gates are [1]; expected a list of at most 16 truth values); {again}",
        ),
        (
            lambda m: m["stance"].update(gates="no"),
            "{path} is incomplete or senseless (ValueError: gates are 'no'; expected a list of at most 16 truth values); {again}",
        ),
        (
            lambda m: m["garbled"].update(signs=["odd"]),
            "{path} is incomplete or senseless (ValueError: signs are ['odd']; "
            f"this version of newsgauge knows {list(KINDS)!r}); {{again}}",
        ),
        (
            lambda m: m["garbled"].update(verdict_features=[]),
            "{path} is incomplete or senseless (ValueError: verdict_features are []; "
            f"this version of newsgauge knows {list(VERDICT_FEATURES)!r}); {{again}}",
        ),
        (
            lambda m: m.update(labels=["a", "\n" * 200]),
            "{path} is incomplete or senseless (ValueError: a label is '"
            + "\\n" * 59
            + "\\; expected printable text of at most 100 characters, no sign first); {again}",
        ),
        (
            lambda m: m.update(labels=["a", "b" * 101]),
            "{path} is incomplete or senseless (ValueError: a label is '"
            + "b" * 101
            + "'; expected printable text of at most 100 characters, no sign first); {again}",
        ),
        (
            lambda m: m.update(labels=["garbled", "+"]),
            "{path} is incomplete or senseless (ValueError: a label is '+'; "
            "expected printable text of at most 100 characters, no sign first); {again}",
        ),
        (
            lambda m: m.update(labels=["a", "Share_" + "b" * 94]),
            "{path} is incomplete or senseless (ValueError: a label is 'Share_"
            + "b" * 94
            + "', which is the name of a column in the tables; expected another name); {again}",
        ),
        (
            lambda m: m.update(labels=["a", "a"]),
            "{path} is incomplete or senseless (ValueError: the labels are ('a', 'a'); expected two or more different names); {again}",
        ),
        (
            lambda m: m.update(labels=["a"]),
            "{path} is incomplete or senseless (ValueError: the labels are ('a',); expected two or more different names); {again}",
        ),
        (
            lambda m: m.update(labels=["b" * 99] * 3),
            "{path} is incomplete or senseless (ValueError: the labels are ('"
            + "b" * 99
            + "', '"
            + "b" * 95
            + "; expected two or more different names); {again}",
        ),
    ],
)
def test_the_message_of_a_setting(model: Path, change: Callable[[dict[str, Any]], Any], told: str) -> None:
    edit(model, change)
    assert refusal(model) == told.format(path=model / MANIFEST, folder=model, again=AGAIN)


@pytest.mark.parametrize("name", ["stance", "garbled", "content", "labels", "encoder"])
def test_a_setting_is_read_from_its_own_section(model: Path, name: str) -> None:
    edit(model, lambda manifest: manifest.pop(name))
    assert f"KeyError: '{name}'" in refusal(model)


@pytest.mark.parametrize("name", ["threshold", "piece_threshold", "chain", "signs", "verdict_features", "verdict_threshold"])
def test_every_setting_of_the_garbled_head_is_needed(model: Path, name: str) -> None:
    edit(model, lambda manifest: manifest["garbled"].pop(name))
    assert f"KeyError: '{name}'" in refusal(model)


def test_a_chain_of_an_earlier_release_looks_at_the_next_sentence_alone(model: Path) -> None:
    edit(model, lambda manifest: manifest["garbled"]["chain"].pop("reach"))
    assert load(model).heads.garble.chain.reach == 1


@pytest.mark.parametrize("name", ["stance", "garbled", "signs", "piece", "verdict", "content"])
def test_every_head_has_its_own_shape(model: Path, name: str) -> None:
    inputs = {"signs": len(KINDS), "verdict": len(VERDICT_FEATURES)}.get(name, 4)
    outputs = 4 if name == "stance" else 1
    for shape in ((outputs + 1, inputs), (outputs, inputs + 1)):
        new_heads(model, lambda arrays, shape=shape: arrays.update({f"{name}.weight": np.zeros(shape, np.float32)}))
        assert refusal(model) == (
            f"{model / HEADS}: The head {name!r} has weights of shape {shape}; expected {(outputs, inputs)}. "
            "Restore the file or train the model again."
        )


@pytest.mark.parametrize(("name", "outputs"), [("shift.1", 4), ("gate.1", 1)])
def test_a_correction_reads_three_embeddings(tmp_path: Path, asked: list[tuple[Any, ...]], name: str, outputs: int) -> None:
    save_small(tmp_path / "mine", tmp_path / "source", heads=corrected(small_heads()), encoder=ENTRY)
    for shape in ((outputs, 4), (outputs + 1, 12)):
        new_heads(tmp_path / "mine", lambda arrays, shape=shape: arrays.update({f"{name}.weight": np.zeros(shape, np.float32)}))
        assert refusal(tmp_path / "mine") == (
            f"{tmp_path / 'mine' / HEADS}: The head {name!r} has weights of shape {shape}; expected {(outputs, 12)}. "
            "Restore the file or train the model again."
        )


def test_a_folder_from_before_corrections_has_none(model: Path) -> None:
    edit(model, lambda manifest: manifest["stance"].pop("gates"))
    assert load(model).heads.stance.corrections == ()


def test_a_heads_file_of_another_kind_is_named(model: Path) -> None:
    (model / HEADS).write_bytes(b"pickle")
    edit(model, lambda manifest: manifest["files"].update({HEADS: digest(model / HEADS)}))
    told = refusal(model)
    assert told.startswith(f"{model / HEADS} is not a safetensors file (") and told.endswith(f"); {AGAIN}")


# Saving


def test_a_saved_manifest_is_readable_text_with_everything_in_its_place(model: Path) -> None:
    text = (model / MANIFEST).read_text(encoding="utf-8")
    manifest = json.loads(text)
    assert text == json.dumps(manifest, indent=1, ensure_ascii=False) + "\n" and "é" in text
    assert list(manifest) == ["format", "labels", "stance", "garbled", "content", "encoder", "training", "files"]
    assert manifest["format"] == 2 and manifest["encoder"] == ENTRY
    assert manifest["stance"] == {"temperature": 1.25, "confident_from": 0.625, "gates": []} and manifest["content"] == {"threshold": 0.375}
    assert list(manifest["garbled"]) == [
        *("threshold", "piece_threshold", "chain", "signs", "verdict_features", "verdict_threshold", "suspect_from", "translation_units")
    ]
    assert [manifest["garbled"][name] for name in ("threshold", "piece_threshold", "verdict_threshold")] == [0.25, 0.125, 0.75]
    assert manifest["files"] == {name: digest(model / name) for name in sorted(("README.md", "encoder.onnx", HEADS, "tokenizer.json"))}
    assert sorted(load_file(model / HEADS)) == sorted(
        f"{head}.{part}"
        for head in ("stance", "garbled", "signs", "piece", "verdict", "content", "translation.hidden", "translation.output")
        for part in ("weight", "bias")
    )


def test_a_model_is_written_beside_its_place_and_every_file_is_on_disk_before_it_is_put_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    replace, fsync, copyfile = os.replace, os.fsync, shutil.copyfile

    def noting_replace(source: Path, target: Path) -> None:
        steps.append("put" if target == tmp_path / "deep" / "er" / "mine" else "away")
        assert source.parent == tmp_path / "deep" / "er"
        replace(source, target)

    def noting_fsync(descriptor: int) -> None:
        steps.append("synced")
        fsync(descriptor)

    def noting_copyfile(source: Path, target: Path) -> None:
        assert target.parent.parent == tmp_path / "deep" / "er" and target.parent.name.startswith(".mine-")
        steps.append("copied")
        copyfile(source, target)

    monkeypatch.setattr(os, "replace", noting_replace)
    monkeypatch.setattr(os, "fsync", noting_fsync)
    monkeypatch.setattr(shutil, "copyfile", noting_copyfile)
    folder = tmp_path / "deep" / "er" / "mine"
    save_small(folder, tmp_path / "source")
    assert steps == ["copied"] * 2 + ["synced"] * 5 + ["put"]
    steps.clear()
    save_small(folder, tmp_path / "source", overwrite=True)
    assert steps == ["copied"] * 2 + ["synced"] * 5 + ["away", "put"]
    assert [path.name for path in folder.parent.iterdir()] == ["mine"]


def test_the_old_model_waits_beside_its_place_under_a_hidden_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    replace = os.replace

    def noting(source: Path, target: Path) -> None:
        if source.name == "mine":
            seen.append(f"{target.parent.name[:10]}/{target.name}")
            assert target.parent.parent == tmp_path
        replace(source, target)

    save_small(tmp_path / "mine", tmp_path / "source")
    monkeypatch.setattr(os, "replace", noting)
    save_small(tmp_path / "mine", tmp_path / "source", overwrite=True)
    assert seen == [".mine-old-/model"]


def test_what_cannot_be_removed_afterwards_does_not_spoil_a_saved_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = shutil.rmtree

    def stubborn(path: Path, ignore_errors: bool = False) -> None:
        if not ignore_errors:
            raise PermissionError(path)
        real(path)

    save_small(tmp_path / "mine", tmp_path / "source", card="old")
    monkeypatch.setattr(shutil, "rmtree", stubborn)
    save_small(tmp_path / "mine", tmp_path / "source", card="new", overwrite=True)
    assert (tmp_path / "mine" / "README.md").read_text() == "new"
    with pytest.raises(FileNotFoundError):
        save_small(tmp_path / "other", tmp_path / "source", card="new", files={"encoder.onnx": tmp_path / "nowhere"})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "source"]


def test_the_messages_of_saving(tmp_path: Path) -> None:
    save_small(tmp_path / "mine", tmp_path / "source")
    with pytest.raises(BundleError) as caught:
        save_small(tmp_path / "mine", tmp_path / "source")
    assert str(caught.value) == f"{tmp_path / 'mine'} exists; choose another folder or ask for overwriting."
    heads = small_heads()
    object.__setattr__(heads.stance, "labels", ("a", "b", "c", "c"))
    with pytest.raises(BundleError) as caught:
        save(tmp_path / "new", heads=heads, encoder={}, files={}, about={}, card="")
    told = f"{tmp_path / 'new'} was not written: the labels are ('a', 'b', 'c', 'c'); expected two or more different names."
    assert str(caught.value) == f"{told} Choose other labels."
