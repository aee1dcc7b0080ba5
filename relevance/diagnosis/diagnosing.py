"""From two snapshots and what the gate said of them to the reasons."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from relevance.baseline import on_common_queries
from relevance.diagnosis.legs import leg_changes
from relevance.diagnosis.newcomers import newcomers_of, ordered
from relevance.diagnosis.queries import changed_queries, newly_empty, side_by_side
from relevance.diagnosis.record import Diagnosis, WhyWorse
from relevance.diagnosis.segments import judged_segments, masks, measured_segments
from relevance.diagnosis.sides import sides_of
from relevance.evaluation import JUDGED10

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from relevance.baseline import Snapshot
    from relevance.diagnosis.record import Known, LegChange
    from relevance.diagnosis.sides import Sides
    from relevance.evaluation import Metric
    from relevance.gate import Comparison, Finding, Limits, Status

__all__ = ["RANKINGS", "diagnose"]

RANKINGS = 3
"""So many of the queries that lost most are shown with both rankings."""


def diagnose(before: Snapshot, now: Snapshot, comparison: Comparison, limits: Limits, known: Known) -> Diagnosis:
    """Say why each strategy that failed or warned did so.

    Args:
        before: the baseline.
        now: the session.
        comparison: what the gate said of them.
        limits: those it went by.
        known: titles, and legs that were searched for this.
    """
    was, has = on_common_queries(before, now)
    names = [name for name in _not_passed(comparison) if name in was.strategies and name in has.strategies]
    sides = {name: one for name in names if (one := _sides(was, has, name, comparison, limits)) is not None}
    statuses: dict[str, Status] = {name: comparison.status(name) for name in names}
    legs = _legs(now, was, has, sides, known)
    members = masks(has.texts, has.grades) if sides else {}
    segments = judged_segments({name: measured_segments(one, members) for name, one in sides.items()}, limits)
    best = max((grade for judged in has.grades for grade in judged.values()), default=0)
    newcomers = [
        found
        for name, one in sides.items()
        for found in newcomers_of(one, statuses[name], limits, titles=known.titles, best=best)
    ]
    return Diagnosis(
        baseline=comparison.baseline,
        strategies=tuple(
            replace(
                _why(one, comparison, known.titles),
                segments=segments[name],
                legs=legs[name][0],
                legs_note=legs[name][1],
            )
            for name, one in sides.items()
        ),
        newcomers=ordered(newcomers, statuses),
        differs=comparison.differs,
        notes=tuple(
            f"{name}: no metric is on both sides to tell its queries apart by" for name in names if name not in sides
        ),
    )


def _not_passed(comparison: Comparison) -> list[str]:
    return list(dict.fromkeys(one.strategy for one in comparison.findings if one.status != "pass"))


def _legs(
    now: Snapshot, was: Snapshot, has: Snapshot, sides: Mapping[str, Sides], known: Known
) -> dict[str, tuple[tuple[LegChange, ...], str]]:
    """The legs of each strategy; what was searched has a row for each query of the session, not of those in common."""
    row_of = {query: row for row, query in enumerate(now.queries)}
    rows = np.array([row_of[query] for query in has.queries], dtype=np.int64)
    found = {}
    for name, one in sides.items():
        searched = {
            leg: {metric: values[rows] for metric, values in own.items()}
            for leg, own in known.searched.get(name, {}).items()
        }
        _, lost = changed_queries(one)
        found[name] = leg_changes(was, has, one, lost, searched)
    return found


def _sides(was: Snapshot, has: Snapshot, name: str, comparison: Comparison, limits: Limits) -> Sides | None:
    """The strategy by the metric that explains its verdict best; None where no metric is on both sides."""
    both = [metric for metric in limits.gated if all(metric in side.strategies[name].metrics for side in (was, has))]
    if not both:
        return None
    findings = [one for one in comparison.findings if one.strategy == name]
    return sides_of(was, has, name, _metric(findings, both, limits), limits)


def _metric(findings: Sequence[Finding], both: Sequence[Metric], limits: Limits) -> Metric:
    """Of the metrics with the worst status the leading one, else the one that fell furthest; else the leading one."""
    relative = {one.measure: one.relative or 0.0 for one in findings}
    for status in ("fail", "warn"):
        named = {one.measure for one in findings if one.status == status}
        found = [metric for metric in both if str(metric) in named]
        if found:
            return limits.leading if limits.leading in found else max(found, key=lambda one: relative[str(one)])
    return limits.leading if limits.leading in both else both[0]


def _why(sides: Sides, comparison: Comparison, titles: Mapping[str, str]) -> WhyWorse:
    """All but legs and segments."""
    won, lost = changed_queries(sides)
    own = [one for one in comparison.findings if one.strategy == sides.strategy]
    return WhyWorse(
        strategy=sides.strategy,
        status=comparison.status(sides.strategy),
        measures=tuple(one.measure for one in own if one.status != "pass"),
        metric=str(sides.metric),
        before=float(sides.before.mean()),
        after=float(sides.after.mean()),
        won=won,
        lost=lost,
        unchanged=len(sides.queries) - len(won) - len(lost),
        newly_empty=newly_empty(sides),
        rankings=side_by_side(sides, lost[:RANKINGS], titles),
        judged=_judged(sides),
    )


def _judged(sides: Sides) -> tuple[float, float] | None:
    if JUDGED10 not in sides.was.metrics or JUDGED10 not in sides.has.metrics:
        return None
    return float(sides.was.metrics[JUDGED10].mean()), float(sides.has.metrics[JUDGED10].mean())
