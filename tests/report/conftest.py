"""Articles scored by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from newsgauge.model.results import ArticleScore, Garble, InputFailure, Passage, SentenceScore

LABELS = ("accusation", "denial", "evidence", "analysis")

Build = Callable[..., ArticleScore]


@pytest.fixture(scope="session")
def labels() -> tuple[str, ...]:
    return LABELS


def scored(text: str, label: str = "evidence", garbled: float = 0.0625, spans: tuple[tuple[int, int, float], ...] = ()) -> dict[str, Any]:
    """What is known of a scored sentence; the label has probability 0.7."""
    probabilities = {name: 0.7 if name == label else 0.1 for name in LABELS}
    mark = Garble(garbled, garbled >= 0.5, spans)
    return {"text": text, "label": label, "confident": label != "analysis", "probabilities": probabilities, "garbled": mark}


@pytest.fixture(scope="session")
def build() -> Build:
    """Sentences, as strings or as fields of :class:`SentenceScore` → an article in which they stand one space apart."""

    def make(
        *sentences: str | dict[str, Any],
        source: str = "pier.txt",
        passages: tuple[tuple[int, int], ...] = (),
        verdict: tuple[float, bool] | None = (0.125, False),
    ) -> ArticleScore:
        found: list[SentenceScore] = []
        position = 0
        for index, given in enumerate(sentences):
            fields = scored(given) if isinstance(given, str) else given
            end = position + len(fields["text"])
            found.append(SentenceScore(**{"index": index, "start": position, "end": end, "language": "en", "kind": "sentence", **fields}))
            position = end + 1
        runs = tuple(Passage(found[first].start, found[last].end, first, last, 0.875) for first, last in passages)
        return ArticleScore(
            source=source,
            model="toy@0123456789ab",
            language="en",
            encoding="utf-8",
            characters=max(0, position - 1),
            labels=LABELS,
            machine_translated=verdict,
            passages=runs,
            sentences=tuple(found),
        )

    return make


@pytest.fixture(scope="session")
def article(build: Build) -> ArticleScore:
    """One of everything: a headline, a passage of two garbled sentences with words marked, boilerplate and a foreign line."""
    return build(
        {**scored("Pier shut after crack"), "kind": "headline"},
        scored("The contractor hid it, divers say.", "accusation"),
        scored("Of pier the owner made denial hard.", "denial", 0.9375, ((0, 7, 0.75), (18, 35, 0.625))),
        scored("Is to say, the steel he has tired.", "analysis", 0.75),
        {"text": "Share this story", "kind": "boilerplate"},
        {"text": "La jetée reste fermée.", "language": "fr"},
        passages=((2, 3),),
        verdict=(0.8125, True),
    )


@pytest.fixture(scope="session")
def failure() -> InputFailure:
    return InputFailure("lost.txt", "missing", "lost.txt does not exist; check the name.")
