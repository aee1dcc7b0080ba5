"""TREC files: their bytes, and that trec_eval reads from them what was evaluated."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import pytrec_eval

from relevance.evaluation import AP10, NDCG10, RR10, Metric, evaluate
from relevance.records import NO_HIT, Catalogue, Dataset, Judgments, Queries, Ranking
from relevance.report.results import qrels_text, run_text


def dataset_of(product_ids: list[str], query_ids: list[str], judged: list[tuple[int, int, float]]) -> Dataset:
    """A data set with these ids and (query code, product code, grade)."""
    products = pd.DataFrame({"id": product_ids, "title": "", "description": ""})
    attributes = pd.DataFrame({"id": [], "name": [], "value": []}, dtype=str)
    queries = Queries(pd.DataFrame({"id": query_ids, "text": "a lamp"}))
    query_codes, product_codes, grades = zip(*judged, strict=True)
    judgments = Judgments(np.array(query_codes), np.array(product_codes), np.array(grades))
    return Dataset("own", Catalogue(products, attributes), queries, judgments)


SMALL = dataset_of(["p-1", "p-ä", "p-2"], ["q2", "q1"], [(1, 0, 2), (0, 2, 0), (0, 1, 3)])


def test_the_bytes_of_qrels() -> None:
    """Rows in the order of the ids, one space between columns, line feeds, no header."""
    assert qrels_text(SMALL) == "q1 0 p-2 3\nq1 0 p-ä 0\nq2 0 p-1 2\n"
    decimal = dataset_of(["p-1", "p-2"], ["q1"], [(0, 0, 2.0), (0, 1, 0.37)])
    assert qrels_text(decimal) == "q1 0 p-1 2\nq1 0 p-2 0.37\n"


def test_the_bytes_of_a_run() -> None:
    """Ranks from 1, a score that counts down to 1 at the last column, no line for padding or a query without hits.

    A run is not cut to the shorter of ranking and queries.
    """
    ranking = Ranking(np.array([[2, 0, NO_HIT], [NO_HIT] * 3]), np.zeros((2, 3), dtype=np.float32))
    expected = "q1 Q0 p-ä 1 3 rrf\nq1 Q0 p-1 2 2 rrf\n"
    assert run_text("rrf", ranking, SMALL.queries.ids, SMALL.catalogue.ids) == expected
    with pytest.raises(ValueError, match="argument"):
        run_text("rrf", ranking, ("q1",), SMALL.catalogue.ids)


def fuzzed(seed: int) -> tuple[Dataset, Ranking]:
    """200 queries, every fifth without a judgment, with up to 40 hits whose real scores are all equal."""
    rng = np.random.default_rng(seed)
    product_ids = [f"p{number:02d}" for number in range(60)]
    query_ids = [f"q{number:03d}" for number in range(200)]
    judged = [
        (query, int(code), int(rng.integers(0, 4)))
        for query in range(200)
        if query % 5
        for code in rng.permutation(60)[: rng.integers(1, 30)]
    ]
    codes = rng.permuted(np.tile(np.arange(60), (200, 1)), axis=1)[:, :40]
    codes[np.arange(40) >= rng.choice([0, 4, 12, 40], size=(200, 1))] = NO_HIT
    scores = np.where(codes == NO_HIT, -np.inf, 1).astype(np.float32)
    return dataset_of(product_ids, query_ids, judged), Ranking(codes, scores)


@pytest.mark.parametrize(
    ("seed", "hits", "reciprocal_rank"),
    [*((seed, 40, Metric("RR", 1000)) for seed in range(4)), (0, 10, RR10)],
)
def test_trec_eval_reads_the_same_means(seed: int, hits: int, reciprocal_rank: Metric) -> None:
    """Files as text, read and scored by trec_eval over all judged queries (-c): the means of `evaluate`.

    All real scores are equal, so that the order would be lost if the files carried them. With the ten hits that a suite
    keeps, recip_rank of the file is RR@10.
    """
    dataset, ranking = fuzzed(seed)
    ranking = Ranking(ranking.codes[:, :hits], ranking.scores[:, :hits])
    qrels = pytrec_eval.parse_qrel(qrels_text(dataset).splitlines())
    run = pytrec_eval.parse_run(run_text("own", ranking, dataset.queries.ids, dataset.catalogue.ids).splitlines())
    measures = {AP10: "map_cut_10", NDCG10: "ndcg_cut_10", reciprocal_rank: "recip_rank"}
    scored = pytrec_eval.RelevanceEvaluator(qrels, {"map_cut.10", "ndcg_cut.10", "recip_rank"}).evaluate(run)
    evaluation = evaluate(ranking, dataset.judgments, n_products=60, metrics=list(measures))
    assert len(scored) < len(qrels) == len(evaluation.queries) == 160
    for metric, measure in measures.items():
        mean = sum(values[measure] for values in scored.values()) / len(qrels)
        assert evaluation.mean(metric) == pytest.approx(mean, abs=1e-12)


def test_scores_fall_strictly_in_float32() -> None:
    """1,000 hits of equal real score: 1,000 different float32 scores, falling with the rank."""
    product_ids = [f"p{number}" for number in range(1000)]
    ranking = Ranking(np.arange(1000)[np.newaxis], np.ones((1, 1000), dtype=np.float32))
    lines = run_text("own", ranking, ["q"], product_ids).splitlines()
    scores = np.array([line.split()[4] for line in lines], dtype=np.float32)
    assert (np.diff(scores) < 0).all()
    assert [int(line.split()[3]) for line in lines] == list(range(1, 1001))
