"""Walk: order, links, what is passed over and why."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from newsgauge.batch import walk as walking
from newsgauge.batch.walk import Found, Selection, Skipped, walk
from newsgauge.model.errors import NewsgaugeError
from newsgauge.model.results import InputFailure


def make(root: Path, *names: str, data: bytes = b"text") -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)


def found(root: Path, selection: Selection | None = None) -> list[str]:
    return [os.path.relpath(e.path, root) for e in walk(str(root), selection or Selection()) if isinstance(e, Found)]


def skipped(root: Path, selection: Selection | None = None, output: str | None = None) -> dict[str, str]:
    entries = walk(str(root), selection or Selection(), output=output)
    return {os.path.relpath(e.path, root): e.reason for e in entries if isinstance(e, Skipped)}


def test_paths_come_sorted_as_strings(tmp_path: Path) -> None:
    names = ["a/z.txt", "a.txt", "a-b.txt", "a/b/c.txt", "B.txt", "é.txt", "a0.txt", "a/b.txt"]
    make(tmp_path, *names)
    assert found(tmp_path) == sorted(names)


def test_a_large_folder_is_listed_in_the_same_order_with_few_names_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [*(f"n{i * 7919 % 50:02}.txt" for i in range(50)), "n1/x.txt", "n1.txt", "two\nlines.txt", os.fsdecode(b"caf\xe9.txt"), "é.txt"]
    make(tmp_path, *names)
    monkeypatch.setattr(walking, "LISTED", 7)
    held = []
    written = walking._written
    monkeypatch.setattr(walking, "_written", lambda names, files: held.append(len(names)) or written(names, files))
    assert found(tmp_path) == sorted(names)
    assert held == [7] * 7, "54 names in the folder, of which the last five stay in memory"


def test_links_and_what_is_no_file_are_passed_over_with_a_reason(tmp_path: Path) -> None:
    make(tmp_path, "real/good.txt")
    (tmp_path / "dangling.txt").symlink_to("nowhere.txt")
    (tmp_path / "to-file.txt").symlink_to("real/good.txt")
    (tmp_path / "to-self").symlink_to(".")
    os.mkfifo(tmp_path / "pipe.txt")
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(tmp_path)  # the name of a socket has to be short
        try:
            listener.bind("socket.txt")
        finally:
            os.chdir(here)
        assert found(tmp_path) == ["real/good.txt"]
        links = dict.fromkeys(("dangling.txt", "to-file.txt", "to-self"), "link")
        assert skipped(tmp_path) == links | {"pipe.txt": "not-regular", "socket.txt": "not-regular"}


def test_globs_choose(tmp_path: Path) -> None:
    make(tmp_path, "2024/a.txt", "2024/b.html", "2025/a.txt", "2025/drafts/x.txt", "notes.txt")
    selection = Selection(include=("20*.txt",), exclude=("*/drafts", "2024/*"))
    assert found(tmp_path, selection) == ["2025/a.txt"]
    assert skipped(tmp_path, selection) == {
        "2024/a.txt": "excluded",
        "2024/b.html": "excluded",
        "2025/drafts": "excluded",
        "notes.txt": "not-included",
    }


def test_size_is_capped_for_articles_and_not_for_tables(tmp_path: Path) -> None:
    make(tmp_path, "long.txt", "rows.jsonl", "short.txt", data=b"x" * 100)
    make(tmp_path, "short.txt", data=b"x" * 99)
    selection = Selection(max_bytes=99)
    assert found(tmp_path, selection) == ["rows.jsonl", "short.txt"]
    assert skipped(tmp_path, selection) == {"long.txt": "too-large"}


def test_other_formats_are_passed_over_unless_one_is_given(tmp_path: Path) -> None:
    make(tmp_path, "a.txt", "photo.jpg", "README")
    assert skipped(tmp_path) == {"photo.jpg": "format", "README": "format"}
    assert found(tmp_path, Selection(format="text")) == ["README", "a.txt", "photo.jpg"]


def test_the_folder_of_the_results_is_left_out(tmp_path: Path) -> None:
    make(tmp_path, "a.txt", "out/shards/x.jsonl")
    assert skipped(tmp_path, output=str(tmp_path / "out")) == {"out": "output"}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the administrator may read everything")
def test_a_folder_that_cannot_be_listed_is_a_failure(tmp_path: Path) -> None:
    make(tmp_path, "a.txt", "closed/b.txt")
    (tmp_path / "closed").chmod(0)
    failures = [e for e in walk(str(tmp_path), Selection()) if isinstance(e, InputFailure)]
    (tmp_path / "closed").chmod(0o755)
    assert [(Path(f.source).name, f.kind) for f in failures] == [("closed", "unreadable")]


def test_one_file_is_a_folder_of_one(tmp_path: Path) -> None:
    make(tmp_path, "rows.jsonl")
    assert list(walk(str(tmp_path / "rows.jsonl"), Selection())) == [Found(str(tmp_path / "rows.jsonl"), 4)]


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NewsgaugeError, match="nowhere"):
        list(walk(str(tmp_path / "nowhere"), Selection()))


def test_what_cannot_be_listed_or_looked_at_is_a_failure_among_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As above, for the administrator too: the system says so of a folder and of a file."""
    make(tmp_path, "a.txt", "closed/b.txt", "gone.txt", "z.txt")
    scandir, lstat = os.scandir, os.lstat

    def no_scandir(path: str) -> Any:
        if os.path.basename(path) == "closed":
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    def no_lstat(path: str) -> os.stat_result:
        if os.path.basename(path) == "gone.txt":
            raise FileNotFoundError(2, "No such file or directory", path)
        return lstat(path)

    monkeypatch.setattr(os, "scandir", no_scandir)
    monkeypatch.setattr(os, "lstat", no_lstat)
    assert list(walk(str(tmp_path), Selection())) == [
        Found(str(tmp_path / "a.txt"), 4),
        InputFailure(str(tmp_path / "closed"), "unreadable", "the folder cannot be listed: Permission denied"),
        InputFailure(str(tmp_path / "gone.txt"), "unreadable", "cannot be read: No such file or directory"),
        Found(str(tmp_path / "z.txt"), 4),
    ]


def test_what_is_neither_a_folder_nor_a_file_is_an_error(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NewsgaugeError, match="neither a folder nor a regular file; expected a folder of articles"):
        list(walk(str(tmp_path / "pipe"), Selection()))
    with pytest.raises(NewsgaugeError, match="expected a folder"):
        list(walk("a\0b", Selection()))
