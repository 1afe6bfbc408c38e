"""Visible: text of others made fit to stand in a page, with what would be unseen or turn the writing round shown as a mark."""

from __future__ import annotations

import re

from .writers import encodable

# Bidirectional controls, other invisible controls and tag characters; joiners stay, which Persian, Hindi and emoji need.
_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)
_BREAKS = re.compile("[\t\n\x0b\x0c\r\x85\u2028\u2029]+")


def visible(text: str) -> str:
    """*text* on one line; each control or direction character as its number, ``[U+202E]``. No escaping: that is the template's."""
    shown = _BREAKS.sub(" ", str(encodable(text)))
    return _UNSEEN.sub(lambda match: f"[U+{ord(match[0]):04X}]", shown)


def shortened(text: str, characters: int) -> str:
    """*text* as :func:`visible` shows it, cut after so many characters with an ellipsis."""
    return visible(text) if len(text) <= characters else f"{visible(text[: characters - 1])}…"
