"""Labelled rows: one sentence with what is known of it, in documents."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from ..model.compression import FAULTS
from ..model.errors import NewsgaugeError

# What a file of another kind raises when it is read as JSON Lines.
NO_JSON_LINES: tuple[type[Exception], ...] = (UnicodeDecodeError, json.JSONDecodeError, *FAULTS)

STANCE_LABELS = ("accusation", "denial", "evidence", "analysis")
# Targets between the two are mild faults, of which nobody can say whether they should be flagged.
CLEAN, SEVERE = 0.2, 0.9


@dataclass(frozen=True, slots=True)
class Row:
    """One sentence; what is None is unknown and takes no part in the loss.

    ``garbled`` is a target in [0, 1] with ``garbled_weight`` in [0, 1]; ``spans`` are garbled code-point ranges of
    ``text`` (an empty tuple: known to have none); ``article`` is False for boilerplate; ``origin`` names the row and
    ``twin_of`` the row of the clean sentence that it was made of; ``languages`` are those of a translation, ``de-en``. ``soft`` is a
    teacher's distribution over :data:`STANCE_LABELS` (Hinton et al. 2015); it counts half where the row has a ``stance`` as well.
    """

    text: str
    stance: str | None = None
    secondary: str | None = None
    article: bool | None = None
    garbled: float | None = None
    garbled_weight: float = 1.0
    spans: tuple[tuple[int, int], ...] | None = None
    origin: str = ""
    twin_of: str = ""
    soft: tuple[float, ...] | None = None
    languages: str = ""


def soft_stance(row: Row, primary: float, labels: Sequence[str] = STANCE_LABELS) -> list[float]:
    """The target distribution over *labels*: *primary* to the row's label and the rest to the secondary one, where there is one.

    A teacher's distribution counts as much as the label; without a label it is the target.
    """
    target = [0.0] * len(labels)
    if row.stance is not None:
        second = row.secondary if row.secondary in labels and row.secondary != row.stance else None
        target[labels.index(row.stance)] = 1.0 if second is None else primary
        if second is not None:
            target[labels.index(second)] = 1.0 - primary
    if row.soft is None:
        return target
    return list(row.soft) if row.stance is None else [(own + taught) / 2 for own, taught in zip(target, row.soft, strict=True)]


@dataclass(frozen=True, slots=True)
class LabelledDocument:
    """Consecutive sentences of one article. ``before`` is the sentence before the first one, where it is known."""

    name: str
    rows: tuple[Row, ...]
    headline: str = ""
    before: str = ""
    source: str = ""
    consecutive: bool = True
    tags: dict[str, str] = field(default_factory=dict)


def is_garbled(rows: Sequence[Row]) -> npt.NDArray[np.bool_]:
    """Which rows are severely garbled. *Shape:* (rows,)."""
    return np.array([(row.garbled or 0.0) >= SEVERE for row in rows], dtype=bool)


def decided(rows: Sequence[Row], vectors: npt.NDArray[np.float32]) -> tuple[list[Row], npt.NDArray[np.float32]]:
    """The *rows* that are clearly clean or clearly garbled, with their vectors: no mild faults, and none whose quality is unknown."""
    keep = np.array([row.garbled is not None and not CLEAN < row.garbled < SEVERE for row in rows], dtype=bool)
    return [row for row, kept in zip(rows, keep, strict=True) if kept], vectors[keep]


class Fields(dict[str, Any]):
    """An object of a JSON Lines file that knows its *place*: a field that is asked for and not there is a :class:`NewsgaugeError`."""

    def __init__(self, values: dict[str, Any], place: str) -> None:
        super().__init__(values)
        self._place = place

    def __missing__(self, name: str) -> NoReturn:
        raise NewsgaugeError(f"{self._place} has no field {name!r}, only {', '.join(self) or 'none'}; expected rows of another kind.")


def read_json_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSON Lines file, as :class:`Fields`; gzip-compressed where its name ends in ``.gz``.

    :class:`NewsgaugeError` where it is none, :class:`OSError` where it cannot be read.
    """
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    place = f"{path}, line {number},"
                    found = json.loads(line, object_hook=partial(Fields, place=place))
                    if not isinstance(found, Fields):
                        raise NewsgaugeError(f"{place} is no JSON object; expected one a line.")
                    yield found
    except NO_JSON_LINES as error:
        raise NewsgaugeError(f"{path} is not JSON Lines in UTF-8 ({error}); expected one JSON object a line.") from error


# Professional news text counts as clean English with this weight.
CLEAN_WEIGHT = 0.2


def stance_documents(path: Path, *, clean_weight: float = CLEAN_WEIGHT) -> list[LabelledDocument]:
    """Stance rows grouped into their documents. Professional news text counts as clean English with *clean_weight*."""
    grouped: dict[str, list[dict[str, Any]]] = {}
    for row in read_json_lines(path):
        grouped.setdefault(row["document"], []).append(row)
    documents = []
    for name, members in grouped.items():
        members.sort(key=lambda row: row["position"])
        rows = tuple(
            Row(
                text=row["text"],
                stance=row["label"] if row["label"] in STANCE_LABELS else None,
                secondary=row.get("secondary"),
                article=row["label"] != "none",
                garbled=0.0 if row["label"] != "none" else None,
                garbled_weight=clean_weight,
                spans=() if row["label"] != "none" else None,
                origin=row["id"],
            )
            for row in members
        )
        first = members[0]
        documents.append(LabelledDocument(name, rows, first.get("headline") or "", first.get("before") or "", first.get("source") or ""))
    return documents


def seed_documents(folder: Path, files: str = "s*.jsonl") -> list[LabelledDocument]:
    """The starter articles of *folder*, or other *files* of documents of the same form."""
    documents = []
    for path in sorted(folder.glob(files)):
        for article in read_json_lines(path):
            rows = tuple(
                Row(sentence["text"], sentence["label"], sentence.get("secondary"), True, 0.0, 1.0, (), f"{article['id']}.{index:02d}")
                for index, sentence in enumerate(article["sentences"])
            )
            documents.append(LabelledDocument(article["id"], rows, article["headline"], source="seed", tags={"genre": article["genre"]}))
    return documents


# A sentence that a translation left intact is clean English, though it stands among garbled ones; a mild fault is not always one.
SEVERITY_TARGETS = {0: (0.05, 0.5), 1: (0.75, 0.7), 2: (1.0, 1.0)}


def offending_spans(text: str, offending: list[str]) -> tuple[tuple[int, int], ...]:
    """Where the offending substrings stand in *text*; one that is not found is left out."""
    spans = []
    for piece in offending:
        start = text.find(piece)
        if piece and start >= 0:
            spans.append((start, start + len(piece)))
    return tuple(sorted(spans))


def overlaps(place: tuple[int, int], spans: Sequence[tuple[int, int]]) -> bool:
    """Whether *place* shares a character with one of *spans*."""
    return any(start < place[1] and place[0] < end for start, end in spans)


def twin_documents(paths: list[Path]) -> list[LabelledDocument]:
    """Garbled twins (``g*.jsonl``, ``real_twins.jsonl``): rows keep the stance label of the sentence that they were made of."""
    documents = []
    for path in paths:
        for article in read_json_lines(path):
            rows = []
            for index, sentence in enumerate(article["sentences"]):
                target, weight = SEVERITY_TARGETS[sentence["severity"]]
                label = sentence.get("label")
                rows.append(
                    Row(
                        text=sentence["text"],
                        stance=label if label in STANCE_LABELS else None,
                        article=True if label in STANCE_LABELS else None,
                        garbled=target,
                        garbled_weight=weight,
                        spans=offending_spans(sentence["text"], sentence["offending"]),
                        origin=f"{article['id']}.{index:02d}:{sentence['severity']}",
                        twin_of=sentence.get("original_id") or "",
                    )
                )
            name = article.get("document") or article["of"]
            documents.append(LabelledDocument(name, tuple(rows), article["headline"], source="twin", tags={"pivot": article["pivot"]}))
    return documents


VISIBLE_FAULTS = (
    "fluency/grammar",
    "style/awkward",
    "accuracy/mistranslation",
    "non-translation!",
    "accuracy/untranslated text",
    "terminology/",
)


def quality_row(row: dict[str, Any]) -> Row:
    """A row of a quality file. Its weight is the estimated precision of its label; one that is neither garbled nor clean has none."""
    if row["label"] not in ("garbled", "clean"):
        return Row(row["text"], origin=row["id"], languages=row["lang_pair"])
    garbled = row["label"] == "garbled"
    spans: tuple[tuple[int, int], ...] | None = None if garbled else ()
    marked = sorted({(s[0], s[1]) for s in row["spans"] if s[2].startswith(VISIBLE_FAULTS)})
    if garbled and marked:
        spans = tuple(marked)
    estimate = row.get("label_precision_est")
    precision = 0.8 if estimate is None else float(estimate)
    weight = max(0.0, 2 * precision - 1)
    return Row(row["text"], garbled=float(garbled), garbled_weight=weight, spans=spans, origin=row["id"], languages=row["lang_pair"])


def quality_documents(path: Path, *, wanted: Callable[[dict[str, Any]], bool] = lambda row: True) -> list[LabelledDocument]:
    """The rated rows of a quality file that are *wanted*, grouped by corpus and domain (their order means nothing)."""
    grouped: dict[tuple[str, str], list[Row]] = {}
    for row in read_json_lines(path):
        if row["label"] in ("garbled", "clean") and wanted(row):
            grouped.setdefault((row["source_corpus"], row["domain"]), []).append(quality_row(row))
    return [
        LabelledDocument(f"{corpus}:{domain}", tuple(rows), source=corpus, consecutive=False, tags={"domain": domain})
        for (corpus, domain), rows in grouped.items()
    ]


def round_trip_documents(path: Path, *, wanted: Callable[[dict[str, Any]], bool] = lambda row: True) -> list[LabelledDocument]:
    """Rule-based round trips that are *wanted*, each followed by the sentence that it was made of."""
    rows = []
    for row in filter(wanted, read_json_lines(path)):
        original = row["score_raw"]["original"]
        rows.append(Row(row["text"], garbled=1.0, garbled_weight=0.8, origin=row["id"]))
        rows.append(Row(original, garbled=0.0, garbled_weight=0.8, spans=(), origin=row["id"] + ":original"))
    return [
        LabelledDocument("apertium_roundtrip:news", tuple(rows), source="apertium_roundtrip", consecutive=False, tags={"domain": "news"})
    ]


def boilerplate_document(path: Path, wanted: Callable[[str], bool]) -> LabelledDocument:
    """The starter rows that tell site boilerplate from article sentences; *wanted* chooses by id."""
    rows = tuple(Row(row["text"], article=row["label"] != "none", origin=row["id"]) for row in read_json_lines(path) if wanted(row["id"]))
    return LabelledDocument("boilerplate", rows, source="boilerplate", consecutive=False)


def unusual_documents(path: Path) -> list[LabelledDocument]:
    """Honest English that reads oddly, one document of unordered rows a kind; none where there is no such file."""
    grouped: dict[str, list[Row]] = {}
    for row in read_json_lines(path) if path.exists() else ():
        grouped.setdefault(row["kind"], []).append(Row(row["text"], garbled=0.0, spans=(), origin=row["id"]))
    return [LabelledDocument(f"unusual:{kind}", tuple(rows), source="unusual", consecutive=False) for kind, rows in grouped.items()]


# Records of meetings that are clean English to learn from; the other half measures what came of it.
PLAIN_FILES = ("c*.jsonl", "m[13].jsonl")
WORLD_FILES = ("n*.jsonl",)


def clean_documents(folder: Path, patterns: Sequence[str]) -> list[LabelledDocument]:
    """Honest English in the files of *patterns*, as whole documents without stance labels: :data:`PLAIN_FILES` hold what is no news,
    :data:`WORLD_FILES` news and records from many countries."""
    documents = []
    for path in (path for files in patterns for path in sorted(folder.glob(files))):
        for text in read_json_lines(path):
            sentences = [sentence if isinstance(sentence, str) else sentence["text"] for sentence in text["sentences"]]
            rows = tuple(
                Row(sentence, garbled=0.0, spans=(), origin=f"{text['id']}.{index:02d}") for index, sentence in enumerate(sentences)
            )
            documents.append(LabelledDocument(text["id"], rows, text["headline"], source="plain"))
    return documents
