"""Speed beside peers, in one run: text in, scores out, on one thread, in CPU-seconds.

    python benchmarks/speed.py --small all-MiniLM-L6-v2 --large all-mpnet-base-v2 --output runs/speed

Every method of ``speed_methods.py`` has a process of its own, which holds its model; rounds are interleaved, so that a machine that
slows down does so for all. Writes ``speed.md``, ``speed.json`` and, where matplotlib is there, ``speed.png``. Peers need the extra
``[train]``, and SetFit and spaCy where they are to take part, newsgauge with OpenVINO the extra ``[openvino]``; a method whose library
is missing is left out by name.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any

from newsgauge.model.bundle import find
from newsgauge.training.card import table
from newsgauge.training.rows import seed_documents

METHODS = Path(__file__).with_name("speed_methods.py")
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1") | {"TOKENIZERS_PARALLELISM": "false"}
SCORE = [sys.executable, "-c", "from newsgauge.cli import main; main()", "score", "--threads", "1", "--format", "jsonl"]
Rounds = list[dict[str, Any]]


class Worker:
    """The process of one method, asked for one round at a time."""

    def __init__(self, method: str, articles: Path) -> None:
        call = [sys.executable, str(METHODS), method, str(articles)]
        self._process = subprocess.Popen(
            call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ, **ONE_THREAD}
        )
        first = self._answer()
        self.missing: str | None = first.get("missing")

    def round(self) -> dict[str, Any]:
        """CPU-seconds, peak memory in MB and what was found, of one round."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._answer()

    def end(self) -> None:
        """End the process."""
        self._process.communicate()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            return {"missing": f"it ended with status {self._process.wait()}"}
        answer: dict[str, Any] = json.loads(line)
        return answer


def measure(methods: dict[str, str], articles: Path, rounds: int) -> tuple[dict[str, Rounds], dict[str, str]]:
    """The rounds of each method that could take part, after one to warm up, and why others could not."""
    workers = {name: Worker(method, articles) for name, method in methods.items()}
    missing = {name: worker.missing for name, worker in workers.items() if worker.missing}
    measured: dict[str, Rounds] = {name: [] for name in workers if name not in missing}
    for number in range(rounds + 1):
        for name in list(measured):
            answer = workers[name].round()
            if "missing" in answer:
                missing[name] = answer["missing"]
                del measured[name]
            elif number:
                measured[name].append(answer)
        print(f"round {number} of {rounds}", file=sys.stderr)
    for worker in workers.values():
        worker.end()
    return measured, missing


def cold(command: list[str], times: int) -> dict[str, list[float]]:
    """Seconds, CPU-seconds and peak memory of *command* from its start to its end."""
    found: dict[str, list[float]] = {"seconds": [], "cpu": [], "peak": []}
    for _ in range(times):
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **ONE_THREAD})
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} ended with status {process.returncode}")
        for name, value in (
            ("seconds", time.perf_counter() - began),
            ("cpu", used.ru_utime + used.ru_stime),
            ("peak", used.ru_maxrss / 1024),
        ):
            found[name].append(value)
    return found


def installed(*names: str) -> float | None:
    """Megabytes of the distributions *names* and of all that they need; None where one of them is missing."""
    waiting, total = list(names), 0
    seen: set[str] = set()
    while waiting:
        name = waiting.pop().lower().replace("_", "-").replace(".", "-")
        if name in seen:
            continue
        seen.add(name)
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            if name in names:
                return None
            continue
        for path in distribution.files or ():
            with suppress(OSError):
                total += Path(str(path.locate())).stat().st_size
        waiting += needed(distribution)
    return total / 1e6


def needed(distribution: metadata.Distribution) -> list[str]:
    """The names of what a distribution requires here, without its extras."""
    from packaging.requirements import Requirement

    found = map(Requirement, distribution.requires or ())
    return [one.name for one in found if one.marker is None or one.marker.evaluate({"extra": ""})]


def spread(values: list[float], digits: int = 0) -> str:
    """The median and the range."""
    return f"{median(values):,.{digits}f} ({min(values):,.{digits}f}–{max(values):,.{digits}f})"


def report(found: dict[str, Any]) -> str:
    """All of it in Markdown."""
    count, rounds = found["sentences"], found["methods"]
    rows = []
    for name, measured in rounds.items():
        seconds = [one["seconds"] for one in measured]
        rates, cost = [count / one for one in seconds], [1000 * one / count for one in seconds]
        rows.append([name, spread(rates), spread(cost, 2), f"{max(one['peak'] for one in measured):.0f}"])
    parts = [
        f"{found['machine']}\n\n{count} sentences a round, {found['rounds']} interleaved rounds, one thread; medians and ranges.",
        table(["method", "sentences per CPU-second", "CPU-seconds per 1,000 sentences", "peak memory, MB"], rows),
    ]
    parts += [f"Left out: {name} ({reason})." for name, reason in found["missing"].items()]
    for name, measured in found["stages"].items():
        whole = sum(sum(one["found"].values()) for one in measured)
        shares = [[stage, f"{sum(one['found'][stage] for one in measured) / whole:.1%}"] for stage in measured[0]["found"]]
        parts.append(f"Where the CPU-time of {name} goes:\n\n" + table(["stage", "share"], shares))
    parts += limit(found["products"], found["encoders"]) if found["products"] else []
    starts = [[name, spread(one["seconds"], 2), spread(one["cpu"], 2), f"{max(one['peak']):.0f}"] for name, one in found["cold"].items()]
    parts.append("From start to end, one article:\n\n" + table(["command", "seconds", "CPU-seconds", "peak memory, MB"], starts))
    sizes = [[name, "–" if size is None else f"{size:,.0f}"] for name, size in found["installed"].items()]
    parts.append("Installed, with all that is needed, MB:\n\n" + table(["what", "MB"], sizes))
    return "\n\n".join(parts) + "\n"


def limit(products: list[dict[str, Any]], encoders: dict[str, list[dict[str, Any]]]) -> list[str]:
    """What int8 products reach alone, and how much of that the encoders do."""
    peak = {shape: median(one["found"][shape] for one in products) for shape in products[0]["found"]}
    head = "The limit, int8 products in onnxruntime, 10⁹ operations per CPU-second:\n\n"
    parts = [head + table(list(peak), [[f"{x:,.0f}" for x in peak.values()]])]
    for name, measured in encoders.items():
        rate = median(one["found"]["rate"] for one in measured)
        parts.append(f"The whole encoder of {name} reaches {rate:,.0f} with its products: {rate / max(peak.values()):.0%} of the largest.")
    return parts


def plot(found: dict[str, Any], path: Path) -> None:
    """The rates, on a logarithmic axis."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rates = {name: [found["sentences"] / one["seconds"] for one in measured] for name, measured in found["methods"].items()}
    names = sorted(rates, key=lambda name: median(rates[name]))
    figure, axes = plt.subplots(figsize=(9, 0.5 * len(names) + 1.2))
    middle = [median(rates[name]) for name in names]
    error = [
        [m - min(rates[name]) for m, name in zip(middle, names, strict=True)],
        [max(rates[n]) - m for m, n in zip(middle, names, strict=True)],
    ]
    axes.barh(names, middle, xerr=error, color=["tab:blue" if name.startswith("newsgauge") else "tab:grey" for name in names])
    axes.set(xscale="log", xlabel="sentences per CPU-second, one thread")
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def machine() -> str:
    """The processor's name, its vector instructions that matter here, its cores, and the versions of what computes."""
    flags: list[str] = []
    name = platform.processor() or platform.machine()
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0].splitlines()
        facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
        name, flags = facts.get("model name", name), facts.get("flags", "").split()
    known = [flag for flag in ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8", "amx_bf16") if flag in flags]
    versions = []
    for library in ("onnxruntime", "openvino", "tokenizers", "numpy", "torch", "sentence-transformers", "transformers"):
        with suppress(metadata.PackageNotFoundError):
            versions.append(f"{library} {metadata.version(library)}")
    cores = f"{os.cpu_count()} cores, {platform.system()}"
    return f"{name} ({', '.join(known)}), {cores}, Python {platform.python_version()}; {', '.join(versions)}"


def main() -> None:
    """Measure; print the table and write it, the numbers and the plot."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--models", nargs="*", default=["fast", "default"], help="models of newsgauge (default: %(default)s)")
    options.add_argument("--small", help="folder or hub id of all-MiniLM-L6-v2, for the peers (default: none of them)")
    options.add_argument("--large", help="folder or hub id of all-mpnet-base-v2, for the peers (default: none of them)")
    options.add_argument("--seeds", type=Path, default=Path("seeds"), help="folder of the starter data (default: %(default)s)")
    options.add_argument("--articles", type=int, default=24, help="articles a round (default: %(default)s)")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--output", type=Path, required=True, help="folder for speed.md, speed.json and speed.png")
    chosen = options.parse_args()
    chosen.output.mkdir(parents=True, exist_ok=True)
    articles = [[(row.text, row.stance or "none") for row in document.rows] for document in seed_documents(chosen.seeds)[: chosen.articles]]
    inputs, page = chosen.output / "articles.json", chosen.output / "article.txt"
    inputs.write_text(json.dumps(articles), encoding="utf-8")
    page.write_text("\n\n".join(text for text, _ in articles[0]) + "\n", encoding="utf-8")

    names = {Path(model).name: model for model in chosen.models}
    methods = {f"newsgauge {name}": f"newsgauge:{model}" for name, model in names.items()}
    methods |= {f"newsgauge {name}, OpenVINO": f"newsgauge-openvino:{model}" for name, model in names.items()}
    for base, size in ((chosen.small, "MiniLM-L6"), (chosen.large, "mpnet-base")):
        if base:
            methods[f"sentence-transformers {size} + logistic regression"] = f"sentence-transformers:{base}"
            methods[f"SetFit predict {size}"] = f"setfit:{base}"
    if chosen.small:
        methods["transformers pipeline MiniLM-L6"] = f"pipeline:{chosen.small}"
    methods |= {"spaCy textcat": "spacy", "TF-IDF + logistic regression": "tfidf"}
    extra = {f"stages of {name}": f"stages:{model}" for name, model in names.items()}
    encoders = {name: f"encoder:{model}" for name, model in names.items()}
    encoders |= {f"{name}, OpenVINO": f"encoder-openvino:{model}" for name, model in names.items()}
    extra |= {f"encoder of {name}": method for name, method in encoders.items()} | {"int8 products": "products"}
    measured, missing = measure({**methods, **extra}, inputs, chosen.rounds)

    commands = {f"newsgauge score --model {name}": [*SCORE, "--model", model, str(page)] for name, model in names.items()}
    for name, model in names.items():
        if f"newsgauge {name}, OpenVINO" not in missing:
            commands[f"newsgauge score --model {name} --runtime openvino"] = [*SCORE, "--model", model, "--runtime", "openvino", str(page)]
    commands["newsgauge --help"] = [*SCORE[:3], "--help"]
    for name, method in methods.items():
        if method.startswith("sentence-transformers:") and name not in missing:
            commands[name] = [sys.executable, str(METHODS), method, str(inputs), "--once"]
    found = {
        "machine": machine(),
        "sentences": sum(map(len, articles)),
        "rounds": chosen.rounds,
        "methods": {name: measured[name] for name in methods if name in measured},
        "missing": {name: reason for name, reason in missing.items() if name in methods or name == "int8 products"},
        "stages": {name: measured[f"stages of {name}"] for name in names},
        "encoders": {name: measured[f"encoder of {name}"] for name in encoders if f"encoder of {name}" in measured},
        "products": measured.get("int8 products", []),
        "cold": {name: cold(command, chosen.rounds) for name, command in commands.items()},
        "installed": {
            "what newsgauge needs to score": installed(*needed(metadata.distribution("newsgauge"))),
            "OpenVINO": installed("openvino"),
            **{f"model {name}": sum(path.stat().st_size for path in find(model).iterdir()) / 1e6 for name, model in names.items()},
            "sentence-transformers + scikit-learn": installed("sentence-transformers", "scikit-learn"),
        },
    }
    (chosen.output / "speed.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    text = report(found)
    (chosen.output / "speed.md").write_text(text, encoding="utf-8")
    with suppress(ImportError):
        plot(found, chosen.output / "speed.png")
    print(text)


if __name__ == "__main__":
    main()
