"""Labels as people keep them: tables, Prodigy, Label Studio and saved datasets → rows, with faults told by file and line."""

from __future__ import annotations

import difflib
import json
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..model.errors import NewsgaugeError
from .records import Record, read_records
from .rows import STANCE_LABELS, LabelledDocument, Row

QUALITY_LABELS = ("clean", "garbled")
BOILERPLATE = "none"
"""The label of what is no sentence of the article; such rows are context for their neighbours."""
LONGEST_TEXT = 10_000

TEXT_COLUMNS = ("text", "sentence", "body", "content")
LABEL_COLUMNS = ("label", "stance", "category", "choice")
_OTHER_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "secondary": ("secondary",),
    "before": ("before",),
    "after": ("after",),
    "headline": ("headline", "title"),
    "document": ("document", "document_id", "doc", "doc_id"),
    "position": ("position",),
    "spans": ("spans",),
    "id": ("id",),
}


class LabelError(NewsgaugeError):
    """Labelled data that cannot be used; the message says where it lies."""


@dataclass(frozen=True, slots=True)
class LabelledRow:
    """One sentence as somebody labelled it. ``where`` is its file and line, for messages.

    At most one of ``stance`` and ``garbled`` is known; where neither is, the row is context for its neighbours. ``before`` and
    ``after`` are the neighbouring sentences, ``position`` is the place in ``document``; what is unknown is empty or None.
    """

    text: str
    where: str
    stance: str | None = None
    secondary: str | None = None
    garbled: bool | None = None
    boilerplate: bool = False
    spans: tuple[tuple[int, int], ...] | None = None
    before: str = ""
    after: str = ""
    headline: str = ""
    document: str = ""
    position: int | None = None

    @property
    def label(self) -> str | None:
        """The label in the words of its scheme; None for a row that is context."""
        if self.garbled is not None:
            return QUALITY_LABELS[self.garbled]
        return self.stance


@dataclass(frozen=True)
class Columns:
    """The columns that a user named; None: the first known name that is there."""

    text: str | None = None
    label: str | None = None

    def names(self) -> dict[str, tuple[str, ...]]:
        """What may hold each field, the best name first."""
        text = TEXT_COLUMNS if self.text is None else (self.text,)
        label = LABEL_COLUMNS if self.label is None else (self.label,)
        return {"text": text, "label": label, **_OTHER_COLUMNS}


def read_labels(paths: Sequence[str], *, labels: Sequence[str] = STANCE_LABELS, columns: Columns | None = None) -> list[LabelledRow]:
    """The rows of every file in *paths*, in order: JSON Lines (also of Prodigy), CSV, TSV, Parquet, Label Studio JSON, dataset folders.

    A label is one of *labels* (stance), of :data:`QUALITY_LABELS`, or :data:`BOILERPLATE`, in any case of letters; an empty one
    makes the row context. :class:`LabelError` names the first fault by file and line and counts the others.
    """
    reserved = {_folded(label) for label in labels} & {_folded(label) for label in (*QUALITY_LABELS, BOILERPLATE)}
    if reserved:
        raise LabelError(f"{', '.join(sorted(reserved))}: these labels have a meaning of their own; choose other names for yours.")
    known = {_folded(label): label for label in (*labels, *QUALITY_LABELS, BOILERPLATE)}
    rows: list[LabelledRow] = []
    faults: list[str] = []
    for path in paths:
        records = read_records(path)
        places = _places(path, records, (columns or Columns()).names())
        seen: dict[str, LabelledRow] = {}
        for record in records:
            try:
                row = _row(record, places, known)
                _distinct(row, _cell(record.values, places, "id"), seen)
                rows.append(row)
            except LabelError as fault:
                faults.append(f"{record.where}: {fault}")
    if faults:
        more = f" {len(faults) - 1:,} more rows have faults." if len(faults) > 1 else ""
        raise LabelError(faults[0] + more)
    if all(row.label is None for row in rows):
        raise LabelError(f"{', '.join(paths)}: none of the {len(rows):,} rows has a label; fill in the label column first.")
    return rows


def _folded(label: str) -> str:
    return re.sub(r"[\s_-]+", " ", label).strip().casefold()


def _places(path: str, records: Sequence[Record], names: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Which column of a file holds which field. :class:`LabelError` without a text or a label column, naming those found."""
    found = Counter(name for record in records for name in record.values)
    folded = {name.strip().casefold(): name for name in reversed(list(found))}
    places = {}
    for field, candidates in names.items():
        place = next((folded[name.casefold()] for name in candidates if name.casefold() in folded), None)
        if place is not None:
            places[field] = place
    for field in ("text", "label"):
        if field not in places:
            listed = ", ".join(map(repr, list(found)[:50])) or "none"
            raise LabelError(
                f"{path}: no {field} column (looked for {', '.join(names[field])}); the columns are {listed}: "
                f"rename one, or choose it with --{field}-column."
            )
    return places


def _cell(values: Mapping[str, Any], places: Mapping[str, str], field: str) -> Any:
    return values.get(places[field]) if field in places else None


def _string(values: Mapping[str, Any], places: Mapping[str, str], field: str) -> str:
    value = _cell(values, places, field)
    return "" if value is None or value != value else str(value).strip()


def _row(record: Record, places: Mapping[str, str], known: Mapping[str, str]) -> LabelledRow:
    text = _cell(record.values, places, "text")
    if not isinstance(text, str) or not text.strip():
        raise LabelError("the text is empty; give a sentence, or take the row out.")
    if len(text) > LONGEST_TEXT:
        raise LabelError(
            f"the text has {len(text):,} characters, and a row is one sentence of at most {LONGEST_TEXT:,}; "
            "split the article into its sentences (newsgauge suggest does)."
        )
    labels = [_known(label, known) for label in _said(record, places)]
    second = _string(record.values, places, "secondary")
    secondary = _known(second, known) if second and _folded(second) in known else labels[1] if len(labels) > 1 else None
    label = labels[0] if labels else None
    garbled = QUALITY_LABELS.index(label) == 1 if label in QUALITY_LABELS else None
    return LabelledRow(
        text,
        record.where,
        stance=label if label not in (*QUALITY_LABELS, BOILERPLATE) else None,
        secondary=secondary if secondary not in (*QUALITY_LABELS, BOILERPLATE) else None,
        garbled=garbled,
        boilerplate=label == BOILERPLATE,
        spans=_spans(_cell(record.values, places, "spans"), text) if garbled is not None else None,
        before=_string(record.values, places, "before"),
        after=_string(record.values, places, "after"),
        headline=_string(record.values, places, "headline"),
        document=_string(record.values, places, "document"),
        position=_position(_string(record.values, places, "position")),
    )


def _said(record: Record, places: Mapping[str, str]) -> list[str]:
    """The labels of a row, the first one first; none where nobody labelled it."""
    value = record.values.get(places["label"])
    listed = value if isinstance(value, list | tuple) else [value]
    return [str(label) for label in listed if label is not None and label == label and str(label).strip()]


def _known(label: str, known: Mapping[str, str]) -> str:
    found = known.get(_folded(label))
    if found is None:
        near = difflib.get_close_matches(_folded(label), known, n=1, cutoff=0.5)
        guess = f"did you mean {known[near[0]]!r}?" if near else f"expected one of {', '.join(known.values())};"
        raise LabelError(f"unknown label {label[:60]!r}; {guess} Name labels of your own with --labels.")
    return found


def _position(value: str) -> int | None:
    if not value:
        return None
    try:
        return int(float(value))
    except (ValueError, OverflowError):
        raise LabelError(f"the position is {value[:40]!r}; expected the sentence's number in its document.") from None


def _spans(value: Any, text: str) -> tuple[tuple[int, int], ...] | None:
    """Code-point ranges from pairs, objects with ``start`` and ``end``, or either as JSON in a cell."""
    if value is None or value == "" or value != value:
        return None
    try:
        listed = json.loads(value) if isinstance(value, str) else list(value)
        pairs = [(int(s["start"]), int(s["end"])) if isinstance(s, Mapping) else (int(s[0]), int(s[1])) for s in listed]
    except (ValueError, TypeError, LookupError):
        raise LabelError(f"the spans are {str(value)[:60]!r}; expected pairs of offsets such as [[0, 7]].") from None
    wrong = [pair for pair in pairs if not 0 <= pair[0] < pair[1] <= len(text)]
    if wrong:
        raise LabelError(f"the span {wrong[0]} does not lie in a text of {len(text):,} characters; offsets count code points from 0.")
    return tuple(sorted(pairs))


def _distinct(row: LabelledRow, identifier: Any, seen: dict[str, LabelledRow]) -> None:
    """Refuse an id that another text of the same file has."""
    if identifier is None or str(identifier).strip() == "":
        return
    other = seen.setdefault(str(identifier), row)
    if other.text != row.text:
        raise LabelError(
            f"the id {str(identifier)[:60]!r} is also that of {other.where}, with another text; "
            "give every row its own id, and call the column 'document' where it names the article."
        )


def grouped(rows: Sequence[LabelledRow], groups: Sequence[str]) -> tuple[list[LabelledDocument], list[int]]:
    """The rows as documents to embed, each named by its group → the documents, and the place of each of their rows in *rows*.

    Rows of one document stand in the order of their positions, or as in the file; neighbours are encoded together. What stands
    before and after a run of neighbours is context, if the row says so; the place of such context is -1.
    """
    order = sorted(range(len(rows)), key=lambda i: (groups[i], rows[i].document, rows[i].position if rows[i].position is not None else -1))
    runs: list[list[int]] = []
    for i in order:
        if runs and _follows(rows[runs[-1][-1]], rows[i]) and groups[runs[-1][-1]] == groups[i]:
            runs[-1].append(i)
        else:
            runs.append([i])
    documents, places = [], []
    for run in runs:
        first, last = rows[run[0]], rows[run[-1]]
        members = [as_row(rows[i]) for i in run]
        places += run
        if last.after:
            members.append(Row(last.after))
            places.append(-1)
        documents.append(LabelledDocument(groups[run[0]], tuple(members), first.headline, first.before))
    return documents, places


def labelled_rows(documents: Sequence[LabelledDocument]) -> list[LabelledRow]:
    """Every sentence of whole *documents*, as one who labels it would hand it in."""
    return [
        LabelledRow(row.text, row.origin, row.stance, row.secondary, headline=document.headline, document=document.name, position=place)
        for document in documents
        for place, row in enumerate(document.rows)
    ]


def _follows(one: LabelledRow, other: LabelledRow) -> bool:
    """Whether *other* is the sentence after *one*."""
    if not one.document or one.document != other.document:
        return False
    if one.position is not None and other.position is not None:
        return other.position == one.position + 1
    return other.before in ("", one.text)


def as_row(row: LabelledRow) -> Row:
    """What the fits and the encoder's training learn from."""
    return Row(
        row.text,
        stance=row.stance,
        secondary=row.secondary,
        article=False if row.boilerplate else True if row.stance is not None else None,
        garbled=None if row.garbled is None else float(row.garbled),
        spans=() if row.garbled is False else row.spans,
        origin=row.where,
    )


def shortened(path: str) -> str:
    """The name of a file without its folder, for cards: where data lies on one machine is nobody's business elsewhere."""
    return os.path.basename(os.path.normpath(path))
