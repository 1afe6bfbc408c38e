"""Pages: a collection → one HTML file, an article view or a folder view."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .alignment import MOST as MOST_ALIGNED_SENTENCES
from .article import LabelView, article_view, label_views
from .atomic import atomic_output
from .collection import Collection
from .folder import MOST_GROUPS, MOST_MEMBERS, Claim, Highlights, cluster_members, clusters, groups
from .html import environment, page
from .visible import visible

if TYPE_CHECKING:
    from jinja2 import Environment

TEXT_BYTES = 4_000_000
"""What the texts of articles may take in a folder view."""
MOST_ROWS = 20_000
"""Articles in the table of a folder view."""
PLAIN_ROWS = 50
"""Rows of a table that stand in the page itself, for readers without JavaScript."""
MOST_FAILURES = 200
_MARKUP_BYTES = 420
"""About what the markup of a sentence takes beside its text."""


@dataclass(frozen=True, slots=True)
class Copies:
    """For each article the index of the first of its cluster, and that of the original that it is a garbled retelling of, or -1."""

    cluster: Sequence[int]
    spun_from: Sequence[int]


def write_report(collection: Collection, copies: Copies, output: Path, *, title: str | None = None, overwrite: bool = False) -> None:
    """Write the article view of a single article, else the folder view, whole or not at all.

    *copies* has an entry per article. :class:`ReportError` where Jinja2 or Matplotlib is missing;
    :class:`OutputError` where *output* cannot be written.
    """
    made = environment()
    labels = label_views(collection.labels)
    if len(collection) == 1 and not collection.failures:
        article = article_view(collection[0], labels)
        values = {"title": visible(title or collection[0].source), "article": article, "labels": list(labels.values())}
        pieces = page(made, "article.html", values)
    else:
        pieces = page(made, "folder.html", _folder(made, collection, copies, labels) | {"title": visible(title or "Articles")})
    with atomic_output(output, overwrite=overwrite) as stream:
        stream.writelines(piece.encode() for piece in pieces)


def _folder(made: Environment, collection: Collection, copies: Copies, labels: dict[str, LabelView]) -> dict[str, Any]:
    from markupsafe import Markup

    from .plots import MOST_BARS, plot_distributions, plot_groups

    highlights = Highlights()
    for number, article in enumerate(collection):
        highlights.add(number, article)
    members = cluster_members(copies.cluster, copies.spun_from)
    found = clusters(collection, members, copies.spun_from)
    paired = [one for cluster in found for pair in cluster.retellings for one in (pair.original, pair.copy)]
    texts = dict(_texts(made, collection, paired, labels))
    numbers = {one: number for number, cluster in enumerate(members, 1) for one in cluster}
    outlets = groups(collection.digests, collection.labels)
    named = list(labels.items())
    digests = collection.digests
    claims = [_claim(claim, list(labels)) for claim in highlights.claims]
    rows = [_row(collection, number, numbers, copies, texts, labels) for number in range(min(len(digests), MOST_ROWS))]
    others = {str(claim[0]): visible(digests[claim[0]].source) for claim in claims if claim[0] >= MOST_ROWS}
    views = [[view.name, view.letter, view.colour] for view in labels.values()]
    return {
        "data": {"labels": views, "articles": rows, "claims": claims, "others": others},
        "labels": list(labels.values()),
        "sources": [visible(digest.source) for digest in digests],
        "articles": len(digests),
        "sentences": sum(digest.sentences for digest in digests),
        "judged": sum(1 for digest in digests if digest.verdict is not None),
        "flagged": sum(1 for digest in digests if digest.verdict is not None and digest.verdict[1]),
        "spun": sum(1 for one in copies.spun_from if one >= 0),
        "models": [(visible(model), count) for model, count in collection.models.most_common(5)],
        "failures": [(visible(one.source), visible(one.message)) for one in collection.failures[:MOST_FAILURES]],
        "failures_in_all": len(collection.failures),
        "rows": rows,
        "plain_rows": PLAIN_ROWS,
        "claims": claims,
        "claims_in_all": highlights.claims_in_all,
        "passages": highlights.passages,
        "passages_in_all": highlights.passages_in_all,
        "clusters": found,
        "clusters_in_all": len(members),
        "most_members": MOST_MEMBERS,
        "aligned": len(paired) // 2,
        "most_aligned": MOST_ALIGNED_SENTENCES,
        "outlets": [
            (visible(group.name), group, [(view, group.stance[label]) for label, view in named]) for group in outlets[:MOST_GROUPS]
        ],
        "outlets_in_all": len(outlets),
        "distributions": Markup(plot_distributions(digests, named)),
        "side_by_side": Markup(plot_groups(outlets, named)) if len(outlets) > 1 else None,
        "most_bars": MOST_BARS,
        "texts": texts,
        "text_bytes": TEXT_BYTES,
    }


def _texts(made: Environment, collection: Collection, first: list[int], labels: dict[str, LabelView]) -> Iterator[tuple[int, Any]]:
    """The articles whose text stands in the page: those in *first*, then the others with the highest verdict, while there is room."""
    digests = collection.digests
    order = sorted(range(len(digests)), key=lambda one: -(digests[one].verdict or (0.0, False))[0])
    macro = made.get_template("macros.html").module.article  # type: ignore[attr-defined]
    left = TEXT_BYTES
    for number in dict.fromkeys([*first, *order]):
        if digests[number].characters + _MARKUP_BYTES * digests[number].sentences > left:
            continue
        text = macro(article_view(collection[number], labels), f"a{number}")
        left -= len(text.encode())
        yield number, text


def _row(
    collection: Collection, number: int, numbers: dict[int, int], copies: Copies, texts: dict[int, Any], labels: dict[str, LabelView]
) -> list[Any]:
    """A row of the table: number, source, group, language, scored sentences, of these a list with a count per label, garbled, uncertain;
    probability and flag of the verdict, cluster (0: none), role in it, whether the text stands in the page.
    """
    digest = collection.digests[number]
    verdict, flag = digest.verdict or (None, False)
    cluster = numbers.get(number, 0)
    role = ""
    if cluster:
        role = "retelling" if copies.spun_from[number] >= 0 else "first" if copies.cluster[number] == number else "copy"
    counts = [digest.stance.get(label, 0) for label in labels]
    told = [number, visible(digest.source), visible(digest.group), visible(digest.language or ""), digest.scored, counts]
    return [*told, digest.garbled, digest.uncertain, verdict, int(flag), cluster, role, int(number in texts)]


def _claim(claim: Claim, labels: list[str]) -> list[Any]:
    """A row of the claims: article, sentence, number of the label, probability, start, end, text."""
    return [claim.article, claim.sentence, labels.index(claim.label), claim.probability, claim.start, claim.end, claim.text]
