"""In which type the encoder's matrices are multiplied while it is trained."""

from __future__ import annotations

from contextlib import AbstractContextManager

PRECISIONS = ("float32", "bfloat16")


def native_precision() -> str:
    """The fastest type on this processor: bfloat16 where it has instructions for it, else float32."""
    import torch

    able = torch.cpu.get_capabilities()
    return "bfloat16" if able.get("avx512_bf16") or able.get("amx_bf16") else "float32"


def matrix_products(precision: str) -> AbstractContextManager[object]:
    """Inside it, matrices are multiplied in *precision*, one of :data:`PRECISIONS`; weights and sums stay float32."""
    import torch

    return torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16")
