"""Elasticsearch as a choice: a container of ours, a given cluster, or an index that exists there; and its opening."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from relevance.engines import EngineChoice
from relevance.engines.elasticsearch import indexing
from relevance.engines.elasticsearch.client import connect
from relevance.engines.elasticsearch.container import Container
from relevance.engines.elasticsearch.docker import look, pull
from relevance.engines.elasticsearch.engine import ElasticsearchEngine
from relevance.engines.elasticsearch.failures import RetryPolicy
from relevance.engines.elasticsearch.mapping import read_own_mapping
from relevance.engines.elasticsearch.settings import Credentials
from relevance.errors import CouldNotRunError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from relevance.engines import Engine, Indexer, VectorField
    from relevance.engines.elasticsearch.existing import Existing
    from relevance.engines.elasticsearch.queries import SearchedIndex
    from relevance.engines.elasticsearch.settings import Settings
    from relevance.records import Catalogue, Vectors
    from relevance.strategies import Strategy


def choose(settings: Settings, strategies: Sequence[Strategy], why: str) -> EngineChoice:
    """Check that the cluster answers, or that a container can be had.

    Raises:
        InputError: an index is named and no cluster; the file of own mappings is not as it has to be.
        CouldNotRunError: the cluster does not answer or is another release; no Docker engine answers.
    """
    if settings.mapping is not None:
        read_own_mapping(settings.mapping)
    own = "" if settings.mapping is None else f", mappings of {settings.mapping.name}"
    shards = f"{settings.shards} {'shard' if settings.shards == 1 else 'shards'}"
    ours = f"{settings.vector_index} vectors, {shards}{own} ({why})"
    if settings.url is None:
        if settings.index is not None:
            raise InputError(f"--es-index {settings.index} without a cluster; allowed: --es-url URL, or ES_URL")
        docker = look(settings.image)
        if not docker.answers:
            raise CouldNotRunError(
                f"elasticsearch: {docker.problem}; start Docker, name a cluster by --es-url, or take --engine embedded"
            )
        pulled = "" if docker.has_image else ", to be pulled"
        line = f"elasticsearch in a container of {settings.image}{pulled}, {ours}"
        return EngineChoice("elasticsearch", line, partial(open_engine, settings, missing=not docker.has_image))
    with connect(settings) as connection:
        where = f"elasticsearch {connection.version} at {connection.url}"
    if settings.index is None:
        return EngineChoice("elasticsearch", f"{where}, {ours}", partial(open_engine, settings))
    line = f"{where}, index {settings.index} as it is ({why})"
    unseen = EngineChoice("elasticsearch", line, partial(open_engine, settings))
    return replace(unseen, existing=partial(_existing, unseen, settings, tuple(strategies)))


def _existing(
    unseen: EngineChoice, settings: Settings, strategies: tuple[Strategy, ...], dimensions: Mapping[str, int]
) -> EngineChoice:
    from relevance.engines.elasticsearch.existing import look_at  # noqa: PLC0415 - only for an index that exists

    with connect(settings) as connection:
        index = look_at(connection, settings, strategies, dimensions)
    opened = partial(open_engine, settings, existing=index)
    return replace(unseen, open=opened, product_ids=index.product_ids, notes=index.notes)


@contextmanager
def open_engine(
    settings: Settings, *, progress: bool, missing: bool = False, existing: Existing | None = None
) -> Iterator[Indexer]:
    """Open a cluster that is given, for an index that exists or for those that are made; without one, a container.

    Args:
        settings: where, and what is made.
        progress: whether bars are shown.
        missing: whether the image of the container has to be pulled first.
        existing: the index that exists; nothing is written.
    """
    if settings.index is not None and existing is None:
        raise ValueError("an index that exists is looked at first")
    with ExitStack() as closing:
        container = None
        if settings.url is None:
            if missing:
                pull(settings.image, progress=progress)
            container = Container(settings.image, memory=settings.memory)
            closing.callback(container.close)
            container.begin()
        # all engines are closed with a stack: an interrupt can come between an engine's making and its first use
        yield _Indexer(settings, closing.enter_context(ExitStack()), container, existing)


class _Indexer:
    """Opens engines on a cluster that is given, or in a container of ours, with which their indices go."""

    def __init__(
        self, settings: Settings, engines: ExitStack, container: Container | None, existing: Existing | None
    ) -> None:
        self._settings, self._engines, self.container, self._existing = settings, engines, container, existing

    def ready(self) -> float | None:
        if self.container is None:
            return None
        self.container.wait()
        return self.container.start_s

    def index(
        self,
        catalogue: Catalogue,
        *,
        text_fields: Iterable[str],  # noqa: ARG002 - all are in our mapping, or checked with the field map
        vectors: Mapping[VectorField, Vectors],
        progress: bool,
    ) -> Engine:
        settings, policy = self._settings, RetryPolicy()
        if self.container is not None:  # the credentials of the environment are for a cluster of the user's
            settings = replace(settings, url=self.container.url, credentials=Credentials())
            policy = RetryPolicy(ended=self.container.ended)
        connection = connect(settings, policy)
        try:
            index: SearchedIndex
            on_close: Callable[[], str | None]
            if self._existing is not None:
                index, on_close = self._existing, partial(self._existing.changed, connection)
            else:
                index = indexing.index(connection, catalogue, vectors=vectors, settings=settings, progress=progress)
                on_close = partial(indexing.delete, connection, index) if self.container is None else lambda: None
            engine = ElasticsearchEngine(connection, index, catalogue, on_close=on_close)
            self._engines.callback(engine.close)
        except BaseException:
            connection.close()
            raise
        return engine
