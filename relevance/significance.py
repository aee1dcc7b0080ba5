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
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from scipy.special import stdtrit
from threadpoolctl import threadpool_limits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    _Floats = npt.NDArray[np.float64]
    _Ints = npt.NDArray[np.int64]
    _Bits = npt.NDArray[np.uint8]

_Result = TypeVar("_Result")

RESAMPLES = 10_000
_FEWEST = 2

DRAWS = 100_000
"""How many sign patterns are drawn."""

SAME = 1e-9
"""Differences of no more than this are none, and sums that lie no further apart are the same: it is rounding."""

_WORD = 64
_EXACT_BITS = 51
_NUMBERS_AT_ONCE = 1_000_000
_MOST_THREADS = 4
"""Each holds `_NUMBERS_AT_ONCE` signs, 8 MB as numbers."""


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


def student_interval(
    mean: float, error: float, queries: int, *, confidence: float = 0.95
) -> tuple[float, float] | None:
    """Give the interval of a mean by Student's t, from its standard error; None for one query, which has no spread."""
    if queries < _FEWEST:
        return None
    reach = float(stdtrit(queries - 1, 0.5 + confidence / 2)) * error
    return mean - reach, mean + reach


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


@dataclass(frozen=True, eq=False)
class Columns:
    """Columns of paired differences that have the same rows.

    Attributes:
        differences: shape (rows, columns).
        queries: shape (rows,), which of the queries that all columns share a row is, from 0 and none twice: a query has
            one sign for all columns. None: row i is query i.
        observed: shape (columns,), sums that are tested in place of those of `differences`, whose signs are flipped all
            the same: for differences that are larger than what adds up, since they are uncertain. None: their own.

    Raises:
        ValueError: other shapes, a number that is not finite, or a query that is negative or there twice.
    """

    differences: _Floats
    queries: _Ints | None = None
    observed: _Floats | None = None

    def __post_init__(self) -> None:
        shape = self.differences.shape
        if len(shape) != 2 or not np.isfinite(self.differences).all():  # noqa: PLR2004 - rows and columns
            raise ValueError(f"differences of shape {shape}; allowed: finite numbers (queries, columns)")
        if self.queries is not None:
            ascending = np.sort(self.queries)
            if self.queries.shape != shape[:1] or (ascending[:1] < 0).any() or (np.diff(ascending) == 0).any():
                raise ValueError(f"queries of {shape[0]} rows; allowed: as many numbers of 0 or more, none twice")
        if self.observed is not None and (self.observed.shape != shape[1:] or not np.isfinite(self.observed).all()):
            raise ValueError(f"observed sums of {shape[1]} columns; allowed: as many finite numbers")


def flip_signs(columns: Sequence[Columns] | _Floats, *, seed: int, draws: int = DRAWS) -> SignFlips:
    """Test the sums of columns of paired differences, jointly.

    Where there are no more sign patterns than `draws`, each is taken once and p is the share that is as far out; else
    p = (1 + patterns as far out) / (draws + 1).

    Args:
        columns: differences of shape (queries, columns), or several such with rows of their own; the outcome has all
            columns, one after the other. Rows and columns that are all 0 change nothing.
        seed: of the signs.
        draws: how many sign patterns are drawn.

    Raises:
        ValueError: not two dimensions, or a number that is not finite.
    """
    given = [Columns(columns)] if isinstance(columns, np.ndarray) else list(columns)
    blocks, tested, queries = _blocks(given)
    if not blocks:
        none = _spread(np.ones(0), np.ones(0), tested)
        return SignFlips(none, none, np.zeros(0), exact=True)
    total, unit, slack, lowest = (
        np.concatenate([getattr(block, name) for block in blocks]) for name in ("total", "unit", "slack", "lowest")
    )
    tails = _Tail(total * unit, slack), _Tail(-total * unit, slack)

    def farther_out(patterns: _Patterns) -> tuple[list[_Ints], _Floats]:
        chance = _standardised(blocks, patterns.signs())
        (high, largest), (low, _) = tails[0].counted(chance), tails[1].counted(np.negative(chance, out=chance))
        return [high, low], largest

    chunks = _patterns(queries, seed, draws)
    counts, largest = zip(*_on_all_cores(farther_out, chunks), strict=True)
    exact = chunks[0].every
    patterns = sum(map(len, largest))
    high, low = (
        _spread(*tail.p(sum(each), patterns, lowest, exact=exact), tested)
        for tail, each in zip(tails, zip(*counts, strict=True), strict=True)
    )
    return SignFlips(high, low, np.sort(np.concatenate(largest)), exact)


def joint_quantile(
    columns: Sequence[Columns] | _Floats, level: float = 0.95, *, seed: int, draws: int = DRAWS
) -> float:
    """Give how many standard errors one-sided bounds of all columns have to be wide to hold jointly.

    That is the quantile of the largest sum / sqrt(sum of squares) of a column, over sign patterns of the differences
    less their mean: about 1.64 for one column at a level of 0.95, and more, the less columns move together.

    Args:
        columns: as for `flip_signs`; `observed` is not looked at.
        level: how often all bounds hold, between 0 and 1.
        seed: of the signs.
        draws: how many sign patterns are drawn.

    Returns:
        The quantile; 0 where no column scatters.

    Raises:
        ValueError: not two dimensions, or a number that is not finite.
    """
    given = [Columns(columns)] if isinstance(columns, np.ndarray) else list(columns)
    centred = [
        Columns(one.differences - one.differences.mean(axis=0), one.queries) for one in given if one.differences.size
    ]
    blocks, _, queries = _blocks(centred)
    if not blocks:
        return 0.0

    def largest(patterns: _Patterns) -> _Floats:
        return np.asarray(_standardised(blocks, patterns.signs()).max(axis=0))

    return float(np.quantile(np.concatenate(_on_all_cores(largest, _patterns(queries, seed, draws))), level))


def _spread(p: _Floats, adjusted: _Floats, columns: npt.NDArray[np.bool_]) -> Chance:
    """With 1 for the columns that were not tested."""
    chance = Chance(np.ones(len(columns)), np.ones(len(columns)))
    chance.p[columns], chance.adjusted[columns] = p, adjusted
    return chance


# columns as whole numbers


@dataclass(frozen=True, eq=False)
class _Block:
    """Columns with the same rows, scaled to whole numbers whose sums are exact in whatever order.

    Attributes:
        whole: shape (columns, rows).
        at: which of the queries that have a sign the rows are; None: all, in order.
        total: shape (columns,), what was observed.
        flipped: the sum of `whole`.
        unit: what a sum is multiplied by to be one over the root of the sum of squares, which flipped signs leave as it
            is.
        slack: by how much less such a sum may be and is the same.
        lowest: the lowest p that so many differences can reach.
    """

    whole: _Floats
    at: _Ints | None
    total: _Floats
    flipped: _Floats
    unit: _Floats
    slack: _Floats
    lowest: _Floats


def _blocks(given: Sequence[Columns]) -> tuple[list[_Block], npt.NDArray[np.bool_], int]:
    """What has a difference, with how many queries have a sign; and which of all columns that are, shape (columns,)."""
    noticed = [np.where(np.abs(one.differences) > SAME, one.differences, 0.0) for one in given]
    rows = [np.count_nonzero(one, axis=1) > 0 for one in noticed]
    tested = [np.count_nonzero(one, axis=0) > 0 for one in noticed]
    numbers = [
        (np.arange(len(row)) if one.queries is None else one.queries)[row] for one, row in zip(given, rows, strict=True)
    ]
    queries = np.unique(np.concatenate(numbers)) if numbers else np.zeros(0, dtype=np.int64)
    blocks = [
        _block(differences[row][:, column], np.searchsorted(queries, number), one.observed, column, len(queries))
        for one, differences, row, column, number in zip(given, noticed, rows, tested, numbers, strict=True)
        if column.any()
    ]
    return blocks, np.concatenate([np.zeros(0, dtype=bool), *tested]), len(queries)


def _block(
    differences: _Floats, at: _Ints, observed: _Floats | None, tested: npt.NDArray[np.bool_], queries: int
) -> _Block:
    sums = np.zeros(differences.shape[1]) if observed is None else observed[tested]
    # a column times 2^shift, rounded, adds up to less than 2^52: float64 holds that exactly
    _, above = np.frexp(np.maximum(np.abs(differences).sum(axis=0), np.abs(sums)))
    shift = _EXACT_BITS - above
    norms = np.sqrt([math.fsum((column * column).tolist()) for column in differences.T])
    whole = np.rint(np.ldexp(differences, shift)).T
    flipped = whole.sum(axis=1)
    return _Block(
        whole,
        None if np.array_equal(at, np.arange(queries)) else at,
        flipped if observed is None else np.rint(np.ldexp(sums, shift)),
        flipped,
        1 / np.ldexp(norms, shift),
        SAME / np.minimum(norms, 1),
        0.5 ** np.count_nonzero(differences, axis=0),
    )


def _standardised(blocks: Sequence[_Block], signs: _Bits) -> _Floats:
    """Sum / sqrt(sum of squares) of every column in every pattern, shape (columns, patterns)."""
    sums = np.empty((sum(len(block.whole) for block in blocks), signs.shape[1]))
    end = 0
    for block in blocks:
        start, end = end, end + len(block.whole)
        own = (signs if block.at is None else signs[block.at]).astype(np.float64)
        sums[start:end] = (block.flipped[:, np.newaxis] - 2 * (block.whole @ own)) * block.unit[:, np.newaxis]
    return sums


# sign patterns


@dataclass(frozen=True)
class _Patterns:
    """Sign patterns `start` to `end` of `rows` signs each: of all that there are, or of those that a seed draws."""

    rows: int
    start: int
    end: int
    seed: int
    every: bool

    def signs(self) -> _Bits:
        """Shape (rows, patterns), 1 where the sign is flipped, else 0."""
        if self.every:
            words = np.arange(self.start, self.end, dtype=np.uint64)[:, np.newaxis]
        else:
            # each pattern takes whole words of the stream, so that it does not matter how many are drawn at once
            each = -(-self.rows // _WORD)
            stream = np.random.PCG64(self.seed).advance(self.start * each)
            words = stream.random_raw((self.end - self.start) * each).reshape(-1, each)
        # bytes change places, not bits: what unpackbits would give and transposing it takes ten times as long
        octets = np.ascontiguousarray(words.astype("<u8").view(np.uint8).T)
        bits = np.empty((len(octets), 8, len(words)), dtype=np.uint8)
        for bit in range(8):
            np.right_shift(octets, bit, out=bits[:, bit])
        bits &= 1
        return bits.reshape(-1, len(words))[: self.rows]


def _patterns(rows: int, seed: int, draws: int) -> list[_Patterns]:
    """All patterns of so many signs where they are no more than `draws`, in parts that memory has room for."""
    every = rows < draws.bit_length()
    patterns, at_once = 1 << rows if every else draws, max(1, _NUMBERS_AT_ONCE // rows)
    starts = range(0, patterns, at_once)
    return [_Patterns(rows, start, min(start + at_once, patterns), seed, every) for start in starts]


def _on_all_cores(task: Callable[[_Patterns], _Result], chunks: Sequence[_Patterns]) -> list[_Result]:
    """Do a task for each; results in their order."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    # threads of a product wait for each other by spinning: where other work has the cores, two take far longer than one
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(min(usable, _MOST_THREADS)) as pool:
        return list(pool.map(task, chunks))


class _Tail:
    """Counts the patterns that are as far out as what was observed, column by column and step by step."""

    def __init__(self, observed: _Floats, slack: _Floats) -> None:
        self._order = np.argsort(-observed, kind="stable")
        self._reach = (observed - slack)[self._order[::-1]]

    def counted(self, chance: _Floats) -> tuple[_Ints, _Floats]:
        """Count patterns, shape (columns, patterns).

        Returns:
            How many are as far out in a column, and in any that a step looks at, shape (2, columns), nearest column
            first; and the largest of each pattern.
        """
        steps = chance[self._order[::-1]]  # a step looks at the columns that are no further out
        reach = self._reach[:, np.newaxis]
        alone = np.count_nonzero(steps >= reach, axis=1)
        np.maximum.accumulate(steps, axis=0, out=steps)
        return np.stack([alone, np.count_nonzero(steps >= reach, axis=1)]), steps[-1].copy()

    def p(self, counts: _Ints, patterns: int, lowest: _Floats, *, exact: bool) -> tuple[_Floats, _Floats]:
        """By itself and adjusted; none is below what its column can reach at best."""
        extra = 0 if exact else 1
        alone, together = np.empty((2, len(lowest)))
        alone[self._order], together[self._order] = (counts[:, ::-1] + extra) / (patterns + extra)
        np.maximum(alone, lowest, out=alone)
        np.maximum(together, alone, out=together)
        adjusted = np.empty_like(together)
        adjusted[self._order] = np.maximum.accumulate(together[self._order])
        return alone, adjusted
