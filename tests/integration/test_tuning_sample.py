"""Boosts of vectors, tuned on the sample with the real model."""

from pathlib import Path

import pytest

from relevance import runner, suite
from relevance.config.reading import read_config
from relevance.evaluation import NDCG10, evaluate
from relevance.tuning import KINDS, make_grid, split_queries, tune

pytestmark = pytest.mark.needs("model")


@pytest.mark.parametrize("kind", ["multifield", "hybrid"])
def test_combinations_rank_as_their_strategies_on_their_own(kind: str) -> None:
    config = read_config(options={"device": "cpu", "engine": "embedded"}, environ={}, file=None, root=Path())
    today = config.strategies[KINDS[kind].strategy]
    grid = make_grid(kind, today)
    plan = suite.make_plan(config, [today])
    split = split_queries(plan.dataset)
    prepared = suite.prepare(plan, progress=False)
    try:
        engine, batch = prepared.engine, prepared.batch
        found = tune(lambda _: (engine, batch), plan.dataset, grid, split)
        some = found.outcomes[::3]
        together = runner.search_all(engine, [grid.strategy(one.combination) for one in some], batch)
        for one, ranking in zip(some, together, strict=True):
            alone = runner.search(engine, grid.strategy(one.combination), batch)
            assert alone.codes.tolist() == ranking.codes.tolist()
            assert alone.scores.tobytes() == ranking.scores.tobytes()
            judged = evaluate(alone, plan.dataset.judgments, n_products=len(plan.dataset.catalogue))
            of_split = judged.per_query[NDCG10][[code in set(split.tuning.tolist()) for code in judged.queries]]
            assert one.means[NDCG10] == pytest.approx(of_split.mean(), abs=1e-12)
    finally:
        prepared.close()
    assert found.todays is not None
    assert found.winner.means[NDCG10] >= found.todays.means[NDCG10]
    assert found.interval.low <= found.interval.difference <= found.interval.high
