"""Linear heads on embeddings: plain arrays, no code in the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .errors import BundleError

Floats = npt.NDArray[np.float32]
LARGEST = 1e6
"""The most that a weight, a threshold or an embedding can be, either way: over a thousandfold what training makes, and no sum overflows."""


def sigmoid(logits: Floats) -> Floats:
    """The logistic function, without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * logits)), dtype=np.float32)


def softmax(logits: Floats) -> Floats:
    """Softmax over the last axis."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True), dtype=np.float32)


@dataclass(frozen=True)
class LinearHead:
    """``logits = x @ weight.T + bias``. *Shapes:* ``weight`` (outputs, width), ``bias`` (outputs,)."""

    weight: Floats
    bias: Floats

    def __post_init__(self) -> None:
        if self.weight.ndim != 2 or self.bias.shape != (self.weight.shape[0],):
            raise BundleError(
                f"A head has weights of shape {self.weight.shape} and biases of shape {self.bias.shape}; "
                "expected (outputs, width) and (outputs,)."
            )
        # Written so that NaN is refused too.
        if not ((np.abs(self.weight) <= LARGEST).all() and (np.abs(self.bias) <= LARGEST).all()):
            raise BundleError(f"A head holds values that are not finite, or over {LARGEST:g}; train the model again.")

    @classmethod
    def zeros(cls, outputs: int, width: int) -> LinearHead:
        """The head that says nothing: all its logits are 0."""
        return cls(np.zeros((outputs, width), np.float32), np.zeros(outputs, np.float32))

    def logits(self, vectors: Floats) -> Floats:
        """*Shapes:* (rows, width) → (rows, outputs). Each row by itself, so that no row's result depends on the others."""
        return np.asarray(np.einsum("rw,ow->ro", vectors, self.weight) + self.bias, dtype=np.float32)

    def arrays(self, name: str) -> dict[str, Floats]:
        """The head's arrays under the names that :meth:`from_arrays` reads."""
        return {f"{name}.weight": self.weight, f"{name}.bias": self.bias}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Floats], name: str, *, outputs: int, width: int) -> LinearHead:
        """The head *name* of *arrays*, refused with :class:`BundleError` where it is missing or of another shape."""
        try:
            weight, bias = arrays[f"{name}.weight"], arrays[f"{name}.bias"]
        except KeyError as error:
            raise BundleError(f"The heads file lacks {error}; train the model again.") from error
        if weight.shape != (outputs, width):
            raise BundleError(f"The head {name!r} has weights of shape {weight.shape}; expected {(outputs, width)}.")
        # A float64 too large for float32 becomes infinite, and is refused as such.
        with np.errstate(over="ignore"):
            return cls(np.asarray(weight, dtype=np.float32), np.asarray(bias, dtype=np.float32))
