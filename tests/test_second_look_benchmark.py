"""The benchmark of second looks: what it reads, what it counts, and of which documents."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("sklearn")

from newsgauge.model.document import Document
from newsgauge.model.errors import NewsgaugeError
from newsgauge.model.results import ArticleScore, Passage, SentenceScore
from newsgauge.training.documents import JudgedDocument
from newsgauge.training.rows import LabelledDocument, Row


@pytest.fixture
def benchmark(benchmark_named: Callable[[str], ModuleType]) -> ModuleType:
    return benchmark_named("second_look")


class Reader:
    """Garbled is a paragraph with ``xx``, an article with three; one with any is the second model's."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def score(self, document: Document) -> ArticleScore:
        self.read.append(document.text)
        texts = document.text.split("\n\n")
        garbled = [i for i, text in enumerate(texts) if "xx" in text]
        sentences = tuple(SentenceScore(i, 0, len(text), text, "en", "sentence", block=i) for i, text in enumerate(texts))
        passages = (Passage(0, 1, garbled[0], garbled[-1], 0.9),) if len(garbled) > 1 else ()
        flag = len(garbled) > 2
        model = "better@2" if garbled else "quick@1"
        return ArticleScore("-", model, "en", "utf-8", len(document.text), ("evidence",), (0.9 if flag else 0.1, flag), passages, sentences)


def judged(name: str, texts: list[str], system: str, *, machine: bool = False, weight: float = 1.0) -> JudgedDocument:
    return JudgedDocument(LabelledDocument(name, tuple(map(Row, texts))), machine, system, weight)


CALM, WRECK = ["The tide rose.\n Slowly."] * 12, ["It xx sank."] * 12
JUDGED = [
    judged("a", CALM, "native"),
    judged("b", [*CALM[:-1], "It xx rose."], "native"),
    judged("c", CALM, "world"),
    judged("d", WRECK, "human", weight=1 / 3),
    judged("e", WRECK[:4], "plain"),
    judged("m", WRECK, "system", machine=True),
    judged("n", ["It xx sank.", *CALM], "system", machine=True),
    judged("o", CALM[:4], "system", machine=True),
]

RUN = [(LabelledDocument("p", (Row("It xx rose."), Row("It xx fell."))), [1, 1])]
RUNS = {"agency news": RUN, "other clean English": RUN}


def test_every_figure_is_of_its_documents(benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark.time, "process_time", count().__next__)
    reader = Reader()
    line = benchmark.line("both", reader, "better@2", benchmark.Material(JUDGED, RUNS))
    found, wrong, *shares = line[3:8]
    assert line[0] == "both" and (found, wrong) == ("50.0%", "10.0%"), "of ten sentences or more; a human translation counts a third"
    assert shares == ["50%", "67%", "67%"]
    assert line[8:] == [f"{1000 * 2 / 24:.1f}", f"{1000 * 3 / 28:.1f}"], "a second a document, of 24 and 28 sentences"
    assert set(reader.read[0].split("\n\n")) == {"The tide rose. Slowly."}, "a row is a paragraph, whatever breaks it holds"
    assert benchmark.line("alone", reader, None, benchmark.Material(JUDGED, RUNS))[5:8] == ["–"] * 3


def test_passages_are_measured_in_documents_spliced_by_kind_of_host(benchmark: ModuleType) -> None:
    given = benchmark.material(JUDGED, 30, seed=1)
    assert list(given.spliced) == ["agency news", "other clean English"] and given.judged == JUDGED
    for kind, hosts in (("agency news", {"a", "b"}), ("other clean English", {"c", "d", "e"})):
        documents = given.spliced[kind]
        assert len(documents) == 30 and {document.name for document, _ in documents} == hosts
        assert {0, 1} == {state for _, states in documents for state in states}
    clear = benchmark.material([one for one in JUDGED if one.document.name in "acdm"], 30, seed=1)
    line = benchmark.line("both", Reader(), "better@2", clear)
    assert len(line) == len(benchmark.HEAD) and line[1] == "1.000" and 0 < float(line[2]) < 1, "hosts that look garbled cost precision"


def test_a_passage_covers_the_paragraphs_of_its_sentences(benchmark: ModuleType) -> None:
    score = Reader().score(Document.from_text("One.\n\nTwo xx.\n\nThree.\n\nFour xx.\n\nFive."))
    assert benchmark.inside(score, 5) == [False, True, True, True, False]


@pytest.mark.parametrize("left", [JUDGED[:5], JUDGED[5:], JUDGED[2:]], ids=["no machine output", "nothing clean", "no agency news"])
def test_too_little_to_read_is_told(benchmark: ModuleType, left: list[JudgedDocument]) -> None:
    with pytest.raises(NewsgaugeError, match="hold no machine output of held-out systems, or no clean documents"):
        benchmark.material(left, 5, seed=1)


def test_a_folder_without_corpora_is_told_in_one_line(benchmark: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["second_look.py", "--model", "fast", "--second-look", "fast", "--corpora", str(tmp_path)])
    with pytest.raises(SystemExit, match=rf"^{tmp_path} lacks .*; expected a folder of corpora"):
        benchmark.main()
