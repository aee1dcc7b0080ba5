"""The engines: what answers strategies over a catalogue. `ENGINES` is the one place where an engine is added.

`choose` gives a choice; opening it gives an indexer; indexing a catalogue gives an engine, which answers searches.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias
from weakref import WeakValueDictionary

from relevance.bodies import NO_PARAMS
from relevance.errors import CouldNotRunError, InputError
from relevance.fields import DEFAULT_FIELDS, ProductFields
from relevance.packages import CLIENT, CONTAINER, missing, require
from relevance.strategies import BASE
from relevance.text import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    import numpy as np
    import numpy.typing as npt

    from relevance.engines.elasticsearch.settings import Settings
    from relevance.engines.embedded.bodies.documents import Documents
    from relevance.engines.explanation import Explanation
    from relevance.engines.mapping import OwnMapping
    from relevance.fields import Reading
    from relevance.records import Catalogue, Ranking, Vectors
    from relevance.reranking import Reranker
    from relevance.stages import Rerank
    from relevance.strategies import Leg, Strategy

__all__ = [
    "AUTO",
    "ENGINES",
    "Engine",
    "EngineChoice",
    "EngineKind",
    "Indexer",
    "IndexerAround",
    "QueryBatch",
    "Request",
    "VectorField",
    "choose",
    "embedded_choice",
    "open_embedded",
    "vector_path",
]

AUTO = "auto"
"""Elasticsearch where there is one, else the embedded engine."""

VectorField: TypeAlias = tuple[str, str]
"""(model, vector field)."""


def vector_path(model: str, name: str) -> str:
    """What a vector field is called in an index of ours."""
    return f"{name}_vector" if model == BASE else f"{name}_vector_{model}"


@dataclass(frozen=True, eq=False)
class QueryBatch:
    """Queries to be answered together.

    Attributes:
        texts: the query texts.
        vectors: per model name, shape (queries, dimensions), float32, rows of unit length.
        own_products: see `Dataset.own_products`; the runner leaves them out, engines do not.
        params: of each query, see `Queries.params`; empty where no query has any.
        ids: of the queries; empty where they are none of a data set's.
        spelling: gives what corrects the words of a query for a leg that says so.
        rerankers: what reorders the hits of strategies that say so.
    """

    texts: Sequence[str]
    vectors: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)
    own_products: npt.NDArray[np.int64] | None = None
    params: Sequence[Mapping[str, Any]] = ()
    ids: Sequence[str] = ()
    spelling: Callable[[Leg], Callable[[str], str]] | None = None
    rerankers: Mapping[Rerank, Reranker] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, part: slice | npt.NDArray[np.int64]) -> QueryBatch:
        """Take a slice of the batch, or the queries of these numbers."""
        numbers = range(len(self))[part] if isinstance(part, slice) else part.tolist()
        return QueryBatch(
            [self.texts[number] for number in numbers],
            {model: matrix[part] for model, matrix in self.vectors.items()},
            None if self.own_products is None else self.own_products[part],
            [self.params[number] for number in numbers] if self.params else (),
            [self.ids[number] for number in numbers] if self.ids else (),
            self.spelling,
            self.rerankers,
        )

    def values(self, leg: Leg) -> list[tuple[str, npt.NDArray[np.float32] | None, Mapping[str, Any]]]:
        """What of each query takes the places of marks in a leg's search: its text, its vector, its parameters."""
        vectors = self.vectors[leg.model] if leg.embeds else [None] * len(self)
        return list(zip(self.texts, vectors, self.params or [NO_PARAMS] * len(self), strict=True))

    def spelled(self, leg: Leg) -> QueryBatch:
        """Correct the words of the queries where the leg says so."""
        if not leg.spelling or self.spelling is None:
            return self
        return replace(self, texts=list(map(self.spelling(leg), self.texts)))


class Engine(ABC):
    """An indexed catalogue that answers searches.

    Attributes:
        version: what makes two engines of a name rank alike.
        facts: what else decides ranking or run time, for results: kind of vector index, shards, …; JSON values.
        took_ms: milliseconds that the server says it worked on all searches so far; None where this process is the
            engine.
        fuses: whether it answers legs that it is to fuse (`Leg.fused`).
    """

    version: str
    facts: Mapping[str, object]
    took_ms: float | None = None
    fuses: bool = False

    @abstractmethod
    def search(self, leg: Leg, batch: QueryBatch, *, hits: int) -> Ranking:
        """Answer one leg: score descending, then product id ascending; shape (queries, hits).

        Raises:
            CouldNotRunError: the engine failed; a ranking is complete or there is none.
        """

    def search_all(self, legs: Sequence[Leg], batch: QueryBatch, *, hits: int) -> Sequence[Ranking]:
        """Answer several legs, each exactly as `search` does; an engine may share what they have in common."""
        return [self.search(leg, batch, hits=hits) for leg in legs]

    def read(self, readings: Sequence[Reading]) -> bool:  # noqa: ARG002 - of those that can
        """Read text fields in these ways, too; False where the products have to be indexed again for that."""
        return False

    def explain(self, leg: Leg, batch: QueryBatch, code: int) -> Explanation:  # noqa: ARG002 - of those that can
        """Explain the score of a product for the only query of a batch.

        Raises:
            InputError: the engine cannot.
            CouldNotRunError: the engine failed.
        """
        raise InputError(f"leg {leg.name!r}: this engine explains no scores; allowed: --engine {' or '.join(ENGINES)}")

    def notes(self) -> Sequence[str]:
        """Say what people should know of the session, a line each: retries, what was left behind."""
        return ()

    def close(self) -> None:  # noqa: B027 - an engine may hold nothing
        """Let go of what the engine holds; safe to call twice; version, facts and notes stay."""


class Indexer(Protocol):
    """An engine that was opened; what it needs may still be starting in the background."""

    def ready(self) -> float | None:
        """Wait until the engine is up; the seconds that a server of ours took to start, if one was started.

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


@dataclass(frozen=True)
class IndexerAround:
    """An indexer whose engines are made by a function around that of another one."""

    ready: Callable[[], float | None]
    index: Callable[..., Engine]


@dataclass(frozen=True)
class EngineChoice:
    """An engine, checked as far as possible without starting anything.

    Attributes:
        name: key of `ENGINES`.
        line: which engine, and why, for the header: `elasticsearch 8.19.5 at https://… (--es-url)`.
        open: starts what has to be started, in the background; the argument `progress` says whether bars are shown, and
            leaving the context removes all that was made in it.
        hint: how to get another one, where this one was taken for want of it; else "".
        inspect: where a server is to be asked for more, once a run: given the dimensions of the models by name, gives
            the choice as it is then. An index that is searched as it is gives `product_ids` and `notes`; a mapping of
            the user's own is tried on an index without products, which is removed. Raises CouldNotRunError where the
            engine fails, InputError where the index does not hold what its field map says or what the strategies need,
            or the server refuses the mapping.
        product_ids: those of the index that exists; None where the data set's products are indexed.
        notes: what people should know of an index that exists, a line each.
        trial: asks search bodies of an index without products: given queries, of which those with vectors count, and
            how messages call them, gives lines on strategies that cannot run. None where nothing is known of the index.
        failing: those lines, where this process is the engine.
    """

    name: str
    line: str
    open: Callable[..., AbstractContextManager[Indexer]]
    hint: str = ""
    inspect: Callable[[Mapping[str, int]], EngineChoice] | None = None
    product_ids: Sequence[str] | None = None
    notes: Sequence[str] = ()
    trial: Callable[[QueryBatch, Sequence[str]], Sequence[str]] | None = None
    failing: Sequence[str] = ()


# What is chosen by


@dataclass(frozen=True, eq=False)
class Request:
    """What an engine is chosen for.

    Attributes:
        settings: of Elasticsearch.
        strategies: those that will run.
        fields: of the products.
        release: of Elasticsearch, which the embedded engine follows.
    """

    settings: Settings
    strategies: Sequence[Strategy]
    fields: ProductFields = DEFAULT_FIELDS
    release: int = 9

    @cached_property
    def own(self) -> OwnMapping:
        """What the settings lay over the mapping of the fields.

        Raises:
            InputError: see `read_own_mapping`.
        """
        from relevance.engines.mapping import read_own_mapping  # noqa: PLC0415 - it imports this module

        return read_own_mapping(self.settings.mapping)

    @property
    def has_own_mapping(self) -> bool:
        """Whether an index is not as ours is."""
        return self.fields.body is not None or self.settings.mapping is not None

    @property
    def needs_bodies(self) -> bool:
        """Whether a strategy is a search body, or reads fields in a way of its own."""
        return any(strategy.template is not None or strategy.reading is not None for strategy in self.strategies)


# The embedded engine


@dataclass(frozen=True)
class _EmbeddedIndexer:
    request: Request | None = None
    shared: WeakValueDictionary[Hashable, Documents] = field(default_factory=WeakValueDictionary)

    def ready(self) -> None:
        return None

    def index(
        self,
        catalogue: Catalogue,
        *,
        text_fields: Iterable[str],
        vectors: Mapping[VectorField, Vectors],
        progress: bool,
    ) -> Engine:
        from relevance.engines.embedded import EmbeddedEngine  # noqa: PLC0415 - numpy is loaded where it is used

        request, plain = self.request, None
        if request is None or (catalogue.fields.body is None and request.settings.mapping is None):
            plain = EmbeddedEngine.index(catalogue, text_fields=text_fields, vectors=vectors)
            if request is None or not request.needs_bodies:
                return plain
        from relevance.engines.embedded.searches import BodyEngine  # noqa: PLC0415 - as above

        engine = BodyEngine(catalogue, vectors, request.own, release=request.release, plain=plain, shared=self.shared)
        engine.fill(request.strategies, progress=progress)
        return engine


@contextmanager
def open_embedded(*, progress: bool, request: Request | None = None) -> Iterator[Indexer]:  # noqa: ARG001 - nothing has to be started
    """Open the embedded engine."""
    yield _EmbeddedIndexer(request)


def embedded_choice(line: str = "embedded", hint: str = "") -> EngineChoice:
    """Choose the embedded engine for the default's fields and strategies of the table; nothing has to be there."""
    return EngineChoice("embedded", line, open_embedded, hint)


def _embedded(request: Request, why: str, hint: str = "") -> EngineChoice:
    served = [one.name for one in request.strategies if one.served is not None]
    ours = (f'fusion = "server" of {", ".join(served)}: fused here, by the same definition',) if served else ()
    if not (request.has_own_mapping or request.needs_bodies):
        return replace(embedded_choice(f"embedded ({why})", hint), notes=ours)
    from relevance.engines.embedded.searches import check, trial  # noqa: PLC0415 - numpy is loaded where it is used

    notes = (*ours, *check(request))
    parts = [f"embedded, as release {request.release} ranks"]
    parts += [] if request.fields.body is None else [plural(len(request.fields.properties), "field")]
    parts += [] if request.settings.mapping is None else [f"mappings of {request.settings.mapping.name}"]
    line, opening = f"{', '.join(parts)} ({why})", partial(open_embedded, request=request)
    return EngineChoice("embedded", line, opening, hint, notes=notes, trial=partial(trial, request))


# Choosing


@dataclass(frozen=True)
class EngineKind:
    """A row of `ENGINES`: how the engine is chosen (the last argument says why), and what it has beside our own table.

    What that may be: `an existing index`, `mappings of one's own`, `approximate vector indices`, `raw templates`.
    """

    choose: Callable[[Request, str], EngineChoice]
    has: frozenset[str]


def _elasticsearch(request: Request, why: str) -> EngineChoice:
    way = "take --engine embedded"
    require("engine elasticsearch", CONTAINER if request.settings.url is None else CLIENT, otherwise=way)
    from relevance.engines.elasticsearch.engine import choose  # noqa: PLC0415 - the client is loaded where it is used

    choice = choose(request, why)
    if request.settings.index is not None or all(strategy.template is None for strategy in request.strategies):
        return choice
    from relevance.engines.embedded.searches import trial  # noqa: PLC0415 - numpy is loaded where it is used

    return replace(choice, trial=partial(trial, request, is_interpreted=False))


_INDEX, _MAPPING, _APPROXIMATE, _TEMPLATE = (
    "an existing index",
    "mappings of one's own",
    "approximate vector indices",
    "raw templates",
)

ENGINES: Mapping[str, EngineKind] = MappingProxyType(
    {
        "embedded": EngineKind(_embedded, frozenset({_MAPPING, _TEMPLATE})),
        "elasticsearch": EngineKind(_elasticsearch, frozenset({_INDEX, _MAPPING, _APPROXIMATE, _TEMPLATE})),
    }
)


def choose(
    name: str,
    settings: Settings,
    strategies: Sequence[Strategy],
    fields: ProductFields = DEFAULT_FIELDS,
    release: int = 9,
) -> EngineChoice:
    """Choose the engine that a name stands for.

    Args:
        name: key of `ENGINES`, or `AUTO`: the cluster of the settings, else a container where a Docker engine answers
            and the image is there already, else the embedded engine.
        settings: of Elasticsearch.
        strategies: those that will run.
        fields: of the products.
        release: of Elasticsearch, which the embedded engine follows.

    Raises:
        InputError: the engine cannot do what settings or strategies need.
        CouldNotRunError: an engine that was asked for is not there.
    """
    request = Request(settings, strategies, fields, release)
    choice = _automatic(request) if name == AUTO else ENGINES[name].choose(request, "asked for")
    needs = [
        (settings.index is not None, _INDEX, f"--es-index {settings.index}"),
        (settings.mapping is not None, _MAPPING, f"--es-mapping {settings.mapping}"),
        (settings.vector_index != "flat", _APPROXIMATE, f"--vector-index {settings.vector_index}"),
        *((one.template is not None, _TEMPLATE, f"strategy {one.name!r}") for one in strategies),
    ]
    for strategy in strategies:
        if settings.index is not None and strategy.reading is not None:
            theirs = f"--es-index {settings.index} is searched with the analyzers and similarities that it has"
            raise InputError(f"{strategy.where}: {theirs}; allowed there: no analyzer, k1 or b")
    for needed, what, where in needs:
        if needed and what not in ENGINES[choice.name].has:
            problem = f"{where}: the {choice.name} engine has no {what}"
            if choice.hint:
                raise CouldNotRunError(f"{problem}; {choice.hint}")
            raise InputError(f"{problem}; allowed: --engine elasticsearch")
    return choice


def _automatic(request: Request) -> EngineChoice:
    if request.settings.url is not None:
        return _elasticsearch(request, "a URL is set")
    if lacking := missing(*CONTAINER):
        return _embedded(request, "Elasticsearch's packages are not installed", f"Elasticsearch needs {lacking}")
    from relevance.engines.elasticsearch.container import look  # noqa: PLC0415 - only where it is asked for

    docker = look(request.settings.image)
    if not docker.problem:
        return _elasticsearch(request, "a Docker engine has the image")
    hint = "for Elasticsearch: --engine elasticsearch, or --es-url URL"
    return _embedded(request, docker.problem, hint)
