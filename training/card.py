"""The model card, written from the run's own figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

from .. import __version__
from .layers import proportions


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines.extend("| " + " | ".join(row) + " |" for row in rows)
    return "\n".join(lines)


def without_nan(value: Any) -> Any:
    """*value* with None for every NaN: JSON knows none."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def versions(libraries: Sequence[str]) -> dict[str, str]:
    """The versions of newsgauge and of *libraries*, for a manifest."""
    return {"newsgauge": __version__, **{name: metadata.version(name) for name in libraries}}


def card(name: str, about: Mapping[str, Any], labels: Sequence[str], *, command: str) -> str:
    """The text of a model's ``README.md``. *about*: the manifest's sections ``encoder``, ``training``, ``quality`` and ``versions``."""
    quality, training, encoder = about["quality"], about["training"], about["encoder"]
    stance, garbled, content = quality["stance"], quality["garbled"], quality["content"]
    per_class = table(
        ["label", "precision", "recall", "F1", "rows"],
        [
            [
                label,
                f"{stance['precision'][label]:.3f}",
                f"{stance['recall'][label]:.3f}",
                f"{stance['f1'][label]:.3f}",
                str(sum(stance["confusion"][i])),
            ]
            for i, label in enumerate(labels)
        ],
    )
    layers, size, read = proportions(encoder)
    beside = f", the states of its {read} uppermost layers side by side" if read > 1 else ""
    origin = f", on an encoder made with: {training['encoder']}" if "encoder" in training else ""
    unrounded = f" The float network on the same rows: macro-F1 {quality['float']['macro_f1']:.3f}." if "float" in quality else ""
    confusion = table(["truth ↓, said →", *labels], [[label, *map(str, stance["confusion"][i])] for i, label in enumerate(labels)])
    return f"""# newsgauge model `{name}`

Labels every sentence of an English news article **{", ".join(labels[:-1])} or {labels[-1]}**, tells article from boilerplate, and
scores garbled machine translation by sentence, word, passage and article. The labels are defined in the project's annotation
guide (`docs/annotation.md`).

- Encoder: {encoder["base"]}, {layers} layers, width {size}{beside}, {encoder["kind"]} int8, windows of {encoder["window"]["tokens"]} word pieces
- Made with: `{command}`{origin}
- Training data: {", ".join(f"{value:,} {key}" for key, value in training["rows"].items() if not key.endswith("_dev"))} rows (of the last two an epoch draws a part); {training["epochs"]} epochs, learning rate {training["learning_rate"]}, seed {training["seed"]}

## Quality

Measured on development data, split from training by document; thresholds, temperature and regularisation were chosen on the same
data, so expect a little less elsewhere. The training and dev labels were made by language-model annotators after the annotation guide: two independent ones
agree at κ = 0.93 and macro-F1 0.94, and annotators of one family agree more than people would.

Stance, {stance["rows"]} sentences: **macro-F1 {stance["macro_f1"]:.3f}**, accuracy {stance["accuracy"]:.3f}; {stance["acceptable"]:.3f} counting a defensible second
label as right; expected calibration error {stance["calibration_error"]:.3f}.{unrounded}
`confident` is true for {quality["confident"]["coverage"]:.0%} of these sentences, of which {quality["confident"]["accuracy"]:.0%} are right.

{per_class}

{confusion}

{_garbled(garbled)}

![Reliability: accuracy against confidence](reliability.png)
![Risk and coverage: wrong labels among the most confident](risk_coverage.png)

Article or boilerplate: AUROC {content["auroc"]:.3f} on dev; {content["lost"]:.2%} of article sentences are taken for boilerplate and {content["caught"]:.1%} of boilerplate is caught.

## Known failures

{_failures(quality)}

## What not to use it for

It labels what a sentence does to the record, not whether the sentence is true. A high machine-translation probability is a reason to read, not proof of
origin: clean human English can be clumsy, and a good translation leaves no trace. Fluent-but-wrong sentences of modern neural translation are often missed one at a time; the article verdict sums them up.
Only English is scored. Labels of single sentences without their article are less reliable. All of it is for news: of what is no news, labels
are right less often (`benchmarks/retrain.py`), and more sentences are falsely flagged (`benchmarks/robustness.py`).

## Licence

Model weights Apache-2.0, as the base weights. The training articles belong to their publishers and are not contained here.
"""


def _failures(quality: Mapping[str, Any]) -> str:
    """Confusions of labels with examples of our own, and honest English that is flagged."""
    lines = []
    if quality["mistakes"]:
        rows = [
            [mistake["truth"], mistake["said"], f"{mistake['share']:.1%}", f"{mistake['text']} ({mistake['probability']:.0%})"]
            for mistake in quality["mistakes"]
        ]
        lines += [
            "Labels that are mistaken for others: how often, of the dev sentences of that label, and the surest such mistake on the held-out starter articles"
            " (invented news, in their articles; its probability in brackets).",
            "",
            table(["truth", "said", "of dev rows", "example"], rows),
            "",
        ]
    flagged = [[kind, f"{share:.0%}"] for kind, share in sorted(quality["false_flags"].items(), key=lambda pair: -pair[1])]
    lines += [
        "Honest English that is flagged as garbled, of twelve sentences a kind, each read alone:",
        "",
        table(["kind", "flagged"], flagged),
    ]
    return "\n".join(lines)


def _words(figures: Mapping[str, Sequence[float]]) -> str:
    """F1 and correlation of the marked words by kind of text."""
    told = {"twins": "written twins", "round_trips": "round trips", "mqm": "dev sentences that experts marked or found faultless (MQM)"}
    parts = [f"{told[kind]} {f1:.3f} and {correlation:.3f}" for kind, (f1, correlation) in figures.items()]
    return "; F1 and Matthews correlation by kind: " + ", ".join(parts) if parts else ""


_KINDS = {
    "machine": "machine-translated documents",
    "native": "agency news",
    "world": "news and records from many countries",
    "human": "human translations",
    "plain": "English that is no news",
    "starter": "invented articles",
}


def _by_kind(shares: Mapping[str, Sequence[float]]) -> str:
    """The share of each kind of documents that is flagged, the commonest first."""
    ordered = sorted(shares.items(), key=lambda item: -item[1][1])
    return ", ".join(f"{share:.1%} of {count} ({_KINDS[kind]})" for kind, (share, count) in ordered)


def _passages(figures: Mapping[str, Any]) -> str:
    """What was measured of the passage chain."""
    hosts = [f"{figures['passage_f1']:.3f} in agency news"]
    if figures["passage_f1_elsewhere"] == figures["passage_f1_elsewhere"]:
        hosts.append(f"{figures['passage_f1_elsewhere']:.3f} in other clean English")
    told = [f"sentence F1 of garbled runs {' and '.join(hosts)}, machine output of systems that the chain was not fitted on"]
    if figures["passage_whole"] == figures["passage_whole"]:
        told.append(f"{figures['passage_whole']:.1%} of the sentences of wholly machine-translated documents lie in passages")
    told.append(f"of clean documents have one, {_by_kind(figures['passage_false'])}")
    return f"- passages: {'; '.join(told)}"


def _garbled(figures: Mapping[str, Any]) -> str:
    """What was measured of the garbled head; what was not is left out."""

    def known(name: str) -> bool:
        value = figures.get(name)
        return value is not None and value == value

    lines = []
    if figures["auroc_by_corpus"]:
        rows = [[key, f"{value:.3f}", str(rows)] for key, (value, rows) in sorted(figures["auroc_by_corpus"].items())]
        lines += [
            "Garbled machine translation, sentences of the dev set by corpus (a corpus with one class has no AUROC; all of these corpora have training rows as well):",
            "",
            table(["corpus", "AUROC", "rows"], rows),
            "",
        ]
    else:
        lines += ["Garbled machine translation:", ""]
    if known("auroc"):
        lines.append(f"- all corpora together: AUROC {figures['auroc']:.3f}")
    caught = [f"{figures['recall_dev']:.1%} of the garbled dev sentences"] if known("recall_dev") else []
    for kind, told in (("twins", "written garbled twins"), ("round_trips", "machine round trips")):
        if known(f"{kind}_auroc"):
            against = figures[f"{kind}_within_auroc"] if known(f"{kind}_within_auroc") else None
            within = "" if against is None else f"; against sentences of the same texts that came through intact {against:.3f}"
            lines.append(
                f"- {told} of articles held out, severe damage against clean articles held out: AUROC {figures[f'{kind}_auroc']:.3f}{within}"
            )
            caught.append(f"{figures[f'recall_{kind}']:.1%} of the severely damaged sentences in {told}")
    starters = f" and {figures['false_flags_on_starters']:.1%} on held-out starter articles" if known("false_flags_on_starters") else ""
    lines.append(
        f"- flags at {figures['false_flags_on_news']:.1%} false flags on professional news sentences{starters}: {', '.join(caught)}"
    )
    lines.append(
        f"- words: F1 {figures['piece_f1']:.3f} over word pieces of held-out twins and round trips (threshold chosen on them){_words(figures['words'])}"
    )
    if known("passage_f1"):
        lines.append(_passages(figures))
    if known("article_auroc"):
        lines.append(
            f"- articles: AUROC {figures['article_auroc']:.3f} on documents of ten sentences or more, by cross-validation over systems; {figures['article_recall']:.1%} found at {figures['article_false_flags']:.1%} false flags (a human translation counts 0.3 times): {_by_kind(figures['article_false'])}"
        )
        lines.append(f"- worth a second look (`--second-look`): {_by_kind(figures['second_looks'])}")
    else:
        lines.append("- passages and articles: not fitted and not measured, for want of whole machine-translated documents")
    return "\n".join(lines)
