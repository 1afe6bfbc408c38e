"""Shards: the results of some hundred articles in one file, and their cards in another."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ..model.errors import NewsgaugeError
from ..report.atomic import atomic_output
from ..report.writers import WRITERS
from .cards import Outcome, card, read, table
from .items import Input

RESULTS = "shards"
CARDS = "articles"
FORMATS = ("parquet", "jsonl")

_MADE = re.compile(r"\.?[0-9a-f]{16}(-\d+)?\.(parquet|jsonl)(-.+)?")
_LISTS = re.compile(r"\.(skipped\.jsonl|summary\.csv|errors\.jsonl)-")


class Store:
    """The files of an output folder: ``shards/NAME.FORMAT`` with results, ``articles/NAME.parquet`` with cards."""

    def __init__(self, folder: Path, format: str, model: str, labels: tuple[str, ...]) -> None:
        self.folder = folder
        self._format = format
        self._model = model
        self._labels = labels

    def results(self, name: str) -> Path:
        """The file with the results of a shard."""
        return self.folder / RESULTS / f"{name}.{self._format}"

    def cards(self, name: str) -> Path:
        """The file with the cards of a shard."""
        return self.folder / CARDS / f"{name}.parquet"

    def name(self, inputs: Sequence[Input]) -> str:
        """The name of the shard with these inputs: the same inputs and model make the same name."""
        plan = hashlib.sha256(f"{self._model}\0{self._format}".encode())
        for item in inputs:
            plan.update(f"\0{item.path}\0{item.number}\0{item.size}\0{item.sha256}".encode("utf-8", "surrogatepass"))
        return plan.hexdigest()[:16]

    def prepare(self) -> None:
        """Make the folders."""
        for folder in (RESULTS, CARDS):
            try:
                (self.folder / folder).mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise NewsgaugeError(f"{self.folder / folder} cannot be made ({error.strerror}); check the output folder.") from error

    def complete(self, name: str) -> bool:
        """Whether both files of a shard are there."""
        return self.results(name).is_file() and self.cards(name).is_file()

    def clean(self, finished: Iterable[str]) -> None:
        """Remove what an interrupted run left: temporary files, and shards that are not among the *finished* ones."""
        wanted = {path.name for name in finished for path in (self.results(name), self.cards(name))}
        for folder in (RESULTS, CARDS):
            for path in (self.folder / folder).iterdir():
                # Only what a run makes; anything else somebody put there.
                if path.name not in wanted and _MADE.fullmatch(path.name):
                    path.unlink()
        for path in self.folder.glob(".*"):
            if _LISTS.match(path.name):
                path.unlink()

    def write(self, name: str, inputs: Sequence[Input], outcomes: Sequence[Outcome]) -> None:
        """Write a shard; both files are on disk when this returns."""
        with atomic_output(self.results(name), overwrite=True) as stream:
            writer = WRITERS[self._format](stream, self._labels)
            try:
                for outcome in outcomes:
                    writer.write(outcome.result)
            finally:
                writer.close()
        self._write_cards(name, table([card(item, outcome) for item, outcome in zip(inputs, outcomes, strict=True)]))

    def rewrite(self, old: Sequence[str], new: str, places: Sequence[int]) -> None:
        """Write articles of the shards *old* again, as the shard *new*: those at *places*, counted through all of *old*, in that order."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.parquet as pq

        cards = pa.concat_tables([read(self.cards(name)) for name in old])
        with atomic_output(self.results(new), overwrite=True) as stream:
            if self._format == "jsonl":
                lines = [line for name in old for line in self.results(name).read_bytes().splitlines(keepends=True)]
                stream.writelines(lines[place] for place in places)
            else:
                ends = np.cumsum(cards["rows"].to_numpy())
                starts = np.concatenate([[0], ends[:-1]])
                rows = np.concatenate([np.arange(starts[place], ends[place]) for place in places])
                table = pa.concat_tables([pq.read_table(self.results(name)) for name in old])
                pq.write_table(table.take(rows), stream, compression="zstd")
        self._write_cards(new, cards.take(list(places)))

    def remove(self, name: str) -> None:
        """Delete both files of a shard, if they are there."""
        self.results(name).unlink(missing_ok=True)
        self.cards(name).unlink(missing_ok=True)

    def _write_cards(self, name: str, cards: Any) -> None:
        import pyarrow.parquet as pq

        with atomic_output(self.cards(name), overwrite=True) as stream:
            pq.write_table(cards, stream, compression="zstd")
