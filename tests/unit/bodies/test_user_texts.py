"""What 8.19.5 and 9.5.2 answer to texts as users type them; both give the same scores."""

from typing import Any

import numpy as np
import pytest

from relevance.analysis import Analysis
from relevance.engines.embedded.bodies import BodyIndex
from relevance.schema import Schema

FILTERS = {
    "graph": {"type": "word_delimiter_graph"},
    "whole": {"type": "word_delimiter_graph", "adjust_offsets": False},
    "kept": {"type": "word_delimiter_graph", "preserve_original": True},
    "joined": {"type": "word_delimiter_graph", "catenate_all": True, "generate_word_parts": False},
    "older": {"type": "word_delimiter"},
    "older_joined": {"type": "word_delimiter", "catenate_all": True},
    "pairs": {"type": "shingle", "output_unigrams": False},
}
CHAINS = {
    **{name: [name] for name in FILTERS if name != "pairs"},
    "stemmed": ["graph", "lowercase", "porter_stem"],
    "grams": ["graph", "edge_ngram"],
    "shingles": ["graph", "pairs"],
}
INDEX = {
    "settings": {
        "analysis": {
            "filter": FILTERS,
            "analyzer": {name: {"tokenizer": "whitespace", "filter": chain} for name, chain in CHAINS.items()},
        }
    },
    "mappings": {
        "properties": {
            "t": {"type": "text"},
            "u": {"type": "text"},
            "k": {"type": "keyword"},
            "e": {"type": "text", "analyzer": "english"},
            **{name: {"type": "text", "analyzer": name} for name in CHAINS},
        }
    },
}
TEXTS = ("red", "redwood sun", "wi-fi", '15" tv', "blue", "wi-fifth")
DOCUMENTS = [
    {"t": "red york", "u": "york", "e": "a red york", "k": ["york", "", "Yo"][at % 3], **dict.fromkeys(CHAINS, text)}
    for at, text in enumerate(TEXTS)
]


@pytest.fixture(scope="module")
def index() -> BodyIndex:
    return BodyIndex(Schema.of(INDEX), Analysis(INDEX["settings"]), DOCUMENTS)


def answer(index: BodyIndex, query: dict[str, Any]) -> dict[int, float]:
    (hits,) = index.search([{"query": query}], hits=10)
    return dict(zip(hits.codes.tolist(), hits.scores, strict=True))


def same(scores: dict[int, float]) -> dict[int, np.float32]:
    return {code: np.float32(score) for code, score in scores.items()}


@pytest.mark.parametrize(
    ("field", "text", "expected"),
    [
        ("graph", "red!", {0: 1.8418363}),
        ("graph", "red", {0: 1.0, 1: 1.0}),
        ("graph", '15"', {3: 1.4239408}),
        ("graph", 'wi-fi"', {2: 2.37569, 5: 0.9517491}),
        ("graph", "wi-fi", {2: 1.9517491, 5: 1.9517491}),
        ("graph", "blue red!", {0: 1.8418363, 4: 1.8418363}),
        ("graph", "tv -", {3: 1.4239408}),
        ("whole", "red!", {0: 1.0, 1: 1.0}),
        ("whole", "wi-fi!", {2: 1.9517491, 5: 1.9517491}),
        ("kept", "red!", {0: 1.975638}),
        ("joined", "wi-fi!", {2: 1.7159388}),
        ("joined", "wi-fi", {2: 1.0, 5: 1.0}),
        ("older", "red!", {0: 1.8418363}),
        ("older", "wi-fi", {2: 1.9517491, 5: 1.9517491}),
        ("older_joined", "wi-fi!", {2: 2.9561718, 5: 1.0296195}),
        ("older_joined", "wi-fi", {2: 2.4157267, 5: 2.0296195}),
        ("stemmed", "red-", {0: 1.8418363}),
        ("grams", "red!", {0: 1.2310667, 1: 0.9517491}),
        ("grams", "red", {0: 1.0, 1: 1.0}),
        ("shingles", "wi-fi!", {2: 1.2039728}),
        ("shingles", "wi-fi", {2: 1.0, 5: 1.0}),
    ],
)
def test_a_word_is_a_beginning_where_its_last_part_ends_the_text(
    index: BodyIndex, field: str, text: str, expected: dict[int, float]
) -> None:
    assert answer(index, {"match_bool_prefix": {field: text}}) == same(expected)


@pytest.mark.parametrize(
    ("query", "kind", "score"),
    [
        ('"york"', "most_fields", 0.14821595),
        ("yor*", "most_fields", 2.0),
        ("y*k", "most_fields", 2.0),
        ("york~1", "most_fields", 0.14821595),
        ("[yo TO yp]", "most_fields", 2.0),
        ("*", "most_fields", 2.0),
        ('"york"', "bool_prefix", 0.14821595),
        ("yor*", "bool_prefix", 2.0),
        ("y*k", "bool_prefix", 2.0),
        ("york~1", "bool_prefix", 0.14821595),
        ("[yo TO yp]", "bool_prefix", 2.0),
        ("*", "bool_prefix", 2.0),
        ('"york"', "best_fields", 0.074107975),
    ],
)
def test_fields_are_added_up(index: BodyIndex, query: str, kind: str, score: float) -> None:
    found = answer(index, {"query_string": {"query": query, "fields": ["t", "u"], "type": kind}})
    assert found == same(dict.fromkeys(range(6), score))


def test_phrases_of_a_simple_query_string_are_not_added_up(index: BodyIndex) -> None:
    found = answer(index, {"simple_query_string": {"query": '"york"', "fields": ["t", "u"]}})
    assert found == same(dict.fromkeys(range(6), 0.074107975))


@pytest.mark.parametrize(
    ("query", "score"),
    [
        ("(the) AND red", 0.074107975),
        ("e:(a) OR red", 0.074107975),
        ("(e:the) || red", 0.074107975),
        ("e:(the)^2 red", 0.074107975),
        ("(the)^2", 0.0),
        ("red (the)^2", 0.074107975),
        ("(the)", 0.0),
    ],
)
def test_groups_without_words_are_left_out(index: BodyIndex, query: str, score: float) -> None:
    assert answer(index, {"query_string": {"query": query, "fields": ["e"]}}) == same(
        dict.fromkeys(range(6), score) if score else {}
    )


@pytest.mark.parametrize(
    ("query", "fields", "expected"),
    [
        ("/yor.*/", ["t"], {0: 1.0, 1: 1.0, 2: 1.0, 3: 1.0, 4: 1.0, 5: 1.0}),
        ("/YOR.*/", ["t"], {}),
        ("/yor.*/", ["k"], {0: 1.0, 3: 1.0}),
        ("k:/Y.*/", ["t"], {2: 1.0, 5: 1.0}),
        ("red /y.rk/^2", ["t", "k"], {0: 2.074108, 1: 2.074108, 2: 2.074108, 3: 2.074108, 4: 2.074108, 5: 2.074108}),
        ("/red/~2", ["t"], {0: 1.0, 1: 1.0, 2: 1.0, 3: 1.0, 4: 1.0, 5: 1.0}),
        ("//", ["k"], {1: 1.0, 4: 1.0}),
    ],
)
def test_regular_expressions(index: BodyIndex, query: str, fields: list[str], expected: dict[int, float]) -> None:
    assert answer(index, {"query_string": {"query": query, "fields": fields}}) == same(expected)


@pytest.mark.parametrize("fuzziness", ["AUTO", 1, 2])
def test_nothing_is_near_an_empty_word(index: BodyIndex, fuzziness: object) -> None:
    assert answer(index, {"fuzzy": {"t": {"value": "", "fuzziness": fuzziness}}}) == {}
    assert answer(index, {"match": {"k": {"query": "", "fuzziness": fuzziness}}}) == same({1: 1.0296195, 4: 1.0296195})


def test_simple_query_strings_add_up_their_fields() -> None:
    properties = {name: {"type": "text"} for name in ("t", "u")}
    index = BodyIndex(Schema.of({"mappings": {"properties": properties}}), Analysis({}), [{"t": "york", "u": "york"}])
    (answer,) = index.search([{"query": {"simple_query_string": {"query": "yo*", "fields": ["t", "u"]}}}], hits=1)
    assert answer.scores.tolist() == [2.0]  # one for each field


@pytest.mark.parametrize(
    ("kind", "query", "found"),
    [
        ("query_string", "Yo*", {2, 5}),
        ("query_string", "Y?", {2, 5}),
        ("query_string", "YO*", set()),
        ("simple_query_string", "Yo*", {0, 3}),
    ],
)
def test_patterns_on_keywords_leave_the_analyzer_of_a_query_string(
    index: BodyIndex, kind: str, query: str, found: set[int]
) -> None:
    assert set(answer(index, {kind: {"query": query, "fields": ["k"], "analyzer": "english"}})) == found
