"""The embedded engine: legs of strategies, answered in this process as Elasticsearch answers them."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from relevance.engines import Engine
from relevance.engines.embedded.analysis import Vocabulary
from relevance.engines.embedded.clauses import Clause, Field, NestedField, VectorIndex, added, best
from relevance.engines.embedded.together import best_together
from relevance.records import NO_HIT, Ranking, attribute_texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy.typing as npt

    from relevance.engines import QueryBatch, VectorField
    from relevance.engines.embedded.analysis import Counts
    from relevance.engines.embedded.clauses import Owners
    from relevance.records import Catalogue, Vectors
    from relevance.strategies import Leg

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
        queries = self._vocabulary.count(batch.texts)
        rankings: dict[Leg, Ranking] = {}
        for alike in _alike(legs):
            codes = np.full((len(alike), len(batch), hits), NO_HIT, dtype=np.int64)
            scores = np.full(codes.shape, -np.inf, dtype=np.float32)
            for part in _parts(self._sizes(alike, queries)):
                clauses = self._clauses(alike, queries[part], batch, part)
                if len(alike) == 1:
                    best(added([clause.alone() for clause in clauses]), codes[0, part], scores[0, part])
                else:
                    best_together(clauses, codes[:, part], scores[:, part])
            rankings |= {leg: Ranking(codes[at], scores[at]) for at, leg in enumerate(alike)}
        return [rankings[leg] for leg in legs]

    def _clauses(self, legs: Sequence[Leg], queries: Counts, batch: QueryBatch, part: slice) -> list[Clause]:
        """Those of legs that differ in boosts alone, in the order in which a leg adds them."""
        leg = legs[0]
        score = [partial(self._text[name].match, queries) for name, _ in leg.text]
        for name, _ in leg.vectors:
            index = self._vectors[leg.model, name]
            score.append(partial(index.nearest, batch.vectors[leg.model][part], leg.candidates))
        boosts = zip(*([boost for _, boost in one.text + one.vectors] for one in legs), strict=True)
        return [Clause(*each, at < len(leg.text)) for at, each in enumerate(zip(score, boosts, strict=True))]

    def _sizes(self, legs: Sequence[Leg], queries: Counts) -> npt.NDArray[np.int64]:
        """Shape (queries,): about how many bytes a query takes while legs that differ in boosts alone are answered."""
        cosines = sum(len(self._vectors[legs[0].model, name]) for name, _ in legs[0].vectors)
        sizes = np.full(queries.shape[0], _BYTES_OF_COSINE * cosines)
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
    counted: dict[str, Counts] = {}
    owners: dict[str, Owners] = {}
    for name in names:
        if name == "attributes":
            texts, owners[name] = _distinct_attributes(catalogue)
        else:
            texts = catalogue.products[name].tolist()
        counted[name] = vocabulary.count(texts)
    vocabulary.settle()
    fields: dict[str, Field | NestedField] = {}
    for name in list(counted):
        held = counted.pop(name)
        shape = (held.shape[0], len(vocabulary))  # the other fields have tokens that this one has not
        counts: Counts = sparse.csr_array((held.data, held.indices, held.indptr), shape=shape)
        fields[name] = NestedField(counts, owners[name]) if name in owners else Field(counts)
    return fields


def _distinct_attributes(catalogue: Catalogue) -> tuple[list[str], Owners]:
    numbers: dict[str, int] = {}
    rows = np.array([numbers.setdefault(text, len(numbers)) for text in attribute_texts(catalogue)], dtype=np.int64)
    products = catalogue.attributes["product"].to_numpy(dtype=np.int64)
    shape = (len(numbers), len(catalogue))
    return list(numbers), sparse.coo_array((np.ones(len(rows)), (rows, products)), shape=shape).tocsr()
