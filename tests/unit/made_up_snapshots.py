"""Snapshots that were never measured, for tests of baselines."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from relevance.baseline import DIGITS, DatasetIdentity, Measurement, Snapshot
from relevance.evaluation import AP10, NDCG10, RR10

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

METRICS = (RR10, AP10, NDCG10)
QUERIES = ("q1", "q2", "q3", "q4")
DEFINITION = {"text": {"title": 8, "description": 2}, "vectors": {}, "combine": "sum"}


def made_up_strategy(seed: int = 1, *, queries: Sequence[str] = QUERIES, **changed: Any) -> Measurement:
    """A strategy with numbers that depend on the seed alone."""
    random = np.random.default_rng(seed)
    strategy = Measurement(
        definition=DEFINITION,
        metrics={metric: np.round(random.random(len(queries)), DIGITS) for metric in METRICS},
        hits=tuple(
            tuple(f"p{at}" for at in row) for row in random.random((len(queries), 20)).argsort()[:, :10].tolist()
        ),
        scores_sha256=f"{seed:064x}",
        run_time_s=0.25,
        rounds=3,
    )
    return replace(strategy, **changed)


def made_up(
    strategies: Mapping[str, Measurement] | None = None, *, queries: Sequence[str] = QUERIES, **changed: Any
) -> Snapshot:
    """A snapshot of two strategies over four queries, or what is given."""
    named = {name: made_up_strategy(seed, queries=queries) for seed, name in enumerate(("titles", "fused"), 1)}
    snapshot = Snapshot(
        dataset=DatasetIdentity("shop", "c" * 64, "a" * 64, "b" * 64, 20),
        queries=tuple(queries),
        texts=tuple(f"text of {query}" for query in queries),
        grades=tuple({"p1": 3, "p2": 0} for _ in queries),
        relevant_from=1,
        strategies=named if strategies is None else strategies,
        engine={"name": "embedded", "version": "1", "facts": {"vector_index": "flat"}},
        models={"base": {"name": "small", "sha256": "d" * 64}},
        versions={"numpy": "2.0"},
        calibration_s=0.5,
    )
    return replace(snapshot, **changed)
