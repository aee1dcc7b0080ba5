"""The choice among recipes: means over seeds and queries, the difference to the first, and what is not told apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from relevance.finetune.choosing import Choice, Tried
from relevance.finetune.recipe import Curve, Step

BASE = np.full(40, 0.4)
NOISE = np.random.default_rng(7).normal(0, 0.02, 40)


def _curve(step: int = 8, seconds: float = 60.0, memory: int | None = 10, **parts: float) -> Curve:
    steps = (Step(0, 0.0, None, 0.0, 0.0, 0.4), Step(step, 1.0, 0.1, 0.0, 0.0, 0.5))
    return Curve(steps, 1, seconds, stopped_early=False, parts=parts, memory_bytes=memory)


def _tried(name: str, means: Sequence[float], noise: np.ndarray | float = 0.0) -> Tried:
    return Tried(name, tuple(_curve() for _ in means), np.array([np.full(40, mean) + noise for mean in means]))


def test_a_recipe_is_worth_its_mean_over_seeds_with_the_band_and_an_interval_over_queries() -> None:
    tried = _tried("a", (0.5, 0.6, 0.55), NOISE - NOISE.mean())
    assert tried.quality.mean == pytest.approx(0.55)
    assert tried.band == pytest.approx((0.5, 0.6))
    assert tried.quality.interval is not None
    low, high = tried.quality.interval
    assert 0.54 < low < 0.55 < high < 0.56


def test_differences_are_to_the_first_and_paired() -> None:
    spread = np.linspace(-0.4, 0.4, 40)  # of the queries, which both share
    choice = Choice(BASE, (_tried("a", (0.5,), spread), _tried("b", (0.52,), spread + NOISE / 10)))
    difference = choice.to_first(choice.tried[1])
    assert difference.mean == pytest.approx(0.02, abs=0.001)
    assert difference.is_sure
    assert choice.to_first(choice.tried[0]).interval == (0.0, 0.0)
    assert choice.winner.name == "b"
    assert choice.ties == ()


@pytest.mark.parametrize(
    ("second", "noise", "tied"),
    [
        ((0.60, 0.62), 0.0, True),  # its band meets the winner's
        ((0.50, 0.52), 0.0, False),
        ((0.58, 0.59), 40 * NOISE, True),  # the bands lie apart, and other queries may say otherwise
    ],
    ids=["bands meet", "told apart", "interval holds 0"],
)
def test_recipes_that_seeds_or_queries_do_not_tell_from_the_winner_are_ties(
    second: tuple[float, float], noise: np.ndarray | float, *, tied: bool
) -> None:
    centred = noise - np.mean(noise)
    choice = Choice(BASE, (_tried("a", second, centred), _tried("b", (0.61, 0.63))))
    assert choice.winner.name == "b"
    assert [one.name for one in choice.ties] == (["a"] if tied else [])


def test_of_equals_the_first_wins() -> None:
    assert Choice(BASE, (_tried("a", (0.5,)), _tried("b", (0.5,)))).winner.name == "a"


def test_time_and_its_parts_are_means_over_seeds_and_memory_is_the_highest() -> None:
    curves = (_curve(4, 60, 7, mining=10), _curve(6, 120, None, mining=20, teacher=8))
    tried = Tried("a", curves, np.zeros((2, 3)))
    assert (tried.steps, tried.seconds, tried.memory_bytes) == ((4, 6), 90, 7)
    assert tried.parts == {"mining": 15, "teacher": 4}
    assert Tried("a", (_curve(memory=None),), np.zeros((1, 3))).memory_bytes is None


def test_a_single_query_has_no_interval() -> None:
    tried = Tried("a", (_curve(),), np.array([[0.5]]))
    assert (tried.quality.mean, tried.quality.interval, tried.quality.is_sure) == (0.5, None, False)
