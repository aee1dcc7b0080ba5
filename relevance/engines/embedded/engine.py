"""The embedded engine: legs of strategies, answered in this process as Elasticsearch answers them."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np
from scipy import sparse

from relevance.engines.base import Engine
from relevance.engines.embedded.analysis import Vocabulary
from relevance.engines.embedded.bm25 import Field, NestedField
from relevance.engines.embedded.knn import VectorIndex
from relevance.engines.embedded.scores import Clause, added, best, best_together, rounded
from relevance.fields import TEXT_FIELDS, attribute_texts
from relevance.records import NO_HIT, Ranking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import numpy.typing as npt

    from relevance.engines.base import QueryBatch, VectorField
    from relevance.engines.embedded.analysis import Counts
    from relevance.engines.embedded.bm25 import Owners
    from relevance.engines.embedded.scores import Scores
    from relevance.records import Catalogue, Vectors
    from relevance.strategies import Leg

_BYTES_AT_ONCE = 64_000_000
"""A batch is answered in parts of about so much memory each, or of one query."""

_BYTES_OF_MATCH = 64
"""A posting is gathered, weighed, summed and sorted."""

_BYTES_OF_COSINE = 8
"""The float32 itself, and a copy of it for the partition."""

_BYTES_OF_PLACE = 4
"""Legs that are answered together know the place of each product's scores."""

_TIMES_AS_MUCH = 4
"""They keep the scores of all clauses."""

_Name = TypeVar("_Name", str, "VectorField")
_Held = TypeVar("_Held")


class _TextField(Protocol):
    def match(self, queries: Counts, boost: float) -> Scores: ...
    def postings(self, queries: Counts) -> npt.NDArray[np.int64]: ...


class EmbeddedEngine(Engine):
    """Ranks as Elasticsearch does, score for score: standard analyzer, BM25, nested attributes, exact vector search."""

    version = "1"
    facts: Mapping[str, object] = MappingProxyType({"vector_index": "flat"})

    def __init__(
        self,
        vocabulary: Vocabulary,
        text: Mapping[str, _TextField],
        vectors: Mapping[VectorField, VectorIndex],
        products: int,
    ) -> None:
        self._vocabulary = vocabulary
        self._text = dict(text)
        self._vectors = dict(vectors)
        self._products = products

    @classmethod
    def index(
        cls, catalogue: Catalogue, *, text_fields: Iterable[str], vectors: Mapping[VectorField, Vectors]
    ) -> EmbeddedEngine:
        """Index the products.

        Args:
            catalogue: the products.
            text_fields: which of `TEXT_FIELDS` legs will match.
            vectors: unit vectors of the products for each vector field that legs will search.

        Raises:
            KeyError: a text field that does not exist.
        """
        vocabulary = Vocabulary()
        text = _text_fields(catalogue, text_fields, vocabulary)
        return cls(vocabulary, text, {name: VectorIndex(held) for name, held in vectors.items()}, len(catalogue))

    def search(self, leg: Leg, batch: QueryBatch, *, hits: int) -> Ranking:
        """Answer one leg: score descending, then product id ascending; shape (queries, hits).

        Raises:
            KeyError: the leg names a field that was not indexed.
        """
        text, vectors = self._searched(leg)
        queries = self._vocabulary.count(batch.texts)
        codes = np.full((len(batch), hits), NO_HIT, dtype=np.int64)
        scores = np.full((len(batch), hits), -np.inf, dtype=np.float32)
        for part in _parts(_sizes(queries, text, vectors)):
            clauses = [_matched(field, queries[part], boost) for field, (_, boost) in zip(text, leg.text, strict=True)]
            for index, (_, boost) in zip(vectors, leg.vectors, strict=True):
                clauses.append(index.nearest(batch.vectors[leg.model][part], leg.candidates, boost))
            best(added(clauses), codes[part], scores[part])
        return Ranking(codes, scores)

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
            text, vectors = self._searched(alike[0])
            sizes = _TIMES_AS_MUCH * _sizes(queries, text, vectors) + _BYTES_OF_PLACE * self._products
            for part in _parts(sizes):
                score: list[Callable[[float], Scores]] = [partial(field.match, queries[part]) for field in text]
                near = alike[0].candidates
                score += [partial(index.nearest, batch.vectors[alike[0].model][part], near) for index in vectors]
                boosts = zip(*([boost for _, boost in leg.text + leg.vectors] for leg in alike), strict=True)
                clauses = [Clause(*each, at < len(text)) for at, each in enumerate(zip(score, boosts, strict=True))]
                best_together(clauses, codes[:, part], scores[:, part])
            rankings |= {leg: Ranking(codes[at], scores[at]) for at, leg in enumerate(alike)}
        return [rankings[leg] for leg in legs]

    def _searched(self, leg: Leg) -> tuple[list[_TextField], list[VectorIndex]]:
        return (
            [_indexed(self._text, name) for name, _ in leg.text],
            [_indexed(self._vectors, (leg.model, name)) for name, _ in leg.vectors],
        )

    def close(self) -> None:
        """Let go of the index."""
        self._text.clear()
        self._vectors.clear()


def _sizes(queries: Counts, text: Sequence[_TextField], vectors: Sequence[VectorIndex]) -> npt.NDArray[np.int64]:
    """Shape (queries,): about how many bytes a query takes while it is answered."""
    sizes = np.full(queries.shape[0], _BYTES_OF_COSINE * sum(map(len, vectors)))
    for field in text:
        sizes += _BYTES_OF_MATCH * field.postings(queries)
    return sizes


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


def _matched(field: _TextField, queries: Counts, boost: float) -> Scores:
    """A match clause as it enters the outer sum: with boost 1 its terms do, with any other one its float32 score."""
    scores = field.match(queries, boost)
    if boost != 1:
        scores.data = rounded(scores.data)
    return scores


def _indexed(fields: Mapping[_Name, _Held], name: _Name) -> _Held:
    if name not in fields:
        raise KeyError(f"the field {name!r} was not indexed; indexed: {', '.join(map(repr, fields)) or 'none'}")
    return fields[name]


def _text_fields(catalogue: Catalogue, names: Iterable[str], vocabulary: Vocabulary) -> dict[str, _TextField]:
    documents: dict[str, Sequence[str]] = {}
    owners: dict[str, Owners] = {}
    for name in names:
        if name not in TEXT_FIELDS:
            raise KeyError(f"there is no text field {name!r}; allowed: {', '.join(TEXT_FIELDS)}")
        if name == "attributes":
            documents[name], owners[name] = _distinct_attributes(catalogue)
        else:
            documents[name] = catalogue.products[name].tolist()
    counted = {name: vocabulary.count(texts) for name, texts in documents.items()}
    vocabulary.settle()
    fields: dict[str, _TextField] = {}
    for name in documents:
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
