"""Adversarial text: how often labels and garbled flags flip when a text is written differently and says the same.

``python benchmarks/adversarial.py --rows CORPORA/stance/dev.jsonl --model fast`` joins labelled sentences to their articles,
changes every sentence in one way, scores the article, and compares each sentence with what it got unchanged. The same seed makes
the same changes.
"""

from __future__ import annotations

import argparse
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from given import rows_in

from newsgauge.model.document import Document
from newsgauge.model.errors import InputError, in_one_line
from newsgauge.model.results import SentenceScore
from newsgauge.model.scorer import Scorer
from newsgauge.training.card import table
from newsgauge.training.rows import STANCE_LABELS

Change = Callable[[str, random.Random], str]

# Cyrillic and Greek letters that look like Latin ones.
LOOKALIKES = str.maketrans("aceopxyijsABEKMHOPCTXIZ", "асеорхуіјѕАВЕКМНОРСТХІΖ")
ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
_SAYING = r"said|says|told [^,.]{1,30}|denied|insisted|added|claimed|argued|warned"
_QUOTED = re.compile(rf"^([“\"].{{20,}}),([”\"]) ((?:[A-Z]\S* ){{1,4}}?)({_SAYING})(.{{0,60}}?)\.$")


def lookalikes(text: str, chance: random.Random) -> str:
    """One letter in ten that has one in another alphabet, replaced by it."""
    return "".join(letter.translate(LOOKALIKES) if chance.random() < 0.1 else letter for letter in text)


def zero_width(text: str, chance: random.Random) -> str:
    """An invisible character after one character in ten."""
    return "".join(letter + (chance.choice(ZERO_WIDTH) if chance.random() < 0.1 else "") for letter in text)


def typing_errors(text: str, chance: random.Random) -> str:
    """In one word of four or more letters in ten, two neighbouring letters within change places."""

    def swap(match: re.Match[str]) -> str:
        word = match[0]
        at = chance.randrange(1, len(word) - 2)
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :] if chance.random() < 0.1 else word

    return re.sub(r"[A-Za-z]{4,}", swap, text)


def straight(text: str, chance: random.Random) -> str:
    """Curly quotation marks and apostrophes as typewriters have them."""
    return text.translate(str.maketrans("“”‘’", "\"\"''"))


def curly(text: str, chance: random.Random) -> str:
    """Straight quotation marks and apostrophes as printers have them."""
    text = re.sub(r'(^|[\s(\[—])"', r"\1“", text).replace('"', "”")
    return re.sub(r"(^|[\s(\[—“])'", r"\1‘", text).replace("'", "’")


def attribution_first(text: str, chance: random.Random) -> str:
    """“…,” X said. → X said: “…”"""
    match = _QUOTED.match(text)
    if match is None:
        return text
    quotation, mark, name, saying, rest = match.groups()
    return f"{name}{saying}{rest}: {quotation}.{mark}"


CHANGES: Mapping[str, Change] = {
    "capitals": lambda text, chance: text.upper(),
    "small letters": lambda text, chance: text.lower(),
    "no commas": lambda text, chance: re.sub(r",(?!\d)", "", text),
    "no final stop": lambda text, chance: re.sub(r"\.(?=[”\"’']?$)", "", text),
    "doubled spaces": lambda text, chance: text.replace(" ", "  "),
    "no-break spaces": lambda text, chance: text.replace(" ", "\u00a0"),
    "look-alike letters": lookalikes,
    "zero-width characters": zero_width,
    "full-width letters": lambda text, chance: text.translate({i: i + 0xFEE0 for i in (*range(65, 91), *range(97, 123))}),
    "typing errors": typing_errors,
    "straight quotation marks": straight,
    "curly quotation marks": curly,
    "attribution first": attribution_first,
}


@dataclass
class Tally:
    """Sentences that were changed, and what became of them; ``right`` are labels as the annotators gave them, before and after."""

    changed: int = 0
    lost: int = 0
    compared: int = 0
    labels: int = 0
    confident: int = 0
    flags: int = 0
    right: tuple[int, int] = (0, 0)

    def row(self, name: str) -> list[str]:
        """A row of the table."""

        def share(count: int) -> str:
            return f"{count / self.compared:.1%}" if self.compared else "–"

        cells = (share(self.labels), share(self.confident), share(self.flags), share(self.right[0]), share(self.right[1]))
        return [name, str(self.changed), f"{self.lost / max(1, self.changed):.1%}", *cells]


def scored(scorer: Scorer, headline: str, sentences: Sequence[str]) -> list[SentenceScore | None]:
    """What each of *sentences* gets in an article of them: the score of the sentence found that shares most characters with it."""
    body, places = headline, []
    for index, sentence in enumerate(sentences):
        body += "\n\n" if index == 0 else " "
        places.append((len(body), len(body) + len(sentence)))
        body += sentence
    try:
        found = scorer.score(Document.from_text(body)).sentences
    except InputError:
        return [None] * len(sentences)
    best: list[SentenceScore | None] = []
    for start, end in places:
        shared, score = max(((min(end, one.end) - max(start, one.start), one) for one in found), key=lambda pair: pair[0])
        best.append(score if shared > 0 and score.label is not None else None)
    return best


def compare(tally: Tally, gold: str, before: SentenceScore, after: SentenceScore | None) -> None:
    """Count one sentence that was changed."""
    tally.changed += 1
    if after is None:
        tally.lost += 1
        return
    assert before.garbled is not None and after.garbled is not None
    tally.compared += 1
    tally.labels += before.label != after.label
    tally.confident += before.label != after.label and bool(before.confident)
    tally.flags += before.garbled.flag != after.garbled.flag
    tally.right = (tally.right[0] + (before.label == gold), tally.right[1] + (after.label == gold))


def measure(scorer: Scorer, rows: Sequence[Mapping[str, Any]], seed: int, names: Sequence[str]) -> dict[str, Tally]:
    """A tally for each change of :data:`CHANGES` in *names*."""
    articles: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        articles.setdefault(row["document"], []).append(row)
    tallies = {name: Tally() for name in names}
    for document, members in articles.items():
        members = sorted(members, key=lambda row: row["position"])
        texts = [row["text"] for row in members]
        headline = members[0].get("headline") or ""
        plain = scored(scorer, headline, texts)
        for name in names:
            chance = random.Random(f"{seed} {document} {name}")
            others = [CHANGES[name](text, chance) for text in texts]
            if others == texts:
                continue
            for row, text, other, before, after in zip(members, texts, others, plain, scored(scorer, headline, others), strict=True):
                if text != other and before is not None and row["label"] in STANCE_LABELS:
                    compare(tallies[name], row["label"], before, after)
    return tallies


@in_one_line()
def main() -> None:
    """Score, print a Markdown table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", type=Path, required=True, help="labelled sentences (JSON Lines) with document, position and label")
    options.add_argument("--model", default="default", help="model folder or name (default: %(default)s)")
    options.add_argument("--seed", type=int, default=13, help="default: %(default)s")
    options.add_argument("--only", action="append", choices=CHANGES, help="only this change; repeatable")
    chosen = options.parse_args()
    rows = rows_in(chosen.rows)
    tallies = measure(Scorer.from_folder(chosen.model), rows, chosen.seed, chosen.only or list(CHANGES))
    head = ["change", "sentences changed", "no longer scored", "labels flipped", "confident ones flipped", "flags flipped"]
    print(table([*head, "right before", "right after"], [tally.row(name) for name, tally in tallies.items()]))


if __name__ == "__main__":
    main()
