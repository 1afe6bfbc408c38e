"""The content head: sentence of the article, or boilerplate (bylines, links, credits, navigation)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .heads import Floats, LinearHead, sigmoid


@dataclass(frozen=True)
class ContentHead:
    """A linear head; below ``threshold`` a sentence is boilerplate."""

    head: LinearHead
    threshold: float

    def article_probability(self, embeddings: Floats) -> Floats:
        """*Shapes:* (rows, width) → (rows,), the probability of being part of the article."""
        return sigmoid(self.head.logits(embeddings)[:, 0])


# "Home / World / Ministers meet", "News » Europe » Talks": at least two short steps before the last one.
_BREADCRUMB = re.compile(r"(?:\w[\w &'’.-]{0,28}\s+[/>»›|→]\s+){2}\S")


def is_breadcrumb(text: str) -> bool:
    """Whether *text* is a navigation path, which often ends in the article's own headline and so reads like one."""
    return _BREADCRUMB.match(text) is not None
