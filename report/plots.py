"""Plots: what a collection looks like as a whole, as SVG."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Sequence

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from .article import LabelView
from .collection import Digest
from .folder import Group
from .svg import embeddable
from .visible import shortened

PALETTE = ("#d55e00", "#56b4e9", "#009e73", "#f0e442", "#cc79a7", "#e69f00", "#999999", "#8da0cb")
"""By number of colour, the same as in the style sheet: the first six are from Okabe and Ito, "Color universal design"."""
MOST_BARS = 15
_GREY = "#888888"
_BINS = [i / 20 for i in range(21)]
_NAME_CHARACTERS = 34


def plot_distributions(digests: Iterable[Digest], labels: Sequence[tuple[str, LabelView]]) -> str:
    """How many articles have which share of each label and of uncertain sentences, and which probability of machine translation."""
    scored = [digest for digest in digests if digest.scored]
    panels = [
        (f"share {view.name}", [one.stance.get(label, 0) / one.scored for one in scored], PALETTE[view.colour]) for label, view in labels
    ]
    panels.append(("share uncertain", [one.uncertain / one.scored for one in scored], _GREY))
    panels.append(("probability of\ngarbled translation", [one.verdict[0] for one in scored if one.verdict is not None], _GREY))
    columns = 3
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(7.6, 1.9 * rows), layout="constrained")
    for place, (title, values, colour) in enumerate(panels):
        axes = figure.add_subplot(rows, columns, place + 1)
        axes.hist(values, bins=_BINS, color=colour, edgecolor="black", linewidth=0.5)
        axes.set(xlim=(0, 1))
        axes.set_title(title, fontsize=10, parse_math=False)
        axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
        axes.set_ylabel("articles" if place % columns == 0 else "")
        if "probability" not in title:
            axes.xaxis.set_major_formatter(PercentFormatter(1.0))
        _plain(axes)
    return _drawn(figure, "distributions")


def plot_groups(groups: Sequence[Group], labels: Sequence[tuple[str, LabelView]]) -> str:
    """Outlets or folders side by side: the shares of the labels, and of articles with the verdict."""
    shown = [group for group in groups if group.scored][:MOST_BARS]
    figure = Figure(figsize=(7.6, 1.3 + 0.34 * len(shown)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(3, 1))
    at = list(range(len(shown)))[::-1]
    base = [0.0] * len(shown)
    for label, view in labels:
        shares = [group.stance.get(label, 0) / group.scored for group in shown]
        left.barh(at, shares, left=base, height=0.68, color=PALETTE[view.colour], edgecolor="black", linewidth=0.5, label=view.name)
        for place, start, share in zip(at, base, shares, strict=True):
            if share >= 0.05:
                left.text(start + share / 2, place, view.letter, ha="center", va="center", fontsize=9, color="#000001")
        base = [start + share for start, share in zip(base, shares, strict=True)]
    flagged = [group.garbled / group.judged if group.judged else 0.0 for group in shown]
    right.barh(at, flagged, height=0.68, color=_GREY, edgecolor="black", linewidth=0.5)
    left.set_yticks(at, [f"{shortened(group.name, _NAME_CHARACTERS)} ({group.articles:,})" for group in shown])
    for name in left.get_yticklabels():
        name.set_parse_math(False)
    left.set(xlim=(0, 1), xlabel="share of scored sentences")
    right.set(xlim=(0, 1), xlabel="articles garbled")
    for axes in (left, right):
        axes.xaxis.set_major_formatter(PercentFormatter(1.0))
        _plain(axes)
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper left", ncols=max(1, len(labels)), frameon=False, fontsize=9)
    return _drawn(figure, "groups")


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9)
    axes.xaxis.label.set_fontsize(9)
    axes.yaxis.label.set_fontsize(9)
    axes.patch.set_visible(False)


def _drawn(figure: Figure, salt: str) -> str:
    figure.patch.set_visible(False)
    stream = io.BytesIO()
    # The same collection makes the same page: no date, and names that depend on what is drawn alone.
    with mpl.rc_context({"svg.hashsalt": f"newsgauge {salt}", "svg.fonttype": "none"}), warnings.catch_warnings():
        # Letters that the library cannot measure are drawn by the browser all the same.
        warnings.filterwarnings("ignore", message="Glyph .* missing", category=UserWarning)
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return embeddable(stream.getvalue())
