"""From two snapshots and what the gate said of them to the reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from relevance.baseline import on_common_queries
from relevance.diagnosis.record import (
    Diagnosis,
    Hit,
    LegChange,
    Newcomer,
    QueryChange,
    SideBySide,
    StrategyDiagnosis,
)
from relevance.diagnosis.segments import judged_segments
from relevance.evaluation import JUDGED10, UNJUDGED, Graded
from relevance.significance import SAME
from relevance.strategies import Leg

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from relevance.baseline import Measurement, Snapshot
    from relevance.diagnosis.record import Mark, Segment
    from relevance.evaluation import Metric
    from relevance.gate import Comparison, Limits, Status

    _Floats = npt.NDArray[np.float64]

RANKINGS = 3
"""So many of the queries that lost most are shown with both rankings."""

LegValues = Mapping[str, Mapping["Metric", "_Floats"]]
"""By name of a leg that was searched for the diagnosis: metrics of shape (judged queries of the session,)."""

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Sides:
    """One strategy and metric in two snapshots of the same queries in the same order.

    Attributes:
        strategy: its name.
        metric: what its queries are told apart by.
        lower_is_worse: the direction that is gated.
        old: the baseline.
        now: the session.
    """

    strategy: str
    metric: Metric
    lower_is_worse: bool
    old: Snapshot
    now: Snapshot

    @property
    def measured(self) -> tuple[Measurement, Measurement]:
        """What both snapshots have of the strategy."""
        return self.old.strategies[self.strategy], self.now.strategies[self.strategy]

    @property
    def before(self) -> _Floats:
        """Shape (queries,)."""
        return self.measured[0].metrics[self.metric]

    @property
    def after(self) -> _Floats:
        """Shape (queries,)."""
        return self.measured[1].metrics[self.metric]

    @cached_property
    def drops(self) -> _Floats:
        """Shape (queries,), positive where it became worse."""
        return self.drop(self.before, self.after)

    def drop(self, before: _Floats, after: _Floats) -> _Floats:
        """The same of any two vectors of this metric."""
        return before - after if self.lower_is_worse else after - before

    def relative_drop(self, rows: npt.NDArray[np.bool_] | slice = slice(None)) -> float | None:
        """The mean drop of some queries as a share of their mean before; None where that is 0."""
        mean = float(self.before[rows].mean())
        return float(self.drops[rows].mean()) / mean if mean > 0 else None


def diagnose(  # noqa: PLR0913 - two sides, what is said of them, and what is known beside
    before: Snapshot,
    now: Snapshot,
    comparison: Comparison,
    limits: Limits,
    *,
    titles: Mapping[str, str] = _NOTHING,
    searched: Mapping[str, LegValues] = MappingProxyType({}),
) -> Diagnosis:
    """Say why each strategy that failed or warned did so.

    Args:
        before: the baseline.
        now: the session.
        comparison: what the gate said of them.
        limits: those it went by.
        titles: of products, by id, as far as known.
        searched: by strategy, legs that were searched for the diagnosis; a row for each query of the session.
    """
    old, new = on_common_queries(before, now)
    names = [
        name
        for name in dict.fromkeys(one.strategy for one in comparison.findings if one.status != "pass")
        if name in old.strategies and name in new.strategies
    ]
    metrics = {name: _telling_metric(old, new, name, comparison, limits) for name in names}
    sides = [
        Sides(name, metric, limits.of(name, metric).worse == "lower", old, new)
        for name, metric in metrics.items()
        if metric is not None
    ]
    segments = judged_segments(sides, limits)
    row_of = {query: row for row, query in enumerate(now.queries)}
    rows = np.array([row_of[query] for query in new.queries], dtype=np.int64)
    strategies = []
    for one in sides:
        legs = {
            leg: values[one.metric][rows]
            for leg, values in searched.get(one.strategy, {}).items()
            if one.metric in values
        }
        strategies.append(_diagnosed(one, comparison, titles, legs, segments[one.strategy]))
    newcomers = [
        newcomer
        for one, why in zip(sides, strategies, strict=True)
        for newcomer in _newcomers(one, why.status, limits, titles)
    ]
    statuses = {why.strategy: why.status for why in strategies}

    def importance(one: Newcomer) -> tuple[object, ...]:
        passing = statuses[one.strategy] != "fail"
        return not one.could_change_verdict, passing, -one.effect, one.strategy, one.query, one.rank

    return Diagnosis(
        baseline=comparison.baseline,
        strategies=tuple(strategies),
        newcomers=tuple(sorted(newcomers, key=importance)),
        differs=comparison.differs,
        notes=tuple(
            f"{name}: no metric is on both sides to tell its queries apart by"
            for name, metric in metrics.items()
            if metric is None
        ),
    )


def _telling_metric(old: Snapshot, new: Snapshot, name: str, comparison: Comparison, limits: Limits) -> Metric | None:
    """The metric that explains a strategy's verdict best; None where none is on both sides.

    Of the metrics with the worst status the leading one, else the one that fell furthest; else the leading one.
    """
    both = [metric for metric in limits.gated if all(metric in side.strategies[name].metrics for side in (old, new))]
    findings = [one for one in comparison.findings if one.strategy == name]
    relative = {one.measure: one.relative or 0.0 for one in findings}
    for status in ("fail", "warn"):
        measures = {one.measure for one in findings if one.status == status}
        metrics = [metric for metric in both if str(metric) in measures]
        if metrics:
            return limits.leading if limits.leading in metrics else max(metrics, key=lambda one: relative[str(one)])
    return limits.leading if limits.leading in both else next(iter(both), None)


def _diagnosed(
    sides: Sides,
    comparison: Comparison,
    titles: Mapping[str, str],
    searched: Mapping[str, _Floats],
    segments: tuple[Segment, ...],
) -> StrategyDiagnosis:
    queries, texts, (old, new) = sides.now.queries, sides.now.texts, sides.measured
    changes = list(map(QueryChange, queries, texts, sides.before.tolist(), sides.after.tolist()))
    drops = sides.drops.tolist()
    won = sorted((row for row, drop in enumerate(drops) if drop < -SAME), key=lambda row: (drops[row], queries[row]))
    lost = sorted((row for row, drop in enumerate(drops) if drop > SAME), key=lambda row: (-drops[row], queries[row]))
    legs, note = _leg_changes(sides, lost, searched)
    judged = [float(side.metrics[JUDGED10].mean()) for side in (old, new) if JUDGED10 in side.metrics]
    findings = [one for one in comparison.findings if one.strategy == sides.strategy]
    return StrategyDiagnosis(
        strategy=sides.strategy,
        status=comparison.status(sides.strategy),
        measures=tuple(one.measure for one in findings if one.status != "pass"),
        metric=str(sides.metric),
        before=float(sides.before.mean()),
        after=float(sides.after.mean()),
        won=tuple(changes[row] for row in won),
        lost=tuple(changes[row] for row in lost),
        unchanged=len(changes) - len(won) - len(lost),
        newly_empty=tuple(
            text for text, before, after in zip(texts, old.hits, new.hits, strict=True) if before and not after
        ),
        rankings=tuple(
            SideBySide(
                changes[row],
                _marked(old.hits[row], new.hits[row], "gone", sides.now.grades[row], titles),
                _marked(new.hits[row], old.hits[row], "new", sides.now.grades[row], titles),
            )
            for row in lost[:RANKINGS]
        ),
        judged=(judged[0], judged[1]) if len(judged) > 1 else None,
        legs=legs,
        legs_note=note,
        segments=segments,
    )


def _marked(
    hits: Sequence[str], others: Sequence[str], missing: Mark, grades: Mapping[str, float], titles: Mapping[str, str]
) -> tuple[Hit, ...]:
    """The hits of one side beside those of the other."""
    ranks = {product: rank for rank, product in enumerate(others, 1)}
    marked = []
    for rank, product in enumerate(hits, 1):
        other = ranks.get(product)
        mark: Mark = missing if other is None else "same" if other == rank else "moved"
        marked.append(Hit(product, titles.get(product), grades.get(product), mark, other))
    return tuple(marked)


# Legs. A snapshot holds the hits of whole strategies. The leg of one is told by another strategy of the same snapshot
# that is this leg alone: `textsearch_boosted` tells the text leg of `rrf`. Where there is none, the leg can be searched
# again now, but what it returned when the baseline was written is not known.


def legs_of(definition: Mapping[str, object]) -> tuple[Leg, ...]:
    """The legs of a strategy's definition by themselves, none for a raw template.

    A vector's boost is left out: alone it changes no ranking. A definition may come from a file: what is not as it
    should be is no leg.
    """
    text, vectors = _boosts(definition.get("text")), _boosts(definition.get("vectors"))
    candidates, model = definition.get("candidates"), definition.get("model")
    model = model if isinstance(model, str) else ""
    candidates = candidates if isinstance(candidates, int) else 0
    legs = [Leg(tuple(sorted(text.items())), (), 0, "")] if text else []
    return (*legs, *(Leg((), ((name, 1.0),), candidates, model) for name in vectors))


def _boosts(value: object) -> Mapping[str, float]:
    if not isinstance(value, Mapping):
        return {}
    return {str(name): float(boost) for name, boost in value.items() if isinstance(boost, int | float)}


def _strategy_of(leg: Leg | None, snapshot: Snapshot) -> str:
    """The strategy of a snapshot that is this leg and nothing else, "" where there is none."""
    if leg is None:
        return ""
    matches = (name for name, measured in snapshot.strategies.items() if legs_of(measured.definition) == (leg,))
    return next(matches, "")


def legs_without_strategy(snapshot: Snapshot, strategy: str) -> tuple[Leg, ...]:
    """Of a strategy that combines several, the legs that no strategy of the snapshot is alone."""
    legs = legs_of(snapshot.strategies[strategy].definition)
    return tuple(leg for leg in legs if not _strategy_of(leg, snapshot)) if len(legs) > 1 else ()


def _leg_changes(
    sides: Sides, lost: Sequence[int], searched: Mapping[str, _Floats]
) -> tuple[tuple[LegChange, ...], str]:
    """The legs of a strategy on the queries that it lost (their rows), and what they say in one line.

    Args:
        sides: of the strategy.
        lost: rows.
        searched: the metric by name of a leg that was searched now, shape (queries,).
    """
    old, new = ({leg.name: leg for leg in legs_of(one.definition)} for one in sides.measured)
    if not lost or max(len(old), len(new)) < 2:  # noqa: PLR2004 - a single leg is the strategy itself
        return (), ""

    def mean(snapshot: Snapshot, strategy: str) -> float | None:
        values = snapshot.strategies[strategy].metrics.get(sides.metric) if strategy else None
        return None if values is None else float(values[lost].mean())

    legs, drops = [], {}
    for name in {**old, **new}:
        before = mean(sides.old, _strategy_of(old.get(name), sides.old))
        source = _strategy_of(new.get(name), sides.now)
        after = mean(sides.now, source)
        if after is None and name in new and name in searched:
            after = float(searched[name][lost].mean())
        if before is not None and after is not None:
            drops[name] = before - after if sides.lower_is_worse else after - before
        legs.append(LegChange(name, before, after, source))
    worst = max(drops, key=drops.__getitem__, default="")
    if drops.get(worst, 0.0) > SAME:
        legs = [replace(leg, lost=leg.leg == worst) for leg in legs]
    gone = [name for name in old if name not in new]
    return tuple(legs), _legs_note(legs, gone, unknown=[leg.leg for leg in legs if leg.leg not in {*drops, *gone}])


def _legs_note(legs: Sequence[LegChange], gone: Sequence[str], unknown: Sequence[str]) -> str:
    """What the legs say, no more than they do."""
    parts = [f"no longer searched: {', '.join(gone)}"] if gone else []
    parts += [f"the {leg.leg} leg lost most" for leg in legs if leg.lost]
    if not parts and not unknown:
        parts.append("no leg lost by itself: it is how they are combined")
    if unknown:
        parts.append(f"not known of {', '.join(unknown)}: no strategy is this leg alone on both sides")
    return "; ".join(parts)


# Newcomers. A hit without a judgment counts as bad. So a change that brings products that nobody has judged looks worse
# than it may be. The best case is computed exactly: all newcomers of a query get the highest grade that the judgments
# know, on both sides, since the ideal ranking of the query changes for the baseline as well.


def _newcomers(sides: Sides, status: Status, limits: Limits, titles: Mapping[str, str]) -> list[Newcomer]:
    """All newcomers of a strategy; those that could change its verdict are marked.

    Queries are taken by the size of their effect until the drop would be one that does not fail (`Limits.fail`), or
    none at all for a strategy that warns. Where all of them together are not enough, none is marked.
    """
    grades, (old, new) = sides.now.grades, sides.measured
    of_row = {}
    for row, (before, after) in enumerate(zip(old.hits, new.hits, strict=True)):
        newcomers = [(rank, one) for rank, one in enumerate(after, 1) if one not in before and one not in grades[row]]
        if newcomers:
            of_row[row] = newcomers
    if not of_row:
        return []
    best = max((grade for judged in grades for grade in judged.values()), default=0)
    rows = list(of_row)
    best_case = [{**grades[row], **dict.fromkeys((one for _, one in of_row[row]), best)} for row in rows]
    best_before, best_after = (
        score(sides.metric, [side.hits[row] for row in rows], best_case, relevant_from=sides.now.relevant_from)
        for side in (old, new)
    )
    effects = sides.drops[rows] - sides.drop(best_before, best_after)
    order = np.lexsort((np.array(rows), -effects))
    limit = limits.of(sides.strategy, sides.metric).fail if status == "fail" else 0.0
    enough = _enough(sides, effects[order], (best_before - sides.before[rows])[order], limit)
    return [
        Newcomer(
            strategy=sides.strategy,
            query=sides.now.queries[rows[at]],
            text=sides.now.texts[rows[at]],
            product=product,
            title=titles.get(product),
            rank=rank,
            effect=float(effects[at]),
            could_change_verdict=place < enough,
        )
        for place, at in enumerate(order.tolist())
        for rank, product in of_row[rows[at]]
    ]


def _enough(sides: Sides, effects: _Floats, gains: _Floats, limit: float) -> int:
    """How many of the first queries bring the relative drop below the limit, 0 where all together do not.

    Args:
        sides: of the strategy.
        effects: shape (queries,), what judging the newcomers of a query takes off the sum of drops.
        gains: shape (queries,), what it adds to the sum before.
        limit: of the drop as a share of the sum before.
    """
    drops = np.subtract.accumulate([sides.drops.sum(), *effects])
    sums = np.add.accumulate([sides.before.sum(), *gains])
    small = (drops <= SAME) | (drops < limit * sums - SAME)
    return int(small[1:].argmax()) + 1 if drops[0] > SAME and small[1:].any() else 0


def score(
    metric: Metric, hits: Sequence[Sequence[str]], grades: Sequence[Mapping[str, float]], *, relevant_from: float
) -> _Floats:
    """Compute a metric from hits (product ids of each query, best first) and grades, as `relevance.evaluation` does."""
    ranks = metric.cutoff
    hit_grades = np.full((len(hits), ranks), UNJUDGED, dtype=np.float64)
    ideal = np.zeros((len(hits), ranks), dtype=np.float64)
    for row, (products, judged) in enumerate(zip(hits, grades, strict=True)):
        own = [judged.get(product, UNJUDGED) for product in products[:ranks]]
        best = sorted(judged.values(), reverse=True)[:ranks]
        hit_grades[row, : len(own)], ideal[row, : len(best)] = own, best
    relevant = [sum(grade >= relevant_from for grade in judged.values()) for judged in grades]
    return metric.score(
        Graded(
            grades=hit_grades,
            ideal=ideal,
            relevant=np.array(relevant, dtype=np.int64),
            hits=np.array([min(len(products), ranks) for products in hits], dtype=np.int64),
            relevant_from=relevant_from,
        )
    )
