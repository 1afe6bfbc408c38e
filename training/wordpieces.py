"""Word pieces of texts, cut once and kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tokenizers import Tokenizer

from ..model.tokens import load_tokenizer, mask_id, special_ids


@dataclass(frozen=True, slots=True)
class Pieces:
    """Word-piece ids of a text without special tokens, and their ``(start, end)`` code-point offsets in it."""

    ids: list[int]
    offsets: list[tuple[int, int]]


class PieceTable:
    """text → :class:`Pieces`, at most *longest* pieces each."""

    def __init__(self, tokenizer: Tokenizer, texts: Iterable[str], *, longest: int) -> None:
        self.start, self.separator, self.padding = special_ids(tokenizer)
        self.mask = mask_id(tokenizer)
        distinct = sorted(set(texts))
        self._table = {}
        for text, encoding in zip(distinct, tokenizer.encode_batch(distinct, add_special_tokens=False), strict=True):
            self._table[text] = Pieces(encoding.ids[:longest], encoding.offsets[:longest])

    @classmethod
    def from_file(cls, path: str, texts: Iterable[str], *, longest: int) -> PieceTable:
        """With the tokenizer of a ``tokenizer.json``."""
        return cls(load_tokenizer(path), texts, longest=longest)

    def __getitem__(self, text: str) -> Pieces:
        return self._table[text]
