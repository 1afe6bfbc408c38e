"""The scorer: documents → scores; the one place where the parts meet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .bundle import Bundle, load
from .content import is_breadcrumb
from .document import Document
from .encoder import WindowEncoding
from .heads import Floats, sigmoid
from .inputs import Article, read
from .neighbours import windows_in_context
from .results import ArticleScore, Garble, InputFailure, Kind, Passage, SentenceScore
from .second_look import check_labels_agree, pair_identity
from .segment import Segmenter, Sentence, segment
from .session import RUNTIMES
from .signs import find_signs

UNITS = 10_000
"""Published probabilities are multiples of one over this."""


class Evidence(NamedTuple):
    """What passages and verdict need of a sentence: its logit, the mean logit of its words, and what the translation head made of it."""

    logit: float
    words: float
    projected: Floats


class Scorer:
    """Scores articles with one model. A score is a pure function of the document and the model.

    With a *second* scorer this is a cascade (Viola and Jones 2001): an article that the model suspects of garbled translation gets the
    score of the second instead. No passage and no verdict against an article then comes from the first alone.
    :class:`~newsgauge.model.errors.NewsgaugeError` where the two have different labels.
    """

    def __init__(self, bundle: Bundle, *, segmenter: Segmenter | None = None, second: Scorer | None = None) -> None:
        self._bundle = bundle
        self._segmenter = segmenter
        self._second = second
        if second is not None:
            check_labels_agree(bundle.identity, self.labels, second.model, second.labels)

    @classmethod
    def from_folder(
        cls,
        model: str | Path = "default",
        *,
        threads: int | None = None,
        runtime: str = RUNTIMES[0],
        second_look: str | Path | None = None,
    ) -> Scorer:
        """A scorer with the model in a folder, or with the shipped model of that name; see :func:`newsgauge.model.bundle.load`.

        *second_look*: the model, likewise, that scores the articles which the first suspects.
        """
        second = None if second_look is None else cls.from_folder(second_look, threads=threads, runtime=runtime)
        return cls(load(model, threads=threads, runtime=runtime), second=second)

    @property
    def model(self) -> str:
        """The identity of the model, ``name@digest``, and ``+`` with the runtime where it is another than onnxruntime; of both, with
        ``/`` between them, where there is a second. An article's score names the one that made it."""
        own = self._bundle.identity
        return own if self._second is None else pair_identity(own, self._second.model)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, in the order of the probabilities."""
        return self._bundle.heads.stance.labels

    def score(self, document: Document, *, source: str = "-") -> ArticleScore:
        """Score one document. Sentences of non-English blocks and boilerplate get no label."""
        score, suspect = self._look(document, source)
        return score if self._second is None or not suspect else self._second.score(document, source=source)

    def _look(self, document: Document, source: str) -> tuple[ArticleScore, bool]:
        """The score by this model, and whether it is worth a second look."""
        sentences = segment(document, self._segmenter)
        english = [i for i, sentence in enumerate(sentences) if document.blocks[sentence.block].language == "en"]
        texts = [document.text[sentences[i].start : sentences[i].end] for i in english]
        alone = _alone_in_block(sentences)
        scores: dict[int, SentenceScore] = {}
        evidence: dict[int, Evidence] = {}
        for window, vectors in windows_in_context(self._bundle.encoder.encode(texts)):
            members = english[window.first : window.last]
            stance = self._bundle.heads.stance.probabilities(vectors)
            found = self._score_window(document, sentences, members, texts[window.first : window.last], window, stance, alone)
            for index, (score, garbled) in zip(members, found, strict=True):
                scores[index] = score
                if score.kind != "boilerplate":
                    evidence[index] = garbled
        everything = tuple(scores.get(i) or _unscored(document, sentences[i], i) for i in range(len(sentences)))
        passages, verdict, suspect = self._judge(everything, evidence)
        article = ArticleScore(
            source=source,
            model=self._bundle.identity,
            language=document.language,
            encoding=document.encoding,
            characters=len(document.text),
            labels=self.labels,
            machine_translated=verdict,
            passages=passages,
            sentences=everything,
        )
        return article, suspect

    def score_files(
        self, paths: Iterable[str], *, text_column: str | None = None, id_column: str | None = None, format: str | None = None
    ) -> Iterator[ArticleScore | InputFailure]:
        """Score the articles in *paths*, in order; see :func:`newsgauge.model.inputs.read` for what they may be.

        What cannot be scored, an article without English included, comes as an :class:`InputFailure` in its place.
        """
        for path in paths:
            for article in read(path, text_column=text_column, id_column=id_column, format=format):
                yield self.score_article(article) if isinstance(article, Article) else article

    def score_article(self, article: Article) -> ArticleScore | InputFailure:
        """Score an article that was read; one without English is an :class:`InputFailure`."""
        if not any(block.language == "en" for block in article.document.blocks):
            found = article.document.language or "unknown"
            return InputFailure(
                article.source, "language", f"no English text was found (language: {found}); expected an article in English"
            )
        return self.score(article.document, source=article.source)

    def _score_window(
        self,
        document: Document,
        sentences: Sequence[Sentence],
        members: Sequence[int],
        texts: Sequence[str],
        window: WindowEncoding,
        stance: Floats,
        alone: set[int],
    ) -> list[tuple[SentenceScore, Evidence]]:
        heads = self._bundle.heads
        content = heads.content.article_probability(window.embeddings)
        signs = [find_signs(text) for text in texts]
        logits = heads.garble.logits(window.embeddings, signs)
        garbled = sigmoid(logits)
        words, projected = heads.garble.word_logits(window.embeddings), heads.garble.projected(window.embeddings)
        evidence = [Evidence(*one) for one in zip(logits.tolist(), words.tolist(), projected, strict=True)]
        found = []
        for position, index in enumerate(members):
            sentence = sentences[index]
            text = texts[position]
            language = document.blocks[sentence.block].language
            kind: Kind = "sentence"
            if index in alone and document.blocks[sentence.block].kind_hint == "headline":
                kind = "headline"
            if content[position] < heads.content.threshold or (index in alone and is_breadcrumb(text)):
                boilerplate = SentenceScore(index, sentence.start, sentence.end, text, language, "boilerplate", block=sentence.block)
                found.append((boilerplate, evidence[position]))
                continue
            probability = float(garbled[position])
            flag = probability >= heads.garble.threshold
            spans = heads.garble.spans(text, window.pieces[position]) if flag and window.pieces is not None else ()
            label, probabilities, confident = self._label(stance[position])
            score = SentenceScore(
                index,
                sentence.start,
                sentence.end,
                text,
                language,
                kind,
                label,
                confident,
                probabilities,
                Garble(round(probability, 4), flag, spans, signs[position]),
                sentence.block,
            )
            found.append((score, evidence[position]))
        return found

    def _label(self, row: Floats) -> tuple[str, dict[str, float], bool]:
        best = int(row.argmax())
        # Four decimals are more than the calibration supports. They are shared out by largest remainder, ties to the label,
        # so that they sum to 1 and the label keeps the highest.
        exact = [float(value) * UNITS / float(row.sum()) for value in row]
        units = [int(value) for value in exact]
        for i in sorted(range(len(exact)), key=lambda i: (units[i] - exact[i], i != best))[: UNITS - sum(units)]:
            units[i] += 1
        rounded = [value / UNITS for value in units]
        return self.labels[best], dict(zip(self.labels, rounded, strict=True)), bool(row[best] >= self._bundle.heads.stance.confident_from)

    def _judge(
        self, sentences: tuple[SentenceScore, ...], evidence: dict[int, Evidence]
    ) -> tuple[tuple[Passage, ...], tuple[float, bool] | None, bool]:
        """The passages, the verdict, and whether the article is suspect."""
        if not evidence:
            return (), None, False
        garble = self._bundle.heads.garble
        order = sorted(evidence)
        logits = np.array([evidence[i].logit for i in order])
        readings = garble.read(np.array([evidence[i].words for i in order]), np.stack([evidence[i].projected for i in order]))
        passages = tuple(
            Passage(sentences[order[a]].start, sentences[order[b]].end, order[a], order[b], round(probability, 4))
            for a, b, probability in garble.chain.runs(logits + readings)
        )
        probability = garble.article_probability(readings)
        flag = probability >= garble.verdict_threshold
        return passages, (round(probability, 4), flag), flag or bool(passages) or garble.suspicion(readings) >= garble.suspect_from


def _alone_in_block(sentences: Sequence[Sentence]) -> set[int]:
    """The indices of sentences that are all of their block."""
    members: dict[int, list[int]] = {}
    for index, sentence in enumerate(sentences):
        members.setdefault(sentence.block, []).append(index)
    return {indices[0] for indices in members.values() if len(indices) == 1}


def _unscored(document: Document, sentence: Sentence, index: int) -> SentenceScore:
    text = document.text[sentence.start : sentence.end]
    language = document.blocks[sentence.block].language
    return SentenceScore(index, sentence.start, sentence.end, text, language, "sentence", block=sentence.block)
