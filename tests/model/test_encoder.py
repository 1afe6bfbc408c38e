"""Encoders: a sentence's embedding depends on its article alone, and what is missing is said at once."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsgauge.model.bundle import read_manifest
from newsgauge.model.encoder import Floats, OnnxEncoder, SentenceTransformerEncoder, WindowEncoding
from newsgauge.model.errors import BundleError, MissingExtraError
from newsgauge.model.session import RUNTIMES, available_cores
from newsgauge.model.windows import WindowShape

ARTICLE = [
    "The ferry company knew for two years that its older boats leaked.",
    "“Nobody told us anything,” said Ilse Ravn, who ran the night crossing.",
    "A log kept aboard lists forty-one pumps replaced between March and August.",
    "Whether the inspectors read it is another matter.",
    "No.",
    "Ødegård’s café – naïve, 3½ km away – stayed open.",
] * 9
OTHER = ["Rain fell.", "The mayor rejected every word of the report and called it invented."] * 30


def shipped(folder: Path, runtime: str, *, threads: int | None = None, shape: WindowShape | None = None) -> OnnxEncoder:
    entry = read_manifest(folder)[0]["encoder"]
    window = shape or WindowShape(**entry["window"])
    return OnnxEncoder(folder / entry["file"], folder / entry["tokenizer"], shape=window, threads=threads, runtime=runtime)


@pytest.fixture(scope="module", params=RUNTIMES)
def runtime(request: pytest.FixtureRequest) -> str:
    # Not imported here: on its own, openvino reports that to its makers.
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    return str(request.param)


@pytest.fixture(scope="module")
def encoder(small_model: Path, runtime: str) -> OnnxEncoder:
    return shipped(small_model, runtime)


def embeddings(windows: list[WindowEncoding]) -> Floats:
    return np.concatenate([window.embeddings for window in windows])


def assert_identical(one: list[WindowEncoding], two: list[WindowEncoding]) -> None:
    assert [(w.first, w.last) for w in one] == [(w.first, w.last) for w in two]
    for left, right in zip(one, two, strict=True):
        np.testing.assert_array_equal(left.embeddings, right.embeddings)
        assert left.pieces is not None and right.pieces is not None
        for a, b in zip(left.pieces, right.pieces, strict=True):
            np.testing.assert_array_equal(a.offsets, b.offsets)
            np.testing.assert_array_equal(a.states, b.states)


def check(windows: list[WindowEncoding], sentences: list[str], width: int) -> None:
    """The windows partition the sentences, and every array has the shape and range that it should have."""
    assert [i for window in windows for i in range(window.first, window.last)] == list(range(len(sentences)))
    for window in windows:
        assert window.embeddings.shape == (window.last - window.first, width)
        assert window.embeddings.dtype == np.float32
        assert np.isfinite(window.embeddings).all()
        assert window.pieces is not None and len(window.pieces) == window.last - window.first
        for pieces, sentence in zip(window.pieces, sentences[window.first : window.last], strict=True):
            assert pieces.states.shape == (len(pieces.offsets), width)
            assert np.isfinite(pieces.states).all()
            assert pieces.offsets.shape == (len(pieces.offsets), 2)
            starts, ends = pieces.offsets[:, 0], pieces.offsets[:, 1]
            assert (starts >= 0).all() and (starts <= ends).all() and (ends <= len(sentence)).all()
            assert (np.diff(starts) >= 0).all()


def test_an_article_is_encoded_in_several_windows_with_the_right_shapes(encoder: OnnxEncoder) -> None:
    sentences = 2 * ARTICLE
    windows = list(encoder.encode(sentences))
    assert len(windows) > 2
    check(windows, sentences, encoder.width)


def test_piece_offsets_are_code_points_of_the_sentence(encoder: OnnxEncoder) -> None:
    sentence = "🚢 Ødegård said: naïve!"
    (window,) = encoder.encode([sentence])
    assert window.pieces is not None
    words = {sentence[start:end] for start, end in window.pieces[0].offsets.tolist()}
    assert {"said", ":", "!"} <= words
    assert max(end for _, end in window.pieces[0].offsets.tolist()) == len(sentence)


def test_what_is_encoded_before_after_or_meanwhile_changes_no_bit(encoder: OnnxEncoder, small_model: Path, runtime: str) -> None:
    alone = list(shipped(small_model, runtime).encode(ARTICLE))
    list(encoder.encode(OTHER))
    after_another = list(encoder.encode(ARTICLE))
    list(encoder.encode(["x"]))
    assert_identical(after_another, alone)
    # Two articles taken window by window in turn.
    one, two, interleaved = encoder.encode(ARTICLE), encoder.encode(OTHER), []
    for window in one:
        interleaved.append(window)
        next(two, None)
    assert_identical(interleaved, alone)


def test_results_are_the_callers_to_keep(encoder: OnnxEncoder) -> None:
    (first,) = encoder.encode(["The quay fell."])
    before = first.embeddings.copy()
    list(encoder.encode(OTHER))
    np.testing.assert_array_equal(first.embeddings, before)


def test_the_number_of_threads_changes_results_by_rounding_at_most(small_model: Path, runtime: str) -> None:
    # Seen so far: no difference at all. Another CPU may add floating-point numbers in another order.
    one, two = (embeddings(list(shipped(small_model, runtime, threads=threads).encode(ARTICLE[:18]))) for threads in (1, 2))
    np.testing.assert_allclose(one, two, rtol=0, atol=1e-5 * float(np.abs(one).max()))


def test_a_sentence_sees_its_neighbours(encoder: OnnxEncoder) -> None:
    sentence = "He called it a lie."
    (alone,) = encoder.encode([sentence])
    (behind,) = encoder.encode(["The minister was asked about the missing money.", sentence])
    assert np.abs(alone.embeddings[0] - behind.embeddings[1]).max() > 1e-3


def test_a_sentence_of_a_hundred_thousand_characters_is_read_up_to_the_limit(encoder: OnnxEncoder) -> None:
    long = "the pumps failed and " * 5000
    sentences = ["Short before.", long, "Short after."]
    began = time.process_time()
    windows = list(encoder.encode(sentences))
    assert time.process_time() - began < 20
    check(windows, sentences, encoder.width)
    pieces = [entry for window in windows for entry in window.pieces or ()]
    assert len(pieces[1].offsets) == 160
    assert len(pieces[0].offsets) > 0 and len(pieces[2].offsets) > 0


def test_one_word_of_a_hundred_thousand_characters_is_encoded(encoder: OnnxEncoder) -> None:
    sentences = ["x" * 100_000, "Then it rained."]
    check(list(encoder.encode(sentences)), sentences, encoder.width)


def test_no_sentences_have_no_windows(encoder: OnnxEncoder) -> None:
    assert list(encoder.encode([])) == []


@pytest.mark.parametrize("sentence", ["", "\u200b", "\ufffd", "\u0301", "[SEP] [CLS] [MASK] [PAD]"])
def test_sentences_without_words_are_encoded_too(encoder: OnnxEncoder, sentence: str) -> None:
    sentences = ["Before it.", sentence, "After it."]
    check(list(encoder.encode(sentences)), sentences, encoder.width)


@settings(max_examples=25)
@given(st.lists(st.one_of(st.text(max_size=40), st.sampled_from(ARTICLE)), max_size=8))
def test_any_text_is_encoded(encoder: OnnxEncoder, sentences: list[str]) -> None:
    sentences = ["".join(c for c in sentence if not 0xD800 <= ord(c) < 0xE000) for sentence in sentences]
    check(list(encoder.encode(sentences)), sentences, encoder.width)


def test_the_shape_decides_the_windows(small_model: Path, runtime: str) -> None:
    small = shipped(small_model, runtime, shape=WindowShape(tokens=64, before=8, after=8, sentence=40))
    windows = list(small.encode(ARTICLE))
    check(windows, ARTICLE, small.width)
    assert len(windows) > 6
    assert max(len(entry.offsets) for window in windows for entry in window.pieces or ()) <= 40


def test_a_file_that_is_no_graph_is_a_bundle_error_that_names_it(small_model: Path, tmp_path: Path, runtime: str) -> None:
    graph = tmp_path / "encoder.onnx"
    graph.write_bytes(b"this is no graph")
    with pytest.raises(BundleError, match=r"encoder\.onnx.*train or fetch"):
        OnnxEncoder(graph, small_model / "tokenizer.json", shape=WindowShape(), runtime=runtime)


@pytest.mark.parametrize("content", [b"{}", b"not json", b"\xff\xfe"])
def test_a_file_that_is_no_tokenizer_is_a_bundle_error_that_names_it(small_model: Path, tmp_path: Path, content: bytes) -> None:
    tokenizer = tmp_path / "tokenizer.json"
    tokenizer.write_bytes(content)
    with pytest.raises(BundleError, match=r"tokenizer\.json"):
        OnnxEncoder(small_model / "encoder.onnx", tokenizer, shape=WindowShape())


def test_there_is_at_least_one_core() -> None:
    assert available_cores() >= 1


def test_without_sentence_transformers_the_install_command_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'newsgauge\[train\]'"):
        SentenceTransformerEncoder("some/encoder")


needs_sentence_transformers = pytest.mark.skipif(
    importlib.util.find_spec("sentence_transformers") is None, reason="sentence-transformers is not installed"
)


OFFLINE = """
import socket, sys, time
import sentence_transformers  # takes seconds that are not measured here
from newsgauge.model.encoder import SentenceTransformerEncoder
from newsgauge.model.errors import BundleError

asked = []
def refuse(*arguments, **_):
    asked.append(arguments)
    raise OSError("no network in this test")
socket.getaddrinfo = socket.socket.connect = refuse

for name, settings in ((sys.argv[1], {}), ("no-such-team/no-such-encoder", {"offline": True})):
    began = time.monotonic()
    try:
        SentenceTransformerEncoder(name, **settings)
    except BundleError as error:
        print(len(asked), int(time.monotonic() - began), error, sep="|")
"""


@needs_sentence_transformers
def test_encoders_that_are_not_there_fail_at_once_and_ask_nobody(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    # A home of its own, so that nothing that an earlier run has fetched is found.
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "TRANSFORMERS_"))}
    environment["HF_HOME"] = str(tmp_path / "home")
    result = subprocess.run([sys.executable, "-c", OFFLINE, str(empty)], capture_output=True, text=True, timeout=300, env=environment)
    assert result.returncode == 0, result.stderr
    answers = [line.split("|") for line in result.stdout.splitlines()]
    for (_, seconds, message), name in zip(answers, (str(empty), "no-such-team/no-such-encoder"), strict=True):
        assert repr(name) in message and "give a folder" in message
        assert int(seconds) < 15
    assert [asked for asked, _, _ in answers] == ["0", "0"]


@needs_sentence_transformers
@pytest.mark.filterwarnings("error::FutureWarning:newsgauge")
def test_a_model_in_a_folder_encodes_sentence_by_sentence(tmp_path: Path, small_model: Path) -> None:
    from tokenizers import Tokenizer
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    tokenizer = Tokenizer.from_file(str(small_model / "tokenizer.json"))
    names = {"cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "unk_token": "[UNK]", "mask_token": "[MASK]"}
    fast: Any = PreTrainedTokenizerFast
    fast(tokenizer_object=tokenizer, **names).save_pretrained(tmp_path)
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    BertModel(config).save_pretrained(tmp_path)

    encoder = SentenceTransformerEncoder(str(tmp_path))
    assert encoder.width == 16
    (window,) = encoder.encode(ARTICLE[:5])
    assert (window.first, window.last, window.pieces) == (0, 5, None)
    assert window.embeddings.shape == (5, 16) and window.embeddings.dtype == np.float32
    assert np.isfinite(window.embeddings).all()
    (alone,) = encoder.encode(ARTICLE[1:2])
    np.testing.assert_allclose(alone.embeddings[0], window.embeddings[1], atol=1e-5)
    assert list(encoder.encode([])) == []
