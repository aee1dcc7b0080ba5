"""Engines around an engine: one that changes what goes in or comes out, and one that remembers."""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, TypeAlias
from weakref import WeakKeyDictionary

import numpy as np

from relevance.engines.base import Engine
from relevance.mutation.plans import needs_new_index
from relevance.records import NO_HIT, Catalogue, Ranking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import ExitStack

    import numpy.typing as npt

    from relevance.engines.base import EngineChoice, Indexer, QueryBatch, VectorField
    from relevance.records import Vectors
    from relevance.strategies import Leg
    from relevance.suite import Plan

FieldVectors: TypeAlias = "Mapping[VectorField, Vectors]"
_ROWS_HASHED_AT_ONCE = 4096


@dataclass(frozen=True)
class Alterations:
    """What is changed on the way into an engine and out of it; None changes nothing.

    Attributes:
        products: of the catalogue, in the order in which the engine gets them: shape (kept,), codes; a product that is
            not there is not indexed.
        catalogue: its texts, the ids as they are.
        vectors: of the products, before any is left out.
        batch: texts and vectors of the queries; of the same length.
        ranking: what a leg returns, with so many more hits as `deeper` says; the hits that were asked for.
        deeper: how many hits more are asked for.
    """

    products: Callable[[Catalogue], Sequence[int]] | None = None
    catalogue: Callable[[Catalogue], Catalogue] | None = None
    vectors: Callable[[FieldVectors], FieldVectors] | None = None
    batch: Callable[[QueryBatch], QueryBatch] | None = None
    ranking: Callable[[Ranking, int], Ranking] | None = None
    deeper: int = 0


def altered(plan: Plan, alterations: Alterations) -> Plan:
    """Put an engine with such alterations in the place of the plan's own.

    Raises:
        NotApplicableError: the index exists already, so that nothing that is indexed can be changed.
    """
    if alterations.products or alterations.catalogue or alterations.vectors:
        needs_new_index(plan)
    choice = plan.engine

    @contextmanager
    def opened(*, progress: bool) -> Iterator[Indexer]:
        with choice.open(progress=progress) as indexer:
            yield _AlteringIndexer(indexer, alterations)

    return replace(plan, engine=replace(choice, open=opened))


@dataclass(frozen=True)
class _AlteringIndexer:
    inner: Indexer
    alterations: Alterations

    def ready(self) -> float | None:
        return self.inner.ready()

    def index(
        self, catalogue: Catalogue, *, text_fields: Iterable[str], vectors: FieldVectors, progress: bool
    ) -> Engine:
        how, codes = self.alterations, None
        if how.vectors is not None:
            vectors = how.vectors(vectors)
        indexed = catalogue if how.catalogue is None else how.catalogue(catalogue)
        if how.products is not None:
            codes = np.asarray(how.products(catalogue))
            indexed, vectors = _part(indexed, vectors, codes)
        engine = self.inner.index(indexed, text_fields=text_fields, vectors=vectors, progress=progress)
        return _AlteringEngine(engine, how, codes)


class _AlteringEngine(Engine):
    def __init__(self, inner: Engine, alterations: Alterations, codes: npt.NDArray[np.int64] | None) -> None:
        self._inner, self._alterations, self._codes = inner, alterations, codes
        self.version, self.facts = inner.version, inner.facts

    def search(self, leg: Leg, batch: QueryBatch, *, hits: int) -> Ranking:
        how = self._alterations
        queries = batch if how.batch is None else how.batch(batch)
        ranking = self._inner.search(leg, queries, hits=hits + how.deeper)
        if self._codes is not None:
            own = np.where(ranking.codes == NO_HIT, NO_HIT, self._codes[ranking.codes])
            ranking = Ranking(own.astype(np.int64), ranking.scores)
        return ranking if how.ranking is None else how.ranking(ranking, hits)

    def notes(self) -> Sequence[str]:
        return self._inner.notes()

    def close(self) -> None:
        self._inner.close()


def _part(catalogue: Catalogue, vectors: FieldVectors, codes: npt.NDArray[np.int64]) -> tuple[Catalogue, FieldVectors]:
    """The products of these codes, in this order: an id that sorts as the place does takes the place of each own."""
    places = [f"{place:09d}" for place in range(len(codes))]
    of_code = dict(zip(codes.tolist(), places, strict=True))
    attributes = catalogue.attributes
    attributes = attributes[attributes["product"].isin(of_code)]
    part = Catalogue(
        catalogue.products.iloc[codes].assign(id=places),
        attributes.assign(id=[of_code[code] for code in attributes["product"].tolist()]),
    )
    return part, {name: replace(one, rows=one.rows[codes]) for name, one in vectors.items()}


@dataclass(eq=False)
class _Memory:
    """Rankings by what decides them, and version and facts of the indices, which are the same for all."""

    rankings: dict[tuple[object, ...], Ranking] = field(default_factory=dict)
    marks: tuple[str, Mapping[str, object]] | None = None


class Reuse:
    """One opened engine for a plan and all its changes, and the rankings that it gave.

    What a change leaves as it was is not searched again: a leg's ranking depends on the texts of the fields that it
    matches, on the vectors of the fields that it searches, and on the texts and vectors of the queries; their hashes
    are the key under which it is kept. An index is made where the first leg has to be searched.

    Args:
        inner: what ranks.
        closing: closes it.

    Attributes:
        searched: legs that were searched.
        remembered: legs that were not.
    """

    def __init__(self, inner: EngineChoice, closing: ExitStack) -> None:
        self.searched, self.remembered = 0, 0
        self._inner, self._closing = inner, closing
        self._indexer: Indexer | None = None
        self._memory = _Memory()
        self._texts: WeakKeyDictionary[Catalogue, dict[str, str]] = WeakKeyDictionary()
        self._vectors: WeakKeyDictionary[Vectors, str] = WeakKeyDictionary()

    def choice(self, *, anew: bool = False) -> EngineChoice:
        """Give the engine as plans choose it; `anew`: it has forgotten all rankings, and indexes and searches again."""
        return replace(self._inner, open=partial(self._open, _Memory() if anew else self._memory))

    @contextmanager
    def _open(self, memory: _Memory, *, progress: bool) -> Iterator[Indexer]:
        if self._indexer is None:
            self._indexer = self._closing.enter_context(self._inner.open(progress=progress))
        yield _RememberingIndexer(self, self._indexer, memory)

    def text_hash(self, catalogue: Catalogue, name: str) -> str:
        """Hash a text field and the products' ids, worked out once for a catalogue; `id`: the ids alone."""
        known = self._texts.setdefault(catalogue, {})
        if name not in known:
            known[name] = _text_hash(catalogue, name)
        return known[name]

    def vector_hash(self, vectors: Vectors) -> str:
        """Hash each product's vector; worked out once for as long as they are held."""
        if vectors not in self._vectors:
            self._vectors[vectors] = _vector_hash(vectors)
        return self._vectors[vectors]


@dataclass(frozen=True)
class _RememberingIndexer:
    reuse: Reuse
    inner: Indexer
    memory: _Memory

    def ready(self) -> float | None:
        return self.inner.ready()

    def index(
        self,
        catalogue: Catalogue,
        *,
        text_fields: Iterable[str],
        vectors: FieldVectors,
        progress: bool,  # noqa: ARG002 - a bar for each change would be too many
    ) -> Engine:
        return _RememberingEngine(self, catalogue, tuple(text_fields), vectors)


class _RememberingEngine(Engine):
    def __init__(
        self, indexer: _RememberingIndexer, catalogue: Catalogue, text_fields: tuple[str, ...], vectors: FieldVectors
    ) -> None:
        self._reuse, self._inner, self._memory = indexer.reuse, indexer.inner, indexer.memory
        self._catalogue, self._text_fields, self._vectors = catalogue, text_fields, vectors
        self._made: Engine | None = None
        if self._memory.marks is None:
            self._memory.marks = self._indexed().version, self._indexed().facts
        self.version, self.facts = self._memory.marks

    def _indexed(self) -> Engine:
        if self._made is None:
            self._made = self._inner.index(
                self._catalogue, text_fields=self._text_fields, vectors=self._vectors, progress=False
            )
        return self._made

    def search(self, leg: Leg, batch: QueryBatch, *, hits: int) -> Ranking:
        rankings = self._memory.rankings
        key = (leg, hits, *self._indexed_hashes(leg), *_batch_hashes(leg, batch))
        if key in rankings:
            self._reuse.remembered += 1
        else:
            rankings[key] = self._indexed().search(leg, batch, hits=hits)
            self._reuse.searched += 1
        return rankings[key]

    def _indexed_hashes(self, leg: Leg) -> list[str]:
        """Of what the index holds of the leg's fields; a template may ask for any."""
        names = self._text_fields if leg.template else [name for name, _ in leg.text]
        fields = list(self._vectors) if leg.template else [(leg.model, name) for name, _ in leg.vectors]
        texts = [self._reuse.text_hash(self._catalogue, name) for name in (*names, *(["id"] if fields else []))]
        return texts + [self._reuse.vector_hash(self._vectors[one]) for one in fields]

    def notes(self) -> Sequence[str]:
        return () if self._made is None else self._made.notes()

    def close(self) -> None:
        if self._made is not None:
            self._made.close()


def _text_hash(catalogue: Catalogue, name: str) -> str:
    if name == "attributes":
        frame, columns = catalogue.attributes, ["product", "name", "value"]
    else:
        frame, columns = catalogue.products, [name]
    rows = [catalogue.ids, *(frame[column].tolist() for column in columns)]
    return hashlib.sha256(json.dumps(rows).encode("ascii")).hexdigest()


def _vector_hash(vectors: Vectors) -> str:
    """Of each product's vector; which rows of which matrix hold them is no matter."""
    digest = hashlib.sha256(np.ascontiguousarray(vectors.rows >= 0).tobytes())
    held = vectors.rows[vectors.rows >= 0]
    for start in range(0, len(held), _ROWS_HASHED_AT_ONCE):
        digest.update(np.ascontiguousarray(vectors.matrix[held[start : start + _ROWS_HASHED_AT_ONCE]]).tobytes())
    return digest.hexdigest()


def _batch_hashes(leg: Leg, batch: QueryBatch) -> tuple[str, str]:
    texts = json.dumps(list(batch.texts)).encode("ascii") if leg.text or leg.template else b""
    vectors = np.ascontiguousarray(batch.vectors[leg.model]).tobytes() if leg.embeds else b""
    return hashlib.sha256(texts).hexdigest(), hashlib.sha256(vectors).hexdigest()
