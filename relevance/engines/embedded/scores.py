"""Sparse scores, one row a query: how they are gathered, added and cut to the best."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from scipy import sparse

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

__all__ = ["Scores", "added", "best", "offsets_of", "runs"]

Scores: TypeAlias = "sparse.csr_array[np.float64, tuple[int, int]]"
"""Shape (queries, documents); what is stored is a hit."""


def offsets_of(sizes: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """Where each of some adjoining runs begins, and the end of the last."""
    return np.concatenate([[0], np.cumsum(sizes)], dtype=np.int64)


def runs(starts: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The numbers of several runs, one after the other: [5, 0], [2, 3] gives [5, 6, 0, 1, 2]."""
    offsets = offsets_of(sizes)
    return np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], sizes)


def added(parts: Sequence[Scores]) -> Scores:
    """The sum of several scores, in float64; a hit of any part is one of the sum."""
    parts = [part for part in parts if part.nnz] or parts[:1]
    if len(parts) == 1:
        return parts[0]
    queries, size = parts[0].shape[0], len(parts)
    addends = np.arange(queries * size).reshape(size, queries).T.ravel()
    ends = np.arange(0, queries * size + 1, size)
    choice: Scores = sparse.csr_array((np.ones(queries * size), addends, ends), shape=(queries, queries * size))
    return choice @ sparse.vstack(parts, format="csr", dtype=np.float64)


def best(found: Scores, codes: npt.NDArray[np.int64], scores: npt.NDArray[np.float32]) -> None:
    """Fill `codes` and `scores`, shape (queries, hits), with the best of each row: score descending, code ascending."""
    hits = codes.shape[1]
    values = found.data.astype(np.float32)
    floors = np.full(len(codes), -np.inf, dtype=np.float32)
    for row, (start, end) in enumerate(pairwise(found.indptr.tolist())):
        if end - start > hits:
            floors[row] = np.partition(values[start:end], -hits)[-hits]
    sizes = np.diff(found.indptr)
    # All ties at the edge are kept, so that the order of the codes decides between them.
    kept = np.flatnonzero(values >= np.repeat(floors, sizes))
    query = np.repeat(np.arange(len(codes)), sizes)[kept]
    order = np.lexsort((found.indices[kept], -values[kept], query))
    kept, query = kept[order], query[order]
    place = np.arange(len(query)) - np.searchsorted(query, query)
    inside = place < hits
    codes[query[inside], place[inside]] = found.indices[kept[inside]]
    scores[query[inside], place[inside]] = values[kept[inside]]
