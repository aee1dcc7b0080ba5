"""Paired comparisons of per-query numbers: how sure a difference is, whatever the numbers are.

The interval is that of the percentile bootstrap over queries: B. Efron and R. J. Tibshirani, "An Introduction to the
Bootstrap", 1993, chapter 13; T. Sakai, "Evaluating Evaluation Metrics Based on the Bootstrap", SIGIR 2006, for metrics
of retrieval. Queries are drawn, each with both of its numbers, so what makes a query hard cancels out.

The test is the sign-flip randomisation test, for many columns at once. Had a change no effect, a query's numbers before
and after could as well be swapped: the sign of its difference is as good as thrown. Sums with thrown signs are those of
chance (R. A. Fisher, "The Design of Experiments", 1935, section 21; for retrieval M. D. Smucker, J. Allan and
B. Carterette, "A Comparison of Statistical Significance Tests for Information Retrieval Evaluation", CIKM 2007).
A query has one sign for all columns, so that columns which move together count as little more than one (P. H. Westfall
and S. S. Young, "Resampling-Based Multiple Testing", 1993: step-down max-T). The same differences in the same order
give the same p on every machine: signs are bits of PCG64's raw stream, and differences are whole multiples of a power
of two, so small that all sums are exact in any order of adding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    _Floats = npt.NDArray[np.float64]

RESAMPLES = 10_000
_FEWEST = 2

DRAWS = 100_000
"""How many sign patterns are drawn."""

SAME = 1e-9
"""Differences of no more than this are none, and sums that lie no further apart are the same: it is rounding."""

_WORD = 64
_EXACT_BITS = 51
_NUMBERS_AT_ONCE = 2_000_000


@dataclass(frozen=True)
class Interval:
    """The mean of after - before, and its interval: the share `confidence` of such hold the true difference."""

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
    before: _Floats, after: _Floats, *, seed: int, confidence: float = 0.95, resamples: int = RESAMPLES
) -> Interval:
    """Give the mean difference after - before, with its percentile bootstrap interval.

    Args:
        before: shape (queries,), one number a query.
        after: likewise, of the same queries in the same order.
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


def _resampled_means(values: _Floats, generator: np.random.Generator, resamples: int) -> _Floats:
    """Shape (resamples,)."""
    means = np.empty(resamples)
    at_once = max(1, _NUMBERS_AT_ONCE // len(values))
    for start in range(0, resamples, at_once):
        count = min(at_once, resamples - start)
        means[start : start + count] = values[generator.integers(len(values), size=(count, len(values)))].mean(axis=1)
    return means


@dataclass(frozen=True, eq=False)
class Chance:
    """How often chance gives sums as far out as those that were observed; 1 for a column without a difference.

    Attributes:
        p: shape (columns,), of each column by itself, one-sided; at least 2^-k where k rows are not 0.
        adjusted: shape (columns,), at least `p`: how often any of the columns is as far out (step-down max-T).
    """

    p: _Floats
    adjusted: _Floats


@dataclass(frozen=True, eq=False)
class SignFlips:
    """The outcome of the test.

    Attributes:
        greater: chance of sums as high as those observed.
        less: chance of sums as low.
        largest: shape (patterns,), ascending: of each sign pattern the largest sum / sqrt(sum of squares) of a column.
        exact: whether the patterns are all that there are, and no sample.
    """

    greater: Chance
    less: Chance
    largest: _Floats
    exact: bool

    def critical(self, level: float) -> float:
        """Give the sum / sqrt(sum of squares) that a column has to reach so that its adjusted p is `level` or less.

        It is that of the first step, the highest; infinite where no sum can be so far out.
        """
        patterns = len(self.largest)
        allowed = math.floor(level * patterns) if self.exact else math.floor(level * (patterns + 1)) - 1
        return float(self.largest[-allowed]) if 0 < allowed <= patterns else math.inf


def flip_signs(differences: _Floats, *, seed: int, draws: int = DRAWS) -> SignFlips:
    """Test the sums of columns of paired differences, jointly.

    Where there are no more sign patterns than `draws`, each is taken once and p is the share that is as far out; else
    p = (1 + patterns as far out) / (draws + 1).

    Args:
        differences: shape (queries, columns); rows and columns that are all 0 change nothing.
        seed: of the signs.
        draws: how many sign patterns are drawn.

    Raises:
        ValueError: not two dimensions, or a number that is not finite.
    """
    if differences.ndim != 2 or not np.isfinite(differences).all():  # noqa: PLR2004 - queries and columns
        raise ValueError(f"differences of shape {differences.shape}; allowed: finite numbers (queries, columns)")
    noticed = np.where(np.abs(differences) > SAME, differences, 0.0)
    columns = np.count_nonzero(noticed, axis=0) > 0
    tested = noticed[np.count_nonzero(noticed, axis=1) > 0][:, columns]
    if not tested.size:
        none = _spread(np.ones(0), np.ones(0), columns)
        return SignFlips(none, none, np.zeros(0), exact=True)
    exact = len(tested) < draws.bit_length()
    patterns = 1 << len(tested) if exact else draws
    whole, unit, slack = _scaled(tested)
    total = whole.sum(axis=1)
    greater, less = _Tail(total * unit, slack), _Tail(-total * unit, slack)
    largest = np.empty(patterns)
    end = 0
    # threads of a product wait for each other by spinning: where other work has the cores, two take far longer than one
    with threadpool_limits(1, user_api="blas"):
        for signs in _every_pattern(len(tested)) if exact else _drawn_patterns(len(tested), patterns, seed):
            chance = (total[:, np.newaxis] - 2 * (whole @ signs.T)) * unit[:, np.newaxis]
            start, end = end, end + len(signs)
            largest[start:end] = greater.count(chance)
            less.count(-chance)
    largest.sort()
    lowest = 0.5 ** np.count_nonzero(tested, axis=0)
    high, low = (_spread(*tail.p(patterns, lowest, exact=exact), columns) for tail in (greater, less))
    return SignFlips(high, low, largest, exact)


def _spread(p: _Floats, adjusted: _Floats, columns: npt.NDArray[np.bool_]) -> Chance:
    """With 1 for the columns that were not tested."""
    chance = Chance(np.ones(len(columns)), np.ones(len(columns)))
    chance.p[columns], chance.adjusted[columns] = p, adjusted
    return chance


def _every_pattern(rows: int) -> Iterator[_Floats]:
    at_once = max(1, _NUMBERS_AT_ONCE // rows)
    for start in range(0, 1 << rows, at_once):
        yield _bits(np.arange(start, min(start + at_once, 1 << rows), dtype=np.uint64)[:, np.newaxis], rows)


def _drawn_patterns(rows: int, draws: int, seed: int) -> Iterator[_Floats]:
    """Each pattern takes whole words of the stream, so that it does not matter how many are drawn at once."""
    words, at_once = -(-rows // _WORD), max(1, _NUMBERS_AT_ONCE // rows)
    stream = np.random.PCG64(seed)
    for start in range(0, draws, at_once):
        count = min(at_once, draws - start)
        yield _bits(stream.random_raw(count * words).reshape(count, words), rows)


def _bits(words: npt.NDArray[np.uint64], rows: int) -> _Floats:
    """Shape (patterns, rows), 1 where the sign is flipped, else 0."""
    as_bytes = words.astype("<u8").view(np.uint8)
    return np.unpackbits(as_bytes, axis=1, count=rows, bitorder="little").astype(np.float64)


def _scaled(differences: _Floats) -> tuple[_Floats, _Floats, _Floats]:
    """Differences as whole numbers whose sums are exact in whatever order.

    Returns:
        The numbers, shape (columns, rows); what a sum of them is multiplied by to be one over the root of the sum of
        squares, which flipped signs leave as it is; and by how much less such a sum may be and is the same.
    """
    # a column times 2^shift, rounded, adds up to less than 2^52: float64 holds that exactly
    _, above = np.frexp(np.abs(differences).sum(axis=0))
    shift = _EXACT_BITS - above
    norms = np.sqrt([math.fsum((column * column).tolist()) for column in differences.T])
    return np.rint(np.ldexp(differences, shift)).T, 1 / np.ldexp(norms, shift), SAME / np.minimum(norms, 1)


class _Tail:
    """Counts the patterns that are as far out as what was observed, column by column and step by step."""

    def __init__(self, observed: _Floats, slack: _Floats) -> None:
        self._order = np.argsort(-observed, kind="stable")
        self._reach = observed - slack
        self._alone = np.zeros(len(observed), dtype=np.int64)
        self._any = np.zeros(len(observed), dtype=np.int64)

    def count(self, chance: _Floats) -> _Floats:
        """Take in patterns, shape (columns, patterns); back comes the largest of each."""
        largest = np.full(chance.shape[1], -np.inf)
        for column in self._order[::-1]:  # a step looks at the columns that are no further out
            np.maximum(largest, chance[column], out=largest)
            self._alone[column] += np.count_nonzero(chance[column] >= self._reach[column])
            self._any[column] += np.count_nonzero(largest >= self._reach[column])
        return largest

    def p(self, patterns: int, lowest: _Floats, *, exact: bool) -> tuple[_Floats, _Floats]:
        """By itself and adjusted; none is below what its column can reach at best."""
        extra = 0 if exact else 1
        alone = np.maximum((self._alone + extra) / (patterns + extra), lowest)
        together = np.maximum((self._any + extra) / (patterns + extra), alone)
        adjusted = np.empty_like(together)
        adjusted[self._order] = np.maximum.accumulate(together[self._order])
        return alone, adjusted
