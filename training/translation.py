"""The translation head: fitted on whole articles, translated and not, and on articles with a translated run inside."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from ..model.content import ContentHead
from ..model.encoder import Encoder
from ..model.heads import LinearHead
from ..model.passages import around
from ..model.translation import PARTS_READ, REACH, TranslationHead
from .corpora import Corpora
from .documents import is_human, is_weak, spliced
from .embed import Floats, article_rows, embed
from .mixture import excerpt
from .rows import CLEAN, LabelledDocument

# Articles that the head learns from, two of three with a translated run inside, by what they are made of; at most so many of each host.
SPLICES = {"news": 900, "human": 500, "other": 700}
OF_EACH_HOST = 3
# Sentences of an article that it reads.
LONGEST = 20
# What one perceptron makes of an article depends on where it started: the mean of several does so less.
MEMBERS = 4
UNITS = 32
EPOCHS = 6
DECAY = 0.1
# The head has seen hundreds of systems' sentences where words know a handful, yet errs with them: its log-odds count half beside theirs.
SHARE = 0.5

Marked = tuple[LabelledDocument, list[int]]


def read_documents(corpora: Corpora, seed: int) -> list[Marked]:
    """Documents with 1 for each sentence that a machine translated and 0 for the others, none of a system or an article held out.

    Fluent systems are left out: what they translate is seldom garbled.
    """
    rng = random.Random(seed)
    human = [found for found in corpora.translated if is_human(found.tags["system"])]
    weak = [found for found in corpora.translated if is_weak(found.tags["system"])]
    garbled = corpora.twins + corpora.round_trips
    hosts = {"news": corpora.stance, "human": human, "other": corpora.seeds + corpora.plain + corpora.world}
    made: list[Marked] = []
    for number, (kind, found) in enumerate(hosts.items()):
        if found and garbled:
            chosen = [excerpt(document, rng, LONGEST) for document in rng.sample(found, min(len(found), SPLICES[kind]))]
            made += spliced(chosen, weak + garbled, min(SPLICES[kind], OF_EACH_HOST * len(chosen)), seed + number)
    whole = [(document, 1) for document in weak + garbled] + [(document, 0) for document in human]
    cut = [(excerpt(document, rng, LONGEST), state) for document, state in whole]
    made += [(document, [state] * len(document.rows)) for document, state in cut]
    # Where marked words are known, the states of all word pieces are kept with an embedding, which nobody asks for here.
    return [(replace(document, rows=tuple(replace(row, spans=None) for row in document.rows)), states) for document, states in made]


def fit_translation(encoder: Encoder, corpora: Corpora, content: ContentHead, *, seed: int) -> TranslationHead | None:
    """Fit the head; None where *corpora* has no garbled documents. What *content* takes for boilerplate it does not read."""
    marked = read_documents(corpora, seed)
    if not marked:
        return None
    embedded = embed(encoder, [document for document, _ in marked])
    kept = article_rows(content, embedded)
    states = np.concatenate([states for _, states in marked])
    # A sentence that a translation left as it was says nothing of either kind.
    told = np.array([not state or row.garbled is None or row.garbled > CLEAN for row, state in zip(embedded.rows, states, strict=True)])
    parts = [beside(embedded.vectors[(embedded.document == number) & kept]) for number in range(len(marked))]
    features, translated = np.concatenate(parts)[told[kept]], states[kept & told]
    return ensemble([fit_perceptron(features, translated, seed=seed + member) for member in range(MEMBERS)])


def ensemble(heads: Sequence[TranslationHead]) -> TranslationHead:
    """The mean of the logits of *heads* (Hansen and Salamon 1990), as one head with the units of all, rounded to half precision."""
    weight, bias = (_side_by_side([getattr(one.hidden, name) for one in heads]) for name in ("weight", "bias"))
    output = np.concatenate([one.output.weight for one in heads], axis=1) / len(heads)
    offset = np.sum([one.output.bias for one in heads], axis=0) / len(heads)
    return TranslationHead(LinearHead(_rounded(weight), _rounded(bias)), LinearHead(_rounded(output), _rounded(offset)))


def _side_by_side(arrays: Sequence[Floats]) -> Floats:
    """What several heads project with, part by part, as one head does."""
    parts = zip(*(np.split(array, PARTS_READ) for array in arrays), strict=True)
    return np.concatenate([np.concatenate(part) for part in parts])


def _rounded(array: npt.NDArray[Any]) -> Floats:
    # Half of the bits tell as much, and a model folder packs to less.
    return array.astype(np.float16).astype(np.float32)


def beside(embeddings: Floats) -> Floats:
    """Each sentence of an article as the head reads it. *Shapes:* (n, width) → (n, PARTS_READ · width)."""
    if not len(embeddings):
        return np.zeros((0, PARTS_READ * embeddings.shape[1]), np.float32)
    everywhere = np.broadcast_to(embeddings.mean(axis=0), embeddings.shape)
    return np.concatenate([embeddings, around(embeddings, REACH), everywhere], axis=1).astype(np.float32)


def fit_perceptron(features: Floats, translated: npt.NDArray[np.int64], *, seed: int) -> TranslationHead:
    """A perceptron with one hidden layer on *features*, standardised, whose standardisation goes into its weights. *Shapes:*
    (rows, PARTS_READ · width), (rows,)."""
    scaler = StandardScaler().fit(features)
    model = MLPClassifier((UNITS,), alpha=DECAY, batch_size=min(512, len(features)), random_state=seed)
    standard = scaler.transform(features)
    for _ in range(EPOCHS):
        model.partial_fit(standard, translated, classes=[0, 1])
    weight = model.coefs_[0].T / scaler.scale_
    bias = np.zeros((PARTS_READ, UNITS))
    bias[0] = model.intercepts_[0] - weight @ scaler.mean_
    hidden = LinearHead(np.concatenate(np.split(weight, PARTS_READ, axis=1)).astype(np.float32), bias.reshape(-1).astype(np.float32))
    output, offset = (np.asarray(SHARE * values, dtype=np.float32) for values in (model.coefs_[1].T, model.intercepts_[1]))
    return TranslationHead(hidden, LinearHead(output, offset))
