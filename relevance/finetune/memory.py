"""How much memory a training takes at most."""

from __future__ import annotations

import gc
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_EVERY_S = 0.05


@contextmanager
def peak_memory() -> Iterator[Callable[[], int]]:
    """Watch the memory of a block; the function that is given says its peak so far, in bytes.

    That is what torch has allocated on a graphics card where it uses one, else the resident set of the process, looked
    at 20 times a second.
    """
    import psutil  # noqa: PLC0415 - only where a model is trained

    gc.collect()  # what earlier trainings have left is not this one's
    cuda = _graphics()
    if cuda is not None:
        cuda.reset_peak_memory_stats()
    process, done = psutil.Process(), threading.Event()
    highest = process.memory_info().rss

    def watch() -> None:
        nonlocal highest
        while not done.wait(_EVERY_S):
            highest = max(highest, process.memory_info().rss)

    def peak() -> int:
        cuda = _graphics()
        return max(highest, process.memory_info().rss) if cuda is None else int(cuda.max_memory_allocated())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()


def _graphics() -> Any | None:
    torch: Any = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_initialized() else None
