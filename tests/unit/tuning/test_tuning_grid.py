"""Grids of boosts: what is tried, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from helpers.tuned import made_dataset

from relevance.errors import InputError
from relevance.strategies import STRATEGIES, Strategy
from relevance.tuning import KINDS, check_texts, make_grid, parse_axis

TEXT, MULTI, HYBRID = (STRATEGIES[kind.strategy] for kind in KINDS.values())


def test_the_references_grids() -> None:
    """The usual grids are those of the write-up, and hold today's boosts."""
    grids = {kind: make_grid(kind, STRATEGIES[KINDS[kind].strategy]) for kind in KINDS}
    assert grids["text"].combinations == list(product((1, 2, 4, 6, 8), (1, 2, 4), (1, 2, 4)))
    assert grids["multifield"].combinations == list(product((1, 2, 4, 8), (1, 2, 4), (1, 2, 4)))
    assert grids["hybrid"].combinations == [(boost,) for boost in (10, 25, 40, 50, 60, 75, 100, 200)]
    assert all(grid.todays() in grid.combinations for grid in grids.values())


def test_a_combination_is_a_strategy() -> None:
    """What is not tuned stays as today; no clause is lost."""
    own = replace(HYBRID, name="own", model="plain", candidates=99)
    tuned = make_grid("hybrid", own).strategy((200,), "tuned")
    assert tuned == replace(own, name="tuned", vectors={"whole": 200})
    assert dict(make_grid("text", TEXT).strategy((6, 4, 2)).text) == {"title": 6, "description": 4, "attributes": 2}


def test_a_common_factor_is_no_difference() -> None:
    """33 of the 45 combinations rank differently; beside a fixed clause each does."""
    grid = make_grid("text", TEXT)
    assert len({grid.ray(each) for each in grid.combinations}) == 33
    assert grid.ray((2, 2, 2)) == grid.ray((4, 4, 4)) != grid.ray((4, 4, 2))
    thirds = make_grid("text", TEXT, axes=[("title", (0.1, 0.3)), ("description", (1, 3)), ("attributes", (1, 3))])
    assert thirds.ray((0.1, 1, 1)) == thirds.ray((0.3, 3, 3))
    hybrid = make_grid("hybrid", HYBRID)
    assert len({hybrid.ray(each) for each in hybrid.combinations}) == 8


def test_distance_from_today() -> None:
    """A common factor is no distance, twice a boost is less than four times it."""
    grid = make_grid("text", TEXT)
    assert grid.distance((8, 2, 1)) == pytest.approx(0)
    assert grid.distance((4, 1, 1)) < grid.distance((2, 1, 1)) < grid.distance((1, 1, 1))
    hybrid = make_grid("hybrid", HYBRID)  # the text's boosts stay
    assert hybrid.distance(hybrid.todays()) == pytest.approx(0)
    # of three text fields and one of vectors: a doubling of one in four
    assert hybrid.distance((2 * hybrid.todays()[0],)) == pytest.approx(0.75**0.5)


def test_own_axes_and_fields_left_out() -> None:
    """An axis replaces the usual one, one boost keeps a field fixed, and a field can be left out."""
    grid = make_grid("text", TEXT, axes=[("title", (3, 5)), ("description", (2,))], without=["attributes"])
    assert grid.combinations == [(3, 2), (5, 2)]
    assert dict(grid.strategy((5, 2)).text) == {"title": 5, "description": 2}


def test_a_strategys_own_fields_are_tuned() -> None:
    """No field is added that the strategy has not."""
    own = Strategy("own", vectors={"title": 2, "whole": 1})
    assert make_grid("multifield", own).axes == {"title": (1, 2, 4, 8), "whole": (1, 2, 4)}


@pytest.mark.parametrize(
    ("text", "axis"), [("title=1,2,4", ("title", (1, 2, 4))), ("whole=0.5, 1e2", ("whole", (0.5, 100)))]
)
def test_axes_are_read(text: str, axis: tuple[str, tuple[float, ...]]) -> None:
    """Whole numbers stay whole."""
    field, boosts = parse_axis(text)
    assert (field, boosts) == axis
    assert [type(boost) for boost in boosts] == [type(boost) for boost in axis[1]]


@pytest.mark.parametrize("text", ["title", "title=", "=1,2", "title=a", "title=1,,2", "", "title=1;2", "title=1,1.0"])
def test_axes_that_are_none(text: str) -> None:
    """The form is said."""
    with pytest.raises(InputError, match=r"--grid .*; allowed: "):
        parse_axis(text)


ALL = ("title", "description", "attributes")
REFUSED = [
    *(("text", TEXT, [("title", (1, boost))], [], r"text\.title = .* is no boost; allowed") for boost in (0, -1, 1e7)),
    ("text", TEXT, [("title", (1, float("nan")))], [], r"text\.title = nan is no boost"),
    ("text", TEXT, [("titel", (1, 2))], [], r"--grid titel: unknown field .*did you mean 'title'"),
    ("hybrid", HYBRID, [("title", (1, 2))], [], r"--grid title: unknown field of hybrid_boosted .*allowed: whole"),
    ("text", TEXT, [], ["whole"], "--without whole: unknown field"),
    ("text", TEXT, [("title", (1, 2)), ("title", (4,))], [], "given twice"),
    ("text", TEXT, [("title", (1, 2))], ["title"], "allowed: one of them"),
    ("text", TEXT, [], ["description", "attributes"], "nothing to choose between: boosts of title "),
    ("text", TEXT, [], ALL, "nothing to choose between: boosts of no field"),
    ("text", TEXT, [(name, (2,)) for name in ALL], [], "nothing to choose between"),
    ("text", TEXT, [("title", tuple(range(1, 700)))], [], "6,291 combinations; allowed: up to 5,000"),
    *(
        (kind, STRATEGIES[name], [], [], f"strategy '{name}' cannot be tuned as {kind}; allowed: one that adds")
        for kind, name in (
            ("text", "hybrid"),
            ("multifield", "hybrid"),
            ("hybrid", "textsearch"),
            ("hybrid", "rrf"),
            ("text", "vectorsearch"),
        )
    ),
    ("text", Strategy("own", template={"query": "{{query}}"}), [], [], "cannot be tuned"),
]


@pytest.mark.parametrize(("kind", "today", "axes", "without", "problem"), REFUSED)
def test_grids_that_are_none(
    kind: str, today: Strategy, axes: list[tuple[str, tuple[float, ...]]], without: list[str], problem: str
) -> None:
    """Strategies of another kind, fields and boosts that are none, nothing to choose between, or no end of it."""
    with pytest.raises(InputError, match=problem):
        make_grid(kind, today, axes=axes, without=without)


def test_a_field_without_text_is_an_error() -> None:
    """Its boost would change nothing; the line says how to leave it out."""
    bare = made_dataset(attributes=False).catalogue
    with pytest.raises(InputError, match=r"attributes: no product .* leave it out: --without attributes"):
        check_texts(make_grid("text", TEXT), bare)
    check_texts(make_grid("text", TEXT, without=["attributes"]), bare)
    check_texts(make_grid("text", TEXT), made_dataset().catalogue)
