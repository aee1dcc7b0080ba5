"""Lucene's BM25, to the last bit: lengths of one byte, float32 weights, float64 sums.

The formula is that of Lucene's `BM25Similarity` (k1 1.2, b 0.75) with the factor k1 + 1 that Elasticsearch keeps. Every
operation is one of float32 in Lucene's order unless a line says otherwise: a rearrangement changes last bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from scipy import sparse

from relevance.engines.embedded.scores import offsets_of, rounded, runs

if TYPE_CHECKING:
    import numpy.typing as npt

    from relevance.engines.embedded.analysis import Counts
    from relevance.engines.embedded.scores import Scores

Owners: TypeAlias = "sparse.csr_array[np.float64, tuple[int, int]]"
"""Shape (distinct texts, products): how many nested documents of a product hold a text."""

_K1, _B, _ONE = np.float32(1.2), np.float32(0.75), np.float32(1)
_EXACT_BELOW = 24
_KEPT_BITS = 4


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
        ones = np.ones(len(clauses))
        chosen = sparse.csr_array((ones, clauses, queries.indptr), shape=(queries.shape[0], len(pairs)))
        return chosen @ self._impacts(tokens, weights)

    def _impacts(self, tokens: npt.NDArray[np.int64], weights: npt.NDArray[np.float32]) -> Scores:
        """Shape (tokens, documents): what a token adds to the score of a document."""
        sizes = self._sizes[tokens]
        postings = runs(self._starts[tokens], sizes)
        weight = np.repeat(weights, sizes)
        impacts = (weight - weight / self._saturation[postings]).astype(np.float64)
        return sparse.csr_array(
            (impacts, self._documents[postings], offsets_of(sizes)), shape=(len(tokens), self._size)
        )


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
