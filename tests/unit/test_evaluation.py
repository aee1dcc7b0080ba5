"""Metrics: hand-worked examples, properties, and trec_eval itself as the judge."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from itertools import pairwise, product
from typing import TYPE_CHECKING
from unittest.mock import ANY

import numpy as np
import pytest
import pytrec_eval

from relevance import evaluation
from relevance.errors import InputError
from relevance.evaluation import (
    LABELS,
    METRICS,
    NDCG10,
    RR10,
    Evaluation,
    Metric,
    evaluate,
    evaluate_all,
    parse,
)
from relevance.records import NO_HIT, Judgments, Ranking

if TYPE_CHECKING:
    from collections.abc import Mapping

N_PRODUCTS = 60


def ranking_of(rows: list[list[int]], width: int | None = None) -> Ranking:
    """A ranking with these hits; the scores count down."""
    width = max((len(row) for row in rows), default=0) if width is None else width
    codes = np.full((len(rows), width), NO_HIT, dtype=np.int64)
    for query, row in enumerate(rows):
        codes[query, : len(row)] = row
    scores = np.where(codes == NO_HIT, -np.inf, -np.arange(width)).astype(np.float32)
    return Ranking(codes, scores)


def judgments_of(grades: Mapping[int, Mapping[int, float]], relevant_from: float = 1) -> Judgments:
    """Judgments from {query: {product: grade}}."""
    rows = [(query, code, grade) for query, found in grades.items() for code, grade in found.items()]
    queries, products, values = (np.array([row[at] for row in rows]) for at in range(3))
    return Judgments(queries, products, values, relevant_from=relevant_from)


def one_query(hits: list[int], grades: dict[int, int]) -> Evaluation:
    """The evaluation of a single query."""
    return evaluate(ranking_of([hits]), judgments_of({0: grades}), n_products=N_PRODUCTS)


def values(evaluation: Evaluation) -> dict[str, list[float]]:
    """The values per query by the metrics' names."""
    return {str(metric): found.tolist() for metric, found in evaluation.per_query.items()}


# examples


def test_a_worked_example() -> None:
    """Hits with the grades 0, 2, unjudged, 1; a fourth judged product of grade 3 is missing.

    RR = 1/2. AP = (1/2 + 2/4) / 3 relevant = 1/3. DCG = 2/log2(3) + 1/log2(5); the ideal ranking has 3, 2, 1:
    3/log2(2) + 2/log2(3) + 1/log2(4). Judged = 3 of 4 hits.
    """
    grades = {10: 0, 11: 2, 13: 1, 14: 3}
    evaluation = one_query([10, 11, 12, 13], grades)
    dcg = 2 / math.log2(3) + 1 / math.log2(5)
    ideal = 3 / math.log2(2) + 2 / math.log2(3) + 1 / math.log2(4)
    expected = {"RR@10": [1 / 2], "AP@10": [1 / 3], "nDCG@10": [dcg / ideal], "Judged@10": [3 / 4]}
    assert values(evaluation) == {name: pytest.approx(value, abs=1e-15) for name, value in expected.items()}
    assert one_query([14], grades).per_query[NDCG10] == pytest.approx(3 / ideal, abs=1e-15)


def test_hits_behind_the_cutoff_do_not_count() -> None:
    """At 2, with the only relevant hit at rank 3, everything is 0; at 3, RR = AP = 1/3 and nDCG = 1/log2(4) = 1/2."""
    metrics = [Metric(kind, cutoff) for kind, cutoff in product(("RR", "AP", "nDCG", "Judged"), (2, 3))]
    judgments = judgments_of({0: {7: 1}})
    evaluation = evaluate(ranking_of([[5, 6, 7]]), judgments, n_products=N_PRODUCTS, metrics=metrics)
    assert [evaluation.mean(metric) for metric in metrics] == [0, 1 / 3, 0, 1 / 3, 0, 0.5, 0, 1 / 3]


def test_a_judged_query_without_hits_scores_zero_and_is_listed() -> None:
    """Queries 1 and 3 are judged and have no hit: 0 in every metric, in the mean, and in `without_hits`."""
    judgments = judgments_of({0: {5: 1}, 1: {5: 1}, 3: {5: 1}})
    evaluation = evaluate(ranking_of([[5], [], [5], []]), judgments, n_products=N_PRODUCTS)
    assert evaluation.queries.tolist() == [0, 1, 3]
    assert evaluation.without_hits.tolist() == [1, 3]
    assert values(evaluation) == {str(metric): [1, 0, 0] for metric in METRICS}
    assert [evaluation.mean(metric) for metric in METRICS] == [pytest.approx(1 / 3)] * 4


def test_several_rankings_are_scored_as_each_is() -> None:
    """Of any widths, with hits and without; rankings of other numbers of queries are refused."""
    judgments = judgments_of({0: {1: 2, 2: 1}, 1: {3: 1}})
    rankings = [ranking_of([[1, 2], []]), ranking_of([[4, 3, 2, 1], [3]], width=12), ranking_of([[], []])]
    together = evaluate_all(rankings, judgments, n_products=5)
    alone = [evaluate(ranking, judgments, n_products=5) for ranking in rankings]
    assert [values(one) for one in together] == [values(one) for one in alone]
    assert [one.without_hits.tolist() for one in together] == [[1], [], [0, 1]]
    with pytest.raises(InputError, match="names the query code 1; allowed: 0 to 0"):
        evaluate_all([*rankings, ranking_of([[1]])], judgments, n_products=5)
    assert evaluate_all([], judgments, n_products=5) == []


@pytest.mark.parametrize("cells", [1, 400, 4_000])
def test_rows_that_repeat_are_scored_once_and_as_they_are(monkeypatch: pytest.MonkeyPatch, cells: int) -> None:
    """Rankings of which half of the rows are those of the one before, in blocks of any size."""
    rng = np.random.default_rng(cells)
    queries = 40
    codes = [rng.permuted(np.tile(np.arange(N_PRODUCTS), (queries, 1)), axis=1)[:, :12] for _ in range(5)]
    for before, now in pairwise(codes):
        same = rng.random(queries) < 0.5
        now[same] = before[same]
        now[rng.random(queries) < 0.2] = NO_HIT
    pairs = np.unique(rng.integers(0, queries * N_PRODUCTS, 300))
    judgments = Judgments(pairs // N_PRODUCTS, pairs % N_PRODUCTS, rng.integers(0, 200, len(pairs)))
    rankings = [Ranking(each, np.zeros(each.shape, dtype=np.float32)) for each in codes]
    alone = [evaluate(each, judgments, n_products=N_PRODUCTS) for each in rankings]
    monkeypatch.setattr(evaluation, "_CELLS", cells)
    together = evaluate_all(rankings, judgments, n_products=N_PRODUCTS)
    assert [values(each) for each in together] == [values(each) for each in alone]
    assert [each.without_hits.tolist() for each in together] == [each.without_hits.tolist() for each in alone]


def test_results_cannot_be_changed() -> None:
    """What an evaluation holds is read-only."""
    evaluation = one_query([], {0: 1})
    for array in (evaluation.queries, evaluation.without_hits, evaluation.per_query[RR10]):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 9


# bad input


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[1, 2], [3, 4, 3]], "query 1 (code) has a product twice among its hits; allowed: once"),
        ([[1, NO_HIT, 2]], "query 0 (code) has a hit behind its end; allowed: hits first, then padding"),
        ([[1], [N_PRODUCTS]], "query 1 (code) has an unknown product code; allowed: 0 to 59, and -1 as padding"),
        ([[-2]], "query 0 (code) has an unknown product code; allowed: 0 to 59, and -1 as padding"),
    ],
)
def test_a_broken_ranking_is_refused(rows: list[list[int]], message: str) -> None:
    """A product twice, a hole, an unknown code: the error names the query, whether it is judged or not."""
    with pytest.raises(InputError, match=re.escape(message)):
        evaluate(ranking_of(rows), judgments_of({0: {1: 1}}), n_products=N_PRODUCTS)


def test_a_broken_row_is_found_wherever_it_stands() -> None:
    """In the last of 10,000 rows or behind rows that repeat: the query is named by its own number."""
    codes = np.tile(np.arange(20), (10_000, 1))
    codes[9_999, 19] = codes[9_999, 18]
    ranking = Ranking(codes, np.zeros(codes.shape, dtype=np.float32))
    with pytest.raises(InputError, match="query 9999 "):
        evaluate(ranking, judgments_of({0: {1: 1}}), n_products=N_PRODUCTS)
    fine, faulty = ranking_of([[1, 2], [3, 4], [5, 6]]), ranking_of([[1, 2], [3, 4], [5, 5]])
    with pytest.raises(InputError, match=r"query 2 \(code\) has a product twice"):
        evaluate_all([fine, fine, faulty], judgments_of({0: {1: 1}}), n_products=9)


@pytest.mark.parametrize(
    ("grades", "message"),
    [
        ({}, "no judgments; at least one is needed to evaluate a ranking"),
        ({2: {0: 1}}, "a judgment names the query code 2; allowed: 0 to 1"),
        ({0: {N_PRODUCTS: 1}}, "a judgment names the product code 60; allowed: 0 to 59"),
        ({0: {-1: 1}}, "a product code is -1; allowed: whole numbers of 0 or more"),
        ({0: {1: -1}}, "a grade is -1; allowed: whole numbers of 0 or more"),
    ],
)
def test_judgments_that_do_not_fit_are_refused(grades: dict[int, dict[int, int]], message: str) -> None:
    """No judgments, or some of queries or products that are not there, are no basis for a number."""
    with pytest.raises(InputError, match=re.escape(message)):
        evaluate(ranking_of([[1], [1]]), judgments_of(grades), n_products=N_PRODUCTS)


# metrics as values


def test_metrics_have_the_names_of_the_field() -> None:
    """Printed as ir_measures does, read as printed, called as in the reference's table."""
    assert [parse(str(metric)) for metric in (*METRICS, Metric("AP", 1000))] == [*METRICS, Metric("AP", 1000)]
    assert [str(metric) for metric in METRICS] == ["RR@10", "AP@10", "nDCG@10", "Judged@10"]
    assert {label: metric.label for label, metric in LABELS.items()} == {label: label for label in LABELS}
    assert [*LABELS] == ["MRR", "MAP", "NDCG", "Judged"]
    assert Metric("nDCG", 5).label == "nDCG@5"


@pytest.mark.parametrize("text", ["", "nDCG@", "nDCG@0", "nDCG@1.5", "ndcg@10", "P@10", " nDCG@10", "nDCG@10\n"])
def test_an_unknown_metric_is_refused(text: str) -> None:
    """The error repeats what was found and lists what is allowed, in one line."""
    allowed = "allowed: RR@k, AP@k, nDCG@k, Judged@k, with a whole number k of 1 or more (nDCG@10)"
    with pytest.raises(InputError, match=re.escape(f"unknown metric {text!r}; {allowed}")):
        parse(text)


@pytest.mark.parametrize("cutoff", [0, -1, True, 1.5])
def test_a_wrong_cutoff_is_refused(cutoff: int) -> None:
    """A metric that looks at no hit, or at one and a half, does not exist."""
    with pytest.raises(InputError, match="unknown metric"):
        Metric("nDCG", cutoff)


# trec_eval as the judge


@dataclass(frozen=True)
class Case:
    """Queries with hits and judgments at random, and what trec_eval needs to know."""

    hits: list[list[int]]
    grades: Mapping[int, Mapping[int, float]]
    relevant_from: float
    cutoff: int


def fuzzed(seed: int, n_judged: int) -> Case:
    """Queries 0 to n_judged - 1 are judged; a tenth as many more have hits alone.

    Of the judged ones some have no hits, fewer than ten, only hits without a judgment, or no relevant product.
    """
    rng = np.random.default_rng(seed)
    n_queries = n_judged + n_judged // 10

    def sample(most: int) -> list[int]:
        return [int(code) for code in rng.permutation(N_PRODUCTS)[: rng.integers(0, most + 1)]]

    hits = [sample(most) for most in rng.choice([0, 3, 12, 40], size=n_queries, p=[0.1, 0.2, 0.3, 0.4])]
    judged = [sample(most) or [0] for most in rng.choice([1, 8, 40], size=n_judged)]
    highest = rng.choice([0, 1, 2, 3, 200], size=n_judged)
    grades = {
        query: dict(zip(codes, rng.integers(0, highest[query] + 1, size=len(codes)).tolist(), strict=True))
        for query, codes in enumerate(judged)
    }
    return Case(hits, grades, int(rng.integers(1, 4)), int(rng.choice([1, 3, 10, 10, 20])))


def by_trec_eval(case: Case) -> dict[str, list[float]]:
    """trec_eval's values with option -c: 0 for each judged query that it leaves out for want of hits."""
    qrels = {f"q{query}": {f"p{code}": grade for code, grade in found.items()} for query, found in case.grades.items()}
    run = {
        f"q{query}": {f"p{code}": 1000.0 - rank for rank, code in enumerate(hits)}
        for query, hits in enumerate(case.hits)
        if hits
    }
    cut = {query: dict(list(found.items())[: case.cutoff]) for query, found in run.items()}
    names = {"RR": ("recip_rank", cut), "AP": ("map_cut", run), "nDCG": ("ndcg_cut", run)}
    found = {}
    for kind, (measure, hits) in names.items():
        name = measure if kind == "RR" else f"{measure}.{case.cutoff}"
        evaluator = pytrec_eval.RelevanceEvaluator(qrels, {name}, relevance_level=case.relevant_from)
        scores = evaluator.evaluate(hits)
        found[kind] = [scores.get(query, {}).get(name.replace(".", "_"), 0.0) for query in qrels]
    return found


def by_definition_judged(case: Case) -> list[float]:
    """ir_measures' Judged, in plain Python."""
    first = [case.hits[query][: case.cutoff] for query in case.grades]
    return [sum(h in case.grades[q] for h in hits) / len(hits) if hits else 0.0 for q, hits in enumerate(first)]


@pytest.mark.parametrize("seed", range(8))
def test_values_are_those_of_trec_eval(seed: int) -> None:
    """On 8 x 500 fuzzed judged queries RR, AP and nDCG differ from trec_eval's by at most 1e-12.

    The means too, over all judged queries (-c); Judged agrees with its definition.
    """
    case = fuzzed(seed, n_judged=500)
    metrics = {kind: Metric(kind, case.cutoff) for kind in ("RR", "AP", "nDCG", "Judged")}
    judgments = judgments_of(case.grades, case.relevant_from)
    evaluation = evaluate(ranking_of(case.hits), judgments, n_products=N_PRODUCTS, metrics=list(metrics.values()))
    expected = by_trec_eval(case) | {"Judged": by_definition_judged(case)}
    assert evaluation.queries.tolist() == list(case.grades)
    for kind, metric in metrics.items():
        assert len(expected[kind]) == 500
        assert np.abs(evaluation.per_query[metric] - expected[kind]).max() <= 1e-12
        assert evaluation.mean(metric) == pytest.approx(sum(expected[kind]) / 500, abs=1e-12)
    assert evaluation.without_hits.tolist() == [query for query in case.grades if not case.hits[query]]


# decimal grades


def by_definition(case: Case) -> dict[str, list[float]]:
    """trec_eval's loops in plain Python, for gains of any kind."""
    found: dict[str, list[float]] = {"RR": [], "AP": [], "nDCG": []}
    for query, grades in case.grades.items():
        gains = [grades.get(code, 0) for code in case.hits[query]][: case.cutoff]
        relevant = [gain >= case.relevant_from for gain in gains]
        ideal = sorted(grades.values(), reverse=True)[: case.cutoff]
        best = sum(gain / np.log2(rank + 1) for rank, gain in enumerate(ideal, 1))
        total = sum(grade >= case.relevant_from for grade in grades.values())
        precisions = (sum(relevant[:rank]) / rank for rank in range(1, len(gains) + 1) if relevant[rank - 1])
        found["RR"].append(1 / (relevant.index(True) + 1) if any(relevant) else 0.0)
        found["AP"].append(sum(precisions) / total if total else 0.0)
        found["nDCG"].append(sum(gain / np.log2(rank + 1) for rank, gain in enumerate(gains, 1)) / best if best else 0)
    return found


@pytest.mark.parametrize("factor", [0.37, 0.5, 1 / 3])
@pytest.mark.parametrize("seed", range(3))
def test_decimal_grades_are_scored_by_the_definitions(seed: int, factor: float) -> None:
    """Exactly; and where the factor is a power of two, exactly as the whole grades are. The ideal ranking scores 1."""
    whole = fuzzed(seed, n_judged=200)
    scaled = {query: {code: grade * factor for code, grade in one.items()} for query, one in whole.grades.items()}
    case = Case(whole.hits, scaled, whole.relevant_from * factor, whole.cutoff)
    found = {}
    for name, one in (("whole", whole), ("decimal", case)):
        metrics = [Metric(kind, one.cutoff) for kind in ("RR", "AP", "nDCG")]
        judgments = judgments_of(one.grades, one.relevant_from)
        scored = evaluate(ranking_of(one.hits), judgments, n_products=N_PRODUCTS, metrics=metrics)
        found[name] = {metric.kind: scored.per_query[metric].tolist() for metric in metrics}
    assert found["decimal"] == by_definition(case)
    assert found["decimal"] == (found["whole"] if factor == 0.5 else {**found["whole"], "nDCG": ANY})
