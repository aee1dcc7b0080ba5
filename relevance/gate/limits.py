"""What a strategy must reach (floors, a file of their own), and from where on worse is too much (limits, `[gate]`).

The file of floors is TOML, one table `[DATASET.STRATEGY]` with the lowest mean of a metric that passes: `NDCG = 0.4`,
`"P@5" = 0.3`. For a metric of which less is better it is the highest that passes: `Empty = 0.02`.
With `corpus = "<first digits of the corpus hash>"` it says which corpus they were set for: on another one they hold all
the same, and a note says so. A product more or a word changed moves a mean little; what it moves is what they are for.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from annotated_types import Interval, MultipleOf

from relevance.baseline.snapshot import DIGITS
from relevance.errors import InputError, several, unknown
from relevance.evaluation import METRICS, NDCG10, Metric, named
from relevance.files import read_toml
from relevance.gate.choice import GATED, read_metric
from relevance.setting import Share, Takes, Text, Written, declared, setting, shown
from relevance.significance import SAME

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from relevance.evaluation import Evaluation
    from relevance.records import Dataset

# Floors

MARGIN = 0.005
"""How far below the measured mean a suggested floor lies: more than another processor's rounding moves a mean."""

_SHOWN_QUERIES = 5
_CORPUS = "corpus"
_PREFIX = re.compile("[0-9a-f]{8,64}")


@dataclass(frozen=True)
class Floors:
    """The floors of one strategy on one data set.

    Attributes:
        means: lowest passing mean by `Metric.label` (`MRR`, `P@5`), highest where less is better.
        corpus: first digits of the hash of the corpus that they were set for, "" where the file does not say.
        where: file and table, for messages.
    """

    means: Mapping[str, float]
    corpus: str
    where: str


@dataclass(frozen=True)
class Lost:
    """A query that pulls a mean below its floor: the metric's value, and that of the baseline where it fell since."""

    query: str
    text: str
    value: float
    before: float | None = None


@dataclass(frozen=True)
class Shortfall:
    """A mean on the wrong side of its floor, and some queries: the most worsened since the baseline, else the worst.

    `label` is the metric's.
    """

    label: str
    value: float
    floor: float
    queries: tuple[Lost, ...]


@dataclass(frozen=True)
class Verdict:
    """Whether all means of a strategy reach their floors.

    Attributes:
        reasons: why not, a line each.
        notes: what else is to be known of the floors, a line each; the same for all strategies.
    """

    status: Literal["pass", "fail", "not_gated"]
    reasons: tuple[str, ...] = ()
    shortfalls: tuple[Shortfall, ...] = ()
    floors: Floors | None = None
    notes: tuple[str, ...] = ()


def read_floors(
    path: Path, *, datasets: Collection[str], strategies: Collection[str], metrics: Sequence[Metric] = METRICS
) -> Mapping[tuple[str, str], Floors]:
    """Read a file of floors: (data set, strategy) to floors. The whole is checked, whatever is going to run.

    Raises:
        InputError: it cannot be read or is not TOML, or names an unknown data set, strategy or metric, or one that is
            not scored (`metrics` are) or has another floor already, or a floor is no number from 0 to 1: all of it.
    """
    floors, errors = dict[tuple[str, str], Floors](), list[InputError]()
    way_out = "; after a {} has another name, its tables [{}] are renamed or removed"
    renamed = way_out.format("data set", "{}.…")
    entries = _entries(read_toml(path, "a file of floors"), f"{path}", "data set", datasets, renamed, errors)
    for dataset, tables in entries:
        renamed = way_out.format("strategy", f"{dataset}.{{}}")
        for strategy, table in _entries(tables, f"{path} [{dataset}]", "strategy", strategies, renamed, errors):
            own = _floors(table, f"{path} [{dataset}.{strategy}]", metrics, errors)
            if own is not None:
                floors[dataset, strategy] = own
    if errors:
        raise several(errors)
    return MappingProxyType(floors)


def _entries(  # noqa: PLR0913, PLR0917 - a table, and what is said of what is wrong in it
    table: object, where: str, what: str, allowed: Collection[str], way_out: str, errors: list[InputError]
) -> Iterator[tuple[str, Any]]:
    if not isinstance(table, dict):
        errors.append(InputError(f"{where}: expected a table, found {table!r}"))
        return
    for name, value in table.items():
        if name in allowed:
            yield name, value
        elif name == _CORPUS:
            line = f"{where} {name} = {shown(value)}: it is of one strategy's floors; allowed: in [DATASET.STRATEGY]"
            errors.append(InputError(line))
        else:
            errors.append(InputError(f"{where}: {unknown(what, name, allowed)}{way_out.format(name)}"))


def _floors(table: Any, where: str, metrics: Sequence[Metric], errors: list[InputError]) -> Floors | None:
    """The floors of a table; None where something is wrong in it, which is added to `errors`."""
    if not isinstance(table, dict):
        errors.append(InputError(f"{where}: expected a table, found {table!r}"))
        return None
    values, wrong = dict(table), list[str]()
    corpus = values.pop(_CORPUS, "")
    names: dict[str, str] = {}
    means = {}
    for name, value in values.items():
        try:
            label = _floor_label(name, where, metrics)
        except InputError as error:
            errors.append(error)
            continue
        if label in names:
            wrong.append(f"{where}: {names[label]} and {name} are the same metric; allowed: one floor for it")
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            wrong.append(f"{where} {name} = {value!r}; allowed: a number from 0 to 1")
            continue
        names[label], means[label] = name, float(value)
    if not values:
        allowed = ", ".join(metric.label for metric in metrics)
        wrong.append(f"{where}: no floor; at least one of {allowed} is needed")
    if not isinstance(corpus, str) or (_CORPUS in table and not _PREFIX.fullmatch(corpus)):
        way_out = "the first 8 or more hex digits of the corpus hash, which a session prints; or leave it out"
        wrong.append(f"{where} corpus = {shown(corpus)}; allowed: {way_out}")
    errors += map(InputError, wrong)
    return None if wrong else Floors(MappingProxyType(means), corpus, where)


def _floor_label(name: str, where: str, metrics: Sequence[Metric]) -> str:
    try:
        metric = named(name)
    except InputError:
        allowed = (*(one.label for one in metrics), "corpus")
        raise InputError(f"{where}: {unknown('floor', name, allowed)}") from None
    if metric not in metrics:
        why = "it compares with a baseline" if metric.needs_baseline else f"allowed: add {metric} to [metrics] report"
        raise InputError(f"{where}: {name} is not scored; {why}")
    return metric.label


def judge(
    evaluation: Evaluation,
    floors: Floors | None,
    dataset: Dataset,
    *,
    before: Mapping[Metric, Mapping[str, float]] = MappingProxyType({}),
) -> Verdict:
    """Compare the means of a strategy with its floors; a mean that equals its floor passes.

    Where less is better the floor is a ceiling.

    `before` is what the baseline has of the strategy, by metric and query id; empty where there is none.
    """
    if floors is None:
        return Verdict("not_gated", ("no floors for this strategy on this data set",))
    shortfalls, reasons = [], []
    for label, floor in floors.means.items():
        metric = named(label)
        mean = evaluation.mean(metric)
        if not reaches(metric, mean, floor):
            shortfalls.append(
                Shortfall(label, mean, floor, _worst(metric, evaluation, dataset, before.get(metric, {})))
            )
            wrong = "above its ceiling" if metric.lower_is_better else "below its floor"
            reasons.append(f"{label} {mean:.4f} is {wrong} {floor:.4f}")
    actual = dataset.catalogue.sha256[: len(floors.corpus)]
    note = f"floors were set for corpus {floors.corpus}, this is {actual}; they hold all the same"
    notes = () if actual == floors.corpus else (note,)
    return Verdict("fail" if shortfalls else "pass", tuple(reasons), tuple(shortfalls), floors, notes)


def reaches(metric: Metric, mean: float, floor: float) -> bool:
    """Whether a mean is on the right side of its floor, which is a ceiling where less is better."""
    return mean <= floor if metric.lower_is_better else mean >= floor


def _worst(metric: Metric, evaluation: Evaluation, dataset: Dataset, before: Mapping[str, float]) -> tuple[Lost, ...]:
    """Those that worsened most since the baseline, else the worst, and of these the ones with most to find."""
    sign = -1 if metric.lower_is_better else 1
    values = evaluation.per_query[metric]
    ids, texts = dataset.queries.ids, dataset.queries.labels
    queries = [
        Lost(ids[code], texts[code], value) for code, value in zip(evaluation.queries, values.tolist(), strict=True)
    ]
    known = [(before[one.query], one) for one in queries if one.query in before]
    fallen = [replace(one, before=old) for old, one in known if sign * (old - round(one.value, DIGITS)) > SAME]
    if fallen:
        fallen.sort(key=lambda one: (sign * (one.value - before[one.query]), one.query))
        return tuple(fallen[:_SHOWN_QUERIES])
    relevant = dataset.judgments.grades >= dataset.judgments.relevant_from
    to_find = np.bincount(dataset.judgments.queries[relevant], minlength=len(dataset.queries))[evaluation.queries]
    return tuple(queries[at] for at in np.lexsort((-to_find, sign * values))[:_SHOWN_QUERIES].tolist())


def suggest(dataset: Dataset, evaluations: Mapping[str, Evaluation], metrics: Iterable[Metric]) -> str:
    """A snippet of TOML with floors `MARGIN` worse than what was measured, rounded that way to three digits."""
    judging = [metric for metric in metrics if metric.judges]
    tables = []
    for strategy, evaluation in evaluations.items():
        lines = [f"[{dataset.name}.{strategy}]"]
        for metric in judging:
            sign = -1 if metric.lower_is_better else 1
            floor = sign * math.floor((sign * evaluation.mean(metric) - MARGIN) * 1000) / 1000
            key = metric.label if metric.label.isalnum() else json.dumps(metric.label)
            lines.append(f"{key} = {min(max(0.0, floor), 1.0):.3f}")
        tables.append("\n".join(lines))
    return "\n\n".join(tables) + "\n"


# Limits

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
    gated: tuple[Metric, ...] = GATED  # `[metrics] gate`
    leading: Annotated[Metric, Written(Text)] = setting(
        "the one of which no loss is said, whose segments are judged and by which queries are told apart",
        default=NDCG10,
    )


@dataclass(frozen=True)
class _Drops:
    """What can differ by metric and strategy; drops are shares of the baseline's mean."""

    fail: Share = setting("a drop of so much of the baseline's mean is a loss where it is sure", default=0.02)
    likely: Share = setting("a drop of so much is a likely loss where it is hardly chance", default=0.005)
    least_drop: _Least = setting("means that differ by less do not fail", default=0.005)


@dataclass(frozen=True)
class _Chances:
    """What holds for all metrics alike."""

    p_sure: Share = setting("highest p, over all that is gated, of what is sure", default=0.01)
    p_likely: Share = setting("highest p, over all that is gated, of what is hardly chance", default=0.05)
    no_loss: Share = setting(
        "leading metric: no loss is said where a larger drop than this can be excluded", default=0.02
    )
    no_loss_few: Share = setting("likewise below large_queries, where less can hardly be excluded", default=0.05)
    large_queries: _Queries = setting("from so many queries on no_loss holds", default=1_000)
    least_queries: _Queries = setting("with fewer queries nothing fails by statistics", default=50)


@dataclass(frozen=True)
class Limit(_Chances, _Drops):
    """What holds for one metric of one strategy.

    Attributes:
        leading: whether the metric is `Limits.leading`.
    """

    leading: bool = False

    def excluded(self, queries: int) -> float:
        """Give the drop that has to be excluded, over so many queries, before no loss is said."""
        return self.no_loss if queries >= self.large_queries else self.no_loss_few


@dataclass(frozen=True)
class SegmentLimit:
    """What holds for the leading metric on one kind of query, of all strategies alike.

    Attributes:
        fail: a drop of so much of the mean before is a loss where it is sure.
        floor: a lower mean than this is a loss, whatever was before.
        hard: whether a single query that falls is a loss.
    """

    fail: Share = setting("a drop of so much is a loss where it is sure", default=0.05)
    floor: _Least = setting("a lower mean of the leading metric is a loss", default=0.0)
    hard: bool = setting("whether a single query that falls is a loss", default=False)


@dataclass(frozen=True)
class Limits(_Chances, _Drops, _Gated):
    """All limits of a session: `[gate]` of the configuration."""

    common_share: Share = setting("fails where a smaller share of the baseline's queries can be compared", default=0.8)
    common_queries: _Queries = setting("and where fewer queries can, if the baseline has as many", default=50)
    segment_fail: Share = setting(
        "leading metric on one kind of query: a drop of so much is a loss where it is sure", default=0.05
    )
    segment_queries: _Queries = setting("fewer queries of a kind are not judged by themselves", default=30)
    effective_queries: _Queries = setting(
        "weights that leave fewer queries' worth of evidence make a weighted mean a likely loss at most",
        default=50,
    )
    too_few_queries: Literal["pass", "fail"] = setting(
        "what a session does that so few queries leave undecided: pass or fail", default="pass"
    )
    unjudged_hits: Literal["advice", "pass", "fail"] = setting(
        "what a session does that unjudged hits leave undecided: pass, fail, or advice: pass where nothing is lost "
        "even if unjudged hits are only 0.4 times as often good as the judged ones of their query",
        default="advice",
    )
    empty_queries: _Queries = setting("fewer queries that newly return nothing are no loss", default=3)
    empty_warn: Share = setting("from this share of the queries on they are a likely loss", default=0.005)
    # "as many": so many that both may be chance, the sign test's p is above p_sure
    empty_fail: Share = setting("from this share on a loss, unless as many newly return something", default=0.01)
    time_warn: _Factor = setting("more than so many times the run time of before is a likely loss", default=1.5)
    time_fail: _Factor = setting("more than so many times is a loss", default=2.0)
    # attributes of `Limit` by the name of a metric; by the name of a strategy those, `time_warn` and
    # `time_fail`, and by the name of a metric what holds for that alone
    metrics: _Tables = setting("limits by metric, see below", default=MappingProxyType({}))
    strategies: _Tables = setting("limits by strategy, see below", default=MappingProxyType({}))
    # attributes of `SegmentLimit` by the name of a kind of query
    segments: _Tables = setting("limits by kind of query, see below", default=MappingProxyType({}))

    def of(self, strategy: str, metric: Metric) -> Limit:
        """What holds for a metric of a strategy: the nearest that is set, a strategy's before a metric's."""
        own = self.strategies.get(strategy, {})
        values: dict[str, Any] = {
            **{each.name: getattr(self, each.name) for each in (*fields(_Chances), *fields(_Drops))},
            **self.metrics.get(str(metric), {}),
            **{name: value for name, value in own.items() if name in _OF_A_METRIC},
            **own.get(str(metric), {}),
        }
        return Limit(**values, leading=metric == self.leading)

    def of_segment(self, name: str) -> SegmentLimit:
        """What holds for a kind of query."""
        return SegmentLimit(**{"fail": self.segment_fail, **self.segments.get(name, {})})

    def time(self, strategy: str) -> tuple[float, float]:
        """From how many times of its run time on a strategy warns, and fails."""
        own = self.strategies.get(strategy, {})
        return own.get("time_warn", self.time_warn), own.get("time_fail", self.time_fail)


_OF_A_METRIC = tuple(each.name for each in fields(_Drops))
_OF_A_STRATEGY = (*(each.name for each in fields(_Drops)), "time_warn", "time_fail")
_OF_A_SEGMENT = {key.name: key for key in declared(SegmentLimit)}
_KEYS = {key.name: key for key in declared(Limits)}


def read_limits(table: Mapping[str, Any], *, strategies: Collection[str], gated: tuple[Metric, ...] = GATED) -> Limits:
    """The limits that `[gate]` sets for the metrics `gated`; what is left out is as in `Limits`.

    Raises:
        InputError: a name is not known (`strategies` are), a value is not allowed or would change nothing; without file
            and table.
    """
    values = {**table, "gated": gated}
    if "leading" in values:
        values["leading"] = read_metric(values["leading"], "leading")
    for name in ("metrics", "strategies", "segments"):
        if not isinstance(values.get(name, {}), Mapping):
            raise InputError(f"{name} = {shown(values[name])}; allowed: tables [gate.{name}.NAME]")
    for name in values.get("strategies", {}):
        if name not in strategies:
            raise InputError(f"strategies: {unknown('strategy', name, strategies)}")
    limits = Limits(**values)
    if limits.leading not in limits.gated:
        allowed = ", ".join(map(str, limits.gated))
        raise InputError(f"leading = '{limits.leading}'; allowed: one of [metrics] gate, {allowed}")
    _check_tables(limits)
    _check_order(limits)
    return limits


def _check_tables(limits: Limits) -> None:
    for name, own in limits.metrics.items():
        _check_table(limits, own, f"metrics.'{name}'", metric=name)
    for name, own in limits.strategies.items():
        _check_table(limits, own, f"strategies.{name}")
    for name, own in limits.segments.items():
        _check_segment(own, f"segments.{name}")


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
        elif key == "worse":
            raise InputError(f"{where}.worse is gone: every metric has one direction; leave it out")
        elif key not in allowed:
            raise InputError(f"{where}: {unknown('key', key, allowed)}")
        else:
            _KEYS[key].checked(value, f"{where}.{key}")


def _check_segment(table: object, where: str) -> None:
    if not isinstance(table, Mapping) or not table:
        raise InputError(f"{where} = {shown(table)}; allowed: a table of limits, such as {{hard = true}}")
    for key, value in table.items():
        if key not in _OF_A_SEGMENT:
            raise InputError(f"{where}: {unknown('key', key, _OF_A_SEGMENT)}")
        _OF_A_SEGMENT[key].checked(value, f"{where}.{key}")


def _check_order(limits: Limits) -> None:
    """Refuse a limit that changes nothing beside another: of strategies that are named, and of those that are not."""
    for strategy in ("", *limits.strategies):
        warn, fail = limits.time(strategy)
        _refuse_disorder(strategy, time_warn=warn, time_fail=fail)
        for metric in limits.gated:
            limit, whose = limits.of(strategy, metric), f"{strategy} {metric}".strip()
            _refuse_disorder(whose, likely=limit.likely, fail=limit.fail)
    _refuse_disorder("", p_sure=limits.p_sure, p_likely=limits.p_likely)
    _refuse_disorder("", empty_warn=limits.empty_warn, empty_fail=limits.empty_fail)


def _refuse_disorder(whose: str, **pair: float) -> None:
    (lower, least), (upper, most) = pair.items()
    if least > most:
        of = f" of {whose}" if whose else ""
        raise InputError(f"{lower} = {least}{of}; allowed: no more than {upper}, which is {most}")
