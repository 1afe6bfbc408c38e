"""A teacher rates articles that nobody labelled, and a student reads what it said."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("sklearn")

from newsgauge.model.windows import WindowShape
from newsgauge.training import finetune, teacher
from newsgauge.training.annotations import stretches
from newsgauge.training.bases import load_base
from newsgauge.training.corpora import Corpora, epoch_windows, load_corpora
from newsgauge.training.finetune import Schedule
from newsgauge.training.mixture import TrainingWindow
from newsgauge.training.network import Network, collate
from newsgauge.training.precision import PRECISIONS, matrix_products, native_precision
from newsgauge.training.rows import STANCE_LABELS, LabelledDocument, Row, read_json_lines, seed_documents, soft_stance
from newsgauge.training.soft import Opinion, blended, read_opinions, taught
from newsgauge.training.wordpieces import PieceTable


def article(number: int, sentences: int, *, denial: int | None = None) -> dict[str, Any]:
    texts = [f"The harbour master counted {number} boats and {place} crates." for place in range(sentences)]
    if denial is not None:
        texts[denial] = "The company denied that it had moved them."
    return {"document": f"article-{number}", "headline": f"Boats {number}", "source": "seed", "sentences": texts}


@pytest.fixture
def unlabelled(tmp_path: Path) -> Path:
    path = tmp_path / "unlabelled.jsonl"
    made = [article(number, 30, denial=29) for number in range(12)] + [article(12, 3)]
    path.write_text("".join(json.dumps(row) + "\n" for row in made), encoding="utf-8")
    return path


UNLABELLED = {
    "document": "a",
    "headline": "Boats",
    "source": "seed",
    "sentences": ["Before it.", "They counted the boats.", "Perhaps they did.", "Home / World", "After it."],
}
OPINION = Opinion(1, ((0.1, 0.0, 0.8, 0.1), (0.0, 0.1, 0.3, 0.6), (0.25, 0.25, 0.25, 0.25)), (0.99, 0.6, 0.02))


def test_an_excerpt_is_a_stretch_of_its_article_after_the_sentence_before_it(unlabelled: Path) -> None:
    whole = {row["document"]: row["sentences"] for row in read_json_lines(unlabelled)}
    found = teacher.excerpts(unlabelled, longest=8, skip=frozenset(), seed=3)
    assert {document.name for document in found} == set(whole)
    for document in found:
        texts, sentences = [row.text for row in document.rows], whole[document.name]
        start = int(document.rows[0].origin.rsplit(":", 1)[1])
        assert texts == sentences[start : start + 8]
        assert document.before == (sentences[start - 1] if start else "")


def test_three_of_four_excerpts_hold_a_sentence_with_a_cue(unlabelled: Path) -> None:
    found = teacher.excerpts(unlabelled, longest=4, skip=frozenset(), seed=3)
    cued = {document.name for document in found if any(teacher.CUES.search(row.text) for row in document.rows)}
    assert {f"article-{number}" for number in range(12) if number % 4} <= cued
    assert cued != {document.name for document in found}


def test_what_is_kept_for_the_verdict_is_not_rated(unlabelled: Path) -> None:
    found = teacher.excerpts(unlabelled, longest=4, skip=frozenset({"article-3"}), seed=3)
    assert "article-3" not in {document.name for document in found}


def test_opinions_are_kept_in_percent_and_sum_to_one_again(tmp_path: Path) -> None:
    path = tmp_path / "soft.jsonl"
    path.write_text(json.dumps(Opinion(3, ((0.336, 0.336, 0.328, 0.0),), (0.994,)).as_json("a")) + "\n", encoding="utf-8")
    (opinion,) = read_opinions(path).values()
    assert opinion.start == 3
    assert sum(opinion.stance[0]) == pytest.approx(1.0)
    assert opinion.stance[0] == pytest.approx((0.336, 0.336, 0.328, 0.0), abs=0.01)
    assert opinion.article == (0.99,)
    assert "text" not in path.read_text(encoding="utf-8")


def test_a_student_reads_the_distribution_of_what_may_be_article() -> None:
    (document,) = stretches([UNLABELLED, {**UNLABELLED, "document": "not rated"}], {}, {"a": OPINION})
    assert (document.headline, document.before) == ("Boats", "Before it.")
    sure, doubtful, boilerplate = document.rows
    assert [row.text for row in document.rows] == UNLABELLED["sentences"][1:4]
    assert (sure.article, doubtful.article, boilerplate.article) == (True, None, False)
    assert sure.soft == (0.1, 0.0, 0.8, 0.1)
    assert doubtful.soft == (0.0, 0.1, 0.3, 0.6)
    assert boilerplate.soft is None
    assert boilerplate.garbled is None
    assert sure.garbled == 0.0


def test_opinions_on_another_text_are_refused() -> None:
    with pytest.raises(ValueError, match="argument"):
        taught(OPINION, ["Too short."])
    with pytest.raises(ValueError, match="argument"):
        blended([LabelledDocument("a", (Row("One row.", "evidence"),))], {"a": OPINION})


def test_a_soft_row_takes_part_in_the_loss_with_the_teacher_s_distribution(tokenizer_path: Path) -> None:
    row = Row("They counted the boats.", soft=(0.1, 0.0, 0.8, 0.1))
    table = PieceTable.from_file(str(tokenizer_path), [row.text], longest=60)
    batch = collate([TrainingWindow((row,), 0, 1)], table, WindowShape(tokens=256))
    assert soft_stance(row, 0.8) == [0.1, 0.0, 0.8, 0.1]
    assert batch.stance.tolist()[0] == pytest.approx([0.1, 0.0, 0.8, 0.1])
    assert batch.stance_weight.tolist() == [1.0]


def test_a_label_and_a_teacher_count_the_same() -> None:
    row = Row("They counted the boats.", "evidence", "analysis", soft=(0.2, 0.0, 0.4, 0.4))
    assert soft_stance(row, 0.8) == pytest.approx([0.1, 0.0, 0.6, 0.3])


def test_a_labelled_document_keeps_its_labels_beside_what_the_teacher_said() -> None:
    rows = (Row("They counted the boats.", "denial"), Row("Perhaps they did."), Row("Home / World", "evidence"))
    other = LabelledDocument("b", (Row("They counted the boats.", "evidence"),))
    documents = blended([LabelledDocument("a", rows), other], {"a": OPINION})
    assert [(row.stance, row.soft) for row in documents[0].rows] == [
        ("denial", (0.1, 0.0, 0.8, 0.1)),
        (None, None),
        ("evidence", (0.25, 0.25, 0.25, 0.25)),
    ]
    assert documents[1] == other


def test_soft_documents_are_in_every_epoch(tokenizer_path: Path) -> None:
    corpora = Corpora(soft=list(stretches([UNLABELLED], {}, {"a": OPINION})))
    table = PieceTable.from_file(str(tokenizer_path), corpora.texts(), longest=60)
    for epoch in (0, 1):
        windows = epoch_windows(corpora, table, WindowShape(tokens=256), epoch=epoch, seed=1)
        scored = {row.text for window in windows for row in window.rows[window.first : window.last]}
        assert scored == {"They counted the boats.", "Perhaps they did.", "Home / World"}


@pytest.mark.slow
def test_the_command_rates_every_article_once_and_a_rerun_goes_on(
    tiny_base: Path, tokenizer_path: Path, unlabelled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = (Row("The company denied it.", "denial", article=True, garbled=0.0, spans=()),)
    table = PieceTable.from_file(str(tokenizer_path), [rows[0].text], longest=60)
    shape = WindowShape(tokens=256)
    run = tmp_path / "run"
    network = Network(load_base(str(tiny_base)), 32)
    finetune.finetune(network, lambda epoch: [TrainingWindow(rows, 0, 1)], table, shape, Schedule(epochs=1), run)
    output = tmp_path / "soft.jsonl"
    options = ["--base", tiny_base, "--run", run, "--articles", unlabelled, "--output", output, "--longest", "6", "--window", "256"]
    monkeypatch.setattr("sys.argv", ["teacher", *map(str, options)])
    monkeypatch.setattr(teacher, "NATIVE_DOCUMENTS", 2)
    teacher.main()
    whole = output.read_text(encoding="utf-8")
    found = list(read_json_lines(output))
    assert len({row["document"] for row in found}) == len(found) == 11, "thirteen articles, two of them kept, one too short to keep"
    opinions = read_opinions(output)
    documents = stretches(read_json_lines(unlabelled), {}, opinions)
    assert {document.name for document in documents} == set(opinions)
    assert all(len(one) == len(STANCE_LABELS) for opinion in opinions.values() for one in opinion.stance)
    output.write_text("".join(whole.splitlines(keepends=True)[:4]), encoding="utf-8")
    teacher.main()
    assert sorted(output.read_text(encoding="utf-8").splitlines()) == sorted(whole.splitlines())


def test_the_starter_data_brings_unusual_english_as_clean_rows_alone(seeds: Path) -> None:
    corpora = load_corpora(seeds, None)
    assert len(corpora.unusual) > 10
    tested = {row["text"] for row in read_json_lines(seeds / "robustness.jsonl")}
    for document in corpora.unusual:
        assert not document.consecutive
        assert all(row.garbled == 0.0 and row.stance is None and row.text not in tested for row in document.rows)


def test_what_is_no_news_is_clean_english_alone_and_apart_from_what_measures_it(seeds: Path) -> None:
    corpora = load_corpora(seeds, None)
    documents = corpora.plain + corpora.plain_dev
    assert not {document.name for document in corpora.plain} & {document.name for document in corpora.plain_dev}
    assert len(corpora.plain) > 40 < 2 * len(corpora.plain_dev)
    texts = {row.text for document in documents for row in document.rows}
    assert all(row.garbled == 0.0 and row.stance is None and row.article is None for document in documents for row in document.rows)
    measured = list(read_json_lines(seeds / "robustness_documents.jsonl"))
    assert len(measured) > 20 and not texts & {text for row in measured for text in row["sentences"]}
    assert not texts & {row.text for name in ("m2.jsonl", "m4.jsonl") for document in seed_documents(seeds, name) for row in document.rows}


def test_round_trips_carry_ratings_and_stand_with_their_originals(seeds: Path) -> None:
    corpora = load_corpora(seeds, None)
    assert {trip.name for trip in corpora.round_trips} == {document.name for document in corpora.seeds}
    assert {trip.name for trip in corpora.round_trips_dev} == {document.name for document in corpora.seeds_dev}
    for trip in corpora.round_trips + corpora.round_trips_dev:
        for row in trip.rows:
            assert bool(row.spans) == ((row.garbled or 0.0) > 0.5), row.origin


def test_the_precision_is_one_that_training_knows() -> None:
    torch = pytest.importorskip("torch")
    assert native_precision() in PRECISIONS
    left, right = torch.ones(2, 2), torch.ones(2, 2)
    for precision, kind in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        with matrix_products(precision):
            assert (left @ right).dtype is kind


def test_round_trips_were_made_by_chains_that_the_recipe_names(seeds: Path) -> None:
    from newsgauge.training.round_trip import CHAINS

    pivots = {row["pivot"] for path in sorted(seeds.glob("garbled/r*.jsonl")) for row in read_json_lines(path)}
    assert pivots == {" > ".join(chain) for chain in CHAINS}
    assert all(re.fullmatch(r"s\d-\d{3}-r", row["id"]) for path in seeds.glob("garbled/r*.jsonl") for row in read_json_lines(path))
