"""Limits as a baseline records them: those that hold in the place of a session's own, and which of those are looser."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from relevance.errors import InputError
from relevance.evaluation import named
from relevance.gate.choice import read_metric
from relevance.gate.limits import Limits, reaches, read_limits
from relevance.setting import declared, text_of
from relevance.text import some

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from relevance.baseline import Snapshot
    from relevance.gate.choice import MetricChoice

LOOSER: Mapping[str, Literal["higher", "lower"] | tuple[object, ...]] = MappingProxyType(
    {
        "fail": "higher",
        "likely": "higher",
        "least_drop": "higher",
        "p_sure": "lower",
        "p_likely": "lower",
        "no_loss": "higher",
        "no_loss_few": "higher",
        "large_queries": "higher",
        "least_queries": "higher",
        "segment_fail": "higher",
        "segment_queries": "higher",
        "effective_queries": "higher",
        "too_few_queries": ("fail", "pass"),
        "unjudged_hits": ("fail", "advice", "pass"),
        "empty_queries": "higher",
        "empty_warn": "higher",
        "empty_fail": "higher",
        "time_warn": "higher",
        "time_fail": "higher",
        "common_share": "lower",
        "common_queries": "lower",
        "floor": "lower",
        "hard": (True, False),
    }
)
"""Which value of a limit lets more pass: a higher one, a lower one, or of several the one that stands further back."""

BLUNT: Mapping[str, float] = MappingProxyType(
    {
        "fail": 0.2,
        "least_drop": 0.1,
        "p_sure": 0.0001,
        "segment_fail": 0.5,
        "empty_fail": 0.2,
        "time_fail": 10.0,
        "common_share": 0.2,
    }
)
"""From where on, in the direction that is looser, a limit lets nearly everything pass."""

FLOORS = "floors"
"""The key of what gates that holds the floors, by strategy and label of a metric."""

_SHOWN = 3


def as_recorded(limits: Limits, metrics: MetricChoice) -> dict[str, object]:
    """All limits and the choice of metrics as JSON values, by name."""
    return {name: _as_json(value) for name, value in {**vars(limits), **vars(metrics)}.items()}


def _as_json(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(name): _as_json(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(one) for one in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def recorded_limits(before: Snapshot, *, where: str) -> Limits | None:
    """The limits that a baseline was made with; None where its file has none, as those of older releases.

    Raises:
        InputError: one of them is none; `where` is what the baseline is called for people.
    """
    keys = {key.name: key for key in declared(Limits)}
    gated = before.gate.get("gated")
    if not isinstance(gated, list | tuple):
        return None
    try:
        table = {name: keys[name].checked(value, name) for name, value in before.gate.items() if name in keys}
        metrics = tuple(read_metric(str(name), "gated") for name in gated)
        return read_limits(table, strategies=tuple(table.get("strategies", ())), gated=metrics)
    except InputError as error:
        raise InputError(f"{where}: gate: {error}; make a new baseline by --update-baseline") from None


def recorded_floors(before: Snapshot, *, where: str) -> Mapping[str, Mapping[str, float]] | None:
    """The floors of the session that made a baseline, by strategy and label; None where its file does not say.

    Raises:
        InputError: one of them is none; `where` is what the baseline is called for people.
    """
    tables = before.gate.get(FLOORS)
    if tables is None:
        return None
    way_out = "make a new baseline by --update-baseline"
    if not isinstance(tables, Mapping) or not all(isinstance(one, Mapping) for one in tables.values()):
        raise InputError(f"{where}: gate: {FLOORS} are no tables; {way_out}")
    for strategy, table in tables.items():
        for label, floor in table.items():
            read_metric(label, f"{where}: gate: {FLOORS} of {strategy}")
            if isinstance(floor, bool) or not isinstance(floor, int | float) or not 0 <= floor <= 1:
                raise InputError(f"{where}: gate: floor {label} of {strategy} is no number from 0 to 1; {way_out}")
    return tables


def looser_floors(
    before: Mapping[str, Mapping[str, float]], now: Mapping[str, Mapping[str, float]], strategies: Collection[str]
) -> tuple[str, ...]:
    """What of a session's floors lets more pass than a baseline's, a line each; tables as of `recorded_floors`."""
    lines = []
    for strategy in strategies:
        own = now.get(strategy, {})
        for label, old in before.get(strategy, {}).items():
            if label not in own:
                lines.append(f"the floor {label} of {strategy} is gone, the baseline's is {old:g}")
            elif own[label] != old and reaches(named(label), old, own[label]):
                lines.append(f"the floor {label} {own[label]:g} of {strategy} is looser than the baseline's {old:g}")
    return tuple(lines)


def blunt_limits(limits: Limits, strategies: Collection[str]) -> tuple[str, ...]:
    """What of the limits lets nearly everything pass, a line each; they are what somebody has set."""
    found: dict[str, list[str]] = defaultdict(list)
    for whose, name, default, value in _pairs(Limits(gated=limits.gated, leading=limits.leading), limits, strategies):
        if name in BLUNT and value != default and not _is_looser(name, value, BLUNT[name]):
            found[f"{name} {text_of(value)}{{}} lets nearly everything pass, the default is {text_of(default)}"].append(
                whose
            )
    return tuple(_with_names(found))


def looser_limits(before: Limits, now: Limits, strategies: Collection[str]) -> tuple[str, ...]:
    """What of a session's limits lets more pass than a baseline's, a line each: `fail 1 is looser than …`.

    Args:
        before: the limits of the baseline.
        now: those of the session.
        strategies: those that are compared.
    """
    lines = [f"{metric} is gated no more" for metric in before.gated if metric not in now.gated]
    if now.leading != before.leading:
        lines.append(f"leading is {now.leading}, the baseline's is {before.leading}")
    # the same change of several strategies and metrics is one line; of what holds for all alike it needs no names
    found: dict[str, list[str]] = defaultdict(list)
    for whose, name, old, new in _pairs(before, now, strategies):
        if _is_looser(name, old, new):
            found[f"{name} {text_of(new)}{{}} is looser than the baseline's {text_of(old)}"].append(whose)
    return (*lines, *_with_names(found))


def _with_names(found: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for line, names in found.items():
        yield line.format("" if "" in names else f" of {some(names, _SHOWN)}")


def _pairs(before: Limits, now: Limits, strategies: Collection[str]) -> Iterator[tuple[str, str, Any, Any]]:
    """Of whom, name, and both values of all limits; of whom is "" for what holds for all that name none."""
    yield from _fields_of("", before, now)
    for strategy in strategies:
        for metric in before.gated:
            yield from _fields_of(f"{strategy} {metric}", before.of(strategy, metric), now.of(strategy, metric))
        times = zip(("time_warn", "time_fail"), before.time(strategy), now.time(strategy), strict=True)
        yield from ((strategy, name, old, new) for name, old, new in times)
    for segment in dict.fromkeys((*before.segments, *now.segments)):
        yield from _fields_of(f"queries of the kind {segment}", before.of_segment(segment), now.of_segment(segment))


def _fields_of(whose: str, before: Any, now: Any) -> Iterator[tuple[str, str, Any, Any]]:
    for each in fields(before):
        if each.name in LOOSER:
            yield whose, each.name, getattr(before, each.name), getattr(now, each.name)


def _is_looser(name: str, before: Any, now: Any) -> bool:
    direction = LOOSER[name]
    if isinstance(direction, tuple):
        return direction.index(now) > direction.index(before)
    return bool(now > before if direction == "higher" else now < before)
