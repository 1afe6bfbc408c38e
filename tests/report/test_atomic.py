"""Output files: whole or not at all, nothing overwritten unasked, no debris."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from newsgauge.report.atomic import OutputError, atomic_output

from ..conftest import injected


class StopError(Exception):
    pass


@contextmanager
def umask(value: int) -> Iterator[None]:
    before = os.umask(value)
    try:
        yield
    finally:
        os.umask(before)


def write(path: Path, data: bytes, *, overwrite: bool = False, then: Callable[[], Any] = lambda: None) -> None:
    """Write *data*, and do something else before the block ends."""
    with atomic_output(path, overwrite=overwrite) as stream:
        stream.write(data)
        then()


def fail(error: type[BaseException]) -> None:
    raise error


def full_disk(*_: Any) -> Any:
    raise injected(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))


def test_the_file_appears_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with atomic_output(path) as stream:
        stream.write(b"one\n")
        assert not path.exists()
        stream.write(b"two\n")
    assert path.read_bytes() == b"one\ntwo\n"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [StopError, KeyboardInterrupt])
def test_nothing_is_left_where_the_block_ends_with_an_error(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error):
        write(tmp_path / "out", b"half", then=lambda: fail(error))
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"old")
    with pytest.raises(OutputError, match="--overwrite") as refused, atomic_output(path):
        pytest.fail("the block was entered")
    assert str(path) in str(refused.value)
    assert path.read_bytes() == b"old"


def test_overwriting_replaces_the_old_file_only_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"old")
    with pytest.raises(StopError):
        write(path, b"new", overwrite=True, then=lambda: fail(StopError))
    assert path.read_bytes() == b"old"
    with atomic_output(path, overwrite=True) as stream:
        stream.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_came_in_the_meantime_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with pytest.raises(OutputError):
        write(path, b"ours", then=lambda: path.write_bytes(b"theirs"))
    assert path.read_bytes() == b"theirs"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_no_output(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="folder"), atomic_output(tmp_path, overwrite=True):
        pytest.fail("the block was entered")


def test_a_device_is_never_replaced_by_a_file(tmp_path: Path) -> None:
    # As for /dev/null, but without the danger.
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OutputError), atomic_output(pipe, overwrite=True) as stream:
        stream.write(b"x")
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert list(tmp_path.iterdir()) == [pipe]


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_permissions_are_those_of_any_new_file(tmp_path: Path, mask: int, mode: int) -> None:
    with umask(mask):
        with atomic_output(tmp_path / "out") as stream:
            stream.write(b"x")
        assert os.umask(mask) == mask, "the umask is left as it was"
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == mode


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="there is no folder") as refused, atomic_output(tmp_path / "none" / "out"):
        pytest.fail("the block was entered")
    assert str(tmp_path / "none") in str(refused.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OutputError, match="Permission denied"), atomic_output(tmp_path / "out"):
            pytest.fail("the block was entered")
        assert list(tmp_path.iterdir()) == []
    finally:
        tmp_path.chmod(0o700)


def test_a_read_only_file_system_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise injected(OSError(errno.EROFS, os.strerror(errno.EROFS)))

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    with pytest.raises(OutputError, match="Read-only") as refused, atomic_output(tmp_path / "out"):
        pytest.fail("the block was entered")
    assert str(tmp_path / "out") in str(refused.value)


@pytest.mark.parametrize("call", ["os.fsync", "os.replace", "os.chmod"])
def test_a_disk_that_fills_up_at_the_end_leaves_no_debris(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    monkeypatch.setattr(call, full_disk)
    with pytest.raises(OutputError, match="No space left") as refused:
        write(tmp_path / "out", b"x" * 100, overwrite=True)
    monkeypatch.undo()
    assert str(tmp_path / "out") in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_in_between_leaves_no_debris(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="No space left"):
        write(tmp_path / "out", b"x", then=full_disk)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"old")
    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OutputError), atomic_output(path, overwrite=True) as stream:
        stream.write(b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
