"""From a choice to an engine: wait for the server, index, and remove what was started."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from relevance.engines.elasticsearch import indexing
from relevance.engines.elasticsearch.connect import connect
from relevance.engines.elasticsearch.container import Container
from relevance.engines.elasticsearch.engine import ElasticsearchEngine
from relevance.engines.elasticsearch.failures import Patience
from relevance.engines.elasticsearch.settings import Credentials

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from relevance.engines.base import Engine, VectorField
    from relevance.engines.elasticsearch.connect import Connection
    from relevance.engines.elasticsearch.existing import Existing
    from relevance.engines.elasticsearch.indexing import Index
    from relevance.engines.elasticsearch.settings import Settings
    from relevance.records import Catalogue, Vectors

__all__ = ["ClusterOpening", "ContainerOpening", "ExistingOpening"]


class ClusterOpening:
    """A cluster that is given, and an index of ours there.

    Args:
        settings: how it is reached and what is made.
    """

    makes_index = True

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._url = str(settings.url)
        self._credentials = settings.credentials
        self._patience = Patience()
        self._engines: list[Engine] = []

    def wait(self) -> None:
        """It is up."""

    def index(
        self,
        catalogue: Catalogue,
        *,
        text_fields: Iterable[str],  # noqa: ARG002 - all of them are in the mapping
        vectors: Mapping[VectorField, Vectors],
        progress: bool,
    ) -> Engine:
        """Index the catalogue under a name of our own."""
        settings = self._settings
        connection = connect(self._url, self._credentials, timeout=settings.timeout)
        try:
            made = indexing.index(
                connection, catalogue, vectors=vectors, settings=settings, progress=progress, patience=self._patience
            )
            engine = ElasticsearchEngine(
                connection, made, catalogue, on_close=partial(self._delete, connection, made), patience=self._patience
            )
            self._engines.append(engine)
        except BaseException:
            connection.close()
            raise
        return engine

    def _delete(self, connection: Connection, made: Index) -> str | None:
        return indexing.delete(connection, made)

    def start_s(self) -> float | None:
        """Nothing was started."""
        return None

    def close(self) -> None:
        """Close the engines that nobody has: an interrupt can come between an engine's making and its first use."""
        with ExitStack() as closing:
            for engine in self._engines:
                closing.callback(engine.close)


class ContainerOpening(ClusterOpening):
    """A container of ours, starting in the background.

    Args:
        settings: of the container, and of what is made in it.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._credentials = Credentials()  # those of the environment are for a cluster of the user's
        self._container = Container(settings.image, memory=settings.memory)
        self._patience = Patience(ended=self._container.ended)
        self._container.begin()

    def wait(self) -> None:
        """Wait until the server is ready."""
        self._container.wait()
        self._url = self._container.url

    def _delete(self, connection: Connection, made: Index) -> str | None:  # noqa: ARG002 - it goes with the container
        return None

    def start_s(self) -> float | None:
        """Seconds until the server was ready."""
        return self._container.start_s

    def close(self) -> None:
        """Remove the container."""
        try:
            super().close()
        finally:
            self._container.close()


class ExistingOpening:
    """An index that exists.

    Args:
        settings: how its cluster is reached.
        found: the index, checked.
    """

    makes_index = False

    def __init__(self, settings: Settings, found: Existing) -> None:
        self._settings = settings
        self._found = found

    def wait(self) -> None:
        """It is up."""

    def index(
        self,
        catalogue: Catalogue,
        *,
        text_fields: Iterable[str],  # noqa: ARG002 - checked with the field map
        vectors: Mapping[VectorField, Vectors],  # noqa: ARG002 - the index has its own
        progress: bool,  # noqa: ARG002 - nothing is indexed
    ) -> Engine:
        """Take the index as it is."""
        settings = self._settings
        connection = connect(str(settings.url), settings.credentials, timeout=settings.timeout)
        return ElasticsearchEngine(
            connection, self._found, catalogue, on_close=partial(self._found.changed, connection)
        )

    def start_s(self) -> float | None:
        """Nothing was started."""
        return None

    def close(self) -> None:
        """Nothing was started."""
