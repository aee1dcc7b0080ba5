"""Limits: from where on a strategy that became worse is a warning or a failure, `[gate]` of `relevance.toml`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Interval, MultipleOf

from relevance.errors import InputError, unknown
from relevance.evaluation import AP10, METRICS, NDCG10, RR10, Metric
from relevance.setting import Names, Setting, Share, Takes, Text, Written, declared, shown

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["Limit", "Limits", "read_limits"]

_Least = Annotated[int | float, Interval(ge=0, le=1), Takes("number", "a number from 0 to 1")]
_Factor = Annotated[int | float, Interval(gt=1, lt=math.inf), Takes("number", "a number above 1")]
_Queries = Annotated[
    int | float,
    Interval(ge=1, le=1_000_000),
    MultipleOf(1),
    Takes("number", "a whole number of 1 or more"),
]
_Tables = Annotated[Mapping[str, Mapping[str, Any]], Written(Any), Takes("table of tables")]


@dataclass(frozen=True)
class _Gated:
    gated: Annotated[tuple[Metric, ...], Written(Names), Setting("metrics that are compared with a baseline")] = (
        NDCG10,
        AP10,
        RR10,
    )
    leading: Annotated[
        Metric, Written(Text), Setting("the one that warns by its drop alone, and whose large drops fail sooner")
    ] = NDCG10


@dataclass(frozen=True)
class _OfMetrics:
    """What can differ by metric and strategy; drops are shares of the baseline's mean."""

    fail: Annotated[Share, Setting("a drop of so much of the baseline's mean fails where it is sure")] = 0.02
    fail_large: Annotated[Share, Setting("leading metric: so large a drop fails where it is hardly chance")] = 0.05
    warn: Annotated[Share, Setting("so much warns: of the leading metric always, of the others where p is small")] = (
        0.02
    )
    warn_sure: Annotated[Share, Setting("so much warns where it is sure")] = 0.005
    least_drop: Annotated[_Least, Setting("means that differ by less never fail")] = 0.005


@dataclass(frozen=True)
class _OfSessions:
    """What holds for all metrics alike."""

    p_sure: Annotated[Share, Setting("highest p, over all that is gated, of what is sure")] = 0.01
    p_warn: Annotated[Share, Setting("highest p of a metric by itself that warns")] = 0.05
    p_large: Annotated[Share, Setting("highest p of the leading metric by itself of what is hardly chance")] = 0.1
    large_queries: Annotated[_Queries, Setting("from so many queries on, a large drop fails only where it is sure")] = (
        1_000
    )
    least_queries: Annotated[_Queries, Setting("with fewer queries nothing fails by statistics")] = 50


@dataclass(frozen=True)
class Limit(_OfSessions, _OfMetrics):
    """What holds for one metric of one strategy.

    Attributes:
        worse: the direction that is gated: `lower` where less is worse, `higher` where more is.
        leading: whether the metric is `Limits.leading`.
    """

    worse: Literal["lower", "higher"] = "lower"
    leading: bool = False

    def large_fails(self, queries: int) -> bool:
        """Whether a large drop of so many queries fails before it is sure: the leading metric's, where they are few."""
        return self.leading and queries < self.large_queries


@dataclass(frozen=True)
class Limits(_OfSessions, _OfMetrics, _Gated):
    """All limits of a session: `[gate]` of the configuration.

    Raises:
        InputError: a limit changes nothing beside another, or is not known.
    """

    empty_queries: Annotated[_Queries, Setting("fewer queries that newly return nothing neither warn nor fail")] = 3
    empty_warn: Annotated[Share, Setting("from this share of the queries on they warn")] = 0.005
    # "as many": so many that both may be chance, the sign test's p is above p_sure
    empty_fail: Annotated[Share, Setting("from this share on they fail, unless as many newly return something")] = 0.01
    time_warn: Annotated[_Factor, Setting("more than so many times the run time of before warns")] = 1.5
    time_fail: Annotated[_Factor, Setting("more than so many times fails")] = 2.0
    # attributes of `Limit` by the name of a metric; by the name of a strategy those but `worse`, `time_warn` and
    # `time_fail`, and by the name of a metric what holds for that alone
    metrics: Annotated[_Tables, Setting("limits by metric, see below")] = field(
        default_factory=lambda: MappingProxyType({})
    )
    strategies: Annotated[_Tables, Setting("limits by strategy, see below")] = field(
        default_factory=lambda: MappingProxyType({})
    )

    def __post_init__(self) -> None:
        if self.leading not in self.gated:
            raise InputError(f"leading = '{self.leading}'; allowed: one of gated, {', '.join(map(str, self.gated))}")
        for name, table in self.metrics.items():
            self._check_metric(name, table, f"metrics.'{name}'")
        for name, table in self.strategies.items():
            self._check_strategy(table, f"strategies.{name}")
        self._check_order()

    def of(self, strategy: str, metric: Metric) -> Limit:
        """What holds for a metric of a strategy: the nearest that is set, a strategy's before a metric's."""
        own = self.strategies.get(strategy, {})
        layers: tuple[Mapping[str, Any], ...] = (
            {name: getattr(self, name) for name in (*_OF_A_SESSION, *_OF_METRICS)},
            {} if metric.higher_is_better else {"worse": "higher"},
            self.metrics.get(str(metric), {}),
            {name: value for name, value in own.items() if name in _OF_A_METRIC},
            own.get(str(metric), {}),
        )
        values = {name: value for layer in layers for name, value in layer.items()}
        return Limit(**values, leading=metric == self.leading)

    def time(self, strategy: str) -> tuple[float, float]:
        """From how many times of its run time on a strategy warns, and fails."""
        own = self.strategies.get(strategy, {})
        return own.get("time_warn", self.time_warn), own.get("time_fail", self.time_fail)

    def _check_metric(self, name: str, table: object, where: str) -> None:
        gated = [str(metric) for metric in self.gated]
        if name not in gated:
            raise InputError(f"{where}: {unknown('gated metric', name, gated)}")
        for key, value in _table(table, where).items():
            if key not in _OF_A_METRIC:
                raise InputError(f"{where}: {unknown('key', key, _OF_A_METRIC)}")
            if key == "fail_large" and name != str(self.leading):
                raise InputError(f"{where}.{key} changes nothing, only the leading metric {self.leading} has it")
            _check(key, value, f"{where}.")

    def _check_strategy(self, table: object, where: str) -> None:
        for key, value in _table(table, where).items():
            if isinstance(value, Mapping):
                self._check_metric(key, value, f"{where}.'{key}'")
            elif key in _OF_A_STRATEGY:
                _check(key, value, f"{where}.")
            else:
                raise InputError(f"{where}: {unknown('key', key, _OF_A_STRATEGY)}")

    def _check_order(self) -> None:
        """Every limit that may come into force, for strategies that are named and for those that are not."""
        for strategy in ("", *self.strategies):
            warn, fail = self.time(strategy)
            _refuse_disorder({"time_warn": warn, "time_fail": fail}, strategy)
            for metric in self.gated:
                limit = self.of(strategy, metric)
                values = {name: getattr(limit, name) for name in ("warn_sure", "fail")}
                if limit.leading:
                    values["fail_large"] = limit.fail_large
                _refuse_disorder(values, f"{strategy} {metric}".strip())
        _refuse_disorder({"empty_warn": self.empty_warn, "empty_fail": self.empty_fail}, "")


_OF_A_SESSION = tuple(each.name for each in fields(_OfSessions))
_OF_METRICS = tuple(each.name for each in fields(_OfMetrics))
_OF_A_METRIC = (*_OF_METRICS, "worse")
_OF_A_STRATEGY = (*_OF_METRICS, "time_warn", "time_fail")
_DIRECTIONS = ("lower", "higher")
_FIELDS = declared(Limits)
_ORDERED = (("warn_sure", "fail"), ("fail", "fail_large"), ("empty_warn", "empty_fail"), ("time_warn", "time_fail"))
"""(setting, the one that it may not be above): else it would change nothing, or say less of more."""


def _table(value: object, where: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping) or not value:
        raise InputError(f"{where} = {shown(value)}; allowed: a table of limits, such as {{fail = 0.03}}")
    return value


def _check(name: str, value: object, where: str) -> None:
    if name != "worse":
        _FIELDS[name].checked(value, f"{where}{name}")
    elif value not in _DIRECTIONS:
        raise InputError(f"{where}worse = {shown(value)}; allowed: {', '.join(_DIRECTIONS)}")


def _refuse_disorder(values: Mapping[str, Any], whose: str) -> None:
    for lower, upper in _ORDERED:
        if lower in values and upper in values and values[lower] > values[upper]:
            of = f" of {whose}" if whose else ""
            raise InputError(f"{lower} = {values[lower]}{of}; allowed: no more than {upper}, which is {values[upper]}")


def read_limits(table: Mapping[str, Any], *, strategies: Collection[str]) -> Limits:
    """The limits that `[gate]` sets; what is left out is as in `Limits`.

    Args:
        table: its keys, attributes of `Limits` by name; metrics as they print.
        strategies: names of those that exist.

    Raises:
        InputError: a name is not known, a value is not allowed or would change nothing; without file and table.
    """
    values = dict(table)
    if "gated" in values:
        values["gated"] = tuple(dict.fromkeys(_metric(name, "gated") for name in values["gated"]))
    if "leading" in values:
        values["leading"] = _metric(values["leading"], "leading")
    for name in ("metrics", "strategies"):
        if not isinstance(values.get(name, {}), Mapping):
            raise InputError(f"{name} = {shown(values[name])}; allowed: tables [gate.{name}.NAME]")
    for name in values.get("strategies", {}):
        if name not in strategies:
            raise InputError(f"strategies: {unknown('strategy', name, strategies)}")
    return Limits(**values)


def _metric(name: object, where: str) -> Metric:
    for metric in METRICS:
        if str(metric) == name:
            return metric
    raise InputError(f"{where}: {unknown('metric', str(name), map(str, METRICS))}")
