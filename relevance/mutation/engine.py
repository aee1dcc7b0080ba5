"""What a planted change is, and the engines around a plan's engine: one that changes, and one that remembers."""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias
from weakref import WeakKeyDictionary

import numpy as np

from relevance.engines import Engine

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from relevance.engines import EngineChoice, Indexer, QueryBatch, VectorField
    from relevance.records import Catalogue, Ranking, Vectors
    from relevance.strategies import Leg
    from relevance.suite import Plan

    Change: TypeAlias = Callable[[Plan, int], Plan]
    """From a plan and a seed to the plan with the change; the first one stays as it is."""

    FieldVectors: TypeAlias = Mapping[VectorField, Vectors]
    ProductsChange: TypeAlias = Callable[[Catalogue, FieldVectors], tuple[Catalogue, FieldVectors]]
    Ask: TypeAlias = Callable[[QueryBatch, int], Ranking]
    """Answer a leg for these queries with so many hits."""

    AnswerChange: TypeAlias = Callable[[Ask, QueryBatch, int], Ranking]


@dataclass(frozen=True)
class Mutation:
    """A kind of change that is planted on purpose.

    Attributes:
        name: lower-case letters, digits and underscores.
        group: what part of a system it is in.
        what: what happened, for people.
        change: what it does; raises `NotApplicableError` where it would mean nothing.
        cost: what it takes beside searching: "", `embedding`, `training` or `server`.
        anew: whether all is indexed and searched again, though nothing that decides it may have changed.
    """

    name: str
    group: str
    what: str
    change: Change
    cost: str = ""
    anew: bool = False


def kinds(group: str, rows: Mapping[str, tuple[str, Change]], *, cost: str = "") -> list[Mutation]:
    """Make a group's kinds of a table: by name, what happened and the change."""
    return [Mutation(name, group, what, change, cost) for name, (what, change) in rows.items()]


class NotApplicableError(Exception):
    """A change means nothing on this plan; the message says why. It never leaves `relevance.mutation`."""


def needs_vectors(plan: Plan) -> None:
    """Raise `NotApplicableError` where no strategy uses any."""
    if not plan.models:
        raise NotApplicableError("no strategy uses vectors")


def needs_text(plan: Plan) -> None:
    """Raise `NotApplicableError` where no strategy matches any."""
    if not plan.text_fields:
        raise NotApplicableError("no strategy matches text")


def needs_new_index(plan: Plan) -> None:
    """Raise `NotApplicableError` where the index exists already."""
    if plan.config.elasticsearch.index is not None:
        raise NotApplicableError("the index exists already, what it holds is not changed")


def around(plan: Plan, *, products: ProductsChange | None = None, answers: AnswerChange | None = None) -> Plan:
    """Put functions around the plan's engine.

    Args:
        plan: stays as it is.
        products: changes what is indexed.
        answers: answers a leg by asking the engine for it, with other queries, for more hits, as it likes.

    Raises:
        NotApplicableError: products are changed, and the index exists already.
    """
    if products is not None:
        needs_new_index(plan)
    choice = plan.engine

    @contextmanager
    def opened(*, progress: bool) -> Iterator[Indexer]:
        with choice.open(progress=progress) as indexer:
            yield _ChangingIndexer(indexer, products, answers)

    return replace(plan, engine=replace(choice, open=opened))


@dataclass(frozen=True)
class _ChangingIndexer:
    inner: Indexer
    products: ProductsChange | None
    answers: AnswerChange | None

    def ready(self) -> float | None:
        return self.inner.ready()

    def index(
        self, catalogue: Catalogue, *, text_fields: Iterable[str], vectors: FieldVectors, progress: bool
    ) -> Engine:
        if self.products is not None:
            catalogue, vectors = self.products(catalogue, vectors)
        engine = self.inner.index(catalogue, text_fields=text_fields, vectors=vectors, progress=progress)
        return engine if self.answers is None else _ChangingEngine(engine, self.answers)


class _ChangingEngine(Engine):
    def __init__(self, inner: Engine, answers: AnswerChange) -> None:
        self._inner, self._answers = inner, answers
        self.version, self.facts = inner.version, inner.facts

    def search(self, leg: Leg, batch: QueryBatch, *, hits: int) -> Ranking:
        return self._answers(lambda queries, number: self._inner.search(leg, queries, hits=number), batch, hits)

    def notes(self) -> Sequence[str]:
        return self._inner.notes()

    def close(self) -> None:
        self._inner.close()


_ROWS_HASHED_AT_ONCE = 4096


class Reuse:
    """An opened engine, and the rankings that it gave.

    What a change leaves as it was is not searched again: a leg's ranking depends on the texts of the fields that it
    matches, on the vectors of the fields that it searches, and on the texts and vectors of the queries; their hashes
    are the key under which it is kept. An index is made where the first leg has to be searched.

    Args:
        indexer: what ranks.
        legs: counts those that were `searched`, and those that were `remembered`.
    """

    def __init__(self, indexer: Indexer, legs: Counter[str]) -> None:
        self.indexer, self.legs = indexer, legs
        self.rankings: dict[tuple[object, ...], Ranking] = {}
        self.identity: tuple[str, Mapping[str, object]] | None = None
        """Version and facts, which are the same for all indices."""

    def choice(self, choice: EngineChoice) -> EngineChoice:
        """Give an engine of a plan that is opened as this one."""
        return replace(choice, open=lambda *, progress: nullcontext(self))  # noqa: ARG005 - it is open

    def ready(self) -> float | None:
        """Wait until the engine is up."""
        return self.indexer.ready()

    def index(
        self,
        catalogue: Catalogue,
        *,
        text_fields: Iterable[str],
        vectors: FieldVectors,
        progress: bool = False,  # noqa: ARG002 - a bar for each change would be too many
    ) -> Engine:
        """Give an engine that indexes the products when it has to."""
        return _RememberingEngine(self, catalogue, tuple(text_fields), vectors)


@dataclass(eq=False)
class _RememberingEngine(Engine):
    reuse: Reuse
    catalogue: Catalogue
    text_fields: tuple[str, ...]
    vectors: FieldVectors
    engine: Engine | None = None

    def __post_init__(self) -> None:
        if self.reuse.identity is None:
            self.reuse.identity = self._indexed().version, self._indexed().facts
        self.version, self.facts = self.reuse.identity

    def _indexed(self) -> Engine:
        if self.engine is None:
            self.engine = self.reuse.indexer.index(
                self.catalogue, text_fields=self.text_fields, vectors=self.vectors, progress=False
            )
        return self.engine

    def search(self, leg: Leg, batch: QueryBatch, *, hits: int) -> Ranking:
        rankings = self.reuse.rankings
        key = (leg, hits, *self._hashes(leg, batch))
        known = key in rankings
        self.reuse.legs["remembered" if known else "searched"] += 1
        if not known:
            rankings[key] = self._indexed().search(leg, batch, hits=hits)
        return rankings[key]

    def _hashes(self, leg: Leg, batch: QueryBatch) -> list[str]:
        """What the index holds of the leg's fields, and the queries; a template may ask for any field."""
        names = list(self.text_fields) if leg.template else [name for name, _ in leg.text]
        fields = list(self.vectors) if leg.template else [(leg.model, name) for name, _ in leg.vectors]
        return [
            *(_text_hash(self.catalogue, name) for name in (*names, *(["id"] if fields else []))),
            *(_vector_hash(self.vectors[one]) for one in fields),
            _sha256(json.dumps(list(batch.texts)).encode("ascii") if leg.text or leg.template else b""),
            _sha256(np.ascontiguousarray(batch.vectors[leg.model]).tobytes() if leg.embeds else b""),
        ]

    def notes(self) -> Sequence[str]:
        return () if self.engine is None else self.engine.notes()

    def close(self) -> None:
        if self.engine is not None:
            self.engine.close()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


# worked out once for as long as they are held
_OF_TEXTS: WeakKeyDictionary[Catalogue, dict[str, str]] = WeakKeyDictionary()
_OF_VECTORS: WeakKeyDictionary[Vectors, str] = WeakKeyDictionary()


def _text_hash(catalogue: Catalogue, name: str) -> str:
    """Of a text field and the products' ids; `id`: the ids alone."""
    known = _OF_TEXTS.setdefault(catalogue, {})
    if name not in known:
        frame, columns = catalogue.products, [name]
        if name == "attributes":
            frame, columns = catalogue.attributes, ["product", "name", "value"]
        rows = [catalogue.ids, *(frame[column].tolist() for column in columns)]
        known[name] = _sha256(json.dumps(rows).encode("ascii"))
    return known[name]


def _vector_hash(vectors: Vectors) -> str:
    """Of each product's vector; which rows of which matrix hold them is no matter."""
    if vectors not in _OF_VECTORS:
        digest = hashlib.sha256(np.ascontiguousarray(vectors.rows >= 0).tobytes())
        held = vectors.rows[vectors.rows >= 0]
        for start in range(0, len(held), _ROWS_HASHED_AT_ONCE):
            digest.update(np.ascontiguousarray(vectors.matrix[held[start : start + _ROWS_HASHED_AT_ONCE]]).tobytes())
        _OF_VECTORS[vectors] = digest.hexdigest()
    return _OF_VECTORS[vectors]
