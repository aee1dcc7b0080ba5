"""Signals that end a process: they interrupt it as Control-C does, but not the removal of what it started."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

# signals so soon after one that interrupted mean the same: the session is on its way to its end
_ONE_PRESS_S = 5.0


class Interrupts:
    """Makes SIGTERM interrupt a process as Control-C does, and lets nothing interrupt the removal of what was started.

    Only in the main thread, and only where the signal has Python's own handler: who set another one has a reason.
    """

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}
        self._interrupted = -_ONE_PRESS_S
        self._left = inf

    def __enter__(self) -> Self:
        self.install()
        return self

    def __exit__(self, *_: object) -> None:
        self.restore()

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
            signal.signal(*self._before.popitem())

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
        if self._left and now - self._interrupted >= _ONE_PRESS_S:
            self._left -= 1
            self._interrupted = now
            raise KeyboardInterrupt
