"""Paired intervals: cases that can be counted."""

from __future__ import annotations

import numpy as np
import pytest

from relevance.significance import paired_interval

NONE = np.zeros(2)


def test_two_differences_can_be_counted() -> None:
    """Draws of 0 and 1 have the means 0, 0.5 and 1 with shares 1/4, 1/2 and 1/4: 95% takes both ends, 40% neither."""
    wide = paired_interval(NONE, np.array([0.0, 1.0]), seed=0)
    assert (wide.difference, wide.low, wide.high, wide.queries) == (0.5, 0.0, 1.0, 2)
    narrow = paired_interval(NONE, np.array([0.0, 1.0]), seed=0, confidence=0.4)
    assert (narrow.low, narrow.high) == (0.5, 0.5)


def test_equal_differences_leave_no_doubt() -> None:
    """The interval of a constant is the constant, and it excludes 0 unless it is 0."""
    found = paired_interval(np.full(7, 0.5), np.full(7, 0.75), seed=0)
    assert (found.low, found.high, found.excludes_zero) == (0.25, 0.25, True)
    assert not paired_interval(NONE, NONE, seed=0).excludes_zero


def test_the_seed_decides_and_blocks_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same seed gives the same interval however much is drawn at a time; another seed another one."""
    differences = np.random.default_rng(1).normal(size=50)
    whole = paired_interval(np.zeros(50), differences, seed=0)
    monkeypatch.setattr("relevance.significance._NUMBERS_AT_ONCE", 120)
    assert paired_interval(np.zeros(50), differences, seed=0) == whole
    assert paired_interval(np.zeros(50), differences, seed=1) != whole


def test_what_cannot_be_paired_is_refused() -> None:
    """One query, two lengths, or a confidence that is none."""
    with pytest.raises(ValueError, match="two vectors of the same 2 or more"):
        paired_interval(NONE[:1], NONE[:1], seed=0)
    with pytest.raises(ValueError, match="two vectors of the same 2 or more"):
        paired_interval(NONE, np.zeros(3), seed=0)
    with pytest.raises(ValueError, match="confidence = 1"):
        paired_interval(NONE, NONE, seed=0, confidence=1)
