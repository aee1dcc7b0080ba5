"""What training changed: scores of queries with intervals, and cosines of judged pairs.

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

from relevance.evaluation import AP10, JUDGED10, NDCG10, RR10
from relevance.significance import paired_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    import pandas as pd

    from relevance.evaluation import Evaluation, Metric
    from relevance.finetune.recipe import Curve
    from relevance.records import Queries

    _Floats = npt.NDArray[np.float64]

COMPARED = (RR10, AP10, NDCG10)
"""The metrics of the comparison, in the order of its rows."""

LEVEL = 0.95
"""The share of the paired bootstrap's means inside an interval."""

_SEED = 0  # of the bootstrap's draws
_SAME = 1e-9  # a smaller change of a metric is the rounding of a sum
_MOST_GROUPS = 7


def pair_changes(pairs: pd.DataFrame, *, relevant_from: float) -> pd.DataFrame:
    """Say what became of judged pairs that were not trained on.

    Args:
        pairs: columns `query` (text), `product` (id), `title` ("" where there is none), `label` (the grade),
            `cosine_before` (under the base model) and `cosine_after` (under the fine-tuned one); no row is allowed.
        relevant_from: the lowest label that counts as relevant.

    Returns:
        The rows with `relevant`, `standing_before`, `standing_after` and `gain` (see the module), from the largest gain
        to the largest loss; ties by the change of cosine in the label's direction, then by the order of the pairs.
    """
    relevant = pairs["label"] >= relevant_from
    direction = np.where(relevant, 1.0, -1.0)
    before, after = (pairs[name].rank(pct=True) for name in ("cosine_before", "cosine_after"))
    gain = direction * (after - before)
    changed = pairs.assign(relevant=relevant, standing_before=before, standing_after=after, gain=gain)
    order = np.lexsort((-direction * (pairs["cosine_after"] - pairs["cosine_before"]), -gain))
    return changed.iloc[order].reset_index(drop=True)


def label_correlations(changed: pd.DataFrame) -> tuple[float | None, ...]:
    """Give Spearman's correlation of label and cosine, before and after; None where one of the two is all equal."""
    ranks = changed[["label", "cosine_before", "cosine_after"]].rank()
    varied = [name for name in ranks if ranks[name].min() < ranks[name].max()]
    return tuple(
        float(ranks["label"].corr(ranks[name])) if {"label", name} <= {*varied} else None
        for name in ("cosine_before", "cosine_after")
    )


class LabelGroup(NamedTuple):
    """The cosines of the pairs of one label (`2`), or of neighbouring labels (`0 to 3`), under both models.

    `kind` is `relevant`, `irrelevant`, or `mixed` where the labels of a group fall on both sides.
    """

    name: str
    kind: str
    base: _Floats
    tuned: _Floats


def label_groups(changed: pd.DataFrame) -> list[LabelGroup]:
    """Group pairs by label, ascending; of more than seven labels neighbours are put together."""
    labels = np.unique(changed["label"])
    groups = []
    for part in np.array_split(labels, min(len(labels), _MOST_GROUPS)) if len(labels) else ():
        lowest, highest = float(part[0]), float(part[-1])
        rows = changed[changed["label"].between(lowest, highest)]
        name = f"{lowest:.10g}" if lowest == highest else f"{lowest:.10g} to {highest:.10g}"
        kind = "relevant" if rows["relevant"].all() else "mixed" if rows["relevant"].any() else "irrelevant"
        groups.append(LabelGroup(name, kind, rows["cosine_before"].to_numpy(), rows["cosine_after"].to_numpy()))
    return groups


class Measured(NamedTuple):
    """What a strategy is worth: by all its hits, those that nobody judged as irrelevant; and by the others alone."""

    evaluation: Evaluation
    condensed: Evaluation


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


class QueryChange(NamedTuple):
    """A judged query's nDCG@10 before (base) and after (fine-tuned); a change by the rounding of a sum alone is 0."""

    query: str
    text: str
    before: float
    after: float
    change: float


@dataclass(frozen=True)
class Comparison:
    """A fine-tuned strategy against its base, by their names.

    Attributes:
        gains: one a metric of `COMPARED`, of the model that is kept: that of the first seed.
        queries: every judged query under that model, from the largest gain to the largest loss; ties by text, then id.
        seeds: nDCG@10 of each seed's model, in the order of the seeds.
        over_seeds: nDCG@10 of each query's mean over the seeds: the interval is of the queries, not of the seeds.
        condensed: the same with the hits left out that nobody judged.
        judged: the share of the first ten hits that somebody judged, likewise over the seeds.
    """

    base: str
    tuned: str
    gains: tuple[Gain, ...]
    queries: tuple[QueryChange, ...]
    seeds: tuple[Gain, ...]
    over_seeds: Gain
    condensed: Gain
    judged: Gain

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
        pairs: what `pair_changes` says of the model that is kept.
        curves: one a seed, that of the model that is kept first.
    """

    comparisons: tuple[Comparison, ...]
    pairs: pd.DataFrame
    curves: tuple[Curve, ...]


def compare(names: tuple[str, str], before: Measured, after: Sequence[Measured], queries: Queries) -> Comparison:
    """Compare a strategy under the base model with the same under the fine-tuned one, by their names.

    Args:
        names: of the strategies.
        before: the base strategy's numbers.
        after: the fine-tuned strategy's numbers, once a seed, that of the model that is kept first.
        queries: all queries of the data set.

    Raises:
        ValueError: no seed, or the evaluations are not of the same judged queries.
    """
    base, *tuned = (one.evaluation for one in (before, *after))
    if not tuned or not all(np.array_equal(base.queries, one.queries) for one in tuned):
        raise ValueError(f"{names[0]} and {names[1]} were not evaluated on the same judged queries")

    def gain(metric: Metric, before: _Floats, after: _Floats) -> Gain:
        interval = paired_interval(before, after, seed=_SEED, confidence=LEVEL) if len(before) > 1 else None
        ends = None if interval is None else (interval.low, interval.high)
        return Gain(metric, float(before.mean()), float(after.mean()), ends)

    def over_seeds(metric: Metric, before: Evaluation, after: Sequence[Evaluation]) -> Gain:
        return gain(metric, before.per_query[metric], np.mean([one.per_query[metric] for one in after], axis=0))

    scores = [one.per_query[NDCG10] for one in (base, *tuned)]
    change = scores[1] - scores[0]
    change[np.abs(change) < _SAME] = 0.0
    columns = (column.tolist() for column in (base.queries, scores[0], scores[1], change))
    rows = (QueryChange(queries.ids[code], queries.labels[code], *row) for code, *row in zip(*columns, strict=True))
    seeds = tuple(gain(NDCG10, scores[0], each) for each in scores[1:])
    return Comparison(
        base=names[0],
        tuned=names[1],
        gains=tuple(gain(metric, base.per_query[metric], tuned[0].per_query[metric]) for metric in COMPARED),
        queries=tuple(sorted(rows, key=lambda one: (-one.change, one.text, one.query))),
        seeds=seeds,
        over_seeds=over_seeds(NDCG10, base, tuned) if len(tuned) > 1 else seeds[0],
        condensed=over_seeds(NDCG10, before.condensed, [one.condensed for one in after]),
        judged=over_seeds(JUDGED10, base, tuned),
    )
