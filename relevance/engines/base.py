"""What every engine is: it holds a catalogue and answers legs of strategies."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

    from relevance.records import Ranking
    from relevance.strategies import Leg

__all__ = ["Engine", "QueryBatch", "VectorField"]

VectorField: TypeAlias = tuple[str, str]
"""(model, vector field)."""


@dataclass(frozen=True, eq=False)
class QueryBatch:
    """Queries to be answered together.

    Attributes:
        texts: the query texts.
        vectors: per model name, shape (queries, dimensions), float32, rows of unit length.
    """

    texts: Sequence[str]
    vectors: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, part: slice) -> QueryBatch:
        """A slice of the batch; nothing is copied but the list of texts."""
        return QueryBatch(self.texts[part], {model: matrix[part] for model, matrix in self.vectors.items()})


class Engine(Protocol):
    """An engine that has indexed a catalogue."""

    @property
    def name(self) -> str:
        """As in results: `embedded`, …."""

    @property
    def version(self) -> str:
        """What makes two engines of a name rank alike."""

    def search(self, leg: Leg, batch: QueryBatch, *, hits: int) -> Ranking:
        """Answer one leg: score descending, then product id ascending; shape (queries, hits)."""

    def close(self) -> None:
        """Let go of what the engine holds."""
