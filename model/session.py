"""Sessions: an encoder's graph made ready to run, by onnxruntime or by another library."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np

from .errors import MissingExtraError, NewsgaugeError
from .graph import refuse_unsafe
from .heads import Floats

RUNTIMES = ("onnxruntime", "openvino")
"""What can run an encoder; the first is in the base install, and the one that quality is measured with."""


class Session(Protocol):
    """Runs an encoder over one window at a time. It raises whatever its library raises."""

    @property
    def width(self) -> int:
        """The length of a state."""
        ...

    def run(self, ids: list[int]) -> Floats:
        """The states of the word pieces *ids*, for the caller to keep. *Shape:* (ids, width)."""
        ...


def available_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def require(runtime: str) -> None:
    """:class:`MissingExtraError` where a *runtime* is not installed, :class:`NewsgaugeError` where it is none of :data:`RUNTIMES`."""
    if runtime not in RUNTIMES:
        raise NewsgaugeError(f"There is no runtime {runtime!r}: use one of {', '.join(RUNTIMES)}.")
    if find_spec(runtime) is None:
        raise MissingExtraError(f"{runtime} is not installed; run: pip install 'newsgauge[{runtime}]', or leave out --runtime.")


def open_session(runtime: str, graph: Path, threads: int | None) -> Session:
    """A session with the ONNX file *graph*, which is judged first. *threads* is None for one a core.

    ``ValueError`` where it is no encoder of ours; see :func:`require` for the *runtime*.
    """
    if runtime == RUNTIMES[0]:
        return OnnxSession(graph, threads or available_cores())
    require(runtime)
    from .openvino_session import OpenVinoSession

    return OpenVinoSession(graph, threads or available_cores())


class OnnxSession:
    """The graph as it is, run by onnxruntime."""

    def __init__(self, graph: Path, threads: int) -> None:
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Each shape of input would keep an arena of its own; windows come in a hundred lengths.
        options.enable_mem_pattern = False
        # The graph is made of fast operators; what more onnxruntime would fuse, sums into layer norms, is slower.
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
        # Whatever the file is called, it is read as what was judged.
        options.add_session_config_entry("session.load_model_format", "ONNX")
        refuse_unsafe(graph)
        self._session = ort.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
        self._width = int(self._session.get_outputs()[0].shape[-1])

    @property
    def width(self) -> int:
        """The length of a state."""
        return self._width

    def run(self, ids: list[int]) -> Floats:
        """See :meth:`Session.run`."""
        ((states,),) = self._session.run(None, {"input_ids": np.array([ids], dtype=np.int64)})
        found: Floats = states
        return found
