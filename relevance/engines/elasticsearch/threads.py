"""A few calls at a time; whoever is interrupted does not wait for them."""

from __future__ import annotations

import threading
from collections import deque
from queue import SimpleQueue
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Self

__all__ = ["Calls"]

Item = TypeVar("Item")
Result = TypeVar("Result")

_SECONDS_TO_END = 1.0
"""Long enough for a request to a healthy server; a thread that hangs on a frozen one keeps no process alive."""


class Calls(Generic[Item, Result]):
    """Calls a function for every item, up to so many at a time; iterating gives outcomes as they come.

    Threads start with the iteration and end with it. An exception is an outcome, too. With one call at a time the
    calls are made in the thread that iterates.

    Args:
        function: called for each item.
        items: in the order in which they are taken.
        at_once: calls at a time, 1 or more.
    """

    def __init__(self, function: Callable[[Item], Result], items: Sequence[Item], *, at_once: int) -> None:
        self._function = function
        self._todo = deque(items)
        self._done: SimpleQueue[tuple[Item, Result | Exception] | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name="relevance-search", daemon=True)
            for _ in range(min(at_once, len(items)))
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(_SECONDS_TO_END)

    def stop(self) -> None:
        """Take no further item; what was begun still comes back."""
        self._todo.clear()

    def __iter__(self) -> Iterator[tuple[Item, Result | Exception]]:
        if len(self._threads) == 1:
            self._threads.clear()
            while self._todo:
                yield self._outcome(self._todo.popleft())
        for thread in self._threads:
            thread.start()
        working = len(self._threads)
        while working:
            outcome = self._done.get()
            if outcome is None:
                working -= 1
            else:
                yield outcome

    def _outcome(self, item: Item) -> tuple[Item, Result | Exception]:
        try:
            return item, self._function(item)
        except Exception as error:  # noqa: BLE001 - whoever iterates judges it
            return item, error

    def _work(self) -> None:
        try:
            while True:
                self._done.put(self._outcome(self._todo.popleft()))
        except IndexError:  # nothing is left to take
            pass
        finally:
            self._done.put(None)
