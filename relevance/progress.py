"""How far long work is: a bar on a terminal, a line now and then elsewhere, with the time that is left."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any

from relevance.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

# a CI log shows that something goes on, and stays short: work of a minute says nothing but that it takes one
_FIRST_S, _EVERY_S = 10.0, 30.0

_first_output: list[Callable[[], object]] = []


@contextmanager
def before_output(call: Callable[[], object]) -> Iterator[None]:
    """Call something before the first bar or line within the block, such as the end of a line that pytest has begun."""
    _first_output.append(call)
    try:
        yield
    finally:
        _first_output.clear()


def _begin_output() -> None:
    while _first_output:
        _first_output.pop()()


def progress_bar(total: float, what: str, unit: str, *, shown: bool, initial: int = 0) -> Any:
    """Follow work of `total` steps on stderr: a `tqdm` bar on a terminal, else `ProgressLines`.

    Both are context managers with `update`, `set_postfix_str` and `close`.

    Args:
        total: how many steps there are.
        what: the work, for people: `embedding products`.
        unit: what a step is: `text`; `B` for bytes.
        shown: False for one that says nothing.
        initial: steps that were done earlier.
    """
    if shown and not sys.stderr.isatty():
        return ProgressLines(total, what, unit, initial=initial)
    from tqdm import tqdm  # noqa: PLC0415 - only where there is something to wait for

    if shown:
        _begin_output()
    return tqdm(total=total, desc=what, unit=unit, initial=initial, unit_scale=unit == "B", disable=not shown)


class ProgressLines:
    """Says on stderr how far the work is: after ten seconds, then every thirty."""

    def __init__(
        self, total: float, what: str, unit: str, *, initial: int = 0, clock: Callable[[], float] = monotonic
    ) -> None:
        self.total = total
        self._what, self._unit, self._clock = what, unit, clock
        self._initial, self.n = initial, float(initial)
        self._start = clock()
        self._next = self._start + _FIRST_S

    def update(self, steps: float = 1) -> None:
        """Count steps that were done."""
        self.n += steps
        now = self._clock()
        if now < self._next or self.n >= self.total:
            return
        self._next = now + _EVERY_S
        fresh = self.n - self._initial
        left_s = (now - self._start) * (self.total - self.n) / fresh if fresh else 0.0
        left = f"{left_s / 60:.0f} min" if left_s > 90 else f"{left_s:.0f} s"  # noqa: PLR2004 - a minute and a half
        _begin_output()
        size, unit = (1e6, "MB") if self._unit == "B" else (1, self._unit)
        print(  # noqa: T201 - what the user waits for
            printable(f"{self._what}: {self.n / size:,.0f} of {self.total / size:,.0f} ({unit}), about {left} left"),
            file=sys.stderr,
            flush=True,
        )

    def set_postfix_str(self, text: str) -> None:
        """Only a bar has room for it."""

    def close(self) -> None:
        """There is nothing to take off the terminal."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
