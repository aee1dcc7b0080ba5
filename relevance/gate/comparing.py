"""A session against a baseline: every metric of every strategy, tested together and judged; verdicts as data."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from relevance.errors import InputError
from relevance.gate.rules import RUN_TIME, judge_effect, judge_empty, judge_run_time, measure_effect
from relevance.significance import DRAWS, flip_signs
from relevance.text import some

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from relevance.baseline.snapshot import Measurement, Snapshot
    from relevance.evaluation import Metric
    from relevance.gate.limits import Limit, Limits
    from relevance.gate.rules import Effect, Finding, Status

    _Ints = npt.NDArray[np.int64]
    _Floats = npt.NDArray[np.float64]

SEED = 1
"""Of the signs: the same two snapshots give the same p wherever and whenever they are compared."""

_SHOWN = 3
_FEWEST_ROUNDS = 2


@dataclass(frozen=True)
class Comparison:
    """A session against one baseline.

    Attributes:
        baseline: what it is called for people: its file.
        findings: all of them, in the order of strategies and measures.
        differs: what else changed between baseline and now (model, boosts, engine, versions), a line each.
        notes: what could not be compared and why, a line each.
    """

    baseline: str
    findings: tuple[Finding, ...]
    differs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def status(self, strategy: str | None = None) -> Status:
        """The worst of the findings, of one strategy or of all."""
        statuses = {one.status for one in self.findings if strategy in (None, one.strategy)}
        return "fail" if "fail" in statuses else "warn" if "warn" in statuses else "pass"


@dataclass(frozen=True, eq=False)
class _Column:
    """One metric of one strategy: before and after are of the same queries in the same order."""

    strategy: str
    metric: Metric
    limit: Limit
    before: _Floats
    after: _Floats

    @property
    def drops(self) -> _Floats:
        """Shape (queries,), positive where it became worse."""
        return self.before - self.after if self.limit.worse == "lower" else self.after - self.before


def compare(before: Snapshot, now: Snapshot, limits: Limits, *, baseline: str, draws: int = DRAWS) -> Comparison:
    """Compare all strategies that both snapshots have; whether their data are the same is not looked at here.

    All columns (strategies times gated metrics) are tested together, so that their number does not make false alarms.

    Args:
        before: the baseline.
        now: this session.
        limits: from where on worse is too much.
        baseline: what it is called for people.
        draws: how many sign patterns are drawn.

    Raises:
        InputError: the snapshots hold other queries, none at all, or a number that is not finite.
    """
    rows = _aligned_rows(before, now)
    if not len(rows[0]):
        raise InputError("no judged query; one at least is needed to compare")
    names = [name for name in now.strategies if name in before.strategies]
    columns = [column for name in names for column in _columns(name, before, now, rows, limits)]
    effects, critical = _effects(columns, limits, draws)
    findings: dict[str, list[Finding]] = {name: [] for name in names}
    for column, effect in zip(columns, effects, strict=True):
        finding = judge_effect(column.strategy, str(column.metric), effect, column.limit, critical=critical)
        findings[column.strategy].append(finding)
    for name in names:
        old, new = _empty(before.strategies[name], rows[0]), _empty(now.strategies[name], rows[1])
        findings[name].append(judge_empty(name, old, new, limits))
    run_times, untimed = compare_run_times(before, now, limits)
    for finding in run_times:
        findings[finding.strategy].append(finding)
    in_order = tuple(finding for name in names for finding in findings[name])
    return Comparison(baseline, in_order, notes=(*_left_out(before, now, limits), *untimed))


def _aligned_rows(before: Snapshot, now: Snapshot) -> tuple[_Ints, _Ints]:
    """The rows of both snapshots in the order of the query ids as text; the order decides what a seed gives."""
    for what, snapshot in (("the baseline", before), ("this session", now)):
        if len(set(snapshot.queries)) < len(snapshot.queries):
            raise InputError(f"{what} holds a query twice; an id may occur once")
    gone = sorted(set(before.queries) - set(now.queries))
    new = sorted(set(now.queries) - set(before.queries))
    if gone or new:
        parts = [
            f"{len(ids)} {what} ({some([*map(repr, ids)], _SHOWN)})"
            for ids, what in ((new, "new"), (gone, "gone"))
            if ids
        ]
        raise InputError(f"other queries than the baseline's: {', '.join(parts)}; allowed: the same queries")
    old_rows, new_rows = (
        np.array(sorted(range(len(side.queries)), key=side.queries.__getitem__), dtype=np.int64)
        for side in (before, now)
    )
    return old_rows, new_rows


def _columns(
    name: str, before: Snapshot, now: Snapshot, rows: tuple[_Ints, _Ints], limits: Limits
) -> Iterator[_Column]:
    old, new = before.strategies[name], now.strategies[name]
    for metric in limits.gated:
        if metric in old.metrics and metric in new.metrics:
            yield _Column(
                name,
                metric,
                limits.of(name, metric),
                _values(old, metric, rows[0], before.queries, f"the baseline, {name}"),
                _values(new, metric, rows[1], now.queries, f"this session, {name}"),
            )


def _values(measured: Measurement, metric: Metric, rows: _Ints, queries: Sequence[str], where: str) -> _Floats:
    """The numbers of a metric in the order of `rows`."""
    values = np.asarray(measured.metrics[metric], dtype=np.float64)
    if values.shape != rows.shape:
        raise InputError(
            f"{where}, {metric}: numbers of shape {values.shape}; allowed: one for each of {len(rows)} queries"
        )
    wrong = np.flatnonzero(~np.isfinite(values))
    if len(wrong):
        at = wrong[0]
        raise InputError(f"{where}, {metric}: {values[at]} for query {queries[at]!r}; allowed: finite numbers")
    return values[rows]


def _effects(columns: list[_Column], limits: Limits, draws: int) -> tuple[list[Effect], float]:
    """The effect of every column with its chances, and how far out a sum has to be for certainty.

    A column whose mean was 0 is not tested: nothing is relative to it.
    """
    effects = [measure_effect(one.before, one.after, higher_is_better=one.limit.worse == "lower") for one in columns]
    tested = [number for number, effect in enumerate(effects) if effect.relative is not None and effect.changed]
    if not tested:
        return effects, math.inf
    chances = flip_signs(np.column_stack([columns[number].drops for number in tested]), seed=SEED, draws=draws)
    for at, number in enumerate(tested):
        effects[number] = replace(
            effects[number],
            p=float(chances.greater.p[at]),
            adjusted=float(chances.greater.adjusted[at]),
            p_better=float(chances.less.p[at]),
            adjusted_better=float(chances.less.adjusted[at]),
        )
    return effects, chances.critical(limits.p_sure)


def _empty(measured: Measurement, rows: _Ints) -> npt.NDArray[np.bool_]:
    return np.array([not measured.hits[row] for row in rows.tolist()])


def _left_out(before: Snapshot, now: Snapshot, limits: Limits) -> list[str]:
    both = [name for name in now.strategies if name in before.strategies]
    return [
        *(
            f"{name}: not in the baseline, nothing to compare it with"
            for name in now.strategies
            if name not in before.strategies
        ),
        *(f"{name}: in the baseline, not measured now" for name in before.strategies if name not in now.strategies),
        *(
            f"{name}: {metric} is not on both sides, not compared"
            for name in both
            for metric in limits.gated
            if metric not in before.strategies[name].metrics or metric not in now.strategies[name].metrics
        ),
    ]


def compare_run_times(before: Snapshot, now: Snapshot, limits: Limits) -> tuple[list[Finding], list[str]]:
    """Compare the run times of the strategies that both snapshots have.

    A strategy's time is divided by that of the calibration, a fixed strategy on a fixed generated catalogue, measured
    in the same session on the same engine: what is left of a faster or slower machine cancels out.

    Returns:
        A finding for each strategy that can be compared (`before` and `after` in calibrations, `relative` positive
        where it became slower), and a line for what cannot.
    """
    both = [name for name in now.strategies if name in before.strategies]
    problem = _nothing_timed(before, now, both) if both else ""
    if problem or not both:
        return [], [f"{RUN_TIME}: not compared, {problem}"] if problem else []
    findings, notes = [], []
    for name in both:
        old, new = before.strategies[name], now.strategies[name]
        problem = _not_timed(old, "the baseline") or _not_timed(new, "this session")
        if problem:
            notes.append(f"{RUN_TIME}: {name} is not compared, {problem}")
        else:
            ratios = [
                (one.run_time_s or 0) / (snapshot.calibration_s or 1) for one, snapshot in ((old, before), (new, now))
            ]
            findings.append(judge_run_time(name, ratios[0], ratios[1], limits.time(name)))
    return findings, notes


def _nothing_timed(before: Snapshot, now: Snapshot, names: list[str]) -> str:
    """Why no run time at all can be compared; "" where some can."""
    if any(all(side.strategies[name].run_time_s is None for name in names) for side in (before, now)):
        return "there are no times of the same queries on both sides"
    engines = before.engine.get("name"), now.engine.get("name")
    if engines[0] != engines[1]:
        return f"the baseline's engine is {engines[0]} and this is {engines[1]}"
    for side, whose in ((before, "the baseline"), (now, "this session")):
        if not _is_time(side.calibration_s):
            return f"{whose} has no calibration"
    return ""


def _not_timed(measured: Measurement, whose: str) -> str:
    if not _is_time(measured.run_time_s):
        return f"{whose} has no time of it"
    if measured.rounds < _FEWEST_ROUNDS:
        return f"{whose} has a single round, {_FEWEST_ROUNDS} are needed"
    return ""


def _is_time(seconds: float | None) -> bool:
    return seconds is not None and math.isfinite(seconds) and seconds > 0
