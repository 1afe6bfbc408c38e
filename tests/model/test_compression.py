"""Compressed inputs: read like what is in them; bombs and damage are reasons, not crashes."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from newsgauge.model import compression
from newsgauge.model.inputs import Article, read
from newsgauge.model.results import InputFailure

STORY = "The minister denied the report on Tuesday. Police counted forty boats in the bay."


def failure(path: Path) -> InputFailure:
    (result,) = read(str(path))
    assert isinstance(result, InputFailure)
    return result


def test_gzip_articles_and_tables_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(STORY.encode()))
    rows = [json.dumps({"id": i, "text": STORY}) for i in range(3)]
    # Two members, as appending to a compressed log makes them.
    (tmp_path / "b.JSONL.GZ").write_bytes(gzip.compress(f"{rows[0]}\n{rows[1]}\n".encode()) + gzip.compress(rows[2].encode()))
    (article,) = read(str(tmp_path / "a.txt.gz"))
    assert isinstance(article, Article) and article.document.text == STORY
    assert [result.source.rpartition("#")[2] for result in read(str(tmp_path / "b.JSONL.GZ"))] == ["0", "1", "2"]


def test_zstandard_is_read(tmp_path: Path) -> None:
    zstandard = pytest.importorskip("zstandard")
    packed = zstandard.ZstdCompressor().compress(f"text\n{STORY}\n".encode())
    (tmp_path / "a.csv.zst").write_bytes(packed)
    (article,) = read(str(tmp_path / "a.csv.zst"))
    assert isinstance(article, Article) and article.document.text == STORY
    (tmp_path / "a.csv.zst").write_bytes(b"(\xb5/\xfd" + b"x" * 40)
    assert failure(tmp_path / "a.csv.zst").kind == "compressed"


def test_damage_is_told(tmp_path: Path) -> None:
    packed = gzip.compress(STORY.encode() * 50)
    for name, data in (("cut.txt.gz", packed[:-12]), ("other.txt.gz", STORY.encode()), ("flipped.txt.gz", packed[:30] + b"\xff" * 20)):
        (tmp_path / name).write_bytes(data)
        assert failure(tmp_path / name).kind == "compressed"


@pytest.mark.parametrize("name", ["bomb.jsonl.gz", "bomb.csv.gz", "bomb.txt.gz"])
def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(compression, "FREE", 1024 * 1024)
    head = json.dumps({"text": STORY}) if "jsonl" in name else "text"
    blank = b" " * 65_535 + b"\n"
    (tmp_path / name).write_bytes(gzip.compress(f"{head}\n".encode() + blank * 512))
    results = list(read(str(tmp_path / name), max_bytes=2 << 20))
    assert isinstance(results[-1], InputFailure) and results[-1].kind == "too-large"
    assert len(results) < 512, "the rest was not read"


def test_parquet_in_a_compressed_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.parquet.gz").write_bytes(gzip.compress(b"PAR1"))
    assert "unpack" in failure(tmp_path / "a.parquet.gz").message
