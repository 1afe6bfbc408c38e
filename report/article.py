"""Article: a score as the article view shows it, paragraph by paragraph, with what is said of each sentence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from ..model.results import ArticleScore, Garble, Passage, SentenceScore
from .visible import visible

LETTERS = {"accusation": "A", "denial": "D", "evidence": "E", "analysis": "I"}
"""The letters of the annotation guide."""
STEPS = 9
"""Confidence is shown in steps 0 … ``STEPS``."""
COLOURS = 8
"""Labels beyond so many share their colours; their letters still differ."""


@dataclass(frozen=True, slots=True)
class LabelView:
    """A label with its letter, and the number of its colour in the style sheet."""

    name: str
    letter: str
    colour: int


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a sentence; ``reason`` says why its words are underlined, None where they are not."""

    text: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class SentenceView:
    """A sentence; ``label`` is None where it is not scored, ``step`` is its confidence, ``told`` says all that is known of it."""

    index: int
    label: LabelView | None
    step: int
    told: str
    citation: str
    pieces: tuple[Piece, ...]
    headline: bool
    boilerplate: bool
    uncertain: bool
    garbled: bool


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Sentences that stand together; ``continued`` where its beginning stands in the run before."""

    sentences: tuple[SentenceView, ...]
    continued: bool


@dataclass(frozen=True, slots=True)
class Run:
    """Paragraphs that are all in one garbled passage, or in none."""

    passage: Passage | None
    paragraphs: tuple[Paragraph, ...]


@dataclass(frozen=True, slots=True)
class ArticleView:
    """What the article view shows."""

    source: str
    model: str
    language: str
    characters: int
    verdict: tuple[float, bool] | None
    counts: tuple[tuple[LabelView, int], ...]
    garbled: int
    uncertain: int
    sentences: tuple[SentenceView, ...]
    runs: tuple[Run, ...]
    passages: int


def label_views(labels: Sequence[str]) -> dict[str, LabelView]:
    """Each label with a letter of its own: that of the annotation guide, else the first of its name that is free, else a number."""
    views: dict[str, LabelView] = {}
    taken = {LETTERS[label] for label in labels if label in LETTERS}
    for place, label in enumerate(labels):
        letter = LETTERS.get(label)
        if letter is None:
            free = (one for one in label.upper() if one.isalpha() and one not in taken)
            letter = next(free, str(place + 1))
            taken.add(letter)
        known = list(LETTERS)
        colour = known.index(label) if label in known else len(known) + place % (COLOURS - len(known))
        views[label] = LabelView(visible(label), letter, colour)
    return views


def article_view(article: ArticleScore, labels: dict[str, LabelView]) -> ArticleView:
    """*article* for the template; *labels* from :func:`label_views`. All text in it is made visible, none is escaped."""
    inside = {i: passage for passage in article.passages for i in passage.sentences}
    sentences = tuple(_sentence(article, sentence, labels) for sentence in article.sentences)
    runs = tuple(
        Run(passage, tuple(paragraphs))
        for passage, paragraphs in (
            (key, [paragraph for _, paragraph in group])
            for key, group in groupby(_paragraphs(article.sentences, sentences, inside), lambda pair: pair[0])
        )
    )
    scored = [sentence for sentence in sentences if sentence.label is not None]
    return ArticleView(
        source=visible(article.source),
        model=visible(article.model),
        language=visible(article.language or "unknown language"),
        characters=article.characters,
        verdict=article.machine_translated,
        counts=tuple((labels[label], count) for label, count in article.stance.items()),
        garbled=sum(1 for sentence in scored if sentence.garbled),
        uncertain=sum(1 for sentence in scored if sentence.uncertain),
        sentences=sentences,
        runs=runs,
        passages=len(article.passages),
    )


def citation(article: ArticleScore, sentence: SentenceScore) -> str:
    """Where a sentence stands and what it was labelled: source, offsets in code points, label, probability, model."""
    where = f"{visible(article.source)}, characters {sentence.start}–{sentence.end}"
    if sentence.label is None or sentence.probabilities is None:
        return f"{where}, not scored"
    unsure = "" if sentence.confident else ", uncertain"
    label = f"{visible(sentence.label)} (probability {sentence.probabilities[sentence.label]:.2f}{unsure})"
    flagged = ", flagged as garbled" if sentence.garbled is not None and sentence.garbled.flag else ""
    return f"{where}, {label}{flagged}, by newsgauge {visible(article.model)}"


def _sentence(article: ArticleScore, sentence: SentenceScore, labels: dict[str, LabelView]) -> SentenceView:
    garbled = sentence.garbled
    probability = 0.0
    if sentence.label is not None and sentence.probabilities:
        probability = sentence.probabilities[sentence.label]
    return SentenceView(
        index=sentence.index,
        label=None if sentence.label is None else labels[sentence.label],
        step=min(STEPS, max(0, round((probability - 0.25) / 0.75 * STEPS))),
        told=_told(sentence, labels),
        citation=citation(article, sentence),
        pieces=tuple(_pieces(sentence.text, garbled)),
        headline=sentence.kind == "headline",
        boilerplate=sentence.kind == "boilerplate",
        uncertain=sentence.label is not None and not sentence.confident,
        garbled=garbled is not None and garbled.flag,
    )


def _told(sentence: SentenceScore, labels: dict[str, LabelView]) -> str:
    if sentence.label is None or sentence.probabilities is None:
        language = visible(sentence.language or "unknown")
        return "boilerplate, not scored" if sentence.kind == "boilerplate" else f"not scored (language: {language})"
    view = labels[sentence.label]
    others = ", ".join(f"{visible(name)} {value:.2f}" for name, value in sentence.probabilities.items() if name != sentence.label)
    unsure = "" if sentence.confident else " (uncertain)"
    told = [f"{view.letter}: {view.name} {sentence.probabilities[sentence.label]:.2f}{unsure}; {others}"]
    if sentence.garbled is not None:
        flagged = ", flagged" if sentence.garbled.flag else ""
        told.append(f"garbled {sentence.garbled.probability:.2f}{flagged}")
        told += [f"{visible(sign.kind)} “{visible(sentence.text[sign.start : sign.end])}”" for sign in sentence.garbled.signs]
    return ". ".join(told)


def _pieces(text: str, garbled: Garble | None) -> Iterator[Piece]:
    """The sentence, cut where the reasons to underline change."""
    reasons: list[tuple[int, int, str]] = []
    if garbled is not None:
        unlike = f"unlike written English (sentence: garbled {garbled.probability:.2f})"
        reasons = [(start, end, unlike) for start, end, _ in garbled.spans] if garbled.flag else []
        reasons += [(sign.start, sign.end, sign.kind) for sign in garbled.signs]
    cuts = sorted({0, len(text), *(_within(place, text) for start, end, _ in reasons for place in (start, end))})
    for start, end in pairwise(cuts):
        found = dict.fromkeys(visible(reason) for first, last, reason in reasons if first <= start and end <= last)
        yield Piece(visible(text[start:end]), "; ".join(found) or None)


def _within(place: int, text: str) -> int:
    return min(max(place, 0), len(text))


def _paragraphs(
    sentences: Sequence[SentenceScore], views: Sequence[SentenceView], inside: dict[int, Passage]
) -> Iterator[tuple[Passage | None, Paragraph]]:
    """The paragraphs in order, cut where a passage begins or ends, each with its passage."""
    for paragraph in _blocks(zip(sentences, views, strict=True)):
        parts = groupby(paragraph, lambda pair: inside.get(pair[0].index))
        for number, (passage, part) in enumerate(parts):
            yield passage, Paragraph(tuple(view for _, view in part), number > 0)


def _blocks(pairs: Iterable[tuple[SentenceScore, SentenceView]]) -> Iterator[list[tuple[SentenceScore, SentenceView]]]:
    block: list[tuple[SentenceScore, SentenceView]] = []
    for pair in pairs:
        if block and _apart(block[-1][0], pair[0]):
            yield block
            block = []
        block.append(pair)
    if block:
        yield block


def _apart(one: SentenceScore, two: SentenceScore) -> bool:
    """Whether a new paragraph begins between neighbours; where blocks are not known, by the space between and the kind."""
    if one.block is not None and two.block is not None:
        return one.block != two.block
    return two.start - one.end > 1 or one.kind != two.kind
