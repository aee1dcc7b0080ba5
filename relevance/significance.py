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
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from threadpoolctl import ThreadpoolController

from relevance.distributions import student_quantile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    _Floats = npt.NDArray[np.float64]
    _Ints = npt.NDArray[np.int64]
    _Bits = npt.NDArray[np.uint8]
    _Bools = npt.NDArray[np.bool_]
    _Words = npt.NDArray[np.uint64]

_Given = TypeVar("_Given")
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

_ROUNDED_FROM = 1_000
"""From so many queries on sums are first taken of rounded differences, in less than half of the time."""
_FEW_ROWS = 256
"""Sums of fewer differences are often the same as what was observed, which rounded sums cannot tell."""
_ROUNDED_BITS = 24
_STRIP = 512
"""So many queries are added up in float32: the fewer, the less is lost; their signs are at hand for all columns."""


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
    reach = student_quantile(queries - 1, 0.5 + confidence / 2) * error
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
        largest: shape (patterns,), of each sign pattern the largest sum / sqrt(sum of squares) of a column.
        exact: whether the patterns are all that there are, and no sample.
        rounding: by how much those of `largest` may be off.
        without_rounding: gives those of some patterns, by their numbers, as they are.
    """

    greater: Chance
    less: Chance
    largest: _Floats
    exact: bool
    rounding: float = 0.0
    without_rounding: Callable[[_Ints], _Floats] | None = None

    def critical(self, level: float) -> float:
        """Give the sum / sqrt(sum of squares) that a column has to reach so that its adjusted p is `level` or less.

        It is that of the first step, the highest; infinite where no sum can be so far out.
        """
        largest, patterns = self.largest, len(self.largest)
        allowed = math.floor(level * patterns) if self.exact else math.floor(level * (patterns + 1)) - 1
        if not 0 < allowed <= patterns:
            return math.inf
        if self.without_rounding is not None:
            # all others are on the same side of it, rounded or not
            near = np.abs(largest - np.partition(largest, -allowed)[-allowed]) <= 2 * self.rounding
            largest = largest.copy()
            largest[near] = self.without_rounding(np.flatnonzero(near))
        return float(np.partition(largest, -allowed)[-allowed])


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
    blocks, queries = _blocks(given, rounded_from=_ROUNDED_FROM)
    number = sum(one.differences.shape[1] for one in given)
    if not blocks:
        none = Chance(np.ones(number), np.ones(number))
        return SignFlips(none, none, np.zeros(0), exact=True)
    columns_of, total, unit, slack, lowest, lost = (
        np.concatenate([getattr(block, name) for block in blocks])
        for name in ("columns", "total", "unit", "slack", "lowest", "lost")
    )
    tails = _Tail(total * unit, slack, columns_of), _Tail(-total * unit, slack, columns_of)

    def farther_out(words: _Words, lost: _Floats) -> tuple[list[_Ints], _Floats, _Bools]:
        """Count the patterns that are sure; the largest of each; and which are not, sums being off by up to `lost`."""
        chance = (_nearly_standardised if lost.any() else _standardised)(blocks, _signs(words, queries))
        sides = [tails[0].compared(chance, lost), tails[1].compared(np.negative(chance, out=chance), lost)]
        sure = sides[0].sure & sides[1].sure
        return [side.counted(sure) for side in sides], sides[0].largest, ~sure

    def first(patterns: _Patterns) -> tuple[list[_Ints], _Floats, _Bools, _Words]:
        words = patterns.words()
        counts, largest, unsure = farther_out(words, lost)
        return counts, largest, unsure, words[unsure]

    def again(words: _Words) -> tuple[list[_Ints], _Floats]:
        return farther_out(words, np.zeros_like(lost))[:2]

    def largest_of(patterns: _Ints) -> _Floats:
        words = [replace(chunks[0], start=number, end=number + 1).words() for number in patterns.tolist()]
        return again(np.concatenate(words))[1]

    chunks = _patterns(queries, seed, draws, at_once=_NUMBERS_AT_ONCE * (2 if lost.any() else 1))
    counts, rounded, unsure, words = zip(*_on_all_cores(first, chunks), strict=True)
    largest, undecided = np.concatenate(rounded), np.concatenate(words)
    at_once = max(1, _NUMBERS_AT_ONCE // queries)
    parts = [undecided[start : start + at_once] for start in range(0, len(undecided), at_once)]
    if parts:
        more, exactly = zip(*_on_all_cores(again, parts), strict=True)
        counts += more
        largest[np.concatenate(unsure)] = np.concatenate(exactly)
    exact = chunks[0].every
    high, low = (
        _spread(*tail.p(sum(each), len(largest), lowest, exact=exact), columns_of, number)
        for tail, each in zip(tails, zip(*counts, strict=True), strict=True)
    )
    rounding = float(lost.max())
    return SignFlips(high, low, largest, exact, rounding, largest_of if rounding else None)


@dataclass(frozen=True)
class Reach:
    """How far above its mean the upper bound of a column has to lie, where those of all columns hold jointly.

    Attributes:
        z: the quantile of the largest sum / sqrt(sum of squares) of a column, over sign patterns of the differences
            less their mean: about 1.64 for one column at a level of 0.95, and more, the less columns move together.
        skewness: of the column, or of all together where that is more; at least 0. Where a few differences lie far
            above the others, most samples lack some of those few, and their mean is too low.
    """

    z: float
    skewness: float

    def errors(self, queries: float) -> float:
        """In standard errors of the mean of so many queries.

        The expansion of the mean over its error up to 1 / queries, but for the small term of the kurtosis (P. Hall,
        "Inverting an Edgeworth expansion", Annals of Statistics 11, 1983).
        """
        z, skew = self.z, self.skewness / math.sqrt(queries)
        wider = skew * (2 * z**2 + 1) / 6 + 5 * skew**2 * z * (4 * z**2 - 1) / 72
        return z + wider + z * (z**2 - 1) / (2 * queries)


def joint_reach(differences: _Floats, level: float = 0.95, *, seed: int, draws: int = DRAWS) -> list[Reach]:
    """Give how far above the means of all columns their upper bounds have to lie; 0 where a column does not scatter.

    Args:
        differences: shape (queries, columns).
        level: how often all bounds hold, between 0 and 1.
        seed: of the signs.
        draws: how many sign patterns are drawn.

    Raises:
        ValueError: not two dimensions, or a number that is not finite.
    """
    centred = differences - differences.mean(axis=0)
    blocks, queries = _blocks([Columns(centred)])
    if not blocks:
        return [Reach(0.0, 0.0)] * centred.shape[1]

    def largest(patterns: _Patterns) -> _Floats:
        return np.asarray(_standardised(blocks, _signs(patterns.words(), queries)).max(axis=0))

    chunks = _patterns(queries, seed, draws, at_once=_NUMBERS_AT_ONCE)
    z = float(np.quantile(np.concatenate(_on_all_cores(largest, chunks)), level))
    together = _skewness(centred)
    return [Reach(z, max(0.0, together, _skewness(column))) for column in centred.T]


def _skewness(centred: _Floats) -> float:
    """Unbiased where normal (G1 of D. N. Joanes and C. A. Gill, "Comparing measures of sample skewness", 1998)."""
    queries = len(centred)
    squares, cubes = (math.fsum(one.ravel().tolist()) / centred.size for one in (centred**2, centred * centred**2))
    if queries <= _FEWEST or squares <= SAME**2:
        return 0.0
    return cubes / (squares * math.sqrt(squares)) * math.sqrt(queries * (queries - 1)) / (queries - 2)


def _spread(p: _Floats, adjusted: _Floats, columns: _Ints, number: int) -> Chance:
    """With 1 for the columns that were not tested."""
    chance = Chance(np.ones(number), np.ones(number))
    chance.p[columns], chance.adjusted[columns] = p, adjusted
    return chance


# columns as whole numbers


@dataclass(frozen=True, eq=False)
class _Block:
    """Columns with the same rows, scaled to whole numbers whose sums are exact in whatever order.

    Attributes:
        columns: shape (columns,), their numbers among all.
        whole: shape (columns, rows).
        at: which of the queries that have a sign the rows are; None: all, in order.
        total: shape (columns,), what was observed.
        flipped: the sum of `whole`.
        unit: what a sum is multiplied by to be one over the root of the sum of squares, which flipped signs leave as it
            is.
        slack: by how much less such a sum may be and is the same.
        lowest: the lowest p that so many differences can reach.
        rounded: the same with less precision; None for columns of few rows.
    """

    columns: _Ints
    whole: _Floats
    at: _Ints | None
    total: _Floats
    flipped: _Floats
    unit: _Floats
    slack: _Floats
    lowest: _Floats
    rounded: _Rounded | None

    @property
    def lost(self) -> _Floats:
        return np.zeros(len(self.whole)) if self.rounded is None else self.rounded.lost


@dataclass(frozen=True, eq=False)
class _Rounded:
    """Columns rounded so that sums of the rows of `_STRIP` queries are exact in float32.

    Attributes:
        strips: of so many queries each which of them the rows are, and the rounded numbers, shape (columns, rows).
        flipped: shape (columns,), the sum of all rows.
        unit: as of a block.
        lost: how far a sum times `unit` may be off.
    """

    strips: Sequence[tuple[_Ints, npt.NDArray[np.float32]]]
    flipped: _Floats
    unit: _Floats
    lost: _Floats


def _blocks(given: Sequence[Columns], *, rounded_from: float = math.inf) -> tuple[list[_Block], int]:
    """What has a difference, and how many queries have a sign; of `rounded_from` queries sums are rounded, too."""
    noticed = [np.where(np.abs(one.differences) > SAME, one.differences, 0.0) for one in given]
    rows = [np.arange(len(one.differences)) if one.queries is None else one.queries for one in given]
    changed = [number[one.any(axis=1)] for one, number in zip(noticed, rows, strict=True)]
    queries = np.unique(np.concatenate(changed)) if changed else np.zeros(0, dtype=np.int64)
    blocks, before = [], 0
    for one, differences, number in zip(given, noticed, rows, strict=True):
        counts = np.count_nonzero(differences, axis=0)
        few = counts < _FEW_ROWS if len(queries) >= rounded_from else counts >= 0
        for columns, rounds in ((few & (counts > 0), False), (~few, True)):
            if columns.any():
                own, row = np.flatnonzero(columns), np.flatnonzero(differences[:, columns].any(axis=1))
                row = row[np.argsort(number[row])]
                at = np.searchsorted(queries, number[row])
                observed = None if one.observed is None else one.observed[own]
                blocks.append(_block(before + own, differences[row][:, own], at, observed, len(queries), rounds=rounds))
        before += len(counts)
    return blocks, len(queries)


def _block(  # noqa: PLR0913 - what a block is made of
    columns: _Ints, differences: _Floats, at: _Ints, observed: _Floats | None, queries: int, *, rounds: bool
) -> _Block:
    sums = np.zeros(differences.shape[1]) if observed is None else observed
    # a column times 2^shift, rounded, adds up to less than 2^52: float64 holds that exactly
    _, above = np.frexp(np.maximum(np.abs(differences).sum(axis=0), np.abs(sums)))
    shift = _EXACT_BITS - above
    norms = np.sqrt([math.fsum((column * column).tolist()) for column in differences.T])
    whole = np.rint(np.ldexp(differences, shift)).T
    flipped = whole.sum(axis=1)
    unit = 1 / np.ldexp(norms, shift)
    return _Block(
        columns,
        whole,
        None if np.array_equal(at, np.arange(queries)) else at,
        flipped if observed is None else np.rint(np.ldexp(sums, shift)),
        flipped,
        unit,
        SAME / np.minimum(norms, 1),
        0.5 ** np.count_nonzero(differences, axis=0),
        _rounded(whole, unit, at, queries) if rounds else None,
    )


def _rounded(whole: _Floats, unit: _Floats, at: _Ints, queries: int) -> _Rounded:
    ends = np.searchsorted(at, np.arange(0, queries + _STRIP, _STRIP)).tolist()
    strips = [slice(*each) for each in pairwise(ends)]
    most = np.max([np.abs(whole[:, strip]).sum(axis=1) for strip in strips], axis=0)
    scale = (2**_ROUNDED_BITS - _STRIP) / most
    nearest = np.rint(whole * scale[:, np.newaxis])
    return _Rounded(
        [(at[rows] - _STRIP * number, nearest[:, rows].astype(np.float32)) for number, rows in enumerate(strips)],
        nearest.sum(axis=1),
        unit / scale,
        np.abs(whole - nearest / scale[:, np.newaxis]).sum(axis=1) * unit + SAME,  # SAME is above all other rounding
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


def _nearly_standardised(blocks: Sequence[_Block], signs: _Bits) -> _Floats:
    """The same, off by no more than `lost` of each block."""
    sums = np.zeros((sum(len(block.whole) for block in blocks), signs.shape[1]))
    ends = np.cumsum([len(block.whole) for block in blocks]).tolist()
    columns = [slice(*each) for each in pairwise([0, *ends])]
    rounded = [(own, block.rounded) for own, block in zip(columns, blocks, strict=True) if block.rounded is not None]
    for number, first in enumerate(range(0, len(signs), _STRIP)):
        flips = signs[first : first + _STRIP].astype(np.float32)
        for own, block in rounded:
            rows, values = block.strips[number]
            sums[own] += values @ flips.take(rows, axis=0)
    for own, block in rounded:
        sums[own] = (block.flipped[:, np.newaxis] - 2 * sums[own]) * block.unit[:, np.newaxis]
    for own, exact in zip(columns, blocks, strict=True):
        if exact.rounded is None:
            sums[own] = _standardised([exact], signs)
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

    def words(self) -> _Words:
        """Shape (patterns, words): a bit of a word is 1 where a sign is flipped, the lowest first."""
        if self.every:
            return np.arange(self.start, self.end, dtype=np.uint64)[:, np.newaxis]
        # each pattern takes whole words of the stream, so that it does not matter how many are drawn at once
        each = -(-self.rows // _WORD)
        stream = np.random.PCG64(self.seed).advance(self.start * each)
        return stream.random_raw((self.end - self.start) * each).reshape(-1, each)


def _signs(words: _Words, rows: int) -> _Bits:
    """Shape (rows, patterns), 1 where the sign is flipped, else 0."""
    # bytes change places, not bits: what unpackbits would give and transposing it takes ten times as long
    octets = np.ascontiguousarray(words.astype("<u8").view(np.uint8).T)
    bits = np.empty((len(octets), 8, len(words)), dtype=np.uint8)
    for bit in range(8):
        np.right_shift(octets, bit, out=bits[:, bit])
    bits &= 1
    return bits.reshape(-1, len(words))[:rows]


def _patterns(rows: int, seed: int, draws: int, *, at_once: int) -> list[_Patterns]:
    """All patterns of so many signs where they are no more than `draws`, in parts of about `at_once` signs."""
    every = rows < draws.bit_length()
    patterns, step = 1 << rows if every else draws, max(1, at_once // rows)
    return [_Patterns(rows, start, min(start + step, patterns), seed, every) for start in range(0, patterns, step)]


@cache
def _libraries() -> ThreadpoolController:
    """What was loaded with numpy; to look for it again would take longer than a small test."""
    return ThreadpoolController()


def _on_all_cores(task: Callable[[_Given], _Result], chunks: Sequence[_Given]) -> list[_Result]:
    """Do a task for each; results in their order."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    # threads of a product wait for each other by spinning: where other work has the cores, two take far longer than one
    with _libraries().limit(limits=1, user_api="blas"), ThreadPoolExecutor(min(usable, _MOST_THREADS)) as pool:
        return list(pool.map(task, chunks))


@dataclass(frozen=True, eq=False)
class _Compared:
    """Which patterns are as far out in a column, and in any that a step looks at, nearest column first.

    Attributes:
        alone: shape (columns, patterns).
        together: likewise.
        largest: shape (patterns,), of each pattern.
        sure: shape (patterns,), where nothing that sums are off by can change that.
    """

    alone: _Bools
    together: _Bools
    largest: _Floats
    sure: _Bools

    def counted(self, patterns: _Bools) -> _Ints:
        """Count these patterns, shape (2, columns)."""
        return np.stack([np.count_nonzero(one & patterns, axis=1) for one in (self.alone, self.together)])


class _Tail:
    """Counts the patterns that are as far out as what was observed, column by column and step by step."""

    def __init__(self, observed: _Floats, slack: _Floats, columns: _Ints) -> None:
        self._order = np.lexsort((columns, -observed))
        self._reach = (observed - slack)[self._order[::-1]]

    def compared(self, chance: _Floats, lost: _Floats) -> _Compared:
        """Compare sums, shape (columns, patterns), each off by no more than its column's `lost`."""
        steps = chance[self._order[::-1]]  # a step looks at the columns that are no further out
        lost = lost[self._order[::-1]]
        alone, open_alone = self._as_far_out(steps, lost)
        np.maximum.accumulate(steps, axis=0, out=steps)
        together, open_together = self._as_far_out(steps, np.maximum.accumulate(lost))
        return _Compared(alone, together, steps[-1].copy(), ~(open_alone | open_together))

    def _as_far_out(self, steps: _Floats, lost: _Floats) -> tuple[_Bools, _Bools]:
        surely = steps >= (self._reach + lost)[:, np.newaxis]
        if not lost.any():
            return surely, np.zeros(steps.shape[1], dtype=bool)
        return surely, (surely != (steps >= (self._reach - lost)[:, np.newaxis])).any(axis=0)

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
