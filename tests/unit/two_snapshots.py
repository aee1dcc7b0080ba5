"""Snapshots with numbers of one's own, for tests of the gate."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from relevance.baseline import DatasetIdentity, Measurement, Snapshot
from relevance.evaluation import AP10, JUDGED10, NDCG10, RR10

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from relevance.evaluation import Metric

    Numbers = Sequence[float] | np.ndarray[tuple[int, ...], np.dtype[np.float64]]

__all__ = ["measured", "snapshot"]


def measured(
    numbers: Mapping[Metric, Numbers] | Numbers, *, empty: int = 0, seconds: float | None = None, rounds: int = 3
) -> Measurement:
    """A strategy with numbers per query, the same for all metrics where they are given once.

    Args:
        numbers: shape (queries,), or that for each metric.
        empty: how many of the first queries have no hit.
        seconds: its run time.
        rounds: how many rounds that is the minimum of.
    """
    if not hasattr(numbers, "items"):
        numbers = dict.fromkeys((RR10, AP10, NDCG10, JUDGED10), numbers)
    metrics = {metric: np.asarray(values, dtype=np.float64) for metric, values in numbers.items()}
    queries = len(next(iter(metrics.values())))
    hits = tuple(() if query < empty else ("p1", "p2") for query in range(queries))
    return Measurement({}, MappingProxyType(metrics), hits, "", seconds, rounds)


def snapshot(
    queries: Sequence[str] | None = None,
    *,
    calibration: float | None = None,
    engine: str = "embedded",
    **strategies: Measurement,
) -> Snapshot:
    """A session with these strategies; queries are numbered where they are not named."""
    if queries is None:
        queries = [f"q{number:05}" for number in range(len(next(iter(strategies.values())).hits))]
    return Snapshot(
        dataset=DatasetIdentity("made", "", "", "", 10),
        queries=tuple(queries),
        texts=tuple(f"text of {query}" for query in queries),
        grades=tuple(MappingProxyType({"p1": 1}) for _ in queries),
        relevant_from=1,
        strategies=MappingProxyType(strategies),
        engine=MappingProxyType({"name": engine, "version": "1", "facts": {}}),
        models=MappingProxyType({}),
        versions=MappingProxyType({}),
        calibration_s=calibration,
    )
