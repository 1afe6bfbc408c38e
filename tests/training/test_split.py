"""Splits keep documents and near-duplicates together; the label check finds what was planted."""

from __future__ import annotations

import io

import numpy as np
import pytest

pytest.importorskip("sklearn")

from newsgauge.training.check import contradictions, disputed, leaks, write_findings
from newsgauge.training.compare import BETTER, NO_TELLING, WORSE, compare_labels, compare_scores
from newsgauge.training.labels import LabelledRow
from newsgauge.training.metrics import auroc, weighted_auroc
from newsgauge.training.split import CROSS_VALIDATED, folds, groups, near_duplicates, rounds

LONG = "The harbour board said on Friday that it had never seen the report which the inspectors sent in March"


def test_near_duplicates_share_a_cluster() -> None:
    clusters = near_duplicates([LONG, "Nine were hurt when the ferry hit the quay.", LONG + ".", LONG + " of this year", ""])
    assert clusters[0] == clusters[2] == clusters[3]
    assert len({clusters[0], clusters[1], clusters[4]}) == 3


def test_rows_of_a_document_stay_together_and_copies_too() -> None:
    rows = [LabelledRow(f"Sentence {i} of a text.", "w", "denial", document=f"d{i % 9}") for i in range(60)]
    rows += [LabelledRow(LONG, "w", "evidence"), LabelledRow(LONG + "!", "w", "evidence")]
    owners = groups(rows)
    assert owners[-1] == owners[-2]
    targets = np.array([int(row.stance == "evidence") for row in rows])
    seen: list[int] = []
    for train, test in folds(targets, owners, seed=3):
        assert not {owners[i] for i in train} & {owners[i] for i in test}
        seen += test.tolist()
    assert sorted(seen) == list(range(len(rows)))


@pytest.mark.parametrize("names", [["one"] * 20, [str(i) for i in range(20)], ["a"] * 19 + ["b"]])
def test_odd_groups_can_be_split(names: list[str]) -> None:
    targets = np.arange(20) % 2
    for train, test in folds(targets, names, seed=1):
        assert len(train) and len(test)


def test_many_rows_are_held_out_once_for_good() -> None:
    count = CROSS_VALIDATED
    owners = [str(i // 10) for i in range(count)]
    assert len(rounds(np.arange(count) % 3, owners, seed=1)) == 1
    assert len(rounds(np.arange(count - 100) % 3, owners[:-100], seed=1)) == 5


def test_contradictions_name_both_places() -> None:
    rows = [
        LabelledRow(LONG, "f, line 2", "denial"),
        LabelledRow(LONG + ".", "f, line 9", "evidence"),
        LabelledRow(LONG, "f, line 12", "analysis", secondary="denial"),
    ]
    (found,) = contradictions(rows)
    assert (found.where, found.label, found.other, found.other_where) == ("f, line 9", "evidence", "denial", "f, line 2")


def test_disputed_labels_are_those_that_were_swapped() -> None:
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 3, 300)
    probabilities = np.full((300, 3), 0.05)
    probabilities[np.arange(300), truth] = 0.9
    probabilities += 0.02 * rng.random((300, 3))
    given = truth.copy()
    given[:6] = (given[:6] + 1) % 3
    rows = [LabelledRow(f"Row {i}", f"line {i}", "abc"[label]) for i, label in enumerate(given)]
    assert {found.where for found in disputed(rows, "abc", given, probabilities)} == {f"line {i}" for i in range(6)}


def test_leaks_are_copies_and_shared_documents() -> None:
    train = [LabelledRow(LONG, "t, line 1", "denial", document="a"), LabelledRow("Nine were hurt there.", "t, line 2", "evidence")]
    dev = [
        LabelledRow(LONG + "!", "d, line 1", "denial"),
        LabelledRow("He spoke of the weather.", "d, line 2", "denial", document="a"),
        LabelledRow("Something else again.", "d, line 3", "denial", document="b"),
    ]
    assert [(found.where, found.other) for found in leaks(train, dev)] == [("d, line 1", "same sentence"), ("d, line 2", "same document")]


def test_findings_are_a_table_for_spreadsheets() -> None:
    rows = [LabelledRow(LONG, "a", "denial"), LabelledRow(LONG, "b", "evidence")]
    stream = io.BytesIO()
    write_findings(contradictions(rows), stream)
    assert stream.getvalue().decode("utf-8-sig").splitlines()[0].startswith("kind,where,label,text")


def said(right: float, seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    return ["a" if (i % 2 == 0) == (rng.random() < right) else "b" for i in range(400)]


def test_the_verdict_is_better_worse_or_no_telling() -> None:
    truth = ["a" if i % 2 == 0 else "b" for i in range(400)]
    owners = [str(i // 8) for i in range(400)]
    good, bad = said(0.9, 1), said(0.7, 2)
    better = compare_labels(truth, good, bad, owners, "ab")
    assert better.verdict == BETTER and 0 < better.low < better.difference < better.high
    assert compare_labels(truth, bad, good, owners, "ab").verdict == WORSE
    assert compare_labels(truth, good, good, owners, "ab").verdict == NO_TELLING
    assert compare_labels(truth, good, bad, ["one"] * 400, "ab").verdict == NO_TELLING


def test_scores_are_compared_by_auroc() -> None:
    rng = np.random.default_rng(1)
    truth = rng.random(300) < 0.4
    good, bad = truth + 0.5 * rng.normal(size=300), truth + 3 * rng.normal(size=300)
    owners = [str(i // 6) for i in range(300)]
    assert compare_scores(truth, good, bad, owners).verdict == BETTER
    ties = np.round(good)
    assert weighted_auroc(ties, truth, np.ones(300)) == pytest.approx(auroc(ties, truth))
