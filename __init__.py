"""newsgauge: the stance of every sentence of a news article, and garbled machine-translated English.

>>> from newsgauge import Document, Scorer
>>> article = Scorer.from_folder("default").score(Document.from_text("The mayor denied it. Nobody was hurt."))
>>> article.sentences[0].label
'denial'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .model.document import Document
    from .model.errors import BundleError, InputError, NewsgaugeError
    from .model.results import ArticleScore, InputFailure, Passage, SentenceScore
    from .model.scorer import Scorer

__version__ = "0.1.0"

_HOMES = {
    "Document": "document",
    "Scorer": "scorer",
    "ArticleScore": "results",
    "SentenceScore": "results",
    "Passage": "results",
    "InputFailure": "results",
    "NewsgaugeError": "errors",
    "InputError": "errors",
    "BundleError": "errors",
}
__all__ = [
    "ArticleScore",
    "BundleError",
    "Document",
    "InputError",
    "InputFailure",
    "NewsgaugeError",
    "Passage",
    "Scorer",
    "SentenceScore",
    "__version__",
]


def __getattr__(name: str) -> Any:
    # Loaded on first use, so that `newsgauge --help` does not wait for numpy.
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f".model.{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
