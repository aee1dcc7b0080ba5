"""What is tried, and what is refused."""

import re
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from helpers import shop

from relevance import bodies
from relevance.errors import InputError
from relevance.fields import own_fields
from relevance.strategies import STRATEGIES, Strategy
from relevance.tuning import KINDS, check_texts, make_grid, make_space, parse_axis

TEXT, MULTI, HYBRID = (STRATEGIES[kind.strategy] for kind in KINDS.values())
ALL = ("title", "description", "attributes")


def test_the_usual_grids_are_those_of_the_write_up_and_hold_todays_boosts() -> None:
    grids = {kind: make_grid(kind, STRATEGIES[KINDS[kind].strategy]) for kind in KINDS}
    assert grids["text"].combinations == list(product((1, 2, 4, 6, 8), (1, 2, 4), (1, 2, 4)))
    assert grids["multifield"].combinations == list(product((1, 2, 4, 8), (1, 2, 4), (1, 2, 4)))
    assert grids["hybrid"].combinations == [(boost,) for boost in (10, 25, 40, 50, 60, 75, 100, 200)]
    assert all(grid.todays() in grid.combinations for grid in grids.values())


def test_a_combination_keeps_what_is_not_tuned() -> None:
    own = replace(HYBRID, name="own", model="plain", candidates=99)
    tuned = make_grid("hybrid", own).strategy((200,), "tuned")
    assert tuned == replace(own, name="tuned", vectors={"whole": 200})
    assert dict(make_grid("text", TEXT).strategy((6, 4, 2)).text) == {"title": 6, "description": 4, "attributes": 2}


def test_a_common_factor_is_no_difference() -> None:
    grid = make_grid("text", TEXT)
    assert len({grid.alike(each) for each in grid.combinations}) == 33  # of 45
    assert grid.alike((2, 2, 2)) == grid.alike((4, 4, 4)) != grid.alike((4, 4, 2))
    thirds = make_grid("text", TEXT, axes=[("title", (0.1, 0.3)), ("description", (1, 3)), ("attributes", (1, 3))])
    assert thirds.alike((0.1, 1, 1)) == thirds.alike((0.3, 3, 3))
    assert grid.alike((1, 1.00001, 1)) != grid.alike((1, 1.00002, 1))
    hybrid = make_grid("hybrid", HYBRID)  # beside a fixed clause each differs
    assert len({hybrid.alike(each) for each in hybrid.combinations}) == 8


def test_distance_from_today_is_that_of_ratios() -> None:
    grid = make_grid("text", TEXT)
    assert grid.distance((8, 2, 1)) == pytest.approx(0)
    assert grid.distance((4, 1, 1)) < grid.distance((2, 1, 1)) < grid.distance((1, 1, 1))
    hybrid = make_grid("hybrid", HYBRID)  # the text's boosts stay
    assert hybrid.distance(hybrid.todays()) == pytest.approx(0)
    # of three text fields and one of vectors: a doubling of one in four
    assert hybrid.distance((2 * hybrid.todays()[0],)) == pytest.approx(0.75**0.5)


def test_own_axes_and_fields_left_out() -> None:
    grid = make_grid("text", TEXT, axes=[("title", (3, 5)), ("description", (2,))], without=["attributes"])
    assert grid.combinations == [(3, 2), (5, 2)]
    assert dict(grid.strategy((5, 2)).text) == {"title": 5, "description": 2}


def test_no_field_is_tuned_that_the_strategy_has_not() -> None:
    own = Strategy("own", vectors={"title": 2, "whole": 1})
    axes = {one.name: one.choices for one in make_grid("multifield", own).parameters}
    assert axes == {"title": (1, 2, 4, 8), "whole": (1, 2, 4)}


@pytest.mark.parametrize(
    ("text", "axis"), [("title=1,2,4", ("title", (1, 2, 4))), (" whole =0.5, 1e2", ("whole", (0.5, 100)))]
)
def test_whole_numbers_of_an_axis_stay_whole(text: str, axis: tuple[str, tuple[float, ...]]) -> None:
    assert repr(parse_axis(text)) == repr(axis)


@pytest.mark.parametrize("text", ["title", "title=", "=1,2", "title=1,,2", "", "title=1,1.0"])
def test_axes_of_another_form_are_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"--grid .*; allowed: "):
        parse_axis(text)


@pytest.mark.parametrize(
    ("axes", "without", "problem"),
    [
        *(([("title", (1, boost))], (), r"text\.title = .* is no boost; allowed") for boost in (0, -1, 1e7)),
        ([("title", (1, float("nan")))], (), r"text\.title = nan is no boost"),
        ([("title", (1, "high"))], (), r"text\.title = 'high' is no boost"),
        ([("titel", (1, 2))], (), r"--grid titel: unknown field .*did you mean 'title'"),
        ([], ["whole"], "--without whole: unknown field"),
        ([("title", (1, 2)), ("title", (4,))], (), "given twice"),
        ([("title", (1, 2))], ["title"], "allowed: one of them"),
        ([], ["description", "attributes"], "nothing to choose between: boosts of title "),
        ([], ALL, "nothing to choose between: boosts of no field"),
        ([(name, (2,)) for name in ALL], (), "nothing to choose between"),
    ],
)
def test_grids_of_nothing_or_too_much_are_refused(axes: Any, without: list[str], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        make_grid("text", TEXT, axes=axes, without=without)


@pytest.mark.parametrize(
    ("titles", "asked", "trials"),
    [(555, None, 0), (556, None, 200), (556, 90, 90), (2, 90, 0), (2, 17, 17), (2, 18, 0)],
)
def test_what_is_too_many_is_tried_in_part(titles: int, asked: int | None, trials: int) -> None:
    assert make_grid("text", TEXT, axes=[("title", tuple(range(1, titles + 1)))]).trials(asked) == trials


@pytest.mark.parametrize(
    ("kind", "today"),
    [
        ("text", STRATEGIES["hybrid"]),
        ("multifield", STRATEGIES["hybrid"]),
        ("hybrid", STRATEGIES["textsearch"]),
        ("hybrid", STRATEGIES["rrf"]),
        ("text", STRATEGIES["vectorsearch"]),
        ("text", Strategy("own", template={"query": "{{query}}"})),
    ],
)
def test_strategies_of_another_kind_are_refused(kind: str, today: Strategy) -> None:
    with pytest.raises(InputError, match=f"strategy '{today.name}' cannot be tuned as {kind}; allowed: one that adds"):
        make_grid(kind, today)


def test_a_field_without_text_is_left_out_or_refused() -> None:
    bare = shop.without_attributes().catalogue
    blank = shop.catalogue([("p1", "oak", " ")], [("p1", "made of", "oak")])
    with pytest.raises(InputError, match="description: no product"):
        check_texts(make_grid("text", TEXT), blank)
    with pytest.raises(InputError, match=r"attributes: no product .* leave it out: --without attributes"):
        check_texts(make_grid("text", TEXT), bare)
    check_texts(make_grid("text", TEXT, without=["attributes"]), bare)
    check_texts(make_grid("text", TEXT), shop.shop().catalogue)


OWN = Strategy(
    "own",
    template={
        "query": {"match": {"title": {"query": "{{query}}", "boost": "{{tune.boost=2}}"}}},
        "x": "{{tune.fuzz=AUTO}}",
    },
)
RRF = STRATEGIES["rrf"]
NAMES = {"title": {"type": "text", "fields": {"std": {"type": "text"}}}, "brand": {"type": "text"}}
FIELDS = own_fields({"mappings": {"properties": NAMES}})
WEIGHTED = Strategy("weighted", text={"title": 3, "brand": 1}, fields=FIELDS)
OF_MULTI_FIELD = Strategy("weighted", text={"title": 3, "title.std": 1}, fields=FIELDS)


@pytest.mark.parametrize(
    ("strategy", "table", "choices", "size"),
    [
        (OWN, {"fuzz": ["0", "AUTO"], "boost": [1, 2]}, {"boost": (1, 2), "fuzz": ("0", "AUTO")}, 4),
        (TEXT, {"analyzer": ["own", "english"]}, {"analyzer": ("standard", "english")}, 2),
        (WEIGHTED, {"analyzer": ["own", "english"]}, {"analyzer": (None, "english")}, 2),
        (TEXT, {"k1": {"from": 0.2, "to": 0.6, "step": 0.2}, "b": [0.5, 1]}, {"k1": (0.2, 0.4, 0.6), "b": (0.5, 1)}, 6),
        (
            TEXT,
            {"k1": {"from": 0, "to": 1.5}, "spelling": [True, False]},
            {"k1": (0, 1.5), "spelling": (True, False)},
            float("inf"),
        ),
        (RRF, {"k": {"from": 1, "to": 4}, "window": [50, 100]}, {"window": (50, 100), "k": (1, 2, 3, 4)}, 8),
        (
            TEXT,
            {"text": {"title": [1, 2]}, "text.description": [1, 3]},
            {"text.title": (1, 2), "text.description": (1, 3)},
            4,
        ),
    ],
)
def test_tables_are_read_in_an_order_of_their_own(strategy: Strategy, table: Any, choices: Any, size: float) -> None:
    space = make_space(strategy, table)
    assert repr({one.name: one.choices for one in space.parameters}) == repr(choices)
    assert space.size == size


@pytest.mark.parametrize(
    ("strategy", "table", "problem"),
    [
        (OWN, {"bost": [1, 2]}, r"unknown parameter of own 'bost' \(did you mean 'boost'\?\)"),
        (OWN, {"boost": []}, r"boost = \[\]; allowed: a list of values, or"),
        (OWN, {"boost": [1, 1.0]}, "boost: 1 occurs twice"),
        (OWN, {"boost": ["{{query}}", 1]}, "boost: '{{query}}'; allowed: numbers, truth values, texts without braces"),
        (OWN, {"boost": {"from": 1}}, "boost = .*; allowed: {from = A, to = B} with numbers, A below B"),
        (OWN, {"boost": {"from": 1, "until": 2}}, "boost: unknown key 'until'"),
        (
            OWN,
            {"boost": {"from": 1, "to": 3, "step": float("nan")}},
            "'step': nan}; allowed: {from = A",
        ),
        (OWN, {"boost": {"from": 1, "to": float("inf")}}, "boost = {'from': 1, 'to': inf}; allowed"),
        (OWN, {"boost": {"from": 1, "to": 10**400}}, "; allowed: {from = A, to = B} with numbers, A below B"),
        (OWN, {"boost": [1, 10**400]}, "; allowed: numbers, truth values, texts without braces, or lists"),
        (OWN, {"boost": {"from": 1, "to": 5000}}, "boost: step = 1; allowed: above 0, up to 1,000 values"),
        (OWN, {"boost": [3]}, "nothing to choose between: values of boost rank alike"),
        (
            Strategy("bare", template={"query": "{{query}}"}),
            {"x": [1]},
            "unknown parameter of bare 'x'; allowed: spelling, marks {{tune",
        ),
        *(
            (OF_MULTI_FIELD, {key: values}, "strategy 'weighted': text: title.std is a multi-field, which stays as")
            for key, values in (("analyzer", ["own", "english"]), ("k1", [0.5, 1]), ("b", [0.5, 1]))
        ),
        (TEXT, {"window": [1, 2]}, "unknown parameter of textsearch_boosted 'window'"),
        (TEXT, {"spelling": ["yes"]}, "spelling = 'yes'; allowed: true"),
        (TEXT, {"k1": ["1"]}, "k1 = '1'; allowed: a number of 0 or more"),
        (RRF, {"vectors.whole": [1, 2]}, "unknown parameter of rrf 'vectors.whole'"),
        (RRF, {"text.title": [1], "text.description": [1], "text.attributes": [1]}, "nothing to choose between"),
    ],
)
def test_tables_of_nothing_or_nonsense_are_refused(strategy: Strategy, table: Any, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        make_space(strategy, table)


def test_boosts_of_a_fusion_count_among_the_text_alone() -> None:
    space = make_space(
        RRF, {"text.title": [4, 8], "text.description": [1, 2], "text.attributes": [0.5, 1], "k": [1, 60]}
    )
    assert space.alike((60, 8, 2, 1)) == space.alike((60, 4, 1, 0.5)) != space.alike((1, 8, 2, 1))
    assert space.distance((60, 4, 1, 0.5)) == pytest.approx(0)
    assert space.distance((60, 8, 1, 1)) < space.distance((1, 8, 2, 1))


def test_a_body_that_is_tuned_runs_untouched_with_todays_values() -> None:
    body = {"query": {"match": {"{{ tune.field = name }}": {"query": "{{query}}", "boost": "{{tune.boost=2}}"}}}}
    plain = {"query": {"match": {"name": {"query": "{{query}}", "boost": 2}}}}
    own = Strategy("own", template=body)
    assert own == Strategy("own", template=plain)
    assert own.legs() == Strategy("own", template=plain).legs()
    tried = make_space(own, {"field": ["name", "brand"], "boost": [2, 5]}).strategy(("brand", 5))
    assert tried.template == {"query": {"match": {"brand": {"query": "{{query}}", "boost": 5}}}}


@pytest.mark.parametrize(
    ("written", "value", "settled", "marked"),
    [
        ("{{tune.x=3}}", 5, 5, "{{tune.x=5}}"),
        ("{{tune.x=3}}", True, True, "{{tune.x=true}}"),
        ("name^{{tune.x=3}}", 0.5, "name^0.5", "name^{{tune.x=0.5}}"),
        ("{{tune.x=2<75%}}", "3<90%", "3<90%", "{{tune.x=3<90%}}"),
        ('{{tune.x="2"}}', "2", "2", '{{tune.x="2"}}'),
        ('{{tune.x=["a"]}}', ("a", "b"), ("a", "b"), '{{tune.x=["a", "b"]}}'),
        ("{{tune.x=1}} of {{params.y}}", 2, "2 of {{params.y}}", "{{tune.x=2}} of {{params.y}}"),
    ],
)
def test_a_value_takes_the_place_of_its_mark(written: str, value: Any, settled: Any, marked: str) -> None:
    assert bodies.settled({"a": [written]}, {"x": value}) == {"a": [settled]}
    again = bodies.settled({"a": [written]}, {"x": value}, marked=True)
    assert again == {"a": [marked]}
    assert repr(bodies.tuned_values(again)["x"]) == repr(list(value) if isinstance(value, tuple) else value)


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ({"a": "{{tune.x}}"}, "{{tune.x}}: no value; allowed: {{tune.x=VALUE}}, with today's value"),
        ({"a": "{{tune.x=1}}", "b": "{{tune.x=2}}"}, "{{tune.x=2}}: x has another value, too; allowed: one"),
        ({"a": "a {{tune.x=true}}"}, "{{tune.x=true}} inside of a text; allowed: a text or a number as default"),
        ({"a": "{{tuned.x=1}}"}, "unknown mark '{{tuned.x=1}}'"),
    ],
)
def test_marks_of_no_use_are_refused(template: Any, problem: str) -> None:
    with pytest.raises(InputError, match=re.escape(problem)):
        bodies.prepare(template)


def test_a_name_that_stands_twice_needs_its_value_once() -> None:
    assert bodies.prepare({"a": "{{tune.x}}", "b": "{{tune.x=1}}"}).template == {"a": 1, "b": 1}


LINEAR = replace(STRATEGIES["rrf"], name="linear", combine="linear", weights={"text": 2})


def test_what_decides_a_fusion_is_tuned() -> None:
    table = {"weights": {"text": [1, 2, 4]}, "normalizer": ["minmax", "l2", "none"], "window": [20, 50]}
    space = make_space(LINEAR, table | {"candidates": [50, 150]})
    assert space.names == ("window", "normalizer", "candidates", "weights.text")
    assert space.todays() == (50, "minmax", 150, 2)
    assert space.strategy((20, "l2", 50, 4)) == replace(
        LINEAR, window=20, normalizer="l2", candidates=50, weights={"text": 4}
    )
    rrf = make_space(STRATEGIES["rrf"], {"k": [10, 60], "weights.whole": [1, 3]})
    assert rrf.strategy((10, 3)).weights == {"whole": 3}
    assert rrf.todays() == (60, 1)
    with pytest.raises(InputError, match="unknown parameter of rrf 'normalizer'"):
        make_space(STRATEGIES["rrf"], {"normalizer": ["l2", "none"]})
    with pytest.raises(InputError, match="normalizer = 'max'"):
        make_space(LINEAR, {"normalizer": ["max", "none"]})


def test_of_weights_the_ratios_count() -> None:
    space = make_space(LINEAR, {"weights.text": [1, 2, 4], "weights.whole": [1, 2], "normalizer": ["minmax", "none"]})
    assert space.alike(("minmax", 1, 1)) == space.alike(("minmax", 2, 2)) != space.alike(("minmax", 2, 1))
    assert space.alike(("none", 2, 2)) != space.alike(("minmax", 2, 2))
    assert space.distance(("minmax", 4, 2)) == pytest.approx(0)
    assert space.distance(("minmax", 4, 1)) == pytest.approx(0.5**0.5)
    assert space.distance(("none", 2, 1)) == pytest.approx(1)


def test_scores_as_they_are_grow_with_the_boosts_of_text() -> None:
    raw = replace(LINEAR, normalizer="none")
    space = make_space(raw, {"text.title": [8, 16], "text.description": [2, 4], "text.attributes": [1, 2]})
    assert space.alike((16, 4, 2)) != space.alike((8, 2, 1))
    space = make_space(LINEAR, {"text.title": [8, 16], "text.description": [2, 4], "text.attributes": [1, 2]})
    assert space.alike((16, 4, 2)) == space.alike((8, 2, 1))
    both = make_space(raw, {"text.title": [8, 16], "text.description": [2, 4], "text.attributes": [1, 2],
                            "weights.text": [1, 2]})  # fmt: skip
    assert both.alike((16, 4, 2, 1)) == both.alike((8, 2, 1, 2))


def test_weights_of_strategies_and_the_depth_of_a_reranking() -> None:
    members = tuple(STRATEGIES[name] for name in ("textsearch", "vectorsearch"))
    fused = Strategy("own", fuse=("textsearch", "vectorsearch"), combine="linear", members=members)
    reranked = replace(fused, rerank={"search": "shop:scores", "depth": 20})
    space = make_space(reranked, {"weights": {"textsearch": [1, 3]}, "rerank": {"depth": [10, 50]}})
    assert space.names == ("weights.textsearch", "rerank.depth")
    assert space.todays() == (1, 20)
    tried = space.strategy((3, 50))
    assert (tried.weights, tried.reranking and tried.reranking.depth) == ({"textsearch": 3}, 50)
    assert space.alike((3, 50)) != space.alike((3, 10))
    with pytest.raises(InputError, match="unknown parameter of own"):
        make_space(fused, {"rerank.depth": [10, 50]})


def test_marks_in_the_body_of_an_endpoint() -> None:
    body = {"q": "{{query}}", "boost": "{{tune.boost=2}}"}
    api = Strategy("api", http={"url": "http://localhost/", "body": body, "ids": "$.ids[*]"})
    assert api.http is not None
    assert api.http["body"] == {"q": "{{query}}", "boost": 2}
    space = make_space(api, {"boost": [1, 2, 4]})
    assert space.todays() == (2,)
    assert space.strategy((4,)).outside == replace(api, http={**api.http, "body": {**body, "boost": 4}}).outside
    assert len({space.alike(each) for each in space.combinations}) == 3
    with pytest.raises(
        InputError, match=r"unknown parameter of api 'bost' \(did you mean 'boost'\?\); allowed: boost, ma"
    ):
        make_space(api, {"bost": [1]})
