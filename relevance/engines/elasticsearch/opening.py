"""From a choice to an engine: wait for the server, index, and remove what was started."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from relevance.engines.elasticsearch import indexing
from relevance.engines.elasticsearch.client import connect
from relevance.engines.elasticsearch.container import Container
from relevance.engines.elasticsearch.docker import pull
from relevance.engines.elasticsearch.engine import ElasticsearchEngine
from relevance.engines.elasticsearch.failures import RetryPolicy
from relevance.engines.elasticsearch.settings import Credentials

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from relevance.engines.base import Engine, Indexer, VectorField
    from relevance.engines.elasticsearch.existing import Existing
    from relevance.engines.elasticsearch.settings import Settings
    from relevance.records import Catalogue, Vectors

__all__ = ["open_cluster", "open_container", "open_existing"]


class _Indexer:
    """Makes indices on a cluster that is given, or in a container of ours, with which they go.

    All engines are closed with the stack: an interrupt can come between an engine's making and its first use.
    """

    def __init__(self, settings: Settings, engines: ExitStack, container: Container | None = None) -> None:
        self._settings = settings
        self._engines = engines
        self._container = container
        self._retry_policy = RetryPolicy() if container is None else RetryPolicy(ended=container.ended)

    def ready(self) -> float | None:
        if self._container is None:
            return None
        self._container.wait()
        return self._container.start_s

    def index(
        self,
        catalogue: Catalogue,
        *,
        text_fields: Iterable[str],  # noqa: ARG002 - all of them are in the mapping
        vectors: Mapping[VectorField, Vectors],
        progress: bool,
    ) -> Engine:
        settings = self._settings
        if self._container is not None:  # the credentials of the environment are for a cluster of the user's
            settings = replace(settings, url=self._container.url, credentials=Credentials())
        connection = connect(settings, self._retry_policy)
        try:
            index = indexing.index(
                connection,
                catalogue,
                vectors=vectors,
                settings=settings,
                progress=progress,
            )
            delete = partial(indexing.delete, connection, index) if self._container is None else lambda: None
            engine = ElasticsearchEngine(connection, index, catalogue, on_close=delete)
            self._engines.callback(engine.close)
        except BaseException:
            connection.close()
            raise
        return engine


@contextmanager
def open_cluster(settings: Settings, *, progress: bool) -> Iterator[Indexer]:  # noqa: ARG001 - it is up
    """Open a cluster that is given, for indices under names of our own."""
    with ExitStack() as engines:
        yield _Indexer(settings, engines)


@contextmanager
def open_container(settings: Settings, *, missing: bool, progress: bool) -> Iterator[Indexer]:
    """Start a container of ours in the background; its image is pulled first where it is `missing`."""
    if missing:
        pull(settings.image, progress=progress)
    with ExitStack() as closing:
        container = Container(settings.image, memory=settings.memory)
        closing.callback(container.close)
        container.begin()
        engines = closing.enter_context(ExitStack())
        yield _Indexer(settings, engines, container)


class _ExistingIndexer:
    def __init__(self, settings: Settings, index: Existing) -> None:
        self._settings = settings
        self._index = index

    def ready(self) -> None:
        return None

    def index(
        self,
        catalogue: Catalogue,
        *,
        text_fields: Iterable[str],  # noqa: ARG002 - checked with the field map
        vectors: Mapping[VectorField, Vectors],  # noqa: ARG002 - the index has its own
        progress: bool,  # noqa: ARG002 - nothing is indexed
    ) -> Engine:
        connection = connect(self._settings)
        return ElasticsearchEngine(
            connection, self._index, catalogue, on_close=partial(self._index.changed, connection)
        )


@contextmanager
def open_existing(
    settings: Settings,
    index: Existing,
    *,
    progress: bool,  # noqa: ARG001 - it is up
) -> Iterator[Indexer]:
    """Open an index that exists; nothing is written."""
    yield _ExistingIndexer(settings, index)
