"""The benchmarks' commands: what is wrong with what they were given is one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("sklearn")

COMMANDS = {
    "adversarial": ["--rows", "ROWS", "--model", "MISSING"],
    "robustness": ["--model", "MISSING"],
    "twins": ["--model", "MISSING"],
    "retrain": ["--model", "MISSING", "--output", "OUT"],
    "quality": ["--base", "BASE", "--corpora", "MISSING", "--output", "OUT"],
    "outlets": ["--base", "BASE", "--run", "OUT", "--corpora", "MISSING"],
    "readings": ["--corpora", "MISSING"],
    "transfer": ["--base", "BASE", "--run", "OUT", "--corpora", "MISSING"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_what_cannot_be_read_is_told_in_one_line(
    name: str, benchmark_named: Callable[[str], ModuleType], seeds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rows.jsonl").write_text('{"document": "a", "position": 0, "text": "One.", "label": "evidence"}\n', encoding="utf-8")
    places = {"ROWS": tmp_path / "rows.jsonl", "MISSING": tmp_path / "missing", "OUT": tmp_path / "out", "BASE": tmp_path}
    monkeypatch.chdir(seeds.parent)
    monkeypatch.setattr("sys.argv", [name, *(str(places.get(word, word)) for word in COMMANDS[name])])
    with pytest.raises(SystemExit) as told:
        benchmark_named(name).main()
    assert "\n" not in str(told.value) and str(tmp_path / "missing") in str(told.value)


@pytest.mark.parametrize(
    "content",
    [None, b"", b"\x86\xff\x00", b"not json\n", b"[1]\n", b'{"other": "One."}\n'],
    ids=["missing", "empty", "binary", "text", "list", "fields"],
)
@pytest.mark.parametrize(("name", "option"), [("adversarial", "--rows"), ("robustness", "--sentences"), ("twins", "--seeds")])
def test_rows_that_are_none_are_told_in_one_line(
    name: str,
    option: str,
    content: bytes | None,
    benchmark_named: Callable[[str], ModuleType],
    seeds: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = tmp_path / ("w1.jsonl" if option == "--seeds" else "rows.jsonl")
    if content is not None:
        rows.write_bytes(content)
    monkeypatch.chdir(seeds.parent)
    monkeypatch.setattr("sys.argv", [name, option, str(rows.parent if option == "--seeds" else rows)])
    with pytest.raises(SystemExit) as told:
        benchmark_named(name).main()
    assert "\n" not in str(told.value)
    assert str(rows) in str(told.value) or f"{tmp_path / 'w*.jsonl'} holds no rows" in str(told.value)
