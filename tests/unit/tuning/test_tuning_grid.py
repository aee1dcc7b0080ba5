"""Grids of boosts: what is tried, and what is refused."""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from helpers import shop

from relevance.errors import InputError
from relevance.strategies import STRATEGIES, Strategy
from relevance.tuning import KINDS, check_texts, make_grid, parse_axis

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
    assert len({grid.ray(each) for each in grid.combinations}) == 33  # of 45
    assert grid.ray((2, 2, 2)) == grid.ray((4, 4, 4)) != grid.ray((4, 4, 2))
    thirds = make_grid("text", TEXT, axes=[("title", (0.1, 0.3)), ("description", (1, 3)), ("attributes", (1, 3))])
    assert thirds.ray((0.1, 1, 1)) == thirds.ray((0.3, 3, 3))
    assert grid.ray((1, 1.00001, 1)) != grid.ray((1, 1.00002, 1))
    hybrid = make_grid("hybrid", HYBRID)  # beside a fixed clause each differs
    assert len({hybrid.ray(each) for each in hybrid.combinations}) == 8


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
    assert make_grid("multifield", own).axes == {"title": (1, 2, 4, 8), "whole": (1, 2, 4)}


@pytest.mark.parametrize(
    ("text", "axis"), [("title=1,2,4", ("title", (1, 2, 4))), (" whole =0.5, 1e2", ("whole", (0.5, 100)))]
)
def test_whole_numbers_of_an_axis_stay_whole(text: str, axis: tuple[str, tuple[float, ...]]) -> None:
    assert repr(parse_axis(text)) == repr(axis)


@pytest.mark.parametrize("text", ["title", "title=", "=1,2", "title=a", "title=1,,2", "", "title=1;2", "title=1,1.0"])
def test_axes_of_another_form_are_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"--grid .*; allowed: "):
        parse_axis(text)


@pytest.mark.parametrize(
    ("axes", "without", "problem"),
    [
        *(([("title", (1, boost))], (), r"text\.title = .* is no boost; allowed") for boost in (0, -1, 1e7)),
        ([("title", (1, float("nan")))], (), r"text\.title = nan is no boost"),
        ([("titel", (1, 2))], (), r"--grid titel: unknown field .*did you mean 'title'"),
        ([], ["whole"], "--without whole: unknown field"),
        ([("title", (1, 2)), ("title", (4,))], (), "given twice"),
        ([("title", (1, 2))], ["title"], "allowed: one of them"),
        ([], ["description", "attributes"], "nothing to choose between: boosts of title "),
        ([], ALL, "nothing to choose between: boosts of no field"),
        ([(name, (2,)) for name in ALL], (), "nothing to choose between"),
        ([("title", tuple(range(1, 700)))], (), "6,291 combinations; allowed: up to 5,000"),
    ],
)
def test_grids_of_nothing_or_too_much_are_refused(axes: Any, without: list[str], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        make_grid("text", TEXT, axes=axes, without=without)


def test_the_largest_grid_is_allowed() -> None:
    grid = make_grid("text", TEXT, axes=[("title", tuple(range(1, 556)))])
    assert len(grid.combinations) == 4_995


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
