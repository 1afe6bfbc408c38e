"""A model folder: what is saved comes back the same, and what was changed is refused with a reason and a remedy."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from newsgauge.model import bundle
from newsgauge.model.bundle import (
    FORMAT,
    HEADS,
    LARGEST_MANIFEST,
    MANIFEST,
    Bundle,
    Heads,
    digest,
    find,
    head_arrays,
    head_settings,
    load,
    read_manifest,
    save,
    shipped_models,
    verify,
)
from newsgauge.model.document import Document
from newsgauge.model.errors import BundleError
from newsgauge.model.heads import LinearHead
from newsgauge.model.scorer import Scorer
from newsgauge.model.stance import StanceHead

from ..conftest import TALLY, injected
from .conftest import corrected, save_small, small_heads

DOCUMENT = Document.from_text(
    "Dock owners hid the cracks, court told\n\n"
    "The prosecutor said the owners of the dock had known about the cracks for years. Their lawyer denied it.\n\n"
    "Photographs shown to the court carry the dates of nine visits. What they prove is open to debate.\n"
)
FILES = ("README.md", "encoder.onnx", HEADS, "tokenizer.json")
PLOTS = ("reliability.png", "risk_coverage.png")


@pytest.fixture(scope="module")
def pristine(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the shipped model beside the folders that the tests change."""
    folder = tmp_path_factory.mktemp("pristine") / "fast"
    shutil.copytree(small_model, folder)
    return folder


@pytest.fixture
def model(pristine: Path, tmp_path: Path) -> Path:
    """A model folder to tamper with: links to the copy, so change a file with :func:`rewrite` only."""
    folder = tmp_path / "fast"
    shutil.copytree(pristine, folder, copy_function=os.link)
    return folder


@pytest.fixture(scope="module")
def loaded(small_model: Path) -> Bundle:
    return load(small_model)


def rewrite(path: Path, data: bytes) -> None:
    path.unlink()
    path.write_bytes(data)


def edit(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change the manifest, hashes untouched."""
    manifest = json.loads((folder / MANIFEST).read_bytes())
    change(manifest)
    rewrite(folder / MANIFEST, json.dumps(manifest).encode())


def rehash(folder: Path, *names: str) -> None:
    """Make the manifest describe changed files, as somebody with a purpose would."""
    edit(folder, lambda manifest: manifest["files"].update({name: digest(folder / name) for name in names}))


def new_heads(folder: Path, change: Callable[[dict[str, np.ndarray]], Any]) -> None:
    arrays = load_file(folder / HEADS)
    change(arrays)
    (folder / HEADS).unlink()
    save_file(arrays, folder / HEADS)
    rehash(folder, HEADS)


def refusal(folder: Path) -> str:
    with pytest.raises(BundleError) as caught:
        load(folder, threads=1)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 1000
    TALLY["models refused"] += 1
    return message


# What comes back


@pytest.mark.parametrize("name", ["default", "fast"])
def test_a_shipped_model_lists_every_one_of_its_files(name: str) -> None:
    folder = shipped_models() / name
    manifest, identity = read_manifest(folder)
    assert sorted(manifest["files"]) == sorted(path.name for path in folder.iterdir() if path.name != MANIFEST) == sorted((*FILES, *PLOTS))
    verify(folder, manifest)
    assert identity == f"{name}@" + hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()[:12]


@pytest.mark.parametrize("name", ["default", "fast"])
def test_a_shipped_model_is_found_by_name_and_by_folder(name: str) -> None:
    assert find(name).samefile(shipped_models() / name)
    assert find(str(shipped_models() / name)).samefile(shipped_models() / name)


@pytest.mark.parametrize(("name", "most"), [("default", 75e6), ("fast", 25e6)])
def test_a_shipped_model_is_as_small_as_promised(name: str, most: float) -> None:
    assert sum(path.stat().st_size for path in (shipped_models() / name).iterdir()) <= most


def test_an_unknown_name_is_answered_with_the_names_there_are() -> None:
    with pytest.raises(BundleError, match=r"'no-such-model'.*expected a folder.*default"):
        load("no-such-model")


def test_save_and_load_change_no_score(loaded: Bundle, small_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "again"
    files = {name: small_model / name for name in ("encoder.onnx", "tokenizer.json")}
    about = {"training": {"note": "näher"}}
    save(folder, heads=loaded.heads, encoder=loaded.manifest["encoder"], files=files, about=about, card="# Karte é\n")
    again = load(folder)
    assert again.identity.startswith("again@")
    assert again.manifest["training"] == {"note": "näher"}
    assert (folder / "README.md").read_text(encoding="utf-8") == "# Karte é\n"
    before, after = Scorer(loaded).score(DOCUMENT).to_dict(), Scorer(again).score(DOCUMENT).to_dict()
    assert before.pop("model") == loaded.identity and after.pop("model") == again.identity
    assert before == after
    assert len(before["sentences"]) == 5


def test_every_setting_and_array_survives_saving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stub:
        width = 4

    heads = small_heads()
    column_major = LinearHead(np.asfortranarray(heads.stance.head.weight), heads.stance.head.bias)
    heads = corrected(Heads(StanceHead(heads.stance.labels, column_major, 1.25, 0.625), heads.garble, heads.content))
    monkeypatch.setattr(bundle, "OnnxEncoder", lambda *_, **__: Stub())
    entry = {"kind": "onnx", "file": "encoder.onnx", "tokenizer": "tokenizer.json", "width": 4, "window": {}}
    save_small(tmp_path / "model", tmp_path / "source", heads=heads, encoder=entry)
    back = load(tmp_path / "model")
    assert head_settings(back.heads) == head_settings(heads)
    assert [one.gate is not None for one in back.heads.stance.corrections] == [False, True]
    arrays = head_arrays(back.heads)
    assert sorted(arrays) == sorted(head_arrays(heads))
    for name, array in head_arrays(heads).items():
        np.testing.assert_array_equal(arrays[name], array)


def test_a_model_that_says_nothing_of_suspicion_suspects_what_is_as_likely_garbled_as_not(model: Path) -> None:
    edit(model, lambda m: m["garbled"].pop("suspect_from", None))
    assert load(model).heads.garble.suspect_from == 0.0


def test_a_model_of_an_earlier_release_has_no_translation_head(model: Path) -> None:
    edit(model, lambda m: m["garbled"].pop("translation_units", None))
    assert load(model).heads.garble.translation is None


def test_a_saved_folder_can_be_read_by_others(tmp_path: Path) -> None:
    save_small(tmp_path / "model", tmp_path / "source")
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "model").iterdir()}
    assert set(modes.values()) == {0o644}
    assert (tmp_path / "model").stat().st_mode & 0o777 == 0o755
    assert sorted(modes) == sorted((*FILES, MANIFEST))


def test_a_changed_manifest_is_another_model(model: Path, small_model: Path) -> None:
    edit(model, lambda manifest: manifest["stance"].update(confident_from=0.123))
    assert load(model, threads=1).identity != read_manifest(small_model)[1]


# What is refused


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("where", [0, -1])
def test_a_changed_byte_is_refused(model: Path, name: str, where: int) -> None:
    data = bytearray((model / name).read_bytes())
    data[where] ^= 1
    rewrite(model / name, bytes(data))
    message = refusal(model)
    assert str(model / name) in message and "SHA-256 differs" in message and "restore it or train" in message


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_refused(model: Path, name: str) -> None:
    (model / name).unlink()
    message = refusal(model)
    assert str(model / name) in message and "missing" in message and "restore" in message


def test_a_folder_in_place_of_a_file_is_refused(model: Path) -> None:
    (model / "tokenizer.json").unlink()
    (model / "tokenizer.json").mkdir()
    assert str(model / "tokenizer.json") in refusal(model)


def test_a_folder_without_a_manifest_is_refused(model: Path) -> None:
    (model / MANIFEST).unlink()
    message = refusal(model)
    assert str(model) in message and MANIFEST in message and "expected a folder" in message
    with pytest.raises(BundleError, match=r"cannot be read.*expected a model folder"):
        read_manifest(model)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "not valid JSON.*restore"),
        (b"", "not valid JSON.*restore"),
        (b"\xff\xfe\x00", "not valid JSON.*restore"),
        (b'{"format": 2, "deep": ' + b"[" * 200_000, "not valid JSON.*restore"),
        (b'{"format": ' + b"9" * 5000 + b"}", "not valid JSON.*restore"),
        (b'{"format": 2}' + b" " * LARGEST_MANIFEST, f"over {LARGEST_MANIFEST} bytes.*expected"),
        (b"[1, 2]", "no format version.*expected"),
        (b"{}", "no format version.*expected"),
        (b'{"format": "1"}', "no format version.*expected"),
        (b'{"format": 2}', "lists no files.*restore"),
        (b'{"format": 2, "files": []}', "lists no files.*restore"),
        (b'{"format": 2, "files": {}}', "lists no files.*restore"),
        (json.dumps({"format": FORMAT + 1}).encode(), f"format {FORMAT + 1}.*Upgrade"),
        (b'{"format": 0}', "format 0.*earlier version; train it again"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[:24].decode(errors="replace"),
)
def test_a_manifest_that_is_none_is_refused(model: Path, content: bytes, said: str) -> None:
    rewrite(model / MANIFEST, content)
    message = refusal(model)
    assert str(model / MANIFEST) in message
    assert re.search(said, message), message


@pytest.mark.parametrize("name", ["../x", "sub/x", "/etc/hostname", "..", ".", "", "..\\x", "a\x00b"])
def test_a_name_that_leads_out_of_the_folder_is_refused(model: Path, name: str) -> None:
    (model.parent / "x").write_text("outside")
    (model / "sub").mkdir()
    (model / "sub" / "x").write_text("outside")
    edit(model, lambda manifest: manifest["files"].update({name: hashlib.sha256(b"outside").hexdigest()}))
    message = refusal(model)
    assert MANIFEST in message or "missing" in message


@pytest.mark.parametrize("name", ["../x", "sub/x"])
def test_a_name_with_a_path_is_named_and_warned_of(model: Path, name: str) -> None:
    edit(model, lambda manifest: manifest["files"].update({name: hashlib.sha256(b"").hexdigest()}))
    message = refusal(model)
    assert str(model / MANIFEST) in message and repr(name) in message and "do not use this model" in message


@pytest.mark.parametrize("entry", ["file", "tokenizer"])
def test_the_encoder_only_reads_listed_files(model: Path, entry: str) -> None:
    shutil.copyfile(model / "encoder.onnx", model.parent / "x")
    edit(model, lambda manifest: manifest["encoder"].update({entry: "../x"}))
    message = refusal(model)
    assert "../x" in message and "do not use this model" in message


def test_heads_that_are_not_listed_are_refused(model: Path) -> None:
    edit(model, lambda manifest: manifest["files"].pop(HEADS))
    message = refusal(model)
    assert HEADS in message and "do not use this model" in message


def test_a_link_in_place_of_a_file_is_refused(model: Path, pristine: Path) -> None:
    (model / "tokenizer.json").unlink()
    (model / "tokenizer.json").symlink_to(pristine / "tokenizer.json")
    message = refusal(model)
    assert "'tokenizer.json'" in message and "do not use this model" in message


@pytest.mark.parametrize("head", ["stance", "garbled", "piece", "verdict", "content"])
def test_a_head_of_another_shape_is_refused(model: Path, head: str) -> None:
    new_heads(model, lambda arrays: arrays.update({f"{head}.weight": np.zeros((2, 3), dtype=np.float32)}))
    message = refusal(model)
    assert head in message
    assert HEADS in message and "train the model again" in message


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_weight_that_is_no_number_is_refused(model: Path, value: float) -> None:
    new_heads(model, lambda arrays: arrays["stance.weight"].__setitem__((0, 0), value))
    message = refusal(model)
    assert "not finite" in message
    assert HEADS in message and "train the model again" in message


def test_a_missing_head_is_refused(model: Path) -> None:
    new_heads(model, lambda arrays: arrays.pop("verdict.bias"))
    message = refusal(model)
    assert "verdict.bias" in message
    assert HEADS in message and "train the model again" in message


class Trap:
    """Unpickled, it leaves a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.trace,)


@pytest.mark.parametrize("name", [HEADS, "encoder.onnx", "tokenizer.json"])
def test_a_pickle_in_place_of_a_file_is_refused_and_not_run(model: Path, name: str) -> None:
    trace = model.parent / "trace"
    data = pickle.dumps(Trap(trace))
    pickle.loads(data)
    assert trace.exists(), "the trap works"
    trace.unlink()
    rewrite(model / name, data)
    rehash(model, name)
    message = refusal(model)
    assert str(model / name) in message and "train" in message
    assert not trace.exists()


def test_no_code_of_the_scoring_path_can_load_a_pickle() -> None:
    room = Path(bundle.__file__).parent
    modules = sorted(room.rglob("*.py"))
    assert len(modules) > 10
    forbidden = re.compile(
        r"\b(c?pickle|dill|marshal|shelve|joblib|torch\.load|read_pickle|np\.load|numpy\.load|allow_pickle|eval\(|exec\()"
    )
    found = [f"{path.name}: {line}" for path in modules for line in path.read_text(encoding="utf-8").splitlines() if forbidden.search(line)]
    assert found == []


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.pop("encoder"),
        lambda m: m.pop("labels"),
        lambda m: m["garbled"].pop("threshold"),
        lambda m: m["garbled"]["chain"].pop("neighbours"),
        lambda m: m["garbled"]["chain"].update(speed=1),
        lambda m: m["garbled"]["signs"].reverse(),
        lambda m: m["garbled"]["verdict_features"].append("weather"),
        lambda m: m["garbled"].update(chain=[1, 2]),
        lambda m: m["stance"].update(temperature="warm"),
        lambda m: m["stance"].update(temperature=None),
        lambda m: m["encoder"]["window"].update(tokens=20),
        lambda m: m["encoder"].update(kind="telepathy"),
        lambda m: m["encoder"].update(width=7),
        lambda m: m.update(encoder=[], stance=[]),
    ],
    ids=[
        "no encoder",
        "no labels",
        "no threshold",
        "no part of the chain",
        "unknown part of the chain",
        "signs in another order",
        "unknown verdict feature",
        "chain of another form",
        "temperature text",
        "temperature null",
        "small window",
        "unknown encoder",
        "another width",
        "lists for objects",
    ],
)
def test_a_manifest_that_lacks_or_garbles_a_setting_is_refused(model: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    edit(model, change)
    message = refusal(model)
    assert str(model) in message
    assert re.search("incomplete|expected|its manifest says", message), message


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m["stance"].update(temperature=0),
        lambda m: m["stance"].update(temperature=float("nan")),
        lambda m: m["stance"].update(temperature=10**400),
        lambda m: m["garbled"]["chain"].update(scale="1"),
        lambda m: m["garbled"]["chain"].update(enter=float("nan")),
        lambda m: m["garbled"]["chain"].update(reach=0),
        lambda m: m["garbled"]["chain"].update(reach=17),
        lambda m: m["garbled"].update(threshold=float("nan")),
        lambda m: m["garbled"].update(suspect_from=float("nan")),
        lambda m: m["garbled"].update(translation_units=-1),
        lambda m: m["garbled"].update(translation_units=1025),
        lambda m: m["garbled"].update(translation_units="2"),
        lambda m: m.update(labels=["accusation", "denial", "evidence", "evidence"]),
        lambda m: m.update(labels=[1, 2, 3, 4]),
    ],
    ids=[
        "temperature 0",
        "temperature NaN",
        "temperature too large",
        "chain text",
        "chain NaN",
        "chain without reach",
        "chain of endless reach",
        "threshold NaN",
        "suspicion NaN",
        "units below zero",
        "too many units",
        "units as text",
        "label twice",
        "no names",
    ],
)
def test_a_setting_that_would_make_scores_senseless_is_refused(model: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    edit(model, change)
    assert str(model / MANIFEST) in refusal(model)


# Saving


def test_a_folder_that_exists_is_not_touched_unless_asked(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "mine.txt").write_text("keep")
    with pytest.raises(BundleError, match=r"model exists; choose another folder or ask"):
        save_small(folder, tmp_path / "source")
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "source"]


def test_overwriting_replaces_the_whole_folder(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "model"
    save_small(folder, tmp_path / "source", card="old")
    (folder / "left-over.txt").write_text("of before")
    save_small(folder, tmp_path / "source", card="new", overwrite=True)
    assert (folder / "README.md").read_text() == "new"
    assert sorted(path.name for path in folder.iterdir()) == sorted((*FILES, MANIFEST))
    assert [path.name for path in folder.parent.iterdir()] == ["model"]
    verify(folder, read_manifest(folder)[0])


def failing(calls: int, real: Callable[..., Any]) -> Callable[..., Any]:
    """*real* until its call number *calls*, which fails as a full disk does."""
    made = 0

    def call(*arguments: Any, **settings: Any) -> Any:
        nonlocal made
        made += 1
        if made == calls:
            raise injected(OSError(28, "No space left on device"))
        return real(*arguments, **settings)

    return call


FAILURES = [("shutil.copyfile", 2), ("digest", 3), ("json.dumps", 1), ("os.fsync", 4), ("os.replace", 1), ("os.replace", 2)]


@pytest.mark.parametrize(("target", "call"), FAILURES[:-1])
def test_saving_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, call: int) -> None:
    owner: Any = bundle
    for part in target.split(".")[:-1]:
        owner = getattr(owner, part)
    name = target.split(".")[-1]
    monkeypatch.setattr(owner, name, failing(call, getattr(owner, name)))
    with pytest.raises(OSError, match="No space left"):
        save_small(tmp_path / "model", tmp_path / "source")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


@pytest.mark.parametrize(("target", "call"), FAILURES)
def test_overwriting_that_fails_leaves_the_old_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, call: int) -> None:
    folder = tmp_path / "model"
    save_small(folder, tmp_path / "source", card="old")
    owner: Any = bundle
    for part in target.split(".")[:-1]:
        owner = getattr(owner, part)
    name = target.split(".")[-1]
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, failing(call, getattr(owner, name)))
        with pytest.raises(OSError, match="No space left"):
            save_small(folder, tmp_path / "source", card="new", overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "source"]
    assert (folder / "README.md").read_text() == "old"
    verify(folder, read_manifest(folder)[0])


def test_the_old_model_is_kept_somewhere_where_it_cannot_be_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "model"
    save_small(folder, tmp_path / "source", card="old")
    moved: list[str] = []
    real = os.replace

    def once(source: Path, target: Path) -> None:
        if moved:
            raise injected(OSError(28, "No space left on device"))
        moved.append(str(target))
        real(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", once)
        patched.setattr(os, "rename", once)
        with pytest.raises(OSError, match="No space left"):
            save_small(folder, tmp_path / "source", card="new", overwrite=True)
    assert [path.read_text() for path in tmp_path.rglob("README.md")] == ["old"]


def test_an_interruption_leaves_nothing_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: Path) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(bundle, "digest", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save_small(tmp_path / "model", tmp_path / "source")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_the_shipped_models_lie_in_the_package() -> None:
    import newsgauge

    assert newsgauge.__file__ is not None
    assert shipped_models().parent.samefile(Path(newsgauge.__file__).parent)
