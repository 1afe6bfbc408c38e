"""Reader: what hangs, crashes or is killed while it is read costs one file, and nothing is read twice or left out."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from newsgauge.batch.items import Columns, Item, items
from newsgauge.batch.process import DEATHS, LOAD_LIMIT, Process, ProcessEndedError
from newsgauge.batch.reader import End, Reader, _Wish, _work
from newsgauge.batch.walk import Found, Selection, Skipped, walk
from newsgauge.batch.worker import Ready
from newsgauge.model.errors import NewsgaugeError
from newsgauge.model.inputs import Raw
from newsgauge.model.results import InputFailure

from ..conftest import injected

SECONDS = 5.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two articles, a table of 300 rows between them, and a file that is none."""
    (tmp_path / "a.txt").write_text("The council met.")
    rows = [json.dumps({"id": i, "text": f"Report {i} of the council. " * 40}) for i in range(300)]
    (tmp_path / "b.jsonl").write_text("\n".join(rows))
    (tmp_path / "c.jpg").write_bytes(b"x")
    (tmp_path / "d.txt").write_text("The council went home.")
    return tmp_path


def read(folder: Path, selection: Selection | None = None) -> Iterator[Item | Skipped | End]:
    selection = selection or Selection()
    with closing(Reader(selection, Columns(), time_limit=SECONDS)) as reader:
        yield from reader.read(walk(str(folder), selection))


def told(entries: Iterator[Item | Skipped | End]) -> list[str]:
    """Each entry in a word: the source of an article, the kind of a failure, the reason why a file is passed over, where one ends."""
    words = []
    for entry in entries:
        if isinstance(entry, Item):
            content = entry.raw.content
            words.append(content.kind if isinstance(content, InputFailure) else os.path.basename(entry.raw.source))
        elif isinstance(entry, Skipped):
            words.append(entry.reason)
        else:
            words.append("whole" if entry.whole else "in part")
    return words


EXPECTED = ["a.txt", "whole", *(f"b.jsonl#{i}" for i in range(300)), "whole", "format", "d.txt", "whole"]


def test_everything_comes_in_the_order_of_the_walk(folder: Path) -> None:
    assert told(read(folder)) == EXPECTED


def test_a_reader_that_is_killed_costs_nothing(folder: Path) -> None:
    entries = []
    for entry in read(folder):
        entries.append(entry)
        if len(entries) in (1, 100, 200):
            (child,) = multiprocessing.active_children()
            assert child.pid is not None
            os.kill(child.pid, injected(signal.SIGKILL))
    assert told(iter(entries)) == EXPECTED


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
def test_a_file_that_gives_nothing_is_a_failure_in_time(folder: Path) -> None:
    """As of a network drive that hangs: a pipe, which took the place of a file after the walk had seen it."""
    files = list(walk(str(folder), Selection()))
    (folder / "a.txt").unlink()
    os.mkfifo(folder / "a.txt")
    with closing(Reader(Selection(), Columns(), time_limit=SECONDS)) as reader:
        assert told(reader.read(files)) == ["time-limit", "in part", *EXPECTED[2:]]


def test_a_table_that_stands_still_keeps_the_rows_before(folder: Path) -> None:
    path = folder / "pipe.csv"
    os.mkfifo(path)
    done = threading.Event()

    def write() -> None:
        with path.open("w") as pipe:
            # The reader looks at the first megabyte before it takes the first row.
            pipe.write("id,text\nr1,The council met.\n" + f"r2,{'It is so. ' * 120_000}\n" + "r3,")
            pipe.flush()
            done.wait()

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    with closing(Reader(Selection(), Columns(), time_limit=SECONDS)) as reader:
        entries = list(reader.read([Found(str(path), 100)]))
    done.set()
    writer.join()
    assert told(iter(entries)) == ["pipe.csv#r1", "time-limit", "in part"]
    assert [entry.input.number for entry in entries if isinstance(entry, Item)] == [1, 2]


def test_a_file_with_an_error_in_its_middle_is_not_whole(folder: Path) -> None:
    (folder / "a.txt").unlink()
    (folder / "b.jsonl").unlink()
    (folder / "b.csv").write_text('id,text\n1,The council met.\n2,"' + "x" * 100)
    assert told(read(folder, Selection(max_bytes=90))) == ["b.csv#1", "too-large", "in part", "format", "d.txt", "whole"]


class Dying:
    """In place of a process: says that it is ready, gives so many articles of each file, and is dead."""

    lives = 0

    def __init__(self, work: Any, selection: Selection, columns: Columns) -> None:
        type(self).lives += 1
        self.said: list[Any] = [Ready()]
        self.selection, self.columns = selection, columns

    def send(self, wish: Any) -> None:
        if wish.path.endswith(".jsonl"):
            self.said += [Ready(), *islice(items(wish.path, self.selection, self.columns), wish.given, 2)]
        self.said.append(injected(ProcessEndedError()))

    def receive(self) -> Any:
        said = self.said.pop(0)
        if isinstance(said, Exception):
            raise said
        return said

    def speaks(self, seconds: float) -> bool:
        return True

    def end(self) -> str:
        return "exit code -11"


def test_a_file_that_processes_die_of_is_a_failure_and_what_was_read_of_it_counts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Dying, "lives", 0)
    monkeypatch.setattr("newsgauge.batch.reader.Process", Dying)
    entries = list(read(folder))
    assert told(iter(entries)) == [
        *("reader-died", "in part"),
        *("b.jsonl#0", "b.jsonl#1", "reader-died", "in part"),
        "format",
        *("reader-died", "in part"),
    ]
    failures = [entry for entry in entries if isinstance(entry, Item) and isinstance(entry.raw.content, InputFailure)]
    assert [(Path(failure.input.path).name, failure.input.number) for failure in failures] == [("a.txt", 0), ("b.jsonl", 3), ("d.txt", 0)]
    ended = f"{DEATHS} processes ended while they read it (the last with exit code -11); the rest of it was passed over"
    assert {failure.raw.content.message for failure in failures if isinstance(failure.raw.content, InputFailure)} == {ended}
    assert Dying.lives == 3 * DEATHS


def test_processes_that_end_before_they_have_begun_end_the_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stillborn(Dying):
        def receive(self) -> Any:
            raise ProcessEndedError

    class Mute(Dying):
        def speaks(self, seconds: float) -> bool:
            assert seconds == LOAD_LIMIT
            return False

    for kind in (Stillborn, Mute):
        monkeypatch.setattr(kind, "lives", 0)
        monkeypatch.setattr("newsgauge.batch.reader.Process", kind)
        with pytest.raises(NewsgaugeError, match=r"ends before it has begun \(exit code -11\); is there enough memory\?"):
            list(read(folder))
        assert kind.lives == DEATHS


def test_the_process_gives_what_is_asked_for_and_ends_when_nobody_listens(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process = Process(_work, Selection(), Columns())
    assert process.receive() == Ready()
    process.send(_Wish(str(folder / "b.jsonl"), 298))
    process.send(_Wish(str(folder / "a.txt"), 0))
    assert process.receive() == Ready(), "a sign of life while rows that were read before are gone through"
    found = [process.receive() for _ in range(5)]
    assert [item and os.path.basename(item.raw.source) for item in found] == ["b.jsonl#298", "b.jsonl#299", None, "a.txt", None]
    process.connection.close()
    process._process.join(30)
    assert process._process.exitcode == 0
    process.send("to a closed pipe")
    with pytest.raises(ProcessEndedError):
        process.receive()


def test_a_library_that_breaks_in_the_middle_of_a_file_costs_the_rest_of_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaking(path: str, **_: Any) -> Iterator[Raw]:
        yield Raw(f"{path}#x", 1, "The council met.")
        raise RuntimeError("two\nlines " + "x" * 400)

    monkeypatch.setattr("newsgauge.batch.items.read_raw", breaking)
    table, article = (list(items(str(folder / name), Selection(), Columns())) for name in ("b.jsonl", "a.txt"))
    assert [(item.input.number, item.input.error) for item in table] == [(1, None), (2, "crash")]
    assert [(item.input.number, item.input.error) for item in article] == [(1, None), (0, "crash")]
    failure = table[1].raw.content
    assert isinstance(failure, InputFailure)
    assert failure.message == "RuntimeError: two lines " + "x" * 290 + "; the rest of the file was passed over"
