"""Worker: which model a run is with, and what is said of an article on which something breaks."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import batch_fakes
import pytest

from newsgauge.batch.process import Process, ProcessEndedError
from newsgauge.batch.summary import columns
from newsgauge.batch.worker import Ready, Scoring, assess, work
from newsgauge.model.bundle import COLUMNS, MANIFEST, check_labels, read_manifest
from newsgauge.model.errors import BundleError, NewsgaugeError
from newsgauge.model.inputs import Raw
from newsgauge.model.results import InputFailure
from newsgauge.model.scorer import Scorer

from .conftest import article


@pytest.fixture
def model(small_model: Path, tmp_path: Path) -> Path:
    """As much of a model folder as is read before the workers start."""
    folder = tmp_path / "mine"
    folder.mkdir()
    shutil.copyfile(small_model / MANIFEST, folder / MANIFEST)
    return folder


def test_a_run_is_with_the_labels_and_the_identity_of_the_manifest(model: Path) -> None:
    scoring = Scoring.with_model(str(model))
    assert (scoring.model, scoring.labels) == (read_manifest(model)[1], ("accusation", "denial", "evidence", "analysis"))
    assert pickle.loads(pickle.dumps(scoring)).model == scoring.model


def test_a_run_with_a_second_look_is_known_by_both_models(model: Path, small_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scoring = Scoring.with_model(str(model), second_look=str(small_model))
    assert scoring.model == f"{read_manifest(model)[1]}/{read_manifest(small_model)[1]}"

    class Loaded:
        model = scoring.model

    asked = []
    monkeypatch.setattr(
        Scorer, "from_folder", lambda folder, threads, runtime, second_look: asked.append((folder, second_look)) or Loaded()
    )
    assert isinstance(scoring.load(), Loaded) and asked == [(str(model.resolve()), str(small_model))]
    monkeypatch.setattr(Loaded, "model", read_manifest(model)[1])
    with pytest.raises(NewsgaugeError, match=f"{model} with {small_model} .* holds the model {Loaded.model}, not {scoring.model}"):
        scoring.load()


def test_a_second_look_by_a_model_with_other_labels_is_refused(model: Path, small_model: Path) -> None:
    manifest = json.loads((model / MANIFEST).read_bytes())
    (model / MANIFEST).write_text(json.dumps(manifest | {"labels": ["claim", "doubt"]}))
    with pytest.raises(
        NewsgaugeError, match=r"mine@.* cannot take a second look for fast@.*: its labels are claim, doubt; expected accusation"
    ):
        Scoring.with_model(str(small_model), second_look=str(model))


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (..., "KeyError: 'labels'"),
        (None, "incomplete or senseless"),
        ("ab", None),
        (7, "incomplete or senseless"),
        (["a"], "two or more"),
        (["a", "a"], "two or more"),
        (["a", ["b"]], "a label is ['b']"),
        (["a", "=b()"], "a label is '=b()'"),
        (["a", "\x1b[2J"], "a label is "),
        (["a", "sentences"], "the name of a column"),
    ],
    ids=ascii,
)
def test_a_manifest_whose_labels_cannot_be_used_starts_no_worker(model: Path, labels: Any, said: str | None) -> None:
    manifest = json.loads((model / MANIFEST).read_bytes())
    manifest["labels"] = labels
    if labels is ...:
        del manifest["labels"]
    (model / MANIFEST).write_text(json.dumps(manifest))
    if said is None:
        assert Scoring.with_model(str(model)).labels == ("a", "b")
        return
    with pytest.raises(BundleError) as caught:
        Scoring.with_model(str(model))
    told = str(caught.value)
    assert said in told and str(model / MANIFEST) in told and told.isprintable()


def test_no_label_that_a_model_can_have_is_another_column_of_the_summary() -> None:
    assert set(columns(())) - {"share_garbled"} == COLUMNS
    for name in columns(("claim", "doubt")):
        if name in ("claim", "doubt"):
            continue
        with pytest.raises(ValueError, match="name of a column"):
            check_labels(("claim", name))


def test_a_worker_on_whose_machine_the_model_is_another_one_says_so(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Loaded:
        model = "mine@0123456789ab"

    monkeypatch.setattr(Scorer, "from_folder", lambda folder, threads, runtime, second_look: Loaded())
    scoring = Scoring.with_model(str(model))
    with pytest.raises(NewsgaugeError, match=rf"holds the model mine@0123456789ab, not {scoring.model}: put the same one there"):
        scoring.load()
    (model / MANIFEST).write_text("{}")
    monkeypatch.setattr(Loaded, "model", scoring.model)
    assert isinstance(scoring.load(), Loaded)


def test_what_breaks_on_an_article_is_told_in_one_line() -> None:
    outcome = assess(batch_fakes.load(), Raw("n1", 0, article(1, batch_fakes.BREAK).encode()))
    assert outcome.signature is None and isinstance(outcome.result, InputFailure)
    assert outcome.result == InputFailure("n1", "crash", "RuntimeError in _obey: a library broke; the article was passed over")


def test_an_article_that_cannot_be_read_is_not_scored() -> None:
    outcome = assess(batch_fakes.load(), Raw("n1", 0, b""))
    assert isinstance(outcome.result, InputFailure) and outcome.result.kind == "empty"


def test_a_worker_answers_in_order_and_ends_when_nobody_listens() -> None:
    process = Process(work, batch_fakes.load)
    assert process.receive() == Ready()
    raws = [Raw(f"n{number}", 0, article(number).encode()) for number in range(3)]
    for raw in raws:
        process.send(raw)
    scorer = batch_fakes.load()
    assert [process.receive() for _ in raws] == [assess(scorer, raw) for raw in raws]
    process.connection.close()
    process._process.join(30)
    assert process._process.exitcode == 0


def test_a_worker_without_a_model_says_why_and_ends() -> None:
    process = Process(work, batch_fakes.load_nothing)
    assert process.receive() == Ready("the model is not what its manifest says")
    with pytest.raises(ProcessEndedError):
        process.receive()
    assert process.end() == "exit code 0"
