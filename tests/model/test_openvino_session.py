"""OpenVINO: the shipped encoders give what they give in onnxruntime, within rounding; graphs that are not theirs are refused."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from newsgauge.model import openvino_session
from newsgauge.model.bundle import load, shipped_models
from newsgauge.model.errors import BundleError, MissingExtraError, NewsgaugeError
from newsgauge.model.graph import Contents, refuse_unsafe
from newsgauge.model.heads import Floats
from newsgauge.model.openvino_session import PREFIX, STEP, OpenVinoSession
from newsgauge.model.results import ArticleScore
from newsgauge.model.scorer import Scorer
from newsgauge.model.session import Session, open_session, require

ARTICLES = sorted(str(path) for path in (Path(__file__).resolve().parents[2] / "seeds" / "articles").iterdir())
WORDS = np.random.default_rng(0).integers(1000, 30_000, 512).tolist()
needs_openvino = pytest.mark.skipif(find_spec("openvino") is None, reason="the extra [openvino] is not installed")


def graph(name: str) -> Path:
    return shipped_models() / name / "encoder.onnx"


def cosines(one: Floats, two: Floats) -> Floats:
    return np.asarray((one * two).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(two, axis=1))


@pytest.fixture(scope="module", params=["fast", "default"])
def session(request: pytest.FixtureRequest) -> Session:
    return open_session("openvino", graph(request.param), 1)


def scores(name: str, runtime: str) -> list[ArticleScore]:
    found = list(Scorer.from_folder(name, threads=1, runtime=runtime).score_files(ARTICLES))
    assert all(isinstance(article, ArticleScore) for article in found)
    return found  # type: ignore[return-value]


def inside(score: ArticleScore) -> set[int]:
    """The sentences that lie in a passage."""
    return {i for passage in score.passages for i in passage.sentences}


@needs_openvino
@pytest.mark.parametrize("name", ["fast", "default"])
def test_the_articles_get_the_scores_that_onnxruntime_gives(name: str) -> None:
    ours, theirs = scores(name, "openvino"), scores(name, "onnxruntime")
    assert [one.model for one in ours] == [f"{two.model}+openvino" for two in theirs]
    pairs = [pair for one, two in zip(ours, theirs, strict=True) for pair in zip(one.sentences, two.sentences, strict=True)]
    assert len(pairs) == 74
    # Seen: two of 74 at most.
    assert sum(one.label != two.label for one, two in pairs) <= 3
    changes = [
        abs(p - two.probabilities[k]) for one, two in pairs if one.probabilities and two.probabilities for k, p in one.probabilities.items()
    ]
    # Seen: 0.002 at most.
    assert np.mean(changes) < 0.005
    for one, two in zip(ours, theirs, strict=True):
        assert one.machine_translated is not None and two.machine_translated is not None
        assert one.machine_translated[1] == two.machine_translated[1]
        # Seen: the one sentence between two passages, and one end two sentences earlier.
        assert len(inside(one) ^ inside(two)) <= 3


@needs_openvino
@pytest.mark.parametrize("name", ["fast", "default"])
def test_embeddings_are_those_of_onnxruntime(name: str) -> None:
    texts = [[sentence.text for sentence in article.sentences] for article in scores(name, "openvino")]

    def embedded(runtime: str) -> Floats:
        encoder = load(name, threads=1, runtime=runtime).encoder
        return np.concatenate([window.embeddings for article in texts for window in encoder.encode(article)])

    found = cosines(embedded("openvino"), embedded("onnxruntime"))
    # Seen: 0.9996 in the mean; two roundings to 8 bits differ from one network by 0.9998 and 0.9996.
    assert found.mean() > 0.999 and found.min() > 0.99


@needs_openvino
@pytest.mark.parametrize("name", ["fast", "default"])
def test_a_processor_without_bfloat16_gives_the_same_within_rounding(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino_session, "_has_bfloat16", lambda core: False)
    found, known = (open_session(runtime, graph(name), 1).run(WORDS[:300]) for runtime in ("openvino", "onnxruntime"))
    # Random word pieces are hardest: no two roundings of them agree as those of a text do.
    assert cosines(found, known).mean() > 0.99


@needs_openvino
@pytest.mark.parametrize("count", [1, 2, STEP - 1, STEP, STEP + 1, 300, 512])
def test_what_fills_a_window_up_is_not_seen(count: int, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    before = session.run(WORDS[:count])
    assert before.shape == (count, session.width) and before.dtype == np.float32
    monkeypatch.setattr(openvino_session, "STEP", 512)
    after = session.run(WORDS[:count])
    # Not to the bit: longer rows are added up in another order.
    assert cosines(before, after).min() > 0.995


@needs_openvino
def test_a_window_gives_the_same_bytes_whatever_ran_before(session: Session) -> None:
    first = session.run(WORDS[:100])
    kept = first.copy()
    for count in (512, 3, 99):
        session.run(WORDS[:count])
    np.testing.assert_array_equal(session.run(WORDS[:100]), kept)
    np.testing.assert_array_equal(first, kept)


@needs_openvino
def test_a_session_can_be_used_from_several_threads(session: Session) -> None:
    windows = [WORDS[:count] for count in (40, 80, 120, 160) * 3]
    with ThreadPoolExecutor(4) as pool:
        for found, window in zip(pool.map(session.run, windows), windows, strict=True):
            np.testing.assert_array_equal(found, session.run(window))


@needs_openvino
@pytest.mark.parametrize("ids", [[30_527], [-1], 513 * [1000]], ids=["no such word", "below zero", "too long"])
def test_what_has_no_row_of_weights_is_refused(ids: list[int], session: Session) -> None:
    with pytest.raises(ValueError, match="weights for 512 places and 305"):
        session.run(ids)


def changed(name: str, change: Callable[[dict[str, Any]], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Open the shipped encoder *name* with a *change* to its weights."""
    contents = refuse_unsafe(graph(name))
    weights = dict(contents.weights)
    change(weights)
    monkeypatch.setattr(openvino_session, "refuse_unsafe", lambda path: Contents(weights, contents.epsilons))
    OpenVinoSession(graph(name), 1)


ROWS = f"{PREFIX}embeddings.word_embeddings.weight_rows"
LAST = f"{PREFIX}encoder.layer.4.output.dense"


@needs_openvino
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda weights: weights.pop(f"{LAST}.weight_quantized"), "lacks the weights .*: run it with onnxruntime"),
        (lambda weights: weights.pop("split"), "lacks the weights .*: run it with onnxruntime"),
        (lambda weights: weights.update({ROWS: weights[ROWS][:-1]}), "30526 rows and 30527 scales"),
        (lambda weights: weights.update({"longest": np.int64(600)}), "with 0 at 600, are not those of 512 places"),
        (lambda weights: weights.update({"longest": np.int64(9)}), "with 0 at 9, are not those of 512 places"),
        (lambda weights: weights.update({"buckets": weights["buckets"] + 99}), "out of bounds"),
        (lambda weights: weights.update({"first_place": np.int64(-5)}), "its first place is -5"),
        (lambda weights: weights.update({"side_by_side": np.array([1, -1, 769])}), "states of width 769 are not those of 1 to 6 layers"),
        (lambda weights: weights.update({"side_by_side": np.array([1, -1, 7 * 768])}), "states of width 5376 are not"),
    ],
    ids=["a matrix", "heads", "scales", "distances after", "distances before", "buckets", "first place", "part of a layer", "layers"],
)
def test_weights_that_do_not_fit_are_refused(change: Callable[[dict[str, Any]], Any], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises((ValueError, IndexError), match=said):
        changed("default", change, monkeypatch)


@needs_openvino
def test_layer_norms_have_one_epsilon(monkeypatch: pytest.MonkeyPatch) -> None:
    contents = refuse_unsafe(graph("fast"))
    assert contents.epsilons == {np.float32(1e-12)} and refuse_unsafe(graph("default")).epsilons == {np.float32(1e-5)}
    monkeypatch.setattr(openvino_session, "refuse_unsafe", lambda path: Contents(contents.weights, frozenset({1e-5, 1e-12})))
    with pytest.raises(ValueError, match="expected one for all"):
        OpenVinoSession(graph("fast"), 1)


@needs_openvino
def test_a_model_whose_matrices_do_not_fit_is_a_bundle_error(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"{LAST}.weight_quantized"
    with pytest.raises(RuntimeError):
        changed("fast", lambda weights: weights.update({name: weights[name][:-1]}), monkeypatch)
    with pytest.raises(BundleError, match=r"encoder\.onnx cannot be run as an ONNX encoder"):
        load("fast", runtime="openvino")


def test_without_openvino_the_install_command_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'newsgauge\[openvino\]'"):
        load("fast", runtime="openvino")
    require("onnxruntime")


def test_an_unknown_runtime_is_told() -> None:
    with pytest.raises(NewsgaugeError, match="no runtime 'tensorrt': use one of onnxruntime, openvino"):
        load("fast", runtime="tensorrt")
