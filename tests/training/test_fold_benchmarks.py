"""The benchmarks that train anew for every fold: what is left out takes no part in training and is what is measured."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("sklearn")

from newsgauge.model.encoder import WindowEncoding
from newsgauge.model.heads import LinearHead
from newsgauge.training.corpora import Corpora, load_corpora
from newsgauge.training.rows import LabelledDocument, Row, read_json_lines

OUTLETS = ("Herald", "Courier", "Gazette", "Post")
GARBLED = {"mlqe_pe_da": "ne-en", "wmt16_fien_smt_silver": "fi-en", "wmt20_mqm_zhen": "zh-en"}


@pytest.fixture
def outlets(benchmark_named: Callable[[str], ModuleType]) -> ModuleType:
    return benchmark_named("outlets")


@pytest.fixture
def transfer(benchmark_named: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = benchmark_named("transfer")
    given = {f"{corpus}:{number}": (min(number, 2), number % 3) for corpus in GARBLED for number in range(5)}
    monkeypatch.setattr(module, "verdicts", lambda: given)
    return module


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())


@pytest.fixture(scope="module")
def few_seeds(first_of: Callable[[dict[str, int]], Path]) -> Path:
    return first_of({"s1": 3, "g1": 3, "boilerplate": 20})


@pytest.fixture(scope="module")
def corpora(seeds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of corpora in which the starter articles stand as those of four outlets, and their sentences as rated ones."""
    folder = tmp_path_factory.mktemp("corpora")
    stance: list[dict[str, Any]] = []
    for number, article in enumerate(list(read_json_lines(seeds / "s2.jsonl"))[:16]):
        stance += [
            {
                "id": f"{article['id']}:{place}",
                "document": article["id"],
                "position": place,
                "text": sentence["text"],
                "label": sentence["label"],
                "secondary": sentence["secondary"],
                "headline": article["headline"],
                "source": OUTLETS[number % 4],
            }
            for place, sentence in enumerate(article["sentences"])
        ]
    write(folder / "stance/train.jsonl", stance[: len(stance) // 2])
    write(folder / "stance/dev.jsonl", stance[len(stance) // 2 :])
    write(folder / "stance/unlabelled.jsonl.gz", [])
    rated = [
        {
            "id": f"{corpus}:{number}",
            "text": row["text"],
            "label": ("clean", "garbled")[number % 2],
            "source_corpus": corpus,
            "system": "some",
            "lang_pair": pair,
            "group": corpus,
            "domain": "news",
            "spans": [],
            "label_precision_est": 0.9,
            "score_raw": {"original": row["text"]},
        }
        for corpus, pair in GARBLED.items()
        for number, row in enumerate(stance[:40])
    ]
    write(folder / "quality/train.jsonl", [row for row in rated if hash_of(row) % 2])
    write(folder / "quality/dev.jsonl", [row for row in rated if not hash_of(row) % 2])
    held_back = {**rated[0], "split": "dev"}
    write(folder / "quality/apertium_roundtrip.jsonl", [*rated[:6], *[held_back] * 3])
    unrated = [{**held_back, "source_corpus": "wmt", "id": f"wmt:{number}"} for number in range(9)]
    write(folder / "quality/machine_output_unrated.jsonl.gz", unrated)
    write(folder / "quality/real_twins.jsonl", [])
    return folder


def hash_of(row: dict[str, Any]) -> int:
    """A number of a row that alternates in pairs, so that either half has both labels."""
    return int(row["id"].rsplit(":", 1)[-1]) // 2


Printed = Callable[..., list[list[str]]]


@pytest.fixture
def printed(
    tiny_base: Path, few_seeds: Path, corpora: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Printed:
    """Runs a benchmark with further options; gives the cells of each line of its table, the two of its head left out."""
    paths = ["--base", str(tiny_base), "--seeds", str(few_seeds), "--corpora", str(corpora), "--run", str(tmp_path)]
    options = ["benchmark", *paths, "--epochs", "1", "--precision", "float32", "--batch", "4096"]

    def run(benchmark: ModuleType, *more: str) -> list[list[str]]:
        monkeypatch.setattr("sys.argv", [*options, *more])
        benchmark.main()
        return [[cell.strip() for cell in line.strip("|").split("|")] for line in capsys.readouterr().out.splitlines()[2:]]

    return run


def test_outlets_are_dealt_out_whole_and_evenly(outlets: ModuleType) -> None:
    sizes = {"a": 9, "b": 5, "c": 4, "d": 1, "e": 1}
    documents = [LabelledDocument(f"{name}{i}", (Row("x"),), source=name) for name, size in sizes.items() for i in range(size)]
    dealt = outlets.deal(documents, 2)
    assert dealt == [{"a", "d"}, {"b", "c", "e"}]


def test_every_outlet_is_held_out_once(outlets: ModuleType, corpora: Path, printed: Printed, monkeypatch: pytest.MonkeyPatch) -> None:
    folds: list[Corpora] = []
    train = outlets.trained

    def trained(chosen: Any, fold: str, data: Corpora) -> Any:
        folds.append(data)
        return train(chosen, fold, data)

    monkeypatch.setattr(outlets, "trained", trained)
    lines = printed(outlets, "--folds", "2")
    sources = [{document.source for document in data.stance} for data in folds]
    assert not sources[0] & sources[1] and sources[0] | sources[1] == set(OUTLETS)
    assert all({document.source for document in data.stance_dev} == own for data, own in zip(folds, sources, strict=True))
    rows = sum(1 for _ in read_json_lines(corpora / "stance/dev.jsonl"))
    assert sum(int(line[2]) for line in lines[:2]) == rows
    figures = [[float(value) for value in line[3:]] for line in lines[:2]]
    mean, spread = map(float, lines[2][3].split(" ± "))
    assert mean == pytest.approx((figures[0][0] + figures[1][0]) / 2, abs=0.0015)
    assert spread == pytest.approx(abs(figures[0][0] - figures[1][0]) / 2, abs=0.0015)


def test_a_corpus_that_is_left_out_is_what_is_measured(transfer: ModuleType, few_seeds: Path, corpora: Path) -> None:
    whole = load_corpora(few_seeds, corpora)
    assert {document.source for document in whole.translated} == {name for name in GARBLED if name.startswith("wmt")}, "not the dev split"
    assert [len(document.rows) for document in whole.quality if document.source == "apertium_roundtrip"] == [12]
    fold, apart = transfer.split(whole, corpora, lambda row: row["source_corpus"] == "mlqe_pe_da", 13)
    assert {row.origin for found in apart for row in found.rows} == {row.origin for found in fold.quality_dev for row in found.rows}
    assert {document.source for document in fold.quality_dev} == {"mlqe_pe_da"}
    assert {document.source for document in fold.quality} == {*GARBLED, "apertium_roundtrip"} - {"mlqe_pe_da"}
    assert sum(len(document.rows) for document in fold.quality_dev) == 40
    assert not fold.stance and fold.twins == whole.twins
    fold, _ = transfer.split(whole, corpora, lambda row: row["source_corpus"] == "apertium_roundtrip", 13)
    assert {document.source for document in fold.quality_dev} == {"apertium_roundtrip"}
    few = [Row(str(i), garbled=float(i % 4 == 0)) for i in range(40)]
    (sample,) = transfer.measured([LabelledDocument("d", tuple(few))], 7, 1)
    assert len(sample.rows) == 17 and sum(bool(row.garbled) for row in sample.rows) == 10


def test_every_language_has_its_line(transfer: ModuleType, printed: Printed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(transfer.GROUPS, "language", {"Nepali": ("ne-en",), "Chinese": ("zh-en",)})
    lines = printed(transfer, "--by", "language")
    assert [line[:3] for line in lines[:2]] == [["Nepali", "20", "20"], ["Chinese", "20", "20"]]
    assert [line[4] for line in lines[:2]] == ["5", "5"]
    for column in (3, 5, 6, 7):
        assert float(lines[2][column]) == pytest.approx((float(lines[0][column]) + float(lines[1][column])) / 2, abs=0.002)


def test_a_probe_trains_no_encoder(transfer: ModuleType, printed: Printed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(transfer.GROUPS, "language", {"Nepali": ("ne-en",), "Chinese": ("zh-en",)})
    monkeypatch.setattr(transfer, "trained", None)
    lines = printed(transfer, "--by", "language", "--probe")
    assert [line[:3] for line in lines[:2]] == [["Nepali", "20", "20"], ["Chinese", "20", "20"]]
    monkeypatch.setattr(transfer.OnnxEncoder, "encode", None)
    assert printed(transfer, "--by", "language", "--probe") == lines, "a rerun has every embedding already"


def test_a_probe_can_read_several_layers(transfer: ModuleType, printed: Printed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(transfer.GROUPS, "language", {"Nepali": ("ne-en",), "Chinese": ("zh-en",)})
    read = []
    monkeypatch.setattr(
        transfer, "probe", lambda encoder, *_, layers: read.append((encoder.width, layers)) or LinearHead.zeros(1, encoder.width)
    )
    for layers in ("1", "2"):
        assert printed(transfer, "--by", "language", "--probe", "--read-layers", layers)[-1][3] == "0.500"
    (width, _), *_ = read
    assert read == [(width, 1)] * 2 + [(2 * width, 2)] * 2
    with pytest.raises(SystemExit, match="The states of 3 layers cannot be read where 2 are kept; choose 1 to 2"):
        printed(transfer, "--by", "language", "--probe", "--read-layers", "3")


def test_several_layers_are_read_by_a_probe_alone(
    transfer: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["transfer", "--base", "b", "--run", "r", "--corpora", "c", "--read-layers", "2"])
    with pytest.raises(SystemExit) as told:
        transfer.main()
    assert told.value.code == 2 and "several layers are read with --probe alone" in capsys.readouterr().err


def test_a_probe_reads_what_the_embeddings_tell(transfer: ModuleType) -> None:
    class Shouting:
        """Embeds how loud a sentence is, and refuses to read two at a time."""

        width = 2

        def encode(self, sentences: Sequence[str]) -> Iterator[WindowEncoding]:
            (sentence,) = sentences
            yield WindowEncoding(0, 1, np.array([[float(sentence.isupper()), 1.0]], dtype=np.float32), None)

    def document(name: str, loud: bool) -> LabelledDocument:
        rows = [Row("STOP", garbled=float(loud), garbled_weight=1.0), Row("go on", garbled=float(not loud), garbled_weight=1.0)]
        return LabelledDocument(name, tuple(rows * 9), consecutive=name == "twin")

    def fold(told: bool) -> Corpora:
        return Corpora(quality=[document("a", True)], twins=[document("twin", True)], quality_dev=[document("c", told)])

    def told_apart(told: bool, layers: int = 1) -> float:
        head = transfer.probe(Shouting(), fold(told), 1.0, 0, layers=layers)
        return float(transfer.told_apart(Shouting(), head, fold(told).quality_dev))

    assert told_apart(True) == told_apart(True, layers=2) == 1.0
    assert told_apart(False) == 0.0, "what is measured takes no part in the fit"


def test_what_cannot_be_left_out_is_refused(outlets: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["benchmark", "--base", "b", "--run", "r"])
    with pytest.raises(SystemExit, match="name their folder with --corpora"):
        outlets.main()
    (tmp_path / "manifest.json").touch()
    monkeypatch.setattr("sys.argv", ["benchmark", "--base", str(tmp_path), "--run", "r", "--corpora", "c"])
    with pytest.raises(SystemExit, match="a model that was trained already"):
        outlets.main()
    monkeypatch.setattr("sys.argv", ["benchmark", "--base", "b", "--run", "r", "--corpora", "c", "--folds", "1"])
    with pytest.raises(SystemExit, match="--folds is 1; cross-validation needs two or more"):
        outlets.main()
