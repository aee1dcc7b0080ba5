"""How sure a mean difference is, from paired numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["paired_interval"]

_CELLS = 1 << 22
"""Drawn numbers that are held at a time: what bounds the memory."""


def paired_interval(
    differences: NDArray[np.float64], *, level: float = 0.95, draws: int = 10_000, seed: int = 0
) -> tuple[float, float]:
    """Bootstrap percentile interval of a mean difference.

    B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13: the queries are drawn with
    replacement, as many as there are, and the mean of each draw is taken; the interval holds the middle of the means.

    Args:
        differences: shape (queries,), one number a query.
        level: the share of means inside.
        draws: how many means.
        seed: of the draws.

    Raises:
        ValueError: fewer than two differences, which have no interval.
    """
    number = len(differences)
    if number < 2:  # noqa: PLR2004 - nothing to draw from
        raise ValueError(f"{number} differences; an interval takes two or more")
    generator = np.random.default_rng(seed)
    means = np.empty(draws)
    block = max(1, _CELLS // number)
    for start in range(0, draws, block):
        part = means[start : start + block]
        part[:] = differences[generator.integers(number, size=(len(part), number))].mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2]).tolist()
    return low, high
