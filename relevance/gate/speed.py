"""Run time against a baseline: how many calibrations a strategy takes, now and before."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from relevance.gate.finding import Finding

if TYPE_CHECKING:
    from relevance.baseline.snapshot import Measured, Snapshot
    from relevance.gate.finding import Status
    from relevance.gate.limits import Limits

__all__ = ["RUN_TIME", "compare_run_times"]

RUN_TIME = "run time"

_FEWEST_ROUNDS = 2


def compare_run_times(before: Snapshot, now: Snapshot, limits: Limits) -> tuple[list[Finding], list[str]]:
    """Compare the run times of the strategies that both snapshots have.

    A strategy's time is divided by that of the calibration, a fixed strategy on a fixed made catalogue, measured in the
    same session on the same engine: what is left of a faster or slower machine cancels out.

    Returns:
        A finding for each strategy that can be compared (`before` and `after` in calibrations, `relative` positive
        where it became slower), and a line for what cannot.
    """
    common = [name for name in now.strategies if name in before.strategies]
    if not common:
        return [], []
    if any(all(one.strategies[name].run_time_s is None for name in common) for one in (before, now)):
        return [], [f"{RUN_TIME}: not compared, there are no times of the same queries on both sides"]
    engines = before.engine.get("name"), now.engine.get("name")
    if engines[0] != engines[1]:
        return [], [f"{RUN_TIME}: not compared, the baseline's engine is {engines[0]} and this is {engines[1]}"]
    calibrations = _usable(before.calibration_s), _usable(now.calibration_s)
    for calibration, whose in zip(calibrations, ("the baseline", "this session"), strict=True):
        if calibration is None:
            return [], [f"{RUN_TIME}: not compared, {whose} has no calibration"]
    findings, notes = [], []
    for name in common:
        problem = _problem(before.strategies[name], now.strategies[name])
        if problem:
            notes.append(f"{RUN_TIME}: {name} is not compared, {problem}")
            continue
        ratios = [
            (snapshot.strategies[name].run_time_s or 0) / (calibration or 1)
            for snapshot, calibration in zip((before, now), calibrations, strict=True)
        ]
        findings.append(_finding(name, ratios[0], ratios[1], limits.time(name)))
    return findings, notes


def _usable(seconds: float | None) -> float | None:
    return seconds if seconds is not None and math.isfinite(seconds) and seconds > 0 else None


def _problem(before: Measured, now: Measured) -> str:
    for measured, whose in ((before, "the baseline"), (now, "this session")):
        if _usable(measured.run_time_s) is None:
            return f"{whose} has no time of it"
        if measured.rounds < _FEWEST_ROUNDS:
            return f"{whose} has a single round, {_FEWEST_ROUNDS} are needed"
    return ""


def _finding(strategy: str, before: float, after: float, limit: tuple[float, float]) -> Finding:
    warn, fail = limit
    times = after / before
    status: Status = "fail" if times > fail else "warn" if times > warn else "pass"
    measured = f"{before:.2f} → {after:.2f} calibrations"
    if status == "pass":
        reason = f"takes {times:.2f} times as long as before ({measured})"
    else:
        reason = f"takes {times:.2f} times as long as before, above {limit[status == 'fail']:g} ({measured})"
    return Finding(
        strategy,
        RUN_TIME,
        status,
        before,
        after,
        relative=times - 1,
        reasons=(reason,),
        improved=times < 1 / fail,
    )
