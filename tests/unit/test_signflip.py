"""The sign-flip test: cases that can be counted, scipy's permutation test, and what must not change a p."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from relevance.significance import SAME, flip_signs

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

ROOT = Path(__file__).resolve().parents[2]
DRAWS = 2_000

METRICS = st.sampled_from([0.0, 0.0, 0.0, 1.0, 1 / 2, 1 / 3, 0.1, 0.63092975, -1.0, -1 / 2, -1 / 6])
"""Differences as metrics have them: many zeros, many ties."""

FEW = arrays(np.float64, st.tuples(st.integers(1, 9), st.integers(1, 4)), elements=METRICS)
MANY = arrays(np.float64, st.tuples(st.integers(20, 40), st.integers(1, 4)), elements=METRICS)


def _column(*differences: float) -> Floats:
    return np.array(differences)[:, np.newaxis]


def test_two_queries_can_be_counted() -> None:
    """Of the sums 3, 1, -1 and -3 one is as high as 3, all are as low."""
    found = flip_signs(_column(1.0, 2.0), seed=0)
    assert found.exact
    assert (found.greater.p.tolist(), found.less.p.tolist()) == ([0.25], [1.0])
    assert found.largest == pytest.approx(np.array([-3, -1, 1, 3]) / math.sqrt(5))


def test_columns_have_one_sign() -> None:
    """Two columns that are the same count as one; two that never meet are as many as they are."""
    same = flip_signs(np.ones((4, 2)), seed=0).greater
    assert same.p.tolist() == same.adjusted.tolist() == [1 / 16, 1 / 16]
    apart = flip_signs(np.kron(np.eye(2), np.ones((4, 1))), seed=0).greater
    assert apart.p.tolist() == [1 / 16, 1 / 16]
    assert apart.adjusted.tolist() == [31 / 256, 31 / 256]


def test_the_second_step_looks_at_what_is_left() -> None:
    """The farthest column is compared with all, the next with those that are no farther: here with itself alone."""
    far, near = np.ones(8), np.array([1, 1, 1, 1, 1, 1, -1, -1.0])
    found = flip_signs(np.column_stack([near, far]), seed=0).greater
    assert found.p.tolist() == [37 / 256, 1 / 256]
    assert found.adjusted[1] > found.p[1]
    assert found.adjusted[0] == found.p[0]


@pytest.mark.parametrize("size", [6, 12, 40, 200])
@pytest.mark.parametrize("side", ["greater", "less"])
def test_p_is_that_of_scipy(size: int, side: str) -> None:
    """Exact where all patterns are taken, else as near as two samples of 4,000 patterns are."""
    rng = np.random.default_rng(size)
    for _ in range(3):
        column = rng.normal(0.1, 1, size) * (rng.random(size) < 0.7)
        found = flip_signs(column[:, np.newaxis], seed=1, draws=4_096)
        theirs = stats.permutation_test(
            (column, np.zeros(size)),
            lambda x, y: float(np.sum(x - y)),
            permutation_type="samples",
            alternative=side,
            n_resamples=4_096,
            rng=np.random.default_rng(2),
        )
        ours = getattr(found, side).p[0]
        assert ours == pytest.approx(theirs.pvalue, abs=1e-12 if found.exact else 0.05)


@given(FEW | MANY)
def test_swapping_before_and_after_swaps_the_sides(differences: Floats) -> None:
    """What is greater is less, to the last digit."""
    one, other = flip_signs(differences, seed=1, draws=DRAWS), flip_signs(-differences, seed=1, draws=DRAWS)
    assert one.greater.p.tolist() == other.less.p.tolist()
    assert one.less.adjusted.tolist() == other.greater.adjusted.tolist()


@given(FEW | MANY, st.data())
def test_what_is_all_zero_changes_nothing(differences: Floats, data: st.DataObject) -> None:
    """Neither a row nor a column; a column of zeros itself has p = 1."""
    row, column = (data.draw(st.integers(0, size)) for size in differences.shape)
    wider = np.insert(np.insert(differences, row, 0, axis=0), column, SAME, axis=1)
    one, other = flip_signs(differences, seed=1, draws=DRAWS), flip_signs(wider, seed=1, draws=DRAWS)
    assert np.insert(one.greater.p, column, 1).tolist() == other.greater.p.tolist()
    assert np.insert(one.greater.adjusted, column, 1).tolist() == other.greater.adjusted.tolist()


@given(FEW | MANY)
def test_p_has_its_bounds(differences: Floats) -> None:
    """With k changed queries p is 2^-k at best; adjusted is p at least, and ordered as the columns are far out."""
    found = flip_signs(differences, seed=1, draws=DRAWS).greater
    changed = np.count_nonzero(differences, axis=0)
    assert (found.p >= 0.5**changed).all()
    assert (found.adjusted >= found.p).all()
    assert (found.adjusted <= 1).all()
    norms = np.sqrt((differences**2).sum(axis=0))
    order = np.argsort(-differences.sum(axis=0) / np.where(norms > 0, norms, 1), kind="stable")
    ordered = found.adjusted[order][changed[order] > 0]
    assert (np.diff(ordered) >= 0).all()


@given(MANY, st.randoms(use_true_random=False))
def test_the_order_of_columns_decides_nothing(differences: Floats, random: object) -> None:
    """A column keeps its p wherever it stands."""
    order = list(range(differences.shape[1]))
    random.shuffle(order)  # type: ignore[attr-defined]
    one = flip_signs(differences, seed=1, draws=DRAWS).greater
    other = flip_signs(differences[:, order], seed=1, draws=DRAWS).greater
    assert one.p[order].tolist() == other.p.tolist()
    assert one.adjusted[order] == pytest.approx(other.adjusted, abs=1e-3)


def test_rounding_does_not_separate_equal_sums() -> None:
    """One less three thirds is 0, and so is its mirror image: nine patterns of sixteen are as high, nine as low."""
    found = flip_signs(_column(1, -1 / 3, -1 / 3, -1 / 3), seed=1)
    assert (found.greater.p.tolist(), found.less.p.tolist()) == ([9 / 16], [9 / 16])


def test_a_small_sample_does_not_make_few_changes_sure() -> None:
    """Thirty columns with three changed queries each: chance alone would count less than an eighth in half of them."""
    found = flip_signs(np.kron(np.eye(30), np.ones((3, 1))), seed=1, draws=200).greater
    assert (found.p >= 1 / 8).all()
    assert (found.adjusted >= found.p).all()


def test_rounding_is_no_change() -> None:
    """Noise of the last digits in a thousand queries is not tested, and does not join what is."""
    noise = np.full((1_000, 1), 1e-12)
    assert flip_signs(noise, seed=1).greater.p.tolist() == [1.0]
    noise[:3] = 0.5
    assert flip_signs(noise, seed=1).greater.p.tolist() == [0.125]


def test_the_same_p_however_much_is_drawn_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the parts nor the order in which a product adds change a digit; another seed does."""
    differences = np.random.default_rng(3).normal(0.05, 1, (70, 3))
    whole = flip_signs(differences, seed=1, draws=DRAWS)
    monkeypatch.setattr("relevance.significance._NUMBERS_AT_ONCE", 700)
    parts = flip_signs(differences, seed=1, draws=DRAWS)
    assert whole.largest.tolist() == parts.largest.tolist()
    assert whole.greater.adjusted.tolist() == parts.greater.adjusted.tolist()
    assert flip_signs(differences, seed=2, draws=DRAWS).greater.p.tolist() != whole.greater.p.tolist()


def test_p_is_what_it_was() -> None:
    """The figures are written down: another machine or release that gives others would change verdicts."""
    steps = np.arange(1, 61)
    columns = np.column_stack([np.sin(steps) + 0.2, np.cos(steps * 7) + 0.1, np.sin(steps * 3) - 0.1])
    found = flip_signs(columns, seed=1).greater
    assert np.rint(found.p * 100_001).tolist() == [839, 19571, 86470]
    assert np.rint(found.adjusted * 100_001).tolist() == [2513, 35546, 86470]


_ON_ANOTHER_PROCESSOR = """
import numpy as np
from relevance.significance import flip_signs
found = flip_signs(np.random.default_rng(3).normal(0.05, 1, (700, 5)), seed=1, draws=2_000)
print(found.greater.adjusted.tobytes().hex(), found.largest.tobytes().hex())
"""


def test_another_processor_gives_the_same_p() -> None:
    """OpenBLAS adds in another order for each kind of processor; to the last bit that changes nothing."""
    found = {
        subprocess.run(  # noqa: S603 - own command
            [sys.executable, "-c", _ON_ANOTHER_PROCESSOR],
            env=os.environ | {"OPENBLAS_CORETYPE": kind},
            cwd=ROOT,
            check=True,
            capture_output=True,
        ).stdout
        for kind in ("Prescott", "Haswell")
    }
    assert len(found) == 1


def test_the_critical_value_is_where_the_adjusted_p_reaches_the_level() -> None:
    """A column that is just so far out has an adjusted p at the level or below; a hair less far has one above."""
    found = flip_signs(np.random.default_rng(4).normal(0, 1, (30, 3)), seed=1, draws=DRAWS)
    critical = found.critical(0.01)
    share = (1 + np.count_nonzero(found.largest >= critical)) / (DRAWS + 1)
    next_lower = found.largest[np.searchsorted(found.largest, critical) - 1]
    assert share <= 0.01 < (1 + np.count_nonzero(found.largest >= next_lower)) / (DRAWS + 1)


def test_six_changed_queries_are_never_sure() -> None:
    """2^-6 is above 0.01, so no sum is far enough out."""
    assert flip_signs(np.ones((6, 1)), seed=1).critical(0.01) == math.inf
    assert flip_signs(np.ones((7, 1)), seed=1).critical(0.01) == pytest.approx(7 / math.sqrt(7))


@pytest.mark.parametrize("wrong", [np.zeros(3), np.array([[np.nan]]), np.array([[np.inf]])])
def test_what_cannot_be_tested_is_refused(wrong: Floats) -> None:
    """One dimension, or what is no number."""
    with pytest.raises(ValueError, match="allowed: finite numbers"):
        flip_signs(wrong, seed=1)


def test_where_nothing_changed_every_p_is_1() -> None:
    """And nothing is drawn."""
    found = flip_signs(np.zeros((5, 2)), seed=1)
    assert (found.greater.p.tolist(), found.less.adjusted.tolist(), found.largest.size) == ([1, 1], [1, 1], 0)
    assert found.critical(0.05) == math.inf
