"""Strategies: the eleven of the table, the requests they make, and one clear line for each bad value."""

import dataclasses
import math
from typing import Any

import pytest

from relevance.engines.mapping import own_paths, search_of
from relevance.errors import InputError
from relevance.strategies import STRATEGIES, Fused, Leg, Strategy, from_table

BOOSTED = (("title", 8), ("description", 2), ("attributes", 1))
EACH = (("title", 1), ("description", 1), ("attributes", 1))
TITLE_FIRST = (("title", 8), ("description", 4), ("attributes", 1))
WHOLE = (("whole", 1),)


def leg(text: tuple[tuple[str, float], ...], vectors: tuple[tuple[str, float], ...], model: str = "base") -> Leg:
    return Leg(text, vectors, 150, model)


PUBLISHED = {
    "textsearch": (leg(EACH, ()),),
    "textsearch_boosted": (leg(BOOSTED, ()),),
    "vectorsearch": (leg((), WHOLE),),
    "vectorsearch_multifield": (leg((), EACH),),
    "vectorsearch_multifield_boosted": (leg((), TITLE_FIRST),),
    "hybrid": (leg(BOOSTED, WHOLE),),
    "hybrid_boosted": (leg(BOOSTED, (("whole", 50),)),),
    "rrf": (leg(BOOSTED, ()), leg((), WHOLE)),
    "rrf_multi": (leg(BOOSTED, ()), *(leg((), (boost,)) for boost in EACH)),
    "vectorsearch_finetune": (leg((), WHOLE, "finetuned"),),
    "rrf_finetune": (leg(BOOSTED, (), "finetuned"), leg((), WHOLE, "finetuned")),
}


def test_the_table_holds_the_published_strategies_in_their_order() -> None:
    assert list(STRATEGIES) == list(PUBLISHED)
    assert {name: strategy.legs() for name, strategy in STRATEGIES.items()} == PUBLISHED
    assert all(name == strategy.name for name, strategy in STRATEGIES.items())
    fused = {name: (each.window, each.k) for name, each in STRATEGIES.items() if each.combine == "rrf"}
    assert fused == dict.fromkeys(("rrf", "rrf_multi", "rrf_finetune"), (50, 60))


def test_a_leg_says_what_it_asks() -> None:
    assert [leg.name for leg in STRATEGIES["rrf"].legs()] == ["text", "vector whole"]
    assert STRATEGIES["hybrid"].legs()[0].name == "text+vector whole"
    assert STRATEGIES["vectorsearch_multifield"].legs()[0].name == "vector title+vector description+vector attributes"
    strategy = Strategy("own", vectors={"title": 1, "whole": 1}, combine="rrf", candidates=20, model="tuned")
    assert [(leg.candidates, leg.model) for leg in strategy.legs()] == [(20, "tuned")] * 2


def test_strategies_are_values() -> None:
    boosts = {"title": 1.0}
    own = Strategy("own", text=boosts)
    boosts["title"] = 2.0
    assert own.text == {"title": 1}
    with pytest.raises(TypeError):
        own.text["title"] = 2  # type: ignore[index]
    one, other = (Strategy("own", text=dict(boosts)) for boosts in (BOOSTED, BOOSTED[::-1]))
    assert (one, hash(one), one.legs()) == (other, hash(other), other.legs()), "their order is no difference"
    rrf = STRATEGIES["rrf"]
    changes: list[dict[str, Any]] = [
        {"name": "own"},
        {"text": {"title": 8}},
        {"vectors": {"title": 1}},
        {"candidates": 149},
        {"window": 49},
        {"k": 61},
        {"model": "tuned"},
    ]
    variants = {rrf, dataclasses.replace(rrf), *(dataclasses.replace(rrf, **change) for change in changes)}
    assert len(variants) == 1 + len(changes)


def test_weights_are_those_of_lists_and_of_one_change_nothing() -> None:
    strategy = Strategy("own", **FUSED, weights={"whole": 2.0, "text": 1})
    assert strategy.lists == ("text", "whole")
    assert strategy.weights == {"whole": 2}
    assert strategy == Strategy("own", **FUSED, weights={"whole": 2})
    one = {Strategy("own", **LINEAR, **more) for more in ({}, {"weights": {"text": 1.0}}, {"normalizer": "minmax"})}
    assert len(one) == 1
    several = {Strategy("own", **LINEAR, **more) for more in ({}, {"weights": {"text": 3}}, {"normalizer": "l2"})}
    assert len(several) == 3
    assert [leg.name for leg in one.pop().legs()] == ["text", "vector whole"]


def test_a_server_fuses_in_one_request() -> None:
    rrf = Strategy("own", **FUSED, fusion="server", window=30, weights={"whole": 2})
    assert rrf.served == Leg((("title", 1),), WHOLE, 150, "base", fused=Fused("rrf", (1, 2), "minmax", 30, 60))
    assert Strategy("own", **FUSED).served is None
    assert [leg.fused for leg in rrf.legs()] == [None, None]
    assert rrf != Strategy("own", **FUSED, window=30, weights={"whole": 2})
    members = (STRATEGIES["textsearch"], STRATEGIES["vectorsearch"])
    with pytest.raises(InputError, match='fusion = "server" is for lists of text and vectors'):
        Strategy("own", fuse=("textsearch", "vectorsearch"), combine="rrf", fusion="server", members=members)
    with pytest.raises(InputError, match="fusion = 'theirs'; allowed: ours, server"):
        Strategy("own", **FUSED, fusion="theirs")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="fusion changes nothing without rrf or linear"):
        from_table("own", {"text": {"title": 1}, "fusion": "server"})


def test_the_request_of_a_server_s_fusion() -> None:
    paths = own_paths([("base", "whole")])
    query = search_of(Leg((("title", 1),), (), 150, "base"), paths)["query"]
    knn = {"field": "whole_vector", "query_vector": "{{vector}}", "k": 150, "num_candidates": 150}
    rrf = Strategy("own", **FUSED, fusion="server").served
    assert rrf is not None
    assert search_of(rrf, paths) == {
        "retriever": {
            "rrf": {
                "retrievers": [{"standard": {"query": query}}, {"knn": knn}],
                "rank_window_size": 50,
                "rank_constant": 60,
            }
        }
    }
    linear = Strategy("own", **LINEAR, fusion="server", normalizer="l2", weights={"whole": 2}, window=20).served
    assert linear is not None
    assert search_of(linear, paths, oversample=3) == {
        "retriever": {
            "linear": {
                "retrievers": [
                    {"retriever": {"standard": {"query": query}}, "weight": 1, "normalizer": "l2_norm"},
                    {
                        "retriever": {"knn": {**knn, "rescore_vector": {"oversample": 3}}},
                        "weight": 2,
                        "normalizer": "l2_norm",
                    },
                ],
                "rank_window_size": 20,
            }
        }
    }


def test_a_normalizer_is_for_a_linear_combination_alone() -> None:
    from_table("own", LINEAR | {"normalizer": "none"})
    with pytest.raises(InputError, match="normalizer changes nothing without linear; leave it out"):
        from_table("own", FUSED | {"normalizer": "none"})
    with pytest.raises(InputError, match="k changes nothing without rrf; leave it out"):
        from_table("own", LINEAR | {"k": 60})


NO_BOOST = "is no boost; allowed: 1e-06 to 1,000,000"
NUMBER = "allowed: a whole number from 1 to 10,000"
NAME = "allowed: lower-case letters, digits and underscores"
TITLE: dict[str, Any] = {"text": {"title": 1}}
FUSED: dict[str, Any] = TITLE | {"vectors": {"whole": 1}, "combine": "rrf"}
LINEAR: dict[str, Any] = FUSED | {"combine": "linear"}
BAD_NAMES = (5, "", "Text", "text-search", "täxt", "text\n", "../a")
BAD: list[tuple[dict[str, Any], str]] = [
    ({"text": {"titel": 1}}, "text: unknown field 'titel' (did you mean 'title'?); allowed: title, description, attri"),
    ({"text": {"whole": 1}}, "text: unknown field 'whole'; allowed: title, description, attributes"),
    ({"vectors": {"text": 1}}, "vectors: unknown field 'text'; allowed: title, description, attributes, whole"),
    ({"text": {"title": 0}}, f"text.title = 0 {NO_BOOST}"),
    ({"text": {"title": math.inf}}, f"text.title = inf {NO_BOOST}"),
    ({"text": {"title": True}}, f"text.title = True {NO_BOOST}"),
    ({"text": {"title": 10**400}}, f"text.title = {10**400} {NO_BOOST}"),
    ({"text": ["title"]}, "text = ['title']; allowed: a boost for each of the fields that are used"),
    ({"text": TITLE, "vectors": None}, "text: unknown field 'text'; allowed"),
    (TITLE | {"vectors": None}, "vectors = None; allowed: a boost for each of the fields that are used"),
    (TITLE | {"vectors": {"whole": 0}}, f"vectors.whole = 0 {NO_BOOST}"),
    ({}, "neither text nor vectors; at least one field is needed"),
    ({"combine": "rrf"}, "neither text nor vectors; at least one field is needed"),
    (TITLE | {"combine": "max"}, "combine = 'max'; allowed: sum, rrf, linear"),
    (TITLE | {"combine": "rrf"}, "rrf fuses two lists or more: text and a vector field"),
    ({"vectors": {"whole": 1}, "combine": "rrf"}, "rrf fuses two lists or more: text and a vector field"),
    (FUSED | {"vectors": {"whole": 2}}, "rrf fuses ranks, so a vector field's boost changes nothing; allowed: 1"),
    (TITLE | {"combine": "linear"}, "linear fuses two lists or more: text and a vector field"),
    (LINEAR | {"vectors": {"whole": 2}}, "linear fuses normalised scores, so a vector field's boost changes nothing"),
    (LINEAR | {"weights": {"title": 2}}, "weights: unknown list 'title'; allowed: text, whole"),
    (FUSED | {"weights": {"hole": 2}}, "weights: unknown list 'hole' (did you mean 'whole'?); allowed: text, whole"),
    (LINEAR | {"weights": {"whole": 0}}, "weights.whole = 0 is no weight; allowed: 1e-06 to 1,000,000"),
    (LINEAR | {"weights": [1, 2]}, "weights = [1, 2]; allowed: a weight for each of the lists that are used"),
    (LINEAR | {"normalizer": "max"}, "normalizer = 'max'; allowed: minmax, l2, none"),
    *((TITLE | {key: value}, f"{key} = {value!r}; {NUMBER}") for key in ("candidates", "window", "k")
      for value in (0, 1.5, True, "9", 10_001)),
    *((TITLE | {key: name}, f"{key} = {name!r}; {NAME}") for key in ("name", "model") for name in BAD_NAMES),
]  # fmt: skip


@pytest.mark.parametrize(("values", "message"), BAD, ids=[str(values)[:60] for values, _ in BAD])
def test_a_bad_value_is_one_clear_line(values: dict[str, Any], message: str) -> None:
    values = {"name": "own"} | values
    with pytest.raises(InputError) as caught:
        Strategy(**values)
    assert str(caught.value).startswith(f"strategy {values['name']!r}: {message}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("more", [{}, {"window": 20, "k": 10, "candidates": 99, "model": "tuned"}])
def test_a_table_is_a_strategy(more: dict[str, Any]) -> None:
    assert from_table("own", FUSED | more) == Strategy("own", **FUSED, **more)


@pytest.mark.parametrize(
    ("setting", "needed"),
    [
        ({"window": 50}, "rrf or linear"),
        ({"weights": {}}, "rrf or linear"),
        ({"k": 60}, "rrf"),
        ({"candidates": 150}, "vectors"),
        ({"model": "base"}, "vectors"),
    ],
    ids=str,
)
def test_a_setting_that_changes_nothing_is_an_error_even_with_its_default(setting: dict[str, Any], needed: str) -> None:
    (name,) = setting
    from_table("own", FUSED | setting)
    with pytest.raises(InputError, match=f"^strategy 'own': {name} changes nothing without {needed}; leave it out$"):
        from_table("own", TITLE | setting)
