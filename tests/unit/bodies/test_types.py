"""Types of fields beside text, keyword, numbers and dates: what each holds, and what is refused by name."""

from typing import Any

import pytest

from relevance.analysis import Analysis
from relevance.bodies import prepare
from relevance.engines.embedded.bodies import BodyIndex
from relevance.errors import InputError, NotInterpretedError
from relevance.schema import Schema

PROPERTIES: dict[str, Any] = {
    "name": {"type": "text", "fields": {"only": {"type": "match_only_text"}, "typed": {"type": "search_as_you_type"}}},
    "title": {"type": "alias", "path": "name"},
    "words": {"type": "text", "fields": {"count": {"type": "token_count", "analyzer": "standard"}}},
    "shop": {"type": "constant_keyword", "value": "lund"},
    "sku": {"type": "wildcard", "ignore_above": 4},
    "price": {"type": "scaled_float", "scaling_factor": 100},
    "stock": {"type": "unsigned_long"},
    "place": {"type": "geo_point"},
    "extra": {"type": "flattened"},
}
DOCUMENTS: list[dict[str, Any]] = [
    {"name": "grey sofa", "words": "a b c", "sku": "ab-1", "price": 1.016, "place": [1, 2], "extra": {"a": "b"}},
    {"name": "grey lamp", "words": ["a", "b c"], "sku": "toolong", "price": 2, "stock": 2**63 - 1},
    {"name": "sofa sofa grey", "sku": "ab-2", "price": "0.994", "place": {"lat": 1, "lon": 2}, "stock": 0},
]


@pytest.fixture(scope="module")
def index() -> BodyIndex:
    return BodyIndex(Schema.of({"mappings": {"properties": PROPERTIES}}), Analysis({}), DOCUMENTS)


@pytest.mark.parametrize(
    ("query", "codes"),
    [
        ({"match": {"title": "lamp"}}, [1]),
        ({"match": {"name.only": "grey sofa"}}, [0, 2, 1]),
        ({"match_phrase": {"name.only": "grey sofa"}}, [0]),
        ({"match": {"name.typed": "lamp"}}, [1]),
        ({"term": {"words.count": 3}}, [0]),
        ({"range": {"words.count": {"gte": 1}}}, [0, 1]),
        ({"term": {"shop": "lund"}}, [0, 1, 2]),
        ({"term": {"shop": "other"}}, []),
        ({"exists": {"field": "shop"}}, [0, 1, 2]),
        ({"wildcard": {"sku": "ab-?"}}, [0, 2]),
        ({"term": {"sku": "toolong"}}, []),
        # 1.016 is 1.02, 0.994 is 0.99
        ({"term": {"price": 1.02}}, [0]),
        ({"term": {"price": 1.016}}, [0]),
        ({"range": {"price": {"gt": 1.016}}}, [0, 1]),
        ({"range": {"price": {"gt": 1.02}}}, [1]),
        ({"range": {"price": {"lte": 0.994}}}, [2]),
        ({"range": {"price": {"lt": 0.99}}}, []),
        ({"term": {"stock": 2**63 - 1}}, [1]),
    ],
)
def test_what_is_found(index: BodyIndex, query: Any, codes: list[int]) -> None:
    assert index.search([{"query": query}], hits=3)[0].codes.tolist() == codes


@pytest.mark.parametrize(
    ("query", "score"),
    [
        ({"match": {"name.only": {"query": "grey sofa", "boost": 2}}}, 4),
        ({"match_phrase": {"name.only": "grey sofa"}}, 1),
        ({"term": {"sku": {"value": "ab-1", "boost": 3}}}, 3),
        ({"match": {"shop": "lund"}}, 1),
    ],
)
def test_what_scores_its_boost(index: BodyIndex, query: Any, score: float) -> None:
    assert index.search([{"query": query}], hits=1)[0].scores.tolist() == [score]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"exists": {"field": "place"}}, "'place' is a geo_point"),
        (
            {"bool": {"filter": [{"term": {"extra.a": "b"}}]}},
            r"query.bool.filter\[0\].term: field 'extra.a' is a flattened",
        ),
        ({"multi_match": {"query": "a", "fields": ["name", "extra"]}}, "'extra' is a flattened"),
        ({"match": {"name.typed._2gram": "grey sofa"}}, "'name.typed._2gram' is a search_as_you_type"),
        ({"match_phrase": {"name.typed": "grey sofa"}}, "phrases on the field 'name.typed', a search_as_you_type"),
        ({"match": {"name.only": {"query": "gray", "fuzziness": 1}}}, "fuzziness .* a match_only_text"),
        ({"fuzzy": {"sku": "ab-3"}}, "'sku' is a wildcard"),
        (
            {"multi_match": {"query": "a", "fields": ["name", "name.only"], "type": "cross_fields"}},
            "cross_fields .* a match_only",
        ),
    ],
)
def test_what_is_refused_by_name(index: BodyIndex, query: Any, words: str) -> None:
    with pytest.raises(NotInterpretedError, match=words):
        index.search([{"query": query}], hits=3)


def test_a_pattern_leaves_out_what_has_no_text() -> None:
    properties = {"name": {"type": "text"}, "nowhere": {"type": "geo_point"}, "place": {"type": "geo_point"}}
    one = BodyIndex(Schema.of({"mappings": {"properties": properties}}), Analysis({}), [{"name": "sofa"}])
    body = {"query": {"multi_match": {"query": "sofa", "fields": ["n*"]}}}
    assert one.search([body], hits=1)[0].codes.tolist() == [0]


@pytest.mark.parametrize("is_filled", [False, True])
def test_types_that_no_server_was_asked_about_are_noted(index: BodyIndex, *, is_filled: bool) -> None:
    body = {"query": {"bool": {"must": [{"match": {"name.only": "{{query}}"}}, {"range": {"price": {"gte": 0}}}]}}}
    form = prepare(body)
    if is_filled:
        index.fill([form.template])
    index.ask(form, [("sofa", None, {}), ("red sofa", None, {})], hits=1)
    lines = ("field 'name.only': a match_only_text", "field 'price': a scaled_float")
    assert {f"{line} is searched by its rules, not compared with a server" for line in lines} <= {*index.notes}


@pytest.mark.parametrize("value", [-1, 2**63])
def test_an_unsigned_long_is_one_that_a_long_holds(value: int) -> None:
    one = BodyIndex(Schema.of({"mappings": {"properties": PROPERTIES}}), Analysis({}), [{"stock": value}])
    with pytest.raises(InputError, match="out of the range of unsigned_long"):
        one.search([{"query": {"term": {"stock": 1}}}], hits=1)
