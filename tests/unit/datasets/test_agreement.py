"""Krippendorff's alpha: published examples, and the definition by a matrix of coincidences."""

from collections import Counter
from collections.abc import Sequence
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relevance.datasets.agreement import ordinal_alpha

# K. Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), sections A and C; "." is no grade
TWO_OBSERVERS = ("0 1 0 0 0 0 0 0 1 0", "1 1 1 0 0 1 0 0 0 0")
FOUR_OBSERVERS = (
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
)
ORDERED = {"one grade each": [[1], [2]], "nothing": [], "always the same": [[2, 2], [2, 2, 2]]}


@pytest.mark.parametrize(("observers", "published"), [(TWO_OBSERVERS, 0.095), (FOUR_OBSERVERS, 0.815)])
def test_the_published_examples(observers: Sequence[str], published: float) -> None:
    rows = zip(*(row.split() for row in observers), strict=True)
    alpha = ordinal_alpha([[int(grade) for grade in row if grade != "."] for row in rows])
    assert round(alpha or 0, 3) == published


def by_definition(units: Sequence[Sequence[float]]) -> float | None:
    """1 - (n - 1) Σ o_ck δ²_ck / Σ n_c n_k δ²_ck, with δ_ck = Σ n_g from c to k, less half of n_c and n_k."""
    coincidences: Counter[tuple[float, float]] = Counter()
    for unit in units:
        for one, other in permutations(unit, 2):
            coincidences[one, other] += 1 / (len(unit) - 1)  # type: ignore[assignment]
    totals: Counter[float] = Counter()
    for (one, _), count in coincidences.items():
        totals[one] += count

    def delta(one: float, other: float) -> float:
        between = sum(count for grade, count in totals.items() if min(one, other) <= grade <= max(one, other))
        return float((between - (totals[one] + totals[other]) / 2) ** 2)

    expected = sum(totals[one] * totals[other] * delta(one, other) for one in totals for other in totals)
    observed = sum(count * delta(*pair) for pair, count in coincidences.items())
    return 1 - (sum(totals.values()) - 1) * observed / expected if expected else None


@given(st.lists(st.lists(st.sampled_from([0, 0.5, 1, 2, 7]), max_size=4), max_size=12))
def test_it_is_what_the_definition_says(units: list[list[float]]) -> None:
    assert ordinal_alpha(units) == pytest.approx(by_definition(units))


@pytest.mark.parametrize("units", ORDERED.values(), ids=ORDERED)
def test_there_is_none_where_nothing_can_differ(units: list[list[float]]) -> None:
    assert ordinal_alpha(units) is None


def test_the_order_of_grades_counts_alone() -> None:
    near = [[0, 0], [1, 2], [3, 3], [2, 1]]
    assert ordinal_alpha(near) == ordinal_alpha([[10 ** (2 * grade) for grade in unit] for unit in near])
    assert ordinal_alpha([[0, 1], [1, 0]]) == -0.5
    assert ordinal_alpha([[0, 0], [1, 1]]) == 1
