"""What a change did to one metric of one strategy, in numbers that the rules look at."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import stdtrit

from relevance.significance import SAME

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["ONE_SIDED_95", "Effect", "measure_effect"]

ONE_SIDED_95 = 1.645
"""Standard errors above an estimate that the truth exceeds once in twenty."""

_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Effect:
    """A change of one metric of one strategy; `drop` is positive where it became worse.

    Attributes:
        before: the baseline's mean.
        after: the mean now.
        drop: mean difference, of the metric's own units.
        error: its standard error, from the spread of the differences.
        queries: how many there are.
        changed: how many have another number than before.
        p: chance of such a drop or a larger one, by itself.
        adjusted: over all columns of the session.
        p_better: chance of such a gain, likewise.
        adjusted_better: over all columns.
    """

    before: float
    after: float
    drop: float
    error: float
    queries: int
    changed: int
    p: float = 1.0
    adjusted: float = 1.0
    p_better: float = 1.0
    adjusted_better: float = 1.0

    @property
    def relative(self) -> float | None:
        """The drop as a share of the baseline's mean; None where that is 0."""
        return self.drop / self.before if self.before > 0 else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Of the mean of after - before, 95%, by Student's t; None for a single query."""
        if self.queries < 2:  # noqa: PLR2004 - one number has no spread
            return None
        reach = float(stdtrit(self.queries - 1, 0.5 + _CONFIDENCE / 2)) * self.error
        mean = self.after - self.before
        return mean - reach, mean + reach

    @property
    def at_most(self) -> float | None:
        """The relative drop that is exceeded once in twenty, given this one."""
        return None if self.relative is None else self.relative + ONE_SIDED_95 * self.error / self.before


def measure_effect(
    before: npt.NDArray[np.float64], after: npt.NDArray[np.float64], *, higher_is_better: bool
) -> Effect:
    """The effect without its chances; sums are exact, so that every machine gives the same.

    Args:
        before: shape (queries,).
        after: shape (queries,), of the same queries in the same order.
        higher_is_better: else a rise is a drop.
    """
    queries = len(before)
    differences = before - after if higher_is_better else after - before
    drop = math.fsum(differences.tolist()) / queries
    squares = math.fsum(((differences - drop) ** 2).tolist())
    return Effect(
        before=math.fsum(before.tolist()) / queries,
        after=math.fsum(after.tolist()) / queries,
        drop=drop,
        error=math.sqrt(squares / max(queries - 1, 1) / queries),
        queries=queries,
        changed=int(np.count_nonzero(np.abs(differences) > SAME)),
    )
