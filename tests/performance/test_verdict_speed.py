"""What the whole verdict of a large session costs, with all hits judged and with unjudged ones; no time is asserted."""

import time
from dataclasses import replace

import numpy as np
import pytest
from helpers.snapshots import measured, session
from helpers.tables import Show

from relevance.evaluation import AP10, NDCG10, RR10, Metric
from relevance.gate import Limits, compare
from relevance.gate.comparing import DRAWS

QUERIES, STRATEGIES, TAGS = 5_859, 16, 12  # with those of texts and judgments some twenty kinds of queries
METRICS = (NDCG10, AP10, RR10, Metric("nDCG", 5), Metric("P", 5))
PRODUCTS = [f"p{at:02}" for at in range(14)]
TITLE = f"verdict: {QUERIES} queries, {STRATEGIES} strategies x {len(METRICS)} metrics, {DRAWS} sign patterns; seconds"


@pytest.mark.parametrize("judged", [True, False])
def test_the_verdict_of_a_large_session(show: Show, judged: bool) -> None:  # noqa: FBT001
    rng = np.random.default_rng(1)
    ids = [f"q{at:04}" for at in range(QUERIES)]
    texts = tuple(rng.choice(["drill", "drill bit 12", "bit dcb200b", "a long text of words"], QUERIES).tolist())
    tags = tuple((f"t{at % TAGS}",) for at in range(QUERIES))
    # of the 14 products of a query the four that are new are judged, or not
    known = PRODUCTS if judged else PRODUCTS[:10]
    grades = tuple(dict(zip(known, row, strict=True)) for row in rng.integers(0, 4, (QUERIES, len(known))).tolist())
    sides = []
    for new in (0, 4):
        moved = rng.random((STRATEGIES, QUERIES)) < 0.5
        strategies = {}
        for number in range(STRATEGIES):
            hits = [tuple(PRODUCTS[new : new + 10]) if move else tuple(PRODUCTS[:10]) for move in moved[number]]
            base = np.random.default_rng(number).random(QUERIES)
            change = rng.normal(0, 0.1, QUERIES) * moved[number] * (new > 0)
            values = {metric: np.clip(base + change, 0, 1) for metric in METRICS}
            strategies[f"s{number}"] = measured(values, hits)
        sides.append(replace(session(ids, **strategies), texts=texts, tags=tags, grades=grades))
    clock, processor = time.perf_counter(), time.process_time()
    comparison = compare(sides[0], sides[1], Limits(gated=METRICS), baseline="drawn")
    took = time.perf_counter() - clock, time.process_time() - processor
    kinds = {one.segment for one in comparison.findings} - {""}
    assert bool(comparison.holes) is not judged
    unjudged = next((one.count for one in comparison.holes.values()), 0)
    row = {"unjudged hits of each": unjudged, "kinds": len(kinds), "clock": round(took[0], 1)}
    show(TITLE, {**row, "processors": round(took[1], 1)})
