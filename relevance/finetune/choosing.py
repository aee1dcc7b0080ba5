"""Which of several recipes is the best, by the queries that all of them were validated with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from relevance.finetune.changes import LEVEL
from relevance.significance import paired_interval

if TYPE_CHECKING:
    import numpy.typing as npt

    from relevance.finetune.recipe import Curve

    _Floats = npt.NDArray[np.float64]

_SEED = 0  # of the bootstrap's draws


@dataclass(frozen=True)
class Difference:
    """A mean over queries, or of differences between two recipes, with its bootstrap interval at `LEVEL`.

    `interval` is None with a single query.
    """

    mean: float
    interval: tuple[float, float] | None

    @property
    def is_sure(self) -> bool:
        """Whether the interval lies on one side of 0."""
        return self.interval is not None and not self.interval[0] <= 0 <= self.interval[1]


@dataclass(frozen=True, eq=False)
class Tried:
    """A recipe after its trainings, one a seed.

    Attributes:
        name: as it was typed, `loss=hard+epochs=5`.
        curves: of the trainings.
        ndcg: shape (seeds, queries), nDCG@10 of the validation queries under the models that were kept.
    """

    name: str
    curves: tuple[Curve, ...]
    ndcg: _Floats

    @cached_property
    def over_seeds(self) -> _Floats:
        """Shape (queries,), each query's mean."""
        means: _Floats = self.ndcg.mean(axis=0)
        return means

    @cached_property
    def quality(self) -> Difference:
        """The mean over queries and seeds; the interval is of the queries."""
        return _difference(np.zeros_like(self.over_seeds), self.over_seeds)

    @property
    def band(self) -> tuple[float, float]:
        """The lowest and the highest seed's mean."""
        means = self.ndcg.mean(axis=1)
        return float(means.min()), float(means.max())

    @property
    def steps(self) -> tuple[int, ...]:
        """The step that each training kept."""
        return tuple(curve.steps[curve.best].step for curve in self.curves)

    @property
    def seconds(self) -> float:
        """Of a training, all that it took counted; the mean over seeds."""
        return sum(curve.seconds for curve in self.curves) / len(self.curves)

    @property
    def parts(self) -> dict[str, float]:
        """What of `seconds` was mining and the like, by its name."""
        names = dict.fromkeys(name for curve in self.curves for name in curve.parts)
        return {name: sum(curve.parts.get(name, 0.0) for curve in self.curves) / len(self.curves) for name in names}

    @property
    def memory_bytes(self) -> int | None:
        """The highest peak of the trainings; None where none is known."""
        return max((curve.memory_bytes for curve in self.curves if curve.memory_bytes is not None), default=None)


@dataclass(frozen=True, eq=False)
class Choice:
    """Recipes on one split, judged by the same queries.

    Attributes:
        base: shape (queries,), nDCG@10 of the validation queries under the base model.
        tried: two recipes or more, in the order in which they were typed.
    """

    base: _Floats
    tried: tuple[Tried, ...]

    @cached_property
    def winner(self) -> Tried:
        """The recipe of the highest mean; the first of equals."""
        return max(self.tried, key=lambda one: one.quality.mean)

    def to_first(self, tried: Tried) -> Difference:
        """How a recipe differs from the first, query by query."""
        return _difference(self.tried[0].over_seeds, tried.over_seeds)

    @property
    def ties(self) -> tuple[Tried, ...]:
        """The recipes that these queries and seeds do not tell from the winner.

        Those whose band over seeds meets the winner's, or whose difference to it may be 0 for other queries.
        """
        lowest = self.winner.band[0]
        others = (one for one in self.tried if one is not self.winner)
        return tuple(
            one
            for one in others
            if one.band[1] >= lowest or not _difference(one.over_seeds, self.winner.over_seeds).is_sure
        )


def _difference(before: _Floats, after: _Floats) -> Difference:
    if len(before) < 2:  # noqa: PLR2004 - a single query has no interval
        return Difference(float((after - before).mean()), None)
    interval = paired_interval(before, after, seed=_SEED, confidence=LEVEL)
    return Difference(interval.difference, (interval.low, interval.high))
