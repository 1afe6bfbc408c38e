"""The passage chain and the verdict: fitted on whole documents, some with a garbled run inside, and measured on others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.metrics import f1_score
from sklearn.model_selection import GroupKFold

from ..model.content import ContentHead
from ..model.encoder import Encoder
from ..model.errors import NewsgaugeError
from ..model.heads import LinearHead
from ..model.passages import PassageChain
from ..model.quality import GarbleHead
from .chain import fit_chain
from .corpora import Corpora
from .documents import NATIVE_DOCUMENTS, JudgedDocument, native_documents, spliced, system_held_out, translated_documents
from .embed import Embedded, article_rows, embed
from .garbled import row_signs
from .heads import fit_verdict
from .metrics import auroc, threshold_at_false_flags
from .rows import LabelledDocument

# Both by the documents' weights: as often as such documents are thought to be scored.
FALSE_VERDICTS = 0.01
FALSE_PASSAGES = 0.05
# Of agency news; a second look costs three times the first.
SECOND_LOOKS = 0.1
# Parts that the systems are dealt out to, to fit on all but one and measure on that.
FOLDS = 5
# Documents with a garbled run inside for each part and each of: agency news, other clean English.
SPLICES = 120
# A whole machine-translated document counts as so many spliced ones: few are at hand, and passages should cover them.
WHOLE_WEIGHT = 2
SHORTEST_JUDGED = 10
# The verdict's threshold hangs on a handful of clean documents: the mean over so many ways to deal out the folds steadies it.
DEALS = 5

Doubles = npt.NDArray[np.float64]
Marks = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class DocumentScores:
    """A document as chain and verdict see it. *Shapes:* ``kept`` and ``states`` (sentences,); ``states`` is 1 where a sentence is machine
    output, ``kept`` false where it is taken for boilerplate, which in scoring is no evidence either; ``logits`` and ``readings`` of what
    is kept."""

    logits: Doubles
    readings: Doubles
    kept: npt.NDArray[np.bool_]
    states: Marks

    def evidence(self) -> tuple[Doubles, Marks]:
        """What the chain reads, as in scoring, and its states."""
        return self.logits + self.readings, self.states[self.kept]

    def marks(self, chain: PassageChain) -> Marks:
        """Which sentences lie in a passage of *chain*, boilerplate in its midst included. *Shape:* (sentences,)."""
        inside = np.zeros(len(self.kept), dtype=np.int64)
        order = np.flatnonzero(self.kept)
        for first, last, _ in chain.runs(self.evidence()[0]):
            inside[order[first] : order[last] + 1] = 1
        return inside


def judged_documents(corpora: Corpora, folder: Path, seed: int) -> list[JudgedDocument]:
    """Whole documents with a verdict, none of which the encoder or a head was trained on.

    Machine output of the systems held out, held-out twins and round trips; human translations of the dev set, native news that nobody
    labelled, held-out starter articles, documents that are no news, and news from many countries; the ``system`` of clean ones is their
    kind.
    """
    machine = translated_documents(
        [folder / "quality/train.jsonl", folder / "quality/machine_output_unrated.jsonl.gz"], wanted=system_held_out
    )
    human = [replace(found, system="human") for found in translated_documents([folder / "quality/dev.jsonl"]) if not found.machine]
    trained_on = {document.name for document in corpora.stance + corpora.soft}
    twins = [JudgedDocument(twin, True, f"twin:{twin.tags['pivot']}", 1.0) for twin in corpora.twins_dev + corpora.round_trips_dev]
    starters = [JudgedDocument(document, False, "starter", 1.0) for document in corpora.seeds_dev]
    plain = [JudgedDocument(document, False, "plain", 1.0) for document in corpora.plain_dev]
    world = [JudgedDocument(document, False, "world", 1.0) for document in corpora.world_dev]
    native = native_documents(folder / "stance/unlabelled.jsonl.gz", NATIVE_DOCUMENTS, seed, known=trained_on)
    return machine + human + twins + starters + plain + world + native


def fit_documents(
    encoder: Encoder,
    corpora: Corpora,
    garble: GarbleHead,
    content: ContentHead,
    folder: Path,
    *,
    seed: int,
) -> tuple[GarbleHead, dict[str, Any]]:
    """Fit the chain, the verdict and the suspicion on whole documents, none of which trained the encoder → the head and its figures.

    As in scoring, what *content* takes for boilerplate is no evidence. :class:`NewsgaugeError` where *folder* holds no machine output or
    no agency news. Both are measured by cross-validation over systems and documents, then fitted on all.
    """
    judged = judged_documents(corpora, folder, seed)
    if not any(found.machine for found in judged) or not any(found.system == "native" for found in judged):
        raise NewsgaugeError(f"{folder} holds no machine output of held-out systems, or no agency news; expected the project's corpora.")
    embedded = embed(encoder, [found.document for found in judged])
    scores = _scores(garble, content, embedded, [[int(found.machine)] * len(found.document.rows) for found in judged])
    chain, passages = _fit_chain(encoder, garble, content, judged, scores, seed)
    readings = [one.readings for one in scores]
    verdict, threshold, articles = _fit_verdict(garble, judged, readings)
    suspect_from, suspects = _fit_suspicion(garble, judged, readings)
    finished = replace(garble, chain=chain, verdict=verdict, verdict_threshold=threshold, suspect_from=suspect_from)
    return finished, passages | articles | suspects


def _fit_chain(
    encoder: Encoder,
    garble: GarbleHead,
    content: ContentHead,
    judged: Sequence[JudgedDocument],
    scores: Sequence[DocumentScores],
    seed: int,
) -> tuple[PassageChain, dict[str, Any]]:
    folds = _folds(judged)
    spliced_scores: list[dict[str, list[DocumentScores]]] = []
    for made in _spliced_parts(judged, folds, seed):
        embedded = {host: embed(encoder, [document for document, _ in found]) for host, found in made.items()}
        spliced_scores.append({host: _scores(garble, content, embedded[host], [states for _, states in made[host]]) for host in made})
    learned = [
        [one.evidence() for found in part.values() for one in found]
        + [scores[i].evidence() for i in members if judged[i].machine] * WHOLE_WEIGHT
        for part, members in zip(spliced_scores, folds, strict=True)
    ]
    clean = [i for i, found in enumerate(judged) if not found.machine]
    chains = [fit_chain([one for other, found in enumerate(learned) if other != number for one in found]) for number in range(len(folds))]
    chain_of = {i: chain for chain, members in zip(chains, folds, strict=True) for i in members}
    strongest = [strongest_run(chain_of[i], scores[i]) for i in clean]
    weights = np.array([judged[i].weight for i in clean])
    threshold = max(0.5, threshold_at_false_flags(np.array(strongest), FALSE_PASSAGES, weights))
    said: dict[str, list[tuple[Marks, Marks]]] = {}
    whole: list[Marks] = []
    for fitted, part, members in zip(chains, spliced_scores, folds, strict=True):
        chain = replace(fitted, threshold=threshold)
        for host, found in part.items():
            said.setdefault(host, []).extend((one.states, one.marks(chain)) for one in found)
        whole += [scores[i].marks(chain) for i in members if judged[i].machine and len(scores[i].kept) >= SHORTEST_JUDGED]
    f1 = {host: float(f1_score(*map(np.concatenate, zip(*pairs, strict=True)))) for host, pairs in said.items()}
    return replace(fit_chain([one for found in learned for one in found]), threshold=threshold), {
        "passage_f1": f1["native"],
        "passage_f1_elsewhere": f1.get("other", float("nan")),
        "passage_whole": float(np.concatenate(whole).mean()) if whole else float("nan"),
        "passage_false": _shares([judged[i].system for i in clean], [value >= threshold for value in strongest]),
    }


def _shares(kinds: Sequence[str], flags: Sequence[bool]) -> dict[str, list[float]]:
    """Of each of the *kinds* the share that is flagged, and how many there are."""
    return {
        kind: [float(np.mean(found)), len(found)]
        for kind in sorted(set(kinds))
        if (found := [f for k, f in zip(kinds, flags, strict=True) if k == kind])
    }


def strongest_run(chain: PassageChain, document: DocumentScores) -> float:
    """The highest threshold at which *chain* finds a passage in *document*; 0 where it is too short for one."""
    posterior = chain.posterior(document.evidence()[0])
    if len(posterior) < chain.shortest:
        return 0.0
    return float(sliding_window_view(posterior, chain.shortest).min(axis=1).max())


def _fit_verdict(
    garble: GarbleHead, judged: Sequence[JudgedDocument], readings: Sequence[Doubles]
) -> tuple[LinearHead, float, dict[str, Any]]:
    """The verdict and its threshold, with figures of documents of at least :data:`SHORTEST_JUDGED` sentences.

    *readings*: how the sentences of each document read.
    """
    machine = np.array([found.machine for found in judged])
    weights = np.array([found.weight for found in judged])
    groups = np.array([found.system if found.machine else f"{found.system}:{i % 10}" for i, found in enumerate(judged)])
    deals = np.zeros((DEALS, len(judged)))
    for deal, out in enumerate(deals):
        for train, test in GroupKFold(FOLDS, shuffle=True, random_state=deal).split(readings, machine, groups):
            verdict = fit_verdict([readings[i] for i in train], machine[train].tolist(), weights[train].tolist())
            fold = replace(garble, verdict=verdict)
            out[test] = [fold.article_probability(readings[i]) for i in test]
    out_of_fold = deals.mean(axis=0)
    long = np.array([len(values) >= SHORTEST_JUDGED for values in readings])
    clean = long & ~machine
    threshold = max(0.5, threshold_at_false_flags(out_of_fold[clean], FALSE_VERDICTS, weights[clean]))
    flagged = out_of_fold >= threshold
    return (
        fit_verdict(readings, machine.tolist(), weights.tolist()),
        threshold,
        {
            "article_auroc": auroc(out_of_fold[long], machine[long]),
            "article_recall": float(flagged[long & machine].mean()),
            "article_false_flags": float(np.average(flagged[clean], weights=weights[clean])),
            "article_false": _shares([judged[i].system for i in np.flatnonzero(clean).tolist()], flagged[clean].tolist()),
            "article_documents": int(long.sum()),
        },
    )


def _fit_suspicion(garble: GarbleHead, judged: Sequence[JudgedDocument], readings: Sequence[Doubles]) -> tuple[float, dict[str, Any]]:
    """From which suspicion on a document is worth a second look, with the share of each kind that has as much."""
    suspicions = np.array([garble.suspicion(values) for values in readings])
    news = np.array([found.system == "native" for found in judged])
    suspect_from = threshold_at_false_flags(suspicions[news], SECOND_LOOKS)
    kinds = ["machine" if found.machine else found.system for found in judged]
    return suspect_from, {"second_looks": _shares(kinds, (suspicions >= suspect_from).tolist())}


def _folds(judged: Sequence[JudgedDocument]) -> list[list[int]]:
    """The places of the documents, dealt out so that no two folds share a system, and that each has its share of every clean kind."""
    machine = [i for i, found in enumerate(judged) if found.machine]
    systems = [judged[i].system for i in machine]
    folds = [
        [machine[member] for member in members] for _, members in GroupKFold(min(FOLDS, len(set(systems)))).split(systems, groups=systems)
    ]
    clean = sorted((i for i, found in enumerate(judged) if not found.machine), key=lambda i: judged[i].system)
    for number, place in enumerate(clean):
        folds[number % len(folds)].append(place)
    return folds


def _spliced_parts(
    judged: Sequence[JudgedDocument], folds: Sequence[Sequence[int]], seed: int
) -> list[dict[str, list[tuple[LabelledDocument, list[int]]]]]:
    """Spliced documents by their hosts, ``native`` or ``other``, in parts that share no system and no host."""
    parts = []
    for number, members in enumerate(folds):
        donors = [judged[i].document for i in members if judged[i].machine]
        hosts: dict[str, list[LabelledDocument]] = {"native": [], "other": []}
        for i in members:
            if not judged[i].machine:
                hosts["native" if judged[i].system == "native" else "other"].append(judged[i].document)
        parts.append({host: spliced(found, donors, SPLICES, seed + number) for host, found in hosts.items() if found})
    return parts


def _scores(garble: GarbleHead, content: ContentHead, embedded: Embedded, states: Sequence[Sequence[int]]) -> list[DocumentScores]:
    """The documents of *embedded*, of whose sentences the *states* are known."""
    ends = np.cumsum([len(one) for one in states])[:-1]
    logits = garble.logits(embedded.vectors, row_signs(embedded.rows)).astype(np.float64)
    words = garble.word_logits(embedded.vectors).astype(np.float64)
    columns = zip(np.split(logits, ends), np.split(words, ends), np.split(embedded.vectors, ends), strict=True)
    scores = []
    for (sentences, mean, vectors), kept, known in zip(columns, np.split(article_rows(content, embedded), ends), states, strict=True):
        readings = garble.read(mean[kept], garble.projected(vectors[kept]))
        scores.append(DocumentScores(sentences[kept], readings, kept, np.array(known, dtype=np.int64)))
    return scores
