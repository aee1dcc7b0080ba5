"""A session against a baseline: every metric of every strategy, tested together and judged; verdicts as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from relevance.errors import InputError
from relevance.gate.rules import RUN_TIME, judge_effect, judge_empty, judge_run_time, measure_effect
from relevance.significance import DRAWS, flip_signs
from relevance.text import some

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from relevance.baseline.snapshot import Measurement, Snapshot
    from relevance.gate.limits import Limits
    from relevance.gate.rules import Effect, Finding, Status

SEED = 1
"""Of the signs: the same two snapshots give the same p wherever and whenever they are compared."""

_SHOWN = 3


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


def compare(before: Snapshot, now: Snapshot, limits: Limits, *, baseline: str, draws: int = DRAWS) -> Comparison:
    """Compare the strategies that both snapshots have; whether their data are the same is not looked at here.

    All columns (strategies times gated metrics) are tested together, so that their number does not make false alarms.

    Args:
        before: the baseline.
        now: this session.
        limits: from where on worse is too much.
        baseline: what it is called for people.
        draws: how many sign patterns are drawn.

    Raises:
        InputError: the snapshots hold other queries.
    """
    _refuse_other_queries(set(before.queries), set(now.queries))
    both = [name for name in now.strategies if name in before.strategies]
    # in the order of the ids, since the order decides what a seed gives
    old_rows, new_rows = (sorted(range(len(one.queries)), key=one.queries.__getitem__) for one in (before, now))
    effects, notes = [], []
    findings: list[Finding] = []
    for name in both:
        old, new = before.strategies[name], now.strategies[name]
        for metric in limits.gated:
            if metric in old.metrics and metric in new.metrics:
                values = old.metrics[metric][old_rows], new.metrics[metric][new_rows]
                effects.append(measure_effect(name, str(metric), limits.of(name, metric), *values))
            else:
                notes.append(f"{name}: {metric} is not on both sides, not compared")
        findings.append(judge_empty(name, _is_empty(old, old_rows), _is_empty(new, new_rows), limits))
    run_times, untimed = compare_run_times(before, now, limits)
    findings = [*_judged_together(effects, draws), *findings, *run_times]
    findings.sort(key=lambda finding: both.index(finding.strategy))
    return Comparison(baseline, tuple(findings), notes=(*notes, *untimed))


def _refuse_other_queries(old: set[str], new: set[str]) -> None:
    parts = [
        f"{len(ids)} {what} ({some([*map(repr, sorted(ids))], _SHOWN)})"
        for ids, what in ((new - old, "new"), (old - new, "gone"))
        if ids
    ]
    if parts:
        raise InputError(f"other queries than the baseline's: {', '.join(parts)}; allowed: the same queries")


def _is_empty(measured: Measurement, rows: Sequence[int]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.array([not measured.hits[row] for row in rows])


def _judged_together(effects: Sequence[Effect], draws: int) -> Iterable[Finding]:
    if not effects:
        return []
    # nothing is relative to a mean of 0: without drops a column is not tested
    drops = np.column_stack([one.drops if one.before > 0 else np.zeros(one.queries) for one in effects])
    flips = flip_signs(drops, seed=SEED, draws=draws)
    return (judge_effect(effect, flips, column) for column, effect in enumerate(effects))


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
            findings.append(judge_run_time(name, ratios[0], ratios[1], limits.time(name)))
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
