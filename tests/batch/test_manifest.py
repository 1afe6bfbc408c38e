"""Manifest: what it holds survives, what changed is noticed, a torn line is taken off."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from newsgauge.batch.items import Input
from newsgauge.batch.manifest import NAME, Header, Manifest, ManifestError

HEADER = Header("fake@1", "news", "parquet")


def item(path: str, number: int = 0, content: str = "aa", error: str | None = None) -> Input:
    return Input(path, number, 10, content * 32, error)


ONE, TWO, THREE = item("a.txt"), item("b.jsonl", 1), item("b.jsonl", 2, error="json")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with Manifest.open(tmp_path, HEADER) as manifest:
        manifest.add("first", [ONE, TWO])
        manifest.add("second", [THREE])
    return tmp_path


def test_what_was_added_is_held_in_the_next_run(folder: Path) -> None:
    with Manifest.open(folder, HEADER) as manifest:
        assert all(manifest.holds(known) for known in (ONE, TWO, THREE))
        assert manifest.shards == [("first", ("a.txt", 0)), ("second", ("b.jsonl", 2))]
        assert manifest.inputs("first") == [ONE, TWO]
        assert manifest.gone() == 0


def test_another_content_size_or_place_is_not_held(folder: Path) -> None:
    with Manifest.open(folder, HEADER) as manifest:
        for changed in (item("a.txt", content="ab"), replace(ONE, size=11), item("a.txt", 1), item("c.txt")):
            assert not manifest.holds(changed)


def test_failures_are_held_unless_they_are_to_be_tried_again(folder: Path) -> None:
    with Manifest.open(folder, HEADER) as manifest:
        assert manifest.holds(THREE)
        assert not manifest.holds(THREE, retry_failed=True)
        assert manifest.holds(TWO, retry_failed=True)


@pytest.mark.parametrize("cut", [1, 20, 60])
def test_a_line_that_a_crash_left_half_written_is_taken_off(folder: Path, cut: int) -> None:
    path = folder / NAME
    path.write_bytes(path.read_bytes()[:-cut])
    with Manifest.open(folder, HEADER) as manifest:
        assert manifest.holds(ONE) and not manifest.holds(THREE)
        manifest.add("again", [THREE])
    with Manifest.open(folder, HEADER) as manifest:
        assert manifest.holds(THREE)


def test_damage_elsewhere_is_an_error(folder: Path) -> None:
    path = folder / NAME
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1].replace(b"[[", b"[", 1) + lines[2])
    with pytest.raises(ManifestError, match="damaged at byte"):
        Manifest.open(folder, HEADER)


@pytest.mark.parametrize(
    ("other", "needle"),
    [
        (replace(HEADER, model="fake@2"), "--overwrite-model"),
        (replace(HEADER, folder="olds"), "'news'"),
        (replace(HEADER, format="jsonl"), "--format parquet"),
    ],
)
def test_another_model_folder_or_format_is_refused(folder: Path, other: Header, needle: str) -> None:
    before = (folder / NAME).read_bytes()
    with pytest.raises(ManifestError, match=needle):
        Manifest.open(folder, other)
    assert (folder / NAME).read_bytes() == before


def test_another_model_begins_anew_where_asked(folder: Path) -> None:
    with Manifest.open(folder, replace(HEADER, model="fake@2"), overwrite_model=True) as manifest:
        assert manifest.shards == [] and not manifest.holds(ONE)
    with pytest.raises(ManifestError, match="fake@2"):
        Manifest.open(folder, HEADER)


def test_the_same_model_keeps_its_results_where_another_may_be_overwritten(folder: Path) -> None:
    with Manifest.open(folder, HEADER, overwrite_model=True) as manifest:
        assert manifest.holds(ONE)


def test_one_run_at_a_time(folder: Path) -> None:
    pytest.importorskip("fcntl")
    with Manifest.open(folder, HEADER), pytest.raises(ManifestError, match="Another run"):
        Manifest.open(folder, HEADER)


def test_replaced_results_are_stale(folder: Path) -> None:
    changed = replace(ONE, sha256="cc" * 32)
    with Manifest.open(folder, HEADER) as manifest:
        manifest.add("third", [changed])
        assert list(manifest.stale(prune=False)) == [("first", [False, True])]
    with Manifest.open(folder, HEADER) as manifest:
        assert manifest.holds(changed) and not manifest.holds(ONE)
        assert list(manifest.stale(prune=False)) == [("first", [False, True])], "also after a crash that came before the old was dropped"


def test_what_was_not_asked_for_is_gone_and_stale_where_it_is_pruned(folder: Path) -> None:
    with Manifest.open(folder, HEADER) as manifest:
        manifest.holds(ONE)
        manifest.add("third", [item("new.txt")])
        assert manifest.gone() == 2
        assert list(manifest.stale(prune=False)) == []
        assert list(manifest.stale(prune=True)) == [("first", [True, False]), ("second", [False])]


def test_what_a_file_no_longer_holds_is_stale_where_all_of_it_was_read(folder: Path) -> None:
    with Manifest.open(folder, HEADER) as manifest:
        manifest.holds(TWO)
        manifest.ended("b.jsonl")
        assert list(manifest.stale(prune=False)) == [("second", [False])]
        assert manifest.gone() == 1, "a.txt was not met: that file may come back"


def test_a_folder_that_can_be_listed_again_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir()
    with Manifest.open(tmp_path, HEADER) as manifest:
        manifest.add("first", [ONE, item(str(tmp_path / "closed"), error="unreadable")])
    with Manifest.open(tmp_path, HEADER) as manifest:
        manifest.holds(ONE)
        assert list(manifest.stale(prune=False)) == [("first", [True, False])] and manifest.gone() == 0


def test_a_lost_shard_is_not_held(folder: Path) -> None:
    with Manifest.open(folder, HEADER) as manifest:
        manifest.forget(["first"])
        assert not manifest.holds(ONE) and manifest.holds(THREE)


def test_names_that_are_no_unicode_survive(tmp_path: Path) -> None:
    odd = item("caf\udce9.txt")
    with Manifest.open(tmp_path, HEADER) as manifest:
        manifest.add("odd", [odd])
    with Manifest.open(tmp_path, HEADER) as manifest:
        assert manifest.holds(odd) and manifest.inputs("odd") == [odd]
