"""A new baseline of an old one and a session, and what changes by it."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from relevance.baseline.data import data_changes
from relevance.baseline.differing import differences, made_differently
from relevance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Collection

    from relevance.baseline.snapshot import Measured, Snapshot

__all__ = ["check_part", "update_lines", "updated"]


def check_part(before: Snapshot, after: Snapshot, *, measured: Collection[str]) -> None:
    """Refuse to update some strategies of a baseline where what the others stand on has changed.

    Args:
        before: what the file holds.
        after: the session; before it has measured anything, its data alone.
        measured: the strategies that are updated.

    Raises:
        InputError: data, the engine, or a model that a strategy uses that would stay are others.
    """
    kept = {name: one for name, one in before.strategies.items() if name not in measured}
    changes = [str(found)] if (found := data_changes(before, after)) else []
    if after.engine:
        models = {str(one.definition["model"]) for one in kept.values() if one.definition.get("model")}
        changes += made_differently(before, after, models=sorted(models & set(after.models)))
    if kept and changes:
        raise InputError(
            f"--update-baseline of some strategies: {'; '.join(changes)}; "
            f"allowed: an update of all of them, {len(kept)} of which this session does not measure"
        )


def updated(before: Snapshot | None, after: Snapshot, *, complete: bool) -> Snapshot:
    """The session's snapshot, with the strategies of `before` that it did not measure.

    Args:
        before: what the file holds; None where there is none.
        after: the session.
        complete: whether the session measured all strategies that there are; others are then gone for good.

    Raises:
        InputError: see `check_part`.
    """
    if before is None or complete:
        return after
    check_part(before, after, measured=after.strategies)
    kept = {name: one for name, one in before.strategies.items() if name not in after.strategies}
    times = {name: _timed(one, before.calibration_s, after.calibration_s) for name, one in kept.items()}
    return replace(
        after,
        strategies=MappingProxyType({**times, **after.strategies}),
        models=MappingProxyType({**before.models, **after.models}),
        versions=MappingProxyType({**before.versions, **after.versions}),
    )


def _timed(measured: Measured, before_s: float | None, now_s: float | None) -> Measured:
    """With the run time that it would have had in the new session: in the same ratio to the calibration.

    A file has one calibration. Where one side has none, an old run time says nothing beside the new ones.
    """
    if measured.run_time_s is None or before_s == now_s:
        return measured
    if before_s is None or now_s is None:
        return replace(measured, run_time_s=None, rounds=0)
    return replace(measured, run_time_s=measured.run_time_s * now_s / before_s)


def update_lines(before: Snapshot | None, after: Snapshot) -> list[str]:
    """What an update changes, a line each: data, engine and models, strategies with their means."""
    if before is None:
        return [f"new: {name}: {_means(one)}" for name, one in after.strategies.items()]
    changes = data_changes(before, after)
    lines = [f"data: {changes}"] if changes else []
    lines += differences(before, after)
    for name, one in after.strategies.items():
        old = before.strategies.get(name)
        if old is None:
            lines.append(f"new: {name}: {_means(one)}")
        elif _means(old) != _means(one):
            lines.append(f"changed: {name}: {_moved(old, one)}")
    lines += [f"gone: {name}" for name in before.strategies if name not in after.strategies]
    return lines or ["nothing but times" if _rows(before) == _rows(after) else "single queries; every mean stays"]


def _means(measured: Measured) -> str:
    return ", ".join(f"{metric.label} {values.mean():.4f}" for metric, values in measured.metrics.items())


def _moved(before: Measured, after: Measured) -> str:
    parts = []
    for metric, values in after.metrics.items():
        old = f"{before.metrics[metric].mean():.4f}" if metric in before.metrics else "none"
        new = f"{values.mean():.4f}"
        if old != new:
            parts.append(f"{metric.label} {old} -> {new}")
    return ", ".join(parts)


def _rows(snapshot: Snapshot) -> dict[str, object]:
    return {
        name: ({str(metric): values.tolist() for metric, values in one.metrics.items()}, one.hits)
        for name, one in snapshot.strategies.items()
    }
