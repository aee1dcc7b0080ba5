"""Metrics: hand-worked examples, the definitions in plain Python, and trec_eval itself as the judge."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
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
    overlap,
    parse,
)
from relevance.records import NO_HIT, Judgments, Ranking

N_PRODUCTS = 60
KINDS = ("RR", "AP", "nDCG", "Judged")
ALL_KINDS = (*KINDS, "P", "R", "Success", "ERR", "RBP")
EXPONENTIAL = "exp-log2"


def ranking_of(rows: list[list[int]], width: int | None = None) -> Ranking:
    width = max((len(row) for row in rows), default=0) if width is None else width
    codes = np.full((len(rows), width), NO_HIT, dtype=np.int64)
    for query, row in enumerate(rows):
        codes[query, : len(row)] = row
    return Ranking(codes, np.zeros(codes.shape, np.float32))


def judgments_of(grades: Mapping[int, Mapping[int, float]], relevant_from: float = 1) -> Judgments:
    """From {query: {product: grade}}."""
    rows = [(query, code, grade) for query, graded in grades.items() for code, grade in graded.items()]
    queries, products, values = (np.array([row[at] for row in rows]) for at in range(3))
    return Judgments(queries, products, values, relevant_from=relevant_from)


def values(evaluation: Evaluation) -> dict[str, list[float]]:
    return {metric.kind: values.tolist() for metric, values in evaluation.per_query.items()}


def test_a_worked_example() -> None:
    # hits with the grades 0, 2, unjudged, 1; a fourth judged product, of grade 3, is missing
    judgments = judgments_of({0: {10: 0, 11: 2, 13: 1, 14: 3}})
    evaluation = evaluate(ranking_of([[10, 11, 12, 13]]), judgments, n_products=N_PRODUCTS)
    dcg = 2 / math.log2(3) + 1 / math.log2(5)
    ideal = 3 / math.log2(2) + 2 / math.log2(3) + 1 / math.log2(4)
    expected = {"RR": 1 / 2, "AP": (1 / 2 + 2 / 4) / 3, "nDCG": dcg / ideal, "Judged": 3 / 4}
    assert values(evaluation) == {kind: [pytest.approx(value, abs=1e-15)] for kind, value in expected.items()}


def test_a_judged_query_without_hits_scores_zero_and_is_listed() -> None:
    judgments = judgments_of({0: {5: 1}, 1: {5: 1}, 3: {5: 1}})
    evaluation = evaluate(ranking_of([[5], [], [5], []]), judgments, n_products=N_PRODUCTS)
    assert evaluation.queries.tolist() == [0, 1, 3]
    assert evaluation.without_hits.tolist() == [1, 3]
    assert values(evaluation) == {kind: [1, 0, 0] for kind in KINDS}
    assert [evaluation.mean(metric) for metric in METRICS] == [pytest.approx(1 / 3)] * 4


@pytest.mark.parametrize("cells", [1, 400, 4_000])
def test_rankings_together_are_scored_as_each_is(monkeypatch: pytest.MonkeyPatch, cells: int) -> None:
    rng, case = np.random.default_rng(cells), fuzzed(cells, n_judged=40)
    hits = [case.hits]
    for seed in range(4):
        pairs = zip(hits[-1], fuzzed(seed, n_judged=40).hits, strict=True)
        hits.append([before if rng.random() < 0.5 else other for before, other in pairs])
    rankings = [ranking_of(rows, width) for rows, width in zip(hits, (40, 40, 40, 40, 50), strict=True)]
    judgments = judgments_of(case.grades)
    alone = [evaluate(each, judgments, n_products=N_PRODUCTS) for each in rankings]
    monkeypatch.setattr(evaluation, "_CELLS", cells)
    together = evaluate_all(rankings, judgments, n_products=N_PRODUCTS)
    assert [values(each) for each in together] == [values(each) for each in alone]
    assert [each.without_hits.tolist() for each in together] == [each.without_hits.tolist() for each in alone]
    assert evaluate_all([], judgments, n_products=N_PRODUCTS) == []


def test_results_are_read_only() -> None:
    evaluation = evaluate(ranking_of([[]]), judgments_of({0: {0: 1}}), n_products=N_PRODUCTS)
    for array in (evaluation.queries, evaluation.without_hits, evaluation.per_query[RR10]):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 9


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[1, 2], [3, 4, 3]], "query 1 (code) has a product twice among its hits; allowed: once"),
        ([[1, NO_HIT, 2]], "query 0 (code) has a hit behind its end; allowed: hits first, then padding"),
        ([[1], [N_PRODUCTS]], "query 1 (code) has an unknown product code; allowed: 0 to 59, and -1 as padding"),
        ([[-2]], "query 0 (code) has an unknown product code; allowed: 0 to 59, and -1 as padding"),
        ([[1, 2]] * 9_999 + [[1, 1]], "query 9999 (code) has a product twice"),
    ],
)
def test_a_broken_ranking_is_refused(rows: list[list[int]], message: str) -> None:
    fine, broken = ranking_of([[1] for _ in rows], width=max(map(len, rows))), ranking_of(rows)
    for rankings in ([broken], [fine, fine, broken]):
        with pytest.raises(InputError, match=re.escape(message)):
            evaluate_all(rankings, judgments_of({0: {1: 1}}), n_products=N_PRODUCTS)


@pytest.mark.parametrize(
    ("grades", "message"),
    [
        ({}, "no judgments; at least one is needed to evaluate a ranking"),
        ({2: {0: 1}}, "a judgment names the query code 2; allowed: 0 to 1"),
        ({0: {N_PRODUCTS: 1}}, "a judgment names the product code 60; allowed: 0 to 59"),
    ],
)
def test_judgments_that_do_not_fit_are_refused(grades: dict[int, dict[int, int]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        evaluate_all([ranking_of([[1]] * 3), ranking_of([[1]] * 2)], judgments_of(grades), n_products=N_PRODUCTS)


WRITTEN = [
    *("RR@10", "AP@1000", "nDCG@10", "nDCG(dcg='exp-log2')@20", "P@5", "R@100", "ERR@10", "Success@1"),
    *("RBP(p=0.8)@10", "RBP(p=0.95)@50", "Judged@10", "Empty", "RBO(p=0.9)@10"),
]


@pytest.mark.parametrize("text", WRITTEN)
def test_a_metric_is_read_as_it_is_printed(text: str) -> None:
    assert str(parse(text)) == text
    assert parse(text) == parse(str(parse(text)))


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("RBP@10", "RBP(p=0.8)@10"),
        ("RBO@20", "RBO(p=0.9)@20"),
        ("RBP(p=.5)@7", "RBP(p=0.5)@7"),
        ("nDCG(dcg='log2')@10", "nDCG@10"),
        ('nDCG(dcg="exp-log2")@10', "nDCG(dcg='exp-log2')@10"),
    ],
)
def test_other_ways_to_write_a_metric_are_read(text: str, printed: str) -> None:
    assert str(parse(text)) == printed


def test_metrics_have_the_names_of_the_field() -> None:
    assert [str(metric) for metric in METRICS] == ["RR@10", "AP@10", "nDCG@10", "Judged@10"]
    assert [metric.label for metric in LABELS.values()] == [*LABELS] == ["MRR", "MAP", "NDCG", "Judged"]
    assert Metric("nDCG", 5).label == "nDCG@5"
    assert parse("nDCG(dcg='exp-log2')@10").label == "nDCG(dcg='exp-log2')@10"


def test_every_metric_has_a_direction_and_says_what_it_needs() -> None:
    metrics = list(map(parse, WRITTEN))
    assert [str(metric) for metric in metrics if metric.lower_is_better] == ["Empty"]
    assert [str(metric) for metric in metrics if metric.needs_baseline] == ["RBO(p=0.9)@10"]
    assert [str(metric) for metric in metrics if not metric.judges] == ["Judged@10", "RBO(p=0.9)@10"]
    with pytest.raises(ValueError, match="compares rankings with a baseline's"):
        evaluate(ranking_of([[1]]), judgments_of({0: {1: 1}}), n_products=N_PRODUCTS, metrics=[Metric("RBO", 10)])


@pytest.mark.parametrize(
    "text",
    [
        *("", "nDCG", "nDCG@", "nDCG@0", "nDCG@1.5", "nDCG@1001", "ndcg@10", " nDCG@10", "nDCG@10\n", "NDCG@10"),
        *("nDCG(gains='exp')@10", "nDCG(dcg='exp')@10", "nDCG(dcg=0.5)@10", "P(p=0.5)@10", "P(rel=2)@10", "P"),
        *("RBP(p=1)@10", "RBP(p=0)@10", "RBP(p=0.0)@10", "RBP(p=1.5)@10", "RBP(p='0.5')@10", "RBP(p=0.8)"),
        *("Empty@10", "Empty(p=0.5)", "Success@-1", "R@٣", "R@00010"),
    ],
)
def test_an_unknown_metric_is_refused(text: str) -> None:
    allowed = "allowed: RR@10, AP@10, nDCG@10, P@5, R@100, ERR@10, Success@1, RBP(p=0.8)@10, Judged@10, Empty, "
    with pytest.raises(InputError, match=re.escape(f"unknown metric {text!r}; {allowed}")):
        parse(text)


@pytest.mark.parametrize("cutoff", [0, -1, True, 1.5, 1001])
def test_a_cutoff_that_is_no_number_of_hits_is_refused(cutoff: int) -> None:
    with pytest.raises(InputError, match="unknown metric"):
        Metric("nDCG", cutoff)


@dataclass(frozen=True)
class Case:
    hits: list[list[int]]
    grades: Mapping[int, Mapping[int, float]]
    relevant_from: float
    cutoff: int

    def evaluated(self) -> Evaluation:
        metrics = [Metric(kind, self.cutoff) for kind in ALL_KINDS]
        judgments = judgments_of(self.grades, self.relevant_from)
        return evaluate(ranking_of(self.hits), judgments, n_products=N_PRODUCTS, metrics=metrics)


def fuzzed(seed: int, n_judged: int) -> Case:
    """Judged queries and a tenth as many others: with no, few or many hits, none judged or none relevant for some."""
    rng = np.random.default_rng(seed)

    def sample(most: int) -> list[int]:
        return [int(code) for code in rng.permutation(N_PRODUCTS)[: rng.integers(0, most + 1)]]

    hits = [sample(most) for most in rng.choice([0, 3, 12, 40], size=n_judged + n_judged // 10, p=[0.1, 0.2, 0.3, 0.4])]
    judged = [sample(most) or [0] for most in rng.choice([1, 8, 40], size=n_judged)]
    highest = rng.choice([0, 1, 2, 3, 200], size=n_judged)
    grades = {
        query: dict(zip(codes, rng.integers(0, highest[query] + 1, size=len(codes)).tolist(), strict=True))
        for query, codes in enumerate(judged)
    }
    return Case(hits, grades, int(rng.integers(1, 4)), int(rng.choice([1, 3, 10, 10, 20])))


def by_trec_eval(case: Case) -> dict[str, list[float]]:
    """With its option -c: 0 for each judged query that it leaves out for want of hits."""
    qrels = {
        f"q{query}": {f"p{code}": grade for code, grade in graded.items()} for query, graded in case.grades.items()
    }
    run = {
        f"q{query}": {f"p{code}": 1000.0 - rank for rank, code in enumerate(hits[: case.cutoff])}
        for query, hits in enumerate(case.hits)
        if hits
    }
    cut = {"AP": "map_cut", "nDCG": "ndcg_cut", "P": "P", "R": "recall", "Success": "success"}
    measures = {"RR": "recip_rank", **{kind: f"{name}_{case.cutoff}" for kind, name in cut.items()}}
    names = {"recip_rank", *(f"{name}.{case.cutoff}" for name in cut.values())}
    scores = pytrec_eval.RelevanceEvaluator(qrels, names, relevance_level=case.relevant_from).evaluate(run)
    return {kind: [scores.get(query, {}).get(name, 0.0) for query in qrels] for kind, name in measures.items()}


def by_definition(case: Case) -> dict[str, list[float]]:
    """trec_eval's loops in plain Python, for gains of any kind, ir_measures' Judged, and RBP and ERR of the papers."""
    expected: dict[str, list[float]] = {kind: [] for kind in ALL_KINDS}
    highest = max(grade for grades in case.grades.values() for grade in grades.values())
    for query, grades in case.grades.items():
        hits = case.hits[query][: case.cutoff]
        gains = [grades.get(code, 0) for code in hits]
        relevant = [gain >= case.relevant_from for gain in gains]
        ideal = sorted(grades.values(), reverse=True)[: case.cutoff]
        best = sum(gain / np.log2(rank + 1) for rank, gain in enumerate(ideal, 1))
        total = sum(grade >= case.relevant_from for grade in grades.values())
        precisions = (sum(relevant[:rank]) / rank for rank in range(1, len(gains) + 1) if relevant[rank - 1])
        dcg = sum(gain / np.log2(rank + 1) for rank, gain in enumerate(gains, 1))
        expected["RR"].append(1 / (relevant.index(True) + 1) if any(relevant) else 0.0)
        expected["AP"].append(sum(precisions) / total if total else 0.0)
        expected["nDCG"].append(dcg / best if best else 0)
        expected["Judged"].append(sum(code in grades for code in hits) / len(hits) if hits else 0.0)
        expected["P"].append(sum(relevant) / case.cutoff)
        expected["R"].append(sum(relevant) / total if total else 0.0)
        expected["Success"].append(float(any(relevant)))
        expected["ERR"].append(err(gains, highest))
        expected["RBP"].append((1 - 0.8) * sum(0.8 ** (rank - 1) for rank, one in enumerate(relevant, 1) if one))
    return expected


def err(grades: list[float], highest: float) -> float:
    """Chapelle et al. 2009, algorithm 1: R = (2^g - 1) / 2^g_max, p = product of the (1 - R) before, sum of p R / r."""
    p, total = 1.0, 0.0
    for rank, grade in enumerate(grades, 1):
        satisfied = (2**grade - 1) / 2**highest
        total += p * satisfied / rank
        p *= 1 - satisfied
    return total


@pytest.mark.parametrize("seed", range(8))
def test_values_are_those_of_trec_eval(seed: int) -> None:
    case = fuzzed(seed, n_judged=500)
    evaluation = case.evaluated()
    assert evaluation.queries.tolist() == list(case.grades)
    assert evaluation.without_hits.tolist() == [query for query in case.grades if not case.hits[query]]
    for kind, expected in by_trec_eval(case).items():
        metric = Metric(kind, case.cutoff)
        assert np.abs(evaluation.per_query[metric] - expected).max() <= 1e-12
        assert evaluation.mean(metric) == pytest.approx(sum(expected) / 500, abs=1e-12)


@pytest.mark.parametrize("factor", [0.37, 0.5, 1 / 3])
@pytest.mark.parametrize("seed", range(3))
def test_decimal_grades_are_scored_by_the_definitions(seed: int, factor: float) -> None:
    whole = fuzzed(seed, n_judged=200)
    scaled = {query: {code: grade * factor for code, grade in one.items()} for query, one in whole.grades.items()}
    case = Case(whole.hits, scaled, whole.relevant_from * factor, whole.cutoff)
    decimal, expected, exact = values(case.evaluated()), values(whole.evaluated()), by_definition(case)
    for kind in ("ERR", "RBP"):  # powers are other functions in numpy
        assert decimal.pop(kind) == pytest.approx(exact.pop(kind), abs=1e-12)
    del expected["ERR"], expected["RBP"]
    assert decimal == exact
    # a power of two changes no digit
    assert decimal == (expected if factor == 0.5 else {**expected, "nDCG": ANY})


@pytest.mark.parametrize("seed", range(4))
def test_exponential_gains_are_those_of_trec_eval_with_other_grades(seed: int) -> None:
    case = fuzzed(seed, n_judged=200)
    few = {query: {code: min(grade, 8) for code, grade in one.items()} for query, one in case.grades.items()}
    gains = {query: {code: 2**grade - 1 for code, grade in one.items()} for query, one in few.items()}
    metric = Metric("nDCG", case.cutoff, EXPONENTIAL)
    found = evaluate(ranking_of(case.hits), judgments_of(few), n_products=N_PRODUCTS, metrics=[metric])
    expected = by_trec_eval(Case(case.hits, gains, 1, case.cutoff))["nDCG"]
    assert np.abs(found.per_query[metric] - expected).max() <= 1e-12


@pytest.mark.parametrize("grade", [0, 0.25, 2_000, 1e300])
def test_no_grade_is_too_high_for_exponential_gains(grade: float) -> None:
    metrics = [Metric("nDCG", 10, EXPONENTIAL), Metric("ERR", 10)]
    judgments = judgments_of({0: {1: grade, 2: grade}, 1: {3: 0}})
    found = evaluate(ranking_of([[1, 2], [3]]), judgments, n_products=N_PRODUCTS, metrics=metrics)
    satisfied = 1 - 2.0 ** -min(grade, 1_000)
    assert found.per_query[metrics[0]].tolist() == [1 if grade else 0, 0]
    assert found.per_query[metrics[1]].tolist() == [pytest.approx(satisfied + (1 - satisfied) * satisfied / 2), 0]


def test_satisfaction_depends_on_the_highest_grade_of_all_queries() -> None:
    metric, judgments = Metric("ERR", 10), judgments_of({0: {1: 1}, 1: {1: 3}})
    found = evaluate(ranking_of([[1], [1]]), judgments, n_products=N_PRODUCTS, metrics=[metric])
    assert found.per_query[metric].tolist() == [1 / 8, 7 / 8]


def test_the_zero_result_rate_counts_judged_queries_without_hits() -> None:
    metric, judgments = Metric("Empty"), judgments_of({0: {2: 1}, 2: {1: 1}})
    found = evaluate(ranking_of([[1], [], []]), judgments, n_products=N_PRODUCTS, metrics=[metric])
    assert found.per_query[metric].tolist() == [0, 1]


def rbo_by_definition(one: list[str], other: list[str], p: float) -> float:
    """Webber et al. 2010, equation 32, with sets cut anew at each depth."""
    shorter, longer = sorted((one, other), key=len)
    short, long = len(shorter), len(longer)
    x = [0, *(len({*shorter[:d]} & {*longer[:d]}) for d in range(1, long + 1))]
    first = sum(x[d] / d * p**d for d in range(1, long + 1))
    second = sum(x[short] * (d - short) / (short * d) * p**d for d in range(short + 1, long + 1))
    return (1 - p) / p * (first + second) + ((x[long] - x[short]) / long + x[short] / short) * p**long


@pytest.mark.parametrize("p", [0.1, 0.9, 0.98])
def test_overlap_is_the_extrapolated_one_of_the_paper(p: float) -> None:
    rng = np.random.default_rng(7)
    pairs = [
        [[f"p{code}" for code in rng.permutation(14)[: rng.integers(1, 14)]] for _ in ("before", "after")]
        for _ in range(300)
    ]
    found = overlap([one for one, _ in pairs], [other for _, other in pairs], Metric("RBO", 10, p))
    expected = [rbo_by_definition(one[:10], other[:10], p) for one, other in pairs]
    assert found == pytest.approx(expected, abs=1e-12)
    assert len({round(value, 6) for value in expected}) > 100
    assert ((found >= 0) & (found <= 1)).all()


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [("", "", 1), ("", "ab", 0), ("abc", "abc", 1), ("abc", "def", 0), ("ab", "abc", 1), ("ab", "ba", 0.9)],
)
def test_overlap_of_lists_that_are_the_same_or_have_nothing_in_common(one: str, other: str, expected: float) -> None:
    assert overlap([list(one)], [list(other)], Metric("RBO", 10, 0.9)).tolist() == [pytest.approx(expected, abs=1e-12)]


def test_overlap_looks_no_deeper_than_the_cutoff() -> None:
    before, after = [["a", "b", "c", "d"]], [["a", "b", "d", "c"]]
    assert overlap(before, after, Metric("RBO", 2, 0.9)).tolist() == [1]
    assert overlap(before, after, Metric("RBO", 3, 0.9))[0] < 1


def test_hits_that_nobody_judged_are_left_out_and_the_others_move_up() -> None:
    # product 4 is judged for the other query alone
    judgments = Judgments(np.array([0, 0, 1]), np.array([2, 3, 4]), np.array([0, 2, 1]), relevant_from=1)
    codes = np.array([[4, 3, 0, 2], [0, 1, NO_HIT, NO_HIT]])
    scores = np.array([[9, 8, 7, 6], [5, 4, -np.inf, -np.inf]], dtype=np.float32)
    kept = evaluation.condensed(Ranking(codes, scores), judgments, n_products=5)
    assert kept.codes.tolist() == [[3, 2, NO_HIT, NO_HIT], [NO_HIT] * 4]
    assert kept.scores.tolist() == [[8, 6, -np.inf, -np.inf], [-np.inf] * 4]
    evaluated = evaluate(kept, judgments, n_products=5, metrics=(NDCG10,))
    assert evaluated.per_query[NDCG10].tolist() == [1.0, 0.0]
