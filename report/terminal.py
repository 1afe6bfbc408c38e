"""Scores for people: a table on a terminal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from ..model.results import ArticleScore, SentenceScore

LABEL_STYLES = {"accusation": "red", "denial": "magenta", "evidence": "cyan", "analysis": "yellow"}
OTHER_LABEL_STYLE = "green"
GARBLED_STYLE = "reverse"
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


def printable(text: str) -> str:
    """*text* on one line with control and direction characters as spaces: an article cannot drive the terminal. Length is kept."""
    return _CONTROL.sub(" ", text)


def show(console: Console, article: ArticleScore) -> None:
    """Print one article: its verdict, then a row per sentence."""
    console.print(render(article))


def render(article: ArticleScore) -> Group:
    """The heading, the table and the summary of one article."""
    return Group(_heading(article), _table(article), _summary(article), Text())


def _heading(article: ArticleScore) -> Text:
    return Text.assemble(
        (printable(article.source), "bold"), f"  {article.characters:,} characters, {article.language or 'unknown language'}"
    )


def _table(article: ArticleScore) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), show_header=True, header_style="dim")
    table.add_column("", justify="right", style="dim", no_wrap=True)
    table.add_column("label", no_wrap=True)
    table.add_column("p", justify="right", no_wrap=True)
    table.add_column("garbled", no_wrap=True)
    table.add_column("sentence", ratio=1, overflow="fold")
    inside = {i for passage in article.passages for i in passage.sentences}
    for sentence in article.sentences:
        table.add_row(str(sentence.index), *_label(sentence), _garbled(sentence, sentence.index in inside), _text(sentence))
    return table


def _label(sentence: SentenceScore) -> tuple[Text, Text]:
    if sentence.label is None or sentence.probabilities is None:
        if sentence.kind == "boilerplate":
            return Text(sentence.kind, style="dim"), Text()
        # The language stands in the column of probabilities: with it this would be the widest label and take the text's room.
        return Text("not English", style="dim"), Text(f"({printable(sentence.language or '?')})", style="dim")
    style = LABEL_STYLES.get(sentence.label, OTHER_LABEL_STYLE)
    unsure = "" if sentence.confident else "?"
    return Text(sentence.label + unsure, style=style), Text(f"{sentence.probabilities[sentence.label]:.2f}", style=style)


def _garbled(sentence: SentenceScore, in_passage: bool) -> Text:
    bar = "┃" if in_passage else " "
    if sentence.garbled is None:
        return Text(bar, style="bold red")
    mark = "!" if sentence.garbled.flag else " "
    return Text.assemble((bar, "bold red"), (f"{mark}{sentence.garbled.probability:.2f}", "bold" if sentence.garbled.flag else "dim"))


def _text(sentence: SentenceScore) -> Text:
    style = "" if sentence.label is not None else "dim"
    text = Text(printable(sentence.text), style="bold" if sentence.kind == "headline" else style)
    if sentence.garbled is None:
        return text
    for start, end, _ in sentence.garbled.spans:
        text.stylize(GARBLED_STYLE, start, end)
    reasons = [f"{sign.kind}: “{printable(sentence.text[sign.start : sign.end])}”" for sign in sentence.garbled.signs]
    if reasons:
        text.append(f" [{'; '.join(reasons)}]", style="dim")
    return text


def _summary(article: ArticleScore) -> Text:
    line = Text()
    for label, count in article.stance.items():
        line.append(f"{count} {label}", style=LABEL_STYLES.get(label, OTHER_LABEL_STYLE))
        line.append("  ")
    flagged = sum(1 for sentence in article.sentences if sentence.garbled and sentence.garbled.flag)
    line.append(f"· {flagged} garbled, {len(article.passages)} {'passage' if len(article.passages) == 1 else 'passages'}\n")
    if article.machine_translated is not None:
        probability, flag = article.machine_translated
        verdict = "garbled machine translation" if flag else "no sign of garbled machine translation"
        line.append(f"verdict: {verdict} (probability {probability:.2f})", style="bold red" if flag else "bold")
    return line


def model_summary(identity: str, manifest: Mapping[str, Any]) -> Table:
    """The essentials of a model folder's manifest, for ``newsgauge info``; what a manifest does not say is left out."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")

    def add(name: str, value: str) -> None:
        table.add_row(Text(printable(name)), Text(printable(value)))

    encoder, training, quality = manifest["encoder"], manifest.get("training", {}), manifest.get("quality", {})
    add("model", identity)
    add("labels", ", ".join(manifest["labels"]))
    add("encoder", f"{encoder.get('base', 'unknown base')}, {encoder['kind']}, embeddings of width {encoder['width']}")
    if "from" in training:
        add("retrained from", training["from"])
    if "rows" in training:
        add("training rows", ", ".join(f"{count:,} {name}" for name, count in training["rows"].items() if not name.endswith("_dev")))
    if "stance" in quality:
        stance = quality["stance"]
        told = f"macro-F1 {stance['macro_f1']:.3f}, accuracy {stance['accuracy']:.3f}, calibration error {stance['calibration_error']:.3f}"
        add("labels on held-out rows" if "from" in training else "labels on dev", f"{told} ({stance['rows']:,} sentences)")
        add("F1 by label", ", ".join(f"{label} {value:.3f}" for label, value in stance["f1"].items()))
    for one in quality.get("comparisons", ()):
        points = f"{100 * one['difference']:+.1f} points ({100 * one['low']:+.1f} to {100 * one['high']:+.1f})"
        add("beside the old model", f"{one['verdict']}: {one['figure']} {points}")
    for name, title in _GARBLED_FIGURES.items():
        value = quality.get("garbled", {}).get(name)
        if value is not None:
            add(title, f"{value:.3f}")
    if "versions" in manifest:
        add("made with", ", ".join(f"{name} {version}" for name, version in manifest["versions"].items()))
    return table


_GARBLED_FIGURES = {
    "auroc": "garbled, AUROC on dev",
    "twins_auroc": "garbled, AUROC on twins",
    "recall_dev": "garbled, recall on dev",
    "false_flags_on_news": "at false flags on news",
    "passage_f1": "passages, sentence F1",
    "article_auroc": "articles, AUROC",
}
