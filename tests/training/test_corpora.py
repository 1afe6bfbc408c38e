"""The training mixture on the starter data that ships: what is kept for dev, what an epoch holds."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from newsgauge.model.errors import NewsgaugeError
from newsgauge.model.windows import WindowShape
from newsgauge.training.corpora import Corpora, epoch_windows, held_out, load_corpora
from newsgauge.training.documents import system_held_out, translated_documents
from newsgauge.training.rows import LabelledDocument, Row
from newsgauge.training.wordpieces import PieceTable


@pytest.fixture(scope="module")
def starters(seeds: Path) -> Corpora:
    return load_corpora(seeds, None)


def originals(seeds: Path, pattern: str) -> list[str]:
    return [json.loads(line)["id"] for path in sorted(seeds.glob(pattern)) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
def test_the_held_out_share_is_near_the_asked_one(share: float) -> None:
    names = [f"article-{number}" for number in range(4000)]
    assert sum(held_out(name, share) for name in names) / len(names) == pytest.approx(share, abs=0.025)


def test_a_larger_share_keeps_what_a_smaller_one_held_out() -> None:
    names = [f"article-{number}" for number in range(300)]
    small, large = ({name for name in names if held_out(name, share)} for share in (0.1, 0.3))
    assert small < large
    assert not any(held_out(name, 0.0) for name in names)
    assert all(held_out(name, 1.0) for name in names)


def test_another_salt_is_another_split() -> None:
    names = [f"article-{number}" for number in range(300)]
    assert {name for name in names if held_out(name, 0.3)} != {name for name in names if held_out(name, 0.3, "chain")}


def test_every_starter_article_is_in_training_or_in_dev_and_never_in_both(starters: Corpora, seeds: Path) -> None:
    training, dev = [document.name for document in starters.seeds], [document.name for document in starters.seeds_dev]
    assert not set(training) & set(dev)
    assert sorted(training + dev) == sorted(originals(seeds, "s*.jsonl"))
    assert len(dev) / len(training + dev) == pytest.approx(0.2, abs=0.08)


def test_a_twin_stands_on_the_same_side_as_its_original(starters: Corpora) -> None:
    assert starters.twins
    assert starters.twins_dev
    assert {twin.name for twin in starters.twins} == {document.name for document in starters.seeds}
    assert {twin.name for twin in starters.twins_dev} == {document.name for document in starters.seeds_dev}


def test_no_sentence_of_a_held_out_article_is_trained_on(starters: Corpora) -> None:
    training = {row.text for document in starters.seeds + starters.twins for row in document.rows}
    shared = [row.text for document in starters.seeds_dev + starters.twins_dev for row in document.rows if row.text in training]
    assert shared == []


def test_boilerplate_is_split_by_row(starters: Corpora) -> None:
    (training,), (dev,) = starters.boilerplate, starters.boilerplate_dev
    assert not {row.origin for row in training.rows} & {row.origin for row in dev.rows}
    share = len(dev.rows) / len(training.rows + dev.rows)
    assert share == pytest.approx(0.2, abs=0.06)
    assert {row.article for row in dev.rows} == {True, False}


def machine_row(system: str, pair: str, number: int, label: str) -> dict[str, object]:
    return {
        "id": f"wmt22:{pair}:{system}:{number}",
        "text": f"Sentence {number} by {system} from {pair}.",
        "label": label,
        "source_corpus": "wmt_weak",
        "domain": "news",
        "system": system,
        "lang_pair": pair,
        "group": f"{system}:{pair}:doc",
        "spans": [],
        "label_precision_est": 0.9,
    }


def test_documents_are_put_together_by_translator_and_held_out_systems_stay_out(tmp_path: Path) -> None:
    systems = [("wmt21-Online-G", "ja-en"), ("wmt21-Online-Y", "ja-en"), ("human-refA", "ja-en"), ("strong", "ja-en")]
    rows = [
        machine_row(system, pair, number, "garbled" if number == 2 and "Online" in system else "borderline")
        for system, pair in systems
        for number in (3, 1, 2, 0)
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    found = {judged.system: judged for judged in translated_documents([path], wanted=lambda row: not system_held_out(row))}
    assert set(found) == {"wmt21-Online-G:ja-en", "human-refA:ja-en", "strong:ja-en"}
    weak, human, strong = (found[name] for name in ("wmt21-Online-G:ja-en", "human-refA:ja-en", "strong:ja-en"))
    assert [row.text[:10] for row in weak.document.rows] == ["Sentence 0", "Sentence 1", "Sentence 2", "Sentence 3"]
    assert (weak.machine, human.machine, strong.machine) == (True, False, True)
    assert [row.garbled for row in weak.document.rows] == [0.7, 0.7, 1.0, 0.7]
    assert weak.document.rows[2].garbled_weight > weak.document.rows[0].garbled_weight
    assert [row.garbled for row in human.document.rows] == [0.0] * 4
    assert [row.garbled for row in strong.document.rows] == [None] * 4, "nobody knows what a strong system left"


def test_translations_of_every_kind_of_translator_stand_inside_articles_too(starters: Corpora, tokenizer_path: Path) -> None:
    systems = ("helsinki-smt", "ref-A", "wmt21-Online-B", "helsinki-nmt", "human")
    documents = [
        LabelledDocument(system, tuple(Row(f"{system} said {i}.", garbled=0.5) for i in range(6)), tags={"system": system})
        for system in systems
    ]
    article = LabelledDocument("article", tuple(Row(f"The council met {i} times.", "evidence") for i in range(5)))
    corpora = Corpora(stance=[article], translated=documents)
    table = PieceTable.from_file(str(tokenizer_path), corpora.texts(), longest=40)
    windows = epoch_windows(corpora, table, WindowShape(), epoch=0, seed=1)
    mixed = [window for window in windows if {"council" in row.text for row in window.rows} == {True, False}]
    assert {row.text.split()[0] for window in mixed for row in window.rows} == {"The", *systems}


def test_without_corpora_there_are_only_starter_data(starters: Corpora) -> None:
    assert starters.stance == starters.stance_dev == starters.quality == starters.quality_dev == []


def test_a_folder_without_starter_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="boilerplate"):
        load_corpora(tmp_path, None)


def test_a_folder_that_lacks_a_file_of_the_corpora_is_refused(tmp_path: Path, seeds: Path) -> None:
    (tmp_path / "stance").mkdir()
    (tmp_path / "stance/train.jsonl").touch()
    with pytest.raises(NewsgaugeError, match=r"lacks stance/dev.jsonl, .*; expected a folder of corpora that holds stance/train.jsonl"):
        load_corpora(seeds, tmp_path)


def test_an_epoch_holds_every_training_row_and_no_dev_row(starters: Corpora, tokenizer_path: Path) -> None:
    shape = WindowShape()
    table = PieceTable.from_file(str(tokenizer_path), starters.texts(), longest=shape.sentence)
    windows = epoch_windows(starters, table, shape, epoch=0, seed=1)
    counts = Counter(row.origin for window in windows for row in window.rows[window.first : window.last])
    documents = starters.seeds + starters.twins + starters.round_trips + starters.plain + starters.unusual
    training = {row.origin for document in documents for row in document.rows}
    held = starters.seeds_dev + starters.twins_dev + starters.round_trips_dev + starters.plain_dev
    dev = {row.origin for document in held for row in document.rows}
    assert set(counts) == training
    assert not set(counts) & dev
    world = {row.origin for document in starters.world + starters.world_dev for row in document.rows}
    assert len(starters.world) > len(starters.world_dev) > 30 and not set(counts) & world
    # Once as it is, and at most once more in each splice with its two twins and its round trip.
    assert set(counts.values()) == {1, 2, 3, 4}
    assert windows == epoch_windows(starters, table, shape, epoch=0, seed=1)
    assert windows != epoch_windows(starters, table, shape, epoch=1, seed=1)
    assert windows != epoch_windows(starters, table, shape, epoch=0, seed=2)
