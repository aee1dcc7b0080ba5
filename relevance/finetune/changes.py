"""What fine-tuning changed, as data: strategies compared with intervals, queries gained and lost, judged pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from relevance.evaluation import AP10, NDCG10, RR10
from relevance.significance import paired_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from relevance.evaluation import Evaluation, Metric
    from relevance.finetune.record import Curve
    from relevance.finetune.similarity import PairChanges
    from relevance.records import Queries

    _Floats = npt.NDArray[np.float64]

__all__ = ["COMPARED", "LEVEL", "Changes", "Comparison", "Gain", "QueryChange", "compare"]

COMPARED = (RR10, AP10, NDCG10)
"""The metrics of the comparison, in the order of its rows."""

LEVEL = 0.95
"""The share of the paired bootstrap's means inside an interval."""

_SEED = 0
"""Of the bootstrap's draws."""

_SAME = 1e-9
"""A smaller change of a metric is the rounding of a sum."""


@dataclass(frozen=True)
class Gain:
    """The means of a metric under the base and the fine-tuned strategy.

    Attributes:
        metric: what was measured.
        base: mean over the judged queries.
        tuned: mean over the judged queries; over the seeds too where there are several.
        interval: of the mean difference, tuned - base, at `LEVEL`; None with a single query.
    """

    metric: Metric
    base: float
    tuned: float
    interval: tuple[float, float] | None

    @property
    def difference(self) -> float:
        """Tuned - base."""
        return self.tuned - self.base

    @property
    def verdict(self) -> str:
        """`better` or `worse` where the interval lies on one side of 0, else `open`."""
        if self.interval is None or self.interval[0] <= 0 <= self.interval[1]:
            return "open"
        return "better" if self.interval[0] > 0 else "worse"


@dataclass(frozen=True)
class QueryChange:
    """A judged query's nDCG@10 before (base) and after (fine-tuned)."""

    query: str
    text: str
    before: float
    after: float

    @property
    def change(self) -> float:
        """After - before; 0.0 where nothing but the rounding of a sum differs."""
        change = self.after - self.before
        return change if abs(change) >= _SAME else 0.0


@dataclass(frozen=True)
class Comparison:
    """A fine-tuned strategy against its base.

    Attributes:
        base: name of the strategy with the base model.
        tuned: name of the same strategy with the fine-tuned model.
        gains: one a metric of `COMPARED`, of the model that is kept: that of the first seed.
        queries: every judged query under that model, from the largest gain to the largest loss; ties by text, then id.
        seeds: nDCG@10 of each seed's model, in the order of the seeds.
        over_seeds: nDCG@10 of each query's mean over the seeds: the interval is of the queries, not of the seeds.
    """

    base: str
    tuned: str
    gains: tuple[Gain, ...]
    queries: tuple[QueryChange, ...]
    seeds: tuple[Gain, ...]
    over_seeds: Gain

    @property
    def gained(self) -> tuple[QueryChange, ...]:
        """The largest gain first."""
        return tuple(query for query in self.queries if query.change > 0)

    @property
    def lost(self) -> tuple[QueryChange, ...]:
        """The largest loss first."""
        return tuple(query for query in reversed(self.queries) if query.change < 0)


@dataclass(frozen=True, eq=False)
class Changes:
    """All that is reported.

    Attributes:
        comparisons: of the strategies; none is allowed.
        pairs: of the judged pairs under the model that is kept.
        curves: one a seed, that of the model that is kept first.
    """

    comparisons: tuple[Comparison, ...]
    pairs: PairChanges
    curves: tuple[Curve, ...]


def compare(names: tuple[str, str], before: Evaluation, after: Sequence[Evaluation], queries: Queries) -> Comparison:
    """Compare a strategy under the base model with the same under the fine-tuned one.

    Args:
        names: of the strategies, base and fine-tuned.
        before: the base strategy's numbers.
        after: the fine-tuned strategy's numbers, one evaluation a seed, that of the model that is kept first.
        queries: all queries of the data set.

    Raises:
        ValueError: no seed, or the evaluations are not of the same judged queries.
    """
    if not after or not all(np.array_equal(before.queries, one.queries) for one in after):
        raise ValueError(f"{names[0]} and {names[1]} were not evaluated on the same judged queries")
    seeds = tuple(_gain(NDCG10, before.per_query[NDCG10], one.per_query[NDCG10]) for one in after)
    mean = np.mean([one.per_query[NDCG10] for one in after], axis=0)
    return Comparison(
        base=names[0],
        tuned=names[1],
        gains=tuple(_gain(metric, before.per_query[metric], after[0].per_query[metric]) for metric in COMPARED),
        queries=_query_changes(before, after[0], queries),
        seeds=seeds,
        over_seeds=_gain(NDCG10, before.per_query[NDCG10], mean) if len(after) > 1 else seeds[0],
    )


def _gain(metric: Metric, before: _Floats, after: _Floats) -> Gain:
    found = paired_interval(before, after, seed=_SEED, confidence=LEVEL) if len(before) > 1 else None
    return Gain(metric, float(before.mean()), float(after.mean()), None if found is None else (found.low, found.high))


def _query_changes(before: Evaluation, after: Evaluation, queries: Queries) -> tuple[QueryChange, ...]:
    codes = before.queries.tolist()
    values = (before.per_query[NDCG10].tolist(), after.per_query[NDCG10].tolist())
    found = [
        QueryChange(queries.ids[code], queries.texts[code], *row) for code, *row in zip(codes, *values, strict=True)
    ]
    return tuple(sorted(found, key=lambda one: (-one.change, one.text, one.query)))
