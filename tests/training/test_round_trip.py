"""The round trips' recipe, with hops that stand for translators."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

pytest.importorskip("sklearn")

from newsgauge.training.round_trip import round_trip, rule_based

ARTICLE = {"id": "s9-001", "headline": "Boats", "sentences": [{"text": "One.", "label": "evidence"}, {"text": "Two.", "label": "denial"}]}


def test_the_hops_of_a_chain_are_taken_in_order_and_labels_stay() -> None:
    hops = {"first": lambda texts: [text.upper() for text in texts], "second": lambda texts: [text + "!" for text in texts]}
    made = round_trip(ARTICLE, ("first", "second"), hops)
    assert made["headline"] == "BOATS!"
    assert [(sentence["text"], sentence["label"]) for sentence in made["sentences"]] == [("ONE.!", "evidence"), ("TWO.!", "denial")]
    assert (made["id"], made["of"], made["pivot"]) == ("s9-001-r", "s9-001", "first > second")
    assert {sentence["severity"] for sentence in made["sentences"]} == {None}, "a reader rates, not the recipe"


@pytest.mark.parametrize(("printed", "texts"), [("un\n\ndos\n", ["un", "dos"]), ("un \n\n dos", ["un", "dos"])])
def test_a_rule_based_hop_gives_one_text_for_each(printed: str, texts: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        assert command == ["apertium", "-u", "eng-spa"]
        assert options["input"] == "one\n\ntwo"
        return subprocess.CompletedProcess(command, 0, stdout=printed)

    monkeypatch.setattr(subprocess, "run", run)
    assert rule_based("eng-spa", ["one", "two"]) == texts


def test_a_translator_that_loses_a_text_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda command, **options: subprocess.CompletedProcess(command, 0, stdout="only one\n"))
    with pytest.raises(ValueError, match="made 1 texts of 2"):
        rule_based("eng-spa", ["one", "two"])
