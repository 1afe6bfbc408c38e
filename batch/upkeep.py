"""Upkeep: the shards of an output folder, brought in order when a run has come to its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .items import Input
from .manifest import Manifest
from .shards import Store

MERGED = 16
"""Shards of at most half the size that a shard may have are merged when there are so many."""


def free_name(store: Store, manifest: Manifest, inputs: Sequence[Input]) -> str:
    """The name of a shard; a finished shard is never written over, for its two files cannot be replaced at once."""
    name = store.name(inputs)
    taken = 0
    while (chosen := f"{name}-{taken}" if taken else name) in manifest:
        taken += 1
    return chosen


def drop_stale(store: Store, manifest: Manifest, *, prune: bool) -> None:
    """Write shards again without the results that are no longer wanted, see :meth:`Manifest.stale`."""
    for old, keep in list(manifest.stale(prune=prune)):
        inputs = [item for item, kept in zip(manifest.inputs(old), keep, strict=True) if kept]
        new = free_name(store, manifest, inputs)
        if inputs:
            store.rewrite([old], new, [place for place, kept in enumerate(keep) if kept])
        manifest.add(new, inputs, replaces=[old])
        store.remove(old)


def merge_small(store: Store, manifest: Manifest, size: int) -> None:
    """Join the small shards that many short runs have left, to shards of at most *size* articles. To be called when none is stale."""
    small = [(name, manifest.count(name)) for name, _ in manifest.shards if 2 * manifest.count(name) <= size]
    if len(small) < MERGED:
        return
    for names in _groups(small, size):
        inputs = [item for name in names for item in manifest.inputs(name)]
        order = sorted(range(len(inputs)), key=lambda place: inputs[place].order)
        inputs = [inputs[place] for place in order]
        new = free_name(store, manifest, inputs)
        store.rewrite(names, new, order)
        # One line of the manifest: before it the old shards count, after it the new one, and a crash leaves what the next run removes.
        manifest.add(new, inputs, replaces=names)
        for name in names:
            store.remove(name)


def _groups(small: Sequence[tuple[str, int]], size: int) -> Iterator[list[str]]:
    group: list[str] = []
    held = 0
    for name, count in [*small, ("", size + 1)]:
        if held + count > size:
            if len(group) > 1:
                yield group
            group, held = [], 0
        group.append(name)
        held += count
