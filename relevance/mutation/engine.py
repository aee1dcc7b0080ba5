"""What a planted change is, and functions around a plan's engine: those that change, and one that remembers."""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import WeakKeyDictionary

import numpy as np

from relevance.engines import Engine, IndexerAround

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
    _Content: TypeAlias = tuple[Catalogue, tuple[str, ...], frozenset[tuple[VectorField, Vectors]]]
    """Products, text fields and vectors of an index."""

    _Answer: TypeAlias = Callable[["_EngineAround", Leg, QueryBatch, int], Ranking]


@dataclass(frozen=True)
class Drawing:
    """A change that draws what it changes, and says what that was."""

    plant: Callable[[Plan, int], tuple[Plan, str]]

    def __call__(self, plan: Plan, seed: int) -> Plan:
        """Change the plan."""
        return self.plant(plan, seed)[0]


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

    def plant(self, plan: Plan, seed: int) -> tuple[Plan, str]:
        """Change the plan, and say what was drawn; "" where that is nothing that has a name."""
        return self.change.plant(plan, seed) if isinstance(self.change, Drawing) else (self.change(plan, seed), "")


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
    if not any(leg.text or leg.template for strategy in plan.strategies for leg in strategy.legs()):
        raise NotApplicableError("no strategy matches text")


def needs_new_index(plan: Plan) -> None:
    """Raise `NotApplicableError` where the index exists already."""
    if plan.config.elasticsearch.index is not None:
        raise NotApplicableError("the index exists already, what it holds is not changed")


class _EngineAround(Engine):
    """An engine whose searches a function answers; its products are indexed where `inner` is first asked for.

    Args:
        index: gives the engine with the products.
        answer: of a leg; it is given this engine.
        identity: version and facts, where they are known without an index.
        is_owner: whether the inner engine is closed with it.
    """

    def __init__(
        self,
        index: Callable[[], Engine],
        answer: _Answer,
        identity: tuple[str, Mapping[str, object]] | None = None,
        *,
        is_owner: bool = True,
    ) -> None:
        self._index, self._answer, self._is_owner = index, answer, is_owner
        self.is_open = True
        self._inner: Engine | None = None
        self.version, self.facts = identity or (self.inner.version, self.inner.facts)

    @property
    def inner(self) -> Engine:
        if self._inner is None:
            self._inner = self._index()
        return self._inner

    def search(self, leg: Leg, batch: QueryBatch, *, hits: int) -> Ranking:
        return self._answer(self, leg, batch, hits)

    def notes(self) -> Sequence[str]:
        return () if self._inner is None else self._inner.notes()

    def close(self) -> None:
        self.is_open = False
        if self._inner is not None and self._is_owner:
            self._inner.close()


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

    def answer(engine: _EngineAround, leg: Leg, batch: QueryBatch, hits: int) -> Ranking:
        def ask(queries: QueryBatch, number: int) -> Ranking:
            return engine.inner.search(leg, queries, hits=number)

        return ask(batch, hits) if answers is None else answers(ask, batch, hits)

    @contextmanager
    def opened(*, progress: bool) -> Iterator[Indexer]:
        with choice.open(progress=progress) as indexer:

            def index(catalogue: Catalogue, *, vectors: FieldVectors, **others: Any) -> Engine:
                if products is not None:
                    catalogue, vectors = products(catalogue, vectors)
                return _EngineAround(partial(indexer.index, catalogue, vectors=vectors, **others), answer)

            yield IndexerAround(indexer.ready, index)

    return replace(plan, engine=replace(choice, open=opened))


def remembering(choice: EngineChoice, indexer: Indexer, counts: Counter[str]) -> EngineChoice:
    """Give an engine that is open already, and remembers the rankings that it gave.

    What a change leaves as it was is not searched again: a leg's ranking depends on the texts of the fields that it
    matches, on the vectors of the fields that it searches, and on the texts and vectors of the queries; their hashes
    are the key under which it is kept. Nor is it indexed again: the first index, as long as it is open, answers for all
    that has the same products, fields and vectors. Any other is made where the first leg has to be searched.

    Args:
        choice: of the plan.
        indexer: what ranks.
        counts: of indices that were `indexed`, and of legs that were `searched` and `remembered`.
    """
    rankings: dict[tuple[object, ...], Ranking] = {}
    first: tuple[_EngineAround, _Content] | None = None

    def index(catalogue: Catalogue, *, text_fields: Iterable[str], vectors: FieldVectors, **_: Any) -> Engine:
        nonlocal first
        content = catalogue, tuple(text_fields), frozenset(vectors.items())

        def answer(engine: _EngineAround, leg: Leg, batch: QueryBatch, hits: int) -> Ranking:
            key = (leg, hits, *_index_hashes(leg, catalogue, content[1], vectors), *_query_hashes(leg, batch))
            known = key in rankings
            counts["remembered" if known else "searched"] += 1
            if not known:
                rankings[key] = engine.inner.search(leg, batch, hits=hits)
            return rankings[key]

        def indexed() -> Engine:
            counts["indexed"] += 1
            # no bar: one for each change would be too many
            return indexer.index(catalogue, text_fields=content[1], vectors=vectors, progress=False)

        if first is None:
            first = _EngineAround(indexed, answer), content
            return first[0]
        engine, held = first
        identity = engine.version, engine.facts  # the same for all indices
        if engine.is_open and _holds(held, content):
            return _EngineAround(lambda: engine.inner, answer, identity, is_owner=False)
        return _EngineAround(indexed, answer, identity)

    return replace(choice, open=lambda **_: nullcontext(IndexerAround(indexer.ready, index)))


def _holds(index: _Content, other: _Content) -> bool:
    """Whether an index has all that another one would have."""
    return index[0] is other[0] and {*other[1]} <= {*index[1]} and other[2] <= index[2]


_ROWS_HASHED_AT_ONCE = 4096


def _index_hashes(leg: Leg, catalogue: Catalogue, text_fields: Sequence[str], vectors: FieldVectors) -> list[str]:
    """Of the fields that a leg searches; a template may ask for any."""
    names = list(text_fields) if leg.template else [name for name, _ in leg.text]
    fields = list(vectors) if leg.template else [(leg.model, name) for name, _ in leg.vectors]
    ids = ["id"] if fields else []
    return [*(_text_hash(catalogue, name) for name in (*names, *ids)), *(_vector_hash(vectors[one]) for one in fields)]


def _query_hashes(leg: Leg, batch: QueryBatch) -> list[str]:
    asked: list[object] = [list(batch.texts)] if leg.text or leg.template or leg.outside else []
    asked += [list(map(dict, batch.params))] if (leg.template or leg.outside) and batch.params else []
    return [
        _sha256(json.dumps(asked).encode("ascii")),
        _sha256(np.ascontiguousarray(batch.vectors[leg.model]).tobytes() if leg.embeds else b""),
    ]


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


# worked out once for as long as they are held
_OF_TEXTS: WeakKeyDictionary[Catalogue, dict[str, str]] = WeakKeyDictionary()
_OF_VECTORS: WeakKeyDictionary[Vectors, str] = WeakKeyDictionary()


def _text_hash(catalogue: Catalogue, name: str) -> str:
    """Of a text field, the body of the index and the products' ids; `id`: the ids alone.

    A field of a team's own may be a copy of others: what it holds depends on all of them.
    """
    known = _OF_TEXTS.setdefault(catalogue, {})
    if name not in known:
        values: list[Any] = []
        if name != "id":
            held = list(catalogue.values(name)) if catalogue.has_default_layout else catalogue.sha256
            values = [held, catalogue.fields.sha256]
        known[name] = _sha256(json.dumps([catalogue.ids, values]).encode("ascii"))
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
