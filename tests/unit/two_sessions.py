"""Two sessions with rankings of one's own, for tests of the diagnosis."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from relevance.baseline import DatasetIdentity, Measurement, Snapshot
from relevance.diagnosis import diagnose
from relevance.evaluation import AP10, JUDGED10, NDCG10, RR10
from relevance.gate import Comparison, Finding, Limits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from relevance.diagnosis import Diagnosis

__all__ = ["TEXT", "VECTOR", "comparison", "diagnosed", "session", "strategy"]

TEXT: Mapping[str, object] = {"text": {"title": 8, "description": 2}, "vectors": {}, "combine": "sum"}
VECTOR: Mapping[str, object] = {
    "text": {},
    "vectors": {"whole": 1},
    "combine": "sum",
    "candidates": 150,
    "model": "base",
}


def strategy(
    numbers: Sequence[float], hits: Sequence[Sequence[str]] = (), *, definition: Mapping[str, object] = TEXT
) -> Measurement:
    """Numbers of all metrics, a query each; hits are `a` and `b` where none are given."""
    values = np.asarray(numbers, dtype=np.float64)
    rankings = tuple(tuple(row) for row in hits) or tuple(("a", "b") for _ in numbers)
    metrics = MappingProxyType(dict.fromkeys((RR10, AP10, NDCG10, JUDGED10), values))
    return Measurement(definition, metrics, rankings, "0" * 64, None, 0)


def session(
    strategies: Mapping[str, Measurement], *, texts: Sequence[str] = (), grades: Sequence[Mapping[str, int]] = ()
) -> Snapshot:
    """Queries are numbered; each has judgments for `a` (grade 2) and `b` (grade 0) where none are given."""
    size = len(next(iter(strategies.values())).hits)
    queries = tuple(f"q{number:04}" for number in range(size))
    return Snapshot(
        dataset=DatasetIdentity("shop", "c" * 64, "a" * 64, "b" * 64, 20),
        queries=queries,
        texts=tuple(texts) or tuple(f"text of {query}" for query in queries),
        grades=tuple(grades) or tuple({"a": 2, "b": 0} for _ in queries),
        relevant_from=1,
        strategies=MappingProxyType(dict(strategies)),
        engine=MappingProxyType({"name": "embedded", "version": "1", "facts": {}}),
        models=MappingProxyType({}),
        versions=MappingProxyType({}),
        calibration_s=None,
    )


def comparison(**statuses: Any) -> Comparison:
    """A finding of nDCG@10 for each strategy, with its status."""
    findings = tuple(Finding(name, "nDCG@10", status, 0.5, 0.4, relative=0.2) for name, status in statuses.items())
    return Comparison("main.json", findings, differs=("own: text.title 8 -> 1",))


def diagnosed(
    before: Snapshot, now: Snapshot, *, titles: Mapping[str, str] = MappingProxyType({}), **statuses: Any
) -> Diagnosis:
    """With the limits that hold where none are set."""
    return diagnose(before, now, comparison(**statuses), Limits(), titles=titles)
