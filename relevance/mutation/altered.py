"""An engine with a fault: what goes into it or comes out of it is changed on the way."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from relevance.engines.base import Engine
from relevance.mutation.kind import NotApplicableError
from relevance.records import NO_HIT, Ranking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import numpy.typing as npt

    from relevance.engines.base import Indexer, QueryBatch, VectorField
    from relevance.records import Catalogue, Vectors
    from relevance.strategies import Leg
    from relevance.suite import Plan

__all__ = ["Alterations", "altered", "mapped_back"]

_Held: TypeAlias = "Mapping[VectorField, Vectors]"


@dataclass(frozen=True)
class Alterations:
    """What is changed on the way; None changes nothing.

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
    vectors: Callable[[_Held], _Held] | None = None
    batch: Callable[[QueryBatch], QueryBatch] | None = None
    ranking: Callable[[Ranking, int], Ranking] | None = None
    deeper: int = 0


def altered(plan: Plan, alterations: Alterations) -> Plan:
    """The plan with such an engine in the place of its own.

    Raises:
        NotApplicableError: the index exists already, so that nothing that is indexed can be changed.
    """
    indexes = alterations.products or alterations.catalogue or alterations.vectors
    if indexes and plan.config.elasticsearch.index is not None:
        raise NotApplicableError("the index exists already, what it holds is not changed")
    choice = plan.engine

    @contextmanager
    def opened(*, progress: bool) -> Iterator[Indexer]:
        with choice.open(progress=progress) as indexer:
            yield _Indexer(indexer, alterations)

    return replace(plan, engine=replace(choice, open=opened))


@dataclass(frozen=True)
class _Indexer:
    inner: Indexer
    alterations: Alterations

    def ready(self) -> float | None:
        return self.inner.ready()

    def index(self, catalogue: Catalogue, *, text_fields: Iterable[str], vectors: _Held, progress: bool) -> Engine:
        how = self.alterations
        held = vectors if how.vectors is None else how.vectors(vectors)
        indexed = catalogue if how.catalogue is None else how.catalogue(catalogue)
        codes = None if how.products is None else np.asarray(how.products(catalogue))
        if codes is not None:
            indexed, held = _part(indexed, held, codes)
        return _Engine(self.inner.index(indexed, text_fields=text_fields, vectors=held, progress=progress), how, codes)


def _part(catalogue: Catalogue, vectors: _Held, codes: npt.NDArray[np.int64]) -> tuple[Catalogue, _Held]:
    """The products of these codes, in this order: an id that sorts as the place does takes the place of each own."""
    places = [f"{place:09d}" for place in range(len(codes))]
    of_code = dict(zip(codes.tolist(), places, strict=True))
    products = catalogue.products.iloc[codes]
    attributes = catalogue.attributes
    attributes = attributes[attributes["product"].isin(of_code)]
    part = type(catalogue)(
        products.assign(id=places), attributes.assign(id=[of_code[code] for code in attributes["product"].tolist()])
    )
    return part, {name: replace(found, rows=found.rows[codes]) for name, found in vectors.items()}


class _Engine(Engine):
    def __init__(self, inner: Engine, alterations: Alterations, codes: npt.NDArray[np.int64] | None) -> None:
        self._inner, self._alterations, self._codes = inner, alterations, codes
        self.version, self.facts = inner.version, inner.facts

    def search(self, leg: Leg, batch: QueryBatch, *, hits: int) -> Ranking:
        how = self._alterations
        queries = batch if how.batch is None else how.batch(batch)
        ranking = self._inner.search(leg, queries, hits=hits + how.deeper)
        if self._codes is not None:
            ranking = mapped_back(ranking, self._codes)
        return ranking if how.ranking is None else how.ranking(ranking, hits)

    def notes(self) -> Sequence[str]:
        return self._inner.notes()

    def close(self) -> None:
        self._inner.close()


def mapped_back(ranking: Ranking, codes: npt.NDArray[np.int64]) -> Ranking:
    """The ranking with `codes[code]` in the place of each code."""
    own = np.where(ranking.codes == NO_HIT, NO_HIT, codes[ranking.codes])
    return Ranking(own.astype(np.int64), ranking.scores)
