"""What a large session costs at the gate: sixteen strategies, five metrics, twenty kinds of queries."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from helpers.snapshots import measured, session
from helpers.tables import Show

from relevance.baseline import Snapshot
from relevance.evaluation import parse
from relevance.gate import Limits, compare
from relevance.significance import DRAWS, Columns, flip_signs

QUERIES, STRATEGIES, KINDS, KIND = 5_859, 16, 20, 1_200
METRICS = tuple(map(parse, ("nDCG@10", "AP@10", "RR@10", "P@10", "R@10")))
SIZE = f"{QUERIES} queries, {STRATEGIES} strategies x {len(METRICS)} metrics, {DRAWS} sign patterns"


def timed(ask: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    clock, processor = time.perf_counter(), time.process_time()
    outcome = ask()
    took = {"clock": time.perf_counter() - clock, "processors": time.process_time() - processor}
    return outcome, {name: round(value, 1) for name, value in took.items()}


@pytest.mark.parametrize("kinds", [0, KINDS])
def test_the_joint_test_of_a_large_session(show: Show, kinds: int) -> None:
    rng = np.random.default_rng(1)
    shape = (QUERIES, STRATEGIES * len(METRICS))
    totals = rng.normal(0, 0.2, shape) * (rng.random(shape) < 0.5)  # half of the queries move
    columns = [Columns(totals)]
    for _ in range(kinds):
        own = np.sort(rng.choice(QUERIES, KIND, replace=False))
        columns.append(Columns(totals[own, :STRATEGIES], own))
    flips, took = timed(lambda: flip_signs(columns, seed=1))
    assert len(flips.greater.p) == STRATEGIES * (len(METRICS) + kinds)
    show(f"joint test: {SIZE}; seconds", {"kinds of queries": kinds, **took})


def sides(*, judged: bool) -> tuple[Snapshot, Snapshot]:
    """Half of the queries exchange hits; all are judged, or those that the baseline shows."""
    rng = np.random.default_rng(2)
    ids = tuple(f"q{number:05}" for number in range(QUERIES))
    texts = tuple(" ".join(f"w{word}" for word in rng.integers(0, 900, rng.integers(1, 6))) for _ in ids)
    tags = tuple(tuple(f"kind {tag}" for tag in np.flatnonzero(rng.random(17) < 0.15)) for _ in ids)
    grades = tuple(
        {f"p{hit}": int(grade) for hit, grade in enumerate(rng.integers(0, 4, 16 if judged else 10))} for _ in ids
    )
    first = [tuple(f"p{hit}" for hit in range(10))] * QUERIES
    strategies: list[dict[str, Any]] = [{}, {}]
    for number in range(STRATEGIES):
        order = rng.random((QUERIES, 16)).argsort(axis=1)
        second = [
            tuple(f"p{hit}" for hit in (row[:10] if moved else range(10)))
            for row, moved in zip(order.tolist(), rng.random(QUERIES) < 0.5, strict=True)
        ]
        for side, hits in zip(strategies, (first, second), strict=True):
            values = {metric: rng.random(QUERIES) for metric in METRICS}
            side[f"s{number}"] = measured(values, hits)
    shared = {"texts": texts, "tags": tags, "grades": grades}
    return tuple(replace(session(ids, **side), **shared) for side in strategies)  # type: ignore[return-value]


@pytest.mark.parametrize("judged", [True, False])
def test_the_verdict_of_a_large_session(show: Show, judged: bool) -> None:  # noqa: FBT001 - a parameter of pytest
    before, now = sides(judged=judged)
    limits = replace(Limits(), gated=METRICS)
    outcome, took = timed(lambda: compare(before, now, limits, baseline="made"))
    kinds = {finding.segment for finding in outcome.findings} - {""}
    holes = sum(found.count for found in outcome.holes.values())
    assert (holes > 0) is not judged
    assert len(kinds) >= KINDS
    show(f"verdict: {SIZE}; seconds", {"kinds of queries": len(kinds), "unjudged hits": holes, **took})
