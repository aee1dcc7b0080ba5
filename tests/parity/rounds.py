"""Timings of two ways in alternating rounds, and the ratio of each round."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter


@dataclass(frozen=True)
class Rounds:
    """Seconds of each round: of what is measured, and of what it is compared with."""

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
    return {"ratio": median(ratios), "least": min(ratios), "most": max(ratios), "rounds": len(ratios)}
