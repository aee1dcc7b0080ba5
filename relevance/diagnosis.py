"""Why a verdict is what it is: queries lost, rankings side by side, legs, kinds of queries and hits to judge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain, islice, zip_longest
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np

from relevance.evaluation import JUDGED10, overlap
from relevance.evaluation import named as metric_named
from relevance.gate import ANSWERS, WEIGHTED, Answer
from relevance.records import HITS
from relevance.significance import SAME, student_interval

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from relevance.baseline import Measurement, Snapshot
    from relevance.evaluation import Metric
    from relevance.gate import Comparison, Finding, Limits

    _Bools = npt.NDArray[np.bool_]
    _Floats = npt.NDArray[np.float64]

_Values = TypeVar("_Values", float, "_Floats")

LegValues = Mapping[str, Mapping["Metric", "_Floats"]]
"""By name of a leg that was searched for the diagnosis: metrics of shape (judged queries of the session,)."""

RANKINGS: Mapping[Answer, int] = MappingProxyType({"loss": 3, "likely loss": 3, "undecided": 3, "no loss": 1})
"""So many of the queries that lost most are shown with both rankings."""

Mark = Literal["same", "moved", "new", "gone"]

_NOTHING: Mapping[str, str] = MappingProxyType({})


# what a diagnosis says


@dataclass(frozen=True)
class QueryChange:
    """One query whose metric changed."""

    query: str
    text: str
    before: float
    after: float


@dataclass(frozen=True)
class Hit:
    """One place of a ranking beside the other ranking of the same query.

    Attributes:
        title: None where it is not known.
        grade: its judgment; None where it has none.
        mark: `same` place on both sides, `moved` to another, `gone` from the hits of before, `new` among those of now.
        other_rank: its rank on the other side, from 1; None where it is not there.
    """

    product: str
    title: str | None
    grade: float | None
    mark: Mark
    other_rank: int | None


@dataclass(frozen=True)
class SideBySide:
    """Both rankings of a query, best hit first.

    Attributes:
        reasons: what moved the product that fell, and which clauses and terms put another in its place, as the engine
            explains both; none where it was not asked.
    """

    change: QueryChange
    before: tuple[Hit, ...]
    after: tuple[Hit, ...]
    reasons: tuple[str, ...] = ()

    def fallen(self) -> tuple[Hit, Hit | None] | None:
        """The best judged hit of before that fell, the first of them, and the hit that has its place now, if any."""
        ranked = enumerate(self.before, 1)
        fell = [(rank, hit) for rank, hit in ranked if hit.other_rank is None or hit.other_rank > rank]
        if not fell:
            return None
        rank, hit = max(fell, key=lambda one: (one[1].grade or 0, -one[0]))
        return hit, self.after[min(rank, len(self.after)) - 1] if self.after else None


@dataclass(frozen=True)
class LegChange:
    """One leg of a strategy that combines several, by itself, on the queries that the whole strategy lost.

    Attributes:
        leg: `text`, or `vector` and its field.
        before: mean of the metric over those queries; None where it is not known.
        after: likewise now.
        source: the strategy that is this leg alone; "" where the leg was searched for this diagnosis.
        lost: whether it is the leg that fell furthest.
    """

    leg: str
    before: float | None
    after: float | None
    source: str
    lost: bool = False


@dataclass(frozen=True)
class ToJudge:
    """A hit without a judgment, of either side, as the gate asks for it.

    Attributes:
        place: its place in the order of the strategy, from 1; the first ones are a sample, so that none is left out.
        text: what was asked; `query` is the id.
        title: None where it is not known.
        rank: of now, or else before, from 1.
        needed: whether it is asked for until the gate looks again, and what the gate says hangs on it.
    """

    strategy: str
    place: int
    query: str
    text: str
    product: str
    title: str | None
    rank: int
    needed: bool


@dataclass(frozen=True)
class Reported:
    """A metric of a strategy that is shown and not gated: means over all queries.

    Attributes:
        before: None of a metric that compares both rankings, which has one value.
        interval: of the mean of after - before, 95%; None likewise, and for a single query.
        changed: how many queries have another value; of an overlap, how many have other hits.
    """

    strategy: str
    measure: str
    before: float | None
    after: float
    interval: tuple[float, float] | None
    queries: int
    changed: int


@dataclass(frozen=True)
class StrategyDiagnosis:
    """One strategy in which a query changed, or that is worse.

    Attributes:
        measures: what is no `no loss`, as the findings name it.
        metric: what its queries are told apart by, as it prints; `before` and `after` are its means.
        won: queries that became better, the largest gain first.
        lost: queries that became worse, the largest loss first.
        unchanged: how many are as before.
        reranked: how many queries have other hits, or these in another order, whatever their metric.
        newly_empty: texts of the queries that returned hits before and return none now.
        rankings: both rankings of the worst queries; of the best one where none became worse.
        judged: share of the hits with a judgment, before and now, of queries that have hits; None where it was not
            measured.
        has_empty: whether a query has no hits, which the means of `Judged@10` count as 0.
        legs: of a strategy that combines several; empty for others.
        legs_note: what the legs say, or what cannot be known of them; "" where there are none.
        segments: what the gate found of each kind of query, by the leading metric.
        explained: by id of a changed query, what moved the product that fell there; of as many as were asked for, with
            nothing where the engine has nothing to say. Those of `rankings` are among them.
    """

    strategy: str
    answer: Answer
    measures: tuple[str, ...]
    metric: str
    before: float
    after: float
    won: tuple[QueryChange, ...]
    lost: tuple[QueryChange, ...]
    unchanged: int
    reranked: int
    newly_empty: tuple[str, ...]
    rankings: tuple[SideBySide, ...]
    judged: tuple[float, float] | None
    legs: tuple[LegChange, ...]
    legs_note: str
    segments: tuple[Finding, ...]
    has_empty: bool = False
    explained: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Diagnosis:
    """Why a comparison says what it says.

    Attributes:
        baseline: what it is called for people.
        strategies: those in which a query changed or that are worse, the worst answer first.
        to_judge: hits without a judgment in the order of judging, first those that decide what is said of a strategy.
        reported: metrics that are not gated, of the strategies in which a query changed, in the comparison's order.
        differs: what else changed between baseline and now, a line each.
        notes: what could not be found out and why, a line each.
    """

    baseline: str
    strategies: tuple[StrategyDiagnosis, ...]
    to_judge: tuple[ToJudge, ...]
    reported: tuple[Reported, ...]
    differs: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def of(self, strategy: str) -> StrategyDiagnosis | None:
        """What was found of a strategy; None where nothing changed."""
        return next((one for one in self.strategies if one.strategy == strategy), None)


# from two snapshots and what the gate said of them to the reasons


@dataclass(frozen=True, eq=False)
class _Sides:
    """One strategy in two snapshots of the same queries in the same order, and the metric that tells these apart."""

    strategy: str
    metric: Metric
    lower_is_worse: bool
    old: Snapshot
    now: Snapshot

    @property
    def measured(self) -> tuple[Measurement, Measurement]:
        return self.old.strategies[self.strategy], self.now.strategies[self.strategy]

    @property
    def before(self) -> _Floats:
        return self.measured[0].metrics[self.metric]

    @property
    def after(self) -> _Floats:
        return self.measured[1].metrics[self.metric]

    @cached_property
    def drops(self) -> _Floats:
        """Shape (queries,), positive where it became worse."""
        return self.drop(self.before, self.after)

    def drop(self, before: _Values, after: _Values) -> _Values:
        return before - after if self.lower_is_worse else after - before


def diagnose(  # noqa: PLR0913 - two sides, what is said of them, and what is known beside
    before: Snapshot,
    now: Snapshot,
    comparison: Comparison,
    limits: Limits,
    *,
    titles: Mapping[str, str] = _NOTHING,
    searched: Mapping[str, LegValues] = MappingProxyType({}),
    overlaps: Sequence[Metric] = (),
) -> Diagnosis:
    """Say what became of the queries of each strategy in which one changed, and why it is worse where it is.

    Args:
        before: the baseline.
        now: the session, with the same queries in the same order, see `by_todays_data`.
        comparison: what the gate said of them.
        limits: those it went by.
        titles: of products, by id, as far as known.
        searched: by strategy, legs that were searched for the diagnosis; a row for each query.
        overlaps: metrics that compare both rankings of a query, which are reported.
    """
    names = changed_strategies(before, now, comparison)
    metrics = {name: _telling_metric(before, now, name, comparison, limits) for name in names}
    sides = [
        _Sides(name, metric, not metric.lower_is_better, before, now)
        for name, metric in metrics.items()
        if metric is not None
    ]
    strategies = []
    for one in sides:
        legs = searched.get(one.strategy, {}).items()
        of_legs = {leg: values[one.metric] for leg, values in legs if one.metric in values}
        strategies.append(_diagnosed(one, comparison, titles, of_legs))
    return Diagnosis(
        baseline=comparison.baseline,
        strategies=tuple(strategies),
        to_judge=_to_judge(comparison, now, titles),
        reported=tuple(one for name in names for one in _reported(name, before, now, limits.gated, overlaps)),
        differs=comparison.differs,
        notes=tuple(
            f"{name}: no metric is on both sides to tell its queries apart by"
            for name, metric in metrics.items()
            if metric is None
        ),
    )


def _reported(
    name: str, before: Snapshot, now: Snapshot, gated: Sequence[Metric], overlaps: Sequence[Metric]
) -> list[Reported]:
    old, new = before.strategies[name], now.strategies[name]
    rows = []
    for metric in new.metrics:
        if metric not in old.metrics or metric in gated or metric == JUDGED10:
            continue
        values = old.metrics[metric], new.metrics[metric]
        moved = values[1] - values[0]
        error = float(moved.std(ddof=1)) / len(moved) ** 0.5 if len(moved) > 1 else 0.0
        interval = student_interval(float(moved.mean()), error, len(moved))
        old_mean, new_mean = (float(one.mean()) for one in values)
        changed = int(np.count_nonzero(np.abs(moved) > SAME))
        rows.append(Reported(name, str(metric), old_mean, new_mean, interval, len(moved), changed))
    for metric in overlaps:
        mean = float(overlap(old.hits, new.hits, metric).mean())
        rows.append(Reported(name, str(metric), None, mean, None, len(new.hits), _reranked(old, new)))
    return rows


def _to_judge(comparison: Comparison, now: Snapshot, titles: Mapping[str, str]) -> tuple[ToJudge, ...]:
    texts = dict(zip(now.queries, now.labels, strict=True))
    rows = [
        ToJudge(
            strategy=strategy,
            place=holes.judged + at,
            query=row.query,
            text=texts[row.query],
            product=row.product,
            title=titles.get(row.product),
            rank=row.rank_after or row.rank_before or 0,
            needed=not holes.settled and holes.judged + at <= holes.next_look,
        )
        for strategy, holes in sorted(comparison.holes.items(), key=lambda one: one[1].settled)
        for at, row in enumerate(holes.to_judge, 1)
    ]
    return tuple(rows)


def changed_strategies(old: Snapshot, new: Snapshot, comparison: Comparison) -> list[str]:
    """The strategies that are worse or in which a query changed, the worst answer first.

    `old` and `new` hold the same queries in the same order.
    """
    compared = dict.fromkeys(one.strategy for one in comparison.findings)
    names = [name for name in compared if name in old.strategies and name in new.strategies]
    answers = {name: comparison.answer(name) for name in names}
    changed = [
        name for name in names if answers[name] != "no loss" or _is_changed(old.strategies[name], new.strategies[name])
    ]
    return sorted(changed, key=lambda name: -list(ANSWERS).index(answers[name]))


def _is_changed(old: Measurement, new: Measurement) -> bool:
    both = [metric for metric in old.metrics if metric in new.metrics]
    if any(np.any(np.abs(old.metrics[metric] - new.metrics[metric]) > SAME) for metric in both):
        return True
    return bool(_reranked(old, new))


def _judged_share(side: Measurement) -> float:
    """Of the hits of the queries that have some: what is not there needs no judgment."""
    shares = side.metrics[JUDGED10][[bool(hits) for hits in side.hits]]
    return float(shares.mean()) if len(shares) else 1.0


def _reranked(old: Measurement, new: Measurement) -> int:
    """How many queries have other hits, or the same in another order."""
    return sum(before[:HITS] != after[:HITS] for before, after in zip(old.hits, new.hits, strict=True))


def _telling_metric(old: Snapshot, new: Snapshot, name: str, comparison: Comparison, limits: Limits) -> Metric | None:
    """The metric that explains a strategy's verdict best; None where none is on both sides.

    Of the metrics with the worst answer the leading one, else the one that fell furthest; else the leading one.
    """
    both = [metric for metric in limits.gated if all(metric in side.strategies[name].metrics for side in (old, new))]
    findings = [one for one in comparison.findings if one.strategy == name]
    relative = {one.measure: one.relative or 0.0 for one in findings if not one.segment}
    for answer in ("loss", "likely loss", "undecided"):
        measures = {one.measure.removesuffix(WEIGHTED) for one in findings if one.answer == answer}
        metrics = [metric for metric in both if str(metric) in measures]
        if metrics:
            return limits.leading if limits.leading in metrics else max(metrics, key=lambda one: relative[str(one)])
    return limits.leading if limits.leading in both else next(iter(both), None)


def named(finding: Finding) -> str:
    """What a finding is of: `nDCG@10`, or `nDCG@10 (with a digit)` of a kind of query."""
    return f"{finding.measure} ({finding.segment})" if finding.segment else finding.measure


def _diagnosed(
    sides: _Sides,
    comparison: Comparison,
    titles: Mapping[str, str],
    searched: Mapping[str, _Floats],
) -> StrategyDiagnosis:
    queries, labels, (old, new) = sides.now.queries, sides.now.labels, sides.measured
    changes = list(map(QueryChange, queries, labels, sides.before.tolist(), sides.after.tolist()))
    drops = sides.drops.tolist()
    rows = range(len(drops))  # ties stay in the order of the ids
    won = sorted((row for row in rows if drops[row] < -SAME), key=drops.__getitem__)
    lost = sorted((row for row in rows if drops[row] > SAME), key=drops.__getitem__, reverse=True)
    legs, note = _leg_changes(sides, lost, searched)
    judged = [_judged_share(side) for side in (old, new) if JUDGED10 in side.metrics]
    findings = [one for one in comparison.findings if one.strategy == sides.strategy]
    worse = [one for one in findings if one.answer in ("loss", "likely loss")]
    worse += [one for one in findings if one.answer == "undecided" and not one.segment]
    answer = comparison.answer(sides.strategy)
    return StrategyDiagnosis(
        strategy=sides.strategy,
        answer=answer,
        measures=tuple(map(named, worse)),
        metric=str(sides.metric),
        before=float(sides.before.mean()),
        after=float(sides.after.mean()),
        won=tuple(changes[row] for row in won),
        lost=tuple(changes[row] for row in lost),
        unchanged=len(changes) - len(won) - len(lost),
        reranked=_reranked(old, new),
        newly_empty=tuple(
            label for label, before, after in zip(labels, old.hits, new.hits, strict=True) if before and not after
        ),
        rankings=tuple(
            _side_by_side(changes[row], old.hits[row], new.hits[row], sides.now.grades[row], titles)
            for row in (lost[: RANKINGS[answer]] or won[:1])
        ),
        judged=(judged[0], judged[1]) if len(judged) > 1 else None,
        legs=legs,
        legs_note=note,
        segments=tuple(one for one in findings if one.segment),
        has_empty=not all((*old.hits, *new.hits)),
    )


def changed_rankings(
    before: Snapshot, now: Snapshot, diagnosis: Diagnosis, *, most: int, titles: Mapping[str, str] = _NOTHING
) -> list[tuple[str, SideBySide]]:
    """Both rankings of so many changed queries at most, each with the strategy's name.

    Strategies take turns. Of each come first those that lost most, then those that won most, then those with other hits
    of the same value. `before` and `now` hold the same queries in the same order.
    """
    rows = {query: row for row, query in enumerate(now.queries)}

    def rankings(why: StrategyDiagnosis) -> Iterator[tuple[str, SideBySide]]:
        old, new = (side.strategies[why.strategy] for side in (before, now))
        for change in chain(why.lost, why.won, _reordered(why, now, old, new)):
            row = rows[change.query]
            yield why.strategy, _side_by_side(change, old.hits[row], new.hits[row], now.grades[row], titles)

    turns = chain.from_iterable(zip_longest(*map(rankings, diagnosis.strategies)))
    return list(islice((one for one in turns if one is not None), most))


def _reordered(why: StrategyDiagnosis, now: Snapshot, old: Measurement, new: Measurement) -> Iterator[QueryChange]:
    """The queries with other hits, or these in another order, whose metric is as before."""
    moved = {one.query for one in (*why.lost, *why.won)}
    values = new.metrics[metric_named(why.metric)].tolist()
    for query, label, value, hits, hits_now in zip(now.queries, now.labels, values, old.hits, new.hits, strict=True):
        if hits[:HITS] != hits_now[:HITS] and query not in moved:
            yield QueryChange(query, label, value, value)


def _side_by_side(
    change: QueryChange,
    before: Sequence[str],
    after: Sequence[str],
    grades: Mapping[str, float],
    titles: Mapping[str, str],
) -> SideBySide:
    old, new = before[:HITS], after[:HITS]
    return SideBySide(change, _marked(old, new, "gone", grades, titles), _marked(new, old, "new", grades, titles))


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


Part = Mapping[str, object]
"""What a strategy's definition says of one leg, or the definition of a strategy that is fused."""


def parts_of(definition: Mapping[str, object]) -> Mapping[str, Part]:
    """What a strategy's definition combines, by name; none of a raw template.

    A vector's boost is left out: alone it changes no ranking. A definition may come from a file: what is not as it
    should be is no leg.
    """
    lists = definition.get("lists")
    if isinstance(lists, Mapping):
        return {str(name): one for name, one in lists.items() if isinstance(one, Mapping)}
    text, vectors, parts = _boosts(definition.get("text")), _boosts(definition.get("vectors")), dict[str, Part]()
    if text:
        parts["text"] = {"text": text, **{key: definition[key] for key in _OF_TEXT if key in definition}}
    embedded = definition.get("embedded")
    for name in vectors:
        of_field = {"embedded": embedded[name]} if isinstance(embedded, Mapping) and name in embedded else {}
        of_all = {key: definition[key] for key in _OF_VECTORS if key in definition}
        parts[f"vector {name}"] = {"vectors": name, **of_field, **of_all}
    return parts


# beside the boosts, what decides how a leg ranks
_OF_TEXT, _OF_VECTORS = ("reading", "spelling"), ("candidates", "model")


def _boosts(value: object) -> Mapping[str, float]:
    if not isinstance(value, Mapping):
        return {}
    return {str(name): float(boost) for name, boost in value.items() if isinstance(boost, int | float)}


def _strategy_of(part: Part | None, snapshot: Snapshot) -> str:
    """The strategy of a snapshot that is this part and nothing else, "" where there is none."""
    for name, one in snapshot.strategies.items() if part else ():
        is_leg = not {"lists", "rerank"} & one.definition.keys() and [*parts_of(one.definition).values()] == [part]
        if is_leg or one.definition == part:
            return name
    return ""


def parts_without_strategy(snapshot: Snapshot, strategy: str) -> Mapping[str, Part]:
    """Of a strategy that combines several, the parts that no strategy of the snapshot is alone, by name."""
    parts = parts_of(snapshot.strategies[strategy].definition)
    return {name: one for name, one in parts.items() if not _strategy_of(one, snapshot)} if len(parts) > 1 else {}


def _leg_changes(
    sides: _Sides, lost: Sequence[int], searched: Mapping[str, _Floats]
) -> tuple[tuple[LegChange, ...], str]:
    """The legs of a strategy on the queries that it lost (their rows), and what they say, no more than they do.

    `searched` holds the metric by name of a leg that was searched now, shape (queries,).
    """
    old, new = (parts_of(one.definition) for one in sides.measured)
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
            drops[name] = sides.drop(before, after)
        legs.append(LegChange(name, before, after, source))
    parts = []
    if gone := [name for name in old if name not in new]:
        parts.append(f"no longer searched: {', '.join(gone)}")
    worst = max(drops, key=drops.__getitem__, default="")
    if drops.get(worst, 0.0) > SAME:
        legs = [replace(leg, lost=leg.leg == worst) for leg in legs]
        parts.append(f"the {worst} leg lost most")
    unknown = [leg.leg for leg in legs if leg.leg not in {*drops, *gone}]
    if not parts and not unknown:
        parts.append("no leg lost by itself: it is how they are combined")
    if unknown:
        parts.append(f"not known of {', '.join(unknown)}: no strategy is this leg alone on both sides")
    return tuple(legs), "; ".join(parts)
