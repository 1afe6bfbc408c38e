"""Reading: files that ``score`` or ``batch`` wrote → the results in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from ..model.errors import NewsgaugeError
from ..model.results import CONTRACT_VERSION, ArticleScore, Garble, InputFailure, Passage, SentenceScore
from ..model.signs import Sign, find_signs
from .rows import ARTICLE_COLUMNS, ERROR_COLUMNS, GARBLED_COLUMNS, SENTENCE_COLUMNS
from .writers import Result, format_for

HEAD_BYTES = 4096
_PROBABILITY = "probability_"
_NEWER = ("block", "passage_probability")
"""Columns that files of earlier versions do not have."""


class ScoresError(NewsgaugeError):
    """A file of scores cannot be read."""


def holds_scores(path: Path) -> bool:
    """Whether *path* is a JSON Lines or Parquet file of scores, and not of articles; False where it cannot be read."""
    format = format_for(path)
    if format not in ("jsonl", "parquet") or not path.is_file():
        return False
    try:
        if format == "jsonl":
            with path.open("rb") as stream:
                head = stream.read(HEAD_BYTES).lstrip()
            return head.startswith(b'{"source":') and (b'"sentences":' in head or b'"version":' in head or b'"error":' in head)
        import pyarrow.parquet as pq

        return {"source", "index", "start", "end", "text", "garbled_probability"} <= set(pq.read_schema(path).names)
    except (OSError, ValueError):
        return False


def read_scores(path: Path) -> Iterator[Result]:
    """The results in a JSON Lines or Parquet file of scores, in order; :class:`ScoresError` where it is damaged.

    A Parquet file does not say how suspicious single words were: spans have the probability of their sentence there.
    """
    try:
        yield from _from_parquet(path) if format_for(path) == "parquet" else _from_json_lines(path)
    except OSError as error:
        raise ScoresError(f"{path} cannot be read ({error.strerror or error}); check the file.") from error


def result_from(given: Mapping[str, Any]) -> Result:
    """The result that ``to_dict`` wrote; LookupError, TypeError or ValueError where *given* is none."""
    if "error" in given:
        return InputFailure(str(given["source"]), str(given["error"]["kind"]), str(given["error"]["message"]))
    if given["version"] != CONTRACT_VERSION:
        raise ValueError(f"version {given['version']!r}, expected {CONTRACT_VERSION}")
    verdict = given["machine_translated"]
    labels = tuple(map(str, given["stance"]))
    return ArticleScore(
        source=str(given["source"]),
        model=str(given["model"]),
        language=_text(given["language"]),
        encoding=_text(given.get("encoding")),
        characters=int(given["characters"]),
        labels=labels,
        machine_translated=None if verdict is None else (float(verdict["probability"]), bool(verdict["flag"])),
        passages=tuple(
            Passage(int(p["start"]), int(p["end"]), int(p["first_sentence"]), int(p["last_sentence"]), float(p["probability"]))
            for p in given["passages"]
        ),
        sentences=tuple(_sentence(one, _garble(one["garbled"]), labels) for one in given["sentences"]),
    )


def _sentence(given: Mapping[str, Any], garbled: Garble | None, labels: tuple[str, ...]) -> SentenceScore:
    kind, label, probabilities = given["kind"], given["label"], given["probabilities"]
    if kind not in ("sentence", "headline", "boilerplate"):
        raise ValueError(f"kind {kind!r}, expected sentence, headline or boilerplate")
    if label is not None and (label not in labels or label not in probabilities):
        raise ValueError(f"label {label!r}, expected one of {', '.join(labels)} with its probability")
    block = given.get("block")
    return SentenceScore(
        index=int(given["index"]),
        start=int(given["start"]),
        end=int(given["end"]),
        text=str(given["text"]),
        language=_text(given["language"]),
        kind=kind,
        label=None if label is None else str(label),
        confident=None if label is None else bool(given["confident"]),
        probabilities=None if label is None else {str(name): float(value) for name, value in probabilities.items()},
        garbled=garbled,
        block=None if block is None else int(block),
    )


def _garble(given: Mapping[str, Any] | None) -> Garble | None:
    if given is None:
        return None
    spans = tuple((int(start), int(end), float(probability)) for start, end, probability in given["spans"])
    signs = tuple(Sign(str(sign["kind"]), int(sign["start"]), int(sign["end"])) for sign in given.get("signs", ()))
    return Garble(float(given["probability"]), bool(given["flag"]), spans, signs)


def _text(given: Any) -> str | None:
    return None if given is None else str(given)


def _from_json_lines(path: Path) -> Iterator[Result]:
    import orjson

    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                yield result_from(orjson.loads(line))
            except (LookupError, TypeError, ValueError, AttributeError) as error:
                told = f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"
                raise ScoresError(
                    f"{path}, line {number:,}: expected a score of version {CONTRACT_VERSION}, got something else ({told}); "
                    "score the articles again."
                ) from error


def _from_parquet(path: Path) -> Iterator[Result]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            wanted = {*ARTICLE_COLUMNS, *SENTENCE_COLUMNS, *GARBLED_COLUMNS, *ERROR_COLUMNS}
            missing = sorted(wanted.difference(names, _NEWER))
            if missing:
                raise ScoresError(f"{path} has no column {missing[0]}; expected a file that score or batch wrote.")
            labels = tuple(name.removeprefix(_PROBABILITY) for name in names if name.startswith(_PROBABILITY))
            rows = (row for batch in file.iter_batches(batch_size=8192) for row in batch.to_pylist())
            for _, group in groupby(_numbered(rows), lambda pair: pair[0]):
                yield _from_rows([row for _, row in group], labels)
    except (pa.ArrowException, LookupError, TypeError, ValueError) as error:
        raise ScoresError(
            f"{path} is damaged or holds no scores ({' '.join(str(error).split())[:120]}); score the articles again."
        ) from error


def _numbered(rows: Iterable[dict[str, Any]]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each row with the number of its article: another begins with another source, or where the sentences begin anew."""
    number, source, last = -1, None, None
    for row in rows:
        index = row["index"]
        if number < 0 or row["source"] != source or index is None or last is None or index <= last:
            number += 1
        source, last = row["source"], index
        yield number, row


def _from_rows(rows: list[dict[str, Any]], labels: tuple[str, ...]) -> Result:
    first = rows[0]
    if first["error_kind"] is not None:
        return InputFailure(first["source"], first["error_kind"], first["error_message"])
    verdict = first["machine_translated_probability"]
    inside = [row for row in rows if row["passage"] is not None]
    return ArticleScore(
        source=first["source"],
        model=first["model"],
        language=first["article_language"],
        encoding=None,
        characters=first["characters"],
        labels=labels,
        machine_translated=None if verdict is None else (verdict, first["machine_translated_flag"]),
        passages=tuple(_passage(list(run)) for _, run in groupby(inside, lambda row: row["passage"])),
        sentences=tuple(_sentence({**row, "probabilities": _probabilities(row, labels)}, _garble_of(row), labels) for row in rows),
    )


def _probabilities(row: Mapping[str, Any], labels: tuple[str, ...]) -> dict[str, float]:
    return {label: row[_PROBABILITY + label] for label in labels}


def _garble_of(row: Mapping[str, Any]) -> Garble | None:
    probability = row["garbled_probability"]
    if probability is None:
        return None
    places = [place.split("-") for place in (row["garbled_spans"] or "").split()]
    spans = tuple((int(start), int(end), probability) for start, end in places)
    # The flat form leaves signs out; they follow from the text.
    return Garble(probability, row["garbled_flag"], spans, find_signs(row["text"]))


def _passage(rows: list[dict[str, Any]]) -> Passage:
    probability = rows[0].get("passage_probability")
    if probability is None:
        probability = max(row["garbled_probability"] or 0.0 for row in rows)
    return Passage(rows[0]["start"], rows[-1]["end"], rows[0]["index"], rows[-1]["index"], probability)
