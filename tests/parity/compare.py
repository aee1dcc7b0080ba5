"""Compares what the engine answered with what the reference answered; the differences come back as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from relevance.records import NO_HIT

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from relevance.records import Ranking

__all__ = ["TOLERANCE", "RankingDifferences", "compare_rankings", "different_texts"]

TOLERANCE = 1e-6
"""Relative; for scores with a vector in them, whose order of additions depends on the server's processor code."""

FIRST = 10


@dataclass(frozen=True)
class RankingDifferences:
    """How two rankings of the same queries differ.

    Attributes:
        queries: compared.
        scores: compared, position by position.
        unequal: scores whose float32 bits differ; a hit that one side lacks counts too.
        off: scores further apart than `TOLERANCE`.
        reordered: queries whose first ten products differ only among scores within `TOLERANCE`.
        different: queries whose first ten products differ otherwise.
        largest: the largest relative distance of two scores.
        listed: the codes of the first few queries with an unequal list, or else with an unequal score.
    """

    queries: int
    scores: int
    unequal: int
    off: int
    reordered: int
    different: int
    largest: float
    listed: tuple[int, ...]

    @property
    def figures(self) -> dict[str, int]:
        """What a report shows."""
        return {
            "queries": self.queries,
            "scores": self.scores,
            "not bit-equal": self.unequal,
            "off by > 1e-6": self.off,
            "lists of ten different": self.different,
            "reordered within 1e-6": self.reordered,
        }

    @property
    def equal(self) -> bool:
        """Whether every score is bit-equal and every list of ten is equal."""
        return not (self.unequal or self.different or self.reordered)

    @property
    def close(self) -> bool:
        """Whether every score is within the tolerance and every list of ten differs within it at most."""
        return not (self.off or self.different)


def compare_rankings(expected: Ranking, actual: Ranking) -> RankingDifferences:
    """Compare two rankings of one shape, position by position."""
    if expected.scores.shape != actual.scores.shape:
        raise AssertionError(f"shape {actual.scores.shape}, expected {expected.scores.shape}")
    hit = (expected.codes != NO_HIT) | (actual.codes != NO_HIT)
    unequal = (expected.scores.view(np.uint32) != actual.scores.view(np.uint32)) & hit
    distance = _distance(expected.scores, actual.scores)
    lists = (expected.codes[:, :FIRST] != actual.codes[:, :FIRST]).any(axis=1)
    rows = np.flatnonzero(lists)
    reordered = sum(_only_reordered(expected, actual, int(row)) for row in rows)
    suspects = rows if len(rows) else np.flatnonzero(unequal.any(axis=1))
    return RankingDifferences(
        queries=len(hit),
        scores=int(hit.sum()),
        unequal=int(unequal.sum()),
        off=int((distance > TOLERANCE).sum()),
        reordered=reordered,
        different=len(rows) - reordered,
        largest=float(distance.max(initial=0)),
        listed=tuple(suspects[:5].tolist()),
    )


def _distance(left: npt.NDArray[np.float32], right: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Relative distance; infinite where only one side has a hit, 0 where none has."""
    finite = np.isfinite(left) & np.isfinite(right)
    distance = np.where(np.isfinite(left) == np.isfinite(right), 0.0, np.inf)
    a, b = left[finite].astype(np.float64), right[finite].astype(np.float64)
    distance[finite] = np.abs(a - b) / np.maximum(np.maximum(np.abs(a), np.abs(b)), np.finfo(np.float64).tiny)
    return distance


def _only_reordered(expected: Ranking, actual: Ranking, row: int) -> bool:
    """Whether each of the first ten stands, on the other side, at a score within the tolerance of its own.

    A product that the other side's list lacks has to be within the tolerance of that list's last score.
    """
    sides = [
        dict(zip(side.codes[row, :FIRST].tolist(), side.scores[row, :FIRST].tolist(), strict=True))
        for side in (expected, actual)
    ]
    return all(
        abs(score - other.get(code, min(other.values()))) <= TOLERANCE * abs(score)
        for one, other in (sides, sides[::-1])
        for code, score in one.items()
        if code != NO_HIT
    )


def different_texts(expected: Sequence[Sequence[str]], actual: Sequence[Sequence[str]]) -> list[int]:
    """Return the positions of the texts whose tokens differ."""
    pairs = zip(expected, actual, strict=True)
    return [at for at, (theirs, ours) in enumerate(pairs) if list(theirs) != list(ours)]
