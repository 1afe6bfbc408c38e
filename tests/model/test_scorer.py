"""The scorer: what an article's score promises, with the shipped model and with an encoder that the tests steer."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsgauge.model.document import Document
from newsgauge.model.errors import BundleError, InputError
from newsgauge.model.results import ArticleScore, InputFailure
from newsgauge.model.scorer import Scorer

from .conftest import LABELS, steered

ARTICLES = (
    "Lift maker knew of faulty brakes, tenants say\n\n"
    "Tenants of the Aldmere tower accuse the lift maker of hiding faults in its brakes. The company rejected the charge on Monday. "
    "“We have nothing to hide,” said its spokesman, Per Lund.\n\n"
    "Service records seen by the tenants list sixteen failed tests since 2019. The gap between the two accounts may come down to what a "
    "failed test is.\n",
    "The water board denied on Friday that it had let the reservoir run dry. Satellite pictures show its surface at a third of the usual "
    "area. Farmers in the valley say that the board sold their share.\n",
    "Court clears ferry captain. The judges found no proof that he had slept on watch. His accusers, they wrote, had contradicted each "
    "other on every point that mattered.\n",
)
ARABIC = "قال وزير النقل يوم الثلاثاء إن الجسر الجديد سيفتح أمام حركة المرور قبل نهاية العام الجاري وإن أعمال الصيانة لن تؤثر على السكان."
SPANISH = (
    "El alcalde aseguró el martes que las obras del puente nuevo terminarán antes de que acabe el año y que los vecinos no tendrán que "
    "pagar ninguna tasa adicional por el uso de la carretera durante los trabajos de mantenimiento."
)


def by_hash(sentence: str) -> list[float]:
    """Logits that differ from sentence to sentence and are the same on every run."""
    source = random.Random(sentence)
    return [source.gauss(0, 3) for _ in range(len(LABELS) + 2)]


def by_word(sentence: str) -> list[float]:
    """A sentence is garbled that has a word with ``xx``, boilerplate that has ``menu``."""
    return [2.0, 0.0, 0.0, 0.0, 5.0 if "xx" in sentence else -5.0, -9.0 if "menu" in sentence else 9.0]


def check(article: ArticleScore, document: Document) -> None:
    """Everything that a score promises, whatever the model."""
    position = 0
    assert article.characters == len(document.text)
    assert article.language == document.language and article.encoding == document.encoding
    for index, sentence in enumerate(article.sentences):
        assert sentence.index == index
        assert document.text[sentence.start : sentence.end] == sentence.text != ""
        assert sentence.start >= position
        assert not document.text[position : sentence.start].strip()
        position = sentence.end
        assert sentence.kind in ("sentence", "headline", "boilerplate")
        scored = sentence.language == "en" and sentence.kind != "boilerplate"
        values = (sentence.label, sentence.confident, sentence.probabilities, sentence.garbled)
        assert [value is not None for value in values] == [scored] * 4
        if sentence.probabilities is not None and sentence.garbled is not None:
            assert tuple(sentence.probabilities) == article.labels
            assert all(0 <= value <= 1 for value in sentence.probabilities.values())
            assert abs(sum(sentence.probabilities.values()) - 1) <= 1e-9
            assert sentence.label is not None
            assert sentence.probabilities[sentence.label] == max(sentence.probabilities.values())
            assert 0 <= sentence.garbled.probability <= 1
            assert sentence.garbled.flag or sentence.garbled.spans == ()
            assert all(0 <= start < end <= len(sentence.text) and 0 <= value <= 1 for start, end, value in sentence.garbled.spans)
            assert all(one[1] <= two[0] for one, two in pairwise(sentence.garbled.spans))
    assert not document.text[position:].strip()
    scored_indices = [sentence.index for sentence in article.sentences if sentence.label is not None]
    assert (article.machine_translated is None) == (not scored_indices)
    if article.machine_translated is not None:
        assert 0 <= article.machine_translated[0] <= 1
    assert article.stance == {label: sum(sentence.label == label for sentence in article.sentences) for label in article.labels}
    assert sum(article.stance.values()) == len(scored_indices)
    for passage in article.passages:
        assert passage.first_sentence in scored_indices and passage.last_sentence in scored_indices
        assert passage.first_sentence <= passage.last_sentence
        assert passage.start == article.sentences[passage.first_sentence].start
        assert passage.end == article.sentences[passage.last_sentence].end
        assert 0 < passage.probability <= 1
    assert all(one.last_sentence < two.first_sentence for one, two in pairwise(article.passages))


def scores(article: ArticleScore) -> list[dict[str, Any]]:
    """What the sentences were given, without where they stand."""
    return [{key: value for key, value in s.to_dict().items() if key not in ("index", "start", "end", "block")} for s in article.sentences]


TEXTS = st.lists(
    st.sampled_from(
        [
            "The board denied it. ",
            "Two logs were found",
            ". ",
            "! ",
            "?",
            "\n",
            "\n\n",
            " ",
            "\t",
            "“Never,” he said. ",
            "é",
            "🚢 ",
            "\u00a0",
            "12",
            "Home / World",
            "xxblu xxbla. ",
            "\r\n",
            ARABIC,
            SPANISH,
        ]
    ),
    max_size=25,
).map("".join)


def document_of(text: str) -> Document | None:
    try:
        return Document.from_text(text)
    except InputError:
        return None


# With any text


@settings(max_examples=200)
@given(st.one_of(TEXTS, st.text(max_size=150)))
def test_a_score_keeps_its_promises_for_any_text(text: str) -> None:
    document = document_of(text)
    if document is not None:
        check(steered(by_hash).score(document), document)


@settings(max_examples=25)
@given(text=TEXTS)
def test_a_score_of_the_shipped_model_keeps_its_promises(scorer: Scorer, text: str) -> None:
    document = document_of(text)
    if document is not None:
        article = scorer.score(document, source="t")
        check(article, document)
        assert json.loads(json.dumps(article.to_dict())) == article.to_dict()


@settings(max_examples=300)
@given(st.lists(st.floats(0.0, 1.0), min_size=2, max_size=6).filter(lambda values: sum(values) > 0.1))
def test_the_label_is_the_highest_of_the_published_probabilities(weights: list[float]) -> None:
    check_rounding([weight / sum(weights) for weight in weights])


@pytest.mark.parametrize(
    "row",
    [
        [0.33334, 0.33333, 0.33333, 0.0],
        [0.333359, 0.333351, 0.33328, 0.00001],
        [0.25, 0.25, 0.25, 0.25],
        [0.99996, 0.00002, 0.00001, 0.00001],
        [0.400056, 0.400052, 0.199852, 0.00004],
        [1.0, 0.0, 0.0, 0.0],
    ],
)
def test_rounding_never_puts_another_label_above_the_one_given(row: list[float]) -> None:
    check_rounding(row)


def check_rounding(row: list[float]) -> None:
    logits = [float(value) for value in np.log(np.maximum(row, 1e-30))]
    labels = tuple(f"label-{i}" for i in range(len(row)))
    document = Document.from_text("The quay fell and the crane fell with it.")
    (sentence,) = steered(lambda _: [*logits, -9.0, 9.0], labels=labels).score(document).sentences
    assert sentence.probabilities is not None and sentence.label is not None
    published = sentence.probabilities
    assert abs(sum(published.values()) - 1) <= 1e-9
    assert min(published.values()) >= 0
    assert published[sentence.label] == max(published.values()), published
    np.testing.assert_allclose(list(published.values()), row, atol=2e-4)


# The same score, whatever else is scored


def test_the_company_of_other_articles_and_their_order_change_no_score(scorer: Scorer) -> None:
    documents = [Document.from_text(text) for text in ARTICLES]
    alone = [Scorer.from_folder("fast").score(documents[0]), *(scorer.score(document) for document in documents[1:])]
    for order in ((0, 1, 2), (2, 1, 0), (1, 0, 2, 0, 1)):
        together = {i: scorer.score(documents[i]) for i in order}
        assert all(together[i] == alone[i] for i in order)


def test_two_scorers_give_the_same_score(scorer: Scorer) -> None:
    document = Document.from_text("\n\n".join(ARTICLES) * 3)
    one, two = scorer.score(document), Scorer.from_folder("fast").score(document)
    assert one == two
    assert one.to_dict() == two.to_dict()


def test_files_are_scored_in_their_order_as_they_are_alone(scorer: Scorer, tmp_path: Path) -> None:
    paths = []
    for i, text in enumerate(ARTICLES):
        paths.append(tmp_path / f"{i}.txt")
        paths[-1].write_text(text, encoding="utf-8")
    together = list(scorer.score_files(map(str, paths)))
    backwards = list(scorer.score_files(map(str, reversed(paths))))
    alone = [result for path in paths for result in scorer.score_files([str(path)])]
    assert together == alone == backwards[::-1]
    assert [result.source for result in together] == list(map(str, paths))


def test_a_failure_keeps_its_place_and_the_rest_is_scored(scorer: Scorer, tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text(ARTICLES[0], encoding="utf-8")
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "spanish.txt").write_text(SPANISH, encoding="utf-8")
    names = ["missing.txt", "one.txt", "empty.txt", "spanish.txt", "one.txt"]
    results = list(scorer.score_files(str(tmp_path / name) for name in names))
    kinds = [result.kind if isinstance(result, InputFailure) else "score" for result in results]
    assert kinds == ["missing", "score", "empty", "language", "score"]
    assert [result.source for result in results] == [str(tmp_path / name) for name in names]


# Languages


def test_an_article_without_english_is_a_failure_that_says_the_language(tmp_path: Path) -> None:
    path = tmp_path / "article.txt"
    path.write_text(ARABIC + "\n\n" + ARABIC, encoding="utf-8")
    (failure,) = steered(by_hash).score_files([str(path)])
    assert isinstance(failure, InputFailure)
    assert (failure.source, failure.kind) == (str(path), "language")
    assert "ar" in failure.message and "expected an article in English" in failure.message
    assert failure.to_dict() == {"source": str(path), "error": {"kind": "language", "message": failure.message}}


@pytest.mark.parametrize("foreign", [ARABIC, SPANISH])
def test_a_block_in_another_language_gets_no_label_and_changes_no_other_score(scorer: Scorer, foreign: str) -> None:
    first, second = ARTICLES[0].split("\n\n", 1)
    document = Document.from_text(f"{first}\n\n{foreign}\n\n{second}")
    article = scorer.score(document)
    check(article, document)
    skipped = [sentence for sentence in article.sentences if sentence.language != "en"]
    assert skipped and "".join(sentence.text for sentence in skipped) in foreign.replace(". ", ".")
    assert all(sentence.to_dict()["label"] is None and sentence.to_dict()["garbled"] is None for sentence in skipped)
    without = scorer.score(Document.from_text(ARTICLES[0]))
    assert [s for s in scores(article) if s["language"] == "en"] == scores(without)
    assert article.machine_translated == without.machine_translated


def test_a_document_without_english_has_no_verdict(scorer: Scorer) -> None:
    document = Document.from_text(SPANISH)
    article = scorer.score(document)
    check(article, document)
    assert article.machine_translated is None and article.to_dict()["machine_translated"] is None
    assert article.passages == () and sum(article.stance.values()) == 0


# Kinds, passages, spans


def test_a_run_of_garbled_sentences_is_a_passage_and_a_lone_one_is_not() -> None:
    parts = ["The tide rose. ", "It xxblu there. ", "Then xxbla went. ", "The pump held. ", "Nobody came. ", "Rain fell. "]
    document = Document.from_text("".join(parts) + "\n\n" + "Someone xxblo once. " + "All was quiet. " * 3)
    article = steered(by_word).score(document)
    check(article, document)
    (passage,) = article.passages
    assert (passage.first_sentence, passage.last_sentence) == (1, 2)
    assert document.text[passage.start : passage.end] == "It xxblu there. Then xxbla went."
    assert 0.6 <= passage.probability <= 1
    flagged = [sentence.text for sentence in article.sentences if sentence.garbled and sentence.garbled.flag]
    assert flagged == ["It xxblu there.", "Then xxbla went.", "Someone xxblo once."]


def test_words_speak_for_a_passage_where_no_sentence_is_flagged() -> None:
    def by_its_words(sentence: str) -> list[float]:
        return [5.0 if "xx" in sentence else -2.0, 0.0, 0.0, 0.0, -1.0, 9.0]

    article = steered(by_its_words).score(Document.from_text("The tide rose. It xxblu there. Then xxbla went. The pump held. Rain fell."))
    assert [list(passage.sentences) for passage in article.passages] == [[1, 2]]
    assert not any(sentence.garbled and sentence.garbled.flag for sentence in article.sentences)


def test_the_words_that_are_garbled_are_marked_in_the_sentence() -> None:
    document = Document.from_text("Some time passed. The xxblu xxbla quay xxblo fell.")
    article = steered(by_word).score(document)
    garbled = article.sentences[1].garbled
    assert garbled is not None
    assert [article.sentences[1].text[start:end] for start, end, _ in garbled.spans] == ["xxblu xxbla", "xxblo"]
    assert article.sentences[0].garbled is not None and article.sentences[0].garbled.spans == ()


def test_a_surface_sign_is_told_and_raises_the_probability_of_its_sentence_alone() -> None:
    document = Document.from_text("Some time passed. The ferry ferry sank at dawn. Nobody was hurt.")
    scores = [sentence.garbled for sentence in steered(by_word).score(document).sentences]
    assert all(score is not None for score in scores)
    plain, doubled, last = (score for score in scores if score is not None)
    assert plain.probability == last.probability < doubled.probability
    assert plain.signs == last.signs == ()
    text = "The ferry ferry sank at dawn."
    assert [(sign.kind, text[sign.start : sign.end]) for sign in doubled.signs] == [("doubled word", "ferry ferry")]
    assert doubled.to_dict()["signs"] == [{"kind": "doubled word", "start": 4, "end": 15}]


def test_boilerplate_is_neither_labelled_nor_judged() -> None:
    garbled = "The xxblu fell. It xxbla went."
    document = Document.from_text(f"The tide rose. The quay held.\n\nHome menu xxblu xxbla of the site.\n\n{garbled}")
    article = steered(by_word).score(document)
    check(article, document)
    (boilerplate,) = [sentence for sentence in article.sentences if sentence.kind == "boilerplate"]
    assert boilerplate.text == "Home menu xxblu xxbla of the site."
    without = steered(by_word).score(Document.from_text(f"The tide rose. The quay held.\n\n{garbled}"))
    assert article.machine_translated == without.machine_translated
    assert article.stance == without.stance
    assert [(p.first_sentence - 1, p.last_sentence - 1) for p in article.passages] == [
        (p.first_sentence, p.last_sentence) for p in without.passages
    ]


@pytest.mark.parametrize("path", ["Home / World / Ministers meet", "News » Europe » Talks go on", "Start > Sport > Cup > Final"])
def test_a_navigation_path_on_a_line_of_its_own_is_boilerplate(path: str) -> None:
    article = steered(by_word).score(Document.from_text(f"{path}\n\nThe tide rose. The quay held."))
    assert [sentence.kind for sentence in article.sentences] == ["boilerplate", "sentence", "sentence"]


@pytest.mark.parametrize("line", ["Ministers and / or mayors meet", "Rise of 3 / 4 in a year", "Talks go on in Europe"])
def test_a_line_with_a_stroke_is_no_navigation_path(line: str) -> None:
    article = steered(by_word).score(Document.from_text(f"{line}\n\nThe tide rose. The quay held."))
    assert [sentence.kind for sentence in article.sentences] == ["headline", "sentence", "sentence"]


def test_an_article_of_nothing_but_boilerplate_has_no_verdict() -> None:
    document = Document.from_text("A menu is here. Another menu is there.")
    article = steered(by_word).score(document)
    check(article, document)
    assert {sentence.kind for sentence in article.sentences} == {"boilerplate"}


def test_a_headline_is_a_line_of_its_own() -> None:
    document = Document.from_text("Dock owners hid the cracks, court told\n\nThe owners knew. They said nothing.")
    assert [sentence.kind for sentence in steered(by_word).score(document).sentences] == ["headline", "sentence", "sentence"]


def test_confidence_starts_at_the_models_threshold() -> None:
    document = Document.from_text("It is sure. It is not.")
    article = steered(lambda text: [3.0 if "sure" in text else 1.0, 0.0, 0.0, 0.0, -9.0, 9.0]).score(document)
    assert [sentence.confident for sentence in article.sentences] == [True, False]


def test_empty_paragraphs_change_no_score(scorer: Scorer) -> None:
    tight = Document.from_text(ARTICLES[0])
    loose = Document.from_text("\n \n\t\n" + ARTICLES[0].replace("\n\n", "\n\n \n\n\n\u00a0\n\n") + "\n\n\n")
    one, two = scorer.score(tight), scorer.score(loose)
    check(two, loose)
    assert scores(one) == scores(two)
    assert one.machine_translated == two.machine_translated


# The output contract


def test_the_form_of_a_score_is_that_of_the_contract(scorer: Scorer) -> None:
    article = scorer.score(Document.from_bytes(ARTICLES[0].encode()), source="a.txt").to_dict()
    assert list(article) == [
        "source",
        "version",
        "model",
        "language",
        "encoding",
        "characters",
        "machine_translated",
        "stance",
        "passages",
        "sentences",
    ]
    assert article["source"] == "a.txt" and article["version"] == 1 and article["encoding"] == "utf-8"
    assert re.fullmatch(r"fast@[0-9a-f]{12}", article["model"])
    assert list(article["machine_translated"]) == ["probability", "flag"]
    assert tuple(article["stance"]) == LABELS
    sentence_keys = ["index", "start", "end", "block", "text", "language", "kind", "label", "confident", "probabilities", "garbled"]
    assert all(list(sentence) == sentence_keys for sentence in article["sentences"])
    scored = [sentence for sentence in article["sentences"] if sentence["label"] is not None]
    assert scored
    for sentence in scored:
        assert tuple(sentence["probabilities"]) == LABELS
        assert list(sentence["garbled"]) == ["probability", "flag", "spans", "signs"]


def test_the_form_of_passages_and_spans_is_that_of_the_contract() -> None:
    article = steered(by_word).score(Document.from_text("It xxblu there. Then xxbla went. The xxble fell.")).to_dict()
    (passage,) = article["passages"]
    assert list(passage) == ["start", "end", "first_sentence", "last_sentence", "probability"]
    assert [(passage["first_sentence"], passage["last_sentence"])] == [(0, 2)]
    start, end, value = article["sentences"][0]["garbled"]["spans"][0]
    assert (start, end) == (3, 8) and 0.5 < value <= 1
    assert json.loads(json.dumps(article)) == article


def test_an_unscored_sentence_has_nulls(scorer: Scorer) -> None:
    sentence = scorer.score(Document.from_text(SPANISH)).to_dict()["sentences"][0]
    assert [sentence[key] for key in ("label", "confident", "probabilities", "garbled")] == [None] * 4


# Sizes


def test_two_megabytes_on_one_line_are_scored(scorer: Scorer) -> None:
    line = "the pumps failed and the water came in and the crew said that it was not their fault and "
    document = Document.from_text(line * (2_000_000 // len(line) + 1))
    assert len(document.text) >= 2_000_000
    began = time.process_time()
    article = scorer.score(document)
    assert time.process_time() - began < 60
    check(article, document)
    assert article.machine_translated is not None


def test_two_megabytes_of_sentences_on_one_line_take_linear_time() -> None:
    document = Document.from_text("The pump failed at dawn and the crew went below. " * 41_000)
    began = time.process_time()
    article = steered(by_word).score(document)
    assert time.process_time() - began < 60
    assert len(article.sentences) == 41_000
    check(article, document)


@pytest.mark.parametrize("character", ["x", "é", "7"])
def test_a_token_of_a_million_characters_is_scored(scorer: Scorer, character: str) -> None:
    document = Document.from_text(f"The clerk pasted this into the file. {character * 1_000_000} And that was the end of it, he said.")
    began = time.process_time()
    article = scorer.score(document)
    assert time.process_time() - began < 30
    check(article, document)
    assert article.sentences[0].label is not None or article.sentences[0].kind == "boilerplate"


# The parts


def test_a_scorer_needs_a_model() -> None:
    with pytest.raises(BundleError, match="no-such-model"):
        Scorer.from_folder("no-such-model")


def test_the_scorer_tells_its_model_and_labels(scorer: Scorer) -> None:
    assert scorer.model.startswith("fast@")
    assert scorer.labels == LABELS


def test_another_segmenter_is_used() -> None:
    class Lines:
        def spans(self, text: str) -> list[tuple[int, int]]:
            return [(0, len(text))]

    made = steered(by_hash)
    whole = Scorer(made._bundle, segmenter=Lines()).score(Document.from_text("One came. Two went. Three stayed."))
    assert [sentence.text for sentence in whole.sentences] == ["One came. Two went. Three stayed."]


def test_scoring_imports_nothing_that_only_training_needs() -> None:
    program = (
        "import sys\n"
        "for name in ('torch', 'sentence_transformers', 'transformers', 'datasets', 'sklearn', 'scipy'): sys.modules[name] = None\n"
        "from newsgauge import Document, Scorer\n"
        "print(len(Scorer.from_folder().score(Document.from_text('The board denied it. Two logs were found.')).sentences))\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert (result.returncode, result.stdout.strip()) == (0, "2"), result.stderr
