"""An engine that remembers: what a change leaves as it was is not searched again, and one server serves all.

A leg's ranking depends on the texts of the fields that it matches, on the vectors of the fields that it searches, and
on the texts and vectors of the queries; their hashes are the key under which it is kept. An index is made where the
first leg has to be searched.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias
from weakref import WeakKeyDictionary

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from relevance.engines.base import Engine, EnginePlan, Opening, QueryBatch, VectorField
    from relevance.records import Catalogue, Ranking, Vectors
    from relevance.strategies import Leg

__all__ = ["Remembering"]

_Held: TypeAlias = "Mapping[VectorField, Vectors]"
_ROWS = 4096


@dataclass(eq=False)
class Remembering:
    """An engine's plan whose engines share one opening and all rankings.

    Attributes:
        inner: what ranks.
    """

    inner: EnginePlan
    _counts: Counter[str] = field(default_factory=Counter)
    _rankings: dict[tuple[object, ...], Ranking] = field(default_factory=dict)
    _texts: WeakKeyDictionary[Catalogue, dict[str, str]] = field(default_factory=WeakKeyDictionary)
    _vectors: WeakKeyDictionary[Vectors, str] = field(default_factory=WeakKeyDictionary)
    _opening: Opening | None = None
    _marks: tuple[str, str, Mapping[str, object]] | None = None

    @property
    def searched(self) -> int:
        """Legs that were searched."""
        return self._counts["searched"]

    @property
    def remembered(self) -> int:
        """Legs that were not."""
        return self._counts["remembered"]

    @property
    def name(self) -> str:
        """See `EnginePlan`."""
        return self.inner.name

    @property
    def line(self) -> str:
        """See `EnginePlan`."""
        return self.inner.line

    @property
    def hint(self) -> str:
        """See `EnginePlan`."""
        return self.inner.hint

    @property
    def notes(self) -> Sequence[str]:
        """See `EnginePlan`."""
        return self.inner.notes

    def product_ids(self, dimensions: Mapping[str, int]) -> Sequence[str] | None:
        """See `EnginePlan`."""
        return self.inner.product_ids(dimensions)

    def open(self, *, progress: bool) -> _Opening:
        """The one opening, which stays until `close`."""
        if self._opening is None:
            self._opening = self.inner.open(progress=progress)
        return _Opening(self, self._opening)

    def anew(self) -> Remembering:
        """One that has forgotten all rankings: it indexes and searches again, on the same server."""
        return replace(self, _rankings={}, _marks=None)

    def close(self) -> None:
        """Let go of the server, where it is ours."""
        if self._opening is not None:
            self._opening.close()
            self._opening = None

    def index(self, catalogue: Catalogue, text_fields: Sequence[str], vectors: _Held) -> Engine:
        """An index of its own for what is searched."""
        assert self._opening is not None, "the suite has opened it"  # noqa: S101 - for the types
        return self._opening.index(catalogue, text_fields=text_fields, vectors=vectors, progress=False)

    def ranking(self, engine: _Engine, leg: Leg, batch: QueryBatch, hits: int) -> Ranking:
        """From memory, or from the engine."""
        key = (leg, hits, *engine.key(leg), *_asked(leg, batch))
        if key in self._rankings:
            self._counts["remembered"] += 1
        else:
            self._rankings[key] = engine.indexed.search(leg, batch, hits=hits)
            self._counts["searched"] += 1
        return self._rankings[key]

    def marks(self, engine: _Engine) -> tuple[str, str, Mapping[str, object]]:
        """Name, version and facts: the same for all indices that this plan makes."""
        if self._marks is None:
            made = engine.indexed
            self._marks = made.name, made.version, made.facts
        return self._marks

    def text_hash(self, catalogue: Catalogue, name: str) -> str:
        """Of a text field and the products' ids; worked out once for a catalogue."""
        known = self._texts.setdefault(catalogue, {})
        if name not in known:
            known[name] = _text_hash(catalogue, name)
        return known[name]

    def vector_hash(self, vectors: Vectors) -> str:
        """Of each product's vector; worked out once for as long as they are held."""
        if vectors not in self._vectors:
            self._vectors[vectors] = _vector_hash(vectors)
        return self._vectors[vectors]


@dataclass(frozen=True)
class _Opening:
    plan: Remembering
    inner: Opening

    @property
    def makes_index(self) -> bool:
        return self.inner.makes_index

    def wait(self) -> None:
        self.inner.wait()

    def index(
        self,
        catalogue: Catalogue,
        *,
        text_fields: Iterable[str],
        vectors: _Held,
        progress: bool,  # noqa: ARG002 - a bar for each change would be too many
    ) -> _Engine:
        return _Engine(self.plan, catalogue, tuple(text_fields), vectors)

    def start_s(self) -> float | None:
        return self.inner.start_s()

    def close(self) -> None:
        """The plan closes it, after the last change."""


class _Engine:
    """An index that is made when it is needed."""

    def __init__(self, plan: Remembering, catalogue: Catalogue, text_fields: tuple[str, ...], vectors: _Held) -> None:
        self._plan = plan
        self._catalogue = catalogue
        self._text_fields = text_fields
        self._vectors = vectors
        self._made: Engine | None = None

    @property
    def indexed(self) -> Engine:
        """The engine itself."""
        if self._made is None:
            self._made = self._plan.index(self._catalogue, self._text_fields, self._vectors)
        return self._made

    @property
    def name(self) -> str:
        return self._plan.marks(self)[0]

    @property
    def version(self) -> str:
        return self._plan.marks(self)[1]

    @property
    def facts(self) -> Mapping[str, object]:
        return self._plan.marks(self)[2]

    @property
    def took_ms(self) -> float | None:
        return None

    def search(self, leg: Leg, batch: QueryBatch, *, hits: int) -> Ranking:
        return self._plan.ranking(self, leg, batch, hits)

    def search_all(self, legs: Sequence[Leg], batch: QueryBatch, *, hits: int) -> Sequence[Ranking]:
        return [self.search(leg, batch, hits=hits) for leg in legs]

    def key(self, leg: Leg) -> tuple[str, ...]:
        """Hashes of what the index holds of the leg's fields; a template may ask for any."""
        names = self._text_fields if leg.template else tuple(name for name, _ in leg.text)
        fields = tuple(self._vectors) if leg.template else tuple((leg.model, name) for name, _ in leg.vectors)
        texts = (self._plan.text_hash(self._catalogue, name) for name in names)
        ids = _ids_hash(self._catalogue) if fields else ""
        return (*texts, ids, *(self._plan.vector_hash(self._vectors[one]) for one in fields))

    def notes(self) -> Sequence[str]:
        return () if self._made is None else self._made.notes()

    def close(self) -> None:
        if self._made is not None:
            self._made.close()


def _text_hash(catalogue: Catalogue, name: str) -> str:
    if name == "attributes":
        frame = catalogue.attributes
        rows = [frame[column].tolist() for column in ("product", "name", "value")]
    else:
        rows = [catalogue.products[name].tolist()]
    return hashlib.sha256(json.dumps([catalogue.ids, *rows]).encode("ascii")).hexdigest()


def _ids_hash(catalogue: Catalogue) -> str:
    return hashlib.sha256(json.dumps(catalogue.ids).encode("ascii")).hexdigest()


def _vector_hash(vectors: Vectors) -> str:
    """Of each product's vector; which rows of which matrix hold them is no matter."""
    digest = hashlib.sha256(np.ascontiguousarray(vectors.rows >= 0).tobytes())
    held = vectors.rows[vectors.rows >= 0]
    for start in range(0, len(held), _ROWS):
        digest.update(np.ascontiguousarray(vectors.matrix[held[start : start + _ROWS]]).tobytes())
    return digest.hexdigest()


def _asked(leg: Leg, batch: QueryBatch) -> tuple[str, ...]:
    texts = json.dumps(list(batch.texts)).encode("ascii") if leg.text or leg.template else b""
    vectors = np.ascontiguousarray(batch.vectors[leg.model]).tobytes() if leg.embeds else b""
    return hashlib.sha256(texts).hexdigest(), hashlib.sha256(vectors).hexdigest()
