"""A session against a baseline: every metric of every strategy, tested together and judged; verdicts as data.

A column is a metric of a strategy over all queries, over all queries by their weights, or over one kind of query. All
columns of a session are tested jointly. Where hits that decide are not judged (`relevance.gate.holes`), the test is
played twice, at the best and at the worst that these hits may be for the candidate; what both plays say is the answer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import numpy as np

from relevance.distributions import heads_at_least, normal_quantile
from relevance.errors import InputError
from relevance.gate.answers import worst
from relevance.gate.holes import ADVICE, Ranked, find_holes, plays
from relevance.gate.rebuilds import beside_rebuilds, rebuild_notes, same_index
from relevance.gate.segments import kinds_of, unknown_kinds
from relevance.significance import DRAWS, SAME, Columns, Reach, flip_signs, joint_reach, student_interval
from relevance.text import chance, plural, some

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from relevance.baseline import Acceptance, Measurement, Snapshot
    from relevance.datasets.asked import Row
    from relevance.evaluation import Metric
    from relevance.gate.answers import Answer
    from relevance.gate.holes import Holes, Shares
    from relevance.gate.limits import Limit, Limits

    _Floats = npt.NDArray[np.float64]
    _Bools = npt.NDArray[np.bool_]

EMPTY = "empty results"
RUN_TIME = "run time"
WEIGHTED = " weighted"
"""Behind the name of a metric: its mean by the queries' weights."""

SEED = 1
"""Of the signs: the same two snapshots give the same p wherever and whenever they are compared."""

Cause = Literal["", "holes", "queries", "rebuilds"]

_SHOWN = 3
_POWER = 0.8
"""How often a drop of the smallest visible size would fail."""
_CONFIDENCE = 0.95
_BOUND_DRAWS = 20_000
"""Sign patterns of bounds and advice, which need fewer than a p of 0.01 over hundreds of columns."""
_LEAST_BOUNDED = 6
"""From so many queries on differences of one sign are rarer than 5% by chance, on both sides: fewer exclude nothing."""
_PILOT = 1.3
"""So many times the computed number of queries reaches the bound in four of five cases, not in two of three."""
_STEPS = 10


@dataclass(frozen=True)
class Finding:
    """One measure of one strategy against one baseline.

    Attributes:
        measure: a metric as it prints (`nDCG@10`), the same with ` weighted`, `run time`, or `empty results`.
        before: mean of the baseline (ratio to the calibration, for run time; share of queries, for empty results).
        after: mean of the candidate, likewise. A hit that nobody has judged counts as irrelevant in both.
        relative: of `before`, positive where it became worse; None where before is 0.
        interval: of the mean difference after - before, 95%; None where there is none.
        p: raw, one-sided; None where nothing was tested.
        adjusted_p: over all columns of the session; None likewise.
        queries: how many were compared.
        changed: how many have another value than before; for empty results, how many newly return nothing.
        smallest_visible: the smallest true relative drop that would fail about four times of five; None where none
            would or nothing was tested.
        reasons: a line each, for people; the first says what happened.
        improved: whether it became better, as sure as a loss would have to be.
        segment: the kind of query that the finding is of; "" for all queries.
        at_most: the relative drop that is excluded, jointly with those of all strategies, 95%; of the leading metric
            over all queries alone.
        needed: about how many queries would settle an undecided finding: exclude the drop that no loss has to exclude,
            or show a drop as large as the measured one for a sure one; None of others.
        span: where the mean difference after - before lies at the ends of what unjudged hits may be: whatever they are,
            and from enough judged rows on as these tell of the others; None where all are judged.
        cause: why it is undecided: unjudged hits (`holes`), too few queries (`queries`), or a difference that another
            build of an approximate index would make as well (`rebuilds`).
        blocks: whether it is undecided and fails by the limits all the same.
    """

    strategy: str
    measure: str
    answer: Answer
    before: float
    after: float
    relative: float | None = None
    interval: tuple[float, float] | None = None
    p: float | None = None
    adjusted_p: float | None = None
    queries: int = 0
    changed: int = 0
    smallest_visible: float | None = None
    reasons: tuple[str, ...] = ()
    improved: bool = False
    segment: str = ""
    at_most: float | None = None
    needed: int | None = None
    span: tuple[float, float] | None = None
    cause: Cause = ""
    blocks: bool = False

    @property
    def fails(self) -> bool:
        """Whether it makes a session fail."""
        return self.answer == "loss" or self.blocks


@dataclass(frozen=True)
class HolesFound:
    """What is known of the unjudged hits of a strategy, in either side's first ten.

    Attributes:
        count: how many there are that can move a metric.
        judged: how many of them, in their order, have been judged since they were first asked for.
        next_look: judged so many, the gate looks again.
        settled: whether the answers of the strategy are the same at both ends of what the rest may be.
        words: all of that for people.
        rows: all of them, in the order that makes the first of them a sample.
        to_judge: those that nobody has judged by now, in that order.
    """

    count: int
    judged: int
    next_look: int
    settled: bool
    words: str
    rows: tuple[Row, ...]
    to_judge: tuple[Row, ...]


@dataclass(frozen=True)
class Comparison:
    """A session against one baseline.

    Attributes:
        baseline: what it is called for people: its file.
        findings: all of them, in the order of strategies and measures.
        differs: what else changed between baseline and now (model, boosts, engine, versions), a line each.
        notes: what could not be compared and why, a line each.
        alarms: those of the notes that say how a loss might stay unseen.
        problems: what fails by itself, a line each: a gate that was put aside, or too little to compare.
        holes: by strategy, where it has unjudged hits.
        effective_queries: (sum of weights)^2 / sum of their squares; None where all queries weigh the same.
        accepted: what the baseline holds because somebody accepted it, the newest first.
        proposed: what the project's own baseline, which is another one, holds for that reason: without effect here.
    """

    baseline: str
    findings: tuple[Finding, ...]
    differs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    alarms: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    holes: Mapping[str, HolesFound] = field(default_factory=dict)
    effective_queries: float | None = None
    accepted: tuple[Acceptance, ...] = ()
    proposed: tuple[Acceptance, ...] = ()

    def answer(self, strategy: str | None = None) -> Answer:
        """The worst of the findings, of one strategy or of all; an undecided kind of query counts where it blocks."""
        own = [one for one in self.findings if strategy in (None, one.strategy)]
        return worst(one.answer for one in own if not one.segment or one.answer != "undecided" or one.blocks)

    def fails(self, strategy: str | None = None) -> bool:
        """Whether that makes a session fail."""
        failing = any(one.fails for one in self.findings if strategy in (None, one.strategy))
        return failing or (strategy is None and bool(self.problems))


def compare(  # noqa: PLR0913 - both sides, what is asked of them, and what was asked before
    before: Snapshot,
    now: Snapshot,
    limits: Limits,
    *,
    baseline: str,
    orders: Mapping[str, Sequence[Row]] = MappingProxyType({}),
    draws: int = DRAWS,
) -> Comparison:
    """Compare the strategies that both snapshots have; whether their data are the same is not looked at here.

    All columns are tested together, so that their number does not make false alarms.

    Args:
        before: the baseline, judged as the session is.
        now: this session.
        limits: from where on worse is too much.
        baseline: what it is called for people.
        orders: by strategy, the order in which unjudged hits were asked for when this was first compared.
        draws: how many sign patterns are drawn.

    Raises:
        InputError: the snapshots hold other queries.
    """
    _refuse_other_queries(set(before.queries), set(now.queries))
    both = [name for name in now.strategies if name in before.strategies]
    # in the order of the ids, since the order decides what a seed gives
    old_rows, new_rows = (sorted(range(len(one.queries)), key=one.queries.__getitem__) for one in (before, now))
    values, notes = {}, []
    findings: list[Finding] = []
    for name in both:
        old, new = before.strategies[name], now.strategies[name]
        for metric in limits.gated:
            if metric in old.metrics and metric in new.metrics:
                values[name, metric] = _Values(old.metrics[metric][old_rows], new.metrics[metric][new_rows])
            else:
                way = "" if metric in old.metrics else "; --update-baseline adds it"
                notes.append(f"{name}: {metric} is not on both sides, not compared{way}")
        findings.append(_judge_empty(name, _is_empty(old, old_rows), _is_empty(new, new_rows), limits))
    weights = np.array([now.weights[row] for row in new_rows]) if any(now.weights) else None
    kinds = kinds_of(now, new_rows)
    trial = _Trial(limits, _judged_kinds(kinds, limits), weights, draws)
    holes = {name: _holes_of(name, before, now, (old_rows, new_rows), orders.get(name)) for name in both}
    holes = {name: one for name, one in holes.items() if one.count}
    judged, found = _judged(trial, values, holes)
    if same_index(before.facts, now.facts):
        judged = [beside_rebuilds(one, before.strategies[one.strategy], limits) for one in judged]
    run_times, untimed = compare_run_times(before, now, limits)
    findings = [*judged, *findings, *run_times]
    findings.sort(key=lambda finding: both.index(finding.strategy))
    notes += [
        f"{one.strategy}: {one.measure} is not judged: {one.reasons[0]}"
        for one in judged
        if one.relative is None and one.changed and not one.segment
    ]
    effective = None if weights is None else effective_queries(weights)
    notes += [*untimed, *rebuild_notes(before, now, limits)]
    notes += [
        f"[gate.segments] {name!r}: no query is of this kind"
        for name in limits.segments
        if name in kinds and not kinds[name].any()
    ]
    return Comparison(
        baseline,
        tuple(findings),
        notes=tuple(notes),
        problems=tuple(unknown_kinds(kinds, limits)),
        holes=MappingProxyType(found),
        effective_queries=effective,
    )


def _refuse_other_queries(old: set[str], new: set[str]) -> None:
    parts = [
        f"{len(ids)} {what} ({some([*map(repr, sorted(ids))], _SHOWN)})"
        for ids, what in ((new - old, "new"), (old - new, "gone"))
        if ids
    ]
    if parts:
        raise InputError(f"other queries than the baseline's: {', '.join(parts)}; allowed: the same queries")


def _is_empty(measured: Measurement, rows: Sequence[int]) -> _Bools:
    return np.array([not measured.hits[row] for row in rows])


def _judged_kinds(kinds: Mapping[str, _Bools], limits: Limits) -> dict[str, _Bools]:
    """The kinds of queries that are judged by themselves: large enough, not all queries, or limited by their name."""
    return {
        name: inside
        for name, inside in kinds.items()
        if inside.any() and (name in limits.segments or limits.segment_queries <= inside.sum() < len(inside))
    }


def _holes_of(
    name: str, before: Snapshot, now: Snapshot, rows: tuple[Sequence[int], Sequence[int]], order: Sequence[Row] | None
) -> Holes:
    """The unjudged hits of a strategy; `rows` put the queries of both sides into one order."""
    ranked = Ranked(
        queries=tuple(now.queries[row] for row in rows[1]),
        before=[before.strategies[name].hits[row] for row in rows[0]],
        after=[now.strategies[name].hits[row] for row in rows[1]],
        grades=[now.grades[row] for row in rows[1]],
        relevant_from=now.relevant_from,
    )
    return find_holes(ranked, order)


# metrics


@dataclass(frozen=True, eq=False)
class _Values:
    """A metric of a strategy on both sides, shape (queries,).

    `variance`: of each query's difference, for what its unjudged hits may be; None where there are none, or where only
    the mean counts.
    """

    before: _Floats
    after: _Floats
    variance: _Floats | None = None


class _Column:
    """A metric of a strategy over some queries; what is summed is exact, so that every machine gives the same.

    Args:
        part: "" for all queries, `WEIGHTED`, or a kind of query.
        rows: which queries it is over, as numbers.
        values: of these queries, times what they weigh.
    """

    def __init__(
        self,
        strategy: str,
        metric: Metric,
        part: str,
        rows: npt.NDArray[np.int64],
        values: _Values,
    ) -> None:
        self.strategy, self.metric, self.part, self.rows, self.values = strategy, metric, part, rows, values
        before, after = values.before, values.after
        self.queries = len(before)
        self.worth = float(self.queries)
        # positive where it became worse
        self.drops = after - before if metric.lower_is_better else before - after
        self.changed = int(np.count_nonzero(np.abs(self.drops) > SAME))
        means = [math.fsum(one.tolist()) / self.queries for one in (before, after, self.drops)]
        self.before, self.after, self.drop = means
        squares = math.fsum(((self.drops - self.drop) ** 2).tolist())
        self.error = math.sqrt(squares / max(self.queries - 1, 1) / self.queries)
        # a share of the mean before; where that is 0 it is nan, which no limit is below
        self.relative = self.drop / (self.before if self.before > 0 else math.nan)

    @property
    def measure(self) -> str:
        return f"{self.metric}{WEIGHTED}" if self.part == WEIGHTED else str(self.metric)

    @property
    def segment(self) -> str:
        return "" if self.part == WEIGHTED else self.part

    @cached_property
    def flipped(self) -> _Floats:
        """What chance flips the signs of: differences, larger where they are uncertain; nothing relative to 0 is."""
        if self.before <= 0:
            return np.zeros(self.queries)
        if self.values.variance is None:
            return self.drops
        return np.where(self.drops < 0, -1.0, 1.0) * np.sqrt(self.drops**2 + self.values.variance)


@dataclass(frozen=True, eq=False)
class _Tested:
    """A column, what chance says of it, and of which drop it is sure."""

    column: _Column
    p: float
    adjusted_p: float
    less_p: float
    critical: float
    reach: Reach | None

    @property
    def at_most(self) -> float | None:
        """The relative drop that is excluded jointly, infinite for too few queries; None where it is not looked at.

        A mean that is the better the larger it is cannot lose more than all of it.
        """
        column = self.column
        if self.reach is None or column.before <= 0:
            return None
        if column.queries < _LEAST_BOUNDED:
            return math.inf
        at_most = column.relative + self.reach.errors(column.queries) * column.error / column.before
        return at_most if column.metric.lower_is_better else min(at_most, 1.0)


@dataclass(frozen=True, eq=False)
class _Trial:
    """Tests values of strategies: the limits, the kinds of queries, and what queries weigh (None: all the same)."""

    limits: Limits
    kinds: Mapping[str, _Bools]
    weights: _Floats | None
    draws: int

    def test(self, values: Mapping[tuple[str, Metric], _Values]) -> list[_Tested]:
        """Test all columns jointly, in their order."""
        if not values:
            return []
        columns = self.columns(values)
        flips = flip_signs([_block(one) for one in columns], seed=SEED, draws=self.draws)
        critical = flips.critical(self.limits.p_sure)
        bounded = [one for one in columns[0] if one.part == "" and one.metric == self.limits.leading]
        reaches: dict[_Column, Reach] = {}
        if bounded:
            drops = np.column_stack([one.drops for one in bounded])
            found = joint_reach(drops, _CONFIDENCE, seed=SEED, draws=min(self.draws, _BOUND_DRAWS))
            reaches = dict(zip(bounded, found, strict=True))
        chances = zip(flips.greater.p, flips.greater.adjusted, flips.less.adjusted, strict=True)
        flat = [column for block in columns for column in block]
        return [
            _Tested(column, float(p), float(adjusted), float(less), critical, reaches.get(column))
            for column, (p, adjusted, less) in zip(flat, chances, strict=True)
        ]

    def columns(self, values: Mapping[tuple[str, Metric], _Values]) -> list[list[_Column]]:
        """The columns, those of the same queries together: all metrics over all, by weight, the leading one by kind."""
        columns = [[self._whole(key, one) for key, one in values.items()]]
        if self.weights is not None:
            columns[0] += [self._weighted(key, one, self.weights) for key, one in values.items()]
        leading = {key: one for key, one in values.items() if key[1] == self.limits.leading}
        for name, inside in self.kinds.items() if leading else ():
            rows = np.flatnonzero(inside)
            columns.append([self._column(key, name, rows, _selected(one, rows)) for key, one in leading.items()])
        return columns

    def _column(self, key: tuple[str, Metric], part: str, rows: npt.NDArray[np.int64], values: _Values) -> _Column:
        return _Column(*key, part, rows, values)

    def _whole(self, key: tuple[str, Metric], values: _Values) -> _Column:
        return self._column(key, "", np.arange(len(values.before)), values)

    def _weighted(self, key: tuple[str, Metric], values: _Values, weights: _Floats) -> _Column:
        # rows whose plain mean is the weighted one
        factor = weights * len(weights) / weights.sum()
        variance = None if values.variance is None else values.variance * factor**2
        weighted = _Values(values.before * factor, values.after * factor, variance)
        column = self._column(key, WEIGHTED, np.arange(len(weights)), weighted)
        column.worth = effective_queries(weights)
        return column


def effective_queries(weights: _Floats) -> float:
    """Give how many queries of one weight are as much evidence as these: (sum of weights)^2 / sum of their squares."""
    return float(weights.sum() ** 2 / (weights**2).sum())


def _selected(values: _Values, rows: npt.NDArray[np.int64]) -> _Values:
    variance = None if values.variance is None else values.variance[rows]
    return _Values(values.before[rows], values.after[rows], variance)


def _block(columns: Sequence[_Column]) -> Columns:
    """Columns over the same queries, as the test takes them."""
    flipped = np.column_stack([one.flipped for one in columns])
    if all(one.values.variance is None for one in columns):
        return Columns(flipped, columns[0].rows)
    observed = [0.0 if one.before <= 0 else math.fsum(one.drops.tolist()) for one in columns]
    return Columns(flipped, columns[0].rows, np.array(observed))


def _judged(
    trial: _Trial, values: Mapping[tuple[str, Metric], _Values], holes: Mapping[str, Holes]
) -> tuple[list[Finding], dict[str, HolesFound]]:
    """Judge all columns, at both ends of what unjudged hits may be where there are any."""
    limits = trial.limits
    if not holes:
        return [_finding(one, limits) for one in trial.test(values)], {}
    ends = {name: _ends(one) for name, one in holes.items()}
    kind = trial.test(_played(values, holes, {name: both[0] for name, both in ends.items()}, uncertain=True))
    harsh = trial.test(_played(values, holes, {name: both[1] for name, both in ends.items()}))
    plain = [column for block in trial.columns(values) for column in block]
    findings = [
        _combined(one, best, least, limits) if one.strategy in holes else _finding(least, limits)
        for one, best, least in zip(plain, kind, harsh, strict=True)
    ]
    open_ones = {one.strategy for one in findings if one.cause == "holes"}
    if limits.unjudged_hits == "pass":
        findings = [replace(one, blocks=False) if one.cause == "holes" else one for one in findings]
    elif limits.unjudged_hits == "advice" and any(one.blocks for one in findings if one.cause == "holes"):
        quick = replace(trial, draws=min(trial.draws, _BOUND_DRAWS))
        advised = quick.test(_played(values, holes, {name: one.advice() for name, one in holes.items()}))
        findings = [_advised(one, _finding(other, limits)) for one, other in zip(findings, advised, strict=True)]
    found = {name: _found(one, settled=name not in open_ones) for name, one in holes.items()}
    return findings, found


def _ends(holes: Holes) -> tuple[Shares, Shares]:
    """The best and the worst for the candidate: by the sample where it is large enough, else whatever there can be."""
    estimate = holes.estimate()
    return holes.bounds() if estimate is None else (estimate.against_loss, estimate.against_no_loss)


def _played(
    values: Mapping[tuple[str, Metric], _Values],
    holes: Mapping[str, Holes],
    shares: Mapping[str, Shares],
    *,
    uncertain: bool = False,
) -> dict[tuple[str, Metric], _Values]:
    """The values where unjudged hits are good as often as these shares say."""
    played = dict(values)
    for name, one in holes.items():
        metrics = [metric for strategy, metric in values if strategy == name and plays(metric)]
        for metric, outcome in one.play(shares[name], metrics).items():
            variance = outcome.variance if uncertain else None
            played[name, metric] = _Values(outcome.before, outcome.after, variance)
    return played


def _combined(plain: _Column, at_best: _Tested, at_worst: _Tested, limits: Limits) -> Finding:
    """What both ends say: the same answer twice is the answer, a loss at the best is one; else unjudged hits decide.

    `plain` is the column with unjudged hits as irrelevant ones, whose means are those of trec_eval. What hits decide
    blocks where one of the ends fails, whatever the limits say of unjudged hits.
    """
    best, least = _finding(at_best, limits), _finding(at_worst, limits)
    ends = sorted(one.after - one.before for one in (best, least))
    happened = _what_happened(plain)
    told = replace(
        least,
        before=plain.before,
        after=plain.after,
        relative=plain.relative if plain.before > 0 else None,
        interval=_interval(plain),
        changed=plain.changed,
        span=(ends[0], ends[1]),
        improved=least.improved and best.improved,
        reasons=(happened, *(f"with unjudged hits at their worst, {one}" for one in least.reasons[1:])),
    )
    if best.answer == "loss":
        own = [one for one in best.reasons if one != _what_happened(at_best.column)]  # of a floor also the first
        reasons = (happened, *(f"even with unjudged hits at their best: {one}" for one in own))
        return replace(told, answer="loss", cause="", p=best.p, adjusted_p=best.adjusted_p, reasons=reasons)
    answers = {best.answer, least.answer}
    # a kind of query that is undecided makes no session undecided
    if len(answers) == 1 or (plain.segment and answers == {"no loss", "undecided"}):
        return told
    blocks = best.fails or least.fails
    reason = f"{_end_words(least)} with unjudged hits at their worst, {_end_words(best)} with them at their best"
    if not blocks:
        reason += "; it fails in neither case"
    return replace(told, answer="undecided", cause="holes", needed=None, blocks=blocks, reasons=(happened, reason))


def _end_words(end: Finding) -> str:
    return "better" if end.improved else end.answer


def _advised(finding: Finding, at_least: Finding) -> Finding:
    """What unjudged hits leave undecided blocks where it fails with new hits that are less often relevant."""
    if finding.cause != "holes" or not finding.blocks:
        return finding
    if not at_least.fails:
        return replace(finding, blocks=False)
    answer = "a loss" if at_least.answer == "loss" else at_least.answer
    reason = f"{answer} if new hits are {ADVICE:g} times as often relevant as what was judged of their query"
    return replace(finding, reasons=(*finding.reasons, reason))


def _found(holes: Holes, *, settled: bool) -> HolesFound:
    return HolesFound(
        holes.count,
        holes.judged,
        holes.next_look,
        settled,
        holes.words(settled=settled),
        holes.rows,
        holes.to_judge,
    )


def _finding(tested: _Tested, limits: Limits) -> Finding:
    """Judge a column by its size and by its chance."""
    column, at_most = tested.column, tested.at_most
    limit = limits.of(column.strategy, column.metric)
    fail = limits.of_segment(column.segment).fail if column.segment else limit.fail
    excluded = fail if column.segment else limit.excluded(column.queries)
    failing = _is_sure(column.relative, tested.adjusted_p, fail, limit)
    better = _is_sure(-column.relative, tested.less_p, fail, limit)
    exceptions, broken = _exceptions(column, limits, limit), _broken(column, limits)
    likely = "" if failing else _is_likely(column, tested, limit)
    answer: Answer = "no loss"
    if (failing and not exceptions) or broken:
        answer = "loss"
    elif failing or likely:
        answer = "likely loss"
    elif column.changed and (column.relative if at_most is None else at_most) > excluded:
        answer = "undecided"
    sure = [failing or better, *exceptions] if failing or better else []
    needed = _needed(tested, excluded) if answer == "undecided" and at_most != math.inf else None
    reasons = [_what_happened(column), "; ".join(sure), likely, _bound(tested, answer, excluded, needed)]
    if broken:  # what else is to be said of it matters where it would be a loss without that
        reasons = [*broken, *(reasons if failing and not exceptions else [])]
    is_tested = column.changed > 0 and column.before > 0
    return Finding(
        column.strategy,
        column.measure,
        answer,
        column.before,
        column.after,
        relative=column.relative if column.before > 0 else None,
        interval=_interval(column),
        p=tested.p if is_tested else None,
        adjusted_p=tested.adjusted_p if is_tested else None,
        queries=column.queries,
        changed=column.changed,
        smallest_visible=_smallest_visible(column, limit, fail, critical=tested.critical) if is_tested else None,
        reasons=tuple(filter(None, reasons)),
        improved=bool(better) and not exceptions,
        segment=column.segment,
        at_most=None if at_most == math.inf else at_most,
        needed=needed,
        cause="queries" if answer == "undecided" else "",
        blocks=answer == "undecided" and not column.segment and limits.too_few_queries == "fail",
    )


def _bound(tested: _Tested, answer: Answer, excluded: float, needed: int | None) -> str:
    """Of which loss it is sure that it is none, or why of none; "" where that is nothing to be said."""
    column, at_most = tested.column, tested.at_most
    if answer == "undecided" and at_most == math.inf:
        return f"{plural(column.queries, 'query')} cannot exclude any loss, from {_LEAST_BOUNDED} on there is a bound"
    if answer == "no loss" and at_most is not None and column.changed:
        return f"no loss larger than {_share(max(at_most, 0.0))}"
    if answer != "undecided":
        return ""
    settles = f"exclude {_share(excluded)}" if column.relative < excluded else "tell whether it is a loss"
    more = "" if needed is None else f"; about {needed:,} such queries would {settles}"
    if at_most is not None:
        return f"a loss of up to {_share(at_most)} cannot be excluded by {plural(column.queries, 'query')}{more}"
    return f"{_share(excluded)} or more, which may be chance (p {chance(tested.p)}){more}"


def _is_sure(relative: float, adjusted_p: float, fail: float, limit: Limit) -> str:
    """Why a drop, or a gain as a drop, is large and sure; "" where it is not."""
    if relative >= fail and adjusted_p <= limit.p_sure:
        return f"{_share(fail)} or more, and sure (adjusted p {chance(adjusted_p)}, {limit.p_sure:g} is enough)"
    return ""


def _is_likely(column: _Column, tested: _Tested, limit: Limit) -> str:
    """Why a drop is a likely loss; "" where it is not."""
    if column.relative >= limit.likely and tested.adjusted_p <= limit.p_likely:
        return f"hardly chance (adjusted p {chance(tested.adjusted_p)}, {limit.p_likely:g} is enough)"
    return ""


def _exceptions(column: _Column, limits: Limits, limit: Limit) -> list[str]:
    """Why what is large and sure is a likely loss at most, or not called better."""
    lines = []
    least = limits.segment_queries if column.segment else limit.least_queries
    if column.queries < least:
        lines.append(f"not counted: {column.queries} queries, below {least} nothing fails by statistics")
    if column.worth < min(limits.effective_queries, column.queries):
        worth = f"the weights leave {column.worth:.0f} queries' worth of evidence"
        lines.append(f"not counted: {worth}, below {limits.effective_queries} a weighted mean does not fail")
    if abs(column.drop) < limit.least_drop:
        lines.append(f"not counted: the means differ by {abs(column.drop):.4f}, less than {limit.least_drop:g}")
    return lines


def _broken(column: _Column, limits: Limits) -> list[str]:
    """What a kind of query must not do, whatever chance says."""
    if not column.segment:
        return []
    limit, lines = limits.of_segment(column.segment), []
    fell = int(np.count_nonzero(column.drops > SAME))
    if column.after < limit.floor:
        lines.append(f"is {column.after:.4f}, below its floor {limit.floor:g} ({column.before:.4f} before)")
    if limit.hard and fell:
        lines += [_what_happened(column)] * (not lines)
        lines.append(f"{plural(fell, 'query')} fell, and none may ([gate.segments] hard)")
    return lines


def _what_happened(column: _Column) -> str:
    means = f"{column.before:.4f} → {column.after:.4f}"
    if not column.changed:
        return f"no query changed ({column.before:.4f})"
    if column.before <= 0:
        return f"the baseline's mean is 0, nothing can be relative to it ({means})"
    if abs(column.relative) < 5e-5:  # noqa: PLR2004 - what prints as 0.00%
        return f"the mean is as before ({means})"
    return f"{'rose' if column.after > column.before else 'fell'} by {_share(abs(column.relative))} ({means})"


def _share(value: float) -> str:
    text = f"{100 * value:.2f}".rstrip("0").rstrip(".")
    return f"{text}%"


def _interval(column: _Column) -> tuple[float, float] | None:
    """Of the mean of after - before."""
    return student_interval(column.after - column.before, column.error, column.queries, confidence=_CONFIDENCE)


def _needed(tested: _Tested, excluded: float) -> int | None:
    """About how many queries would exclude such a drop four times of five, were there none.

    Where the measured drop is as large: how many would show a true drop of its size for a sure one as often. None where
    no number would.
    """
    column, reach = tested.column, tested.reach
    spread = column.error * math.sqrt(column.queries)
    if reach is None or column.relative >= excluded:
        shown = _PILOT * ((tested.critical + normal_quantile(_POWER)) * spread / column.drop) ** 2
        return max(math.ceil(shown), column.queries + 1) if math.isfinite(shown) else None
    each = _PILOT * (spread / (excluded * column.before)) ** 2
    wanted = float(column.queries)
    for _ in range(_STEPS):  # of more queries the skewness counts less
        wanted = max(each * (reach.errors(wanted) + normal_quantile(_POWER)) ** 2, column.queries)
    return max(math.ceil(wanted), column.queries + 1)


def _smallest_visible(column: _Column, limit: Limit, fail: float, *, critical: float) -> float | None:
    """The smallest true relative drop that would fail four times of five, were differences as scattered as here.

    A drop fails where the measured mean reaches both what the rule asks for and what chance makes rare enough. A true
    drop 0.84 standard errors above that is measured above it four times of five (J. Cohen, "Statistical Power Analysis
    for the Behavioral Sciences", 1988, chapter 1).

    `critical` is the sum / sqrt(sum of squares) from which on a column is sure. None: no drop would fail, there are too
    few queries, or too few of them changed.
    """
    if column.queries < limit.least_queries:
        return None
    needed = max(_mean_at(critical, column), fail * column.before, limit.least_drop)
    needed += normal_quantile(_POWER) * column.error
    return needed / column.before if math.isfinite(needed) else None


def _mean_at(critical: float, column: _Column) -> float:
    """The mean difference whose sum / sqrt(sum of squares) is `critical`, with the spread that was seen."""
    if critical * critical >= column.queries:
        return math.inf
    return critical * column.error * math.sqrt((column.queries - 1) / (column.queries - critical * critical))


# empty results


def _judge_empty(strategy: str, before: _Bools, after: _Bools, limits: Limits) -> Finding:
    """Judge how many queries newly return nothing: by count, and by chance where others newly return something.

    The chance is that of a coin for each query that is empty on one side alone: the sign test, one-sided (W. J. Dixon
    and A. M. Mood, "The statistical sign test", JASA 41, 1946).
    `before` and `after` say which queries return nothing, shape (queries,).
    """
    queries = len(before)
    newly, refilled = int((after & ~before).sum()), int((before & ~after).sum())
    answer: Answer = "no loss"
    if newly >= limits.empty_queries:
        share = newly / queries
        answer = "loss" if share >= limits.empty_fail else "likely loss" if share >= limits.empty_warn else "no loss"
    reasons = [f"{newly} of {queries} queries newly return nothing" if newly else "no query newly returns nothing"]
    if newly and refilled:
        luck = heads_at_least(newly, newly + refilled)
        reasons.append(f"{refilled} newly return something (p {chance(luck)})")
        if answer == "loss" and luck > limits.p_sure:
            answer = "likely loss"
            reasons.append(f"no failure: it may be chance which of them do (p {limits.p_sure:g} is enough)")
    shares = int(before.sum()) / queries, int(after.sum()) / queries
    return Finding(strategy, EMPTY, answer, *shares, queries=queries, changed=newly, reasons=tuple(reasons))


# run time


def compare_run_times(before: Snapshot, now: Snapshot, limits: Limits) -> tuple[list[Finding], list[str]]:
    """Compare the run times of the strategies that both snapshots have.

    A strategy's time is divided by that of the calibration, a fixed strategy on a fixed generated catalogue, measured
    in the same session on the same engine: what is left of a faster or slower machine cancels out.

    Returns:
        A finding for each strategy that can be compared (`before` and `after` in calibrations, `relative` positive
        where it became slower), and a line for what cannot.
    """
    both = [name for name in now.strategies if name in before.strategies]
    problem = _nothing_timed(before, now, both)
    if problem:
        return [], [f"{RUN_TIME}: not compared, {problem}"] if both else []
    findings, notes = [], []
    for name in both:
        old, new = before.strategies[name], now.strategies[name]
        problem = _not_timed(old, "the baseline") or _not_timed(new, "this session")
        if problem:
            notes.append(f"{RUN_TIME}: {name} is not compared, {problem}")
        else:
            ratios = [(one.run_time_s or 0) / (side.calibration_s or 1) for one, side in ((old, before), (new, now))]
            findings.append(_judge_run_time(name, ratios[0], ratios[1], limits.time(name)))
    return findings, notes


def _not_timed(measured: Measurement, whose: str) -> str:
    if measured.run_time_s is None:
        return f"{whose} has no time of it"
    return "" if measured.rounds > 1 else f"{whose} has a single round, 2 are needed"


def _nothing_timed(before: Snapshot, now: Snapshot, names: Sequence[str]) -> str:
    """Why no run time at all can be compared; "" where some can."""
    if any(all(side.strategies[name].run_time_s is None for name in names) for side in (before, now)):
        return "there are no times of the same queries on both sides"
    engines = before.engine.get("name"), now.engine.get("name")
    if engines[0] != engines[1]:
        return f"the baseline's engine is {engines[0]} and this is {engines[1]}"
    for whose, side in (("the baseline", before), ("this session", now)):
        if side.calibration_s is None:
            return f"{whose} has no calibration"
    return ""


def _judge_run_time(strategy: str, before: float, after: float, limit: tuple[float, float]) -> Finding:
    """Judge a run time in calibrations; `limit`: from how many times of before on it warns, and fails."""
    warn, fail = limit
    times = after / before
    answer: Answer = "loss" if times > fail else "likely loss" if times > warn else "no loss"
    above = "" if answer == "no loss" else f", above {limit[answer == 'loss']:g}"
    reason = f"takes {times:.2f} times as long as before{above} ({before:.2f} → {after:.2f} calibrations)"
    return Finding(
        strategy, RUN_TIME, answer, before, after, relative=times - 1, reasons=(reason,), improved=times < 1 / fail
    )
