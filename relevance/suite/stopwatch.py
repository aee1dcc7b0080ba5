"""Seconds that something takes, without those in which it could have run and other work had the core.

On a busy machine a long search is interrupted in every round and a short one in none: their ratio would tell how busy
the machine is. Time in which this thread waits for something itself, a server or a sleep, counts.
"""

from __future__ import annotations

from time import perf_counter, thread_time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["stopwatch"]

_SCHEDULED = "/proc/thread-self/schedstat"
"""Of Linux: nanoseconds that the thread was on a core, nanoseconds that it was ready and on none, and how often."""


def _kept_waiting_s() -> float:
    try:
        with open(_SCHEDULED, "rb") as file:  # noqa: PTH123 - a path of the kernel's; read in microseconds
            return int(file.read().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):  # another system, or a kernel that does not count it
        return 0.0


def stopwatch() -> Callable[[], float]:
    """Start; what comes back gives the seconds since then, of the thread that started it."""
    kept_waiting, work, start = _kept_waiting_s(), thread_time(), perf_counter()

    def seconds() -> float:
        wall, worked = perf_counter() - start, thread_time() - work
        # the kernel counts waiting a little early or late: work that was done is the least
        return max(worked, wall - (_kept_waiting_s() - kept_waiting))

    return seconds
