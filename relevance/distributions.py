"""Quantiles and tails of the distributions that tests and intervals ask for."""

from __future__ import annotations

import math
from functools import cache
from statistics import NormalDist

import numpy as np

_NORMAL = NormalDist()
_STEPS, _SAME = 1_000, 1e-14


def normal_below(value: float) -> float:
    """Give the chance that a standard normal number is at most so large; small ones are exact, too."""
    return 0.5 * math.erfc(-value / math.sqrt(2))


def normal_quantile(share: float) -> float:
    """Give the standard normal quantile of a share above 0 and below 1."""
    return _NORMAL.inv_cdf(share)


@cache
def student_quantile(freedom: int, share: float) -> float:
    """Give the quantile of Student's t.

    The chance is a finite sum (M. Abramowitz and I. A. Stegun, "Handbook of Mathematical Functions", 26.7.3 and
    26.7.4), concave above 0: Newton's steps from the normal quantile, which is nearer to 0, never pass the root.

    Args:
        freedom: degrees, 1 or more.
        share: from one half on and below 1.
    """
    value, wanted = normal_quantile(share), 2 * share - 1
    scale = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2) - 0.5 * math.log(freedom * math.pi)
    for _ in range(_STEPS):
        density = math.exp(scale - (freedom + 1) / 2 * math.log1p(value * value / freedom))
        step = (wanted - _student_within(freedom, value)) / (2 * density)
        value += step
        if abs(step) <= _SAME * value:
            break
    return value


def _student_within(freedom: int, value: float) -> float:
    """The chance of no more than so large a value of either sign."""
    angle = math.atan(value / math.sqrt(freedom))
    cosine, odd = math.cos(angle), freedom % 2
    numbers = np.arange(1, (freedom - odd) // 2)
    factors = (2 * numbers - 1 + odd) / (2 * numbers + odd) * cosine**2
    terms = 1 + float(np.cumprod(factors).sum())
    if odd:
        return (angle + (math.sin(angle) * cosine * terms if freedom > 1 else 0)) * 2 / math.pi
    return math.sin(angle) * terms


def heads_at_least(heads: int, tosses: int) -> float:
    """Give the chance of so many heads or more of a fair coin, of whole numbers to the last bit."""
    fewer = min(heads, tosses - heads + 1)  # as many heads as tails, on the side with fewer terms
    ways, chances = 1, 0
    for at in range(fewer):
        chances += ways
        ways = ways * (tosses - at) // (at + 1)
    below = fewer == heads
    every: int = 2**tosses
    return (every - chances if below else chances) / every
