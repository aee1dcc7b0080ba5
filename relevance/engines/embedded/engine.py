"""The embedded engine: legs of strategies, answered in this process as Elasticsearch answers them.

Text is scored by Lucene's `BM25Similarity` (k1 1.2, b 0.75) with the factor k1 + 1 that Elasticsearch keeps, to the
last bit: lengths of one byte, float32 weights, float64 sums. Every operation is one of float32 in Lucene's order unless
a line says otherwise: a rearrangement changes last bits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from hashlib import blake2b
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from relevance import bodies
from relevance.engines import Engine
from relevance.engines.embedded.rows import Rows, added, offsets_of, runs
from relevance.engines.embedded.vocabulary import Vocabulary
from relevance.engines.explanation import Explanation, Part
from relevance.engines.left_out import left_out
from relevance.engines.mapping import own_paths, search_of
from relevance.records import Ranking, attribute_texts, no_hits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import numpy.typing as npt

    from relevance.engines import QueryBatch, VectorField
    from relevance.records import Catalogue, Vectors
    from relevance.strategies import Leg

Scores: TypeAlias = Rows
"""Of queries, a column for each document; what is stored is a hit."""

Owners: TypeAlias = Rows
"""Of distinct texts, a column for each product: how many nested documents of a product hold a text."""

_K1, _B, _ONE, _TWO = np.float32(1.2), np.float32(0.75), np.float32(1), np.float32(2)
_EXACT_BELOW = 24
_KEPT_BITS = 4
_BYTES_AT_ONCE = 64_000_000  # a batch is answered in parts of about so much memory each, or of one query
_BYTES_OF_MATCH = 64  # a posting is gathered, weighed, summed and sorted
_BYTES_OF_COSINE = 8  # the float32 itself, and a copy of it for the partition
_BYTES_OF_PLACE = 4  # legs that are answered together know the place of each product's scores
_TIMES_AS_MUCH = 4  # they keep the scores of all clauses


class EmbeddedEngine(Engine):
    """Ranks as Elasticsearch does, score for score: standard analyzer, BM25, nested attributes, exact vector search."""

    version = "1"
    facts: Mapping[str, object] = MappingProxyType({"vector_index": "flat"})

    def __init__(
        self,
        vocabulary: Vocabulary,
        text: dict[str, Field | NestedField],
        vectors: dict[VectorField, VectorIndex],
        products: int,
    ) -> None:
        self._vocabulary = vocabulary
        self._text = text
        self._vectors = vectors
        self._products = products

    @classmethod
    def index(
        cls, catalogue: Catalogue, *, text_fields: Iterable[str], vectors: Mapping[VectorField, Vectors]
    ) -> EmbeddedEngine:
        """Index the products.

        Args:
            catalogue: the products.
            text_fields: those that legs will match.
            vectors: unit vectors of the products for each vector field that legs will search.
        """
        vocabulary = Vocabulary()
        text = _text_fields(catalogue, text_fields, vocabulary)
        return cls(vocabulary, text, {name: VectorIndex(held) for name, held in vectors.items()}, len(catalogue))

    def search(self, leg: Leg, batch: QueryBatch, *, hits: int) -> Ranking:
        """Answer one leg: score descending, then product id ascending; shape (queries, hits).

        Raises:
            KeyError: the leg names a field that was not indexed.
        """
        return self.search_all([leg], batch, hits=hits)[0]

    def search_all(self, legs: Sequence[Leg], batch: QueryBatch, *, hits: int) -> Sequence[Ranking]:
        """Answer several legs, each as `search` does; those that differ in boosts alone share their clauses' scores.

        Raises:
            KeyError: a leg names a field that was not indexed.
        """
        from relevance.engines.embedded.together import best_together  # noqa: PLC0415 - it builds on what is here

        queries = self._vocabulary.count(batch.texts)
        rankings: dict[Leg, Ranking] = {}
        for alike in _alike(legs):
            codes, scores = no_hits(len(alike), len(batch), hits)
            for part in _parts(self._sizes(alike, queries)):
                clauses = self._clauses(alike, queries[part], batch, part)
                if len(alike) == 1:
                    best(added([clause.alone() for clause in clauses]), codes[0, part], scores[0, part])
                else:
                    best_together(clauses, codes[:, part], scores[:, part])
            rankings |= {leg: Ranking(codes[at], scores[at]) for at, leg in enumerate(alike)}
        return [rankings[leg] for leg in legs]

    def explain(self, leg: Leg, batch: QueryBatch, code: int) -> Explanation:
        """Explain the score of a product for the only query of a batch.

        Raises:
            KeyError: the leg names a field that was not indexed.
        """
        queries = self._vocabulary.count(batch.texts)
        scores = added([clause.alone() for clause in self._clauses([leg], queries, batch, slice(0, 1))])
        score = scores.data[scores.indices == code].astype(np.float32).tolist()
        numbers = self._vocabulary.numbers(batch.texts[0])
        terms = {term: number for term, number in numbers.items() if number is not None}
        times = dict(zip(queries.indices.tolist(), queries.data.tolist(), strict=True))
        tokens = [(number, times.get(number, 0.0)) for number in terms.values()]
        parts: list[Part] = []
        for name, boost in leg.text:
            values = zip(terms, self._text[name].explain(tokens, boost, code), strict=True)
            parts += [Part("match", name, term, value, how) for term, (value, how) in values if value]
        for name, boost in leg.vectors:
            index, query = self._vectors[leg.model, name], batch.vectors[leg.model][0]
            parts.append(Part("vector", name, "", *index.explain(query, leg.candidates, boost, code)))
        if score:
            return Explanation(score[0], tuple(parts))
        search = bodies.render(search_of(leg, own_paths(self._vectors)), query=batch.texts[0], vector="…")
        return Explanation(None, tuple(parts), tuple(left_out(search, lambda _: None)))

    def _clauses(self, legs: Sequence[Leg], queries: Rows, batch: QueryBatch, part: slice) -> list[Clause]:
        """Those of legs that differ in boosts alone, in the order in which a leg adds them."""
        leg = legs[0]
        score = [partial(self._text[name].match, queries) for name, _ in leg.text]
        for name, _ in leg.vectors:
            index = self._vectors[leg.model, name]
            score.append(partial(index.nearest, batch.vectors[leg.model][part], leg.candidates))
        boosts = zip(*([boost for _, boost in one.text + one.vectors] for one in legs), strict=True)
        return [Clause(*each, at < len(leg.text)) for at, each in enumerate(zip(score, boosts, strict=True))]

    def _sizes(self, legs: Sequence[Leg], queries: Rows) -> npt.NDArray[np.int64]:
        """Shape (queries,): about how many bytes a query takes while legs that differ in boosts alone are answered."""
        cosines = sum(len(self._vectors[legs[0].model, name]) for name, _ in legs[0].vectors)
        sizes = np.full(len(queries), _BYTES_OF_COSINE * cosines)
        for name, _ in legs[0].text:
            sizes += _BYTES_OF_MATCH * self._text[name].postings(queries)
        return sizes if len(legs) == 1 else _TIMES_AS_MUCH * sizes + _BYTES_OF_PLACE * self._products

    def close(self) -> None:
        """Let go of the index."""
        self._text.clear()
        self._vectors.clear()


def _alike(legs: Sequence[Leg]) -> list[list[Leg]]:
    """The legs, each once, by what they are but for their boosts."""
    groups: dict[object, list[Leg]] = {}
    for leg in dict.fromkeys(legs):
        names = tuple(tuple(name for name, _ in part) for part in (leg.text, leg.vectors))
        groups.setdefault((names, leg.candidates, leg.model), []).append(leg)
    return list(groups.values())


def _parts(size: npt.NDArray[np.int64]) -> list[slice]:
    """Cut a batch where the bytes of its queries, added up, pass another multiple of `_BYTES_AT_ONCE`."""
    numbers = np.cumsum(size) // _BYTES_AT_ONCE
    starts = np.flatnonzero(np.diff(numbers, prepend=-1)).tolist()
    return [slice(start, end) for start, end in pairwise([*starts, len(size)])]


def _text_fields(catalogue: Catalogue, names: Iterable[str], vocabulary: Vocabulary) -> dict[str, Field | NestedField]:
    counted: dict[str, Rows] = {}
    owners: dict[str, Owners] = {}
    for name in names:
        if catalogue.fields.text[name].nested:
            texts, owners[name] = _distinct_attributes(catalogue)
        else:
            texts = catalogue.texts(name)
        counted[name] = vocabulary.count(texts)
    vocabulary.settle()
    fields: dict[str, Field | NestedField] = {}
    for name in list(counted):
        held = counted.pop(name)
        counts = replace(held, columns=len(vocabulary))  # the other fields have tokens that this one has not
        fields[name] = NestedField(counts, owners[name]) if name in owners else Field(counts)
    return fields


def _distinct_attributes(catalogue: Catalogue) -> tuple[list[str], Owners]:
    numbers: dict[str, int] = {}
    rows = np.array([numbers.setdefault(text, len(numbers)) for text in attribute_texts(catalogue)], dtype=np.int64)
    products = catalogue.attributes["product"].to_numpy(dtype=np.int64)
    ends = offsets_of(np.bincount(rows, minlength=len(numbers)))
    return list(numbers), Rows.counted(products[np.argsort(rows, kind="stable")], ends, len(catalogue))


# What clauses score


def rounded(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Round sums as float32 holds them: so a score is that Lucene hands from one query to the next."""
    return sums.astype(np.float32).astype(np.float64)


def quantized(lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Lengths as Lucene's `SmallFloat` keeps them in a byte: below 24 exact, then 24 plus four bits of the rest."""
    rest = np.maximum(lengths - _EXACT_BELOW, 0)
    dropped = np.maximum(np.frexp(rest)[1] - _KEPT_BITS, 0)
    kept = np.minimum(lengths, _EXACT_BELOW) + (rest >> dropped << dropped)
    return np.asarray(kept, dtype=np.float32)


def length_factors(
    lengths: npt.NDArray[np.float32], average: np.float32, k1: np.float32, b: np.float32
) -> npt.NDArray[np.float32]:
    """What the frequency of a term is multiplied by in documents of these lengths, as `BM25Similarity` caches it."""
    return _ONE / (k1 * ((_ONE - b) + b * lengths / average))


def rarity(documents: int, frequencies: npt.NDArray[np.int64] | int) -> npt.NDArray[np.float32]:
    """The idf of terms that so many of the documents hold; the logarithm is that of float64."""
    return np.asarray(np.log(1 + (documents - frequencies + 0.5) / (frequencies + 0.5)), dtype=np.float32)


class Field:
    """The postings of a text field.

    Args:
        counts: how often a token occurs in a document.
        copies: shape (documents,), how many equal documents each one stands for; one each if left out.
    """

    def __init__(self, counts: Rows, copies: npt.NDArray[np.int64] | None = None) -> None:
        lengths = counts.totals().astype(np.int64)
        each = np.ones(len(lengths), dtype=np.int64) if copies is None else copies
        filled = int(each[lengths > 0].sum())
        average = np.float32(int(lengths @ each) / filled) if filled else _ONE  # divided in float64
        norms = length_factors(quantized(lengths), average, _K1, _B)
        postings = counts.transposed()
        self._size = len(lengths)
        self._documents = postings.indices
        self._saturation = _ONE + postings.data * norms[self._documents]
        self._starts = postings.indptr[:-1]
        self._sizes = postings.sizes
        self._frequencies = self._sizes
        if copies is not None:
            self._frequencies = np.diff(offsets_of(copies[self._documents])[postings.indptr])
        self._idf = rarity(filled, self._frequencies)

    def postings(self, queries: Rows) -> npt.NDArray[np.int64]:
        """Count the documents, copies included, that hold a token of a query, once for each token: shape (queries,)."""
        return np.diff(offsets_of(self._frequencies[queries.indices])[queries.indptr])

    def match(self, queries: Rows, boost: float) -> Scores:
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
        postings = runs(self._starts[tokens], sizes)
        weight = np.repeat(weights, sizes)
        impacts = (weight - weight / self._saturation[postings]).astype(np.float64)
        documents = Rows(impacts, self._documents[postings], offsets_of(sizes), self._size)
        return Rows(np.ones(len(clauses)), clauses, queries.indptr, len(pairs)).times(documents)

    def explain(self, tokens: Sequence[tuple[int, float]], boost: float, document: int) -> list[tuple[float, str]]:
        """Say what each token, which occurs so many times in a query, adds to the score of a document, and how."""
        return [self._explained(*token, boost, document) for token in tokens]

    def _explained(self, token: int, times: float, boost: float, document: int) -> tuple[float, str]:
        start, size = self._starts[token], self._sizes[token]
        at = start + np.flatnonzero(self._documents[start : start + size] == document)
        if not len(at):
            return 0.0, ""
        factor = np.float32(boost) * np.float32(times) * (_ONE + _K1)
        weight, saturation = factor * self._idf[token], self._saturation[at[0]]
        how = f"boost {factor:.5g} * idf {self._idf[token]:.5g} * tf {1 - 1 / float(saturation):.5g}"
        return float(weight - weight / saturation), how


class NestedField:
    """A text field of nested documents: a product scores the mean of those that match.

    Args:
        counts: how often a token occurs in a distinct text.
        owners: which products' nested documents hold it.
    """

    def __init__(self, counts: Rows, owners: Owners) -> None:
        self._owners = owners
        self._texts = Field(counts, owners.totals().astype(np.int64))

    def postings(self, queries: Rows) -> npt.NDArray[np.int64]:
        """Count as `Field.postings` does, over the nested documents."""
        return self._texts.postings(queries)

    def match(self, queries: Rows, boost: float) -> Scores:
        """Score products: the float64 mean of their matching nested documents' float32 scores, as float32."""
        matches = self._texts.match(queries, boost)
        matches.data = rounded(matches.data)
        scores = matches.times(self._owners)
        matches.data = np.ones(len(matches.data))
        scores.data = rounded(scores.data / matches.times(self._owners).data)
        return scores

    def explain(self, tokens: Sequence[tuple[int, float]], boost: float, product: int) -> list[tuple[float, str]]:
        """Say what each token adds to the mean of a product's nested documents that match, and how."""
        owned = np.flatnonzero(self._owners.indices == product)
        each = [
            (copies, self._texts.explain(tokens, boost, text))
            for copies, text in zip(self._owners.data[owned], self._owners.rows[owned].tolist(), strict=True)
        ]
        matching = [(copies, values) for copies, values in each if any(value for value, _ in values)]
        number = sum(copies for copies, _ in matching)
        explained = []
        for at in range(len(tokens)):
            with_it = [(copies * values[at][0], values[at][1]) for copies, values in matching if values[at][0]]
            how = with_it[0][1] if with_it and number == 1 else f"mean of {number:g} nested documents that match"
            explained.append((sum(value for value, _ in with_it) / number, how) if with_it else (0.0, ""))
        return explained


def cosine_scores(cosines: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """As Elasticsearch's `cosine` and `dot_product` of unit vectors."""
    return np.asarray(np.maximum((_ONE + cosines) / _TWO, np.float32(0)))


def inner_product_scores(products: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """As Elasticsearch's `max_inner_product`: those below 0 are squeezed between 0 and 1, the others begin there."""
    squeezed = _ONE / (_ONE - np.minimum(products, np.float32(0)))
    return np.asarray(np.where(products < 0, squeezed, products + _ONE), dtype=np.float32)


_SCORES = {"cosine": cosine_scores, "dot": inner_product_scores}


class VectorIndex:
    """The vectors of one embedded text, searched exactly, as over a `flat` index: each distinct one is scored once.

    Args:
        vectors: those of the products; the matrix is kept as it is, so that it may be a memory map.
    """

    def __init__(self, vectors: Vectors) -> None:
        self._matrix = np.asarray(vectors.matrix)
        self._similarity = vectors.similarity
        self._longest = _ONE
        if vectors.similarity == "dot":
            self._longest = np.linalg.norm(self._matrix, axis=1).max(initial=0)
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
        """Score the nearest products as a field of their similarity does, times boost, in float32.

        Args:
            queries: shape (queries, dimensions), of unit length for cosine; at least one.
            candidates: how many products a query scores; of equally near ones, those with the lower codes.
            boost: factor of the scores.
        """
        products_of = queries @ self._matrix.T
        products_of[:, self._unused] = -np.inf
        nearest = [self._candidates(query, row, candidates) for query, row in zip(queries, products_of, strict=True)]
        products = np.concatenate([products for products, _ in nearest])
        scores = np.concatenate([scores for _, scores in nearest]) * np.float32(boost)
        # A score of 0 is a hit all the same, but a sum of sparse matrices would drop it.
        stored = np.maximum(scores, np.nextafter(0, 1), dtype=np.float64)
        offsets = offsets_of(np.array([len(each) for each, _ in nearest]))
        return Rows(stored, products, offsets, self._products)

    def explain(self, query: npt.NDArray[np.float32], candidates: int, boost: float, product: int) -> tuple[float, str]:
        """Say what a product gets for its vector, and how."""
        at = np.flatnonzero(self._holders == product)
        if not len(at):
            return 0.0, "no vector"
        row = self._matrix[np.searchsorted(self._starts, at[0], side="right") - 1]
        exact = np.vecdot(row.astype(np.float64), query.astype(np.float64)).astype(np.float32)
        score = float(_SCORES[self._similarity](np.atleast_1d(exact))[0])
        how = f"{self._similarity} {exact:.5g}, score {score:.5g}"
        nearest = self.nearest(query[np.newaxis], candidates, boost)
        scores = nearest.data[nearest.indices == product].tolist()
        if not scores:
            return 0.0, f"not among the {candidates} nearest: {how}"
        return scores[0], how if boost == 1 else f"boost {boost:g} * {how}"

    def _candidates(
        self, query: npt.NDArray[np.float32], inner: npt.NDArray[np.float32], candidates: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Products and their scores before the boost.

        The last bits of a float32 matrix product depend on the shape of the batch and on the processor. So it only
        chooses rows, by a margin that its error cannot reach, and these are scored again in float64.
        """
        floor = np.finfo(np.float32).min  # above what stands for a row that no product holds
        if len(inner) > candidates:
            edge = np.partition(inner, -candidates)[-candidates]
            lengths = self._longest if self._similarity == "cosine" else self._longest * np.linalg.norm(query)
            floor = max(floor, edge - np.float32(len(query)) * np.finfo(np.float32).eps * lengths)
        rows = np.flatnonzero(inner >= floor)
        exact = np.vecdot(self._matrix[rows].astype(np.float64), query.astype(np.float64)).astype(np.float32)
        sizes = self._sizes[rows]
        products = self._holders[runs(self._starts[rows], sizes)]
        scores = np.repeat(_SCORES[self._similarity](exact), sizes)
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


def best(matches: Scores, codes: npt.NDArray[np.int64], scores: npt.NDArray[np.float32]) -> None:
    """Fill `codes` and `scores`, shape (queries, hits), with the best of each row: score descending, code ascending."""
    hits = codes.shape[1]
    values = matches.data.astype(np.float32)
    floors = np.full(len(codes), -np.inf, dtype=np.float32)
    for row, (start, end) in enumerate(pairwise(matches.indptr.tolist())):
        if end - start > hits:
            floors[row] = np.partition(values[start:end], -hits)[-hits]
    sizes = np.diff(matches.indptr)
    # All ties at the edge are kept, so that the order of the codes decides between them.
    kept = np.flatnonzero(values >= np.repeat(floors, sizes))
    query = np.repeat(np.arange(len(codes)), sizes)[kept]
    order = np.lexsort((matches.indices[kept], -values[kept], query))
    kept, query = kept[order], query[order]
    place = np.arange(len(query)) - np.searchsorted(query, query)
    inside = place < hits
    codes[query[inside], place[inside]] = matches.indices[kept[inside]]
    scores[query[inside], place[inside]] = values[kept[inside]]
