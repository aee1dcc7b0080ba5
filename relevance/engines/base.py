"""What an engine is: `choose` gives a choice, opening it an indexer, and indexing an engine that answers searches."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager

    import numpy as np
    import numpy.typing as npt

    from relevance.records import Catalogue, Ranking, Vectors
    from relevance.strategies import Leg

VectorField: TypeAlias = tuple[str, str]
"""(model, vector field)."""


@dataclass(frozen=True, eq=False)
class QueryBatch:
    """Queries to be answered together.

    Attributes:
        texts: the query texts.
        vectors: per model name, shape (queries, dimensions), float32, rows of unit length.
        own_products: see `Dataset.own_products`; the runner leaves them out, engines do not.
    """

    texts: Sequence[str]
    vectors: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)
    own_products: npt.NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, part: slice | npt.NDArray[np.int64]) -> QueryBatch:
        """Take a slice of the batch, or the queries of these numbers."""
        return QueryBatch(
            self.texts[part] if isinstance(part, slice) else [self.texts[number] for number in part.tolist()],
            {model: matrix[part] for model, matrix in self.vectors.items()},
            None if self.own_products is None else self.own_products[part],
        )


class Engine(ABC):
    """An indexed catalogue that answers searches.

    Attributes:
        version: what makes two engines of a name rank alike.
        facts: what else decides ranking or run time, for results: kind of vector index, shards, …; JSON values.
    """

    version: str
    facts: Mapping[str, object]

    @property
    def took_ms(self) -> float | None:
        """Milliseconds that the server says it worked on all searches so far; None where this process is the engine."""
        return None

    @abstractmethod
    def search(self, leg: Leg, batch: QueryBatch, *, hits: int) -> Ranking:
        """Answer one leg: score descending, then product id ascending; shape (queries, hits).

        Raises:
            CouldNotRunError: the engine failed; a ranking is complete or there is none.
        """

    def search_all(self, legs: Sequence[Leg], batch: QueryBatch, *, hits: int) -> Sequence[Ranking]:
        """Answer several legs, each exactly as `search` does; an engine may share what they have in common."""
        return [self.search(leg, batch, hits=hits) for leg in legs]

    def notes(self) -> Sequence[str]:
        """Say what people should know of the session, a line each: retries, what was left behind."""
        return ()

    def close(self) -> None:  # noqa: B027 - an engine may hold nothing
        """Let go of what the engine holds; safe to call twice; version, facts and notes stay."""


class Indexer(Protocol):
    """An engine that was opened; what it needs may still be starting in the background."""

    def ready(self) -> float | None:
        """Wait until the engine is up.

        Returns:
            Seconds from the start of a server of ours until it was ready; None where none was started.

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
        """Index a catalogue, as often as wanted; an index that exists is taken as it is.

        Args:
            catalogue: the products.
            text_fields: those that strategies match.
            vectors: unit vectors of the products for each vector field that strategies search.
            progress: whether a bar is shown.

        Raises:
            InputError: the engine cannot hold these products.
            CouldNotRunError: the engine fails; nothing of the index is left.
        """


class Open(Protocol):
    """Starts what has to be started, in the background; leaving the context removes all that was made in it."""

    def __call__(self, *, progress: bool) -> AbstractContextManager[Indexer]:
        """Open the engine; `progress` says whether bars are shown."""


@dataclass(frozen=True)
class EngineChoice:
    """An engine, checked as far as possible without starting anything.

    Attributes:
        name: key of `ENGINES`.
        line: which engine, and why, for the header: `elasticsearch 8.19.5 at https://… (--es-url)`.
        open: opens it.
        hint: how to get another one, where this one was taken for want of it; else "".
        existing: where an index is searched as it is: given the dimensions of the models by name, looks at the index
            and gives the choice with `product_ids` and `notes`; raises CouldNotRunError where the engine fails,
            InputError where the index does not hold what its field map says or what the strategies need.
        product_ids: those of the index that exists; None where the data set's products are indexed.
        notes: what people should know of an index that exists, a line each.
    """

    name: str
    line: str
    open: Open
    hint: str = ""
    existing: Callable[[Mapping[str, int]], EngineChoice] | None = None
    product_ids: Sequence[str] | None = None
    notes: Sequence[str] = ()
