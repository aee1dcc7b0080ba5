"""From two snapshots and what the gate said of them to the reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
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
from relevance.diagnosis.segments import judge_segments, measure_segments, segment_members
from relevance.evaluation import JUDGED10, UNJUDGED, Graded
from relevance.significance import SAME

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from relevance.baseline import Measurement, Snapshot
    from relevance.diagnosis.record import Mark
    from relevance.evaluation import Metric
    from relevance.gate import Comparison, Finding, Limits, Status

    _Floats = npt.NDArray[np.float64]

RANKINGS = 3
"""So many of the queries that lost most are shown with both rankings."""

LegValues = Mapping[str, Mapping["Metric", "_Floats"]]
"""By name of a leg that was searched for the diagnosis: metrics of shape (judged queries of the session,)."""

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Sides:
    """One strategy and metric on both sides: the same queries in the same order.

    Attributes:
        strategy: its name.
        metric: what its queries are told apart by.
        lower_is_worse: the direction that is gated.
        queries: ids, ascending.
        texts: of these queries.
        grades: of each query, grade by product id.
        relevant_from: lowest grade that counts as relevant.
        old: what the baseline has of the strategy.
        new: what was measured now.
    """

    strategy: str
    metric: Metric
    lower_is_worse: bool
    queries: tuple[str, ...]
    texts: tuple[str, ...]
    grades: tuple[Mapping[str, float], ...]
    relevant_from: float
    old: Measurement
    new: Measurement

    @property
    def before(self) -> _Floats:
        """Shape (queries,)."""
        return self.old.metrics[self.metric]

    @property
    def after(self) -> _Floats:
        """Shape (queries,)."""
        return self.new.metrics[self.metric]

    @property
    def drops(self) -> _Floats:
        """Shape (queries,), positive where it became worse."""
        return self.drop(self.before, self.after)

    def drop(self, before: _Floats, after: _Floats) -> _Floats:
        """The same of any two vectors of this metric."""
        return before - after if self.lower_is_worse else after - before


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
    sides = {name: one for name in names if (one := _sides(old, new, name, comparison, limits)) is not None}
    members = segment_members(new.texts, new.grades) if sides else {}
    segments = judge_segments({name: measure_segments(one, members) for name, one in sides.items()}, limits)
    row_of = {query: row for row, query in enumerate(now.queries)}
    rows = np.array([row_of[query] for query in new.queries], dtype=np.int64)
    strategies, newcomers = [], []
    best = max((grade for judged in new.grades for grade in judged.values()), default=0)
    for name, one in sides.items():
        why = _why(one, comparison, titles)
        own = {
            leg: {metric: values[rows] for metric, values in columns.items()}
            for leg, columns in searched.get(name, {}).items()
        }
        legs, note = leg_changes(old, new, one, why.lost, own)
        strategies.append(replace(why, legs=legs, legs_note=note, segments=segments[name]))
        newcomers += newcomers_of(one, why.status, limits, titles=titles, best=best)
    return Diagnosis(
        baseline=comparison.baseline,
        strategies=tuple(strategies),
        newcomers=_by_importance(newcomers, {one.strategy: one.status for one in strategies}),
        differs=comparison.differs,
        notes=tuple(
            f"{name}: no metric is on both sides to tell its queries apart by" for name in names if name not in sides
        ),
    )


def _sides(old: Snapshot, new: Snapshot, name: str, comparison: Comparison, limits: Limits) -> Sides | None:
    """The strategy by the metric that explains its verdict best; None where no metric is on both sides."""
    both = [metric for metric in limits.gated if all(metric in side.strategies[name].metrics for side in (old, new))]
    if not both:
        return None
    metric = _worst_metric([one for one in comparison.findings if one.strategy == name], both, limits)
    return Sides(
        strategy=name,
        metric=metric,
        lower_is_worse=limits.of(name, metric).worse == "lower",
        queries=new.queries,
        texts=new.texts,
        grades=new.grades,
        relevant_from=new.relevant_from,
        old=old.strategies[name],
        new=new.strategies[name],
    )


def _worst_metric(findings: Sequence[Finding], both: Sequence[Metric], limits: Limits) -> Metric:
    """Of the metrics with the worst status the leading one, else the one that fell furthest; else the leading one."""
    relative = {one.measure: one.relative or 0.0 for one in findings}
    for status in ("fail", "warn"):
        measures = {one.measure for one in findings if one.status == status}
        metrics = [metric for metric in both if str(metric) in measures]
        if metrics:
            return limits.leading if limits.leading in metrics else max(metrics, key=lambda one: relative[str(one)])
    return limits.leading if limits.leading in both else both[0]


def _why(sides: Sides, comparison: Comparison, titles: Mapping[str, str]) -> StrategyDiagnosis:
    """All but legs and segments."""
    columns = (sides.queries, sides.texts, sides.before.tolist(), sides.after.tolist(), sides.drops.tolist())
    changes = [QueryChange(*row) for row in zip(*columns, strict=True)]
    won = sorted((one for one in changes if one.drop < -SAME), key=lambda one: (one.drop, one.query))
    lost = sorted((one for one in changes if one.drop > SAME), key=lambda one: (-one.drop, one.query))
    hits = zip(sides.texts, sides.old.hits, sides.new.hits, strict=True)
    shares = (side.metrics[JUDGED10].mean() for side in (sides.old, sides.new) if JUDGED10 in side.metrics)
    judged = tuple(map(float, shares))
    return StrategyDiagnosis(
        strategy=sides.strategy,
        status=comparison.status(sides.strategy),
        measures=tuple(
            one.measure for one in comparison.findings if one.strategy == sides.strategy and one.status != "pass"
        ),
        metric=str(sides.metric),
        before=float(sides.before.mean()),
        after=float(sides.after.mean()),
        won=tuple(won),
        lost=tuple(lost),
        unchanged=len(changes) - len(won) - len(lost),
        newly_empty=tuple(text for text, old, new in hits if old and not new),
        rankings=_side_by_side(sides, lost[:RANKINGS], titles),
        judged=(judged[0], judged[1]) if len(judged) > 1 else None,
    )


def _side_by_side(sides: Sides, changes: Sequence[QueryChange], titles: Mapping[str, str]) -> tuple[SideBySide, ...]:
    """Both rankings of some queries, in their order."""
    row_of = {query: row for row, query in enumerate(sides.queries)}

    def marked(row: int, hits: Sequence[str], others: Sequence[str], missing: Mark) -> tuple[Hit, ...]:
        ranks = {product: rank for rank, product in enumerate(others, 1)}
        rows = []
        for rank, product in enumerate(hits, 1):
            other = ranks.get(product)
            mark: Mark = missing if other is None else "same" if other == rank else "moved"
            rows.append(Hit(product, titles.get(product), sides.grades[row].get(product), mark, other))
        return tuple(rows)

    rankings = []
    for change in changes:
        row = row_of[change.query]
        old, new = sides.old.hits[row], sides.new.hits[row]
        rankings.append(SideBySide(change, marked(row, old, new, "gone"), marked(row, new, old, "new")))
    return tuple(rankings)


# Legs. A snapshot holds the hits of whole strategies. The leg of one is told by another strategy of the same snapshot
# that is this leg alone: `textsearch_boosted` tells the text leg of `rrf`. Where there is none, the leg can be searched
# again now, but what it returned when the baseline was written is not known.


@dataclass(frozen=True)
class Leg:
    """One leg of a strategy, or one kind of clause of those whose scores are added.

    Attributes:
        name: `text`, or `vector` and its field.
        text: (text field, boost) of the text leg.
        vector: the field of a vector leg, "" for the text leg.
        model: of the vector leg.
        candidates: of the vector leg; 0 where the definition has none.
    """

    name: str
    text: tuple[tuple[str, float], ...] = ()
    vector: str = ""
    model: str = ""
    candidates: int = 0


def legs_of(definition: Mapping[str, object]) -> tuple[Leg, ...]:
    """The legs of a strategy's definition, none for a raw template.

    A vector's boost is left out: alone it changes no ranking. A definition may come from a file: what is not as it
    should be is no leg.
    """
    text, vectors = _boosts(definition.get("text")), _boosts(definition.get("vectors"))
    candidates, model = definition.get("candidates"), definition.get("model")
    model = model if isinstance(model, str) else ""
    candidates = candidates if isinstance(candidates, int) else 0
    legs = [Leg("text", text=tuple(sorted(text.items())))] if text else []
    legs += [Leg(f"vector {name}", vector=name, model=model, candidates=candidates) for name in vectors]
    return tuple(legs)


def _boosts(value: object) -> Mapping[str, float]:
    if not isinstance(value, Mapping):
        return {}
    return {str(name): float(boost) for name, boost in value.items() if isinstance(boost, int | float)}


def _strategy_of(leg: Leg, snapshot: Snapshot) -> str:
    """The strategy of a snapshot that is this leg and nothing else, "" where there is none."""
    matches = (name for name, measured in snapshot.strategies.items() if legs_of(measured.definition) == (leg,))
    return next(matches, "")


def legs_without_strategy(snapshot: Snapshot, strategy: str) -> tuple[Leg, ...]:
    """Of a strategy that combines several, the legs that no strategy of the snapshot is alone."""
    legs = legs_of(snapshot.strategies[strategy].definition)
    return tuple(leg for leg in legs if not _strategy_of(leg, snapshot)) if len(legs) > 1 else ()


def leg_changes(
    before: Snapshot, now: Snapshot, sides: Sides, lost: Sequence[QueryChange], searched: LegValues
) -> tuple[tuple[LegChange, ...], str]:
    """The legs of a strategy on the queries that it lost, and what they say in one line.

    Both snapshots are aligned; `searched` are legs that were searched now, rows as in `now`.
    """
    old, new = (
        {leg.name: leg for leg in legs_of(side.strategies[sides.strategy].definition)} for side in (before, now)
    )
    if not lost or max(len(old), len(new)) < 2:  # noqa: PLR2004 - a single leg is the strategy itself
        return (), ""
    row_of = {query: row for row, query in enumerate(sides.queries)}
    rows = np.array([row_of[one.query] for one in lost], dtype=np.int64)

    def mean(snapshot: Snapshot, strategy: str) -> float | None:
        values = snapshot.strategies[strategy].metrics.get(sides.metric) if strategy else None
        return None if values is None else float(values[rows].mean())

    legs = []
    for name in {**old, **new}:
        sources = [
            _strategy_of(side[name], snapshot) if name in side else "" for side, snapshot in ((old, before), (new, now))
        ]
        old_mean, new_mean = mean(before, sources[0]), mean(now, sources[1])
        again = searched.get(name, {}).get(sides.metric)
        if new_mean is None and name in new and again is not None:
            new_mean = float(again[rows].mean())
        drop = None
        if old_mean is not None and new_mean is not None:
            drop = old_mean - new_mean if sides.lower_is_worse else new_mean - old_mean
        legs.append(LegChange(name, old_mean, new_mean, drop, sources[1]))
    worst = max((leg for leg in legs if leg.drop is not None), key=lambda leg: leg.drop or 0.0, default=None)
    if worst is not None and (worst.drop or 0.0) > SAME:
        legs = [replace(leg, lost=leg is worst) for leg in legs]
    return tuple(legs), _legs_note(legs, gone=[name for name in old if name not in new])


def _legs_note(legs: Sequence[LegChange], gone: Sequence[str]) -> str:
    """What the legs say, no more than they do."""
    unknown = [leg.leg for leg in legs if leg.drop is None and leg.leg not in gone]
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


@dataclass(frozen=True)
class _BestCase:
    """A query with newcomers: their ranks and products, and what becomes of it if all of them are good."""

    row: int
    newcomers: tuple[tuple[int, str], ...]
    before: float
    drop: float
    effect: float


def newcomers_of(
    sides: Sides, status: Status, limits: Limits, *, titles: Mapping[str, str], best: float
) -> list[Newcomer]:
    """All newcomers of a strategy; those that could change its verdict are marked.

    Queries are taken by the size of their effect until the drop would be one that does not fail (`Limits.fail`), or
    none at all for a strategy that warns. Where all of them together are not enough, none is marked. `best` is the
    highest grade that the judgments know.
    """
    cases = _best_cases(sides, best)
    enough = _enough(sides, cases, limits.of(sides.strategy, sides.metric).fail if status == "fail" else 0.0)
    return [
        Newcomer(
            strategy=sides.strategy,
            query=sides.queries[case.row],
            text=sides.texts[case.row],
            product=product,
            title=titles.get(product),
            rank=rank,
            effect=case.effect,
            could_change_verdict=place < enough,
        )
        for place, case in enumerate(cases)
        for rank, product in case.newcomers
    ]


def _best_cases(sides: Sides, best: float) -> list[_BestCase]:
    """The largest effect first; ties by query."""
    rows, new = [], []
    for row, (before, after, judged) in enumerate(zip(sides.old.hits, sides.new.hits, sides.grades, strict=True)):
        known = {*before, *judged}
        newcomers = tuple((rank, product) for rank, product in enumerate(after, 1) if product not in known)
        if newcomers:
            rows.append(row)
            new.append(newcomers)
    if not rows:
        return []
    grades = [
        {**sides.grades[row], **{product: best for _, product in newcomers}}
        for row, newcomers in zip(rows, new, strict=True)
    ]
    old_values, new_values = (
        score(sides.metric, [side.hits[row] for row in rows], grades, relevant_from=sides.relevant_from)
        for side in (sides.old, sides.new)
    )
    drops = sides.drop(old_values, new_values)
    effects = sides.drops[rows] - drops
    columns = (rows, new, old_values.tolist(), drops.tolist(), effects.tolist())
    return sorted((_BestCase(*row) for row in zip(*columns, strict=True)), key=lambda one: (-one.effect, one.row))


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


def _enough(sides: Sides, cases: Sequence[_BestCase], limit: float) -> int:
    """How many of the first cases bring the relative drop below the limit, 0 where all together do not."""
    drop, before = float(sides.drops.sum()), float(sides.before.sum())
    if drop <= SAME:
        return 0
    old = sides.before.tolist()
    for number, case in enumerate(cases, 1):
        drop -= case.effect
        before += case.before - old[case.row]
        if drop <= SAME or drop < limit * before - SAME:
            return number
    return 0


def _by_importance(newcomers: Sequence[Newcomer], statuses: Mapping[str, Status]) -> tuple[Newcomer, ...]:
    """Those that could change a verdict first, failures before warnings, then the largest effect."""

    def order(one: Newcomer) -> tuple[object, ...]:
        passing = statuses[one.strategy] != "fail"
        return not one.could_change_verdict, passing, -one.effect, one.strategy, one.query, one.rank

    return tuple(sorted(newcomers, key=order))
