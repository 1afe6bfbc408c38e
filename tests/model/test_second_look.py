"""A second look: which articles get one, and whose score they have then."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from newsgauge.model.document import Document
from newsgauge.model.errors import NewsgaugeError
from newsgauge.model.results import ArticleScore
from newsgauge.model.scorer import Scorer

from .conftest import steered

CALM = "The tide rose at -9. "


def by_number(sentence: str) -> list[float]:
    """The words' logit is the last number in the sentence; one with ``xx`` is garbled."""
    return [float(re.findall(r"-?\d+", sentence)[-1]), 0.0, 0.0, 0.0, 40.0 if "xx" in sentence else -40.0, 9.0]


def better(sentence: str) -> list[float]:
    return [-5.0, 3.0, 0.0, 0.0, -5.0, 9.0]


SECOND = steered(better, name="better@2")
FIRST = steered(by_number, name="quick@1", suspect_from=-2.0, second=SECOND)


def looked_at_by(text: str) -> str:
    return FIRST.score(Document.from_text(text)).model


@pytest.mark.parametrize(
    ("text", "suspect"),
    [
        (CALM * 9, False),
        (CALM * 9 + "It sank to -2. " * 4, True),
        (CALM * 9 + "It sank to -2. " * 3 + "It sank to -3. ", False),
        (CALM * 9 + "It rose to 19. ", True),
        ("It sank to -2. It sank to -2.", True),
        ("It sank to -2. It sank to -3.", False),
        (CALM * 9 + "It xx sank to -9. " * 3 + CALM, True),
        (CALM * 9 + "It xx sank to -9. " + CALM, False),
    ],
    ids=[
        "clean",
        "four suspicious sentences",
        "three and a little",
        "one that stands out",
        "a short article",
        "a short clean one",
        "a passage without suspicious words",
        "a garbled sentence that is no passage",
    ],
)
def test_suspect_is_an_article_by_its_four_worst_sentences_or_by_a_passage(text: str, suspect: bool) -> None:
    assert looked_at_by(text) == ("better@2" if suspect else "quick@1")


def test_no_verdict_comes_from_the_first_alone() -> None:
    text = "It rose to 1. " * 9
    unsuspecting = steered(by_number, suspect_from=9.0)
    assert (unsuspecting.score(Document.from_text(text)).machine_translated or (0, False))[1]
    paired = steered(by_number, suspect_from=9.0, second=SECOND).score(Document.from_text(text))
    assert paired.model == "better@2" and paired.machine_translated is not None and not paired.machine_translated[1]


def test_the_score_is_all_that_the_second_says() -> None:
    document = Document.from_text(CALM * 3 + "It xx rose to 7. " * 3)
    assert FIRST.score(document, source="wire.txt") == SECOND.score(document, source="wire.txt")
    assert {sentence.label for sentence in FIRST.score(document).sentences} == {"denial"}


def test_without_a_second_a_suspect_article_keeps_its_score() -> None:
    alone = steered(by_number, name="quick@1", suspect_from=-2.0)
    assert alone.model == "quick@1" and alone.score(Document.from_text("It rose to 19.")).model == "quick@1"


def test_a_document_without_english_gets_no_second_look() -> None:
    document = Document.from_text(
        "Bürgermeister und Gemeinderat haben am Dienstag über den Neubau der Brücke beraten und vertagten sich 9."
    )
    assert FIRST.score(document).model == "quick@1"


def test_both_are_told_as_the_model_of_the_run() -> None:
    assert FIRST.model == "quick@1/better@2"


def test_models_with_other_labels_are_refused() -> None:
    other = steered(lambda sentence: [0.0] * 4, name="mine@3", labels=("claim", "doubt"))
    with pytest.raises(NewsgaugeError, match=r"mine@3 cannot take a second look for quick@1: its labels are claim, doubt; expected accus"):
        steered(by_number, name="quick@1", second=other)


def test_the_shipped_pair_gives_each_article_the_score_of_one_of_them(seeds: Path) -> None:
    paths = [str(path) for path in sorted((seeds / "articles").iterdir())]
    quick, best = Scorer.from_folder("fast"), Scorer.from_folder("default")
    alone = {(one.model, one.source): one for scorer in (quick, best) for one in scorer.score_files(paths) if isinstance(one, ArticleScore)}
    pair = Scorer.from_folder("fast", second_look="default")
    found = [one for one in pair.score_files(paths) if isinstance(one, ArticleScore)]
    assert [one.source for one in found] == paths and all(one == alone[one.model, one.source] for one in found)
    verdicts = {Path(one.source).name: one.machine_translated for one in found if one.model == best.model}
    assert (verdicts["quarry-spill.txt"] or (0, False))[1]
