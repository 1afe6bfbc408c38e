"""What the commands leave on disk and on a terminal when the disk is full, names are hostile, or somebody else was first."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from newsgauge.report.atomic import OutputError, atomic_output

ROOT = Path(__file__).resolve().parent.parent
ARTICLE = ROOT / "seeds" / "articles" / "harbour-inquiry.txt"
# No file may grow over 300 bytes, which is what a full disk looks like to a program; Python turns the signal into an error.
LIMITED = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300)); from newsgauge.cli import main; main()"


def run(*arguments: str | Path, code: str = "from newsgauge.cli import main; main()", stdout: int = subprocess.PIPE) -> tuple[int, str]:
    """Exit status and standard error of a command."""
    result = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], stdout=stdout, stderr=subprocess.PIPE, timeout=300)
    return result.returncode, result.stderr.decode()


def one_line(error: str) -> str:
    assert "Traceback" not in error and len(error.strip().splitlines()) == 1, error
    return error


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv", "out.parquet", "out.html", "out.txt"])
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    if name.endswith("html"):
        pytest.importorskip("jinja2", reason="the extra [report] is not installed")
    table = ("--format", "table") if name.endswith("txt") else ()
    status, error = run("score", ARTICLE, "--model", "fast", "--output", tmp_path / name, *table, code=LIMITED)
    assert status == 2
    # A report keeps articles in a temporary file first, and fails there.
    assert re.search("cannot be (read or )?written", one_line(error))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize("format", ["jsonl", "csv", "table"])
def test_a_full_disk_behind_standard_output_is_one_line(format: str) -> None:
    with open("/dev/full", "wb") as full:
        status, error = run("score", ARTICLE, "--model", "fast", "--format", format, stdout=full.fileno())
    assert status == 2
    assert "No space left on device" in one_line(error)


def test_a_folder_that_cannot_be_written_to_is_one_line() -> None:
    status, error = run("score", ARTICLE, "--model", "fast", "--output", "/proc/scores.jsonl")
    assert status == 2 and "/proc/scores.jsonl cannot be written" in one_line(error)


def test_a_file_name_cannot_drive_the_terminal(tmp_path: Path) -> None:
    status, error = run("score", tmp_path / "\x1b]0;owned\x07\nnewsgauge: all is well \u202e.txt", "--model", "fast")
    assert status == 1
    assert "no such file" in one_line(error) and "[U+001B]" in error
    assert error.strip().isprintable()


def test_names_of_inputs_lead_nowhere_and_run_nothing(tmp_path: Path) -> None:
    """Batch: results are named by their content, whatever their articles are called."""
    news, output = tmp_path / "news", tmp_path / "deep" / "out"
    news.mkdir()
    names = ["..%2f..%2fx.txt", "=cmd() .txt", "..\\..\\x.txt", "a\nb.txt", "-rf.txt", "x;touch y.txt", "\x1b[2J.txt"]
    for name in names:
        (news / name).write_bytes(ARTICLE.read_bytes())
    status, error = run(
        "batch",
        "./news",
        "-o",
        output,
        "--model",
        "fast",
        "--workers",
        "1",
        "--quiet",
        code=f"import os; os.chdir({str(tmp_path)!r}); from newsgauge.cli import main; main()",
    )
    assert status == 0, error
    assert {path.name for path in tmp_path.iterdir()} == {"news", "deep"}
    assert {path.name for path in news.iterdir()} == set(names)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["out"]
    for path in output.rglob("*"):
        assert path.resolve().is_relative_to(output.resolve())
    with (output / "summary.csv").open(newline="", encoding="utf-8") as table:
        assert len(list(csv.DictReader(table))) == len(names)


def test_a_link_that_leads_nowhere_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="exists; choose another name"), atomic_output(tmp_path / "out"):
        pytest.fail("the block was entered")
    with atomic_output(tmp_path / "out", overwrite=True) as stream:
        stream.write(b"x")
    assert not (tmp_path / "elsewhere").exists() and not (tmp_path / "out").is_symlink()


@pytest.mark.parametrize("links", [True, False])
def test_what_came_in_the_meantime_is_kept_also_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    if not links:
        monkeypatch.setattr(os, "link", refuse)
    with atomic_output(tmp_path / "free") as stream:
        stream.write(b"ours")
    assert (tmp_path / "free").read_bytes() == b"ours"

    def late() -> None:
        with atomic_output(tmp_path / "taken") as stream:
            stream.write(b"ours")
            (tmp_path / "taken").write_bytes(b"theirs")

    with pytest.raises(OutputError, match="in the meantime"):
        late()
    assert (tmp_path / "taken").read_bytes() == b"theirs"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["free", "taken"]
