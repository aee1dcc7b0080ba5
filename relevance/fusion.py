"""Reciprocal rank fusion of rankings.

G. V. Cormack, C. L. A. Clarke and S. Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank
Learning Methods", SIGIR 2009: a product's score is the sum of 1 / (k + rank) over the lists that hold it, rank from 1.

The number that ranks is the number that is reported: the sum as float32. It is added up in whole numbers of 2^-52, so
that neither the order of the lists nor that of the additions can part two products with the same ranks. Sums that
float32 cannot tell apart (differences of about 1e-9) tie, and the product with the lower code goes first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from relevance.records import NO_HIT, Ranking, no_hits

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    _Ints = npt.NDArray[np.int64]

_UNIT_BITS = 52
_CELLS = 1 << 17
"""Hits that are fused at a time: few enough for the processor's cache, and what bounds the memory."""


def reciprocal_rank_fusion(rankings: Sequence[Ranking], *, window: int, k: int, hits: int) -> Ranking:
    """Fuse rankings of the same queries.

    Args:
        rankings: one or more; a product stands at most once in a row.
        window: how many of the first hits of each list count.
        k: the constant that is added to a rank, 1 or more.
        hits: how many hits are kept.

    Returns:
        Score descending, then product code ascending; shape (queries, hits).

    Raises:
        ValueError: no ranking, or rankings of different numbers of queries.
    """
    lists = [ranking.codes[:, :window] for ranking in rankings]
    if len({len(codes) for codes in lists}) != 1:
        raise ValueError("rankings of the same queries are needed, one or more")
    addends = np.concatenate([_addends(codes.shape[1], k) for codes in lists])
    queries = len(lists[0])
    fused, scores = no_hits(queries, hits)
    rows = max(1, _CELLS // max(1, len(addends)))
    for start in range(0, queries, rows):
        part = slice(start, start + rows)
        best = _fuse(np.concatenate([codes[part] for codes in lists], axis=1), addends, hits)
        fused[part, : best.codes.shape[1]], scores[part, : best.codes.shape[1]] = best.codes, best.scores
    return Ranking(fused, scores)


def _addends(length: int, k: int) -> _Ints:
    """1 / (k + rank) for the ranks 1 to `length`, in whole numbers of 2^-52, rounded to the nearest."""
    unit = 1 << _UNIT_BITS
    return np.array([(2 * unit + k + rank) // (2 * (k + rank)) for rank in range(1, length + 1)], dtype=np.int64)


def _fuse(codes: _Ints, addends: _Ints, hits: int) -> Ranking:
    """Fuse lists that stand side by side.

    Args:
        codes: shape (queries, cells), the lists of each query one behind the other.
        addends: shape (cells,), what a hit in this column adds to its product's score.
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
    scores = np.ldexp(totals, -_UNIT_BITS).astype(np.float32).reshape(codes.shape)
    # a float above 0 is ordered as its bits are: one sort of (bits descending, column) ranks by score, then code
    keys = np.sort(np.arange(width) - scores.view(np.int32) * np.int64(width), axis=1)[:, :hits]
    bits, columns = np.divmod(keys, width)
    best = np.where(bits < 0, np.take_along_axis(products, columns, axis=1), NO_HIT)
    return Ranking(best, np.where(bits < 0, (-bits).astype(np.int32).view(np.float32), np.float32(-np.inf)))
