"""What training changed: scores of queries with intervals, cosines of judged pairs, and the band of several seeds.

The cosines of two models are on different scales: training against negatives moves all of them, often downwards. What
ranks is the order, so a pair is followed by its *standing* under each model: the share of judged pairs whose cosine is
not above its own, from 0 to 1, ties sharing their mean rank. A pair's gain is the change of its standing in the
direction of its label: upwards for a relevant pair, downwards for an irrelevant one. A common shift or stretch of all
cosines is no gain. Gains run from -1 to 1, and their sign says improved or worsened.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from relevance.evaluation import AP10, NDCG10, RR10
from relevance.significance import paired_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from relevance.evaluation import Evaluation, Metric
    from relevance.finetune.recipe import Curve
    from relevance.records import Queries

    _Floats = npt.NDArray[np.float64]

WHISKERS = (0.05, 0.95)
"""The shares of values below the two whiskers of a box."""

COMPARED = (RR10, AP10, NDCG10)
"""The metrics of the comparison, in the order of its rows."""

LEVEL = 0.95
"""The share of the paired bootstrap's means inside an interval."""

_SEED = 0
"""Of the bootstrap's draws."""

_SAME = 1e-9
"""A smaller change of a metric is the rounding of a sum."""

_MOST_GROUPS = 7
"""More labels than this (grades of one's own may be any whole numbers) are put together, neighbours first."""


@dataclass(frozen=True, eq=False)
class JudgedPairs:
    """Judged pairs of query (text) and product (id), and their cosine under both models; no pair was trained on.

    Attributes:
        titles: "" where no file gives one.
        labels: shape (pairs,): the grade, or the relevance as the data set gives it.
        base: shape (pairs,), cosine under the base model.
        tuned: shape (pairs,), cosine under the fine-tuned model.
        relevant_from: the lowest label that counts as relevant.
    """

    queries: tuple[str, ...]
    products: tuple[str, ...]
    titles: tuple[str, ...]
    labels: _Floats
    base: _Floats
    tuned: _Floats
    relevant_from: float

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def relevant(self) -> npt.NDArray[np.bool_]:
        """Shape (pairs,)."""
        return self.labels >= self.relevant_from


class LabelGroup(NamedTuple):
    """The cosines of the pairs of one label (`2`), or of neighbouring labels (`0 to 3`), under both models.

    `kind` is `relevant`, `irrelevant`, or `mixed` where the labels of a group fall on both sides.
    """

    name: str
    kind: str
    base: _Floats
    tuned: _Floats


@dataclass(frozen=True, eq=False)
class PairChanges:
    """What became of the judged pairs.

    Attributes:
        pairs: which they are.
        groups: by label, ascending.
        base_standing: shape (pairs,), see the module.
        tuned_standing: shape (pairs,).
        gain: shape (pairs,), from -1 to 1, see the module.
        order: shape (pairs,), the pairs from the largest gain to the largest loss; ties by the change of cosine in the
            label's direction, then by the order of the pairs.
        spearman: rank correlation of label and cosine under the base and the fine-tuned model; None where labels or
            cosines are all equal.
    """

    pairs: JudgedPairs
    groups: tuple[LabelGroup, ...]
    base_standing: _Floats
    tuned_standing: _Floats
    gain: _Floats
    order: npt.NDArray[np.int64]
    spearman: tuple[float | None, float | None]

    @property
    def improved(self) -> npt.NDArray[np.int64]:
        """Row numbers, the largest gain first."""
        return self.order[self.gain[self.order] > 0]

    @property
    def worsened(self) -> npt.NDArray[np.int64]:
        """Row numbers, the largest loss first."""
        return self.order[::-1][self.gain[self.order[::-1]] < 0]


def pair_changes(pairs: JudgedPairs) -> PairChanges:
    """Compare the two models on judged pairs; none at all are allowed."""
    base, tuned = _standing(pairs.base), _standing(pairs.tuned)
    direction = np.where(pairs.relevant, 1.0, -1.0)
    gain = direction * (tuned - base)
    order = np.lexsort((-direction * (pairs.tuned - pairs.base), -gain)).astype(np.int64)
    correlations = (_correlation(pairs.labels, pairs.base), _correlation(pairs.labels, pairs.tuned))
    groups = []
    labels = np.unique(pairs.labels)
    for part in np.array_split(labels, min(len(labels), _MOST_GROUPS)) if len(labels) else ():
        lowest, highest = float(part[0]), float(part[-1])
        rows = (pairs.labels >= lowest) & (pairs.labels <= highest)
        name = f"{lowest:.10g}" if lowest == highest else f"{lowest:.10g} to {highest:.10g}"
        sides = set(pairs.relevant[rows].tolist())
        kind = "mixed" if len(sides) > 1 else "relevant" if sides == {True} else "irrelevant"
        groups.append(LabelGroup(name, kind, pairs.base[rows], pairs.tuned[rows]))
    return PairChanges(pairs, tuple(groups), base, tuned, gain, order, correlations)


def _standing(cosines: _Floats) -> _Floats:
    return np.asarray(pd.Series(cosines, dtype=np.float64).rank(pct=True), dtype=np.float64)


def _correlation(labels: _Floats, cosines: _Floats) -> float | None:
    """Spearman's: Pearson's of the ranks."""
    if len(np.unique(labels)) < 2 or len(np.unique(cosines)) < 2:  # noqa: PLR2004 - no ranks to speak of
        return None
    return float(np.corrcoef(_standing(labels), _standing(cosines))[0, 1])


class Spread(NamedTuple):
    """The ends of the whiskers, the quartiles, the median."""

    low: float
    lower_quartile: float
    median: float
    upper_quartile: float
    high: float


def spread(values: _Floats) -> Spread:
    """Whiskers, quartiles and median of one value or more, linear between neighbouring values."""
    return Spread(*np.quantile(values, (WHISKERS[0], 0.25, 0.5, 0.75, WHISKERS[1])).tolist())


class Band(NamedTuple):
    """Validation nDCG@10 at the steps, ascending, at which all trainings were evaluated.

    Behind the first stop a mean would be that of the others.
    """

    steps: tuple[int, ...]
    low: tuple[float, ...]
    mean: tuple[float, ...]
    high: tuple[float, ...]


def band(curves: Sequence[Curve]) -> Band:
    """The band of several trainings; empty where there is one alone, or no common step."""
    scores: dict[int, list[float]] = {}
    for curve in curves:
        for step in curve.steps:
            scores.setdefault(step.step, []).append(step.ndcg)
    shared = {step: values for step, values in sorted(scores.items()) if len(values) == len(curves) > 1}
    means = tuple(float(np.mean(values)) for values in shared.values())
    return Band(tuple(shared), tuple(map(min, shared.values())), means, tuple(map(max, shared.values())))


@dataclass(frozen=True)
class Gain:
    """The means of a metric over the judged queries under the base and the fine-tuned strategy.

    `interval` is that of the mean difference, tuned - base, at `LEVEL`; None with a single query.
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
    """A fine-tuned strategy against its base, by their names.

    Attributes:
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

    def gain(metric: Metric, tuned: _Floats) -> Gain:
        base = before.per_query[metric]
        interval = paired_interval(base, tuned, seed=_SEED, confidence=LEVEL) if len(base) > 1 else None
        ends = None if interval is None else (interval.low, interval.high)
        return Gain(metric, float(base.mean()), float(tuned.mean()), ends)

    codes = before.queries.tolist()
    scores = (before.per_query[NDCG10].tolist(), after[0].per_query[NDCG10].tolist())
    changes = [
        QueryChange(queries.ids[code], queries.texts[code], *row) for code, *row in zip(codes, *scores, strict=True)
    ]
    seeds = tuple(gain(NDCG10, one.per_query[NDCG10]) for one in after)
    mean = np.mean([one.per_query[NDCG10] for one in after], axis=0)
    return Comparison(
        base=names[0],
        tuned=names[1],
        gains=tuple(gain(metric, after[0].per_query[metric]) for metric in COMPARED),
        queries=tuple(sorted(changes, key=lambda one: (-one.change, one.text, one.query))),
        seeds=seeds,
        over_seeds=gain(NDCG10, mean) if len(after) > 1 else seeds[0],
    )
