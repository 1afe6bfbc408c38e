"""The commands as a user runs them: what they print, where, and with which exit status."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from newsgauge.cli import app
from newsgauge.console import InputFormat, RuntimeName
from newsgauge.model.bundle import digest, shipped_models
from newsgauge.model.inputs import FORMATS
from newsgauge.model.session import RUNTIMES

ROOT = Path(__file__).resolve().parent.parent
ARTICLES = ROOT / "seeds" / "articles"
CLEAN, GARBLED, PAGE = ARTICLES / "harbour-inquiry.txt", ARTICLES / "quarry-spill.txt", ARTICLES / "demo.html"


def run(*arguments: str | Path, stdin: bytes = b"", cwd: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-c", "from newsgauge.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, cwd=cwd, timeout=120)


def lines(output: bytes) -> list[dict[str, object]]:
    return [json.loads(line) for line in output.splitlines()]


def one_line_error(result: subprocess.CompletedProcess[bytes]) -> str:
    text = result.stderr.decode()
    assert "Traceback" not in text
    assert len(text.strip().splitlines()) == 1
    return text


def test_a_pipe_gets_json_lines_that_keep_the_contract() -> None:
    result = run("score", CLEAN)
    assert result.returncode == 0, result.stderr
    (article,) = lines(result.stdout)
    assert article["source"] == str(CLEAN)
    assert article["version"] == 1
    assert str(article["model"]).startswith("default@")
    assert article["language"] == "en"
    text = CLEAN.read_text(encoding="utf-8")
    assert article["characters"] == len(text)
    for sentence in article["sentences"]:  # type: ignore[attr-defined]
        assert text[sentence["start"] : sentence["end"]] == sentence["text"]


def test_the_garbled_article_stands_out_and_its_passage_is_found() -> None:
    clean, garbled = lines(run("score", PAGE, GARBLED).stdout)
    low, high = clean["machine_translated"]["probability"], garbled["machine_translated"]["probability"]  # type: ignore[index]
    assert high > low + 0.2
    first = next(s["index"] for s in garbled["sentences"] if s["text"].startswith("Trials of water"))  # type: ignore[attr-defined]
    inside = {i for p in garbled["passages"] for i in range(p["first_sentence"], p["last_sentence"] + 1)}  # type: ignore[attr-defined]
    assert len(inside & set(range(first, first + 9))) >= 5
    assert clean["passages"] == []


@pytest.mark.parametrize("command", [("score",), ("report",)])
def test_a_second_look_is_taken_at_the_garbled_article(command: tuple[str, ...], tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    result = run(*command, GARBLED, "--model", "fast", "--second-look", "default", "-o", page)
    assert result.returncode == 0, result.stderr
    assert re.search(r"model default@[0-9a-f]{12}<", page.read_text(encoding="utf-8"))


def test_boilerplate_of_a_page_gets_no_label() -> None:
    clean = lines(run("score", CLEAN).stdout)[0]
    ends = clean["sentences"][-3:]  # type: ignore[index]
    assert [s["kind"] for s in ends] == ["boilerplate"] * 3
    assert all(s["label"] is None and s["garbled"] is None for s in ends)


def test_table_format_shows_labels_and_verdict() -> None:
    text = run("score", GARBLED, "--format", "table").stdout.decode()
    assert "verdict:" in text
    assert "accusation" in text and "denial" in text


def test_csv_and_parquet_agree_with_json(tmp_path: Path) -> None:
    table = list(csv.DictReader(io.StringIO(run("score", PAGE, "--format", "csv").stdout.decode())))
    target = tmp_path / "scores.parquet"
    assert run("score", PAGE, "--output", target).returncode == 0
    rows = pq.read_table(target).to_pylist()
    (article,) = lines(run("score", PAGE).stdout)
    expected = [(s["start"], s["end"], s["label"]) for s in article["sentences"]]  # type: ignore[attr-defined]
    assert [(r["start"], r["end"], r["label"]) for r in rows] == expected
    assert [(int(r["start"]), int(r["end"]), r["label"] or None) for r in table] == expected


def test_output_is_not_overwritten_unless_asked(tmp_path: Path) -> None:
    target = tmp_path / "scores.jsonl"
    target.write_text("precious")
    result = run("score", PAGE, "--output", target)
    assert result.returncode == 2
    assert "--overwrite" in one_line_error(result)
    assert target.read_text() == "precious"
    assert run("score", PAGE, "--output", target, "--overwrite").returncode == 0
    assert lines(target.read_bytes())[0]["source"] == str(PAGE)


def test_a_report_of_an_article_and_of_its_scores_is_the_same(tmp_path: Path) -> None:
    pytest.importorskip("jinja2", reason="the extra [report] is not installed")
    one, two, three, scores = (tmp_path / name for name in ("one.html", "two.html", "three.html", "scores.jsonl"))
    assert run("score", GARBLED, "-o", one).returncode == 0
    assert run("score", GARBLED, "-o", scores).returncode == 0
    assert run("report", scores, "-o", two).returncode == 0
    assert one.read_text(encoding="utf-8") == two.read_text(encoding="utf-8")
    assert "Garbled machine translation" in one.read_text(encoding="utf-8")
    result = run("report", scores, "-o", two)
    assert result.returncode == 2 and "--overwrite" in one_line_error(result)
    assert run("report", scores, "-o", two, "--overwrite", "--title", "Quarry").returncode == 0
    assert "<title>Quarry · newsgauge</title>" in two.read_text(encoding="utf-8")
    result = run("report", "lost.txt", CLEAN, "-o", three)
    assert result.returncode == 1 and "lost.txt" in one_line_error(result)
    assert "lost.txt" in three.read_text(encoding="utf-8") and "harbour-inquiry.txt" in three.read_text(encoding="utf-8")
    result = run("score", GARBLED, "--format", "html")
    assert result.returncode == 2 and "--output" in one_line_error(result)


def test_standard_input_and_rows_of_tables(tmp_path: Path) -> None:
    story = "The minister denied the report on Tuesday. Police counted forty boats in the bay, according to the log."
    (piped,) = lines(run("score", "-", stdin=story.encode()).stdout)
    assert piped["source"] == "-"
    jsonl, table, parquet = tmp_path / "a.jsonl", tmp_path / "a.csv", tmp_path / "a.parquet"
    jsonl.write_text(json.dumps({"id": "x1", "text": story}) + "\n" + json.dumps({"text": story}) + "\n")
    table.write_text(f'headline,story\nOne,"{story}"\n')
    pq.write_table(pa.table({"url": ["u1"], "body": [story]}), parquet)
    result = run("score", jsonl, parquet)
    assert [a["source"] for a in lines(result.stdout)] == [f"{jsonl}#x1", f"{jsonl}#2", f"{parquet}#u1"]
    (row,) = lines(run("score", table, "--text-column", "story", "--id-column", "headline").stdout)
    assert row["source"] == f"{table}#One"
    assert row["sentences"] == piped["sentences"]


@pytest.mark.parametrize(
    ("name", "content", "kind", "needle"),
    [
        ("missing.txt", None, "missing", "no such file"),
        ("folder", "directory", "directory", "directory"),
        ("empty.txt", b"", "empty", "empty"),
        ("blank.txt", b" \n\t\n", "empty", "empty"),
        ("picture.txt", b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR\x00\x00", "binary", "PNG"),
        ("notes.xyz", b"The court met on Monday.", "format", "--input-format"),
        ("arabic.txt", "وقالت الوزارة إن المحادثات ستبدأ يوم الاثنين في العاصمة بحضور جميع الأطراف.".encode(), "language", "English"),
        ("table.csv", b"title,words\na,The court met on Monday.\n", "column", "title"),
        ("rows.jsonl", b'{"text": "The court met."\n', "json", "line 1"),
    ],
)
def test_each_bad_input_is_one_clear_line_and_the_others_are_scored(
    tmp_path: Path, name: str, content: bytes | str | None, kind: str, needle: str
) -> None:
    bad = tmp_path / name
    if content == "directory":
        bad.mkdir()
    elif isinstance(content, bytes):
        bad.write_bytes(content)
    result = run("score", bad, PAGE)
    assert result.returncode == 1
    message = one_line_error(result)
    assert name in message and needle in message
    failure, scored = lines(result.stdout)
    assert failure["error"]["kind"] == kind  # type: ignore[index]
    assert scored["source"] == str(PAGE)


def test_only_the_bad_line_of_a_table_fails(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"text": "The court met on Monday."}\n{broken\n{"text": "Nobody was hurt, the police said."}\n')
    result = run("score", rows)
    assert result.returncode == 1
    assert "line 2" in one_line_error(result)
    assert ["error" in line for line in lines(result.stdout)] == [False, True, False]


def test_wrong_usage_is_status_two(tmp_path: Path) -> None:
    result = run("score", PAGE, "--model", tmp_path / "nowhere")
    assert result.returncode == 2
    assert "nowhere" in one_line_error(result) and b"default" in result.stderr
    assert "nobody" in one_line_error(run("score", PAGE, "--second-look", "nobody"))
    assert run("score", PAGE, "--format", "xml").returncode == 2
    assert run("score", PAGE, "--format", "parquet").returncode == 2
    unknown = run("score", PAGE, "--input-format", "xml")
    assert unknown.returncode == 2 and b"xml" in unknown.stderr and b"Traceback" not in unknown.stderr
    assert run("score").returncode == 2


def test_a_changed_model_file_is_refused(tmp_path: Path) -> None:
    model = tmp_path / "mine"
    shutil.copytree(shipped_models() / "default", model)
    tokenizer = model / "tokenizer.json"
    tokenizer.write_bytes(tokenizer.read_bytes() + b" ")
    for command in (("score", PAGE, "--model", model), ("info", model)):
        result = run(*command)
        assert result.returncode == 2
        assert "tokenizer.json" in one_line_error(result)


def test_info_shows_the_essentials() -> None:
    text = run("info").stdout.decode()
    for word in ("default@", "accusation", "macro-F1", "training", "onnxruntime"):
        assert word in text


ENCODER = {"kind": "onnx", "width": 8}
LABELS = ["claim", "doubt"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"labels": LABELS}, "KeyError: 'encoder'"),
        ({"encoder": ENCODER}, "KeyError: 'labels'"),
        ({"encoder": [], "labels": LABELS}, "incomplete or senseless"),
        ({"encoder": {"kind": "onnx"}, "labels": LABELS}, "KeyError: 'width'"),
        ({"encoder": ENCODER, "labels": None}, "incomplete or senseless"),
        ({"encoder": ENCODER, "labels": ["claim", "sentences"]}, "a label is 'sentences'"),
        ({"encoder": ENCODER, "labels": LABELS, "quality": {"stance": {}}}, "KeyError: 'macro_f1'"),
        ({"encoder": ENCODER, "labels": LABELS, "quality": {"garbled": {"auroc": "high"}}}, "ValueError"),
        ({"encoder": ENCODER, "labels": LABELS, "training": 5}, "incomplete or senseless"),
        ({"encoder": ENCODER, "labels": LABELS, "versions": ["1"]}, "incomplete or senseless"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_info_of_a_manifest_that_lacks_a_section_is_one_line(tmp_path: Path, content: dict[str, object], said: str) -> None:
    (tmp_path / "README.md").write_text("# A card\n")
    files = {"README.md": digest(tmp_path / "README.md")}
    (tmp_path / "manifest.json").write_text(json.dumps({"format": 2, "files": files, **content}))
    result = CliRunner().invoke(app, ["info", str(tmp_path)])
    assert result.exit_code == 2 and isinstance(result.exception, SystemExit)
    assert result.stdout == "" and len(result.stderr.splitlines()) == 1
    assert str(tmp_path / "manifest.json") in result.stderr and said in result.stderr


def test_a_closed_pipe_ends_quietly() -> None:
    command = f"{sys.executable} -c 'from newsgauge.cli import main; main()' score {' '.join([str(CLEAN)] * 40)} | head -c 10"
    result = subprocess.run(command, shell=True, capture_output=True, timeout=120)
    assert b"Traceback" not in result.stderr
    assert len(result.stdout) == 10


def test_help_is_quick_and_imports_nothing_heavy() -> None:
    code = "import sys; from newsgauge.cli import app; print([m for m in ('numpy', 'onnxruntime', 'torch', 'pyarrow') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    assert found.stdout.strip() == b"[]", found.stderr
    began = time.process_time()
    result = run("--help")
    assert result.returncode == 0 and b"score" in result.stdout
    assert time.process_time() - began < 5


def test_scoring_imports_no_training_library() -> None:
    code = (
        "import sys\n"
        "from newsgauge import Document, Scorer\n"
        "Scorer.from_folder('default').score(Document.from_text('The mayor denied it.'))\n"
        "print([m for m in ('torch', 'sentence_transformers', 'datasets', 'transformers', 'sklearn', 'scipy') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=120)
    assert found.stdout.strip() == b"[]", found.stderr


def test_every_command_has_help_and_a_place_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert app.registered_commands
    for command in app.registered_commands:
        assert command.callback is not None
        name = command.name or command.callback.__name__
        assert command.callback.__doc__
        assert f"newsgauge {name}" in readme
        result = run(name, "--help")
        assert result.returncode == 0 and b"Usage" in result.stdout


def test_the_command_line_offers_what_there_is() -> None:
    assert tuple(RuntimeName) == RUNTIMES
    assert set(InputFormat) == set(FORMATS)


def test_a_reader_that_has_enough_ends_a_score_quietly() -> None:
    command = [sys.executable, "-c", "from newsgauge.cli import main; main()", "score", *[str(CLEAN)] * 3]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=120) == 141
