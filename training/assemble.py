"""From a fine-tuned encoder to the heads of a model: embed with the graph that ships, fit, calibrate, measure."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..model.bundle import Heads
from ..model.content import ContentHead
from ..model.encoder import Encoder
from ..model.heads import LinearHead
from ..model.quality import GarbleHead
from .articles import fit_documents
from .corpora import Corpora
from .embed import Embedded, embed, labelled
from .garbled import DEFAULT_FIT, SentenceFit, fit_sentences
from .heads import BinaryRows, fit_binary, fit_stance
from .metrics import auroc, rows_report, threshold_at_false_flags
from .rows import STANCE_LABELS, LabelledDocument
from .translation import fit_translation

LOST_SENTENCES = 0.005
REFIT_DOCUMENTS = 200

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Assembled:
    """Fitted heads, what was measured of them on dev, as the model card and the manifest tell it, and the dev set as embedded."""

    heads: Heads
    quality: dict[str, Any]
    dev: Embedded


def assemble(
    encoder: Encoder,
    corpora: Corpora,
    *,
    trained: Mapping[str, LinearHead],
    folder: Path | None,
    seed: int,
    labels: Sequence[str] = STANCE_LABELS,
    fit: SentenceFit = DEFAULT_FIT,
    documents: int | None = None,
    old: GarbleHead | None = None,
) -> Assembled:
    """Fit and measure every head with the encoder that ships.

    *trained*: the heads that were trained with the encoder, by task; those for stance and words ship where they are better on dev.
    *labels*: those of the stance head.
    *folder*: the corpora, for whole machine-translated documents; without it the chain and the verdict are those of *old*, or plain.
    *fit*: how the garbled head is fitted. *documents*: so many labelled articles the stance head learns from; None for a sample, which
    is enough to tell whether a head that was trained with the encoder is the better one.
    """

    def articles(most: int) -> list[LabelledDocument]:
        return random.Random(seed).sample(corpora.stance, min(len(corpora.stance), most)) + corpora.seeds

    train = embed(encoder, articles(REFIT_DOCUMENTS) + corpora.twins + corpora.round_trips)
    dev = embed(encoder, corpora.stance_dev or corpora.seeds_dev)
    learned = train if documents is None else embed(encoder, articles(documents))
    fitted = fit_stance(learned, dev, trained=trained.get("stance"), labels=labels)
    rows, vectors = labelled(dev)
    content, content_quality = fit_content(encoder, corpora, train, dev)
    # Rows that a newsroom labelled for stance do not say whether they are clean English; starter articles are.
    news_dev = dev if any(row.garbled is not None for row in dev.rows) else embed(encoder, corpora.seeds_dev)
    garble, garbled_quality = fit_sentences(encoder, corpora, train, news_dev, trained=trained, seed=seed, fit=fit)
    if folder is not None or (old is not None and old.translation is not None):
        garble = replace(garble, translation=fit_translation(encoder, corpora, content, seed=seed))
    if folder is not None:
        garble, whole = fit_documents(encoder, corpora, garble, content, folder, seed=seed)
        garbled_quality |= whole
    elif old is not None:
        garble = with_verdict(garble, old)
    return Assembled(
        Heads(fitted.head, garble, content),
        {
            "stance": asdict(rows_report(fitted.head.probabilities(vectors).astype(np.float64), rows, labels)),
            "stance_head": fitted.origin,
            "confident": {"coverage": fitted.coverage, "accuracy": fitted.accuracy_when_confident},
            "garbled": garbled_quality,
            "content": content_quality,
        },
        dev,
    )


def with_verdict(garble: GarbleHead, old: GarbleHead) -> GarbleHead:
    """*garble* with the passage chain, the verdict and the suspicion of *old*: they read calibrated logits, not the encoder."""
    return replace(garble, chain=old.chain, verdict=old.verdict, verdict_threshold=old.verdict_threshold, suspect_from=old.suspect_from)


def fit_content(encoder: Encoder, corpora: Corpora, train: Embedded, dev: Embedded) -> tuple[ContentHead, dict[str, Any]]:
    """Fit the content head on the rows that are known to be article or boilerplate.

    The threshold loses at most :data:`LOST_SENTENCES` of the article sentences of dev.
    """
    own = embed(encoder, corpora.boilerplate)
    own_dev = embed(encoder, corpora.boilerplate_dev)
    vectors, targets = _placed([train, own])
    dev_vectors, dev_targets = _placed([dev, own_dev])
    head = fit_binary(BinaryRows(vectors, targets, np.where(targets > 0.5, 1.0, 2.0)), dev_vectors, dev_targets > 0.5)
    article = ContentHead(head, 0.5).article_probability(dev_vectors).astype(np.float64)
    kept = dev_targets > 0.5
    # The threshold below which a sentence is boilerplate, from the other side of the same question.
    threshold = min(0.5, 1.0 - threshold_at_false_flags(1.0 - article[kept], LOST_SENTENCES))
    return ContentHead(head, threshold), {
        "auroc": auroc(article, kept),
        "lost": float((article[kept] < threshold).mean()),
        "caught": float((article[~kept] < threshold).mean()),
        "rows": len(dev_targets),
    }


def _placed(parts: Sequence[Embedded]) -> tuple[npt.NDArray[np.float32], Doubles]:
    keep = [np.array([row.article is not None for row in part.rows], dtype=bool) for part in parts]
    vectors = np.concatenate([part.vectors[kept] for part, kept in zip(parts, keep, strict=True)])
    return vectors, np.array([float(row.article) for part in parts for row in part.rows if row.article is not None])
