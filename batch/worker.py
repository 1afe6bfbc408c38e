"""Worker: what is done with one article, and the process that does it to one after the other."""

from __future__ import annotations

import platform
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Protocol

from ..model.errors import NewsgaugeError
from ..model.inputs import Article, Raw
from ..model.results import ArticleScore, InputFailure
from ..model.second_look import check_labels_agree, pair_identity
from ..model.session import RUNTIMES, require
from .cards import Outcome
from .minhash import signature
from .process import inbox


class ArticleScorer(Protocol):
    """What a batch run needs of a scorer; :class:`newsgauge.model.scorer.Scorer` is one."""

    def score_article(self, article: Article) -> ArticleScore | InputFailure:
        """Score an article that was read."""
        ...


@dataclass(frozen=True, slots=True)
class Scoring:
    """How a worker gets its scorer: ``load``, which can be pickled, and what the scorer will say of itself."""

    load: Callable[[], ArticleScorer]
    model: str
    labels: tuple[str, ...]

    @classmethod
    def with_model(cls, model: str, *, runtime: str = RUNTIMES[0], second_look: str | None = None) -> Scoring:
        """Scoring with a model folder or a shipped model, one thread a worker; *second_look* is that which scores suspect articles, if any.

        The manifests are read, no model is loaded. :class:`NewsgaugeError` where there is no model, its labels cannot be used, or the
        *runtime* is not installed.
        """
        require(runtime)
        folder, identity, labels = _signed(model, runtime)
        if second_look is None:
            return cls(partial(_load, folder, None, identity, runtime), identity, labels)
        other, second, others = _signed(second_look, runtime)
        check_labels_agree(identity, labels, second, others)
        pair = pair_identity(identity, second)
        return cls(partial(_load, folder, other, pair, runtime), pair, labels)


def _signed(model: str, runtime: str) -> tuple[str, str, tuple[str, ...]]:
    """The folder of *model*, what its scores are signed with, and its labels."""
    from ..model.bundle import find, read_manifest, read_scheme, run_identity

    folder = find(model)
    manifest, identity = read_manifest(folder)
    return str(folder.resolve()), run_identity(identity, runtime), read_scheme(folder, manifest)


def _load(folder: str, second_look: str | None, identity: str, runtime: str) -> ArticleScorer:
    from ..model.scorer import Scorer

    scorer = Scorer.from_folder(folder, threads=1, runtime=runtime, second_look=second_look)
    # Another machine may have another release, and the folder may have been trained into since the run began.
    if scorer.model != identity:
        folders = folder if second_look is None else f"{folder} with {second_look}"
        raise NewsgaugeError(f"{folders} on {platform.node()} holds the model {scorer.model}, not {identity}: put the same one there.")
    return scorer


def assess(scorer: ArticleScorer, raw: Raw) -> Outcome:
    """Parse and score one article. Whatever goes wrong with it is an :class:`InputFailure` of kind ``crash``."""
    try:
        article = raw.parse()
        result = scorer.score_article(article) if isinstance(article, Article) else article
        if isinstance(result, InputFailure):
            return Outcome(result)
        return Outcome(result, signature(sentence.text for sentence in result.sentences if sentence.kind != "boilerplate"))
    except Exception as error:  # any library on the way may fail in any way; the run goes on
        last = traceback.extract_tb(error.__traceback__)[-1]
        told = f"{type(error).__name__} in {last.name}: {' '.join(str(error).split())[:300]}; the article was passed over"
        return Outcome(InputFailure(raw.source, "crash", told))


@dataclass(frozen=True, slots=True)
class Ready:
    """The first message of a worker: the model is loaded, or why it cannot be."""

    error: str | None = None


def work(connection: Connection, load: Callable[[], ArticleScorer]) -> None:
    """Answer each :class:`Raw` that comes through *connection* with its :class:`Outcome`, in order, until it is closed."""
    waiting: SimpleQueue[Raw] = inbox(connection)
    try:
        scorer = load()
    except NewsgaugeError as error:
        connection.send(Ready(str(error)))
        return
    connection.send(Ready())
    while True:
        connection.send(assess(scorer, waiting.get()))
