"""Fusion of rankings: of reciprocal ranks, or of normalised scores.

Reciprocal rank fusion: G. V. Cormack, C. L. A. Clarke and S. Büttcher, "Reciprocal Rank Fusion outperforms Condorcet
and individual Rank Learning Methods", SIGIR 2009: a product's score is the sum of 1 / (k + rank) over the lists that
hold it, rank from 1. A weight multiplies the share of its list, as in Elasticsearch's `rrf` retriever.

The number that ranks is the number that is reported: the sum as float32. It is added up in whole numbers of 2^-52, so
that neither the order of the lists nor that of the additions can part two products with the same ranks. Sums that
float32 cannot tell apart (differences of about 1e-9) tie, and the product with the lower code goes first.

Linear combination: by the definition of Elasticsearch's `linear` retriever, read from its source
(LinearRetrieverBuilder, MinMaxScoreNormalizer and L2ScoreNormalizer in x-pack/plugin/rank-rrf). A product's score is
the sum of weight * normalised score over the lists that hold it, in float32, one list after the other; a list that
lacks it adds nothing. Of the first `window` hits of a list

- `minmax` makes (score - min) / (max - min), so that the last of them adds as much as one that is not there: 0. Where
  min and max are closer than 1e-6, as with a single hit, each gets 1; releases before elasticsearch#128689 (June 2025,
  in 8.18 and 8.19, too) left the score as it is. The maximum is no less than the smallest float32 above 0.
- `l2` (there `l2_norm`) makes score / sqrt(sum of squares): squares in float32, their sum in float64; where the root is
  below 1e-6, and with `none`, the score stays.

A score that is not a number adds 0. Ties go as above, there by the number of the document.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil, log2
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from relevance.records import NO_HIT, Ranking, no_hits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    _Bools = npt.NDArray[np.bool_]
    _Floats = npt.NDArray[np.float32]
    _Ints = npt.NDArray[np.int64]

_UNIT_BITS = 52
_CLOSE = np.float32(1e-6)
_CELLS = 1 << 17
"""Hits that are fused at a time: few enough for the processor's cache, and what bounds the memory."""


def reciprocal_rank_fusion(
    rankings: Sequence[Ranking], *, window: int, k: int, hits: int, weights: Sequence[float] | None = None
) -> Ranking:
    """Fuse rankings of the same queries.

    Args:
        rankings: one or more; a product stands at most once in a row.
        window: how many of the first hits of each list count.
        k: the constant that is added to a rank, 1 or more.
        hits: how many hits are kept.
        weights: of the lists, above 0; without them all are 1.

    Returns:
        Score descending, then product code ascending; shape (queries, hits).

    Raises:
        ValueError: no ranking, or rankings of different numbers of queries.
    """
    lists = _same_queries([ranking.codes[:, :window] for ranking in rankings])
    weights = [1.0] * len(lists) if weights is None else weights
    # weights above 1 leave fewer bits behind the point, so that sums stay below 2^63
    bits = _UNIT_BITS - max(0, *(ceil(log2(weight)) for weight in weights))
    addends = np.concatenate(
        [
            _addends(codes.shape[1], k, Fraction(weight) * (1 << bits))
            for codes, weight in zip(lists, weights, strict=True)
        ]
    )
    queries = len(lists[0])
    fused, scores = no_hits(queries, hits)
    rows = max(1, _CELLS // max(1, len(addends)))
    for start in range(0, queries, rows):
        part = slice(start, start + rows)
        best = _fuse(np.concatenate([codes[part] for codes in lists], axis=1), addends, bits, hits)
        fused[part, : best.codes.shape[1]], scores[part, : best.codes.shape[1]] = best.codes, best.scores
    return Ranking(fused, scores)


def _same_queries(lists: Sequence[_Ints]) -> Sequence[_Ints]:
    if len({len(codes) for codes in lists}) != 1:
        raise ValueError("rankings of the same queries are needed, one or more")
    return lists


def _addends(length: int, k: int, unit: Fraction) -> _Ints:
    """The unit / (k + rank) for the ranks 1 to `length`, rounded to the nearest."""
    return np.array([round(unit / (k + rank)) for rank in range(1, length + 1)], dtype=np.int64)


def _fuse(codes: _Ints, addends: _Ints, bits: int, hits: int) -> Ranking:
    """Fuse lists that stand side by side.

    Args:
        codes: shape (queries, cells), the lists of each query one behind the other.
        addends: shape (cells,), what a hit in this column adds to its product's score, in whole numbers of 2^-bits.
        bits: see there.
        hits: how many hits are kept; the result has fewer columns if there are fewer cells.
    """
    width = codes.shape[1]
    # one sort of (product, column) brings a product's hits together and orders the products by code
    ordered = np.sort(codes * width + np.arange(width), axis=1)
    products, columns = np.divmod(ordered, width)
    values = np.where(products == NO_HIT, 0, addends[columns])
    first = np.diff(products, axis=1, prepend=NO_HIT) != 0
    starts = np.flatnonzero(first)
    totals = np.zeros(codes.size)
    totals[starts] = np.add.reduceat(values.ravel(), starts)  # padding adds 0 to the row before
    scores = np.ldexp(totals, -bits).astype(np.float32).reshape(codes.shape)
    # a float above 0 is ordered as its bits are: one sort of (bits descending, column) ranks by score, then code
    keys = np.sort(np.arange(width) - scores.view(np.int32) * np.int64(width), axis=1)[:, :hits]
    negative, columns = np.divmod(keys, width)
    best = np.where(negative < 0, np.take_along_axis(products, columns, axis=1), NO_HIT)
    return Ranking(best, np.where(negative < 0, (-negative).astype(np.int32).view(np.float32), np.float32(-np.inf)))


def linear_combination(
    rankings: Sequence[Ranking], *, weights: Sequence[float], normalizer: str, window: int, hits: int
) -> Ranking:
    """Add the weighted, normalised scores of rankings of the same queries.

    Args:
        rankings: one or more; a product stands at most once in a row.
        weights: of the lists, above 0.
        normalizer: key of `NORMALIZERS`.
        window: how many of the first hits of each list count.
        hits: how many hits are kept.

    Returns:
        Score descending, then product code ascending; shape (queries, hits).

    Raises:
        ValueError: no ranking, or rankings of different numbers of queries.
    """
    codes = np.concatenate(_same_queries([ranking.codes[:, :window] for ranking in rankings]), axis=1)
    with np.errstate(over="ignore", invalid="ignore"):  # of scores that no engine of ours gives
        values = [
            np.float32(weight) * normalised(ranking.scores[:, :window], ranking.codes[:, :window] != NO_HIT, normalizer)
            for ranking, weight in zip(rankings, weights, strict=True)
        ]
        fused, scores = no_hits(len(codes), hits)
        rows = max(1, _CELLS // max(1, codes.shape[1]))
        for start in range(0, len(codes), rows):
            part = slice(start, start + rows)
            best = _added(codes[part], np.concatenate([each[part] for each in values], axis=1), hits)
            fused[part, : best.codes.shape[1]], scores[part, : best.codes.shape[1]] = best.codes, best.scores
    return Ranking(fused, scores)


def normalised(scores: _Floats, is_hit: _Bools, normalizer: str) -> _Floats:
    """Normalise the scores of one list; shape (queries, window), 0 in the place of what is no hit."""
    values = NORMALIZERS[normalizer](np.where(is_hit, scores, np.float32(0)), is_hit)
    return np.where(is_hit & ~np.isnan(values), values, np.float32(0))


def _minmax(scores: _Floats, is_hit: _Bools) -> _Floats:
    limits = np.finfo(np.float32)
    lowest = np.min(scores, axis=1, keepdims=True, where=is_hit, initial=limits.max)
    highest = np.max(scores, axis=1, keepdims=True, where=is_hit, initial=limits.smallest_subnormal)
    is_flat = np.abs(lowest - highest) < _CLOSE
    ratio: _Floats = (scores - lowest) / np.where(is_flat, np.float32(1), highest - lowest)
    return np.where(is_flat, np.float32(1), ratio)


def _l2(scores: _Floats, _: _Bools) -> _Floats:
    norm = np.sqrt(np.cumsum(scores * scores, axis=1, dtype=np.float64)[:, -1:])  # from left to right, as np.sum is not
    return np.where(norm < _CLOSE, scores, scores / np.where(norm < _CLOSE, 1.0, norm)).astype(np.float32)


NORMALIZERS: Mapping[str, Callable[[_Floats, _Bools], _Floats]] = MappingProxyType(
    {"minmax": _minmax, "l2": _l2, "none": lambda scores, _: scores}
)
"""By name; scores of what is no hit are 0."""


def _added(codes: _Ints, values: _Floats, hits: int) -> Ranking:
    """Add what stands at the same product, from left to right; both of shape (queries, cells)."""
    width = codes.shape[1]
    ordered = np.sort(codes * width + np.arange(width), axis=1)
    products, columns = np.divmod(ordered, width)
    addends = np.take_along_axis(values, columns, axis=1)
    is_first = np.diff(products, axis=1, prepend=NO_HIT) != 0
    first = np.maximum.accumulate(np.where(is_first, np.arange(width), 0), axis=1)
    nth, rows = np.arange(width) - first, np.arange(len(codes))[:, np.newaxis]
    totals = np.where(is_first, addends, np.float32(0))
    for times in range(1, int(np.max(nth, initial=0, where=products != NO_HIT)) + 1):
        row, column = np.nonzero((nth == times) & (products != NO_HIT))
        totals[row, first[row, column]] += addends[row, column]
    order = np.lexsort((-totals, ~is_first), axis=1)[:, :hits]
    is_hit = is_first[rows, order]
    best = np.where(is_hit, products[rows, order], NO_HIT)
    return Ranking(best, np.where(is_hit, totals[rows, order] + np.float32(0), np.float32(-np.inf)))
