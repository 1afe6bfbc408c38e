"""Crashes of the whole: the main process is killed, a worker is killed, Ctrl-C, a full disk; and then the same command again."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import batch_fakes
import pytest

from newsgauge.batch.run import Report

from ..conftest import TALLY, injected
from .conftest import article, local, tree

HERE = Path(__file__).parent
MOMENTS = [*range(2), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 20))]
"""Seeds of random moments: two always, twenty with -m "long or not long"."""
MAIN = """
import sys
from pathlib import Path
import batch_fakes
from newsgauge.batch.engine import LocalEngine
from newsgauge.batch.interrupt import interruptible
from newsgauge.batch.run import Plan, run
engine = LocalEngine(batch_fakes.SCORING, workers=2)
with interruptible(lambda: None) as stop:
    plan = Plan(sys.argv[1], Path(sys.argv[2]), shard_size=4)
    report = run(plan, batch_fakes.SCORING, engine, stop=stop, watch=lambda tally: print(tally.articles, flush=True))
sys.exit(130 if report.interrupted else 0)
"""


@pytest.fixture(scope="module")
def news(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty articles that take a fiftieth of a second each."""
    root = tmp_path_factory.mktemp("crash") / "news"
    root.mkdir()
    for number in range(60):
        (root / f"n{number:02}.txt").write_text(article(number, batch_fakes.SLOWLY))
    return root


@pytest.fixture(scope="module")
def clean(news: Path) -> dict[str, bytes]:
    """The output folder of a run without a crash."""
    output = news.parent / "clean"
    local(news, output, shard_size=4)
    return tree(output)


def start(news: Path, output: Path) -> subprocess.Popen[bytes]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}
    return subprocess.Popen([sys.executable, "-c", MAIN, str(news), str(output)], env=environment, stdout=subprocess.PIPE)


def wait_for(process: subprocess.Popen[bytes], articles: int) -> None:
    assert process.stdout is not None
    while (line := process.stdout.readline()) and int(line) < articles:
        pass


def finish(news: Path, output: Path) -> Report:
    return local(news, output, shard_size=4)


@pytest.mark.parametrize("seed", MOMENTS)
def test_the_main_process_is_killed_at_any_moment(news: Path, clean: dict[str, bytes], tmp_path: Path, seed: int) -> None:
    moment = random.Random(seed).randrange(1, 50)
    process = start(news, tmp_path / "out")
    wait_for(process, moment)
    time.sleep(random.Random(seed).random() / 20)
    process.send_signal(injected(signal.SIGKILL))
    assert process.wait() == -signal.SIGKILL, "it was still at work"
    # The workers notice by themselves: the pipe that they all hold comes to its end.
    assert process.stdout is not None
    process.stdout.read()
    report = finish(news, tmp_path / "out")
    assert report.scored <= 60 - (moment - 4 * 4) // 4 * 4, "shards that were finished are not done again"
    assert tree(tmp_path / "out") == clean


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="children are found in /proc")
@pytest.mark.parametrize("seed", MOMENTS)
def test_a_worker_or_the_reader_is_killed_at_any_moment(news: Path, clean: dict[str, bytes], tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    process = start(news, tmp_path / "out")
    wait_for(process, draw.randrange(1, 50))
    time.sleep(draw.random() / 20)
    os.kill(draw.choice(children(process.pid)), injected(signal.SIGKILL))
    assert process.stdout is not None
    process.stdout.read()
    assert process.wait(60) == 0
    assert tree(tmp_path / "out") == clean


def children(process: int) -> list[int]:
    """Its workers and its reader; the resource tracker of multiprocessing is none of them."""
    found = map(int, Path(f"/proc/{process}/task/{process}/children").read_text().split())
    return [child for child in found if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


def test_ctrl_c_finishes_the_shards_in_hand(news: Path, clean: dict[str, bytes], tmp_path: Path) -> None:
    process = start(news, tmp_path / "out")
    wait_for(process, 10)
    process.send_signal(injected(signal.SIGINT))
    assert process.stdout is not None
    process.stdout.read()
    assert process.wait(60) == 130
    names = {path.name for path in (tmp_path / "out" / "shards").iterdir()}
    assert names and names < {Path(name).name for name in clean if name.startswith("shards/")}, "whole shards, and nothing else"
    report = finish(news, tmp_path / "out")
    assert report.known == 4 * len(names)
    assert tree(tmp_path / "out") == clean


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only the administrator can mount a small file system")
def test_a_full_disk_ends_the_run_with_one_line_and_room_lets_it_go_on(news: Path, clean: dict[str, bytes], tmp_path: Path) -> None:
    from newsgauge.model.errors import NewsgaugeError

    output = tmp_path / "out"
    output.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(output)], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        with pytest.raises(NewsgaugeError, match="No space left"):
            finish(news, output)
        TALLY["faults injected"] += 1
        assert subprocess.run(["mount", "-o", "remount,size=16m", str(output)], capture_output=True).returncode == 0
        finish(news, output)
        assert tree(output) == clean
    finally:
        time.sleep(0.1)
        subprocess.run(["umount", str(output)], check=True)
