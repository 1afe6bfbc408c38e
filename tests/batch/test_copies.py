"""Copies: wire copy is grouped, a garbled retelling is paired with its original, and different articles stay apart."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from newsgauge.batch.copies import COPY, Copies, find_copies
from newsgauge.batch.minhash import HASHES, likeness, signature

SEEDS = Path(__file__).resolve().parents[2] / "seeds"


def seeds(kind: str, key: str) -> dict[str, list[str]]:
    rows = [json.loads(line) for n in range(1, 5) for line in (SEEDS / f"{kind}{n}.jsonl").read_text(encoding="utf-8").splitlines()]
    return {row[key]: [row["headline"], *(sentence["text"] for sentence in row["sentences"])] for row in rows}


ORIGINALS, TWINS = seeds("s", "id"), seeds("g", "of")


def copies(texts: list[list[str]], probabilities: list[float]) -> Copies:
    signatures = np.frombuffer(b"".join(signature(text) or b"" for text in texts), "<u4").reshape(len(texts), 2 * HASHES)
    return find_copies(signatures, np.array(probabilities))


def test_a_signature_depends_on_the_words_alone() -> None:
    one = signature(["The mayor denied it.", "Nobody was hurt at the harbour."])
    assert one == signature(["the MAYOR denied it", "— nobody was hurt at the harbour"])
    assert one != signature(["Nobody was hurt at the quarry."])
    assert signature(["…", "!"]) is None
    assert signature(["No"]) is not None


def test_likeness_estimates_the_share_of_words() -> None:
    stems = [f"{i:05}" for i in range(3000)]
    first, second = (np.frombuffer(signature([" ".join(part)]) or b"", "<u4") for part in (stems[:2000], stems[1000:]))
    assert abs(likeness(first[None, :HASHES], second[None, :HASHES])[0] - 1 / 3) < 0.13


def test_wire_copy_is_one_cluster_and_its_first_comes_first() -> None:
    texts = list(ORIGINALS.values())[:30]
    edited = [*texts[7][:-2], "This story was updated with a new paragraph at its end."]
    found = copies([*texts, texts[7], edited, texts[12]], [0.1] * 33)
    assert found.cluster.tolist() == [*range(30), 7, 7, 12]
    assert (found.spun_from == -1).all()


def test_a_story_that_was_rewritten_step_by_step_is_one_cluster() -> None:
    texts = list(ORIGINALS.values())
    words = " ".join(texts[3] + texts[4]).split()
    versions = [[" ".join(words[start : start + 300])] for start in (0, 50, 100, 150)]
    signatures = [np.frombuffer(signature(version) or b"", "<u4")[None, HASHES:] for version in versions]
    assert likeness(signatures[0], signatures[1])[0] >= COPY > likeness(signatures[0], signatures[3])[0]
    assert copies([*texts[5:8], *versions], [0.1] * 7).cluster.tolist() == [0, 1, 2, 3, 3, 3, 3]


def test_twins_are_paired_with_their_originals() -> None:
    """All of the starter corpus: at least 95 % of the twins are paired rightly, at most 1 % of all articles wrongly."""
    names = list(ORIGINALS)
    texts = [*ORIGINALS.values(), *(TWINS[name] for name in names)]
    found = copies(texts, [0.1] * len(names) + [0.9] * len(names))
    paired = found.spun_from[len(names) :]
    assert (paired == np.arange(len(names))).mean() >= 0.95
    assert np.count_nonzero((paired != np.arange(len(names))) & (paired >= 0)) + np.count_nonzero(found.spun_from[: len(names)] >= 0) <= 2
    assert (found.cluster[len(names) :][paired >= 0] == paired[paired >= 0]).all()


def test_the_more_garbled_of_two_is_the_copy_wherever_it_stands() -> None:
    name = next(iter(ORIGINALS))
    found = copies([TWINS[name], ORIGINALS[name]], [0.9, 0.2])
    assert found.spun_from.tolist() == [1, -1] and found.cluster.tolist() == [0, 0]
    for alike in ([0.9, 0.88], [0.3, 0.1], [float("nan"), 0.1], [float("nan"), float("nan")]):
        assert copies([TWINS[name], ORIGINALS[name]], alike).spun_from.tolist() == [-1, -1]


def test_an_excerpt_is_no_retelling() -> None:
    text = next(iter(ORIGINALS.values()))
    found = copies([text, text[: len(text) * 9 // 20]], [0.1, 0.9])
    assert found.spun_from.tolist() == [-1, -1]


def test_different_articles_stay_apart() -> None:
    found = copies(list(ORIGINALS.values()), [i % 2 * 0.9 for i in range(len(ORIGINALS))])
    assert (found.cluster == np.arange(len(ORIGINALS))).all() and (found.spun_from == -1).all()


def test_few_articles_are_enough() -> None:
    text = next(iter(ORIGINALS.values()))
    for count in range(1, 7):
        assert copies([text] * count, [0.1] * count).cluster.tolist() == [0] * count


def test_nothing_has_no_copies() -> None:
    found = find_copies(np.empty((0, 2 * HASHES), np.uint32), np.empty(0))
    assert len(found.cluster) == len(found.spun_from) == 0
