"""What the joint test of a large session costs: sixteen strategies, five metrics, twenty kinds of queries."""

import time

import numpy as np
import pytest
from helpers.tables import Show

from relevance.significance import DRAWS, Columns, flip_signs

QUERIES, STRATEGIES, METRICS, KINDS, KIND = 5_859, 16, 5, 20, 1_200
TITLE = f"joint test: {QUERIES} queries, {STRATEGIES} strategies x {METRICS} metrics, {DRAWS} sign patterns; seconds"


@pytest.mark.parametrize("kinds", [0, KINDS])
def test_the_joint_test_of_a_large_session(show: Show, kinds: int) -> None:
    rng = np.random.default_rng(1)
    shape = (QUERIES, STRATEGIES * METRICS)
    totals = rng.normal(0, 0.2, shape) * (rng.random(shape) < 0.5)  # half of the queries move
    columns = [Columns(totals)]
    for _ in range(kinds):
        own = np.sort(rng.choice(QUERIES, KIND, replace=False))
        columns.append(Columns(totals[own, :STRATEGIES], own))
    clock, processor = time.perf_counter(), time.process_time()
    flips = flip_signs(columns, seed=1)
    took = time.perf_counter() - clock, time.process_time() - processor
    assert len(flips.greater.p) == STRATEGIES * (METRICS + kinds)
    show(TITLE, {"kinds of queries": kinds, "clock": round(took[0], 1), "processors": round(took[1], 1)})
