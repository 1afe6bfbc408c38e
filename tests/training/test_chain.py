"""The fit of the passage chain: its likelihood against plain enumeration, and what it learns."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("scipy")

from newsgauge.model.passages import PassageChain, surroundings
from newsgauge.training.chain import CHAIN_REACH, ChainBatch, _chain, fit_chain

ARTICLES = st.lists(st.lists(st.tuples(st.floats(-20, 20), st.integers(0, 1)), max_size=7), min_size=1, max_size=4)
RANGES = ((-3, 3), (-5, 5), (-5, 8), (-5, 8), (-3, 3), (-3, 3), (-20, 20))
CHAINS = st.tuples(*(st.floats(least, most) for least, most in RANGES)).map(lambda values: _chain(np.array(values)))


def enumerated(chain: PassageChain, logits: np.ndarray, states: tuple[int, ...]) -> float:
    """The log-likelihood of *states* among all sequences."""
    garbled = chain.evidence(surroundings(logits, chain.reach)).tolist()

    def score(sequence: tuple[int, ...]) -> float:
        total = sum(value for value, state in zip(garbled, sequence, strict=True) if state)
        for one, two in pairwise(sequence):
            total -= {(0, 1): chain.enter, (1, 0): chain.leave}.get((one, two), 0.0)
        return float(total)

    return score(states) - float(np.logaddexp.reduce([score(other) for other in product((0, 1), repeat=len(states))]))


@settings(max_examples=60)
@given(CHAINS, ARTICLES)
def test_likelihoods_side_by_side_are_those_of_enumeration(chain: PassageChain, articles: list[list[tuple[float, int]]]) -> None:
    sequences = [(np.array([logit for logit, _ in article]), [state for _, state in article]) for article in articles]
    found = ChainBatch.of(sequences, CHAIN_REACH).log_likelihoods(chain)
    expected = [enumerated(chain, logits, tuple(states)) for logits, states in sequences]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-8)
    assert (found <= 1e-8).all()


def noisy(rng: np.random.Generator, level: float, *, inside: bool) -> tuple[np.ndarray, list[int]]:
    """An article of the given *level*, with seven sentences *inside* that lie three higher."""
    states = np.zeros(20, dtype=np.int64)
    if inside:
        start = int(rng.integers(2, 10))
        states[start : start + 7] = 1
    return level + 3.0 * states + rng.normal(size=20), states.tolist()


def test_the_chain_learns_to_bridge_a_gap_and_to_pass_over_a_spike() -> None:
    rng = np.random.default_rng(3)
    sequences = [noisy(rng, -1.5, inside=number % 2 == 1) for number in range(40)]
    chain = fit_chain(sequences)
    assert chain.scale > 0
    assert chain.enter > 0
    assert chain.leave > 0
    gap = np.array([-2.0] * 5 + [2.0, 2.0, 2.0, -0.3, 2.0, 2.0, 2.0] + [-2.0] * 5)
    assert [(first, last) for first, last, _ in chain.runs(gap)] == [(5, 11)]
    spike = np.array([-2.0] * 8 + [0.8] + [-2.0] * 8)
    assert chain.posterior(spike)[8] < 0.5
    found, truth = [], []
    for logits, states in sequences:
        found.extend((chain.posterior(logits) >= 0.5).astype(int).tolist())
        truth.extend(states)
    assert np.mean(np.array(found) == np.array(truth)) > 0.95


def test_a_fitted_chain_is_likelier_than_the_plain_one() -> None:
    rng = np.random.default_rng(4)
    batch = ChainBatch.of(sequences := [noisy(rng, -1.0, inside=True) for _ in range(20)], CHAIN_REACH)
    plain = PassageChain(1.0, 0.0, 2.0, 1.0, 0.0)
    assert batch.log_likelihoods(fit_chain(sequences)).sum() > batch.log_likelihoods(plain).sum() + 1.0


def test_the_chain_learns_what_is_usual_in_an_article() -> None:
    rng = np.random.default_rng(5)
    sequences = [noisy(rng, level, inside=number % 2 == 1) for number in range(60) for level in (-4.0, -1.0)]
    chain = fit_chain(sequences)
    assert chain.usual < -0.3
    sober, lively = (np.array([level] * 8 + [-1.0] * 5 + [level] * 8) for level in (-4.0, -1.0))
    assert [run[:2] for run in chain.runs(sober)] == [(8, 12)]
    assert chain.runs(lively) == []


def test_the_chain_learns_that_a_whole_article_can_be_garbled() -> None:
    rng = np.random.default_rng(6)
    parts = [noisy(rng, level, inside=number % 2 == 1) for number in range(30) for level in (-4.0, -2.0)]
    whole = [(rng.normal(size=20) + 1.0, [1] * 20) for _ in range(30)]
    chain = fit_chain(parts + whole)
    assert -4.0 < chain.ceiling < 1.0
    assert [run[:2] for run in chain.runs(np.full(20, 1.0))] == [(0, 19)]
