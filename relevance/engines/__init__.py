"""The engines: what answers strategies over a catalogue. `ENGINES` is the one place where an engine is added."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from relevance.engines.base import Engine, VectorField
    from relevance.records import Catalogue, Vectors

__all__ = ["ENGINES", "IndexCatalogue"]


class IndexCatalogue(Protocol):
    """Index a catalogue: the text fields that strategies match, and the vector fields that they search."""

    def __call__(
        self, catalogue: Catalogue, *, text_fields: Iterable[str], vectors: Mapping[VectorField, Vectors]
    ) -> Engine:
        """Return the engine that holds the index."""


def _embedded(catalogue: Catalogue, *, text_fields: Iterable[str], vectors: Mapping[VectorField, Vectors]) -> Engine:
    from relevance.engines.embedded import EmbeddedEngine  # noqa: PLC0415 - scipy is loaded where it is used

    return EmbeddedEngine.index(catalogue, text_fields=text_fields, vectors=vectors)


ENGINES: Mapping[str, IndexCatalogue] = MappingProxyType({"embedded": _embedded})
