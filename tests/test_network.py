"""No command asks the network for anything; and the same input gives the same bytes, whatever it is scored among."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from newsgauge.model.scorer import Scorer

ROOT = Path(__file__).resolve().parent.parent
ARTICLES = ROOT / "seeds" / "articles"
MAIN = "from newsgauge.cli import main; main()"
# Whoever opens a connection or looks up a name is ended on the spot, whichever library it is.
GUARDED = """
import os, sys
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        os.write(2, f"asked the network: {event}".encode())
        os._exit(77)
sys.addaudithook(watch)
"""
# So is whoever starts another process, which could ask in its place.
WATCHED = GUARDED.replace('"socket.sendto")', '"socket.sendto", "os.fork", "os.posix_spawn", "subprocess.Popen")')


def no_network() -> list[str]:
    """The start of a command that is run without any network; empty where the system does not allow it."""
    for command in (["unshare", "-n"], ["unshare", "-r", "-n"]):
        if shutil.which("unshare") and subprocess.run([*command, "true"], capture_output=True).returncode == 0:
            return command
    return []


COMMANDS = {
    "info": ("info", "fast"),
    "score": ("score", str(ARTICLES / "demo.html"), str(ARTICLES / "quarry-spill.txt"), "--model", "fast", "--format", "jsonl"),
    "batch": ("batch", str(ARTICLES), "-o", "out", "--model", "fast", "--workers", "1", "--quiet"),
    "openvino": ("score", str(ARTICLES / "quarry-spill.txt"), "--model", "fast", "--format", "jsonl", "--runtime", "openvino"),
    "report": ("report", str(ARTICLES / "quarry-spill.txt"), "-o", "report.html", "--model", "fast"),
}

EXTRAS = {"report": "jinja2", "openvino": "openvino"}


def skip_without_extra(name: str) -> None:
    if find_spec(EXTRAS.get(name, "sys")) is None:
        pytest.skip(f"the extra [{name}] is not installed")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_works_without_a_network(tmp_path: Path, name: str) -> None:
    alone = no_network()
    if not alone:
        pytest.skip("the system allows no network namespace")
    skip_without_extra(name)
    command = [*alone, sys.executable, "-c", MAIN, *COMMANDS[name]]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=300)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_does_not_even_ask(tmp_path: Path, name: str) -> None:
    skip_without_extra(name)
    result = subprocess.run([sys.executable, "-c", GUARDED + MAIN, *COMMANDS[name]], cwd=tmp_path, capture_output=True, timeout=300)
    assert result.returncode == 0, result.stderr


def test_openvino_does_not_report_its_use(tmp_path: Path) -> None:
    skip_without_extra("openvino")
    home = tmp_path / "home"
    home.mkdir()
    # Under continuous integration it would not report anyway.
    outside = {name: value for name, value in os.environ.items() if name not in ("CI", "TF_BUILD", "JENKINS_URL")}
    result = subprocess.run(
        [sys.executable, "-c", WATCHED + MAIN, *COMMANDS["openvino"]],
        cwd=tmp_path,
        env={**outside, "HOME": str(home)},
        capture_output=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    # It would keep the number of this user there.
    assert list(home.iterdir()) == []


def test_the_guard_notices_who_asks() -> None:
    code = GUARDED + "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9')"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60).returncode == 77


def lines(*arguments: str, cwd: Path) -> list[bytes]:
    command = [sys.executable, "-c", MAIN, "score", "--model", "fast", "--format", "jsonl", *arguments]
    result = subprocess.run(command, cwd=cwd, capture_output=True, timeout=300)
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines(keepends=True)


def test_order_company_process_and_threads_change_no_byte(tmp_path: Path) -> None:
    for path in ARTICLES.iterdir():
        shutil.copyfile(path, tmp_path / path.name)
    names = sorted(path.name for path in tmp_path.iterdir())
    forward = lines(*names, "--threads", "1", cwd=tmp_path)
    assert lines(*reversed(names), "--threads", "1", cwd=tmp_path) == forward[::-1]
    assert lines(*names, "--threads", "3", cwd=tmp_path) == forward
    assert lines(names[1], "--threads", "1", cwd=tmp_path) == [forward[1]]


@pytest.mark.slow
def test_workers_and_shard_sizes_change_no_score(tmp_path: Path) -> None:
    shutil.copytree(ARTICLES, tmp_path / "news")
    found = []
    for name, workers, size in (("one", "1", "500"), ("two", "2", "1")):
        arguments = ("batch", "news", "-o", name, "--model", "fast", "--format", "jsonl", "--workers", workers, "--shard-size", size, "-q")
        result = subprocess.run([sys.executable, "-c", MAIN, *arguments], cwd=tmp_path, capture_output=True, timeout=300)
        assert result.returncode == 0, result.stderr
        shards = sorted((tmp_path / name / "shards").iterdir())
        found.append(sorted(line for shard in shards for line in shard.read_bytes().splitlines()))
        assert (tmp_path / "one" / "summary.csv").read_bytes() == (tmp_path / name / "summary.csv").read_bytes()
    assert found[0] == found[1] and len(found[0]) == len(list(ARTICLES.iterdir()))


def test_the_bytes_of_a_score_are_those_of_its_dictionary(scorer: Scorer, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes((ARTICLES / "quarry-spill.txt").read_bytes())
    before = os.getcwd()
    os.chdir(tmp_path)
    try:
        (article,) = scorer.score_files(["a.txt"])
    finally:
        os.chdir(before)
    (line,) = lines("a.txt", cwd=tmp_path)
    assert json.loads(line) == article.to_dict()
