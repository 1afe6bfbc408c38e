"""Manifest: which inputs the finished shards hold, one line a shard, only ever appended to."""

from __future__ import annotations

import hashlib
import json
import os
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from ..model.errors import NewsgaugeError
from .items import Input

VERSION = 1
NAME = "manifest.jsonl"


class ManifestError(NewsgaugeError):
    """An output folder cannot be gone on with."""


@dataclass(frozen=True, slots=True)
class Header:
    """What all shards of an output folder have in common: the model's identity, the folder as given, the shards' format."""

    model: str
    folder: str
    format: str


@dataclass(frozen=True, slots=True)
class _Shard:
    """A finished shard in memory, 17 bytes an input; ``offset`` is where its line starts, ``first`` the place of its first input."""

    offset: int
    first: tuple[str, int]
    keys: array[int]
    contents: array[int]
    failed: bytearray


class Manifest:
    """The manifest of an output folder, open for one run at a time.

    An input is known by 64-bit hashes of its place and of its content: that one which has changed is taken for unchanged
    has a probability of 1 in 10^19.
    """

    def __init__(self, descriptor: int, path: Path, header: Header, *, overwrite_model: bool) -> None:
        self._descriptor = descriptor
        self._path = path
        found, self._shards = _read(descriptor, path)
        if found is not None and overwrite_model and found.model != header.model:
            os.ftruncate(descriptor, 0)
            found, self._shards = None, {}
        if found is None:
            self._append({"newsgauge": VERSION, **asdict(header)})
        else:
            _check(path, found, header)
        self._index()

    @classmethod
    def open(cls, folder: Path, header: Header, *, overwrite_model: bool = False) -> Manifest:
        """Open or begin the manifest in *folder*. A line that a crash left half written is taken off.

        :class:`ManifestError` where another run has it open, where it was begun with another header, or is damaged. With
        *overwrite_model* the results of another model are given up, and the manifest begins anew.
        """
        path = folder / NAME
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        except OSError as error:
            raise ManifestError(f"{path} cannot be written ({error.strerror}); check the output folder.") from error
        try:
            _lock(descriptor, folder)
            return cls(descriptor, path, header, overwrite_model=overwrite_model)
        except BaseException:
            os.close(descriptor)
            raise

    def __enter__(self) -> Manifest:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        os.close(self._descriptor)

    def __contains__(self, name: str) -> bool:
        return name in self._shards

    @property
    def shards(self) -> list[tuple[str, tuple[str, int]]]:
        """The finished shards by name, each with the path and number of its first input, sorted by these."""
        return sorted(((name, shard.first) for name, shard in self._shards.items()), key=lambda entry: (entry[1], entry[0]))

    def holds(self, item: Input, *, retry_failed: bool = False) -> bool:
        """Whether *item* is done, as it is now; with *retry_failed* only where it did not fail."""
        at = int(np.searchsorted(self._keys, np.uint64(_key(item))))
        if at == len(self._keys) or self._keys[at] != _key(item):
            return False
        self._seen[at] = True
        return bool(self._contents[at] == _content(item)) and not (retry_failed and self._failed[at])

    def ended(self, path: str) -> None:
        """Take note that :meth:`holds` was asked about all that is in the file at *path*: of it, anything else is no more."""
        self._ended.append(_hashed(path))

    def gone(self) -> int:
        """Of the inputs that were done when the run began: how many lie in files that are not there now."""
        return len(self._lost()[1])

    def stale(self, *, prune: bool) -> Iterator[tuple[str, list[bool]]]:
        """Shards with results that are no longer wanted, each with a flag per input: whether to keep it.

        Not wanted are results that a later shard replaces, those of rows that were taken out of a file, and with *prune* those
        that :meth:`gone` counts.
        """
        names = list(self._shards)
        keys = _joined([self._shards[name].keys for name in names], np.dtype(np.uint64))
        keep = np.zeros(len(keys), np.bool_)
        keep[_last_places(keys)[1]] = True
        removed, gone = self._lost()
        keep &= ~np.isin(keys, np.union1d(removed, gone) if prune else removed)
        ends = np.cumsum([len(self._shards[name].keys) for name in names])
        for name, flags in zip(names, np.split(keep, ends[:-1]), strict=True) if names else ():
            if not flags.all():
                yield name, flags.tolist()

    def add(self, name: str, inputs: Sequence[Input], *, replaces: Sequence[str] = ()) -> None:
        """Record a finished shard in place of those that it *replaces*; without *inputs*, only that these are no more."""
        rows = [[item.path, item.number, item.size, item.sha256, item.error] for item in inputs]
        offset = self._append({"shard": name, "replaces": list(replaces), "inputs": rows})
        _record(self._shards, offset, name, inputs, replaces)

    def forget(self, names: Sequence[str]) -> None:
        """Take shards for unfinished whose files are lost; before :meth:`holds` is asked."""
        for name in names:
            self.add(name, [], replaces=[name])
        self._index()

    def count(self, name: str) -> int:
        """How many inputs a finished shard has."""
        return len(self._shards[name].keys)

    def inputs(self, name: str) -> list[Input]:
        """The inputs of a finished shard."""
        with open(self._path, "rb") as lines:
            lines.seek(self._shards[name].offset)
            return [Input(*row) for row in json.loads(lines.readline())["inputs"]]

    def _lost(self) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
        """The keys of inputs that were not asked about: those that are no more in a file all of which was read, and those whose file is
        not there. What was passed over or could not be reached is neither."""
        unseen = self._keys[~self._seen]
        ended = np.unique(np.frombuffer(self._ended, np.uint64))
        removed, gone = [np.empty(0, np.uint64)], [np.empty(0, np.uint64)]
        for name, shard in self._shards.items() if len(unseen) else ():
            keys = np.frombuffer(shard.keys, np.uint64)
            places = np.flatnonzero(np.isin(keys, unseen))
            if not len(places):
                continue
            inputs = self.inputs(name)
            paths = [inputs[place].path for place in places.tolist()]
            # A folder that could not be listed is an input, until it can.
            listed = np.fromiter(map(os.path.isdir, paths), np.bool_, len(paths))
            read = np.isin(np.fromiter(map(_hashed, paths), np.uint64, len(paths)), ended)
            removed.append(keys[places[listed | read]])
            absent = {path: _absent(path) for path in set(paths)}
            gone.append(keys[places[np.fromiter(map(absent.__getitem__, paths), np.bool_, len(paths))]])
        first = np.unique(np.concatenate(removed))
        return first, np.setdiff1d(np.concatenate(gone), first)

    def _append(self, entry: dict[str, Any]) -> int:
        """Write a line and wait until it is on disk; where it starts."""
        data = json.dumps(entry, separators=(",", ":")).encode() + b"\n"
        offset = os.fstat(self._descriptor).st_size
        try:
            written = 0
            while written < len(data):
                written += os.write(self._descriptor, data[written:])
            os.fsync(self._descriptor)
        except OSError as error:
            os.ftruncate(self._descriptor, offset)
            raise ManifestError(f"{self._path} cannot be written ({error.strerror}); make room, then run the same again.") from error
        return offset

    def _index(self) -> None:
        shards = list(self._shards.values())
        self._keys, last = _last_places(_joined([shard.keys for shard in shards], np.dtype(np.uint64)))
        self._contents = _joined([shard.contents for shard in shards], np.dtype(np.uint64))[last]
        self._failed = _joined([shard.failed for shard in shards], np.dtype(np.bool_))[last]
        self._seen = np.zeros(len(self._keys), np.bool_)
        self._ended = array("Q")


def finished(folder: Path) -> tuple[Header, list[str]]:
    """The header of an output folder and the names of its finished shards, in order; nothing is locked or changed.

    :class:`ManifestError` where there is no manifest, or a damaged one.
    """
    path = folder / NAME
    try:
        header, shards = _read(None, path)
    except OSError as error:
        raise ManifestError(f"{path} cannot be read ({error.strerror}); expected a folder that newsgauge batch wrote.") from error
    if header is None:
        raise ManifestError(f"{path} is empty; run newsgauge batch again.")
    return header, [name for name, _ in sorted(shards.items(), key=lambda entry: (entry[1].first, entry[0]))]


def _joined(buffers: Sequence[array[int] | bytearray], kind: np.dtype[Any]) -> npt.NDArray[Any]:
    return np.concatenate([np.empty(0, kind), *(np.frombuffer(buffer, kind) for buffer in buffers)])


def _last_places(keys: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[np.intp]]:
    """The different keys, sorted, and where each stands last: of several results for one input the last counts."""
    different, first = np.unique(keys[::-1], return_index=True)
    return different, len(keys) - 1 - first


def _key(item: Input) -> int:
    return _hashed(f"{item.path}\0{item.number}")


def _absent(path: str) -> bool:
    """Whether nothing is at *path*; False where that cannot be known."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        pass
    return False


def _hashed(place: str) -> int:
    return int.from_bytes(hashlib.blake2b(place.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def _content(item: Input) -> int:
    return int(hashlib.blake2b(f"{item.size} {item.sha256}".encode(), digest_size=8).hexdigest(), 16)


def _record(shards: dict[str, _Shard], offset: int, name: str, inputs: Sequence[Input], replaces: Sequence[str]) -> None:
    for old in replaces:
        shards.pop(old, None)
    if inputs:
        shards[name] = _Shard(
            offset,
            (inputs[0].path, inputs[0].number),
            array("Q", map(_key, inputs)),
            array("Q", map(_content, inputs)),
            bytearray(item.error is not None for item in inputs),
        )


def _read(descriptor: int | None, path: Path) -> tuple[Header | None, dict[str, _Shard]]:
    """What a manifest says; a line that is half written ends it, and is cut off where it is open for writing."""
    header: Header | None = None
    shards: dict[str, _Shard] = {}
    offset = 0
    with open(path, "rb") as lines:
        for line in lines:
            if not line.endswith(b"\n"):
                if descriptor is not None:
                    os.ftruncate(descriptor, offset)
                break
            try:
                entry = json.loads(line)
                if header is None:
                    version = entry["newsgauge"]
                    header = Header(entry["model"], entry["folder"], entry["format"])
                    if version != VERSION:
                        raise ManifestError(f"{path} has version {version}; this newsgauge reads version {VERSION}: choose another folder.")
                else:
                    _record(shards, offset, entry["shard"], [Input(*row) for row in entry["inputs"]], entry["replaces"])
            except (ValueError, LookupError, TypeError) as error:
                raise ManifestError(
                    f"{path} is damaged at byte {offset:,} ({type(error).__name__}: {error}); restore it, or choose another output folder."
                ) from error
            offset += len(line)
    return header, shards


def _check(path: Path, found: Header, wanted: Header) -> None:
    if found.model != wanted.model:
        raise ManifestError(
            f"{path.parent} holds results of the model {found.model}, not of {wanted.model}: choose another output folder, "
            "or add --overwrite-model to score everything again."
        )
    if found.folder != wanted.folder:
        raise ManifestError(
            f"{path.parent} holds results of {found.folder!r}, not of {wanted.folder!r}: give the folder in the same way, "
            "or choose another output folder."
        )
    if found.format != wanted.format:
        raise ManifestError(
            f"{path.parent} holds shards as {found.format}, not as {wanted.format}: add --format {found.format}, "
            "or choose another output folder."
        )


def _lock(descriptor: int, folder: Path) -> None:
    try:
        import fcntl
    except ImportError:  # Windows has no such locks
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise ManifestError(f"Another run is writing to {folder}; wait for its end, or choose another output folder.") from error
