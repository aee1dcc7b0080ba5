"""Segments: who belongs to which, and when one that fell further is named."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.snapshots import diagnosed, measured, snapshot
from scipy.stats import ttest_ind

from relevance.diagnosis import LEAST_OTHERS, LEAST_QUERIES, holm, segment_members, welch
from relevance.evaluation import NDCG10


def _members(texts: list[str], grades: list[int] | None = None) -> dict[str, list[bool]]:
    judged = [{f"p{at}": 1 for at in range(number)} for number in grades or [1] * len(texts)]
    return {name: inside.tolist() for name, inside in segment_members(texts, judged).items()}


def test_members_by_length_and_number() -> None:
    """Words are counted as they stand; any digit is a number."""
    found = _members(["oak", "oak table", "round oak table", "round oak table 3 ft", ""])
    assert found["one word"] == [True, False, False, False, True]
    assert found["two or three words"] == [False, True, True, False, False]
    assert found["four words or more"] == [False, False, False, True, False]
    assert found["with a number"] == [False, False, False, True, False]
    assert found["without a number"] == [True, True, True, False, True]


def test_members_by_judgments() -> None:
    """Few are fewer than the median query has."""
    found = _members(["a", "b", "c", "d"], [1, 4, 6, 9])
    assert found["fewer than 5 judgments"] == [True, True, False, False]
    assert found["5 judgments or more"] == [False, False, True, True]


def test_members_by_rare_words() -> None:
    """A word is rare that no other query has, in whatever case; twice in one query is still one query."""
    found = _members(["Oak table", "oak TABLE", "oak kiosk kiosk"])
    assert found["a word that no other query has"] == [False, False, True]
    assert found["only words that other queries have"] == [True, True, False]


def test_welch_against_scipy() -> None:
    """The one-sided p of unequal spreads is scipy's."""
    random = np.random.default_rng(5)
    for sizes in ((100, 30), (120, 400), (2, 3)):
        left, right = random.normal(0.1, 1, sizes[0]), random.normal(0, 3, sizes[1])
        expected = ttest_ind(left, right, equal_var=False, alternative="greater").pvalue
        assert welch(left, right) == pytest.approx(expected)


def test_welch_without_spread() -> None:
    """Where every query of each side is alike, the difference itself decides."""
    assert welch(np.full(100, 0.5), np.zeros(30)) == 0
    assert welch(np.zeros(100), np.zeros(30)) == 1


def test_holm_by_hand() -> None:
    """0.01 × 4, then 0.02 × 3 and 0.03 × 2, which may not be below what came before, and 0.5 as it is."""  # noqa: RUF002
    assert holm([0.03, 0.01, 0.5, 0.02]) == pytest.approx([0.06, 0.04, 0.5, 0.06])
    assert holm([0.6, 0.6]) == [1, 1]
    assert holm([]) == []


def _sides(numbers: int, others: int, drop: float, other_drop: float, *, noise: float = 0.05) -> list[object]:
    """Two sessions with queries that have a number and queries that have none, each with its own drop."""
    random = np.random.default_rng(3)
    size = numbers + others
    texts = [f"same words {3 if at < numbers else 'x'}" for at in range(size)]
    before = np.full(size, 0.8)
    drops = np.where(np.arange(size) < numbers, drop, other_drop) + random.normal(0, noise, size)
    return [snapshot({"own": measured(values.tolist())}, texts=texts) for values in (before, before - drops)]


def _worse(*sides: object) -> list[str]:
    (why,) = diagnosed(*sides, own="fail").strategies
    return [one.name for one in why.segments if one.worse]


def test_a_segment_that_fell_further_is_named() -> None:
    """Queries with a number fell by 0.2 and others by 0.02: the first are named, with their numbers."""
    sides = _sides(150, 200, 0.2, 0.02)
    (why,) = diagnosed(*sides, own="fail").strategies
    (found,) = [one for one in why.segments if one.worse]
    assert (found.name, found.queries) == ("with a number", 150)
    assert found.before == pytest.approx(0.8)
    assert found.relative == pytest.approx(0.25, abs=0.02)
    drops = np.subtract(*(side.strategies["own"].metrics[NDCG10] for side in sides))
    tested = [one for one in why.segments if one.adjusted_p is not None]
    assert found.adjusted_p == pytest.approx(len(tested) * welch(drops[:150], drops[150:]), rel=1e-9, abs=0)
    assert 0 < found.adjusted_p < 1e-6


@pytest.mark.parametrize(
    ("numbers", "drop", "other_drop", "noise", "worse"),
    [
        (LEAST_QUERIES - 1, 0.2, 0.02, 0.05, []),  # too few for a segment
        (LEAST_QUERIES, 0.2, 0.02, 0.05, ["with a number"]),
        (150, 0.2, 0.2, 0.05, []),  # all fell alike
        (150, 0.11, 0.1, 0.001, []),  # sure, but less than the limit of warnings (2%) beyond that of all queries
    ],
)
def test_which_segment_is_named(numbers: int, drop: float, other_drop: float, noise: float, worse: list[str]) -> None:
    """One that is large enough and fell further than all, surely and by enough."""
    assert _worse(*_sides(numbers, 200, drop, other_drop, noise=noise)) == worse


def test_a_segment_that_is_nearly_everything() -> None:
    """With too few others it is shown and not tested."""
    (why,) = diagnosed(*_sides(150, LEAST_OTHERS - 1, 0.2, 0.02), own="fail").strategies
    (segment,) = [one for one in why.segments if one.name == "with a number"]
    assert (segment.adjusted_p, segment.worse) == (None, False)


def test_luck_is_rarely_named() -> None:
    """Of 30 comparisons without a difference, where 1% may name a segment, no more than 2 do."""
    random = np.random.default_rng(11)
    texts = [f"{'three plain words' if at % 2 else 'two 7'}" for at in range(300)]
    named = 0
    for _ in range(30):
        before = random.random(300)
        after = np.clip(before - random.normal(0.05, 0.3, 300), 0, 1)
        named += bool(_worse(*(snapshot({"own": measured(side.tolist())}, texts=texts) for side in (before, after))))
    assert named <= 2
