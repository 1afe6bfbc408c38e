"""Licences: every distribution of the base install, its version here and its licence, as a Markdown table.

``python docs/licences.py`` reads what is installed; status 1 where a licence is copyleft with no other choice, or is not told.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"


def base_install() -> dict[str, Distribution]:
    """The distributions that ``pip install newsgauge`` brings, by name, as far as this system needs them."""
    found: dict[str, Distribution] = {}
    _collect(tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["dependencies"], found)
    return dict(sorted(found.items()))


def _collect(requirements: Sequence[str], found: dict[str, Distribution]) -> None:
    for requirement in requirements:
        match = re.match(r"[\w.-]+", requirement)
        if match is None or "extra ==" in requirement:
            continue
        name = re.sub(r"[-_.]+", "-", match[0]).lower()
        if name not in found:
            try:
                found[name] = distribution(name)
            except PackageNotFoundError:
                # Named for another system or an older Python.
                continue
            _collect(found[name].requires or [], found)


def licence_of(one: Distribution) -> str:
    """What a distribution says of its licence: an SPDX expression, else a name of one line, else its classifiers; empty: nothing."""
    told = one.metadata.get("License-Expression") or one.metadata.get("License") or ""
    classifiers = (line.split(" :: ")[-1] for line in one.metadata.get_all("Classifier") or [] if line.startswith("License ::"))
    return told if 0 < len(told) <= 100 and "\n" not in told else ", ".join(classifiers)


def copyleft(licence: str) -> bool:
    """Whether every choice that *licence* leaves is a GPL, AGPL or LGPL."""
    return all(re.search(r"GPL|GNU", choice) for choice in re.split(r" OR | or ", licence))


def faults() -> Iterator[str]:
    """The distributions whose licence will not do, each with the reason."""
    for name, one in base_install().items():
        licence = licence_of(one)
        if not licence or copyleft(licence):
            yield f"{name} {one.version}: {licence or 'no licence is told'}"


def main() -> None:
    """Print the table."""
    lines = ["| distribution | version | licence |", "|---|---|---|"]
    lines += [f"| {name} | {one.version} | {licence_of(one)} |" for name, one in base_install().items()]
    sys.stdout.write("\n".join(lines) + "\n")
    found = list(faults())
    for fault in found:
        sys.stderr.write(f"{fault}\n")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
