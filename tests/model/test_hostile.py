"""Model folders made to do harm: each is refused with one line, runs nothing, and leaves every file as it was."""

from __future__ import annotations

import json
import pickle
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

import newsgauge
from newsgauge.model import bundle
from newsgauge.model.bundle import HEADS, LARGEST_FILE, LONGEST_LABEL, MANIFEST, digest, find, load, read_manifest, shipped_models
from newsgauge.model.document import Document
from newsgauge.model.errors import BundleError
from newsgauge.model.scorer import Scorer

from ..conftest import TALLY

Manifest = dict[str, Any]


class Victim:
    """A copy of the quicker shipped model to tamper with, with hashes that fit, as somebody with a purpose would make them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, name: str, data: bytes) -> None:
        (self.folder / name).unlink(missing_ok=True)
        (self.folder / name).write_bytes(data)
        if name != MANIFEST:
            self.edit(lambda manifest: manifest["files"].update({name: digest(self.folder / name)}))

    def edit(self, change: Callable[[Manifest], Any]) -> None:
        manifest = json.loads((self.folder / MANIFEST).read_bytes())
        change(manifest)
        self.put(MANIFEST, json.dumps(manifest).encode())

    def heads(self, change: Callable[[dict[str, Any]], Any]) -> None:
        arrays = load_file(self.folder / HEADS)
        change(arrays)
        (self.folder / HEADS).unlink()
        save_file(arrays, self.folder / HEADS)
        self.edit(lambda manifest: manifest["files"].update({HEADS: digest(self.folder / HEADS)}))

    def refusal(self) -> str:
        """What loading it is answered with; nothing in or around the folder has changed."""
        before = state(self.folder.parent)
        with pytest.raises(BundleError) as caught:
            load(self.folder, threads=1)
        TALLY["models refused"] += 1
        message = str(caught.value)
        assert state(self.folder.parent) == before
        assert message.splitlines() == [message] and len(message) < 1500
        assert str(self.folder) in message or "do not use this model" in message
        return message


def state(folder: Path) -> dict[str, tuple[int, int]]:
    found = {str(path): path.lstat() for path in folder.rglob("*")}
    return {name: (status.st_size, status.st_mtime_ns) for name, status in found.items()}


@pytest.fixture
def victim(small_model: Path, tmp_path: Path) -> Victim:
    shutil.copytree(small_model, tmp_path / "mine")
    return Victim(tmp_path / "mine")


# Graphs

WIDTH = read_manifest(shipped_models() / "fast")[0]["encoder"]["width"]


def graph(width: int = WIDTH, *, rows: int = 40_000, told: int | None = None, scale: float = 1.0, outputs: int = 1) -> bytes:
    """An encoder of the allowed operators: a table of *rows* numbers, each spread over *width* columns and *scale* times as large."""
    onnx = pytest.importorskip("onnx", reason="the extra [train] is not installed")
    helper, numbers = onnx.helper, onnx.numpy_helper
    table = numbers.from_array(np.ones((rows, 1), dtype=np.float32), "table")
    spread = numbers.from_array(np.full(width, scale, dtype=np.float32), "spread")
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["rows"]), helper.make_node("Mul", ["rows", "spread"], ["hidden"])]
    infos = [helper.make_tensor_value_info("hidden", 1, [1, "pieces", told or width])]
    if outputs > 1:
        infos.append(helper.make_tensor_value_info("rows", 1, [1, "pieces", 1]))
    inputs = [helper.make_tensor_value_info("input_ids", 7, [1, "pieces"])]
    made = helper.make_graph(nodes, "encoder", inputs, infos, [table, spread])
    return bytes(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString())


def test_a_graph_of_the_allowed_operators_can_be_used(victim: Victim) -> None:
    victim.put("encoder.onnx", graph())
    article = Scorer(load(victim.folder, threads=1)).score(Document.from_text("The mayor denied it. Nobody was hurt, police said."))
    assert len(article.sentences) == 2


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"rows": 100}, "fails on 3 word pieces"),
        ({"scale": 1e30}, "finite numbers up to 1e[+]06"),
        ({"width": 200, "told": WIDTH}, "cannot be run as an ONNX encoder"),
        ({"outputs": 2}, "fails on 3 word pieces|too many values"),
        ({"width": 8}, f"width 8; its manifest says {WIDTH}"),
    ],
    ids=["fewer words than the tokenizer", "beyond all measure", "another width than told", "two outputs", "another width"],
)
def test_a_graph_that_does_not_keep_its_word_is_refused(victim: Victim, settings: dict[str, Any], said: str) -> None:
    victim.put("encoder.onnx", graph(**settings))
    assert re.search(said, victim.refusal())


def test_a_graph_that_fails_only_later_is_told_in_one_line(victim: Victim) -> None:
    onnx = pytest.importorskip("onnx", reason="the extra [train] is not installed")
    model = onnx.load_from_string(graph())
    # A position table of six rows: longer windows have no place in it.
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.ones((6, WIDTH), dtype=np.float32), "places"))
    for name, value in (("zero", 0), ("one", 1)):
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.int64(value), name))
    make = onnx.helper.make_node
    model.graph.node[1].output[0] = "spread_out"
    model.graph.node.extend(
        [
            make("Shape", ["input_ids"], ["shape"]),
            make("Gather", ["shape", "one"], ["length"]),
            make("Range", ["zero", "length", "one"], ["range"]),
            make("Gather", ["places", "range"], ["placed"]),
            make("Add", ["spread_out", "placed"], ["hidden"]),
        ]
    )
    victim.put("encoder.onnx", model.SerializeToString())
    scorer = Scorer(load(victim.folder, threads=1))
    with pytest.raises(BundleError, match=r"encoder\.onnx fails on \d+ word pieces") as caught:
        scorer.score(Document.from_text("The mayor denied it on Monday, and nobody was hurt."))
    assert len(str(caught.value).splitlines()) == 1


def test_weights_in_another_file_are_not_read(victim: Victim) -> None:
    onnx = pytest.importorskip("onnx", reason="the extra [train] is not installed")
    secret = victim.folder.parent / "secret"
    secret.write_bytes(np.ones(40_000, dtype=np.float32).tobytes())
    for place in ("../secret", str(secret)):
        model = onnx.load_from_string(graph())
        table = model.graph.initializer[0]
        table.ClearField("raw_data")
        table.data_location = onnx.TensorProto.EXTERNAL
        table.external_data.add(key="location", value=place)
        victim.put("encoder.onnx", model.SerializeToString())
        assert "weights stand in the graph itself" in victim.refusal()


def test_an_operator_that_can_loop_is_not_run(victim: Victim) -> None:
    onnx = pytest.importorskip("onnx", reason="the extra [train] is not installed")
    model = onnx.load_from_string(graph())
    model.graph.node[0].op_type = "Loop"
    victim.put("encoder.onnx", model.SerializeToString())
    assert "'Loop'" in victim.refusal()


def test_a_graph_by_another_name_is_judged_the_same(victim: Victim) -> None:
    shutil.copyfile(victim.folder / "encoder.onnx", victim.folder / "encoder.ort")
    victim.put("encoder.ort", (victim.folder / "encoder.ort").read_bytes())
    victim.edit(lambda manifest: manifest["encoder"].update(file="encoder.ort"))
    assert load(victim.folder, threads=1).encoder.width == WIDTH


# Manifests


@pytest.mark.parametrize("name", ["evil/encoder", ".", "../mine"])
def test_a_manifest_cannot_ask_for_another_librarys_model(victim: Victim, name: str) -> None:
    victim.edit(lambda manifest: manifest.update(encoder={"kind": "sentence-transformers", "name": name, "width": WIDTH}))
    assert "'sentence-transformers'; expected onnx" in victim.refusal()


BAD_LABELS = ["\x1b[2J", "a\nb", "", "=cmd()", "+1", "-1", "@x", "'", "a" * (LONGEST_LABEL + 1), "\u202edenial", "\ud800", 5, None, ["x"]]


@pytest.mark.parametrize("label", BAD_LABELS, ids=ascii)
def test_a_label_that_would_do_something_where_it_is_shown_is_refused(victim: Victim, label: object) -> None:
    victim.edit(lambda manifest: manifest["labels"].__setitem__(1, label))
    message = victim.refusal()
    assert "a label is" in message and message.isprintable()


@pytest.mark.parametrize("label", ["garbled", "sentences", "Passages", "source", "share_denial"])
def test_a_label_that_would_be_taken_for_another_column_is_refused(victim: Victim, label: str) -> None:
    victim.edit(lambda manifest: manifest["labels"].__setitem__(1, label))
    assert f"a label is {label!r}, which is the name of a column" in victim.refusal()


def test_labels_of_any_writing_are_allowed(victim: Victim) -> None:
    labels = ["обвинение", "a" * LONGEST_LABEL, "call to action", "quote/paraphrase"]
    victim.edit(lambda manifest: manifest.update(labels=labels))
    assert load(victim.folder, threads=1).heads.stance.labels == tuple(labels)


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m["stance"].update(temperature=1e-9),
        lambda m: m["garbled"]["chain"].update(scale=1e300),
        lambda m: m["garbled"]["chain"].update(shortest=float("inf")),
        lambda m: m["garbled"].update(verdict_threshold=-1e7),
        lambda m: m["content"].update(threshold=[0.5]),
        lambda m: m["encoder"]["window"].update(before=4.5),
        lambda m: m["encoder"]["window"].update(tokens="256"),
        lambda m: m["encoder"].update(window=7),
        lambda m: m.update(labels=m["labels"][:1]),
        lambda m: m.update(labels="abcd" * 1000),
    ],
    ids=["temperature", "scale", "shortest", "verdict", "list", "half a token", "text for a number", "no window", "one label", "letters"],
)
def test_a_setting_that_would_fail_later_is_refused_now(victim: Victim, change: Callable[[Manifest], Any]) -> None:
    victim.edit(change)
    assert MANIFEST in victim.refusal()


def test_a_manifest_that_is_a_link_is_refused(victim: Victim, small_model: Path) -> None:
    (victim.folder / MANIFEST).unlink()
    (victim.folder / MANIFEST).symlink_to(small_model / MANIFEST)
    assert "is a link" in victim.refusal()


def test_a_file_that_is_larger_than_any_model_is_not_even_read(victim: Victim) -> None:
    with (victim.folder / "README.md").open("ab") as card:
        # A hole: it takes no room on the disk, and minutes to hash.
        card.truncate(LARGEST_FILE + 1)
    assert f"expected at most {LARGEST_FILE:,}" in victim.refusal()


def test_a_name_that_drives_the_terminal_is_shown_in_escapes(victim: Victim) -> None:
    victim.edit(lambda manifest: manifest["encoder"].update(file="\x1b]0;owned\x07"))
    message = victim.refusal()
    assert "\\x1b]0;owned" in message and "\x1b" not in message


def used(victim: Victim) -> tuple[Scorer | None, str]:
    """A scorer with the folder, or why it is refused."""
    try:
        return Scorer(load(victim.folder, threads=1)), ""
    except BundleError as error:
        return None, str(error)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_manifest_with_any_value_anywhere_is_used_or_refused(victim: Victim, small_model: Path, data: st.DataObject) -> None:
    manifest = json.loads((small_model / MANIFEST).read_bytes())
    part: Any = manifest
    while isinstance(part, dict) and part:
        name = data.draw(st.sampled_from(sorted(part)))
        if not isinstance(part[name], dict) or data.draw(st.integers(0, 3)) == 0:
            part[name] = data.draw(
                st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()) | st.just({})
            )
            break
        part = part[name]
    victim.put(MANIFEST, json.dumps(manifest).encode())
    scorer, told = used(victim)
    assert (scorer is None) == (len(told.splitlines()) == 1)
    article = scorer.score(Document.from_text("The mayor denied it.")) if scorer is not None else None
    assert article is None or all(
        sum(s.probabilities.values()) == pytest.approx(1) for s in article.sentences if s.probabilities is not None
    )


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_tokenizer_with_any_value_anywhere_is_used_or_refused(victim: Victim, small_model: Path, data: st.DataObject) -> None:
    tokenizer = json.loads((small_model / "tokenizer.json").read_bytes())
    tokenizer["model"]["vocab"] = dict(list(tokenizer["model"]["vocab"].items())[:1200])
    part: Any = tokenizer
    while isinstance(part, dict) and part:
        name = data.draw(st.sampled_from(sorted(part)))
        if not isinstance(part[name], dict) or name == "vocab":
            part[name] = data.draw(st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.integers()) | st.just({}))
            break
        part = part[name]
    victim.put("tokenizer.json", json.dumps(tokenizer).encode())
    scorer, told = used(victim)
    assert (scorer is None) == (len(told.splitlines()) == 1)
    if scorer is not None:
        scorer.score(Document.from_text("The mayor denied it."))


# Heads


@pytest.mark.parametrize(
    "value",
    [np.float32(1e7), np.float32(-1e7), np.float64(1e300), np.float32(np.nan), np.float32(-np.inf)],
    ids=["large", "small", "float64", "NaN", "infinite"],
)
@pytest.mark.parametrize("array", ["stance.weight", "content.bias"])
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_weight_beyond_all_measure_is_refused(victim: Victim, array: str, value: Any) -> None:
    victim.heads(lambda arrays: arrays.update({array: np.full(arrays[array].shape, value)}))
    assert "not finite, or over" in victim.refusal()


def test_a_heads_file_that_declares_more_than_it_has_is_refused(victim: Victim) -> None:
    header = json.dumps({"stance.weight": {"dtype": "F32", "shape": [1 << 30, 1 << 20], "data_offsets": [0, 1 << 52]}}).encode()
    victim.put(HEADS, len(header).to_bytes(8, "little") + header + bytes(64))
    assert "not a safetensors file" in victim.refusal()
    victim.put(HEADS, (1 << 62).to_bytes(8, "little") + header)
    assert "not a safetensors file" in victim.refusal()


# Code


class Trap:
    """Unpickled, it leaves a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.trace,)


def test_files_that_other_libraries_would_run_lie_there_unread(victim: Victim, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = victim.folder.parent / "trace"
    data = pickle.dumps(Trap(trace))
    for name in ("model_head.pkl", "pytorch_model.bin", "heads.joblib", "heads.npy", "scorer.pkl"):
        victim.put(name, data)
    victim.put("modeling_evil.py", f"open({str(trace)!r}, 'w')".encode())
    victim.put("config.json", b'{"auto_map": {"AutoModel": "modeling_evil.Evil"}}')
    victim.put("modules.json", b'[{"idx": 0, "name": "0", "path": "", "type": "modeling_evil.Evil"}]')
    monkeypatch.chdir(victim.folder)
    Scorer(load(victim.folder, threads=1)).score(Document.from_text("The mayor denied it."))
    assert not trace.exists()


FORBIDDEN = re.compile(
    r"\b(c?pickle\.|import c?pickle|dill|marshal\.|import marshal|shelve|joblib\.load|torch\.load|read_pickle|np\.load|numpy\.load"
    r"|allow_pickle=True|trust_remote_code|yaml\.load|(?<!\.)eval\(|exec\(|os\.system|shell=True|weights_only=False)"
)


def test_no_module_of_the_package_can_load_code_from_a_file() -> None:
    root = Path(newsgauge.__file__ or "").parent
    modules = [path for room in (".", "model", "batch", "report", "training") for path in sorted((root / room).glob("*.py"))]
    assert len(modules) > 60
    found = [f"{path.name}: {line}" for path in modules for line in path.read_text(encoding="utf-8").splitlines() if FORBIDDEN.search(line)]
    assert found == []
    assert FORBIDDEN.search("model = joblib.load(path)") and FORBIDDEN.search("AutoModel.from_pretrained(x, trust_remote_code=True)")


# Names


def test_a_bare_name_is_the_shipped_model_whatever_lies_in_the_working_directory(
    small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("default", "own"):
        (tmp_path / name).mkdir()
        shutil.copyfile(small_model / MANIFEST, tmp_path / name / MANIFEST)
    monkeypatch.chdir(tmp_path)
    assert find("default") == shipped_models() / "default"
    assert find("./default").samefile(tmp_path / "default")
    assert find(str(tmp_path / "default")) == tmp_path / "default"
    assert find("own") == Path("own")


def test_no_name_leads_from_the_shipped_models_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / MANIFEST).write_text("{}")
    monkeypatch.setattr(bundle, "shipped_models", lambda: tmp_path / "models")
    with pytest.raises(BundleError, match=r"No model '\.\./other'"):
        find("../other")


def test_a_model_with_such_labels_is_not_even_written(small_model: Path, tmp_path: Path) -> None:
    loaded = load(small_model, threads=1)
    stance = replace(loaded.heads.stance, labels=("=cmd()", "b", "c", "d"))
    with pytest.raises(BundleError, match=r"was not written: a label is '=cmd\(\)'"):
        bundle.save(
            tmp_path / "new", heads=replace(loaded.heads, stance=stance), encoder=loaded.manifest["encoder"], files={}, about={}, card=""
        )
    assert list(tmp_path.iterdir()) == []
