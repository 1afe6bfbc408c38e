"""Crops, splices, bags and balance: what an epoch may and may not do to labelled documents."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsgauge.model.windows import WindowShape
from newsgauge.training.mixture import TrainingWindow, bags, balanced, crops, excerpt, inserted, splice
from newsgauge.training.rows import LabelledDocument, Row

SMALL = WindowShape(tokens=60, before=10, after=8, sentence=40)
lengths_of_sentences = st.lists(st.integers(0, SMALL.sentence), min_size=1, max_size=40)


def document_of(count: int, *, before: str = "", headline: str = "", name: str = "doc", garbled: float = 0.0) -> LabelledDocument:
    rows = tuple(Row(f"{name} {number}", stance="evidence", garbled=garbled, origin=f"{name}.{number}") for number in range(count))
    return LabelledDocument(name, rows, headline=headline, before=before)


def scored(windows: list[TrainingWindow]) -> list[Row]:
    return [row for window in windows for row in window.rows[window.first : window.last]]


@given(lengths_of_sentences, st.sampled_from(["", "What stood before."]), st.one_of(st.none(), st.integers(0, 2**32)))
def test_crops_score_every_row_once_and_in_order(lengths: list[int], before: str, seed: int | None) -> None:
    document = document_of(len(lengths), before=before)
    windows = crops(document, lengths, SMALL, None if seed is None else random.Random(seed))
    assert scored(windows) == list(document.rows)
    assert all(window.first < window.last for window in windows)


@given(lengths_of_sentences, st.integers(0, 2**32))
def test_context_of_a_crop_is_what_stands_around_it(lengths: list[int], seed: int) -> None:
    document = document_of(len(lengths), headline="A headline")
    stream = [Row("A headline"), *document.rows]
    for window in crops(document, lengths, SMALL, random.Random(seed)):
        start = stream.index(window.rows[0])
        assert list(window.rows) == stream[start : start + len(window.rows)]
        assert window.first >= 1, "the headline or a sentence always stands before"


def test_the_sentence_before_goes_before_the_headline_as_context_and_is_not_scored() -> None:
    both = crops(document_of(3, before="Earlier.", headline="Title"), [5, 5, 5], SMALL, None)
    assert both[0].rows[0] == Row("Earlier.")
    assert crops(document_of(3), [5, 5, 5], SMALL, None)[0].first == 0


def test_crops_depend_on_their_random_source_alone() -> None:
    document = document_of(30)
    lengths = [12] * 30
    drawn = [crops(document, lengths, SMALL, random.Random(seed)) for seed in range(8)]
    assert drawn == [crops(document, lengths, SMALL, random.Random(seed)) for seed in range(8)]
    assert len({tuple(windows) for windows in drawn}) > 1, "other seeds cut elsewhere"


@given(st.integers(4, 30), st.integers(4, 30), st.integers(0, 2**32))
def test_a_splice_has_one_garbled_run_between_a_clean_prefix_and_suffix(clean_size: int, twin_size: int, seed: int) -> None:
    clean, twin = document_of(clean_size, name="clean", headline="Title"), document_of(twin_size, name="twin", garbled=1.0)
    made = splice(clean, twin, random.Random(seed))
    assert (made.name, made.headline, len(made.rows)) == ("clean", "Title", clean_size)
    places = [number for number, row in enumerate(made.rows) if row.garbled == 1.0]
    assert 2 <= len(places) <= 10
    assert places == list(range(places[0], places[-1] + 1)), "one run"
    for number, row in enumerate(made.rows):
        assert row == (twin if number in places else clean).rows[number]
    assert len(places) < clean_size, "some clean sentence is left"


def test_a_twin_of_a_part_is_spliced_into_that_part_alone() -> None:
    clean = document_of(30, name="clean")
    part = clean.rows[8:20]
    twin = LabelledDocument("twin", tuple(Row(f"wreck {i}", garbled=1.0, twin_of=row.origin) for i, row in enumerate(part)))
    made = splice(clean, twin, random.Random(4))
    assert len(made.rows) == len(part)
    assert [row.origin for row in made.rows if row.garbled != 1.0] == [
        row.origin for row, ours in zip(part, made.rows, strict=True) if ours.garbled != 1.0
    ]
    assert 2 <= sum(row.garbled == 1.0 for row in made.rows) <= 10


@given(st.integers(0, 30), st.integers(1, 30), st.integers(0, 2**32))
def test_a_run_of_another_text_is_inserted_whole(host_size: int, donor_size: int, seed: int) -> None:
    host, donor = document_of(host_size, name="host", headline="Title"), document_of(donor_size, name="donor", garbled=1.0)
    made = inserted(host, donor, random.Random(seed))
    assert (made.name, made.headline) == ("host", "Title")
    run = [row for row in made.rows if row.garbled == 1.0]
    first = next(number for number, row in enumerate(made.rows) if row.garbled == 1.0)
    assert min(3, donor_size) <= len(run) <= min(10, donor_size)
    assert list(made.rows[first : first + len(run)]) == run, "one run"
    start = donor.rows.index(run[0])
    assert run == list(donor.rows[start : start + len(run)])
    assert made.rows[:first] + made.rows[first + len(run) :] == host.rows


@given(st.integers(1, 40), st.integers(1, 15), st.integers(0, 2**32))
def test_an_excerpt_is_a_stretch_of_the_document(count: int, longest: int, seed: int) -> None:
    document = document_of(count)
    taken = excerpt(document, random.Random(seed), longest).rows
    assert len(taken) == min(count, longest)
    start = document.rows.index(taken[0])
    assert document.rows[start : start + len(taken)] == taken


def test_a_short_article_is_not_spliced() -> None:
    twin = document_of(3, name="twin", garbled=1.0)
    assert splice(document_of(9, name="clean"), twin, random.Random(0)) is twin


@given(st.integers(0, 60), st.sampled_from([0.0, 0.5, 1.0]), st.integers(0, 2**32))
def test_bags_hold_every_row_once(count: int, single: float, seed: int) -> None:
    document = document_of(count)
    windows = bags(document, lambda row: 10, 100, random.Random(seed), single=single, largest=4)
    assert sorted(row.origin for row in scored(windows)) == sorted(row.origin for row in document.rows)
    sizes = [len(window.rows) for window in windows]
    assert all(1 <= size <= 4 for size in sizes)
    assert all((window.first, window.last) == (0, len(window.rows)) for window in windows), "unordered rows are no context"
    if single == 1.0:
        assert set(sizes) <= {1}
    if single == 0.0:
        assert all(size >= 2 for size in sizes[:-1])


@given(st.integers(2, 40), st.integers(0, 2**32))
def test_rows_that_do_not_fit_together_stay_alone(count: int, seed: int) -> None:
    document = document_of(count)
    windows = bags(document, lambda row: 60, 160, random.Random(seed), single=0.0, largest=4)
    assert sorted(row.origin for row in scored(windows)) == sorted(row.origin for row in document.rows)
    assert {len(window.rows) for window in windows} <= {1, 2}, "three rows and their separators are over 160 word pieces"


@pytest.mark.parametrize(
    ("clean", "garbled", "most_clean", "kept_clean", "kept_garbled"),
    [(900, 3000, 500, 500, 1000), (100, 50, 500, 100, 50), (2000, 2500, 1000, 1000, 2000)],
)
def test_balance_keeps_within_its_limits(clean: int, garbled: int, most_clean: int, kept_clean: int, kept_garbled: int) -> None:
    rows = document_of(clean, name="c").rows + document_of(garbled, name="g", garbled=1.0).rows
    chosen = balanced(LabelledDocument("mix", rows, consecutive=False), random.Random(3), most_clean=most_clean).rows
    assert len(set(chosen)) == len(chosen)
    assert set(chosen) <= set(rows)
    assert sum(row.garbled == 0.0 for row in chosen) == kept_clean
    assert sum(row.garbled == 1.0 for row in chosen) == kept_garbled


def test_the_same_seed_draws_the_same() -> None:
    clean, twin = document_of(20, name="clean"), document_of(20, name="twin", garbled=1.0)
    mixed = LabelledDocument("mix", clean.rows + twin.rows, consecutive=False)

    def draw(seed: int) -> tuple[object, ...]:
        return (
            splice(clean, twin, random.Random(seed)),
            tuple(bags(clean, lambda row: 5, 100, random.Random(seed))),
            balanced(mixed, random.Random(seed), most_clean=5),
        )

    assert draw(4) == draw(4)
    assert all(one != other for one, other in zip(draw(4), draw(5), strict=True))
