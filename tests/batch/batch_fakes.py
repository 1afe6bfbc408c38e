"""A scorer without a model, importable in worker processes: what an article says is what happens."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from pathlib import Path

from newsgauge.batch.worker import Scoring
from newsgauge.model.errors import NewsgaugeError
from newsgauge.model.inputs import Article
from newsgauge.model.results import ArticleScore, Garble, InputFailure, SentenceScore

LABELS = ("accusation", "denial", "evidence", "analysis")
DIE, HANG, BREAK, DIE_ONCE, SLOWLY = "Let it die.", "Let it hang.", "Let it break.", "Let it die once", "Let it take its time."


class FakeScorer:
    """A sentence a line; its label and probability are drawn from its hash."""

    def __init__(self, model: str) -> None:
        self._model = model

    def score_article(self, article: Article) -> ArticleScore | InputFailure:
        text = article.document.text
        self._obey(text)
        sentences = []
        position = 0
        for line in text.split("\n"):
            if line:
                sentences.append(self._sentence(len(sentences), position, line))
            position += len(line) + 1
        chance = sum(s.garbled.probability for s in sentences if s.garbled) / len(sentences)
        verdict = (round(chance, 4), chance >= 0.5)
        return ArticleScore(article.source, self._model, "en", "utf-8", len(text), LABELS, verdict, (), tuple(sentences))

    def _obey(self, text: str) -> None:
        if DIE in text:
            os.kill(os.getpid(), signal.SIGKILL)
        if HANG in text:
            time.sleep(600)
        if SLOWLY in text:
            time.sleep(0.02)
        if BREAK in text:
            raise RuntimeError("a library broke")
        if DIE_ONCE in text:
            mark = Path(text.split(DIE_ONCE + " ")[1].split("\n")[0])
            if not mark.exists():
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)

    def _sentence(self, index: int, start: int, text: str) -> SentenceScore:
        drawn = hashlib.sha256(text.encode()).digest()
        label = LABELS[drawn[0] % len(LABELS)]
        probabilities = {name: 0.7 if name == label else 0.1 for name in LABELS}
        garbled = Garble(drawn[1] / 256, drawn[1] >= 128)
        return SentenceScore(index, start, start + len(text), text, "en", "sentence", label, True, probabilities, garbled)


def load() -> FakeScorer:
    return FakeScorer("fake@1")


def load_other() -> FakeScorer:
    return FakeScorer("fake@2")


def load_nothing() -> FakeScorer:
    raise NewsgaugeError("the model is not what its manifest says")


def load_and_die() -> FakeScorer:
    os._exit(9)


def load_late() -> FakeScorer:
    time.sleep(600)
    return load()


def load_late_once(mark: str) -> FakeScorer:
    if not Path(mark).exists():
        Path(mark).touch()
        time.sleep(600)
    return load()


SCORING = Scoring(load, "fake@1", LABELS)
OTHER = Scoring(load_other, "fake@2", LABELS)
