"""How deep is searched, scored and written, and what a deeper search leaves as it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest
from helpers import shop

from relevance import runner, suite
from relevance.baseline import KEPT
from relevance.engines.mapping import finds_the_same
from relevance.evaluation import parse
from relevance.gate import MetricChoice
from relevance.records import NO_HIT
from relevance.report.results import run_text
from relevance.strategies import Strategy

TEXT = {"query": {"match": {"title": "{{query}}"}}}
KNN: dict[str, Any] = {"field": "whole_vector", "query_vector": "{{vector}}"}


@contextmanager
def measured(*metrics: str) -> Iterator[suite.Suite]:
    """Of forty products that all share a word with the only query."""
    products = shop.catalogue([(f"p{at:02}", f"oak {'board ' * at}") for at in range(40)])
    data = shop.dataset(products, {"q": "oak"}, [(0, at, 1) for at in range(40)])
    plan = replace(shop.plan(["textsearch"]), dataset=data)
    choice = MetricChoice(report=tuple(map(parse, metrics))) if metrics else MetricChoice()
    plan = replace(plan, config=replace(plan.config, metrics=choice))
    with closing(suite.prepare(plan, progress=False)) as prepared:
        for strategy in plan.strategies:
            prepared.judge(strategy, prepared.search(strategy), None)
        yield prepared


def test_ten_hits_are_scored_and_written_and_twenty_are_kept() -> None:
    with measured() as prepared:
        result = prepared.results["textsearch"]
        ten = runner.search(prepared.engine, result.strategy, prepared.batch, hits=10)
        snapshot = suite.snapshot_of(prepared)
    assert (result.ranking.codes.tolist(), result.ranking.scores.tolist()) == (ten.codes.tolist(), ten.scores.tolist())
    assert result.deep.codes[:, :10].tolist() == ten.codes.tolist()
    assert NO_HIT not in result.deep.codes
    assert (result.deep.codes.shape, snapshot.kept, len(snapshot.strategies["textsearch"].hits[0])) == (
        (1, 20),
        KEPT,
        20,
    )
    assert len(run_text("r", result.ranking, ["q"], [f"p{at}" for at in range(40)]).splitlines()) == 10


def test_a_deeper_metric_takes_the_ranking_with_it() -> None:
    with measured("R@30", "P@5", "RBO@35") as prepared:
        result = prepared.results["textsearch"]
        snapshot = suite.snapshot_of(prepared)
    assert result.ranking.codes.shape == result.deep.codes.shape == (1, 35)
    assert result.evaluation.mean(parse("R@30")) == 30 / 40
    assert list(map(str, result.evaluation.per_query)) == ["R@30", "P@5", "nDCG@10", "AP@10", "RR@10"]
    assert list(snapshot.strategies["textsearch"].metrics) == list(result.evaluation.per_query)
    assert (snapshot.kept, len(snapshot.strategies["textsearch"].hits[0])) == (KEPT, 20)


def test_the_first_ten_of_a_deeper_search_are_those_of_a_search_for_ten() -> None:
    plan = shop.plan()
    ten, twenty = (shop.ranked(plan, hits=hits) for hits in (10, 20))
    assert len(plan.strategies) == 9
    for name, ranking in ten.items():
        assert twenty[name].codes[:, :10].tolist() == ranking.codes.tolist()
        assert twenty[name].scores[:, :10].tolist() == ranking.scores.tolist()


@pytest.mark.parametrize(
    ("template", "same"),
    [
        (TEXT, True),
        ({**TEXT, "rescore": {"window_size": 5, "query": {"rescore_query": TEXT["query"]}}}, True),
        ({"knn": {**KNN, "k": 20, "num_candidates": 50}}, True),
        ({"knn": [{**KNN, "k": 20, "num_candidates": 50}, {**KNN, "k": 10, "num_candidates": 50}]}, False),
        ({"knn": KNN}, False),
        ({"query": {"bool": {"should": [{"knn": KNN}]}}}, False),
        ({"query": {"bool": {"should": [{"knn": {**KNN, "k": 30}}]}}}, True),
        ({"retriever": {"standard": TEXT}}, False),
        ({**TEXT, "knn": {**KNN, "k": 30}, "rank": {"rrf": {}}}, False),
    ],
)
def test_what_takes_its_size_from_the_search_is_searched_no_deeper_than_is_scored(template: Any, same: object) -> None:
    assert finds_the_same(Strategy("own", template=MappingProxyType(template)), hits=20) is same


def test_fewer_candidates_than_hits_end_a_list() -> None:
    for candidates, same in ((19, False), (20, True)):
        strategy = Strategy("own", vectors={"whole": 1}, candidates=candidates)
        assert finds_the_same(strategy, hits=20) is same
