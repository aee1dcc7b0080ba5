"""TREC files: their bytes, and that trec_eval reads from them what was evaluated."""

import numpy as np
import pytest
import pytrec_eval
from helpers.shop import catalogue, dataset

from relevance.evaluation import AP10, NDCG10, RR10, Metric, evaluate
from relevance.records import NO_HIT, Dataset, Ranking
from relevance.report.results import qrels_text, run_text

SMALL = dataset(catalogue([["p-1"], ["p-ä"], ["p-2"]]), {"q2": "x", "q1": "x"}, [(1, 0, 2), (0, 2, 0), (0, 1, 3)])


def test_qrels_are_in_the_order_of_ids() -> None:
    assert qrels_text(SMALL) == "q1 0 p-2 3\nq1 0 p-ä 0\nq2 0 p-1 2\n"


def test_decimal_grades_are_written_as_short_as_they_are() -> None:
    decimal = dataset(catalogue([["p-1"], ["p-2"]]), {"q1": "x"}, [(0, 0, 2.0), (0, 1, 0.37)])
    assert qrels_text(decimal) == "q1 0 p-1 2\nq1 0 p-2 0.37\n"


def test_a_run_has_ranks_from_1_and_no_line_for_padding() -> None:
    ranking = Ranking(np.array([[2, 0, NO_HIT], [NO_HIT] * 3]), np.zeros((2, 3), dtype=np.float32))
    expected = "q1 Q0 p-ä 1 3 rrf\nq1 Q0 p-1 2 2 rrf\n"
    assert run_text("rrf", ranking, SMALL.queries.ids, SMALL.catalogue.ids) == expected
    with pytest.raises(ValueError, match="argument"):  # it is not cut to the shorter of ranking and queries
        run_text("rrf", ranking, ("q1",), SMALL.catalogue.ids)


def fuzzed(seed: int) -> tuple[Dataset, Ranking]:
    """200 queries, every fifth without a judgment, with up to 40 hits whose real scores are all equal."""
    rng = np.random.default_rng(seed)
    judged = [
        (query, int(code), int(rng.integers(0, 4)))
        for query in range(200)
        if query % 5
        for code in rng.permutation(60)[: rng.integers(1, 30)]
    ]
    codes = rng.permuted(np.tile(np.arange(60), (200, 1)), axis=1)[:, :40]
    codes[np.arange(40) >= rng.choice([0, 4, 12, 40], size=(200, 1))] = NO_HIT
    scores = np.where(codes == NO_HIT, -np.inf, 1).astype(np.float32)
    products = catalogue([f"p{number:02d}"] for number in range(60))
    queries = {f"q{number:03d}": "a lamp" for number in range(200)}
    return dataset(products, queries, judged), Ranking(codes, scores)


@pytest.mark.parametrize(
    ("seed", "hits", "reciprocal_rank"), [*((seed, 40, Metric("RR", 1000)) for seed in range(4)), (0, 10, RR10)]
)
def test_trec_eval_reads_the_means_of_evaluate(seed: int, hits: int, reciprocal_rank: Metric) -> None:
    # over all judged queries (-c); of the ten hits that a suite keeps, recip_rank is RR@10
    data, ranking = fuzzed(seed)
    ranking = Ranking(ranking.codes[:, :hits], ranking.scores[:, :hits])
    qrels = pytrec_eval.parse_qrel(qrels_text(data).splitlines())
    run = pytrec_eval.parse_run(run_text("own", ranking, data.queries.ids, data.catalogue.ids).splitlines())
    measures = {AP10: "map_cut_10", NDCG10: "ndcg_cut_10", reciprocal_rank: "recip_rank"}
    scored = pytrec_eval.RelevanceEvaluator(qrels, {"map_cut.10", "ndcg_cut.10", "recip_rank"}).evaluate(run)
    evaluation = evaluate(ranking, data.judgments, n_products=60, metrics=list(measures))
    assert len(scored) < len(qrels) == len(evaluation.queries) == 160
    for metric, measure in measures.items():
        mean = sum(values[measure] for values in scored.values()) / len(qrels)
        assert evaluation.mean(metric) == pytest.approx(mean, abs=1e-12)


def test_scores_of_a_run_fall_strictly_in_float32() -> None:
    ranking = Ranking(np.arange(1000)[np.newaxis], np.ones((1, 1000), dtype=np.float32))
    lines = run_text("own", ranking, ["q"], [f"p{number}" for number in range(1000)]).splitlines()
    scores = np.array([line.split()[4] for line in lines], dtype=np.float32)
    assert (np.diff(scores) < 0).all()
    assert [int(line.split()[3]) for line in lines] == list(range(1, 1001))
