"""Real articles, a clean and a garbled one, where they lie beside the checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsgauge import ArticleScore, Scorer

ARTICLES = Path(__file__).resolve().parent.parent.parent / "shared" / "articles"
pytestmark = pytest.mark.skipif(not ARTICLES.is_dir(), reason="the shared articles are not here")


@pytest.fixture(scope="module")
def articles() -> tuple[ArticleScore, ArticleScore]:
    paths = [str(path) for path in sorted(ARTICLES.glob("*.txt"))]
    clean, garbled = (result for result in Scorer.from_folder().score_files(paths) if isinstance(result, ArticleScore))
    return clean, garbled


def test_the_garbled_article_is_told_from_the_clean_one(articles: tuple[ArticleScore, ArticleScore]) -> None:
    clean, garbled = articles
    assert clean.machine_translated is not None and garbled.machine_translated is not None
    assert garbled.machine_translated[0] > clean.machine_translated[0] + 0.3
    assert clean.machine_translated[1] is False


def test_the_site_boilerplate_is_not_scored(articles: tuple[ArticleScore, ArticleScore]) -> None:
    sentences = articles[1].sentences
    for start in ("قالب", "Home / World", "Source link"):
        (sentence,) = [s for s in sentences if s.text.startswith(start)]
        assert sentence.label is None, sentence


def test_plain_cases_get_the_label_that_a_reader_gives(articles: tuple[ArticleScore, ArticleScore]) -> None:
    clean, garbled = articles
    first = clean.sentences[0]
    assert first.label == "accusation"
    denials = [s.label for s in garbled.sentences if "always denied" in s.text or s.text.startswith("He denied the existence")]
    assert denials == ["denial", "denial"]
