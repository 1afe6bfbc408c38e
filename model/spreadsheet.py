"""Spreadsheets: cells that they would run as formulas, written so that they do not, and read again."""

from __future__ import annotations

from typing import Any

# Some spreadsheets take the full-width signs for the plain ones.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def guarded(value: Any) -> Any:
    """A cell that a spreadsheet will not run as a formula: text that starts like one gets an apostrophe in front (OWASP)."""
    return "'" + value if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value


def unguarded(value: Any) -> Any:
    """What :func:`guarded` was given, where this is what it gave."""
    return value[1:] if isinstance(value, str) and value[:1] == "'" and value.startswith(FORMULA_STARTS, 1) else value
