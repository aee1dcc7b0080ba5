"""SIGINT and SIGTERM while something of ours is up: it is removed, whatever comes and however often."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Interrupts"]

_ONE_PRESS_S = 5.0
"""Signals so soon after one that interrupted mean the same: the session is on its way to its end."""


class Interrupts:
    """Makes SIGTERM interrupt a session as Control-C does, and lets nothing interrupt the removal of what was started.

    Only in the main thread, and only where the signal has Python's own handler: who set another one has a reason.
    """

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}
        self._interrupted = -_ONE_PRESS_S
        self._left: int | None = None

    def install(self) -> None:
        """Take the signals, until `restore`."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number, own in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
            if signal.getsignal(number) == own:
                self._before[number] = signal.signal(number, self._arrived)

    def restore(self) -> None:
        """Give the signals back to whom they belonged."""
        while self._before:
            number, handler = self._before.popitem()
            signal.signal(number, handler)

    @contextmanager
    def at_most(self, count: int) -> Iterator[None]:
        """Let only so many signals interrupt the block: it removes what it started, and has to get to its end."""
        before, self._left = self._left, count
        try:
            yield
        finally:
            self._left = before

    def end(self) -> None:
        """Let nothing interrupt from here on: pytest has no answer to an interrupt once a session is finishing."""
        self._left = 0

    def _arrived(self, _number: int, _frame: object) -> None:
        now = monotonic()
        if self._left == 0 or now - self._interrupted < _ONE_PRESS_S:
            return
        if self._left is not None:
            self._left -= 1
        self._interrupted = now
        raise KeyboardInterrupt
