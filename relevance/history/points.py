"""Change points: the commits at which a mean changed, and by how much.

The best split of a series into stretches of one level each is found exactly, by dynamic programming over where the
last stretch begins: B. Jackson et al., "An Algorithm for Optimal Partitioning of Data on an Interval", IEEE Signal
Processing Letters 12, 2005. A stretch costs the squared distance of its points from their mean, in units of the noise's
variance. Each further stretch costs 3 log n, which keeps noise from being split: Schwarz' criterion (Y.-C. Yao,
"Estimating the number of change-points via Schwarz' criterion", 1988) and half as much again, as histories are short.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from relevance.history.versions import Version

    _Floats = npt.NDArray[np.float64]

_PENALTY = 3.0
_LEAST_NOISE = 0.002
"""Of the mean: a session gives the same numbers twice, so what the rest of the history shows may be no noise at all."""
_NORMAL = 0.6745 * math.sqrt(2)
"""Median of the absolute difference of two draws of a normal distribution, in standard deviations."""


@dataclass(frozen=True)
class Step:
    """A change point: `at` is the index of the first version of a new level."""

    at: int
    before: float
    after: float

    @property
    def relative(self) -> float:
        """Of the level before, negative where it fell."""
        return (self.after - self.before) / self.before if self.before else math.inf


def levels(versions: Sequence[Version], strategy: str) -> _Floats:
    """The strategy's mean by version, as if all had the newest one's queries; all versions have the strategy.

    From one version to the next the mean moves by what the queries did that mean the same in both; new, gone and newly
    judged queries do not move it.
    """
    moves = [0.0]
    for older, newer in pairwise(versions):
        before, after = older.beside(newer, strategy)
        moves.append(float(np.mean(after - before, dtype=np.float64)) if len(before) else 0.0)
    added = np.cumsum(moves)
    return added - added[-1] + versions[-1].mean(strategy) if versions else added[:0]


def steps(values: _Floats) -> tuple[Step, ...]:
    """Find the change points of a series."""
    size = len(values)
    if size < 2:  # noqa: PLR2004 - nothing to split
        return ()
    noise = max(float(np.median(np.abs(np.diff(values)))) / _NORMAL, _LEAST_NOISE * abs(float(np.mean(values))), 1e-9)
    scaled = (values - values.mean()) / noise
    sums, squares = (np.concatenate([[0.0], np.cumsum(part)]) for part in (scaled, scaled**2))
    best, begins = np.full(size + 1, -_PENALTY * math.log(size)), [0] * (size + 1)
    for end in range(1, size + 1):
        starts = np.arange(end)
        spread = squares[end] - squares[starts] - (sums[end] - sums[starts]) ** 2 / (end - starts)
        costs = best[starts] + spread + _PENALTY * math.log(size)
        begins[end] = int(np.argmin(costs))
        best[end] = costs[begins[end]]
    bounds, end = [size], size
    while end:
        end = begins[end]
        bounds.insert(0, end)
    means = [float(values[start:stop].mean()) for start, stop in pairwise(bounds)]
    return tuple(Step(at, *pair) for at, pair in zip(bounds[1:-1], pairwise(means), strict=True))
