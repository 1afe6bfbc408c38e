"""The translation head: a sentence beside its neighbours and the whole article, in projections that are kept instead of embeddings."""

from __future__ import annotations

import numpy as np
import pytest

from newsgauge.model.errors import BundleError
from newsgauge.model.heads import LinearHead
from newsgauge.model.translation import PARTS_READ, REACH, TranslationHead

UNITS, WIDTH = 16, 5


@pytest.fixture
def head() -> TranslationHead:
    random = np.random.default_rng(5)
    hidden = random.normal(size=(PARTS_READ * UNITS, WIDTH)).astype(np.float32), random.normal(size=PARTS_READ * UNITS).astype(np.float32)
    return TranslationHead(LinearHead(*hidden), LinearHead(random.normal(size=(1, UNITS)).astype(np.float32), np.ones(1, np.float32)))


def by_hand(head: TranslationHead, embeddings: np.ndarray) -> list[float]:
    """The same from the embeddings themselves, sentence by sentence."""
    count = len(embeddings)
    own, beside, everywhere = np.split(head.hidden.weight, PARTS_READ)
    found = []
    for i in range(count):
        places = [min(max(i + step, 0), count - 1) for step in range(-REACH, REACH + 1) if step]
        inside = own @ embeddings[i] + beside @ embeddings[places].mean(0) + everywhere @ embeddings.mean(0)
        inside = np.maximum(inside + np.sum(np.split(head.hidden.bias, PARTS_READ), axis=0), 0)
        found.append(float(head.output.weight[0] @ inside + head.output.bias[0]))
    return found


@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_a_sentence_is_read_beside_its_neighbours_and_the_article(head: TranslationHead, count: int) -> None:
    embeddings = np.random.default_rng(count).normal(size=(count, WIDTH)).astype(np.float32)
    projected = np.concatenate([head.project(part) for part in np.array_split(embeddings, 2) if len(part)])
    assert head.logits(projected).tolist() == pytest.approx(by_hand(head, embeddings), abs=1e-5)


def test_what_stands_far_away_counts_by_the_mean_alone(head: TranslationHead) -> None:
    embeddings = np.random.default_rng(0).normal(size=(12, WIDTH)).astype(np.float32)
    swapped = embeddings.copy()
    swapped[[8, 10]] = embeddings[[10, 8]]
    before, after = head.logits(head.project(embeddings)), head.logits(head.project(swapped))
    assert before[:6].tolist() == pytest.approx(after[:6].tolist(), abs=1e-5)
    assert not np.allclose(before[8:11], after[8:11])


def test_a_hidden_layer_that_does_not_fit_the_units_is_refused() -> None:
    with pytest.raises(BundleError, match=r"projects to 4 numbers for 2 units; expected 3 for each unit"):
        TranslationHead(LinearHead.zeros(4, WIDTH), LinearHead.zeros(1, 2))


def test_units_are_told_by_the_output(head: TranslationHead) -> None:
    assert head.units == UNITS
