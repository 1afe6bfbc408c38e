"""Languages of blocks and documents."""

import subprocess
import sys
import time

import pytest

from newsgauge.model.language import languages

ENGLISH = "The harbour board said on Friday that the ferry would stay in dock until its engines had been checked."
SPANISH = "El ministro dijo el viernes que el barco se quedará en el puerto hasta que revisen todos los motores."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (ENGLISH, "en"),
        (SPANISH, "es"),
        ("Le ministre a déclaré vendredi que le bateau resterait au port jusqu’à la fin de la semaine.", "fr"),
        ("Der Minister sagte am Freitag, das Schiff werde bis zum Ende der Woche im Hafen bleiben.", "de"),
        ("De minister zei vrijdag dat het schip tot het einde van de week in de haven zou blijven.", "nl"),
        ("Министр заявил в пятницу, что корабль останется в порту до конца недели из-за поломки.", "ru"),
        ("장관은 금요일에 배가 이번 주말까지 항구에 머물 것이라고 말했다.", "ko"),
        ("大臣は金曜日、船は週末まで港にとどまると述べた。", "ja"),
        ("He left.", "en"),
        ("No comment", "en"),
        ("1,204 – 17", None),
    ],
)
def test_a_document_of_one_block(text: str, expected: str | None) -> None:
    assert languages([text]) == (expected, [expected])


def test_a_foreign_paragraph_in_an_english_article() -> None:
    assert languages([ENGLISH, SPANISH, ENGLISH]) == ("en", ["en", "es", "en"])


def test_short_blocks_take_the_language_of_the_document() -> None:
    assert languages([ENGLISH, "Puerto Nuevo", "He left.", "12"]) == ("en", ["en", "en", "en", None])
    assert languages([SPANISH, "Puerto Nuevo"]) == ("es", ["es", "es"])


def test_a_short_block_in_another_script_is_not_english() -> None:
    document, found = languages([ENGLISH, "خبر عاجل", "Новости дня", "最新消息"])
    assert document == "en"
    assert found == ["en", "und-Arab", "und-Cyrl", "zh"]


@pytest.mark.parametrize(
    "text",
    [
        "Ship the harbour it in stay of week until the end he has said, engine of broken because very not is good was.",
        "Minister Friday say ship port remain week finish engine bad, captain happy no, sailor also much worry weather.",
        "Captain Novak, Ingrid Larsen, Pedro Alvarez, Jean Moreau, Giulia Conti, Marta Kowalska, Ahmet Yilmaz",
    ],
)
def test_garbled_english_and_names_stay_english(text: str) -> None:
    assert languages([ENGLISH, text])[1] == ["en", "en"]


def test_a_long_block_is_judged_by_its_beginning() -> None:
    started = time.process_time()
    assert languages([(SPANISH + " ") * 100_000])[0] == "es"
    assert time.process_time() - started < 20


def test_plain_english_needs_no_model() -> None:
    program = f"import sys; from newsgauge.model.language import languages; languages([{ENGLISH!r}]); sys.exit('py3langid' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
