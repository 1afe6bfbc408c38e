"""Reader: what hangs, crashes or is killed while it is read costs one file, and nothing is read twice or left out."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from newsgauge.batch.items import Columns, Item
from newsgauge.batch.reader import End, Reader
from newsgauge.batch.walk import Found, Selection, Skipped, walk
from newsgauge.model.results import InputFailure

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
            os.kill(child.pid, signal.SIGKILL)
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
