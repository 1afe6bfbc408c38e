"""What a benchmark was given to score."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from newsgauge.model.errors import NewsgaugeError
from newsgauge.training.rows import read_json_lines


def rows_in(place: Path) -> list[dict[str, Any]]:
    """The rows, at least one, of the JSON Lines file *place*, or of all whose names match its last part."""
    paths = [place] if place.exists() else sorted(place.parent.glob(place.name))
    if rows := [row for path in paths for row in read_json_lines(path)]:
        return rows
    raise NewsgaugeError(f"{place} holds no rows; run this in a checkout of newsgauge, or say where they are (--help tells the options).")
