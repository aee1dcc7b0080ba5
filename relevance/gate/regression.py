"""A session against a baseline: every metric of every strategy, tested together and judged; verdicts as data."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from relevance.errors import InputError
from relevance.gate.effect import measure_effect
from relevance.gate.finding import Comparison
from relevance.gate.joining import joined, values
from relevance.gate.rules import Empty, judge_effect, judge_empty
from relevance.gate.speed import compare_run_times
from relevance.significance import DRAWS, flip_signs

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from relevance.baseline.snapshot import Measured, Snapshot
    from relevance.evaluation import Metric
    from relevance.gate.effect import Effect
    from relevance.gate.finding import Finding
    from relevance.gate.limits import Limit, Limits

    _Ints = npt.NDArray[np.int64]
    _Floats = npt.NDArray[np.float64]

__all__ = ["SEED", "compare"]

SEED = 1
"""Of the signs: the same two snapshots give the same p wherever and whenever they are compared."""


@dataclass(frozen=True, eq=False)
class _Column:
    """One metric of one strategy: what was and what is, of the same queries in the same order."""

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
    rows = joined(before, now)
    if not len(rows[0]):
        raise InputError("no judged query; one at least is needed to compare")
    names = [name for name in now.strategies if name in before.strategies]
    columns = [column for name in names for column in _columns(name, before, now, rows, limits)]
    effects, critical = _effects(columns, limits, draws)
    found: dict[str, list[Finding]] = {name: [] for name in names}
    for column, effect in zip(columns, effects, strict=True):
        found[column.strategy].append(
            judge_effect(column.strategy, str(column.metric), effect, column.limit, critical=critical)
        )
    for name in names:
        empty = _empty(before.strategies[name], now.strategies[name], rows)
        found[name].append(judge_empty(name, empty, len(rows[0]), limits))
    timed, untimed = compare_run_times(before, now, limits)
    for finding in timed:
        found[finding.strategy].append(finding)
    findings = tuple(finding for name in names for finding in found[name])
    return Comparison(baseline, findings, notes=(*_left_out(before, now, limits), *untimed))


def _left_out(before: Snapshot, now: Snapshot, limits: Limits) -> list[str]:
    new = [name for name in now.strategies if name not in before.strategies]
    gone = [name for name in before.strategies if name not in now.strategies]
    one_sided = [
        f"{name}: {metric} is not on both sides, not compared"
        for name in now.strategies
        if name in before.strategies
        for metric in limits.gated
        if metric not in before.strategies[name].metrics or metric not in now.strategies[name].metrics
    ]
    return [
        *(f"{name}: not in the baseline, nothing to compare it with" for name in new),
        *(f"{name}: in the baseline, not measured now" for name in gone),
        *one_sided,
    ]


def _columns(
    name: str, before: Snapshot, now: Snapshot, rows: tuple[_Ints, _Ints], limits: Limits
) -> Iterator[_Column]:
    was, has = before.strategies[name], now.strategies[name]
    for metric in limits.gated:
        if metric in was.metrics and metric in has.metrics:
            old = values(was, metric, rows[0], before.queries, f"the baseline, {name}")
            new = values(has, metric, rows[1], now.queries, f"this session, {name}")
            yield _Column(name, metric, limits.of(name, metric), old, new)


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


def _empty(before: Measured, now: Measured, rows: tuple[_Ints, _Ints]) -> Empty:
    was = np.array([not before.hits[row] for row in rows[0].tolist()])
    has = np.array([not now.hits[row] for row in rows[1].tolist()])
    return Empty(int(was.sum()), int(has.sum()), newly=int((has & ~was).sum()), refilled=int((was & ~has).sum()))
