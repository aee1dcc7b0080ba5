"""Searches of a template, read once for texts of a shape, against the same searches read one by one."""

from typing import Any

import numpy as np
import pytest
from parity import made_shop
from parity.bodies import without_params
from parity.search_bodies import BODIES, INDEX
from parity.texts import seeded

from relevance import bodies
from relevance.analysis import Analysis
from relevance.engines.embedded.bodies import Answer, BodyIndex, lanes
from relevance.engines.embedded.bodies.plans import Template
from relevance.errors import InputError
from relevance.schema import Schema

Q = "{{query}}"
BODY: dict[str, Any] = {
    "settings": {
        "analysis": {
            "filter": {"same": {"type": "synonym_graph", "synonyms": ["tv, television", "usb stick, flash drive"]}},
            "analyzer": {"same": {"tokenizer": "standard", "filter": ["lowercase", "same"]}},
            "normalizer": {"folded": {"type": "custom", "filter": ["lowercase"]}},
        }
    },
    "mappings": {
        "properties": {
            "name": {"type": "text", "search_analyzer": "same"},
            "brand": {"type": "text"},
            "maker": {"type": "text"},
            "kind": {"type": "text"},
            "sku": {"type": "keyword", "normalizer": "folded"},
            "price": {"type": "integer"},
        }
    },
}
NAMES = ("red tv", "television red red", "usb stick blue", "flash drive", "blue tv stand", "stand for a red drive", "a")
DOCUMENTS = [
    {
        "name": name,
        "brand": name.split()[-1],
        "maker": name,
        "kind": name.split()[0],
        "sku": name.title(),
        "price": at,
    }
    for at, name in enumerate(NAMES)
]
TEXTS = (
    "tv",
    "red tv",
    "red red tv",
    "stand",
    "usb stick",
    "blue usb stick",
    "nothing",
    "",
    "a red drive",
    "Red TV",
    "5",
    "rad tu",
    "blu st",
    "stan",
    "red rid",
    "tv sand",
)


def match(**fields: Any) -> dict[str, Any]:
    return {"match": fields}


def multi(kind: str, *fields: str, **more: Any) -> dict[str, Any]:
    return {"multi_match": {"query": Q, "type": kind, "fields": list(fields), **more}}


PLANNED: dict[str, dict[str, Any]] = {
    "match": {"query": match(name=Q)},
    "minimum": {"query": match(name={"query": Q, "minimum_should_match": "2<75%"})},
    "best fields": {"query": multi("best_fields", "name^3", "brand", tie_breaker=0.3)},
    "cross fields": {"query": multi("cross_fields", "name", "brand^2", operator="and")},
    "cross fields as one": {"query": multi("cross_fields", "brand", "maker^2", "kind", minimum_should_match="2<75%")},
    "most fields": {"query": multi("most_fields", "name", "brand", "sku")},
    "keyword": {"query": {"bool": {"should": [{"term": {"sku": Q}}, match(sku=Q), match(brand=Q)]}}},
    "constants that queries name": {"query": {"bool": {"should": [match(name="red stand"), match(name=Q)]}}},
    "must not": {"query": {"bool": {"must": [match(name=Q)], "must_not": [match(brand="tv")]}}},
    "filter of words": {"query": {"bool": {"should": [match(brand="drive")], "filter": [match(name=Q)]}}},
    "phrase": {"query": {"bool": {"must": [match(brand=Q)], "should": [{"match_phrase": {"brand": Q}}]}}},
    "rescore": {
        "query": match(brand=Q),
        "rescore": {"query": {"rescore_query": {"match_phrase": {"brand": {"query": Q, "slop": 3}}}}},
    },
    "all and a sort": {
        "query": {"bool": {"must": [{"match_all": {}}], "should": [match(name=Q)]}},
        "post_filter": {"match_all": {}},
        "sort": [{"price": "desc"}],
    },
    "a least number beside what must match": {
        "query": {
            "bool": {
                "must": [match(brand=Q)],
                "should": [match(name=Q), {"term": {"sku": Q}}, {"range": {"price": {"gte": 3}}}],
                "minimum_should_match": 2,
            }
        }
    },
    "lowered": {
        "query": {"boosting": {"positive": match(name=Q), "negative": match(brand=Q), "negative_boost": 0.3}},
        "min_score": 0.2,
        "from": 1,
    },
    "functions where words match": {
        "query": {
            "function_score": {
                "query": match(name=Q),
                "functions": [
                    {"filter": match(brand=Q), "weight": 3},
                    {"filter": {"range": {"price": {"gte": 2}}}, "field_value_factor": {"field": "price"}},
                ],
            }
        }
    },
    "function": {"query": {"function_score": {"query": match(name=Q), "field_value_factor": {"field": "price"}}}},
    "one of several terms": {"query": {"terms": {"sku": [Q, "a"]}}},
    "prefix": {"query": {"bool": {"should": [{"prefix": {"sku": Q}}, match(brand=Q)]}}},
    "bool prefix": {"query": multi("bool_prefix", "name", "brand", "sku")},
    "fuzzy": {"query": match(brand={"query": Q, "fuzziness": 1})},
    "fuzzy, all of them": {"query": match(brand={"query": Q, "fuzziness": 1, "operator": "and"})},
    "fuzzy, some of them": {"query": match(brand={"query": Q, "fuzziness": 2, "minimum_should_match": "2<75%"})},
    "fuzzy over a graph": {"query": match(name={"query": Q, "fuzziness": "AUTO:2,4"})},
    "fuzzy in several fields": {"query": multi("best_fields", "name", "brand^2", "sku", fuzziness=2, tie_breaker=0.3)},
    "fuzzy beside the word": {
        "query": {"bool": {"should": [match(brand=Q), match(brand={"query": Q, "fuzziness": 1})]}}
    },
    "fuzzy beside what must match": {
        "query": {
            "bool": {
                "must": [match(name=Q)],
                "should": [match(brand={"query": Q, "fuzziness": 2})],
                "minimum_should_match": 1,
            }
        }
    },
    "fuzzy as a filter": {
        "query": {"bool": {"filter": [match(brand={"query": Q, "fuzziness": 1})], "must": [match(name=Q)]}}
    },
    "phrase prefix": {"query": {"bool": {"should": [{"match_phrase_prefix": {"brand": Q}}, match(brand=Q)]}}},
    "sloppy phrase prefix": {"query": {"match_phrase_prefix": {"name": {"query": Q, "slop": 2, "max_expansions": 2}}}},
}
READ_BY_THEMSELVES: dict[str, dict[str, Any]] = {
    "a number": {"query": multi("best_fields", "name", "price", lenient=True)},
    "inside a text": {"query": {"wildcard": {"name": "*{{query}}*"}}},
}


@pytest.fixture(scope="module", params=[8, 9])
def index(request: pytest.FixtureRequest) -> BodyIndex:
    analysis = Analysis(BODY["settings"], release=request.param)
    return BodyIndex(Schema.of(BODY), analysis, DOCUMENTS, release=request.param)


def check_same(answers: list[Answer], others: list[Answer]) -> None:
    for one, other in zip(answers, others, strict=True):
        assert one.codes.tolist() == other.codes.tolist()
        assert one.scores.view(np.int32).tolist() == other.scores.view(np.int32).tolist()
        assert one.total == other.total


@pytest.mark.parametrize("name", [*PLANNED, *READ_BY_THEMSELVES])
def test_a_plan_answers_as_the_search_read_by_itself(index: BodyIndex, name: str) -> None:
    form = bodies.prepare({**PLANNED, **READ_BY_THEMSELVES}[name])
    alone = index.search([form.render(query=text) for text in TEXTS * 2], hits=10)
    check_same(index.ask(form, [(text, None, {}) for text in TEXTS * 2], hits=10), alone)
    check_same([index.ask(form, [(text, None, {})], hits=10)[0] for text in TEXTS * 2], alone)


@pytest.mark.parametrize("name", [*PLANNED, *READ_BY_THEMSELVES])
def test_what_has_to_know_its_words_has_no_plan(index: BodyIndex, name: str) -> None:
    form = bodies.prepare({**PLANNED, **READ_BY_THEMSELVES}[name])
    template = Template(form, index._levels, {}, 10)
    assert (template.plan("red tv")[0] is not None) == (name in PLANNED)


def test_texts_of_a_shape_share_a_plan(index: BodyIndex) -> None:
    template = Template(bodies.prepare(PLANNED["match"]), index._levels, {}, 10)
    assert template.plan("red stand")[0] is template.plan("blue drive")[0]
    assert template.plan("red stand")[1] == ["red", "stand"]
    assert template.plan("red red")[0] is not template.plan("red stand")[0]


# many queries at once

PRODUCTS = 60


@pytest.fixture(scope="module")
def shop() -> BodyIndex:
    vector = {"type": "dense_vector", "dims": 3, "similarity": "cosine", "index_options": {"type": "flat"}}
    schema = Schema.of({"mappings": {"properties": {**INDEX["mappings"]["properties"], "whole_vector": vector}}})
    vectors = np.random.default_rng(1).standard_normal((PRODUCTS, 3)).tolist()
    made = zip(made_shop.documents(seeded(1), PRODUCTS), vectors, strict=True)
    documents = [{**document, "whole_vector": vector} for document, vector in made]
    return BodyIndex(schema, Analysis(INDEX["settings"], release=9), documents)


@pytest.mark.parametrize("name", BODIES)
def test_queries_together_are_answered_as_each_alone(
    shop: BodyIndex, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(lanes, "_DOCUMENTS", 4 * PRODUCTS)
    form = bodies.prepare(without_params(BODIES[name]["body"]))
    texts = [text for text in made_shop.queries(seeded(2), 60) if len(text.split()) == 2]
    asked = [(text, [1, 2, 3], {}) for text in [*texts[:6], "hp"]]
    check_same(shop.ask(form, asked, hits=10), [shop.ask(form, [one], hits=10)[0] for one in asked])


def test_as_many_are_answered_at_once_as_fit(index: BodyIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    class Counted(lanes.Lanes):
        def __init__(self, level: Any, words: Any) -> None:
            seen.append(len(words))
            super().__init__(level, words)

    monkeypatch.setattr("relevance.engines.embedded.bodies.index.Lanes", Counted)
    monkeypatch.setattr(lanes, "_DOCUMENTS", 3 * len(DOCUMENTS))
    index.ask(bodies.prepare(PLANNED["match"]), [(text, None, {}) for text in ["red stand", "tv"] * 7], hits=10)
    assert seen == [3, 3, 3, 3]  # and one is left over, of each


def test_what_fails_says_what_it_says_alone(index: BodyIndex) -> None:
    failing = {"function_score": {"query": match(name=Q), "field_value_factor": {"field": "price", "factor": -1}}}
    form = bodies.prepare({"query": failing})
    with pytest.raises(InputError, match="the factor of 'price' is negative"):
        index.ask(form, [(text, None, {}) for text in ("nothing", "red tv", "blue drive")], hits=10)


@pytest.mark.parametrize("operator", ["or", "and"])
def test_terms_that_words_reach_are_added_up_as_alone(operator: str) -> None:
    """Each word reaches dozens of terms, whose scores flow into one sum: rounded in between it would be another."""
    drawn = seeded(3)
    terms = [f"{first}{middle}{last}" for first in "abcd" for middle in "efgh" for last in "ijkl"]
    documents = [{"t": " ".join(drawn.choices(terms, k=drawn.randint(3, 40)))} for _ in range(200)]
    mapping = {"mappings": {"properties": {"t": {"type": "text"}}}}
    index = BodyIndex(Schema.of(mapping), Analysis({}, release=9), documents)
    form = bodies.prepare({"query": {"match": {"t": {"query": Q, "fuzziness": 1, "operator": operator}}}})
    texts = [" ".join(drawn.sample(terms, 3)) for _ in range(40)]
    alone = index.search([form.render(query=text) for text in texts], hits=200)
    assert any(answer.total > 50 for answer in alone)
    check_same(index.ask(form, [(text, None, {}) for text in texts], hits=200), alone)
