"""How fast batch runs are, in what memory, and whether an article costs the same in a large folder as in a small one.

    python benchmarks/batch.py --sizes 1000 10000 100000 --workers 1 2 --engines local ray --output runs/benchmark

The corpus is made from the starter articles: sentences of several, drawn anew for each article with a fixed seed. Writes
``batch.csv``, a table for people in ``batch.md`` and, where matplotlib is there, ``batch.png``; all after each run, so that one
that is stopped leaves what it has measured.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path

SEEDS = Path(__file__).resolve().parent.parent / "seeds"
IN_FOLDER = 1000
PLAIN = "loop over score"
ENGINES = ("local", "ray")


@dataclass(frozen=True)
class Result:
    """One run. ``peak_megabytes`` is the largest sum of what the process tree had to itself (proportional set size)."""

    engine: str
    workers: int
    articles: int
    seconds: float
    articles_per_second: float
    milliseconds_per_article: float
    peak_megabytes: float


def make_corpus(folder: Path, count: int, length: int) -> None:
    """*count* articles of *length* sentences, in folders of :data:`IN_FOLDER`."""
    rows = [json.loads(line) for path in sorted(SEEDS.glob("[sg][0-9].jsonl")) for line in path.read_text(encoding="utf-8").splitlines()]
    draw = random.Random(count)
    for number in range(count):
        path = folder / f"{number // IN_FOLDER:04}" / f"{number % IN_FOLDER:04}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        sentences = [draw.choice(draw.choice(rows)["sentences"])["text"] for _ in range(length)]
        path.write_text("\n\n".join([draw.choice(rows)["headline"], *sentences]) + "\n", encoding="utf-8")


def tree_megabytes(root: int) -> float:
    """Memory of a process and all its descendants: each page counts once, shared out among those that have it. Linux only."""
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(words[1]), []).append(int(path.parent.name))
    total, waiting = 0, [root]
    while waiting:
        process = waiting.pop()
        waiting += parents.get(process, [])
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def measure(command: list[str]) -> tuple[float, float]:
    """Seconds and peak memory of a command; it must succeed."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    peak = [0.0]

    def watch() -> None:
        while process.poll() is None:
            peak[0] = max(peak[0], tree_megabytes(process.pid))
            time.sleep(0.5)

    watcher = threading.Thread(target=watch)
    watcher.start()
    status = process.wait()
    seconds = time.perf_counter() - began
    watcher.join()
    if status:
        raise SystemExit(f"{' '.join(command)} ended with status {status}")
    return seconds, peak[0]


def run(engine: str, workers: int, folder: Path, count: int, model: str) -> Result:
    """One run over a corpus, all included: start, loading of the model, summary."""
    call = [sys.executable, "-c", "from newsgauge.cli import main; main()"]
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        if engine == PLAIN:
            files = folder.parent / "files.py"
            files.write_text(
                "import sys\nfrom pathlib import Path\nfrom newsgauge import Scorer\n"
                "scorer = Scorer.from_folder(sys.argv[2], threads=1)\n"
                "for result in scorer.score_files(map(str, sorted(Path(sys.argv[1]).rglob('*.txt')))):\n    result.to_dict()\n"
            )
            seconds, peak = measure([sys.executable, str(files), str(folder), model])
        else:
            options = ["-o", f"{scratch}/out", "--workers", str(workers), "--engine", engine, "--model", model, "--quiet"]
            seconds, peak = measure([*call, "batch", str(folder), *options])
    return Result(engine, workers, count, round(seconds, 2), round(count / seconds, 2), round(1000 * seconds / count, 3), round(peak, 1))


def efficiency(result: Result, results: list[Result]) -> float | None:
    """How much of what so many workers could do they did: articles a second, over those of one worker times their number."""
    alone = [one for one in results if (one.engine, one.articles, one.workers) == (result.engine, result.articles, 1)]
    return result.articles_per_second / (alone[0].articles_per_second * result.workers) if alone and result.workers > 1 else None


def table(results: list[Result], model: str, length: int) -> str:
    """The results in Markdown, and how flat the time per article is over the sizes."""
    lines = [
        f"Model {model}, {length} sentences and a headline an article, start and summary included.\n",
        "| engine | workers | articles | seconds | articles/s | ms an article | peak MB | parallel efficiency |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in results:
        share = efficiency(one, results)
        told = "" if share is None else f"{share:.0%}"
        figures = f"{one.seconds:,.1f} | {one.articles_per_second:,.1f} | {one.milliseconds_per_article:.2f} | {one.peak_megabytes:,.0f}"
        lines.append(f"| {one.engine} | {one.workers} | {one.articles:,} | {figures} | {told} |")
    for engine, workers in sorted({(one.engine, one.workers) for one in results}):
        times = [one.milliseconds_per_article for one in results if (one.engine, one.workers) == (engine, workers)]
        if len(times) > 1:
            lines.append(
                f"\n{engine}, {workers} workers: the slowest size takes {max(times) / min(times) - 1:.1%} more an article than the fastest."
            )
    return "\n".join(lines) + "\n"


def write(results: list[Result], options: argparse.Namespace) -> None:
    """The table, as CSV and for people, and the plot."""
    folder: Path = options.output
    with (folder / "batch.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, [field.name for field in fields(Result)])
        writer.writeheader()
        writer.writerows(map(asdict, results))
    (folder / "batch.md").write_text(table(results, options.model, options.sentences), encoding="utf-8")
    with suppress(ImportError):
        plot(results, folder / "batch.png")


def plot(results: list[Result], path: Path) -> None:
    """Time per article and memory over the number of articles."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    for engine, workers in sorted({(result.engine, result.workers) for result in results}):
        line = [result for result in results if (result.engine, result.workers) == (engine, workers)]
        counts = [result.articles for result in line]
        left.plot(counts, [result.milliseconds_per_article for result in line], marker="o", label=f"{engine}, {workers}")
        right.plot(counts, [result.peak_megabytes for result in line], marker="o")
    for axes, title in ((left, "milliseconds per article"), (right, "peak memory of the process tree, MB")):
        axes.set(xscale="log", xlabel="articles", title=title)
        axes.set_ylim(bottom=0)
    left.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main() -> None:
    """Run what the options ask for; print the table and write it to the output folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000, 100_000], help="articles in each corpus")
    parser.add_argument("--sentences", type=int, default=20, help="sentences of an article, under its headline (default: %(default)s)")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="worker processes of each run")
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=["local"], help="what does the work; ray needs the extra")
    parser.add_argument("--model", default="default", help="a model folder, or the name of a shipped model")
    parser.add_argument("--plain-up-to", type=int, default=1000, help="largest corpus for the plain loop over score")
    parser.add_argument("--output", type=Path, required=True, help="folder for corpora, batch.csv, batch.md and batch.png")
    options = parser.parse_args()
    results: list[Result] = []
    for count in options.sizes:
        folder = options.output / f"corpus-{count}"
        shutil.rmtree(folder, ignore_errors=True)
        make_corpus(folder, count, options.sentences)
        runs = [(PLAIN, 1)] if count <= options.plain_up_to else []
        for engine, workers in [*runs, *((engine, workers) for engine in options.engines for workers in options.workers)]:
            results.append(run(engine, workers, folder, count, options.model))
            print(json.dumps(asdict(results[-1])), flush=True)
            write(results, options)
    print(table(results, options.model, options.sentences))


if __name__ == "__main__":
    main()
