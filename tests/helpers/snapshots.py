"""Snapshots that were never measured, for tests of baselines, of the gate and of the diagnosis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from relevance.baseline import DIGITS, DatasetIdentity, Measurement, ProductsSeen, Snapshot
from relevance.diagnosis import Diagnosis, diagnose
from relevance.evaluation import AP10, JUDGED10, NDCG10, RR10
from relevance.gate import Comparison, Finding, Limits

METRICS = (RR10, AP10, NDCG10)
QUERIES = ("q1", "q2", "q3", "q4")
PRODUCTS = ("a", "b", *(f"p{at}" for at in range(18)))
TEXT: Mapping[str, object] = {"text": {"title": 8, "description": 2}, "vectors": {}, "combine": "sum"}
VECTOR: Mapping[str, object] = {
    "text": {}, "vectors": {"whole": 1}, "combine": "sum", "candidates": 150, "model": "base",
}  # fmt: skip


def measured(numbers: Any, hits: Sequence[Sequence[str]] = (), *, empty: int = 0, **changed: Any) -> Measurement:
    """A strategy with these numbers of its queries: the same for all metrics, or a mapping by metric.

    Each query has the hits `a` and `b` where none are named; `empty` of the first have none.
    """
    if not hasattr(numbers, "items"):
        numbers = dict.fromkeys((RR10, AP10, NDCG10, JUDGED10), numbers)
    metrics = {metric: np.asarray(values, dtype=np.float64) for metric, values in numbers.items()}
    size = len(next(iter(metrics.values())))
    rankings = tuple(map(tuple, hits)) or ((),) * empty + (("a", "b"),) * (size - empty)
    return replace(Measurement(TEXT, MappingProxyType(metrics), rankings, "0" * 64, None, 0), **changed)


def random_measurement(seed: int = 1, *, queries: Sequence[str] = QUERIES, **changed: Any) -> Measurement:
    """A timed strategy whose numbers and ten hits a query depend on the seed alone."""
    random = np.random.default_rng(seed)
    metrics = {metric: np.round(random.random(len(queries)), DIGITS) for metric in METRICS}
    order = random.random((len(queries), 20)).argsort()[:, :10]
    hits = [[f"p{at}" for at in row] for row in order.tolist()]
    timed = {"scores_sha256": f"{seed:064x}", "run_time_s": 0.25, "rounds": 3}
    return measured(metrics, hits, **(timed | changed))


def snapshot(
    strategies: Mapping[str, Measurement] | None = None, *, queries: Sequence[str] = (), **changed: Any
) -> Snapshot:
    """A snapshot of these strategies, or of two random ones.

    Queries are `q1`, `q2`, …, of ten or more `q00001`, …; each has judgments for the products `a` (2) and `b` (0).
    """
    if strategies is None:
        random = enumerate(("titles", "fused"), 1)
        strategies = {name: random_measurement(seed, queries=queries or QUERIES) for seed, name in random}
    size = len(next(iter(strategies.values())).hits) if strategies else len(QUERIES)
    ids = tuple(queries) or tuple(f"q{at:0{1 if size < 10 else 5}}" for at in range(1, size + 1))
    values: dict[str, Any] = {
        "dataset": DatasetIdentity("shop", "c" * 64, "a" * 64, "b" * 64, 20),
        "texts": tuple(f"text of {query}" for query in ids),
        "grades": tuple({"a": 2, "b": 0} for _ in ids),
        "relevant_from": 1,
        "engine": {"name": "embedded", "version": "1", "facts": {"vector_index": "flat"}},
        "models": {"base": {"name": "small", "sha256": "d" * 64}},
        "versions": {"numpy": "2.0"},
        "calibration_s": 0.5,
        "products_seen": ProductsSeen.of(PRODUCTS),
    }
    return Snapshot(queries=ids, strategies=MappingProxyType(dict(strategies)), **(values | changed))


def session(
    queries: Sequence[str] = (),
    *,
    calibration: float | None = None,
    engine: str = "embedded",
    **strategies: Measurement,
) -> Snapshot:
    of_engine = {"name": engine, "version": "1", "facts": {}}
    return snapshot(strategies, queries=queries, calibration_s=calibration, engine=of_engine)


def comparison(**answers: Any) -> Comparison:
    """A finding of nDCG@10 for each strategy, with its answer."""
    effect: dict[str, Any] = {"relative": 0.2, "interval": (-0.2, 0.05), "queries": 2, "changed": 1}
    findings = tuple(Finding(name, "nDCG@10", answer, 0.5, 0.4, **effect) for name, answer in answers.items())
    return Comparison("main.json", findings, differs=("own: text.title 8 -> 1",))


def diagnosed(
    before: Snapshot, now: Snapshot, *, titles: Mapping[str, str] = MappingProxyType({}), **answers: Any
) -> Diagnosis:
    return diagnose(before, now, comparison(**answers), Limits(), titles=titles)
