"""Paired intervals: cases that can be counted."""

from __future__ import annotations

import numpy as np
import pytest

from relevance.significance import paired_interval


def test_two_differences_can_be_counted() -> None:
    """Draws of 0 and 1 have the means 0, 0.5 and 1 with shares 1/4, 1/2 and 1/4: 95% takes both ends, 40% neither."""
    differences = np.array([0.0, 1.0])
    assert paired_interval(differences) == (0.0, 1.0)
    assert paired_interval(differences, level=0.4) == (0.5, 0.5)


def test_equal_differences_leave_no_doubt() -> None:
    """The interval of a constant is the constant."""
    assert paired_interval(np.full(7, 0.25)) == (0.25, 0.25)


def test_the_seed_decides_and_blocks_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same seed gives the same interval however much is drawn at a time; another seed another one."""
    differences = np.random.default_rng(1).normal(size=50)
    whole = paired_interval(differences)
    monkeypatch.setattr("relevance.significance._CELLS", 120)
    assert paired_interval(differences) == whole
    assert paired_interval(differences, seed=1) != whole


def test_a_single_difference_is_refused() -> None:
    """One query has no interval."""
    with pytest.raises(ValueError, match="1 differences; an interval takes two or more"):
        paired_interval(np.array([0.5]))
