"""Metrics against pytrec_eval: both start from the same lists in memory, at the size of the reference's data."""

import math
import time
from dataclasses import dataclass
from itertools import chain
from statistics import median
from typing import Any

import numpy as np
import pytest
import pytrec_eval
from helpers.tables import Show
from parity.rounds import spread

from relevance.evaluation import AP10, METRICS, NDCG10, Metric, evaluate, score_hits
from relevance.records import Judgments, Ranking

QUERIES, HITS, PRODUCTS, JUDGMENTS = 11_795, 100, 54_667, 74_067
ROUNDS = 7


@dataclass(frozen=True)
class Lists:
    """What lies in memory before the clock starts: ids by code, and per query its hits as ids and as codes."""

    query_ids: list[str]
    product_ids: list[str]
    hit_ids: list[list[str]]
    hit_codes: list[list[int]]
    scores: list[list[float]]
    judgments: list[tuple[str, str, int]]


def made(queries: int, hits: int) -> Lists:
    """Rankings of distinct products; about half of the judged products are among the hits."""
    rng = np.random.default_rng(12)
    offsets = rng.choice(PRODUCTS, hits, replace=False)
    codes = (rng.integers(PRODUCTS, size=(queries, 1)) + offsets) % PRODUCTS
    query_ids = [f"q{number:012x}" for number in range(queries)]
    product_ids = [str(100_001 + number) for number in range(PRODUCTS)]
    judgments = JUDGMENTS * queries // QUERIES
    rows = rng.integers(queries, size=2 * judgments)
    found = codes[rows, rng.integers(hits, size=len(rows))]
    products = np.where(rng.random(len(rows)) < 0.5, found, rng.integers(PRODUCTS))
    pairs = rng.permutation(np.unique(rows * PRODUCTS + products))[:judgments]
    grades = rng.integers(0, 3, size=judgments).tolist()
    judged = zip(*(part.tolist() for part in np.divmod(pairs, PRODUCTS)), grades, strict=True)
    return Lists(
        query_ids,
        product_ids,
        [[product_ids[code] for code in row] for row in codes.tolist()],
        codes.tolist(),
        (rng.random((queries, 1)) + np.linspace(20, 5, hits)).tolist(),
        [(query_ids[query], product_ids[product], grade) for query, product, grade in judged],
    )


@pytest.fixture(scope="module")
def lists() -> Lists:
    """As many as the reference has, 100 hits each."""
    return made(QUERIES, HITS)


def by_query(lists: Lists) -> dict[str, dict[str, int]]:
    grades: dict[str, dict[str, int]] = {}
    for query, product, grade in lists.judgments:
        grades.setdefault(query, {})[product] = grade
    return grades


def by_pytrec_eval(lists: Lists, cutoff: int) -> list[float]:
    """Build both dictionaries, evaluate, average over the judged queries."""
    qrels = by_query(lists)
    hits = zip(lists.query_ids, lists.hit_ids, lists.scores, strict=True)
    run = {query: dict(zip(ids, scores, strict=True)) for query, ids, scores in hits}
    measures = {"recip_rank", f"map_cut.{cutoff}", f"ndcg_cut.{cutoff}"}
    found = pytrec_eval.RelevanceEvaluator(qrels, measures).evaluate(run)
    names = ("recip_rank", f"map_cut_{cutoff}", f"ndcg_cut_{cutoff}")
    return [sum(values[name] for values in found.values()) / len(qrels) for name in names]


def metrics_of(lists: Lists, cutoff: int) -> list[Metric]:
    return [Metric("RR", len(lists.hit_ids[0])), Metric("AP", cutoff), Metric("nDCG", cutoff)]


def by_score_hits(lists: Lists, cutoff: int) -> list[float]:
    """Hits as lists of product ids, whose grades are looked up."""
    grades = by_query(lists)
    rows = [(ids, grades[query]) for query, ids in zip(lists.query_ids, lists.hit_ids, strict=True) if query in grades]
    found, judged = zip(*rows, strict=True)
    metrics = metrics_of(lists, cutoff)
    scores = score_hits(metrics, found, judged, relevant_from=1, highest=2)
    return [float(scores[metric].mean()) for metric in metrics]


def by_evaluate(lists: Lists, cutoff: int) -> list[float]:
    """Hits as lists of product codes, as an engine knows them; the records are made, too."""
    number, shape = len(lists.judgments), (len(lists.hit_codes), len(lists.hit_codes[0]))
    query_codes = {id_: code for code, id_ in enumerate(lists.query_ids)}
    product_codes = {id_: code for code, id_ in enumerate(lists.product_ids)}
    judgments = Judgments(
        np.fromiter((query_codes[query] for query, _, _ in lists.judgments), np.int64, number),
        np.fromiter((product_codes[product] for _, product, _ in lists.judgments), np.int64, number),
        np.fromiter((grade for _, _, grade in lists.judgments), np.int64, number),
    )
    metrics = metrics_of(lists, cutoff)
    hits = np.fromiter(chain.from_iterable(lists.hit_codes), np.int64, math.prod(shape)).reshape(shape)
    scores = np.fromiter(chain.from_iterable(lists.scores), np.float32, math.prod(shape)).reshape(shape)
    evaluation = evaluate(Ranking(hits, scores), judgments, n_products=PRODUCTS, metrics=metrics)
    return [evaluation.mean(metric) for metric in metrics]


WAYS: dict[str, Any] = {
    "pytrec_eval": by_pytrec_eval,
    "lists of ids": by_score_hits,
    "lists of codes": by_evaluate,
}


@pytest.mark.parametrize(("hits", "cutoff"), [(HITS, 10), (HITS, HITS), (1_000, 1_000)])
def test_metrics_from_lists_in_memory(show: Show, hits: int, cutoff: int) -> None:
    """The building of dictionaries or arrays included; equal means. Who goes first alternates."""
    lists = made(QUERIES * HITS // hits, hits)
    times: dict[str, list[float]] = {way: [] for way in WAYS}
    for number in range(ROUNDS):
        means = {}
        for way in list(WAYS)[:: 1 if number % 2 else -1]:
            start = time.perf_counter()
            means[way] = WAYS[way](lists, cutoff)
            times[way].append(time.perf_counter() - start)
        for way in WAYS:
            assert means[way] == pytest.approx(means["pytrec_eval"], abs=1e-12)
    theirs = times["pytrec_eval"]
    for way, own in times.items():
        ratios = [other / ours for other, ours in zip(theirs, own, strict=True)]
        row = {"hits": hits, "at": cutoff, "from": way, "median s": median(own), **spread(ratios)}
        show(f"three metrics of {QUERIES * HITS:,} hits against pytrec_eval", row)


@pytest.mark.parametrize("kept", [10, 20])
def test_metrics_of_the_hits_that_a_baseline_keeps(lists: Lists, show: Show, kept: int) -> None:
    """Today's four metrics from ids, as a baseline holds them; the tables of grades are there on both sides."""
    grades = by_query(lists)
    rows = [at for at, query in enumerate(lists.query_ids) if query in grades]
    hits = {lists.query_ids[at]: lists.hit_ids[at][:kept] for at in rows}
    scores = {lists.query_ids[at]: lists.scores[at][:kept] for at in rows}
    judged = [grades[query] for query in hits]
    names = ("map_cut_10", "ndcg_cut_10")
    ratios, own = [], []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        run = {query: dict(zip(ids, scores[query], strict=True)) for query, ids in hits.items()}
        evaluator = pytrec_eval.RelevanceEvaluator(grades, {"recip_rank", "map_cut.10", "ndcg_cut.10"})
        theirs = evaluator.evaluate(run)
        between = time.perf_counter()
        ours = score_hits(METRICS, list(hits.values()), judged, relevant_from=1, highest=2)
        own.append(time.perf_counter() - between)
        ratios.append((between - start) / own[-1])
    for metric, name in zip((AP10, NDCG10), names, strict=True):
        assert ours[metric] == pytest.approx([theirs[query][name] for query in hits], abs=1e-12)
    row = {"hits": kept, "median s": median(own), **spread(ratios)}
    show(f"four metrics of {len(hits):,} queries from ids against pytrec_eval's three", row)
