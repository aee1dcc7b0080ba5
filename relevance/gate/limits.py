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
from relevance.setting import Field, Names, Setting, Share, Takes, Text, Written, declared, shown

if TYPE_CHECKING:
    from collections.abc import Collection

_Least = Annotated[int | float, Interval(ge=0, le=1), Takes("number", "a number from 0 to 1")]
_Factor = Annotated[int | float, Interval(gt=1, lt=math.inf), Takes("number", "a number above 1")]
_Queries = Annotated[
    int | float,
    Interval(ge=1, le=1_000_000),
    MultipleOf(1),
    Takes("number", "a whole number of 1 or more"),
]
_Tables = Annotated[Mapping[str, Mapping[str, Any]], Written(Any), Takes("table of tables")]
_Direction = Literal["lower", "higher"]


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
class _Drops:
    """What can differ by metric and strategy; drops are shares of the baseline's mean."""

    fail: Annotated[Share, Setting("a drop of so much of the baseline's mean fails where it is sure")] = 0.02
    fail_large: Annotated[Share, Setting("leading metric: so large a drop fails where it is hardly chance")] = 0.05
    warn: Annotated[Share, Setting("so much warns: of the leading metric always, of the others where p is small")] = (
        0.02
    )
    warn_sure: Annotated[Share, Setting("so much warns where it is sure")] = 0.005
    least_drop: Annotated[_Least, Setting("means that differ by less never fail")] = 0.005


@dataclass(frozen=True)
class _Chances:
    """What holds for all metrics alike."""

    p_sure: Annotated[Share, Setting("highest p, over all that is gated, of what is sure")] = 0.01
    p_warn: Annotated[Share, Setting("highest p of a metric by itself that warns")] = 0.05
    p_large: Annotated[Share, Setting("highest p of the leading metric by itself of what is hardly chance")] = 0.1
    large_queries: Annotated[_Queries, Setting("from so many queries on, a large drop fails only where it is sure")] = (
        1_000
    )
    least_queries: Annotated[_Queries, Setting("with fewer queries nothing fails by statistics")] = 50


@dataclass(frozen=True)
class Limit(_Chances, _Drops):
    """What holds for one metric of one strategy.

    Attributes:
        worse: the direction that is gated: `lower` where less is worse, `higher` where more is.
        leading: whether the metric is `Limits.leading`.
    """

    worse: _Direction = "lower"
    leading: bool = False

    def large_fails(self, queries: int) -> bool:
        """Whether a large drop of so many queries fails before it is sure: the leading metric's, where they are few."""
        return self.leading and queries < self.large_queries


@dataclass(frozen=True)
class Limits(_Chances, _Drops, _Gated):
    """All limits of a session: `[gate]` of the configuration."""

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

    def of(self, strategy: str, metric: Metric) -> Limit:
        """What holds for a metric of a strategy: the nearest that is set, a strategy's before a metric's."""
        own = self.strategies.get(strategy, {})
        layers: tuple[Mapping[str, Any], ...] = (
            {each.name: getattr(self, each.name) for each in (*fields(_Chances), *fields(_Drops))},
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


_DROPS = tuple(each.name for each in fields(_Drops))
_OF_A_METRIC = (*_DROPS, "worse")
_OF_A_STRATEGY = (*_DROPS, "time_warn", "time_fail")
_FIELDS = {**declared(Limits), "worse": Field("worse", _Direction, "lower")}


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
    limits = Limits(**values)
    if limits.leading not in limits.gated:
        allowed = ", ".join(map(str, limits.gated))
        raise InputError(f"leading = '{limits.leading}'; allowed: one of gated, {allowed}")
    for name, own in limits.metrics.items():
        _check_table(limits, own, f"metrics.'{name}'", metric=name)
    for name, own in limits.strategies.items():
        _check_table(limits, own, f"strategies.{name}")
    _check_order(limits)
    return limits


def _metric(name: object, where: str) -> Metric:
    for metric in METRICS:
        if str(metric) == name:
            return metric
    raise InputError(f"{where}: {unknown('metric', str(name), map(str, METRICS))}")


def _check_table(limits: Limits, table: object, where: str, *, metric: str | None = None) -> None:
    """Check the limits of a metric, or of a strategy, where tables of metrics may stand among them."""
    gated = [str(one) for one in limits.gated]
    if metric is not None and metric not in gated:
        raise InputError(f"{where}: {unknown('gated metric', metric, gated)}")
    if not isinstance(table, Mapping) or not table:
        raise InputError(f"{where} = {shown(table)}; allowed: a table of limits, such as {{fail = 0.03}}")
    allowed = _OF_A_STRATEGY if metric is None else _OF_A_METRIC
    for key, value in table.items():
        if metric is None and isinstance(value, Mapping):
            _check_table(limits, value, f"{where}.'{key}'", metric=key)
        elif key not in allowed:
            raise InputError(f"{where}: {unknown('key', key, allowed)}")
        elif key == "fail_large" and metric not in (None, str(limits.leading)):
            raise InputError(f"{where}.{key} changes nothing, only the leading metric {limits.leading} has it")
        else:
            _FIELDS[key].checked(value, f"{where}.{key}")


def _check_order(limits: Limits) -> None:
    """Refuse a limit that changes nothing beside another: of strategies that are named, and of those that are not."""
    for strategy in ("", *limits.strategies):
        warn, fail = limits.time(strategy)
        _refuse_disorder(strategy, time_warn=warn, time_fail=fail)
        for metric in limits.gated:
            limit, whose = limits.of(strategy, metric), f"{strategy} {metric}".strip()
            _refuse_disorder(whose, warn_sure=limit.warn_sure, fail=limit.fail)
            if limit.leading:
                _refuse_disorder(whose, fail=limit.fail, fail_large=limit.fail_large)
    _refuse_disorder("", empty_warn=limits.empty_warn, empty_fail=limits.empty_fail)


def _refuse_disorder(whose: str, **pair: float) -> None:
    (lower, least), (upper, most) = pair.items()
    if least > most:
        of = f" of {whose}" if whose else ""
        raise InputError(f"{lower} = {least}{of}; allowed: no more than {upper}, which is {most}")
