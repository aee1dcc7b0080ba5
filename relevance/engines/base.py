"""What every engine is: it holds a catalogue and answers legs of strategies."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

    from relevance.records import Catalogue, Ranking, Vectors
    from relevance.strategies import Leg

__all__ = ["Engine", "EnginePlan", "Opening", "QueryBatch", "VectorField"]

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
    """An engine that has indexed a catalogue, or holds one that was indexed before."""

    @property
    def name(self) -> str:
        """As in results: `embedded`, `elasticsearch`."""

    @property
    def version(self) -> str:
        """What makes two engines of a name rank alike."""

    @property
    def facts(self) -> Mapping[str, object]:
        """What else decides ranking or run time, for results: kind of vector index, shards, …; JSON values."""

    @property
    def took_ms(self) -> float | None:
        """Milliseconds that the server says it worked on all searches so far; None where this process is the engine."""

    def search(self, leg: Leg, batch: QueryBatch, *, hits: int) -> Ranking:
        """Answer one leg: score descending, then product id ascending; shape (queries, hits).

        Raises:
            CouldNotRunError: the engine failed; a ranking is complete or there is none.
        """

    def search_all(self, legs: Sequence[Leg], batch: QueryBatch, *, hits: int) -> Sequence[Ranking]:
        """Answer several legs, each exactly as `search` does; what they have in common may be worked out once.

        Raises:
            CouldNotRunError: the engine failed; all rankings are complete or there is none.
        """

    def notes(self) -> Sequence[str]:
        """What people should know of the session, a line each: retries, what was left behind."""

    def close(self) -> None:
        """Let go of what the engine holds; name, version, facts and notes stay."""


class Opening(Protocol):
    """An engine on its way: what it needs was checked; it may still be starting in the background."""

    @property
    def makes_index(self) -> bool:
        """Whether `index` makes one, as often as it is called; not where an index is evaluated as it is."""

    def wait(self) -> None:
        """Wait until the engine is up.

        Raises:
            CouldNotRunError: it does not come up.
        """

    def index(
        self,
        catalogue: Catalogue,
        *,
        text_fields: Iterable[str],
        vectors: Mapping[VectorField, Vectors],
        progress: bool,
    ) -> Engine:
        """Index the catalogue.

        Args:
            catalogue: the products.
            text_fields: those that strategies match.
            vectors: unit vectors of the products for each vector field that strategies search.
            progress: whether a bar is shown.

        Raises:
            InputError: the engine cannot hold these products.
            CouldNotRunError: the engine fails; nothing of the index is left.
        """

    def start_s(self) -> float | None:
        """Seconds from the start of a server of ours until it was ready; None where none was started."""

    def close(self) -> None:
        """Remove what was started; safe to call at any time, and twice."""


class EnginePlan(Protocol):
    """An engine that was chosen and checked as far as possible without starting anything."""

    @property
    def name(self) -> str:
        """Key of `ENGINES`."""

    @property
    def line(self) -> str:
        """Which engine, and why, for the header: `elasticsearch 8.19.5 at https://… (--es-url)`."""

    @property
    def hint(self) -> str:
        """How to get another one, where the choice was made for want of it; else ""."""

    @property
    def notes(self) -> Sequence[str]:
        """What people should know of an index that exists, a line each, once `product_ids` has looked at it."""

    def product_ids(self, dimensions: Mapping[str, int]) -> Sequence[str] | None:
        """The ids of the products of an index that exists already; None where the data set's products are indexed.

        Args:
            dimensions: of the models that strategies use, by name; the index's vectors have to have as many.

        Raises:
            CouldNotRunError: the engine failed.
            InputError: the index does not hold what its field map says or what the strategies need.
        """

    def open(self, *, progress: bool) -> Opening:
        """Start what has to be started, in the background; the caller closes what comes back."""
