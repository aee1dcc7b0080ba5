"""Strategies: the eleven of the table, the requests they make, and one clear line for each bad value."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest

from relevance.errors import InputError
from relevance.strategies import STRATEGIES, Leg, Strategy, from_table

BOOSTED = (("title", 8), ("description", 2), ("attributes", 1))
EACH = (("title", 1), ("description", 1), ("attributes", 1))


def text_leg(boosts: tuple[tuple[str, float], ...]) -> Leg:
    """A leg of match clauses."""
    return Leg(boosts, (), 150, "base")


def vector_leg(*boosts: tuple[str, float]) -> Leg:
    """A leg of nearest-neighbour clauses."""
    return Leg((), boosts, 150, "base")


REFERENCE = {
    "textsearch": (text_leg(EACH),),
    "textsearch_boosted": (text_leg(BOOSTED),),
    "vectorsearch": (vector_leg(("whole", 1)),),
    "vectorsearch_multifield": (vector_leg(*EACH),),
    "vectorsearch_multifield_boosted": (vector_leg(("title", 8), ("description", 4), ("attributes", 1)),),
    "hybrid": (Leg(BOOSTED, (("whole", 1),), 150, "base"),),
    "hybrid_boosted": (Leg(BOOSTED, (("whole", 50),), 150, "base"),),
    "rrf": (text_leg(BOOSTED), vector_leg(("whole", 1))),
    "rrf_multi": (text_leg(BOOSTED), *(vector_leg(boost) for boost in EACH)),
    "vectorsearch_finetune": (Leg((), (("whole", 1),), 150, "finetuned"),),
    "rrf_finetune": (Leg(BOOSTED, (), 150, "finetuned"), Leg((), (("whole", 1),), 150, "finetuned")),
}


def test_the_table_holds_the_strategies_of_the_reference() -> None:
    """Eleven names in the order of its results, each with the fields and boosts that it was published with."""
    assert list(STRATEGIES) == list(REFERENCE)
    assert {name: strategy.legs() for name, strategy in STRATEGIES.items()} == REFERENCE
    assert all(name == strategy.name for name, strategy in STRATEGIES.items())
    fused = {name: (each.window, each.k) for name, each in STRATEGIES.items() if each.combine == "rrf"}
    assert fused == dict.fromkeys(("rrf", "rrf_multi", "rrf_finetune"), (50, 60))


def test_a_leg_says_what_it_asks() -> None:
    """Text, a vector field, or both; candidates and model reach every leg."""
    assert [leg.name for leg in STRATEGIES["rrf"].legs()] == ["text", "vector whole"]
    assert STRATEGIES["hybrid"].legs()[0].name == "text+vector whole"
    assert STRATEGIES["vectorsearch_multifield"].legs()[0].name == "vector title+vector description+vector attributes"
    strategy = Strategy("own", vectors={"title": 1, "whole": 1}, combine="rrf", candidates=20, model="tuned")
    assert [(leg.candidates, leg.model) for leg in strategy.legs()] == [(20, "tuned")] * 2


# values


def test_strategies_are_values() -> None:
    """Equal contents are equal and hash equal; any other content is another strategy; boosts cannot be changed."""
    boosts = {"title": 1.0}
    own = Strategy("own", text=boosts)
    boosts["title"] = 2.0
    assert own.text == {"title": 1}
    with pytest.raises(TypeError):
        own.text["title"] = 2  # type: ignore[index]
    rrf = STRATEGIES["rrf"]
    assert dataclasses.replace(rrf) == rrf
    assert hash(dataclasses.replace(rrf)) == hash(rrf)
    one, other = (Strategy("own", text=dict(boosts)) for boosts in (BOOSTED, BOOSTED[::-1]))
    assert (one, hash(one), one.legs()) == (other, hash(other), other.legs()), "their order is no difference"
    changes: list[dict[str, Any]] = [
        {"name": "own"},
        {"text": {"title": 8}},
        {"vectors": {"title": 1}},
        {"candidates": 149},
        {"window": 49},
        {"k": 61},
        {"model": "tuned"},
    ]
    variants = {rrf, *(dataclasses.replace(rrf, **change) for change in changes)}
    assert len(variants) == 1 + len(changes)


# bad values

NO_BOOST = "is no boost; allowed: 1e-06 to 1,000,000"
TEXT_ALLOWED = "allowed: title, description, attributes"
VECTORS_ALLOWED = "allowed: title, description, attributes, whole"
WHOLE = "allowed: a whole number from 1 to 10,000"
BAD_NAMES = (5, "", "Text", "text-search", "täxt", "text\n", "../a")
NAME = "allowed: lower-case letters, digits and underscores"

TITLE: dict[str, Any] = {"text": {"title": 1}}

BAD: list[tuple[dict[str, Any], str]] = [
    ({"text": {"titel": 1}}, f"text: unknown field 'titel' (did you mean 'title'?); {TEXT_ALLOWED}"),
    ({"text": {"whole": 1}}, f"text: unknown field 'whole'; {TEXT_ALLOWED}"),
    ({"vectors": {"text": 1}}, f"vectors: unknown field 'text'; {VECTORS_ALLOWED}"),
    ({"text": {"title": 0}}, f"text.title = 0 {NO_BOOST}"),
    ({"text": {"title": math.inf}}, f"text.title = inf {NO_BOOST}"),
    ({"text": {"title": True}}, f"text.title = True {NO_BOOST}"),
    ({"text": {"title": 10**400}}, f"text.title = {10**400} {NO_BOOST}"),
    ({"text": ["title"]}, "text = ['title']; allowed: a boost for each of the fields that are used"),
    ({"text": TITLE, "vectors": None}, "text: unknown field 'text'; allowed"),
    (TITLE | {"vectors": None}, "vectors = None; allowed: a boost for each of the fields that are used"),
    ({"text": {"title": 1}, "vectors": {"whole": 0}}, f"vectors.whole = 0 {NO_BOOST}"),
    ({}, "neither text nor vectors; at least one field is needed"),
    ({"combine": "rrf"}, "neither text nor vectors; at least one field is needed"),
    (TITLE | {"combine": "max"}, "combine = 'max'; allowed: sum, rrf"),
    ({"text": {"title": 1}, "combine": "rrf"}, "rrf fuses two lists or more: text and a vector field"),
    ({"vectors": {"whole": 1}, "combine": "rrf"}, "rrf fuses two lists or more: text and a vector field"),
    (
        {"text": {"title": 1}, "vectors": {"whole": 2}, "combine": "rrf"},
        "rrf fuses ranks, so a vector field's boost changes nothing; allowed: 1",
    ),
    *((TITLE | {number: value}, f"{number} = {value!r}; {WHOLE}") for number in ("candidates", "window", "k")
      for value in (0, 1.5, True, "9", 10_001)),
    *((TITLE | {"name": name}, f"name = {name!r}; {NAME}") for name in BAD_NAMES),
    *((TITLE | {"model": name}, f"model = {name!r}; {NAME}") for name in BAD_NAMES),
]  # fmt: skip


@pytest.mark.parametrize(("values", "message"), BAD, ids=[str(values)[:60] for values, _ in BAD])
def test_a_bad_value_is_one_clear_line(values: dict[str, Any], message: str) -> None:
    """When the value is made: the strategy, what is wrong, what is allowed."""
    values = {"name": "own"} | values
    with pytest.raises(InputError) as caught:
        Strategy(**values)
    assert str(caught.value).startswith(f"strategy {values['name']!r}: {message}")
    assert "\n" not in str(caught.value)


# from a table of settings

FUSED: dict[str, Any] = {"text": {"title": 1}, "vectors": {"whole": 1}, "combine": "rrf"}


def test_a_table_is_a_strategy() -> None:
    """What is left out is as in `Strategy`."""
    assert from_table("own", FUSED) == Strategy("own", **FUSED)
    full = FUSED | {"window": 20, "k": 10, "candidates": 99, "model": "tuned"}
    assert from_table("own", full) == Strategy("own", **full)


@pytest.mark.parametrize(
    ("setting", "needed"),
    [({"window": 50}, "rrf"), ({"k": 60}, "rrf"), ({"candidates": 150}, "vectors"), ({"model": "base"}, "vectors")],
    ids=str,
)
def test_a_setting_that_changes_nothing_is_an_error(setting: dict[str, Any], needed: str) -> None:
    """Even where it says what holds without it: whoever wrote it expects an effect."""
    (name,) = setting
    from_table("own", FUSED | setting)
    with pytest.raises(InputError, match=f"^strategy 'own': {name} changes nothing without {needed}; leave it out$"):
        from_table("own", TITLE | setting)
