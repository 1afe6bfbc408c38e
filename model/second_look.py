"""A second look: what a run is known by, and asks of its models, where a better one scores the articles that a quick one suspects."""

from __future__ import annotations

from collections.abc import Sequence

from .errors import NewsgaugeError


def pair_identity(first: str, second: str) -> str:
    """What a run is known by: the identities of its *first* and its *second* model."""
    return f"{first}/{second}"


def check_labels_agree(first: str, labels: Sequence[str], second: str, others: Sequence[str]) -> None:
    """:class:`NewsgaugeError` where the models *first* and *second* have different labels, which one table cannot hold."""
    if tuple(labels) != tuple(others):
        raise NewsgaugeError(
            f"{second} cannot take a second look for {first}: its labels are {', '.join(others)}; expected {', '.join(labels)}, "
            "in this order. Choose another model for the second look."
        )
