"""What one clause of a leg scores: a text field by Lucene's BM25, nested texts by their mean, vectors by their cosine.

Text is scored by Lucene's `BM25Similarity` (k1 1.2, b 0.75) with the factor k1 + 1 that Elasticsearch keeps, to the
last bit: lengths of one byte, float32 weights, float64 sums. Every operation is one of float32 in Lucene's order unless
a line says otherwise: a rearrangement changes last bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from scipy import sparse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from relevance.engines.embedded.analysis import Counts
    from relevance.records import Vectors

Scores: TypeAlias = "sparse.csr_array[np.float64, tuple[int, int]]"
"""Shape (queries, documents); what is stored is a hit."""

Owners: TypeAlias = "sparse.csr_array[np.float64, tuple[int, int]]"
"""Shape (distinct texts, products): how many nested documents of a product hold a text."""

_K1, _B, _ONE, _TWO = np.float32(1.2), np.float32(0.75), np.float32(1), np.float32(2)
_EXACT_BELOW = 24
_KEPT_BITS = 4


def offsets_of(sizes: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """Say where each of some adjoining runs begins, and the end of the last."""
    return np.concatenate([[0], np.cumsum(sizes)], dtype=np.int64)


def rounded(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Round sums as float32 holds them: so a score is that Lucene hands from one query to the next."""
    return sums.astype(np.float32).astype(np.float64)


def _runs(starts: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Number several runs, one after the other: [5, 0], [2, 3] gives [5, 6, 0, 1, 2]."""
    offsets = offsets_of(sizes)
    return np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], sizes)


def quantized(lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Lengths as Lucene's `SmallFloat` keeps them in a byte: below 24 exact, then 24 plus four bits of the rest."""
    rest = np.maximum(lengths - _EXACT_BELOW, 0)
    dropped = np.maximum(np.frexp(rest)[1] - _KEPT_BITS, 0)
    kept = np.minimum(lengths, _EXACT_BELOW) + (rest >> dropped << dropped)
    return np.asarray(kept, dtype=np.float32)


class Field:
    """The postings of a text field.

    Args:
        counts: how often a token occurs in a document.
        copies: shape (documents,), how many equal documents each one stands for; one each if left out.
    """

    def __init__(self, counts: Counts, copies: npt.NDArray[np.int64] | None = None) -> None:
        lengths = counts.sum(axis=1, dtype=np.float64).astype(np.int64)
        each = np.ones(len(lengths), dtype=np.int64) if copies is None else copies
        filled = int(each[lengths > 0].sum())
        average = np.float32(int(lengths @ each) / filled) if filled else _ONE  # divided in float64
        norms = _ONE / (_K1 * ((_ONE - _B) + _B * quantized(lengths) / average))
        postings = counts.T.tocsr()
        self._size = len(lengths)
        self._documents = postings.indices
        self._saturation = _ONE + postings.data * norms[self._documents]
        self._starts = postings.indptr[:-1].astype(np.int64)
        self._sizes = np.diff(postings.indptr).astype(np.int64)
        self._frequencies = self._sizes
        if copies is not None:
            self._frequencies = np.diff(offsets_of(copies[self._documents])[postings.indptr])
        # The logarithm is that of float64.
        idf = np.log(1 + (filled - self._frequencies + 0.5) / (self._frequencies + 0.5))
        self._idf = np.asarray(idf, dtype=np.float32)

    def postings(self, queries: Counts) -> npt.NDArray[np.int64]:
        """Count the documents, copies included, that hold a token of a query, once for each token: shape (queries,)."""
        return np.diff(offsets_of(self._frequencies[queries.indices])[queries.indptr])

    def match(self, queries: Counts, boost: float) -> Scores:
        """Score the documents that hold a token of a query: sums of float64.

        A token that occurs n times in a query counts once, with n times the boost.
        """
        tokens, times = queries.indices.astype(np.int64), queries.data.astype(np.int64)
        radix = times.max(initial=1) + 1
        pairs, clauses = np.unique(tokens * radix + times, return_inverse=True)
        tokens, times = np.divmod(pairs, radix)
        weights = np.float32(boost) * times.astype(np.float32) * (_ONE + _K1) * self._idf[tokens]
        # what each token, so many times, adds to the score of each document that holds it
        sizes = self._sizes[tokens]
        postings = _runs(self._starts[tokens], sizes)
        weight = np.repeat(weights, sizes)
        impacts = (weight - weight / self._saturation[postings]).astype(np.float64)
        documents = (impacts, self._documents[postings], offsets_of(sizes))
        chosen = (np.ones(len(clauses)), clauses, queries.indptr)
        scores: Scores = sparse.csr_array(chosen, shape=(queries.shape[0], len(pairs))) @ sparse.csr_array(
            documents, shape=(len(pairs), self._size)
        )
        return scores


class NestedField:
    """A text field of nested documents: a product scores the mean of those that match.

    Args:
        counts: how often a token occurs in a distinct text.
        owners: which products' nested documents hold it.
    """

    def __init__(self, counts: Counts, owners: Owners) -> None:
        self._owners = owners
        self._texts = Field(counts, owners.sum(axis=1).astype(np.int64))

    def postings(self, queries: Counts) -> npt.NDArray[np.int64]:
        """Count as `Field.postings` does, over the nested documents."""
        return self._texts.postings(queries)

    def match(self, queries: Counts, boost: float) -> Scores:
        """Score products: the float64 mean of their matching nested documents' float32 scores, as float32."""
        matches = self._texts.match(queries, boost)
        matches.data = rounded(matches.data)
        scores = matches @ self._owners
        matches.data = np.ones(matches.nnz)
        scores.data = rounded(scores.data / (matches @ self._owners).data)
        return scores


class VectorIndex:
    """The vectors of one embedded text, searched exactly, as over a `flat` index: each distinct one is scored once.

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
        products = self._holders[_runs(self._starts[rows], sizes)]
        scores = np.repeat(np.maximum((_ONE + exact) / _TWO, np.float32(0)), sizes)
        if len(products) > candidates:
            kept = np.lexsort((products, -scores))[:candidates]
            products, scores = products[kept], scores[kept]
        return products, scores


@dataclass(frozen=True)
class Clause:
    """A clause of legs that differ in boosts alone.

    Attributes:
        score: scores with a boost, not yet rounded as those of a clause are.
        boosts: of each leg.
        is_text: whether it is a match clause, or else one of vectors.
    """

    score: Callable[[float], Scores]
    boosts: tuple[float, ...]
    is_text: bool

    def alone(self) -> Scores:
        """Score for the only leg, as it enters the outer sum.

        With the boost 1 a match clause's terms do, with any other one its float32 score.
        """
        scores = self.score(self.boosts[0])
        if self.is_text and self.boosts[0] != 1:
            scores.data = rounded(scores.data)
        return scores


def added(parts: Sequence[Scores]) -> Scores:
    """Add several scores in float64; a hit of any part is one of the sum."""
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
