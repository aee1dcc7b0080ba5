"""Queries are rewritten as Lucene rewrites them; `_validate/query?rewrite=true` prints the same trees."""

from typing import Any

import pytest

from relevance.analysis import Analysis
from relevance.engines.embedded.bodies import BodyIndex
from relevance.schema import Schema

SYNONYMS = {"type": "synonym_graph", "synonyms": ["tv, television", "usb stick, flash drive"]}
INDEX = {
    "settings": {
        "analysis": {
            "filter": {"synonyms": SYNONYMS},
            "analyzer": {"graph": {"tokenizer": "whitespace", "filter": ["lowercase", "synonyms"]}},
        }
    },
    "mappings": {
        "properties": {
            "a": {"type": "text"},
            "b": {"type": "text"},
            "k": {"type": "keyword"},
            "d": {"type": "text", "index_options": "docs"},
        }
    },
}


@pytest.fixture(scope="module")
def index() -> BodyIndex:
    documents = [{"a": "x y", "b": "x", "k": "v"}, {"a": "x", "b": "y z"}]
    return BodyIndex(Schema.of(INDEX), Analysis(INDEX["settings"]), documents)


def match(text: str, **more: Any) -> dict[str, Any]:
    return {"match": {"a": {"query": text, **more}}}


A, B, C = match("x"), match("y"), {"term": {"k": "v"}}


@pytest.mark.parametrize(
    ("query", "rewritten"),
    [
        ({"bool": {"must": A}}, "a:x"),
        ({"bool": {"filter": C}}, "(ConstantScore(k:v))^0.0"),
        ({"bool": {"should": [A, A]}}, "(a:x)^2.0"),
        ({"bool": {"should": [match("x", boost=0.5), A]}}, "(a:x)^1.5"),
        (match("x y x"), "(a:x)^2.0 a:y"),
        ({"bool": {"should": [match("x y"), match("y x")]}}, "(a:x a:y)^2.0"),
        ({"bool": {"should": [match("x y"), C]}}, "a:x a:y k:v"),
        ({"bool": {"should": [match("x y", boost=3), C]}}, "(a:x a:y)^3.0 k:v"),
        ({"bool": {"must": [match("x y", operator="and"), C]}}, "+k:v +a:x +a:y"),
        ({"bool": {"should": [A, B], "minimum_should_match": 2}}, "+a:x +a:y"),
        ({"bool": {"should": [A, B], "minimum_should_match": 3}}, "MatchNoDocsQuery"),
        ({"bool": {"should": [A, A, B], "minimum_should_match": 2}}, "(a:x a:x a:y)~2"),
        ({"bool": {"must": [match("x y")], "filter": [C]}}, "#k:v (a:x a:y)~1"),
        ({"bool": {"filter": [A], "should": [A, B]}}, "+a:x a:y"),
        ({"bool": {"must": [A], "filter": [A, C]}}, "+a:x #k:v"),
        ({"bool": {"must": [A], "must_not": [A]}}, "MatchNoDocsQuery"),
        ({"bool": {"must": [{"match_none": {}}], "should": [A]}}, "MatchNoDocsQuery"),
        ({"bool": {"must_not": [C]}}, "#*:* -k:v"),
        ({"bool": {"must": [{"match_all": {"boost": 2}}], "filter": [C]}}, "(ConstantScore(k:v))^2.0"),
        ({"dis_max": {"queries": [A, B], "tie_breaker": 1}}, "a:x a:y"),
        ({"dis_max": {"queries": [A]}}, "a:x"),
        ({"constant_score": {"filter": {"bool": {"must": [A, B]}}, "boost": 2}}, "(ConstantScore(#a:x #a:y))^2.0"),
        (match("tv y", analyzer="graph"), "Synonym(a:television a:tv) a:y"),
        ({"match": {"d": {"query": "usb stick", "analyzer": "graph"}}}, "(+d:flash +d:drive) (+d:usb +d:stick)"),
        (
            {"multi_match": {"query": "x y", "fields": ["a^2", "b"], "type": "most_fields"}},
            "(a:x a:y)^2.0 b:x b:y",
        ),
        (
            {"multi_match": {"query": "x y", "fields": ["a^2", "b"], "type": "cross_fields"}},
            "((a:x)^2.0 | b:x)~0.0 ((a:y)^2.0 | b:y)~0.0",
        ),
        ({"multi_match": {"query": "v", "fields": ["k^3"]}}, "(k:v)^3.0"),
    ],
)
def test_queries_become_these(index: BodyIndex, query: dict[str, Any], rewritten: str) -> None:
    def sides(text: str) -> list[str]:
        return sorted(text.replace("(", " ( ").replace(")", " ) ").split())

    assert sides(str(index.query({"query": query}))) == sides(rewritten)


@pytest.mark.parametrize(("release", "rewritten"), [(8, "+(+a:x +a:y) +k:v"), (9, "+a:x +a:y +k:v")])
def test_release_9_joins_required_clauses(release: int, rewritten: str) -> None:
    index = BodyIndex(Schema.of(INDEX), Analysis(INDEX["settings"]), [{"a": "x y", "k": "v"}], release=release)
    assert str(index.query({"query": {"bool": {"must": [match("x y", operator="and"), C]}}})) == rewritten


CROSS = {"multi_match": {"query": "x", "fields": ["a", "b"], "type": "cross_fields"}}
NO_CODE = {"term": {"k": {"value": "w", "case_insensitive": True}}}


@pytest.mark.parametrize(
    ("query", "releases"),
    [
        ({"term": {"k": "w"}}, []),
        ({"terms": {"k": ["w", "x"]}}, []),
        (NO_CODE, [9]),
        ({"constant_score": {"filter": {"bool": {"filter": [NO_CODE, C]}}}}, [9]),
        ({"prefix": {"k": "w"}}, [9]),
        ({"wildcard": {"k": "*w"}}, [9]),
        ({"regexp": {"k": "[w-z]"}}, [9]),
        ({"range": {"k": {"gt": "v"}}}, [9]),
        ({"term": {"n": 9}}, []),
        ({"term": {"n": 3}}, [8, 9]),
        ({"terms": {"n": [8, 9]}}, [8]),
        ({"terms": {"n": [3, 9]}}, [8, 9]),
        ({"range": {"n": {"gt": 5}}}, []),
        ({"range": {"n": {"gt": 2, "lt": 4}}}, [8, 9]),
        ({"terms_set": {"k": {"terms": ["v", "w"], "minimum_should_match": 2}}}, [8, 9]),
    ],
)
def test_clauses_that_are_counted_though_they_match_nothing(query: dict[str, Any], releases: list[int]) -> None:
    properties = {**INDEX["mappings"]["properties"], "n": {"type": "integer"}}
    schema, documents = Schema.of({"mappings": {"properties": properties}}), [{"k": "v", "n": 1}, {"k": "v", "n": 5}]
    indices = [BodyIndex(schema, Analysis(), documents, release=release) for release in (8, 9)]
    assert not any(index.search([{"query": query}], hits=1)[0].total for index in indices)
    live = [index.query({"query": query}).is_live(index._products) for index in indices]
    assert [release for release, is_live in zip((8, 9), live, strict=True) if is_live] == releases


SIMPLE = [
    ("x y", "a:x a:y"),
    ("x + y", "+a:x +a:y"),
    ("x + y | z", "(+a:x +a:y) a:z"),
    ("x | (y + -z)", "a:x (+a:y +(*:* -a:z))"),
    ('"x y"~2 "x y', 'a:"x y"~2 a:x a:y'),
    ("x* y~0", "a:x* a:y"),
    (r"x\* ()", "a:x"),
    ("--x", "a:x"),
    ("x + ! y", "+a:x +a:y"),
    ("*", "*:*"),
    ("", "MatchNoDocsQuery"),
]


@pytest.mark.parametrize(("text", "rewritten"), SIMPLE)
def test_simple_query_strings_become_these(index: BodyIndex, text: str, rewritten: str) -> None:
    body = {"query": {"simple_query_string": {"query": text, "fields": ["a"]}}}
    assert str(index.query(body)) == rewritten


@pytest.mark.parametrize(
    ("text", "rewritten"),
    [
        ("x y", "a:x a:y"),
        ("x AND y OR z", "+a:x +a:y a:z"),
        ("x NOT (y z)", "a:x -(a:y a:z)"),
        ("+x -k:v", "+a:x -k:v"),
        ("-x", "#*:* -a:x"),
        ("x^2 AND b:(y OR z)", "+(a:x)^2.0 +(b:y b:z)"),
        ('"x y"~3 ?y*', 'a:"x y"~3 a:?y*'),
        ("b:* k:{a TO v]", "exists(b) k:{a TO v]"),
        (r"x\-y", "a:x a:y"),
        (r"/x\/.*y/^2 k:/A b/", r"(a:/x\/.*y/)^2.0 k:/A b/"),
        ("_exists_:/x/", "MatchNoDocsQuery"),
        (" ", "MatchNoDocsQuery"),
    ],
)
def test_query_strings_become_these(index: BodyIndex, text: str, rewritten: str) -> None:
    body = {"query": {"query_string": {"query": text, "default_field": "a"}}}
    assert str(index.query(body)) == rewritten


@pytest.mark.parametrize(
    ("query", "notes"),
    [
        (match("x y"), 0),
        (CROSS, 0),
        ({"bool": {"should": [{"match": {"b": "x"}}, CROSS]}}, 1),
        ({"bool": {"must": [B], "filter": [{"multi_match": {"query": "x y", "fields": ["a", "b"]}}]}}, 0),
    ],
)
def test_a_term_of_two_frequencies_beside_vectors_is_noted(query: dict[str, Any], notes: int) -> None:
    vector = {"type": "dense_vector", "dims": 2, "index_options": {"type": "flat"}}
    schema = Schema.of({"mappings": {"properties": {**INDEX["mappings"]["properties"], "v": vector}}})
    documents = [{"a": "x y", "b": "y", "v": [1, 0]}, {"a": "x", "b": "x"}, {"a": "x", "b": "z z"}, {"b": "x"}]
    index = BodyIndex(schema, Analysis(), documents)
    index.search([{"query": query}], hits=9)
    assert not index.notes
    index.search([{"query": query, "knn": {"field": "v", "query_vector": [0, 1], "k": 1}}], hits=9)
    assert len(index.notes) == notes
