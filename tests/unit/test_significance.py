"""Paired intervals and the sign-flip test: cases that can be counted, scipy's, and what must not change a number."""

from __future__ import annotations

import itertools
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from relevance import significance
from relevance.significance import SAME, Columns, flip_signs, joint_reach, paired_interval

ROOT = Path(__file__).resolve().parents[2]
DRAWS = 1_000


def pair(count: int, gain: float) -> tuple[Any, Any]:
    rng = np.random.default_rng(1)
    before = rng.random(count)
    return before, np.clip(before + rng.normal(gain, 0.1, count), 0, 1)


@pytest.mark.parametrize("count", [12, 150])
def test_the_interval_is_scipys_and_near_students(count: int) -> None:
    before, after = pair(count, 0.02)
    interval = paired_interval(before, after, seed=5)
    theirs = stats.bootstrap((after - before,), np.mean, n_resamples=10_000, method="percentile", rng=9, batch=500)
    ends = [tuple(theirs.confidence_interval)]
    if count > 100:
        ends.append(tuple(stats.ttest_rel(after, before).confidence_interval()))
    for low, high in ends:
        assert [interval.low, interval.high] == pytest.approx([low, high], abs=0.06 * (interval.high - interval.low))
    assert interval.difference == pytest.approx((after - before).mean(), abs=1e-15)
    assert (interval.confidence, interval.queries) == (0.95, count)


def test_the_seed_alone_decides_an_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = pair(50, 0.02)
    first, same, other = (paired_interval(*numbers, seed=seed, resamples=300) for seed in (5, 5, 6))
    assert first == same != other
    monkeypatch.setattr(significance, "_NUMBERS_AT_ONCE", 1)
    assert first == paired_interval(*numbers, seed=5, resamples=300)


def test_queries_are_drawn_with_both_of_their_numbers() -> None:
    before, _ = pair(30, 0)
    sides = ((before, before + 0.001), (before + 0.001, before), (before, before))
    gain, loss, none = (paired_interval(*side, seed=1, resamples=200) for side in sides)
    assert [one.excludes_zero for one in (gain, loss, none)] == [True, True, False]
    assert [gain.low, gain.high, loss.high] == pytest.approx([0.001, 0.001, -0.001])
    assert (none.difference, none.low, none.high) == (0, 0, 0)


@pytest.mark.parametrize(
    ("before", "after", "confidence"),
    [([1.0], [1.0], 0.95), ([1.0, 2.0], [1.0], 0.95), ([1.0, 2.0], [1.0, 2.0], 1.0)],
)
def test_what_has_no_interval_is_refused(before: list[float], after: list[float], confidence: float) -> None:
    with pytest.raises(ValueError, match="allowed"):
        paired_interval(np.array(before), np.array(after), seed=1, confidence=confidence)


# sign flips

# differences as metrics have them: many zeros, many ties
VALUES = st.sampled_from([0.0, 0.0, 0.0, 1.0, 1 / 2, 1 / 3, 0.1, 0.63092975, -1.0, -1 / 2, -1 / 6])
FEW = arrays(np.float64, st.tuples(st.integers(1, 9), st.integers(1, 4)), elements=VALUES)
MANY = arrays(np.float64, st.tuples(st.integers(20, 40), st.integers(1, 4)), elements=VALUES)
THIRDS = np.array([[1, -1 / 3, -1 / 3, -1 / 3]]).T

# differences, and of the columns p of a gain, the same adjusted, and p of a loss
COUNTED: dict[str, tuple[Any, list[float], list[float], list[float]]] = {
    # of the sums 3, 1, -1 and -3 one is as high as 3, all are as low
    "two queries": (np.array([[1.0], [2.0]]), [1 / 4], [1 / 4], [1]),
    "columns that are the same count as one": (np.ones((4, 2)), [1 / 16] * 2, [1 / 16] * 2, [1] * 2),
    "columns that never meet": (np.kron(np.eye(2), np.ones((4, 1))), [1 / 16] * 2, [31 / 256] * 2, [1] * 2),
    # the farthest is compared with both, the next with those that are no farther: with itself alone
    "the second step": (np.array([[1, 1]] * 6 + [[-1, 1]] * 2, dtype=float), [37 / 256, 1 / 256], [37 / 256, 2 / 256],
                        [247 / 256, 1]),
    # 1 less three thirds is 0, and so is its mirror image
    "sums that rounding would separate": (THIRDS, [9 / 16], [9 / 16], [9 / 16]),
    "small sums": (THIRDS * 1e-3 + 1e-10, [9 / 16], [9 / 16], [9 / 16]),
    "rounding is no change": (np.full((1_000, 1), 1e-12), [1], [1], [1]),
    "rounding beside changes": (np.array([[0.5]] * 3 + [[1e-12]] * 997), [1 / 8], [1 / 8], [1]),
    "nothing": (np.zeros((5, 2)), [1] * 2, [1] * 2, [1] * 2),
}  # fmt: skip


@pytest.mark.parametrize(("differences", "greater", "adjusted", "less"), COUNTED.values(), ids=COUNTED)
def test_what_can_be_counted(differences: Any, greater: list[float], adjusted: list[float], less: list[float]) -> None:
    flips = flip_signs(differences, seed=1)
    assert flips.exact
    assert (flips.greater.p.tolist(), flips.less.p.tolist()) == (greater, less)
    assert flips.greater.adjusted.tolist() == adjusted


def test_the_critical_sum_is_the_least_whose_adjusted_p_is_the_level() -> None:
    flips = flip_signs(np.array([[1.0], [2.0]]), seed=0)
    assert flips.largest == pytest.approx(np.array([3, 1, -1, -3]) / 5**0.5)
    assert [flips.critical(level) for level in (0.25, 0.5, 1)] == flips.largest[[0, 1, 3]].tolist()
    flips = flip_signs(np.random.default_rng(4).normal(0, 1, (30, 3)), seed=1, draws=DRAWS)
    critical = flips.critical(0.01)
    lower = flips.largest[flips.largest < critical].max()
    share, above = ((1 + np.count_nonzero(flips.largest >= least)) / (DRAWS + 1) for least in (critical, lower))
    assert share <= 0.01 < above


def test_six_changed_queries_are_never_sure() -> None:
    # 2^-6 is above 0.01
    assert flip_signs(np.ones((6, 1)), seed=1).critical(0.01) == math.inf
    assert flip_signs(np.ones((7, 1)), seed=1).critical(0.01) == pytest.approx(7 / math.sqrt(7))
    assert flip_signs(np.zeros((5, 2)), seed=1).critical(0.05) == math.inf


@pytest.mark.parametrize("size", [6, 12, 40])
@pytest.mark.parametrize("side", ["greater", "less"])
def test_p_is_that_of_scipy(size: int, side: str) -> None:
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
def test_p_has_its_bounds(differences: Any) -> None:
    flips = flip_signs(differences, seed=1, draws=DRAWS)
    chance, changed = flips.greater, np.count_nonzero(differences, axis=0)
    assert (chance.p >= 0.5**changed).all()
    assert ((chance.p <= chance.adjusted) & (chance.adjusted <= 1)).all()
    # the farther out, the smaller
    norms = np.sqrt((differences**2).sum(axis=0))
    order = np.argsort(-differences.sum(axis=0) / np.where(norms > 0, norms, 1), kind="stable")
    assert (np.diff(chance.adjusted[order][changed[order] > 0]) >= 0).all()
    # what is greater is less when before and after change places, to the last digit
    swapped = flip_signs(-differences, seed=1, draws=DRAWS)
    assert chance.p.tolist() == swapped.less.p.tolist()
    assert flips.less.adjusted.tolist() == swapped.greater.adjusted.tolist()


@given(FEW | MANY, st.data())
def test_rows_and_columns_without_a_difference_change_nothing(differences: Any, data: st.DataObject) -> None:
    row, column = (data.draw(st.integers(0, size)) for size in differences.shape)
    order = data.draw(st.permutations(range(differences.shape[1])))
    wider = np.insert(np.insert(differences[:, order], row, 0, axis=0), column, SAME, axis=1)
    one, other = (flip_signs(each, seed=1, draws=DRAWS).greater for each in (differences, wider))
    assert np.insert(one.p[order], column, 1).tolist() == other.p.tolist()
    assert np.insert(one.adjusted[order], column, 1) == pytest.approx(other.adjusted, abs=2e-3)


def test_a_small_sample_does_not_make_few_changes_sure() -> None:
    # thirty columns with three changed queries each: chance alone would count less than an eighth in half of them
    chance = flip_signs(np.kron(np.eye(30), np.ones((3, 1))), seed=1, draws=200).greater
    assert (chance.p >= 1 / 8).all()
    assert (chance.adjusted >= chance.p).all()


def test_the_seed_alone_decides_p(monkeypatch: pytest.MonkeyPatch) -> None:
    differences = np.random.default_rng(3).normal(0.05, 1, (70, 3))
    whole, other = (flip_signs(differences, seed=seed, draws=DRAWS) for seed in (1, 2))
    monkeypatch.setattr(significance, "_NUMBERS_AT_ONCE", 700)
    parts = flip_signs(differences, seed=1, draws=DRAWS)
    assert whole.largest.tolist() == parts.largest.tolist()
    assert whole.greater.adjusted.tolist() == parts.greater.adjusted.tolist()
    assert whole.greater.p.tolist() != other.greater.p.tolist()


def outcome(columns: list[Columns], draws: int) -> list[Any]:
    flips = flip_signs(columns, seed=1, draws=draws)
    sides = [getattr(side, name).tolist() for side in (flips.greater, flips.less) for name in ("p", "adjusted")]
    return [*sides, *(flips.critical(level) for level in (0.01, 0.2, 0.5, 1))]


@given(FEW | MANY, st.lists(st.integers(0, 39), unique=True, min_size=1), st.integers(1, 9))
@example(np.random.default_rng(3).normal(0.05, 1, (40, 4)), [3, 2, 30], 7)
def test_rounding_first_changes_nothing(differences: Any, queries: list[int], strip: int) -> None:
    own = np.array(queries)[: len(differences)]
    columns = [Columns(differences), Columns(differences[: len(own)] / 3, own, differences[:1].sum(axis=0))]
    exactly = outcome(columns, 300)
    # fewer bits, so that many patterns are too near to tell
    settings = {"_ROUNDED_FROM": 1, "_FEW_ROWS": 3, "_ROUNDED_BITS": 12, "_STRIP": strip}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setattr(significance, name, value)
        assert outcome(columns, 300) == exactly


def test_columns_of_many_queries_are_rounded_first(monkeypatch: pytest.MonkeyPatch) -> None:
    differences = np.random.default_rng(3).normal(0.05, 1, (1_500, 4))
    differences[100:, 3] = 0
    columns = [Columns(differences), Columns(differences[::-2], np.arange(1_500)[::-2])]
    rounded = flip_signs(columns, seed=1, draws=DRAWS)
    assert 0 < rounded.rounding < 0.001
    nearly = outcome(columns, DRAWS)
    monkeypatch.setattr(significance, "_ROUNDED_FROM", math.inf)
    assert outcome(columns, DRAWS) == nearly
    exactly = flip_signs(columns, seed=1, draws=DRAWS)
    assert exactly.rounding == 0
    assert rounded.largest == pytest.approx(exactly.largest, abs=rounded.rounding)
    assert rounded.largest.tolist() != exactly.largest.tolist()


def test_p_is_what_it_was() -> None:
    # on another machine or release other figures would change verdicts
    steps = np.arange(1, 61)
    columns = np.column_stack([np.sin(steps) + 0.2, np.cos(steps * 7) + 0.1, np.sin(steps * 3) - 0.1])
    chance = flip_signs(columns, seed=1).greater
    assert np.rint(chance.p * 100_001).tolist() == [839, 19571, 86470]
    assert np.rint(chance.adjusted * 100_001).tolist() == [2513, 35546, 86470]


def test_another_processor_gives_the_same_p() -> None:
    # OpenBLAS adds in another order for each kind of processor
    code = """
import numpy as np
from relevance.significance import flip_signs
flips = flip_signs(np.random.default_rng(3).normal(0.05, 1, (700, 5)), seed=1, draws=2_000)
print(flips.greater.adjusted.tobytes().hex(), flips.largest.tobytes().hex())
"""
    run = [sys.executable, "-c", code]
    kinds = ({**os.environ, "OPENBLAS_CORETYPE": kind} for kind in ("Prescott", "Haswell"))
    one, two = (subprocess.run(run, env=env, cwd=ROOT, check=True, capture_output=True).stdout for env in kinds)  # noqa: S603
    assert one == two


# columns with rows of their own


@given(FEW | MANY, st.data())
def test_columns_of_some_queries_are_columns_that_are_0_elsewhere(differences: Any, data: st.DataObject) -> None:
    rows = len(differences)
    own = np.array(data.draw(st.lists(st.integers(0, rows - 1), unique=True, max_size=rows)), dtype=np.int64)
    elsewhere = np.zeros_like(differences)
    elsewhere[own] = differences[own]
    several = flip_signs([Columns(differences), Columns(differences[own], own)], seed=1, draws=DRAWS)
    one = flip_signs(np.hstack([differences, elsewhere]), seed=1, draws=DRAWS)
    for side in ("greater", "less"):
        assert getattr(several, side).p.tolist() == getattr(one, side).p.tolist()
        assert getattr(several, side).adjusted.tolist() == getattr(one, side).adjusted.tolist()
    assert several.largest.tolist() == one.largest.tolist()


def test_an_observed_sum_stands_in_for_that_of_the_differences() -> None:
    # the sums of 1, 2 and 4 with signs are -7 to 7 in steps of 2: of these eight three are 3 or more, two 5 or more
    magnitudes = np.array([[1.0], [2.0], [4.0]])
    for observed, above in ((3.0, 3), (5.0, 2), (4.0, 2), (7.0, 1)):
        chance = flip_signs([Columns(magnitudes, observed=np.array([observed]))], seed=1)
        assert chance.greater.p.tolist() == [above / 8]
        assert chance.less.p.tolist() == [min(1, (sum(total <= observed for total in range(-7, 8, 2))) / 8)]
    own = flip_signs([Columns(magnitudes, observed=magnitudes.sum(axis=0))], seed=1)
    assert own.greater.p.tolist() == flip_signs(magnitudes, seed=1).greater.p.tolist() == [1 / 8]


def reaches(differences: Any) -> list[float]:
    """Of each column, in standard errors of as many queries."""
    return [one.errors(len(differences)) for one in joint_reach(differences, seed=1, draws=20_000)]


def test_bounds_of_many_columns_are_wider_than_of_one() -> None:
    differences = np.random.default_rng(7).normal(0.3, 1, (400, 8))
    one, eight = reaches(differences[:, :1]), reaches(differences)
    assert one == pytest.approx([stats.norm.ppf(0.95)], abs=0.04)
    assert eight == pytest.approx([stats.norm.ppf(0.95 ** (1 / 8))] * 8, abs=0.2)
    # the same column eight times is one
    assert reaches(np.repeat(differences[:, :1], 8, axis=1)) == pytest.approx(one * 8)
    # whatever the mean is
    assert reaches(differences + 5) == pytest.approx(eight)


def test_bounds_are_wider_where_few_differences_lie_far_above_the_others() -> None:
    skewed = np.random.default_rng(7).exponential(1, (12, 3)) * [1, -0.1, 0.3]
    # every sign pattern, and scipy's skewness
    signs = np.array(list(itertools.product([1, -1], repeat=12)))
    centred = skewed - skewed.mean(axis=0)
    sums = signs @ (centred / np.sqrt((centred**2).sum(axis=0)))
    own = stats.skew(skewed, bias=False)
    together = stats.skew(centred, axis=None) * math.sqrt(12 * 11) / 10  # of the large differences, above all

    def by_hand(z: float, skew: float) -> float:
        return z + skew * (1 + 2 * z**2) / 6 + 5 / 72 * skew**2 * (4 * z**3 - z) + (z**3 - z) / 24

    z = np.quantile(sums.max(axis=1), 0.95)
    assert own[1] < 0 < own[0] < together < own[2]
    expected = [by_hand(z, max(one, together) / math.sqrt(12)) for one in own]
    assert reaches(skewed) == pytest.approx(expected, abs=1e-9)
    # what is skewed to the other side narrows nothing
    assert reaches(skewed[:, 1:2]) == pytest.approx([by_hand(np.quantile(sums[:, 1], 0.95), 0)], abs=1e-9)


def test_a_strategy_that_moves_one_query_widens_no_other_bound() -> None:
    drawn = np.random.default_rng(3).normal(0, 1, (1_000, 2))
    one_query = np.eye(1_000)[:, :1]
    alone, beside = reaches(drawn), reaches(np.hstack([drawn, one_query]))
    assert beside[:2] == pytest.approx(alone, abs=0.1)
    assert beside[2] > beside[0] + 1


def test_what_does_not_scatter_needs_no_width() -> None:
    assert reaches(np.full((5, 2), 0.25)) == [0, 0]


@pytest.mark.parametrize(
    ("queries", "observed"),
    [([0, 0], [1.0]), ([-1, 0], [1.0]), ([0], [1.0]), ([0, 1], [1.0, 2.0]), ([0, 1], [math.nan])],
)
def test_columns_that_do_not_fit_are_refused(queries: list[int], observed: list[float]) -> None:
    with pytest.raises(ValueError, match="allowed"):
        Columns(np.ones((2, 1)), np.array(queries), np.array(observed))


@pytest.mark.parametrize("wrong", [np.zeros(3), np.array([[np.nan]]), np.array([[np.inf]])])
def test_what_cannot_be_tested_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="allowed: finite numbers"):
        flip_signs(wrong, seed=1)
