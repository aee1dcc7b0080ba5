"""Paired intervals, held against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from relevance import significance
from relevance.significance import paired_interval


def drawn(count: int, gain: float, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Numbers from 0 to 1 before, and what they are after a gain."""
    draw = np.random.default_rng(seed)
    before = draw.random(count)
    return before, np.clip(before + draw.normal(gain, 0.1, count), 0, 1)


@pytest.mark.parametrize("count", [12, 150])
def test_the_interval_is_scipys(count: int) -> None:
    """The ends are those of scipy's percentile bootstrap, and near those of Student's t for many queries."""
    before, after = drawn(count, 0.02)
    found = paired_interval(before, after, seed=5)
    theirs = stats.bootstrap((after - before,), np.mean, n_resamples=10_000, method="percentile", rng=9, batch=500)
    width = found.high - found.low
    low, high = theirs.confidence_interval
    assert [found.low, found.high] == pytest.approx([low, high], abs=0.06 * width)
    assert found.difference == pytest.approx((after - before).mean(), abs=1e-15)
    assert (found.confidence, found.queries) == (0.95, count)
    if count > 100:
        student = stats.ttest_rel(after, before).confidence_interval()
        assert [found.low, found.high] == pytest.approx([student.low, student.high], abs=0.06 * width)


def test_it_holds_the_truth_as_often_as_it_says() -> None:
    """Of 200 pairs of vectors with the same true difference, about 90% of the 90% intervals hold it."""
    held = 0
    for seed in range(200):
        differences = np.random.default_rng(seed).normal(0.01, 0.1, 60)
        found = paired_interval(np.zeros(60), differences, seed=seed, confidence=0.9, resamples=1000)
        held += found.low <= 0.01 <= found.high
    assert 0.84 < held / 200 < 0.96


def test_same_seed_same_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    """The seed alone decides, another one draws otherwise; the blocks that are worked off in do not matter."""
    before, after = drawn(50, 0.02)
    found = paired_interval(before, after, seed=5)
    assert found == paired_interval(before, after, seed=5)
    assert found != paired_interval(before, after, seed=6)
    monkeypatch.setattr(significance, "_NUMBERS_AT_ONCE", 1)
    assert found == paired_interval(before, after, seed=5)


def test_pairs_matter() -> None:
    """A small gain of every query is certain, however much queries differ."""
    before, _ = drawn(30, 0)
    found = paired_interval(before, before + 0.001, seed=1)
    assert found.excludes_zero
    assert found.low == pytest.approx(found.high)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=20), st.integers(0, 100))
def test_turning_the_sides_turns_the_interval(numbers: list[float], seed: int) -> None:
    """The difference changes its sign, and so do the ends; no change at all is a 0 with no width."""
    before, after = np.array(numbers), np.array(numbers[::-1])
    one, other = (paired_interval(*pair, seed=seed, resamples=200) for pair in ((before, after), (after, before)))
    assert [one.difference, one.low, one.high] == pytest.approx([-other.difference, -other.high, -other.low], abs=1e-12)
    same = paired_interval(before, before, seed=seed, resamples=200)
    assert (same.difference, same.low, same.high, same.excludes_zero) == (0, 0, 0, False)


@pytest.mark.parametrize(
    ("before", "after", "confidence"),
    [([1.0], [1.0], 0.95), ([1.0, 2.0], [1.0], 0.95), ([1.0, 2.0], [1.0, 2.0], 1.0), ([], [], 0.95)],
)
def test_what_is_no_pair_is_refused(before: list[float], after: list[float], confidence: float) -> None:
    """One query has no interval, nor have vectors of different lengths."""
    with pytest.raises(ValueError, match="allowed"):
        paired_interval(np.array(before), np.array(after), seed=1, confidence=confidence)
