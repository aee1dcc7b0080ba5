"""Paired intervals and the sign-flip test: cases that can be counted, scipy's, and what must not change a number."""

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

from relevance import significance
from relevance.significance import SAME, flip_signs, paired_interval

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

ROOT = Path(__file__).resolve().parents[2]
DRAWS = 1_000

# intervals


def _pair(count: int, gain: float, seed: int = 1) -> tuple[Floats, Floats]:
    """Numbers from 0 to 1 before, and what they are after a gain."""
    draw = np.random.default_rng(seed)
    before = draw.random(count)
    return before, np.clip(before + draw.normal(gain, 0.1, count), 0, 1)


@pytest.mark.parametrize("count", [12, 150])
def test_the_interval_is_scipys(count: int) -> None:
    """The ends are those of scipy's percentile bootstrap, and near those of Student's t for many queries."""
    before, after = _pair(count, 0.02)
    interval = paired_interval(before, after, seed=5)
    theirs = stats.bootstrap((after - before,), np.mean, n_resamples=10_000, method="percentile", rng=9, batch=500)
    ends = [tuple(theirs.confidence_interval)]
    if count > 100:
        ends.append(tuple(stats.ttest_rel(after, before).confidence_interval()))
    for low, high in ends:
        assert [interval.low, interval.high] == pytest.approx([low, high], abs=0.06 * (interval.high - interval.low))
    assert interval.difference == pytest.approx((after - before).mean(), abs=1e-15)
    assert (interval.confidence, interval.queries) == (0.95, count)


def test_same_seed_same_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    """The seed alone decides, another one draws otherwise; the blocks that are worked off in do not matter."""
    pair = _pair(50, 0.02)
    first, same, other = (paired_interval(*pair, seed=seed, resamples=300) for seed in (5, 5, 6))
    assert first == same != other
    monkeypatch.setattr(significance, "_NUMBERS_AT_ONCE", 1)
    assert first == paired_interval(*pair, seed=5, resamples=300)


def test_pairs_matter() -> None:
    """A small gain of every query is certain, however much queries differ; turned round it is a loss; none is 0."""
    before, _ = _pair(30, 0)
    gain, loss, none = (
        paired_interval(*pair, seed=1, resamples=200)
        for pair in ((before, before + 0.001), (before + 0.001, before), (before, before))
    )
    assert gain.excludes_zero
    assert loss.excludes_zero
    assert [gain.low, gain.high, loss.high] == pytest.approx([0.001, 0.001, -0.001])
    assert (none.difference, none.low, none.high, none.excludes_zero) == (0, 0, 0, False)


@pytest.mark.parametrize(
    ("before", "after", "confidence"),
    [([1.0], [1.0], 0.95), ([1.0, 2.0], [1.0], 0.95), ([1.0, 2.0], [1.0, 2.0], 1.0)],
)
def test_what_is_no_pair_is_refused(before: list[float], after: list[float], confidence: float) -> None:
    """One query has no interval, nor have vectors of different lengths."""
    with pytest.raises(ValueError, match="allowed"):
        paired_interval(np.array(before), np.array(after), seed=1, confidence=confidence)


# sign flips

METRICS = st.sampled_from([0.0, 0.0, 0.0, 1.0, 1 / 2, 1 / 3, 0.1, 0.63092975, -1.0, -1 / 2, -1 / 6])
"""Differences as metrics have them: many zeros, many ties."""

FEW = arrays(np.float64, st.tuples(st.integers(1, 9), st.integers(1, 4)), elements=METRICS)
MANY = arrays(np.float64, st.tuples(st.integers(20, 40), st.integers(1, 4)), elements=METRICS)

COUNTED: dict[str, tuple[Floats, list[float], list[float], list[float]]] = {
    # of the sums 3, 1, -1 and -3 one is as high as 3, all are as low
    "two queries": (np.array([[1.0], [2.0]]), [1 / 4], [1 / 4], [1]),
    "columns that are the same count as one": (np.ones((4, 2)), [1 / 16] * 2, [1 / 16] * 2, [1] * 2),
    "columns that never meet": (np.kron(np.eye(2), np.ones((4, 1))), [1 / 16] * 2, [31 / 256] * 2, [1] * 2),
    # the farthest is compared with both, the next with those that are no farther: with itself alone
    "the second step": (
        np.array([[1, 1]] * 6 + [[-1, 1]] * 2, dtype=float),
        [37 / 256, 1 / 256],
        [37 / 256, 2 / 256],
        [247 / 256, 1],
    ),
    # 1 less three thirds is 0, and so is its mirror image
    "sums that rounding would separate": (np.array([[1, -1 / 3, -1 / 3, -1 / 3]]).T, [9 / 16], [9 / 16], [9 / 16]),
    "rounding is no change": (np.full((1_000, 1), 1e-12), [1], [1], [1]),
    "rounding beside changes": (np.array([[0.5]] * 3 + [[1e-12]] * 997), [1 / 8], [1 / 8], [1]),
    "nothing": (np.zeros((5, 2)), [1] * 2, [1] * 2, [1] * 2),
}


@pytest.mark.parametrize(("differences", "greater", "adjusted", "less"), COUNTED.values(), ids=COUNTED)
def test_what_can_be_counted(
    differences: Floats, greater: list[float], adjusted: list[float], less: list[float]
) -> None:
    """With few changed queries each pattern of signs is taken once, and p is a share of them."""
    flips = flip_signs(differences, seed=1)
    assert flips.exact
    assert (flips.greater.p.tolist(), flips.less.p.tolist()) == (greater, less)
    assert flips.greater.adjusted.tolist() == adjusted


def test_the_largest_sums() -> None:
    """Ascending, over the root of the sum of squares; where nothing changed none is far enough out."""
    flips = flip_signs(np.array([[1.0], [2.0]]), seed=0)
    assert flips.largest == pytest.approx(np.array([-3, -1, 1, 3]) / 5**0.5)
    assert [flips.critical(level) for level in (0.25, 0.5, 1)] == flips.largest[[3, 2, 0]].tolist()
    assert flip_signs(np.zeros((5, 2)), seed=1).critical(0.05) == math.inf


@pytest.mark.parametrize("size", [6, 12, 40])
@pytest.mark.parametrize("side", ["greater", "less"])
def test_p_is_that_of_scipy(size: int, side: str) -> None:
    """Exact where all patterns are taken, else as near as two samples of 4,000 patterns are."""
    rng = np.random.default_rng(size)
    for _ in range(3):
        column = rng.normal(0.1, 1, size) * (rng.random(size) < 0.7)
        flips = flip_signs(column[:, np.newaxis], seed=1, draws=4_096)
        theirs = stats.permutation_test(
            (column, np.zeros(size)),
            lambda x, y, axis: np.sum(x - y, axis=axis),
            permutation_type="samples",
            alternative=side,
            vectorized=True,
            n_resamples=4_096,
            rng=np.random.default_rng(2),
        )
        assert getattr(flips, side).p[0] == pytest.approx(theirs.pvalue, abs=1e-12 if flips.exact else 0.05)


@given(FEW | MANY)
def test_p_has_its_bounds(differences: Floats) -> None:
    """With k changed queries p is 2^-k at best; adjusted is p at least, and ordered as the columns are far out."""
    flips = flip_signs(differences, seed=1, draws=DRAWS)
    chance, changed = flips.greater, np.count_nonzero(differences, axis=0)
    assert (chance.p >= 0.5**changed).all()
    assert (chance.adjusted >= chance.p).all()
    assert (chance.adjusted <= 1).all()
    norms = np.sqrt((differences**2).sum(axis=0))
    order = np.argsort(-differences.sum(axis=0) / np.where(norms > 0, norms, 1), kind="stable")
    assert (np.diff(chance.adjusted[order][changed[order] > 0]) >= 0).all()
    # what is greater is less when before and after change places, to the last digit
    swapped = flip_signs(-differences, seed=1, draws=DRAWS)
    assert chance.p.tolist() == swapped.less.p.tolist()
    assert flips.less.adjusted.tolist() == swapped.greater.adjusted.tolist()


@given(FEW | MANY, st.data())
def test_what_is_all_zero_changes_nothing(differences: Floats, data: st.DataObject) -> None:
    """Neither a row nor a column, which itself has p = 1; nor does the place of the others decide anything."""
    row, column = (data.draw(st.integers(0, size)) for size in differences.shape)
    order = data.draw(st.permutations(range(differences.shape[1])))
    wider = np.insert(np.insert(differences[:, order], row, 0, axis=0), column, SAME, axis=1)
    one, other = (flip_signs(each, seed=1, draws=DRAWS).greater for each in (differences, wider))
    assert np.insert(one.p[order], column, 1).tolist() == other.p.tolist()
    assert np.insert(one.adjusted[order], column, 1) == pytest.approx(other.adjusted, abs=2e-3)


def test_a_small_sample_does_not_make_few_changes_sure() -> None:
    """Thirty columns with three changed queries each: chance alone would count less than an eighth in half of them."""
    chance = flip_signs(np.kron(np.eye(30), np.ones((3, 1))), seed=1, draws=200).greater
    assert (chance.p >= 1 / 8).all()
    assert (chance.adjusted >= chance.p).all()


def test_the_same_p_however_much_is_drawn_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the parts nor the order in which a product adds change a digit; another seed does."""
    differences = np.random.default_rng(3).normal(0.05, 1, (70, 3))
    whole, other = (flip_signs(differences, seed=seed, draws=DRAWS) for seed in (1, 2))
    monkeypatch.setattr(significance, "_NUMBERS_AT_ONCE", 700)
    parts = flip_signs(differences, seed=1, draws=DRAWS)
    assert whole.largest.tolist() == parts.largest.tolist()
    assert whole.greater.adjusted.tolist() == parts.greater.adjusted.tolist()
    assert whole.greater.p.tolist() != other.greater.p.tolist()


def test_p_is_what_it_was() -> None:
    """The figures are written down: another machine or release that gives others would change verdicts."""
    steps = np.arange(1, 61)
    columns = np.column_stack([np.sin(steps) + 0.2, np.cos(steps * 7) + 0.1, np.sin(steps * 3) - 0.1])
    chance = flip_signs(columns, seed=1).greater
    assert np.rint(chance.p * 100_001).tolist() == [839, 19571, 86470]
    assert np.rint(chance.adjusted * 100_001).tolist() == [2513, 35546, 86470]


_ON_ANOTHER_PROCESSOR = """
import numpy as np
from relevance.significance import flip_signs
flips = flip_signs(np.random.default_rng(3).normal(0.05, 1, (700, 5)), seed=1, draws=2_000)
print(flips.greater.adjusted.tobytes().hex(), flips.largest.tobytes().hex())
"""


def test_another_processor_gives_the_same_p() -> None:
    """OpenBLAS adds in another order for each kind of processor; to the last bit that changes nothing."""
    outputs = {
        subprocess.run(  # noqa: S603 - own command
            [sys.executable, "-c", _ON_ANOTHER_PROCESSOR],
            env=os.environ | {"OPENBLAS_CORETYPE": kind},
            cwd=ROOT,
            check=True,
            capture_output=True,
        ).stdout
        for kind in ("Prescott", "Haswell")
    }
    assert len(outputs) == 1


def test_the_critical_value_is_where_the_adjusted_p_reaches_the_level() -> None:
    """A column that is just so far out has an adjusted p at the level or below; a hair less far has one above."""
    flips = flip_signs(np.random.default_rng(4).normal(0, 1, (30, 3)), seed=1, draws=DRAWS)
    critical = flips.critical(0.01)
    next_lower = flips.largest[np.searchsorted(flips.largest, critical) - 1]
    share, above = ((1 + np.count_nonzero(flips.largest >= least)) / (DRAWS + 1) for least in (critical, next_lower))
    assert share <= 0.01 < above


def test_six_changed_queries_are_never_sure() -> None:
    """2^-6 is above 0.01, so no sum is far enough out."""
    assert flip_signs(np.ones((6, 1)), seed=1).critical(0.01) == math.inf
    assert flip_signs(np.ones((7, 1)), seed=1).critical(0.01) == pytest.approx(7 / math.sqrt(7))


@pytest.mark.parametrize("wrong", [np.zeros(3), np.array([[np.nan]]), np.array([[np.inf]])])
def test_what_cannot_be_tested_is_refused(wrong: Floats) -> None:
    """One dimension, or what is no number."""
    with pytest.raises(ValueError, match="allowed: finite numbers"):
        flip_signs(wrong, seed=1)
