"""Exact nearest-neighbour search by cosine, as over a `flat` index: each distinct vector is scored once."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from relevance.engines.embedded.scores import offsets_of, runs

if TYPE_CHECKING:
    import numpy.typing as npt

    from relevance.engines.embedded.scores import Scores
    from relevance.records import Vectors

_ONE, _TWO = np.float32(1), np.float32(2)


class VectorIndex:
    """The vectors of one embedded text.

    Args:
        vectors: unit vectors of the products; the matrix is kept as it is, so that it may be a memory map.
    """

    def __init__(self, vectors: Vectors) -> None:
        self._matrix = np.asarray(vectors.matrix)
        first: dict[bytes, int] = {}
        digests = (blake2b(vector.tobytes(), digest_size=16).digest() for vector in self._matrix)
        distinct = np.array([first.setdefault(digest, row) for row, digest in enumerate(digests)], dtype=np.int64)
        holders = np.flatnonzero(vectors.rows >= 0)
        rows = distinct[vectors.rows[holders]]
        self._products = len(vectors.rows)
        self._holders = holders[np.argsort(rows, kind="stable")]
        self._sizes = np.bincount(rows, minlength=len(distinct))
        self._starts = offsets_of(self._sizes)[:-1]
        self._unused = np.flatnonzero(self._sizes == 0)

    def __len__(self) -> int:
        return len(self._matrix)

    def nearest(self, queries: npt.NDArray[np.float32], candidates: int, boost: float) -> Scores:
        """Score the nearest products: max((1 + cosine) / 2, 0), times boost, in float32.

        Args:
            queries: shape (queries, dimensions), unit vectors; at least one.
            candidates: how many products a query scores; of equally near ones, those with the lower codes.
            boost: factor of the scores.
        """
        cosines = queries @ self._matrix.T
        cosines[:, self._unused] = -np.inf
        nearest = [self._candidates(query, row, candidates) for query, row in zip(queries, cosines, strict=True)]
        products = np.concatenate([products for products, _ in nearest])
        scores = np.concatenate([scores for _, scores in nearest]) * np.float32(boost)
        # A score of 0 is a hit all the same, but a sum of sparse matrices would drop it.
        stored = np.maximum(scores, np.nextafter(0, 1), dtype=np.float64)
        offsets = offsets_of(np.array([len(each) for each, _ in nearest]))
        return sparse.csr_array((stored, products, offsets), shape=(len(queries), self._products))

    def _candidates(
        self, query: npt.NDArray[np.float32], cosines: npt.NDArray[np.float32], candidates: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Products and their scores before the boost.

        The last bits of a float32 matrix product depend on the shape of the batch and on the processor. So it only
        chooses rows, by a margin that its error cannot reach, and these are scored again in float64.
        """
        floor = np.float32(-2)  # below every cosine, above what stands for a row that no product holds
        if len(cosines) > candidates:
            edge = np.partition(cosines, -candidates)[-candidates]
            floor = max(floor, edge - np.float32(len(query)) * np.finfo(np.float32).eps)
        rows = np.flatnonzero(cosines >= floor)
        exact = np.vecdot(self._matrix[rows].astype(np.float64), query.astype(np.float64)).astype(np.float32)
        sizes = self._sizes[rows]
        products = self._holders[runs(self._starts[rows], sizes)]
        scores = np.repeat(np.maximum((_ONE + exact) / _TWO, np.float32(0)), sizes)
        if len(products) > candidates:
            kept = np.lexsort((products, -scores))[:candidates]
            products, scores = products[kept], scores[kept]
        return products, scores
