"""Pictures of the article view and the folder view for the README: reports of seed articles in a headless Chromium.

    python docs/screenshots.py docs/images

Needs the extra ``[test]``, and Debian's packages chromium and chromium-driver or their like on the path.
"""

from __future__ import annotations

import io
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from newsgauge.batch.reporting import make_report
from newsgauge.model.scorer import Scorer

ROOT = Path(__file__).resolve().parent.parent
STORIES = 8
OUTLETS = ("harbour-post", "valley-times", "news-mirror")
COLOURS = 96
CHROMIUM = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
VIEWS = (
    # name, report, place, width, height, dark
    ("article", "article.html", "", 1000, 820, False),
    ("article-phone", "article.html", "", 390, 820, True),
    ("folder", "folder.html", "", 1180, 820, False),
    ("folder-plots", "folder.html", "#distributions", 1180, 820, False),
    ("folder-copies", "folder.html", "#clusters", 1180, 620, False),
)


def main(output: Path) -> None:
    """Write the pictures into *output*."""
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_reports(folder)
        for name, report, place, width, height, dark in VIEWS:
            with browser(width, height, dark=dark) as driver:
                driver.get((folder / report).as_uri())
                driver.execute_script("for (const cluster of document.querySelectorAll('.cluster')) { cluster.open = true; break; }")
                if place:
                    driver.execute_script("document.querySelector(arguments[0]).scrollIntoView({behavior: 'instant'})", place)
                (output / f"{name}.png").write_bytes(small(driver.get_screenshot_as_png()))


def write_reports(folder: Path) -> None:
    """An article view of a demonstration article, and a folder view of seed articles and garbled twins of some of them."""
    originals = _rows(ROOT / "seeds" / "s1.jsonl")
    twins = {row["of"]: row for row in _rows(ROOT / "seeds" / "garbled" / "r1.jsonl")}
    for place, row in enumerate(originals[: 2 * STORIES]):
        _write(folder / OUTLETS[place % 2] / f"{row['id']}.txt", row)
        if place % 2 == 0:
            _write(folder / OUTLETS[2] / f"{row['id']}.txt", twins[row["id"]])
    articles = ROOT / "seeds" / "articles"
    scorer = Scorer.from_folder("default")
    named = {path.relative_to(folder).as_posix(): str(path) for path in sorted(folder.rglob("*.txt"))}
    named |= {path.name: str(path) for path in sorted(articles.iterdir())}
    scored = folder / "scores.jsonl"
    with scored.open("w", encoding="utf-8") as stream:
        for name, path in named.items():
            for result in scorer.score_files([path]):
                stream.write(json.dumps({**result.to_dict(), "source": name}, separators=(",", ":")) + "\n")
    load = partial(partial, scorer.score_files)
    make_report([str(scored)], folder / "folder.html", load, title="Seed articles")
    one = folder / "one.jsonl"
    lines = scored.read_text(encoding="utf-8").splitlines()
    one.write_text(next(line for line in lines if line.startswith('{"source":"quarry-spill.txt"')) + "\n", encoding="utf-8")
    make_report([str(one)], folder / "article.html", load)


@contextmanager
def browser(width: int, height: int, *, dark: bool) -> Iterator[Any]:
    """A Chromium with an empty profile."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for argument in CHROMIUM:
        options.add_argument(argument)
    with tempfile.TemporaryDirectory() as profile:
        options.add_argument(f"--user-data-dir={profile}")
        driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
        try:
            # A window has a least width of its own; this has none.
            driver.execute_cdp_cmd(
                "Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
            )
            scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
            driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
            yield driver
        finally:
            driver.quit()


def small(picture: bytes) -> bytes:
    """A PNG with few colours."""
    from PIL import Image

    stream = io.BytesIO()
    Image.open(io.BytesIO(picture)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _write(path: Path, row: dict[str, Any]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n\n".join([row["headline"], *(sentence["text"] for sentence in row["sentences"])]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images"))
