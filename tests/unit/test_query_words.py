"""What becomes of the words of a query: what they are asked as, and what the product has."""

from __future__ import annotations

from typing import Any

import pytest
from helpers import shop

from relevance.fields import own_fields
from relevance.records import Catalogue
from relevance.strategies import STRATEGIES, Strategy
from relevance.suite.words import QueryWord, WordReader, moved_words

STEMMED, PLAIN = ["lowercase", "porter_stem"], ["lowercase"]


def reader(index: list[str], search: list[str], **name: Any) -> WordReader:
    analyzers = {key: {"tokenizer": "standard", "filter": chain} for key, chain in (("i", index), ("s", search))}
    properties: dict[str, Any] = {
        "name": {"type": "text", "analyzer": "i", "search_analyzer": "s", **name},
        "all": {"type": "text"},
        "facets": {"type": "nested", "properties": {"value": {"type": "text"}}},
        "kind": {"type": "keyword"},
    }
    body = {"settings": {"analysis": {"analyzer": analyzers}}, "mappings": {"properties": properties}}
    document = {"name": "Space heaters", "facets": [{"value": "red"}, {"value": "oak"}], "kind": "heater"}
    return WordReader(Catalogue.of_documents(["p1"], [document], own_fields(body)), None, 9)


def words(of: WordReader, query: dict[str, Any], text: str = "space heater") -> list[QueryWord]:
    (leg,) = Strategy("own", template={"query": query}).legs()
    return of.words(leg, text, 0)


MATCH = {"match": {"name": "{{query}}"}}


@pytest.mark.parametrize(
    ("index", "search", "how"),
    [
        (STEMMED, STEMMED, ""),
        (STEMMED, PLAIN, ""),  # `heater` is its own stem
        (PLAIN, STEMMED, "the product has `heaters`"),
        (PLAIN, [*PLAIN, "reverse"], "the product has `heaters`"),
    ],
)
def test_a_word_is_found_by_what_it_is_asked_as(index: list[str], search: list[str], how: str) -> None:
    *_, word = words(reader(index, search), MATCH)
    assert (word.is_found, "" if word.is_found else word.part.how) == (not how, how)


def test_products_read_at_once_keep_their_own_documents() -> None:
    body = {"mappings": {"properties": {"name": {"type": "text"}}}}
    products = Catalogue.of_documents(["p1", "p2"], [{"name": "heater"}, {"name": "lamp"}], own_fields(body))
    both = WordReader(products, None, 9)
    both.keep([1, 0])
    (leg,) = Strategy("own", template={"query": MATCH}).legs()
    assert [both.words(leg, "lamp", code)[0].is_found for code in (0, 1)] == [False, True]


def test_why_a_word_is_not_found() -> None:
    space, _ = words(reader(PLAIN, PLAIN), MATCH, "space heaters")
    assert (space.is_found, space.asked, space.indexed) == (True, ("space",), ("space",))
    *_, heaters = words(reader(STEMMED, PLAIN), MATCH, "space heaters")
    assert heaters.part.how == "asked as `heaters`, in the index it is `heater`"
    assert [word.text for word in words(reader(PLAIN, [*PLAIN, "stop"]), MATCH, "the heaters")] == ["heaters"]


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        (MATCH, ["name"]),
        ({"multi_match": {"query": "{{query}}", "fields": ["na*^3", "all", "kind"]}}, ["name", "all"]),
        (
            {"nested": {"path": "facets", "query": {"match": {"facets.value": {"query": "{{query}}"}}}}},
            ["facets.value"],
        ),
        ({"bool": {"must": MATCH, "filter": {"match": {"all": "fixed"}}}}, ["name"]),
    ],
)
def test_the_fields_that_are_asked(query: dict[str, Any], fields: list[str]) -> None:
    assert list(dict.fromkeys(word.field for word in words(reader(PLAIN, PLAIN), query))) == fields


def test_fields_are_filled_by_others_and_clauses_have_analyzers_of_their_own() -> None:
    query = {"multi_match": {"query": "{{query}}", "fields": ["all"], "analyzer": "i"}}
    filled = words(reader([*PLAIN, "porter_stem"], PLAIN, copy_to=["all"]), query, "heaters")
    assert [(word.asked, word.is_found, word.held) for word in filled] == [(("heater",), False, ("heaters",))]


def test_words_of_a_strategy_by_the_names_of_its_fields() -> None:
    of = WordReader(shop.catalogue([("a", "Red drill", "")], [("a", "Case", "red box")]), None, 9)
    (leg,) = STRATEGIES["textsearch"].legs()
    found = {word.field: word.is_found for word in of.words(leg, "red", 0)}
    assert found == {"title": True, "description": False, "attributes": True}


def moved(old: tuple[list[str], list[str]], new: tuple[list[str], list[str]]) -> list[str]:
    return moved_words(*(words(reader(*side), MATCH, "heaters") for side in (old, new)))


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ((STEMMED, STEMMED), (STEMMED, STEMMED), []),
        ((STEMMED, STEMMED), (PLAIN, PLAIN), []),
        ((PLAIN, PLAIN), (STEMMED, PLAIN),
         ["`heaters` no longer matches name: `heater` in the index only, where it was `heaters`"]),
        ((STEMMED, STEMMED), (STEMMED, PLAIN),
         [("`heaters` no longer matches name: asked as `heaters`, before as `heater`, "
          "in the index it is `heater` as before")]),
        ((STEMMED, PLAIN), (PLAIN, PLAIN),
         ["`heaters` matches name now: `heaters` in the index only, where it was `heater`"]),
        ((PLAIN, PLAIN), ([*PLAIN, "reverse"], STEMMED),
         [("`heaters` no longer matches name: asked as `heater`, before as `heaters`; "
          "in the index it is `sretaeh`, was `heaters`")]),
    ],
)  # fmt: skip
def test_what_changed_a_word(old: Any, new: Any, lines: list[str]) -> None:
    assert moved(old, new) == lines


def test_a_field_that_is_left_out() -> None:
    of = reader(PLAIN, PLAIN)
    both = words(of, {"multi_match": {"query": "{{query}}", "fields": ["name", "facets.value"]}})
    assert moved_words(both, words(of, {"match": {"facets.value": "{{query}}"}})) == ["name is no longer searched"]
