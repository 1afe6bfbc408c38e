"""The garbled head: words marked whole, neighbours joined, and what the verdict on an article is made of."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsgauge.model.encoder import WordPieces
from newsgauge.model.heads import LinearHead
from newsgauge.model.passages import PassageChain
from newsgauge.model.quality import SUSPECT_SENTENCES, VERDICT_FEATURES, GarbleHead, verdict_features
from newsgauge.model.signs import find_signs


def head(*weights: float) -> LinearHead:
    return LinearHead(np.array([weights], dtype=np.float32), np.zeros(1, dtype=np.float32))


def garble(*, threshold: float = 0.5, piece_threshold: float = 0.5, verdict: LinearHead | None = None) -> GarbleHead:
    """A head whose piece logit is the state itself."""
    return GarbleHead(
        sentence=head(1.0),
        signs=head(3.0, 1.0, 0.0, 0.5, 2.0),
        piece=head(1.0),
        threshold=threshold,
        piece_threshold=piece_threshold,
        chain=PassageChain(1.0, 0.0, 2.0, 2.0, 0.0),
        verdict=verdict or head(*[0.0] * len(VERDICT_FEATURES)),
        verdict_threshold=0.5,
    )


def pieces(*parts: tuple[int, int, float]) -> WordPieces:
    """Word pieces as ``(start, end, probability)``."""
    odds = [np.log(probability / (1 - probability)) for _, _, probability in parts]
    offsets = np.array([(start, end) for start, end, _ in parts], dtype=np.int64).reshape(len(parts), 2)
    return WordPieces(offsets, np.array(odds, dtype=np.float32).reshape(len(parts), 1))


def marked(text: str, *parts: tuple[int, int, float], threshold: float = 0.5) -> list[str]:
    return [text[start:end] for start, end, _ in garble(piece_threshold=threshold).spans(text, pieces(*parts))]


def test_signs_add_their_weights_to_the_logit_once_each() -> None:
    doubled = find_signs("It was was cold cold there.")
    assert [sign.kind for sign in doubled] == ["doubled word"], "“was was” may be meant"
    torn = find_signs("The dam [near the town.Police said said so.")
    logits = garble().logits(np.array([[0.5], [0.5], [-1.0]], dtype=np.float32), [(), doubled * 3, torn])
    assert logits.tolist() == pytest.approx([0.5, 3.5, -1.0 + 3.0 + 1.0 + 0.5])
    assert garble().logits(np.zeros((0, 1), np.float32), []).shape == (0,)


def test_a_word_of_several_pieces_is_marked_whole_with_its_highest_value() -> None:
    text = "The unforeseeable quay"
    found = garble().spans(text, pieces((0, 3, 0.1), (4, 6, 0.2), (6, 13, 0.9), (13, 17, 0.3), (18, 22, 0.1)))
    assert [(start, end) for start, end, _ in found] == [(4, 17)]
    assert found[0][2] == pytest.approx(0.9, abs=1e-4)


def test_neighbouring_words_are_one_span_and_others_are_not() -> None:
    text = "one two  three four"
    assert marked(text, (0, 3, 0.9), (4, 7, 0.9), (9, 14, 0.1), (15, 19, 0.9)) == ["one two", "four"]
    assert marked(text, (0, 3, 0.1), (4, 7, 0.9), (9, 14, 0.9), (15, 19, 0.1)) == ["two  three"]


def test_punctuation_between_two_words_parts_them_unless_it_is_marked_too() -> None:
    text = "tide, quay"
    assert marked(text, (0, 4, 0.9), (4, 5, 0.1), (6, 10, 0.9)) == ["tide", "quay"]
    assert marked(text, (0, 4, 0.9), (4, 5, 0.9), (6, 10, 0.9)) == ["tide, quay"]


def test_the_parts_of_a_hyphenated_word_are_words_of_their_own() -> None:
    assert marked("half-sunk barge", (0, 4, 0.1), (4, 5, 0.1), (5, 9, 0.9), (10, 15, 0.1)) == ["sunk"]


def test_a_word_is_marked_from_the_threshold_on() -> None:
    text = "red blue"
    assert marked(text, (0, 3, 0.75), (4, 8, 0.7), threshold=0.74) == ["red"]
    assert marked(text, (0, 3, 0.75), (4, 8, 0.7), threshold=0.69) == ["red blue"]
    assert marked(text, (0, 3, 0.75), (4, 8, 0.7), threshold=0.76) == []


def test_no_pieces_make_no_spans() -> None:
    empty = WordPieces(np.zeros((0, 2), dtype=np.int64), np.zeros((0, 1), dtype=np.float32))
    assert garble().spans("", empty) == ()


def test_a_word_cut_off_where_reading_stops_is_still_marked_whole() -> None:
    # The encoder reads a sentence up to a limit, which may lie within a word.
    assert marked("quay unforeseeable tide", (0, 4, 0.1), (5, 7, 0.9), (7, 14, 0.9)) == ["unforeseeable"]


@st.composite
def sentences(draw: st.DrawFn) -> tuple[str, list[tuple[int, int, float]]]:
    """A sentence of words and punctuation cut into pieces at random, a probability for each."""
    text = "".join(
        draw(st.lists(st.tuples(st.text("abéZ1", min_size=1, max_size=9), st.sampled_from([" ", "  ", ", ", "-", ". "])), max_size=12).map(
            lambda pairs: [part for pair in pairs for part in pair]
        ))
    )  # fmt: skip
    found: list[tuple[int, int, float]] = []
    for match in re.finditer(r"\w+|[^\w\s]", text):
        cuts = {match.start(), match.end(), *draw(st.lists(st.integers(match.start(), match.end()), max_size=3))}
        ordered = sorted(cuts)
        found += [(a, b, draw(st.sampled_from([0.05, 0.4, 0.6, 0.95]))) for a, b in pairwise(ordered)]
    return text, found


@settings(max_examples=200)
@given(sentences())
def test_spans_are_ordered_whole_words_and_hold_every_high_piece(case: tuple[str, list[tuple[int, int, float]]]) -> None:
    text, parts = case
    spans = garble().spans(text, pieces(*parts))
    for start, end, value in spans:
        assert 0 <= start < end <= len(text)
        assert not (start > 0 and text[start - 1].isalnum() and text[start].isalnum())
        assert not (end < len(text) and text[end - 1].isalnum() and text[end].isalnum())
        assert 0.5 <= value <= 1
    for (_, end, _), (start, _, _) in pairwise(spans):
        assert end < start
        assert text[end:start].strip()
    for start, end, value in parts:
        assert (value < 0.5) or any(a <= start and end <= b for a, b, _ in spans)


def test_the_features_of_a_verdict_are_what_their_names_say() -> None:
    features = dict(zip(VERDICT_FEATURES, verdict_features(np.array([-5.0, 1.0, 2.0, 6.0])).tolist(), strict=True))
    assert features == {"mean word logit times certainty": pytest.approx(0.8), "certainty": pytest.approx(0.8)}


def test_the_word_logit_of_a_sentence_is_the_mean_of_its_pieces() -> None:
    states = np.array([[0.5], [2.0], [-1.0]], dtype=np.float32)
    weighted = replace(garble(), piece=LinearHead(np.array([[3.0]], np.float32), np.array([0.25], np.float32)))
    assert weighted.word_logits(states.mean(0)[None, :]) == pytest.approx(weighted.piece.logits(states).mean())


@given(st.lists(st.floats(-30, 30), min_size=1, max_size=40), st.randoms(use_true_random=False))
def test_the_features_are_finite_and_blind_to_order(values: list[float], random: object) -> None:
    features = verdict_features(np.array(values))
    assert features.shape == (len(VERDICT_FEATURES),) and features.dtype == np.float32
    assert np.isfinite(features).all()
    shuffled = list(values)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    np.testing.assert_allclose(verdict_features(np.array(shuffled)), features, rtol=1e-5, atol=1e-5)


def test_the_verdict_is_surer_of_a_long_article_than_of_a_short_one() -> None:
    judged = garble(verdict=head(2.0, 1.0))
    garbled, clean = ([judged.article_probability(np.full(count, value)) for count in (1, 3, 30)] for value in (2.0, -2.0))
    assert 0.5 < garbled[0] < garbled[1] < garbled[2] < 1
    assert 0.5 > clean[0] > clean[1] > clean[2] > 0
    assert judged.article_probability(np.array([-0.5])) == pytest.approx(0.5)


@given(st.lists(st.floats(-20, 20, width=32), min_size=1, max_size=30))
def test_suspicion_is_the_mean_of_the_few_worst_sentences_wherever_they_stand(logits: list[float]) -> None:
    words = np.array(logits)
    worst = sorted(logits)[::-1][:SUSPECT_SENTENCES]
    assert garble().suspicion(words) == pytest.approx(sum(worst) / len(worst))
    assert garble().suspicion(words[::-1]) == garble().suspicion(words)
    assert garble().suspicion(np.append(words, min(logits) - 1.0)) == garble().suspicion(words) or len(logits) < SUSPECT_SENTENCES
