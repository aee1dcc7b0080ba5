"""Paired comparisons of two vectors of per-query numbers.

The interval is that of the percentile bootstrap over queries: B. Efron and R. J. Tibshirani, "An Introduction to the
Bootstrap", 1993, chapter 13; T. Sakai, "Evaluating Evaluation Metrics Based on the Bootstrap", SIGIR 2006, for metrics
of retrieval. Queries are drawn, each with both of its numbers, so what makes a query hard cancels out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["RESAMPLES", "Interval", "paired_interval"]

RESAMPLES = 10_000
_NUMBERS_AT_ONCE = 2_000_000
_FEWEST = 2


@dataclass(frozen=True)
class Interval:
    """A mean difference and how sure it is.

    Attributes:
        difference: mean of after - before.
        low: lower end of the interval.
        high: upper end.
        confidence: share of such intervals that hold the true difference, such as 0.95.
        queries: how many were compared.
    """

    difference: float
    low: float
    high: float
    confidence: float
    queries: int

    @property
    def excludes_zero(self) -> bool:
        """Whether all of the interval is on one side of 0."""
        return self.low > 0 or self.high < 0


def paired_interval(
    before: npt.NDArray[np.float64],
    after: npt.NDArray[np.float64],
    *,
    seed: int,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
) -> Interval:
    """The mean difference after - before, with its percentile bootstrap interval.

    Args:
        before: shape (queries,), one number a query.
        after: shape (queries,), of the same queries in the same order.
        seed: of the draws: the same numbers and the same seed give the same interval.
        confidence: between 0 and 1.
        resamples: how often as many queries as there are are drawn, with replacement.

    Raises:
        ValueError: vectors of different shapes, fewer than two queries, or a confidence outside 0 to 1.
    """
    if before.shape != after.shape or before.ndim != 1 or len(before) < _FEWEST:
        raise ValueError(f"shapes {before.shape} and {after.shape}; allowed: two vectors of the same {_FEWEST} or more")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence = {confidence}; allowed: between 0 and 1")
    differences = np.asarray(after - before, dtype=np.float64)
    means = _resampled_means(differences, np.random.default_rng(seed), resamples)
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail]).tolist()
    return Interval(float(differences.mean()), low, high, confidence, len(differences))


def _resampled_means(
    values: npt.NDArray[np.float64], generator: np.random.Generator, resamples: int
) -> npt.NDArray[np.float64]:
    """Shape (resamples,)."""
    means = np.empty(resamples)
    at_once = max(1, _NUMBERS_AT_ONCE // len(values))
    for start in range(0, resamples, at_once):
        count = min(at_once, resamples - start)
        means[start : start + count] = values[generator.integers(len(values), size=(count, len(values)))].mean(axis=1)
    return means
