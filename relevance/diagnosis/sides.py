"""One strategy and metric on both sides: the same queries in the same order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt

    from relevance.baseline import Measurement, Snapshot
    from relevance.evaluation import Metric
    from relevance.gate import Limits

    _Floats = npt.NDArray[np.float64]

__all__ = ["Sides", "sides_of"]


@dataclass(frozen=True, eq=False)
class Sides:
    """What was and what is.

    Attributes:
        strategy: its name.
        metric: what its queries are told apart by.
        lower_is_worse: the direction that is gated.
        queries: ids, ascending.
        texts: of these queries.
        grades: of each query, grade by product id.
        relevant_from: lowest grade that counts as relevant.
        was: what the baseline has of the strategy.
        has: what was measured now.
    """

    strategy: str
    metric: Metric
    lower_is_worse: bool
    queries: tuple[str, ...]
    texts: tuple[str, ...]
    grades: tuple[Mapping[str, float], ...]
    relevant_from: float
    was: Measurement
    has: Measurement

    @property
    def before(self) -> _Floats:
        """Shape (queries,)."""
        return self.was.metrics[self.metric]

    @property
    def after(self) -> _Floats:
        """Shape (queries,)."""
        return self.has.metrics[self.metric]

    @property
    def drops(self) -> _Floats:
        """Shape (queries,), positive where it became worse."""
        return self.drop(self.before, self.after)

    def drop(self, before: _Floats, after: _Floats) -> _Floats:
        """The same of any two vectors of this metric."""
        return before - after if self.lower_is_worse else after - before


def sides_of(before: Snapshot, now: Snapshot, strategy: str, metric: Metric, limits: Limits) -> Sides:
    """A strategy that both snapshots have; their queries are the same, in the same order."""
    return Sides(
        strategy=strategy,
        metric=metric,
        lower_is_worse=limits.of(strategy, metric).worse == "lower",
        queries=now.queries,
        texts=now.texts,
        grades=now.grades,
        relevant_from=now.relevant_from,
        was=before.strategies[strategy],
        has=now.strategies[strategy],
    )
