"""Compares what the engine answered with what the reference answered; the differences come back as data."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from relevance.records import NO_HIT, Ranking

TOLERANCE = 1e-6
"""Relative; for scores with a vector in them, whose order of additions depends on the server's processor code."""


@dataclass(frozen=True)
class RankingDifferences:
    queries: int
    scores: int  # compared, position by position
    unequal: int  # scores whose float32 bits differ; a hit that one side lacks counts too
    off: int  # scores further apart than `TOLERANCE`
    reordered: int  # queries whose products differ only among scores within `TOLERANCE`
    different: int  # queries whose products differ otherwise
    tied: int  # queries set aside: their lists are right for another choice among ties at the last candidate
    unsorted: int  # queries in whose list products of one score, or twins, do not come in the order of their codes
    largest: float  # relative distance of two scores
    listed: tuple[int, ...]  # the queries whose lists differ, or else those with an unequal score

    @property
    def figures(self) -> dict[str, int]:
        return {
            "lists": self.queries,
            "scores": self.scores,
            "not bit-equal": self.unequal,
            "off by > 1e-6": self.off,
            "lists different": self.different + self.unsorted,
            "reordered within 1e-6": self.reordered,
            "ties at the last candidate": self.tied,
        }

    @property
    def equal(self) -> bool:
        return not (self.unequal or self.different or self.reordered or self.tied or self.unsorted)

    @property
    def close(self) -> bool:
        """Every score is within the tolerance, and every list differs within it, or by such a tie, at most."""
        return not (self.off or self.different or self.unsorted)


def compare_rankings(
    expected: Ranking,
    actual: Ranking,
    *,
    twins: Any = None,
    tied: Callable[[Sequence[int]], Sequence[int]] | None = None,
) -> RankingDifferences:
    """Compare two rankings of one shape, position by position.

    `twins`, shape (products,): a number that products with the same texts and vectors share; None: all differ.
    `tied` says which of the queries whose lists differ are to be set aside; None: none is.
    """
    if expected.scores.shape != actual.scores.shape:
        raise AssertionError(f"shape {actual.scores.shape}, expected {expected.scores.shape}")
    hit = (expected.codes != NO_HIT) | (actual.codes != NO_HIT)
    unequal = (expected.scores.view(np.uint32) != actual.scores.view(np.uint32)) & hit
    distance = _distance(expected.scores, actual.scores)
    lists = (expected.codes != actual.codes).any(axis=1)
    reordered = lists & [differs and _only_reordered(expected, actual, row) for row, differs in enumerate(lists)]
    parted = np.zeros(len(hit), dtype=bool) if twins is None else _parted(actual, twins)
    suspects = np.flatnonzero(parted | lists | (distance > TOLERANCE).any(axis=1))
    kept = np.ones(len(hit), dtype=bool)
    kept[list(tied(suspects.tolist())) if tied and len(suspects) else []] = False
    others = lists | ~kept
    shown = np.flatnonzero(others if others.any() else unequal.any(axis=1))
    return RankingDifferences(
        queries=len(hit),
        scores=int(hit.sum()),
        unequal=int(unequal[kept].sum()),
        off=int((distance[kept] > TOLERANCE).sum()),
        reordered=int(reordered[kept].sum()),
        different=int((lists & ~reordered)[kept].sum()),
        tied=int((~kept).sum()),
        unsorted=int((_unsorted(actual) | (parted & kept)).sum()),
        largest=float(distance[kept].max(initial=0)),
        listed=tuple(shown.tolist()),
    )


def _unsorted(ranking: Ranking) -> Any:
    """Shape (queries,): whether products of one score stand in another order than that of their codes."""
    same = (ranking.scores[:, 1:] == ranking.scores[:, :-1]) & (ranking.codes[:, 1:] != NO_HIT)
    return (same & (ranking.codes[:, 1:] < ranking.codes[:, :-1])).any(axis=1)


def _parted(ranking: Ranking, twins: Any) -> Any:
    """Shape (queries,): whether a product stands there before or without a twin of a lower code.

    Twins have one score, whatever it is, so that this shows where scores beyond the list are not known.
    """
    order = np.argsort(twins, kind="stable")
    starts = np.flatnonzero(np.diff(twins[order], prepend=-1))
    places = np.empty(len(twins), dtype=np.int64)
    places[order] = np.arange(len(twins)) - np.repeat(starts, np.diff(starts, append=len(twins)))
    hits = ranking.codes != NO_HIT
    groups = np.where(hits, twins[ranking.codes], -1)
    before = np.tril(groups[:, :, None] == groups[:, None, :], k=-1).sum(axis=2)
    return (hits & (places[ranking.codes] != before)).any(axis=1)


def _distance(left: Any, right: Any) -> Any:
    """Relative; infinite where only one side has a hit, 0 where none has."""
    finite = np.isfinite(left) & np.isfinite(right)
    distance = np.where(np.isfinite(left) == np.isfinite(right), 0.0, np.inf)
    a, b = left[finite].astype(np.float64), right[finite].astype(np.float64)
    distance[finite] = np.abs(a - b) / np.maximum(np.maximum(np.abs(a), np.abs(b)), np.finfo(np.float64).tiny)
    return distance


def _only_reordered(expected: Ranking, actual: Ranking, row: int) -> bool:
    """Whether each product stands, on the other side, at a score within the tolerance of its own.

    A product that the other side's list lacks has to be within the tolerance of that list's last score.
    """
    sides = [dict(zip(side.codes[row].tolist(), side.scores[row].tolist(), strict=True)) for side in (expected, actual)]
    return all(
        abs(score - other.get(code, min(other.values()))) <= TOLERANCE * abs(score)
        for one, other in (sides, sides[::-1])
        for code, score in one.items()
        if code != NO_HIT
    )


def different_texts(expected: Sequence[Sequence[str]], actual: Sequence[Sequence[str]]) -> list[int]:
    """The positions of the texts whose tokens differ."""
    pairs = zip(expected, actual, strict=True)
    return [at for at, (theirs, ours) in enumerate(pairs) if list(theirs) != list(ours)]
