"""Which metrics a session shows and which it is gated by: `[metrics]` of the configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from relevance.errors import InputError
from relevance.evaluation import AP10, METRICS, NDCG10, RR10, Metric, named
from relevance.setting import Names, Written, setting

if TYPE_CHECKING:
    from collections.abc import Mapping

GATED = (NDCG10, AP10, RR10)
"""The metrics that are gated where the configuration names no others."""

_LEAST_DEPTH = 10

_Metrics = Annotated[tuple[Metric, ...], Written(Names)]


@dataclass(frozen=True)
class MetricChoice:
    """The metrics of a session."""

    report: _Metrics = setting("metrics that tables and files show, in this order", default=METRICS)
    gate: _Metrics = setting("metrics that are compared with a baseline; they are in the files, too", default=GATED)

    @property
    def all(self) -> tuple[Metric, ...]:
        """What is scored, each metric once: those that are reported, then those that are gated alone."""
        return tuple(dict.fromkeys(metric for metric in (*self.report, *self.gate) if not metric.needs_baseline))

    @property
    def overlaps(self) -> tuple[Metric, ...]:
        """The reported metrics that compare rankings with a baseline's."""
        return tuple(metric for metric in self.report if metric.needs_baseline)

    @property
    def columns(self) -> Mapping[str, Metric]:
        """The scored metrics that are reported, by the names that people use."""
        return {metric.label: metric for metric in self.report if not metric.needs_baseline}

    @property
    def depth(self) -> int:
        """How many hits of a query are scored and written: what the deepest metric looks at, 10 at least."""
        return max(_LEAST_DEPTH, *(metric.cutoff for metric in (*self.report, *self.gate)))


def read_metrics(table: Mapping[str, Any]) -> MetricChoice:
    """The metrics that `[metrics]` names; a list that is left out is as in `MetricChoice`.

    Raises:
        InputError: no metric, or one that cannot be gated; without file and table.
    """
    values = {key: tuple(dict.fromkeys(read_metric(name, key) for name in names)) for key, names in table.items()}
    for metric in values.get("gate", ()):
        if not metric.judges:
            raise InputError(f"gate: {metric} does not say how good a ranking is; allowed: in report")
    return MetricChoice(**values)


def read_metric(name: str, where: str) -> Metric:
    """A metric by its name, `nDCG@10` or `NDCG`.

    Raises:
        InputError: not a metric.
    """
    try:
        return named(name)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
