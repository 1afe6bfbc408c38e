"""Manifest: what it holds survives, what changed is noticed, a torn line is taken off."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from newsgauge.batch.items import Input
from newsgauge.batch.manifest import NAME, Header, Manifest, ManifestError, finished

from ..conftest import injected

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


# The file, byte by byte, and every message


def line(name: str, inputs: list[Input], replaces: list[str] | None = None) -> bytes:
    rows = [[i.path, i.number, i.size, i.sha256, i.error] for i in inputs]
    return json.dumps({"shard": name, "replaces": replaces or [], "inputs": rows}, separators=(",", ":")).encode() + b"\n"


HEAD = b'{"newsgauge":1,"model":"fake@1","folder":"news","format":"parquet"}\n'


def test_the_file_is_a_line_a_shard(folder: Path) -> None:
    with Manifest.open(folder, HEADER) as manifest:
        manifest.add("third", [TWO], replaces=["second", "first"])
        manifest.forget(["third"])
    expected = [HEAD, line("first", [ONE, TWO]), line("second", [THREE]), line("third", [TWO], ["second", "first"])]
    assert (folder / NAME).read_bytes().splitlines(keepends=True) == [*expected, line("third", [], ["third"])]


def test_the_file_may_be_read_by_others_as_the_system_says(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        Manifest.open(tmp_path, HEADER).__exit__(None, None, None)
    finally:
        os.umask(before)
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o644


def test_what_is_replaced_is_no_more_in_this_run_and_in_the_next(folder: Path) -> None:
    with Manifest.open(folder, HEADER) as manifest:
        manifest.add("third", [ONE, TWO, THREE], replaces=["first", "second", "never there"])
        assert [name for name, _ in manifest.shards] == ["third"]
        assert "third" in manifest and "first" not in manifest and "second" not in manifest
        assert manifest.count("third") == 3 and manifest.inputs("third") == [ONE, TWO, THREE]
    with Manifest.open(folder, HEADER) as manifest:
        assert [name for name, _ in manifest.shards] == ["third"]
        assert all(manifest.holds(known) for known in (ONE, TWO, THREE)) and manifest.gone() == 0
        assert manifest.inputs("third") == [ONE, TWO, THREE]


def test_shards_come_in_the_order_of_their_first_inputs_and_then_of_their_names(tmp_path: Path) -> None:
    with Manifest.open(tmp_path, HEADER) as manifest:
        for name, first in (("x", item("b.txt")), ("z", item("a.txt", 2)), ("b", item("a.txt", 1)), ("a", item("a.txt", 2))):
            manifest.add(name, [first, item("0.txt")])
        expected = [("b", ("a.txt", 1)), ("a", ("a.txt", 2)), ("z", ("a.txt", 2)), ("x", ("b.txt", 0))]
        assert manifest.shards == expected
        before = (tmp_path / NAME).read_bytes()
        assert finished(tmp_path) == (HEADER, [name for name, _ in expected]), "also while a run has it open"
    assert (tmp_path / NAME).read_bytes() == before


def test_a_half_written_line_is_left_alone_by_who_only_reads(folder: Path) -> None:
    with (folder / NAME).open("ab") as lines:
        lines.write(line("third", [ONE])[:-1])
    before = (folder / NAME).read_bytes()
    assert finished(folder) == (HEADER, ["first", "second"])
    assert (folder / NAME).read_bytes() == before
    with Manifest.open(folder, HEADER):
        assert (folder / NAME).read_bytes() == HEAD + line("first", [ONE, TWO]) + line("second", [THREE])


def test_a_header_that_a_crash_left_half_written_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(HEAD[:-1])
    with Manifest.open(tmp_path, HEADER) as manifest:
        assert manifest.shards == [] and list(manifest.stale(prune=True)) == [] and manifest.gone() == 0
    assert (tmp_path / NAME).read_bytes() == HEAD


def told(folder: Path, header: Header = HEADER) -> str:
    with pytest.raises(ManifestError) as caught:
        Manifest.open(folder, header)
    return str(caught.value)


def test_the_messages_of_a_folder_that_belongs_to_another_run(folder: Path) -> None:
    other = "choose another output folder"
    assert told(folder, replace(HEADER, model="b@2")) == (
        f"{folder} holds results of the model fake@1, not of b@2: {other}, or add --overwrite-model to score everything again."
    )
    assert told(folder, replace(HEADER, folder="b")) == (
        f"{folder} holds results of 'news', not of 'b': give the folder in the same way, or {other}."
    )
    assert told(folder, replace(HEADER, format="jsonl")) == (
        f"{folder} holds shards as parquet, not as jsonl: add --format parquet, or {other}."
    )
    with Manifest.open(folder, HEADER):
        assert told(folder) == f"Another run is writing to {folder}; wait for its end, or {other}."
    with Manifest.open(folder, HEADER):
        """Every refusal has let go of the file."""


def test_the_messages_of_a_file_that_cannot_be_used(folder: Path, tmp_path: Path) -> None:
    path = folder / NAME
    good = HEAD + line("first", [ONE])
    for bad, why in (
        (b"{\n", "JSONDecodeError: Expecting property name enclosed in double quotes: line 2 column 1 (char 2)"),
        (b'{"shard":"x","inputs":[]}\n', "KeyError: 'replaces'"),
        (b'{"shard":"x","replaces":[],"inputs":[["a"]]}\n', "TypeError: Input.__init__() missing 3 required positional arguments"),
        (b'{"shard":["x"],"replaces":[],"inputs":[]}\n' + b"7\n", "TypeError: 'int' object is not subscriptable"),
    ):
        path.write_bytes(good + bad + line("second", [THREE]))
        at = len(good) + (bad.index(b"7") if b"7" in bad else 0)
        assert told(folder).startswith(f"{path} is damaged at byte {at:,} ({why}")
        assert told(folder).endswith("); restore it, or choose another output folder.")
        with pytest.raises(ManifestError, match=f"damaged at byte {at:,}"):
            finished(folder)
    path.write_bytes(good + line("x", [ONE] * 20) + b"{}\n")
    assert f"damaged at byte {len(good) + len(line('x', [ONE] * 20)):,} (KeyError: 'shard')" in told(folder)
    path.write_bytes(b"{}\n")
    assert told(folder).startswith(f"{path} is damaged at byte 0 (KeyError: 'newsgauge'); ")
    path.write_bytes(HEAD.replace(b"1", b"2", 1))
    assert told(folder) == f"{path} has version 2; this newsgauge reads version 1: choose another folder."
    path.write_bytes(b"")
    with pytest.raises(ManifestError) as caught:
        finished(folder)
    assert str(caught.value) == f"{path} is empty; run newsgauge batch again."
    path.unlink()
    with pytest.raises(ManifestError) as caught:
        finished(folder)
    assert str(caught.value) == f"{path} cannot be read (No such file or directory); expected a folder that newsgauge batch wrote."
    path.mkdir()
    assert told(folder) == f"{path} cannot be written (Is a directory); check the output folder."


def test_a_line_is_written_whole_however_little_the_system_takes_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, synced = os.write, []
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:7]))
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_size))
    with Manifest.open(folder, HEADER) as manifest:
        manifest.add("third", [item("c.txt")])
        manifest.add("fourth", [item("d.txt")])
        assert manifest.inputs("fourth") == [item("d.txt")]
    third, fourth = line("third", [item("c.txt")]), line("fourth", [item("d.txt")])
    before = HEAD + line("first", [ONE, TWO]) + line("second", [THREE])
    assert (folder / NAME).read_bytes() == before + third + fourth
    assert synced == [len(before + third), len(before + third + fourth)], "on disk before it counts"


def test_a_full_disk_leaves_no_half_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    before = (folder / NAME).read_bytes()

    def full(descriptor: int, data: bytes) -> int:
        if os.fstat(descriptor).st_size > len(before) + 10:
            raise injected(OSError(28, "No space left on device"))
        return write(descriptor, data[:8])

    with Manifest.open(folder, HEADER) as manifest:
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", full)
            with pytest.raises(ManifestError) as caught:
                manifest.add("third", [item("c.txt")])
        path = folder / NAME
        assert str(caught.value) == f"{path} cannot be written (No space left on device); make room, then run the same again."
        assert path.read_bytes() == before and "third" not in manifest
        manifest.add("third", [item("c.txt")])
    assert (folder / NAME).read_bytes() == before + line("third", [item("c.txt")])


# Many inputs, as a search in sorted hashes sees them


def test_of_many_inputs_each_is_known_by_itself(tmp_path: Path) -> None:
    known = [item(f"{number}.txt", error="json" if number % 3 == 0 else None) for number in range(60)]
    with Manifest.open(tmp_path, HEADER) as manifest:
        for start in range(0, 60, 20):
            manifest.add(f"s{start}", known[start : start + 20])
        assert not any(manifest.holds(each) for each in known), "what this run adds, it does not ask about"
    with Manifest.open(tmp_path, HEADER) as manifest:
        assert [manifest.holds(each, retry_failed=True) for each in known] == [number % 3 != 0 for number in range(60)]
        assert manifest.gone() == 0, "also a failure is there"
        assert all(manifest.holds(each) for each in known)
        assert not any(manifest.holds(item(f"{number}.txt")) for number in range(60, 160))
        assert not any(manifest.holds(replace(each, size=each.size + 1)) for each in known)


def test_of_several_results_for_an_input_the_last_counts(tmp_path: Path) -> None:
    news = [replace(ONE, sha256=f"{number:064}") for number in range(4)]
    with Manifest.open(tmp_path, HEADER) as manifest:
        for number, each in enumerate(news):
            manifest.add(f"s{number}", [item(f"x{number}.txt"), replace(each, error="json" if number < 3 else None)])
    with Manifest.open(tmp_path, HEADER) as manifest:
        assert [manifest.holds(each) for each in news] == [False, False, False, True]
        assert manifest.holds(news[3], retry_failed=True)
        assert list(manifest.stale(prune=False)) == [(f"s{number}", [True, False]) for number in range(3)]
        assert manifest.gone() == 4, "the four x were not asked about"
        assert list(manifest.stale(prune=True)) == [*((f"s{number}", [False, False]) for number in range(3)), ("s3", [False, True])]


def test_rows_that_were_taken_out_of_a_file_are_told_from_files_that_are_gone(tmp_path: Path) -> None:
    rows = [item("t.jsonl", number) for number in range(1, 6)]
    with Manifest.open(tmp_path, HEADER) as manifest:
        manifest.add("a", [*rows[:3], item("u.jsonl", 1)])
        manifest.add("b", [*rows[3:], item("v.jsonl", 1)])
        manifest.add("c", [item("w.jsonl", 1)])
    with Manifest.open(tmp_path, HEADER) as manifest:
        for row in rows[::2]:
            manifest.holds(row)
        manifest.holds(item("w.jsonl", 1))
        assert manifest.gone() == 4 and list(manifest.stale(prune=False)) == []
        manifest.ended("w.jsonl")
        assert manifest.gone() == 4 and list(manifest.stale(prune=False)) == []
        manifest.ended("t.jsonl")
        assert manifest.gone() == 2
        assert list(manifest.stale(prune=False)) == [("a", [True, False, True, True]), ("b", [False, True, True])]
        assert list(manifest.stale(prune=True)) == [("a", [True, False, True, False]), ("b", [False, True, False])]


def test_rows_that_were_taken_out_are_found_behind_a_shard_that_is_all_there(folder: Path) -> None:
    with Manifest.open(folder, HEADER) as manifest:
        manifest.holds(ONE)
        manifest.holds(TWO)
        manifest.ended("b.jsonl")
        assert manifest.gone() == 0
        assert list(manifest.stale(prune=False)) == [("second", [False])]


def test_several_lost_shards_are_forgotten_together(folder: Path) -> None:
    with Manifest.open(folder, HEADER) as manifest:
        manifest.add("third", [item("c.txt")])
        manifest.forget(["first", "second"])
        assert [name for name, _ in manifest.shards] == ["third"]
        assert not any(manifest.holds(each) for each in (ONE, TWO, THREE))
        assert manifest.holds(item("c.txt")), "the index is made anew"
        assert manifest.gone() == 0
