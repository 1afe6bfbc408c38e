"""Passages: the chain's sums against plain enumeration of every state sequence, and the runs that come of them."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, product
from statistics import median

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsgauge.model.passages import PassageChain, find_runs, surroundings

LOGITS = st.lists(st.floats(-20, 20), min_size=1, max_size=8).map(lambda values: np.array(values, dtype=np.float64))
CHAINS = st.builds(
    PassageChain,
    scale=st.floats(-3, 3),
    offset=st.floats(-5, 5),
    enter=st.floats(-5, 8),
    leave=st.floats(-5, 8),
    neighbours=st.floats(-3, 3),
    usual=st.floats(-3, 3),
    ceiling=st.floats(-20, 20),
    shortest=st.integers(1, 3),
    reach=st.integers(1, 4),
)
PLAIN = PassageChain(scale=1.0, offset=0.0, enter=3.0, leave=2.0, neighbours=0.0)


def by_hand(chain: PassageChain, logits: np.ndarray, states: tuple[int, ...]) -> float:
    """The score of a state sequence, written out from the description of the chain."""
    reach = chain.reach
    wide = [logits[0]] * reach + logits.tolist() + [logits[-1]] * reach
    beside = [(sum(wide[i : i + reach]) + sum(wide[i + reach + 1 : i + 2 * reach + 1])) / (2 * reach) for i in range(len(logits))]
    level = min(median(logits.tolist()), chain.ceiling)
    score = sum(
        chain.scale * logit + chain.neighbours * mean + chain.usual * level + chain.offset
        for logit, mean, state in zip(logits.tolist(), beside, states, strict=True)
        if state
    )
    for one, two in pairwise(states):
        score -= chain.enter if (one, two) == (0, 1) else chain.leave if (one, two) == (1, 0) else 0.0
    return float(score)


def enumerate_all(chain: PassageChain, logits: np.ndarray) -> np.ndarray:
    """Of all 2ⁿ sequences, each sentence's share of those where it is garbled."""
    sequences = list(product((0, 1), repeat=len(logits)))
    scores = np.array([by_hand(chain, logits, states) for states in sequences])
    weights = np.exp(scores - scores.max())
    inside = np.array([sum(w for w, s in zip(weights, sequences, strict=True) if s[i]) for i in range(len(logits))])
    return inside / weights.sum()


@settings(max_examples=100)
@given(CHAINS, LOGITS)
def test_the_posterior_is_that_of_enumeration(chain: PassageChain, logits: np.ndarray) -> None:
    np.testing.assert_allclose(chain.posterior(logits), enumerate_all(chain, logits), atol=1e-9)


def test_nothing_has_no_surroundings_no_posterior_and_no_runs() -> None:
    empty = np.zeros(0)
    assert surroundings(empty, 2).shape == (0, 3)
    assert PLAIN.posterior(empty).shape == (0,)
    assert PLAIN.runs(empty) == []
    assert find_runs(empty, 2, 0.5) == []


def test_a_passage_is_told_by_what_sets_it_apart() -> None:
    # The same sentences among agency news and in a livelier article.
    passage = [-1.5] * 4
    sober, lively = (np.array([level] * 5 + passage + [level] * 5) for level in (-5.0, -2.0))
    blind = PassageChain(4.0, 7.0, 1.0, 1.0, 0.0)
    assert [run[:2] for run in blind.runs(sober)] == [run[:2] for run in blind.runs(lively)] == [(5, 8)]
    chain = PassageChain(4.0, 3.5, 1.0, 1.0, 0.0, usual=-1.0, ceiling=-1.0)
    assert [run[:2] for run in chain.runs(sober)] == [(5, 8)]
    assert chain.runs(lively) == []


def test_garble_from_end_to_end_does_not_hide_itself() -> None:
    logits = np.full(12, 1.0)
    capped, free = (PassageChain(1.0, -2.5, 2.0, 2.0, 0.0, usual=-1.0, ceiling=ceiling) for ceiling in (-2.0, 5.0))
    assert [run[:2] for run in capped.runs(logits)] == [(0, 11)]
    assert free.runs(logits) == []


def test_a_higher_threshold_leaves_the_surest_runs() -> None:
    logits = np.array([-3.0, 0.3, 0.3, -3.0, -3.0, 4.0, 4.0, -3.0])
    chain = PassageChain(1.0, 0.0, 0.1, 0.1, 0.0)
    assert [run[:2] for run in chain.runs(logits)] == [(1, 2), (5, 6)]
    assert [run[:2] for run in replace(chain, threshold=0.9).runs(logits)] == [(5, 6)]


@pytest.mark.filterwarnings("error")
def test_extreme_logits_and_long_documents_stay_finite() -> None:
    logits = np.where(np.arange(5000) % 1000 < 500, 800.0, -800.0)
    posterior = PLAIN.posterior(logits)
    assert ((posterior >= 0) & (posterior <= 1)).all()
    np.testing.assert_allclose(posterior, logits > 0, atol=1e-12)
    assert [(first, last) for first, last, _ in PLAIN.runs(logits)] == [(i * 1000, i * 1000 + 499) for i in range(5)]


def test_a_lone_doubtful_sentence_follows_its_neighbours() -> None:
    surrounded = PLAIN.posterior(np.array([4.0, 4.0, -1.0, 4.0, 4.0]))
    apart = PLAIN.posterior(np.array([-4.0, -4.0, 1.0, -4.0, -4.0]))
    assert surrounded[2] > 0.9
    assert apart[2] < 0.1
    assert PLAIN.runs(np.array([4.0, 4.0, -1.0, 4.0, 4.0]))[0][:2] == (0, 4)
    assert PLAIN.runs(np.array([-4.0, -4.0, 1.0, -4.0, -4.0])) == []


def test_what_rubs_off_from_garbled_neighbours_is_taken_off_again() -> None:
    # The clean sentences beside the run read worse than those further off, as the encoder sees them beside it.
    logits = np.array([-2.0, -2.0, 0.5, 4.0, 4.0, 4.0, 0.5, -2.0, -2.0])
    assert [run[:2] for run in PassageChain(1.0, 0.0, 0.1, 0.1, 0.0).runs(logits)] == [(2, 6)]
    assert [run[:2] for run in PassageChain(1.0, 0.0, 0.1, 0.1, neighbours=-0.9).runs(logits)] == [(3, 5)]


def test_what_rubs_off_on_sentences_further_away_takes_a_longer_reach() -> None:
    # The sentences two places from the run read worse than those further off, and worse than those between.
    logits = np.array([-2.0, -2.0, -2.0, 0.5, -0.5, 8.0, 8.0, 8.0, 8.0, -0.5, 0.5, -2.0, -2.0, -2.0])
    near, far = (PassageChain(1.0, 0.0, 0.1, 0.1, neighbours=-0.9, reach=reach) for reach in (1, 2))
    assert (near.posterior(logits)[[3, 10]] > 0.5).all() and (far.posterior(logits)[[3, 10]] < 0.5).all()
    assert [run[:2] for run in far.runs(logits)] == [(5, 8)]


def test_without_cost_of_change_a_sentence_is_judged_alone() -> None:
    logits = np.array([-2.0, 0.0, 3.0])
    np.testing.assert_allclose(PassageChain(1.0, 0.0, 0.0, 0.0, 0.0).posterior(logits), 1 / (1 + np.exp(-logits)), atol=1e-12)


@pytest.mark.parametrize(
    ("values", "shortest", "expected"),
    [
        ([0.9, 0.9], 2, [(0, 1)]),
        ([0.9, 0.1, 0.9], 1, [(0, 0), (2, 2)]),
        ([0.9, 0.1, 0.9], 2, []),
        ([0.1, 0.5, 0.5, 0.49], 2, [(1, 2)]),
        ([0.6, 0.7, 0.2, 0.6, 0.7, 0.8], 3, [(3, 5)]),
        ([0.2], 1, []),
        ([1.0], 1, [(0, 0)]),
    ],
)
def test_runs_start_at_the_threshold_and_have_a_least_length(values: list[float], shortest: int, expected: list[tuple[int, int]]) -> None:
    found = find_runs(np.array(values), shortest, 0.5)
    assert [(first, last) for first, last, _ in found] == expected
    for first, last, mean in found:
        assert mean == pytest.approx(sum(values[first : last + 1]) / (last - first + 1))


@given(st.lists(st.floats(0, 1), max_size=30), st.integers(1, 4))
def test_runs_are_maximal_and_in_order(values: list[float], shortest: int) -> None:
    found = find_runs(np.array(values), shortest, 0.5)
    inside = [value >= 0.5 for value in values]
    covered: set[int] = set()
    for first, last, _ in found:
        assert last - first + 1 >= shortest
        assert all(inside[first : last + 1])
        assert first == 0 or not inside[first - 1]
        assert last == len(values) - 1 or not inside[last + 1]
        assert not covered or first > max(covered) + 1
        covered |= set(range(first, last + 1))
    if shortest == 1:
        assert covered == {i for i, value in enumerate(inside) if value}
