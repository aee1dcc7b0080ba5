"""What a body says that is not known, or cannot be, is refused with its place."""

from collections.abc import Sequence
from typing import Any

import pytest
from parity.bodies import filled
from parity.other_search_bodies import REFUSED
from parity.search_bodies import INDEX

from relevance.analysis import Analysis
from relevance.engines.embedded.bodies import BodyIndex
from relevance.engines.embedded.bodies.clauses import CLAUSES, Clause
from relevance.engines.embedded.bodies.nodes import MatchAll, Node
from relevance.errors import InputError, NotInterpretedError
from relevance.schema import Schema

PROPERTIES = {
    "a": {"type": "text"},
    "k": {"type": "keyword"},
    "n": {"type": "integer"},
    "d": {"type": "date"},
    "b": {"type": "boolean"},
    "o": {"type": "nested", "properties": {"t": {"type": "text"}}},
    "hidden": {"type": "text", "index": False},
}


@pytest.fixture(scope="module")
def index() -> BodyIndex:
    schema = Schema.of({"mappings": {"properties": PROPERTIES}})
    return BodyIndex(schema, Analysis(), [{"a": "x", "colour": "red"}])


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"script_score": {}}, ["query", "'script_score'"]),
        ({"mach": {"a": "x"}}, ["did you mean 'match'"]),
        ({"match": {"a": {"query": "x", "operater": "and"}}}, ["query.match", "did you mean 'operator'"]),
        ({"match": {"a": {"query": "x", "operator": "xor"}}}, ["operator = 'xor'", "or, and"]),
        ({"match": {"a": {"operator": "and"}}}, ["query is missing"]),
        ({"match": {"a": "x", "k": "y"}}, ["one field"]),
        ({"match": {"a": {"query": "x", "minimum_should_match": "many"}}}, ["minimum_should_match", "2<75%"]),
        ({"match_all": {"_name": 1}}, ["query.match_all", "_name = 1"]),
        ({"ids": {"values": ["1"], "_name": True}}, ["query.ids", "_name = True"]),
        ({"match": {"n": "many"}}, ["query.match", "'many' is no number"]),
        ({"match": {"a": {"query": "x", "analyzer": "grman"}}}, ["'grman'"]),
        ({"match": {"hidden": "x"}}, ["'hidden'", "not indexed"]),
        ({"match": {"colour": "x"}}, ["unknown field 'colour'"]),
        ({"bool": {"must": [{"match_all": {}}, {"span_term": {"a": "x"}}]}}, ["query.bool.must[1]", "'span_term'"]),
        ({"bool": {"shuld": []}}, ["did you mean 'should'"]),
        ({"bool": {"must": {"a": 1, "b": 2}}}, ["query.bool.must", "one clause"]),
        ({"nested": {"path": "offers", "query": {"match_all": {}}}}, ["'offers'", "allowed: o"]),
        ({"nested": {"path": "o", "query": {"nested": {"path": "o", "query": {}}}}}, ["does not lie inside"]),
        ({"terms": {"k": {"index": "other", "id": "1", "path": "p"}}}, ["a list is expected"]),
        ({"prefix": {"n": "1"}}, ["'n' is a integer"]),
        ({"dis_max": {"queries": []}}, ["queries are missing"]),
        ({"multi_match": {"query": "x", "fields": ["a^many"]}}, ["'a^many'"]),
        ({"multi_match": {"query": "x", "fields": ["a"], "type": "best"}}, ["type = 'best'"]),
        ({"multi_match": {"query": "x", "fields": ["a"], "type": "phrase", "fuzziness": 1}}, ["fuzziness"]),
        ({"match_phrase_prefix": {"k": "x"}}, ["'k' is a keyword"]),
        ({"range": {"n": {"gte": "low"}}}, ["'low' is no number"]),
        ({"query_string": {"query": '"x', "fields": ["a"]}}, ["query.query_string", "is not expected", "simple_query"]),
        ({"query_string": {"query": "x", "fields": ["a"], "default_field": "a"}}, ["default_field beside fields"]),
        ({"simple_query_string": {"query": "x", "fields": ["a"], "flags": "SOME"}}, ["flags = 'SOME'"]),
        ({"multi_match": {"query": "x", "fields": ["a"], "tie_breaker": 1.5}}, ["tie_breaker = 1.5", "from 0 to 1"]),
        ({"match": {"a": {"query": "x", "max_expansions": 0}}}, ["max_expansions = 0", "above 0"]),
        ({"match": {"a": ["x"]}}, ["query = ['x']", "a text"]),
        ({"term": {"b": 1}}, ["1 is no boolean"]),
        ({"function_score": {"weight": -1}}, ["weight", "0 or more"]),
        ({"nested": {"query": {"match_all": {}}}}, ["path is missing"]),
    ],
)
def test_refused_with_its_place(index: BodyIndex, query: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(InputError) as error:
        index.search([{"query": query}], hits=10)
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize("wrap", [
    lambda inner: {"bool": {"filter": [inner]}},
    lambda inner: {"constant_score": {"filter": inner}},
    lambda inner: {"function_score": {"functions": [{"filter": inner, "weight": 2}]}},
])  # fmt: skip
def test_clauses_inside_each_other_are_as_many_as_a_server_takes(index: BodyIndex, wrap: Any) -> None:
    query: Any = {"term": {"k": "x"}}
    for _ in range(29):
        query = wrap(query)
    index.search([{"query": query, "post_filter": query}], hits=1)
    with pytest.raises(InputError, match=r"more than 30 clauses inside each other; allowed: 30, a server's indices\."):
        index.search([{"query": wrap(query)}], hits=1)


@pytest.mark.parametrize(
    ("query", "line"),
    [
        ({"match": {"a": {"query": "x", "boost": -1}}}, "query.match: boost = -1; a number of 0 or more is expected"),
        ({"term": {"k": {"value": "x", "boost": "-0.5"}}}, "query.term: boost = '-0.5'; a number of 0 or more is "),
        ({"function_score": {"boost": -2}}, "query.function_score: boost = -2; a number of 0 or more is expected"),
        (
            {"bool": {"should": [{"multi_match": {"query": "x", "fields": ["a^-1"]}}]}},
            "query.bool.should[0].multi_match: boost of the field 'a^-1'; a number of 0 or more is expected",
        ),
    ],
)
def test_negative_boosts_are_refused(index: BodyIndex, query: dict[str, Any], line: str) -> None:
    with pytest.raises(InputError) as error:
        index.search([{"query": query}], hits=10)
    assert str(error.value).startswith(line)


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ({"script_score": {}}, NotInterpretedError),
        ({"bool": {"must": [{"span_term": {"a": "x"}}]}}, NotInterpretedError),
        ({"match": {"a": {"query": "x", "cutoff_frequency": 1}}}, InputError),
        ({"mach": {"a": "x"}}, InputError),
        ({"bool": {"shuld": []}}, InputError),
        ({"function_score": {"wait": 2}}, InputError),
        ({"query_string": {"query": "/x~y/", "fields": ["a"]}}, NotInterpretedError),
        ({"query_string": {"query": "/x(/", "fields": ["a"]}}, InputError),
        ({"query_string": {"query": "/x/", "fields": ["n"]}}, InputError),
        ({"query_string": {"query": "x", "fields": "a"}}, InputError),
        ({"simple_query_string": {"query": "x", "fields": 5}}, InputError),
        ({"regexp": {"k": "a~b"}}, NotInterpretedError),
        ({"regexp": {"k": "a&b"}}, NotInterpretedError),
        ({"regexp": {"k": "a<1-9>"}}, NotInterpretedError),
        ({"regexp": {"k": "a("}}, InputError),
        ({"regexp": {"n": "a"}}, InputError),
        ({"distance_feature": {"field": "d", "origin": "now", "pivot": "1d"}}, NotInterpretedError),
        ({"distance_feature": {"field": "n", "origin": 1, "pivot": 2}}, InputError),
        ({"terms_set": {"k": {"terms": ["x"], "minimum_should_match_script": {}}}}, NotInterpretedError),
        ({"terms_set": {"k": {"terms": ["x"]}}}, InputError),
        ({"query_string": {"query": "x AND", "fields": ["a"]}}, InputError),
        ({"function_score": {"random_score": {}}}, NotInterpretedError),
        ({"prefix": {"k": {"value": "x", "rewrite": "top_terms_5"}}}, NotInterpretedError),
        ({"match": {"colour": "x"}}, NotInterpretedError),
        ({"range": {"d": {"gte": "now-1d"}}}, NotInterpretedError),
        ({"range": {"d": {"gte": "soon"}}}, InputError),
        ({"range": {"n": {"gte": "low"}}}, InputError),
        ({"term": {"b": "maybe"}}, InputError),
        ({"match": {"a": {"query": "x", "boost": -1}}}, InputError),
        ({"multi_match": {"query": "x", "fields": ["a^many"]}}, InputError),
    ],
)
def test_what_a_server_refuses_too_is_told_apart(index: BodyIndex, query: dict[str, Any], kind: type) -> None:
    with pytest.raises(InputError) as error:
        index.search([{"query": query}], hits=10)
    assert error.type is kind


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        (("category", "brand"), 0),  # the order of the hashes: category, brand
        (("category", "name"), 2),  # name, category
        (("name", "brand.raw"), 0),  # brand.raw, name
        (("sku", "spelling"), 2),  # spelling, sku
    ],
)
def test_paths_of_words_over_keywords_are_refused_as_by_both_releases(fields: Sequence[str], refused: int) -> None:
    shop = BodyIndex(Schema.of(INDEX), Analysis(INDEX["settings"]), [{"name": "usb stick"}])
    count = 0
    for named in (fields, fields[::-1]):
        options = {"type": "cross_fields", "analyzer": "english_search", "fields": list(named)}
        try:
            shop.search([{"query": {"multi_match": {"query": "flash drive", **options}}}], hits=1)
        except InputError:
            count += 1
    assert count == refused


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_interpreted_is_named(name: str) -> None:
    shop = BodyIndex(Schema.of(INDEX), Analysis(INDEX["settings"]), [{"name": "x"}])
    with pytest.raises(NotInterpretedError, match=name) as error:
        shop.search([filled(REFUSED[name], "x")], hits=10)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("pattern", "found"), [("&[a-c]*", 1), ("(&)@", 1), ('"&"#', 0), ('&".c"|.', 0)])
def test_what_is_no_operator_in_a_regular_expression(pattern: str, found: int) -> None:
    shop = BodyIndex(Schema.of({"mappings": {"properties": PROPERTIES}}), Analysis(), [{"k": "&bc"}])
    (result,) = shop.search([{"query": {"regexp": {"k": pattern}}}], hits=10)
    assert result.total == found


def test_unknown_parts_of_a_body_are_refused(index: BodyIndex) -> None:
    with pytest.raises(InputError, match="'retriever'"):
        index.search([{"retriever": {}}], hits=10)


@pytest.mark.parametrize("part", ["track_scores", "version", "seq_no_primary_term", "explain", "profile"])
@pytest.mark.parametrize("value", [1, "x", None, {}])
def test_switches_are_true_or_false(index: BodyIndex, part: str, value: object) -> None:
    with pytest.raises(InputError, match=part):
        index.search([{part: value}], hits=10)
    index.search([{part: True}, {part: "false"}], hits=10)


def test_a_body_without_a_query_matches_everything(index: BodyIndex) -> None:
    (answer,) = index.search([{"size": 3, "_source": False}], hits=10)
    assert (answer.codes.tolist(), answer.scores.tolist()) == ([0], [1.0])


def test_a_clause_is_a_row(index: BodyIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    def everything(clause: Clause) -> Node:
        clause.options({})
        return MatchAll()

    monkeypatch.setitem(CLAUSES, "everything", everything)
    (answer,) = index.search([{"query": {"everything": {"boost": 3}}}], hits=10)
    assert answer.scores.tolist() == [3.0]
