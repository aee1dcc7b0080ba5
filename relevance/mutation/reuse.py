"""An engine that remembers: what a change leaves as it was is not searched again, and one server serves all.

A leg's ranking depends on the texts of the fields that it matches, on the vectors of the fields that it searches, and
on the texts and vectors of the queries; their hashes are the key under which it is kept. An index is made where the
first leg has to be searched.
"""

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

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from contextlib import ExitStack

    from relevance.engines.base import EngineChoice, Indexer, QueryBatch, VectorField
    from relevance.records import Catalogue, Ranking, Vectors
    from relevance.strategies import Leg

__all__ = ["Reuse"]

_Held: TypeAlias = "Mapping[VectorField, Vectors]"
_ROWS = 4096


@dataclass(eq=False)
class _Memory:
    """Rankings by what decides them, and version and facts of the indices, which are the same for all."""

    rankings: dict[tuple[object, ...], Ranking] = field(default_factory=dict)
    marks: tuple[str, Mapping[str, object]] | None = None


class Reuse:
    """One opened engine for a plan and all its changes, and the rankings that it gave.

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
        yield _Indexer(self, self._indexer, memory)

    def text_hash(self, catalogue: Catalogue, name: str) -> str:
        """Hash a text field and the products' ids; worked out once for a catalogue."""
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
class _Indexer:
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
        vectors: _Held,
        progress: bool,  # noqa: ARG002 - a bar for each change would be too many
    ) -> Engine:
        return _Engine(self, catalogue, tuple(text_fields), vectors)


class _Engine(Engine):
    """An index that is made when it is needed."""

    def __init__(self, indexer: _Indexer, catalogue: Catalogue, text_fields: tuple[str, ...], vectors: _Held) -> None:
        self._indexer, self._catalogue, self._text_fields, self._vectors = indexer, catalogue, text_fields, vectors
        self._made: Engine | None = None
        if indexer.memory.marks is None:
            indexer.memory.marks = self._indexed().version, self._indexed().facts
        self.version, self.facts = indexer.memory.marks

    def _indexed(self) -> Engine:
        if self._made is None:
            self._made = self._indexer.inner.index(
                self._catalogue, text_fields=self._text_fields, vectors=self._vectors, progress=False
            )
        return self._made

    def search(self, leg: Leg, batch: QueryBatch, *, hits: int) -> Ranking:
        """From memory, or from the engine."""
        reuse, rankings = self._indexer.reuse, self._indexer.memory.rankings
        key = (leg, hits, *self._held(leg), *_asked(leg, batch))
        if key in rankings:
            reuse.remembered += 1
        else:
            rankings[key] = self._indexed().search(leg, batch, hits=hits)
            reuse.searched += 1
        return rankings[key]

    def _held(self, leg: Leg) -> tuple[str, ...]:
        """Hashes of what the index holds of the leg's fields; a template may ask for any."""
        reuse = self._indexer.reuse
        names = self._text_fields if leg.template else tuple(name for name, _ in leg.text)
        fields = tuple(self._vectors) if leg.template else tuple((leg.model, name) for name, _ in leg.vectors)
        texts = (reuse.text_hash(self._catalogue, name) for name in names)
        ids = _ids_hash(self._catalogue) if fields else ""
        return (*texts, ids, *(reuse.vector_hash(self._vectors[one]) for one in fields))

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
