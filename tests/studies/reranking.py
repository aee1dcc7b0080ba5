"""What a cross-encoder, trained on a data set's pairs, makes of a strategy's first hits, and what it costs, by depth.

    cd tests && python -m studies.reranking DATASET OUT.csv [STRATEGY [LAYERS]]

DATASET is `sample` or `homedepot:FOLDER`; STRATEGY is `rrf` where none is named; LAYERS are those of the base model
that are kept, all where there is no number. Nothing is chosen here: each depth is a row. The environment's variables
(`RELEVANCE_CACHE_DIR`, `RELEVANCE_FINETUNE_EPOCHS`) count.
"""

from __future__ import annotations

import csv
import os
import sys
from dataclasses import replace
from pathlib import Path

from relevance.config.reading import read_config
from relevance.evaluation import JUDGED10, METRICS, NDCG10
from relevance.finetune import RerankerOptions
from relevance.runner import latencies
from relevance.significance import paired_interval
from relevance.stages import RERANKING
from relevance.suite import make_plan, prepare

DEPTHS = (10, 20, 50)
COLUMNS = ("strategy", "depth", "layers", "ndcg10", "gain", "low", "high", "judged10")
TIMES = ("retrieve_p50_ms", "retrieve_p95_ms", "rerank_p50_ms", "rerank_p95_ms", "training_s", "memory_gb")


def main(dataset: str, out: str, name: str = "rrf", layers: str = "") -> None:
    """Train what is not there, measure each depth, and write a row for each."""
    config = read_config(
        options={"dataset": dataset, "engine": "embedded"},
        environ=os.environ,
        file=None,
        root=Path.cwd(),
        measures=False,
    )
    own = RerankerOptions(layers=int(layers) if layers else None)
    metrics = replace(config.metrics, report=tuple(dict.fromkeys((*config.metrics.report, *METRICS))))
    config = replace(config, reranker=own, metrics=metrics)
    base = config.strategies[name]
    reranked = [replace(base, name=f"{name}_{one}", rerank=RERANKING | {"depth": one}) for one in DEPTHS]
    suite = prepare(make_plan(config, [base, *reranked]), progress=True)
    rows: list[tuple[object, ...]] = []
    try:
        assert suite.plan.reranker is not None
        stored = suite.plan.reranker.stored
        curve = stored.curve if stored else None
        before = suite.judge(base, suite.search(base), None).evaluation
        single = latencies(suite.engine, base, suite.batch)
        means = [round(before.mean(metric), 4) for metric in (NDCG10, JUDGED10)]
        rows.append((name, 0, "", means[0], "", "", "", means[1], single.p50_ms, single.p95_ms, "", "", "", ""))
        for strategy in reranked:
            after = suite.judge(strategy, suite.search(strategy), None).evaluation
            interval = paired_interval(before.per_query[NDCG10], after.per_query[NDCG10], seed=1, confidence=0.95)
            means = [round(after.mean(metric), 4) for metric in (NDCG10, JUDGED10)]
            stages = latencies(suite.engine, strategy, suite.batch).stages
            gain = after.mean(NDCG10) - before.mean(NDCG10)
            ends = [round(one, 4) for one in (gain, interval.low, interval.high)]
            cost = [round(curve.seconds, 1), round((curve.memory_bytes or 0) / 1e9, 2)] if curve else ["", ""]
            depth = strategy.reranking.depth if strategy.reranking else 0
            times = [round(one, 2) for stage in ("retrieve", "rerank") for one in stages[stage]]
            rows.append((name, depth, layers or "all", means[0], *ends, means[1], *times, *cost))
            print(*rows[-1], sep="\t", flush=True)  # noqa: T201 - a study
    finally:
        suite.close()
    with Path(out).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([(*COLUMNS, *TIMES), *rows])


if __name__ == "__main__":
    main(*sys.argv[1:])
