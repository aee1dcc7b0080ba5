"""Limits: from where on a strategy that became worse is a warning or a failure, `[gate]` of `relevance.toml`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from reprlib import repr as shown
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from relevance.errors import InputError, unknown
from relevance.evaluation import AP10, METRICS, NDCG10, RR10, Metric

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["Limit", "Limits", "read_limits"]

_LONGEST = 1_000_000


@dataclass(frozen=True)
class Limit:
    """What holds for one metric of one strategy; drops are shares of the baseline's mean.

    Attributes:
        fail: a drop of so much fails where it is sure (`Limits.p_sure`).
        fail_large: of the leading metric: so large a drop of fewer than `Limits.large_queries` queries fails where
            chance gives it less often than `Limits.p_large`.
        warn: a drop of so much warns; see `Limits.leading`.
        warn_sure: a drop of so much warns where it is sure.
        least_drop: a smaller difference of the means themselves never fails.
        worse: the direction that is gated: `lower` where less is worse, `higher` where more is.
        leading: whether the metric is `Limits.leading`.
        p_sure: see `Limits`, like the next three.
        p_warn: see there.
        p_large: see there.
        large_queries: see there.
        least_queries: see there.
    """

    fail: float = 0.02
    fail_large: float = 0.05
    warn: float = 0.02
    warn_sure: float = 0.005
    least_drop: float = 0.005
    worse: Literal["lower", "higher"] = "lower"
    leading: bool = False
    p_sure: float = 0.01
    p_warn: float = 0.05
    p_large: float = 0.10
    large_queries: int = 1_000
    least_queries: int = 50

    def large_fails(self, queries: int) -> bool:
        """Whether a large drop of so many queries fails before it is sure: the leading metric's, where they are few."""
        return self.leading and queries < self.large_queries


@dataclass(frozen=True)
class _Range:
    """The numbers that a setting can have."""

    allowed: str
    holds: Callable[[float], bool]


_SHARE = _Range("a number above 0 and up to 1", lambda value: 0 < value <= 1)
_LEAST = _Range("a number from 0 to 1", lambda value: 0 <= value <= 1)
_FACTOR = _Range("a number above 1", lambda value: 1 < value < math.inf)
_COUNT = _Range("a whole number of 1 or more", lambda value: 1 <= value <= _LONGEST and value == int(value))

_DIRECTIONS = ("lower", "higher")
_RANGES: Mapping[str, _Range] = MappingProxyType(
    {
        "least_drop": _LEAST,
        **dict.fromkeys(("fail", "fail_large", "warn", "warn_sure", "p_sure", "p_warn", "p_large"), _SHARE),
        **dict.fromkeys(("empty_warn", "empty_fail"), _SHARE),
        **dict.fromkeys(("time_warn", "time_fail"), _FACTOR),
        **dict.fromkeys(("large_queries", "least_queries", "empty_queries"), _COUNT),
    }
)
_OF_A_SESSION = ("p_sure", "p_warn", "p_large", "large_queries", "least_queries")
_OF_A_METRIC = ("fail", "fail_large", "warn", "warn_sure", "least_drop", "worse")
_OF_A_STRATEGY = (*(name for name in _OF_A_METRIC if name != "worse"), "time_warn", "time_fail")
_ORDERED = (("warn_sure", "fail"), ("fail", "fail_large"), ("empty_warn", "empty_fail"), ("time_warn", "time_fail"))
"""(setting, the one that it may not be above): else it would change nothing, or say less of more."""


@dataclass(frozen=True)
class Limits:
    """All limits of a session.

    Attributes:
        gated: the metrics that are compared.
        leading: the one of them that warns by its drop alone, and for which `fail_large` holds; the others warn from
            `warn` on where p is `p_warn` or less.
        fail: see `Limit`, like the next four.
        fail_large: see there.
        warn: see there.
        warn_sure: see there.
        least_drop: see there.
        p_sure: highest adjusted p of what is sure.
        p_warn: highest p by itself of a warning of metrics that do not lead.
        p_large: highest p by itself of a large drop that fails.
        large_queries: from so many queries on it takes more, a large drop has to be sure as well.
        least_queries: with fewer, nothing fails by statistics.
        empty_queries: so many queries that newly return nothing warn or fail, fewer never.
        empty_warn: from this share of the queries on they warn.
        empty_fail: from this share on they fail, unless so many newly return something that both may be chance (the
            sign test's p is above `p_sure`).
        time_warn: run time that is more than so many times what it was warns.
        time_fail: likewise fails.
        metrics: what is set for a metric, attributes of `Limit` by name.
        strategies: what is set for a strategy: those attributes but `worse`, `time_warn` and `time_fail`, and by the
            name of a metric what holds for that alone.

    Raises:
        InputError: a value is not allowed, or would change nothing.
    """

    gated: tuple[Metric, ...] = (NDCG10, AP10, RR10)
    leading: Metric = NDCG10
    fail: float = Limit.fail
    fail_large: float = Limit.fail_large
    warn: float = Limit.warn
    warn_sure: float = Limit.warn_sure
    least_drop: float = Limit.least_drop
    p_sure: float = Limit.p_sure
    p_warn: float = Limit.p_warn
    p_large: float = Limit.p_large
    large_queries: int = Limit.large_queries
    least_queries: int = Limit.least_queries
    empty_queries: int = 3
    empty_warn: float = 0.005
    empty_fail: float = 0.01
    time_warn: float = 1.5
    time_fail: float = 2.0
    metrics: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: MappingProxyType({}))
    strategies: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        for name in _RANGES:
            _check(name, getattr(self, name), "")
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
            {name: getattr(self, name) for name in (*_OF_A_SESSION, *_OF_A_METRIC) if name != "worse"},
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


def _table(value: object, where: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping) or not value:
        raise InputError(f"{where} = {shown(value)}; allowed: a table of limits, such as {{fail = 0.03}}")
    return value


def _check(name: str, value: object, where: str) -> None:
    if name == "worse":
        if value not in _DIRECTIONS:
            raise InputError(f"{where}worse = {shown(value)}; allowed: {', '.join(_DIRECTIONS)}")
        return
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not number or not _RANGES[name].holds(float(value)):  # type: ignore[arg-type]  # it is a number
        raise InputError(f"{where}{name} = {shown(value)}; allowed: {_RANGES[name].allowed}")


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
