"""Timings of two ways in alternating rounds, and the ratio of each round."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Rounds:
    """Seconds of each round.

    Attributes:
        ours: of what is measured.
        theirs: of what it is compared with, in the same rounds.
    """

    ours: tuple[float, ...]
    theirs: tuple[float, ...]

    def ratios(self) -> list[float]:
        """How many times as long theirs took, round by round."""
        return [theirs / ours for ours, theirs in zip(self.ours, self.theirs, strict=True)]


def alternate(ours: Callable[[], object], theirs: Callable[[], object], *, rounds: int) -> Rounds:
    """Time both in each round, after one that does not count; who goes first alternates."""
    times: dict[bool, list[float]] = {True: [], False: []}
    for number in range(rounds + 1):
        for is_ours in (True, False) if number % 2 else (False, True):
            start = perf_counter()
            (ours if is_ours else theirs)()
            times[is_ours].append(perf_counter() - start)
    return Rounds(tuple(times[True][1:]), tuple(times[False][1:]))


def spread(ratios: list[float]) -> dict[str, object]:
    """Return the median of the ratios of all rounds with the least and the most."""
    return {"ratio": median(ratios), "least": min(ratios), "most": max(ratios), "rounds": len(ratios)}
