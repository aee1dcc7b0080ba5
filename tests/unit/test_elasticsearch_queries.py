"""Legs of strategies as the JSON that is sent: clauses, candidates, ties, statistics of several shards."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from searched import HITS, SORT, SORTED, THREE, UNSORTED, searched

from relevance.engines.elasticsearch.engine import form
from relevance.engines.elasticsearch.index import FieldPaths, SearchedIndex, own_paths
from relevance.strategies import STRATEGIES, Strategy

VECTOR = np.array([0.6, -0.8], dtype=np.float32)


def body(strategy: Strategy, index: SearchedIndex, text: str = "oak desk") -> list[dict[str, Any]]:
    """What is sent for each leg of a strategy."""
    found = [form(leg, index, hits=10).body(text, VECTOR if leg.embeds else None) for leg in strategy.legs()]
    return [
        json.loads(json.dumps(one, default=lambda vector: [round(float(value), 3) for value in vector]))
        for one in found
    ]


def match(boosts: tuple[float, float, float]) -> dict[str, Any]:
    """The query of the text fields of an index of ours."""
    title, description, attributes = boosts
    nested = {"match": {"product_attributes.name_value": {"query": "oak desk", "boost": attributes}}}
    return {
        "bool": {
            "should": [
                {"match": {"product_title": {"query": "oak desk", "boost": title}}},
                {"match": {"product_description": {"query": "oak desk", "boost": description}}},
                {"nested": {"path": "product_attributes", "query": nested}},
            ]
        }
    }


def knn(model: str = "", **boosts: float) -> list[dict[str, Any]]:
    """The knn section of an index of ours."""
    counts = {"k": 150, "num_candidates": 150}
    return [
        {"field": f"{name}_vector{model}", "query_vector": [0.6, -0.8], "boost": boost, **counts}
        for name, boost in boosts.items()
    ]


EACH = {"title": 1, "description": 1, "attributes": 1}
BODIES: dict[str, list[dict[str, Any]]] = {
    "textsearch": [{"query": match((1, 1, 1))}],
    "textsearch_boosted": [{"query": match((8, 2, 1))}],
    "vectorsearch": [{"knn": knn(whole=1)}],
    "vectorsearch_multifield": [{"knn": knn(**EACH)}],
    "vectorsearch_multifield_boosted": [{"knn": knn(title=8, description=4, attributes=1)}],
    "hybrid": [{"query": match((8, 2, 1)), "knn": knn(whole=1)}],
    "hybrid_boosted": [{"query": match((8, 2, 1)), "knn": knn(whole=50)}],
    "rrf": [{"query": match((8, 2, 1))}, {"knn": knn(whole=1)}],
    "rrf_multi": [{"query": match((8, 2, 1))}, *({"knn": knn(**{name: 1})} for name in EACH)],
    "vectorsearch_finetune": [{"knn": knn(model="_finetuned", whole=1)}],
    "rrf_finetune": [{"query": match((8, 2, 1))}, {"knn": knn(model="_finetuned", whole=1)}],
}


def test_every_strategy_is_here() -> None:
    """A strategy that is added has its body compared."""
    assert list(BODIES) == list(STRATEGIES)


@pytest.mark.parametrize("name", BODIES)
def test_the_body_of_each_leg(name: str) -> None:
    """Text in the query, vectors in the knn section with k = num_candidates = 150, ids and scores back, no more."""
    assert body(STRATEGIES[name], SORTED) == [one | HITS for one in BODIES[name]]


@pytest.mark.parametrize("index", [UNSORTED, THREE], ids=["many segments", "three shards"])
@pytest.mark.parametrize("name", BODIES)
def test_ties_are_sorted_unless_one_segment_is(name: str, index: SearchedIndex) -> None:
    """Only one shard of one segment that is sorted by id gives ties in the order of ids; else they are asked for."""
    assert body(STRATEGIES[name], index) == [one | HITS | SORT for one in BODIES[name]]


@pytest.mark.parametrize("index", [SORTED, UNSORTED, THREE], ids=["sorted", "many segments", "three shards"])
@pytest.mark.parametrize("name", BODIES)
def test_statistics_of_all_shards_are_for_text_alone(name: str, index: SearchedIndex) -> None:
    """Several shards gather term statistics first, but not beside a knn section, where the server refuses it."""
    for leg in STRATEGIES[name].legs():
        assert form(leg, index, hits=10).statistics is (index.shards > 1 and bool(leg.text) and not leg.vectors)


def test_candidates_and_hits_are_those_asked_for() -> None:
    """A strategy's own number of candidates, and as many hits as are kept."""
    (leg,) = Strategy("own", vectors={"title": 2}, candidates=7).legs()
    found = form(leg, SORTED, hits=50).body("x", VECTOR)
    assert (found["size"], found["knn"][0]["k"], found["knn"][0]["num_candidates"]) == (50, 7, 7)


def test_fields_of_another_index() -> None:
    """A field map decides the names: flat attributes are matched flat, the id is the map's."""
    paths = FieldPaths(
        id="sku.raw", text={"title": "name", "attributes": "tags"}, vectors={("small", "whole"): "embedding"}
    )
    index = replace(searched(paths), sorted_segment=False)
    strategy = Strategy("own", text={"title": 3, "attributes": 1}, vectors={"whole": 1}, model="small")
    (found,) = body(strategy, index)
    assert found["query"]["bool"]["should"] == [
        {"match": {"name": {"query": "oak desk", "boost": 3}}},
        {"match": {"tags": {"query": "oak desk", "boost": 1}}},
    ]
    assert found["knn"][0]["field"] == "embedding"
    assert (found["docvalue_fields"], found["sort"][1]) == (["sku.raw"], {"sku.raw": "asc"})


def test_a_query_is_text_whatever_it_holds() -> None:
    """Quotes, braces and marks of templates in a query reach the server as they are."""
    text = '"}{{query}} {{vector}} \\ \u2028 🪑'
    (found,) = body(STRATEGIES["textsearch"], SORTED, text)
    assert found["query"]["bool"]["should"][0]["match"]["product_title"]["query"] == text


def test_a_field_that_the_index_has_not() -> None:
    """It is no empty clause."""
    (leg,) = STRATEGIES["vectorsearch"].legs()
    with pytest.raises(KeyError):
        form(leg, searched(own_paths([])), hits=10).body("x", VECTOR)
