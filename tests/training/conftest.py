"""A tiny random base encoder with a real tokenizer, made once a session, and little starter data."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


@pytest.fixture(scope="session")
def first_of(seeds: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[dict[str, int]], Path]:
    """Makes a folder of starter data with little of anything: of each file named, so many lines."""

    def make(sizes: dict[str, int]) -> Path:
        folder = tmp_path_factory.mktemp("seeds")
        for name, size in sizes.items():
            lines = (seeds / f"{name}.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
            (folder / f"{name}.jsonl").write_text("".join(lines[:size]), encoding="utf-8")
        return folder

    return make


@pytest.fixture(scope="session")
def tokenizer_path(seeds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A WordPiece vocabulary of some thousand pieces, learned from starter articles and their twins."""
    texts = []
    for name in ("s1.jsonl", "g1.jsonl", "s2.jsonl"):
        for line in (seeds / name).read_text(encoding="utf-8").splitlines():
            texts.extend(sentence["text"] for sentence in json.loads(line)["sentences"])
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=3000, special_tokens=SPECIAL, show_progress=False))
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    tokenizer.save(str(path))
    return path


@pytest.fixture(scope="session")
def one_thread() -> Iterator[None]:
    """Torch on one core: a network this small is faster so, and steps add up in the same order on any machine."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny_base(one_thread: None, tokenizer_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that a base encoder can be loaded from: two random BERT layers of width 32."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("base") / "tiny"
    size = Tokenizer.from_file(str(tokenizer_path)).get_vocab_size()
    config = transformers.BertConfig(
        vocab_size=size, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, max_position_embeddings=512
    )
    with torch.random.fork_rng():
        torch.manual_seed(5)
        transformers.BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    (folder / "tokenizer.json").write_bytes(tokenizer_path.read_bytes())
    return folder
