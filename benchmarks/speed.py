"""Speed of scoring against a peer, in one run: sentences per CPU-second on one thread, text in, scores out.

``python benchmarks/speed.py --base BASE`` scores the starter articles with each model and has sentence-transformers embed the same
sentences with *BASE*, in interleaved rounds. Needs the extra ``[train]`` for the peer.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from newsgauge.model.bundle import find
from newsgauge.model.document import Document
from newsgauge.model.scorer import Scorer
from newsgauge.training.card import table
from newsgauge.training.rows import seed_documents


def main() -> None:
    """Measure, print a Markdown table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--models", nargs="*", default=["fast", "default"], help="models of newsgauge (default: %(default)s)")
    options.add_argument("--base", help="folder or hub id of the peer's model (default: no peer)")
    options.add_argument("--seeds", type=Path, default=Path("seeds"), help="folder of the starter data (default: %(default)s)")
    options.add_argument("--articles", type=int, default=40, help="articles a round (default: %(default)s)")
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    articles = [[row.text for row in document.rows] for document in seed_documents(chosen.seeds)[: chosen.articles]]
    documents = [Document.from_text("\n\n".join(sentences)) for sentences in articles]
    sentences = sum(map(len, articles))

    runs: dict[str, Callable[[], None]] = {}
    for model in chosen.models:
        runs[f"newsgauge {Path(model).name}"] = scoring(Scorer.from_folder(model, threads=1), documents)
    if chosen.base:
        runs[f"sentence-transformers {Path(chosen.base).name}, embeddings alone"] = embedding(chosen.base, articles)
    rates: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(chosen.rounds + 1):
        for name, run in runs.items():
            began = time.process_time()
            run()
            rates[name].append(sentences / (time.process_time() - began))
    sizes = {f"newsgauge {Path(model).name}": size(find(model)) for model in chosen.models}
    rows = []
    for name, measured in rates.items():
        # The first round warms caches up.
        low, middle, high = np.quantile(measured[1:], [0, 0.5, 1])
        rows.append([name, f"{middle:.0f}", f"{low:.0f}–{high:.0f}", f"{sizes[name] / 1e6:.1f} MB" if name in sizes else "–"])
    print(f"{sentences} sentences a round, {chosen.rounds} rounds, one thread; {processor()}\n")
    print(table(["method", "sentences per CPU-second (median)", "range", "model folder"], rows))


def scoring(scorer: Scorer, documents: list[Document]) -> Callable[[], None]:
    """A round of newsgauge."""

    def run() -> None:
        for document in documents:
            scorer.score(document)

    return run


def embedding(base: str, articles: list[list[str]]) -> Callable[[], None]:
    """A round of the peer."""
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(1)
    encoder = SentenceTransformer(base, device="cpu")
    texts = [text for sentences in articles for text in sentences]

    def run() -> None:
        encoder.encode(texts, batch_size=32)

    return run


def size(folder: Path) -> int:
    """Bytes of the files of a model folder."""
    return sum(path.stat().st_size for path in folder.iterdir())


def processor() -> str:
    """The processor's name, its vector instructions that matter here, and its cores."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    facts = dict(line.split(":", 1) for line in text.split("\n\n")[0].splitlines() if ":" in line)
    facts = {key.strip(): value.strip() for key, value in facts.items()}
    flags = facts.get("flags", "").split()
    known = [flag for flag in ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8") if flag in flags]
    return f"{facts.get('model name', platform.machine())} ({', '.join(known)}), {os.cpu_count()} cores"


if __name__ == "__main__":
    main()
