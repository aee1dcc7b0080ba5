"""Quantiles and tails beside scipy's."""

import pytest
from scipy import special, stats

from relevance.distributions import heads_at_least, normal_below, normal_quantile, student_quantile


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 11, 30, 99, 304, 5_858, 100_001])
@pytest.mark.parametrize("share", [0.5, 0.6, 0.95, 0.975, 0.995, 0.9999])
def test_a_student_quantile_is_scipys(freedom: int, share: float) -> None:
    assert student_quantile(freedom, share) == pytest.approx(special.stdtrit(freedom, share), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("value", [-30.0, -8.0, -1.5, 0.0, 0.3, 9.0])
def test_a_normal_chance_is_scipys_far_out_too(value: float) -> None:
    assert normal_below(value) == pytest.approx(special.ndtr(value), rel=1e-12, abs=0)


@pytest.mark.parametrize("share", [0.001, 0.5, 0.8, 0.9999])
def test_a_normal_quantile_is_scipys(share: float) -> None:
    assert normal_quantile(share) == pytest.approx(special.ndtri(share), rel=1e-12, abs=1e-15)


@pytest.mark.parametrize(("heads", "tosses"), [(1, 1), (1, 2), (2, 2), (3, 10), (8, 10), (520, 1_000), (90, 1_000)])
def test_the_chance_of_heads_is_scipys(heads: int, tosses: int) -> None:
    assert heads_at_least(heads, tosses) == pytest.approx(stats.binom.sf(heads - 1, tosses, 0.5), rel=1e-9)
