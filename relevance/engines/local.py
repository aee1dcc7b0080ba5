"""The embedded engine as a choice: nothing has to be started for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from relevance.engines.base import Engine, VectorField
    from relevance.records import Catalogue, Vectors

__all__ = ["EmbeddedPlan"]


class _Opening:
    """Indexes in this process."""

    makes_index = True

    def wait(self) -> None:
        """It is up."""

    def index(
        self,
        catalogue: Catalogue,
        *,
        text_fields: Iterable[str],
        vectors: Mapping[VectorField, Vectors],
        progress: bool,  # noqa: ARG002 - indexing takes seconds
    ) -> Engine:
        """Index the catalogue."""
        from relevance.engines.embedded import EmbeddedEngine  # noqa: PLC0415 - scipy is loaded where it is used

        return EmbeddedEngine.index(catalogue, text_fields=text_fields, vectors=vectors)

    def start_s(self) -> float | None:
        """Nothing was started."""
        return None

    def close(self) -> None:
        """Nothing was started."""


@dataclass(frozen=True)
class EmbeddedPlan:
    """The embedded engine, and why.

    Attributes:
        line: for the header.
        hint: how to get Elasticsearch, where this engine was taken for want of it.
    """

    line: str
    hint: str = ""
    name = "embedded"
    notes = ()

    def product_ids(self, dimensions: Mapping[str, int]) -> Sequence[str] | None:  # noqa: ARG002 - none exists
        """The data set's products are indexed."""
        return None

    def open(self, *, progress: bool) -> _Opening:  # noqa: ARG002 - nothing takes time
        """Nothing has to be started."""
        return _Opening()
