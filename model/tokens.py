"""The tokenizer of an encoder: loading, and its special tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def load_tokenizer(path: str) -> Tokenizer:
    """The tokenizer of a ``tokenizer.json`` with truncation and padding off: windows cut and never pad."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(path)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def special_ids(tokenizer: Tokenizer) -> tuple[int, int, int]:
    """The ids of the start, separator and padding tokens, in BERT's or in RoBERTa's naming."""
    return _first(tokenizer, "<s>", "[CLS]"), _first(tokenizer, "</s>", "[SEP]"), _first(tokenizer, "<pad>", "[PAD]")


def mask_id(tokenizer: Tokenizer) -> int:
    """The id of the mask token."""
    return _first(tokenizer, "<mask>", "[MASK]")


def _first(tokenizer: Tokenizer, *names: str) -> int:
    for name in names:
        found = tokenizer.token_to_id(name)
        if found is not None:
            return found
    raise ValueError(f"The tokenizer has none of the special tokens {names}; expected a BERT or RoBERTa style vocabulary.")
