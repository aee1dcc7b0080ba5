"""The comparison itself: what it calls equal, close, reordered and different."""

from __future__ import annotations

import numpy as np
import pytest
from parity.compare import compare_rankings, different_texts

from relevance.records import NO_HIT, Ranking

CODES = np.array([[7, 3, 5, NO_HIT], [1, 2, 4, 6]], dtype=np.int64)
SCORES = np.array([[3, 2, 1, -np.inf], [9, 8, 8, 7]], dtype=np.float32)


def ranking(
    codes: dict[tuple[int, int], int] | None = None, scores: dict[tuple[int, int], float] | None = None
) -> Ranking:
    """Return the example with some places changed."""
    changed_codes, changed_scores = CODES.copy(), SCORES.copy()
    for place, code in (codes or {}).items():
        changed_codes[place] = code
    for place, score in (scores or {}).items():
        changed_scores[place] = score
    return Ranking(changed_codes, changed_scores)


def test_equal_rankings_are_equal() -> None:
    """Two queries with 7 hits: all counted, none different."""
    differences = compare_rankings(ranking(), ranking())
    assert (differences.queries, differences.scores) == (2, 7)
    assert differences.equal
    assert differences.close


def test_the_last_bit_of_one_score_counts() -> None:
    """One float32 up is not equal, yet close."""
    up = float(np.nextafter(np.float32(3), np.float32(4)))
    differences = compare_rankings(ranking(), ranking(scores={(0, 0): up}))
    assert (differences.unequal, differences.off) == (1, 0)
    assert not differences.equal
    assert differences.close


def test_a_score_beyond_the_tolerance_is_off() -> None:
    """Two millionths are neither equal nor close."""
    differences = compare_rankings(ranking(), ranking(scores={(1, 0): 9 * (1 + 2e-6)}))
    assert (differences.unequal, differences.off) == (1, 1)
    assert not differences.close


@pytest.mark.parametrize("lost", [ranking({(0, 2): NO_HIT}, {(0, 2): -np.inf}), ranking({(0, 3): 8}, {(0, 3): 0.5})])
def test_a_hit_too_few_or_too_many_is_off(lost: Ranking) -> None:
    """A hit that one side lacks is a score off and a list different."""
    differences = compare_rankings(ranking(), lost)
    assert (differences.unequal, differences.off, differences.different) == (1, 1, 1)


def test_an_order_among_scores_within_the_tolerance_is_reordered() -> None:
    """Swapped products whose scores are one float32 apart are close, and not equal."""
    up = float(np.nextafter(np.float32(8), np.float32(9)))
    differences = compare_rankings(ranking(), ranking({(1, 1): 4, (1, 2): 2}, {(1, 1): up}))
    assert (differences.unequal, differences.reordered, differences.different) == (1, 1, 0)
    assert not differences.equal
    assert differences.close


def test_equal_scores_have_to_stand_in_the_order_of_the_ids() -> None:
    """Swapped products of one score are not close: ties go by id."""
    differences = compare_rankings(ranking(), ranking({(1, 1): 4, (1, 2): 2}))
    assert (differences.unequal, differences.reordered, differences.unsorted) == (0, 1, 1)
    assert not differences.close


@pytest.mark.parametrize("codes", [{(0, 0): 3, (0, 1): 7}, {(0, 0): 8}])
def test_another_product_among_unequal_scores_is_different(codes: dict[tuple[int, int], int]) -> None:
    """Swapped products of different scores, or a foreign product, are not close even where all scores agree."""
    differences = compare_rankings(ranking(), ranking(codes))
    assert (differences.unequal, differences.different) == (0, 1)
    assert not differences.close


def test_different_tokens_are_found() -> None:
    """The position of each text whose tokens differ is named."""
    assert different_texts([["a"], ["b", "c"], []], [["a"], ["b"], [""]]) == [1, 2]
