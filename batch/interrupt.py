"""Interrupt: Ctrl-C as a wish to stop soon, and again as an order to stop now."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interruptible(tell: Callable[[], None]) -> Iterator[Callable[[], bool]]:
    """A function that is true from the first Ctrl-C in the block on, when *tell* is called; the second raises ``KeyboardInterrupt``.

    To be used in the main thread, the only one that gets signals.
    """
    wished = threading.Event()

    def handle(number: int, frame: FrameType | None) -> None:
        if wished.is_set():
            raise KeyboardInterrupt
        wished.set()
        tell()

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield wished.is_set
    finally:
        signal.signal(signal.SIGINT, before)
