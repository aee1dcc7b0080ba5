"""Elasticsearch as a choice: a container of ours, a cluster that is given, or an index that exists there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from relevance.engines.elasticsearch.connect import connect
from relevance.engines.elasticsearch.docker import look, pull
from relevance.engines.elasticsearch.opening import ClusterOpening, ContainerOpening, ExistingOpening
from relevance.engines.elasticsearch.own_mapping import read_own_mapping
from relevance.errors import CouldNotRunError, InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from relevance.engines.base import EnginePlan, Opening
    from relevance.engines.elasticsearch.existing import Existing
    from relevance.engines.elasticsearch.settings import Settings
    from relevance.strategies import Strategy

__all__ = ["plan"]


def plan(settings: Settings, strategies: Sequence[Strategy], why: str) -> EnginePlan:
    """Check that the cluster answers, or that a container can be had.

    Raises:
        InputError: an index is named and no cluster; the file of own mappings is not as it has to be.
        CouldNotRunError: the cluster does not answer or is another release; no Docker engine answers.
    """
    if settings.mapping is not None:
        read_own_mapping(settings.mapping)
    if settings.url is None:
        if settings.index is not None:
            raise InputError(f"--es-index {settings.index} without a cluster; allowed: --es-url URL, or ES_URL")
        return _container_plan(settings, why)
    with connect(settings.url, settings.credentials, timeout=settings.timeout) as connection:
        where = f"elasticsearch {connection.version} at {connection.url}"
    if settings.index is None:
        return ClusterPlan(f"{where}, {_made(settings)} ({why})", settings)
    return ExistingPlan(f"{where}, index {settings.index} as it is ({why})", settings, tuple(strategies))


def _made(settings: Settings) -> str:
    """What is made there, in words."""
    own = "" if settings.mapping is None else f", mappings of {settings.mapping.name}"
    return f"{settings.vector_index} vectors, {settings.shards} {'shard' if settings.shards == 1 else 'shards'}{own}"


def _container_plan(settings: Settings, why: str) -> EnginePlan:
    found = look(settings.image)
    if not found.answers:
        raise CouldNotRunError(
            f"elasticsearch: {found.problem}; start Docker, name a cluster by --es-url, or take --engine embedded"
        )
    pulled = "" if found.has_image else ", to be pulled"
    line = f"elasticsearch in a container of {settings.image}{pulled}, {_made(settings)} ({why})"
    return ContainerPlan(line, settings, missing=not found.has_image)


@dataclass(frozen=True)
class ClusterPlan:
    """An index of ours on a cluster that is given.

    Attributes:
        line: for the header.
        settings: how it is reached and what is made.
    """

    line: str
    settings: Settings
    name = "elasticsearch"
    hint = ""
    notes = ()

    def product_ids(self, dimensions: Mapping[str, int]) -> Sequence[str] | None:  # noqa: ARG002 - none exists
        """The data set's products are indexed."""
        return None

    def open(self, *, progress: bool) -> Opening:  # noqa: ARG002 - it is up
        """It is up."""
        return ClusterOpening(self.settings)


@dataclass(frozen=True)
class ContainerPlan:
    """An index of ours in a container of ours.

    Attributes:
        line: for the header.
        settings: of the container, and of what is made.
        missing: whether the image has to be pulled.
    """

    line: str
    settings: Settings
    missing: bool
    name = "elasticsearch"
    hint = ""
    notes = ()

    def product_ids(self, dimensions: Mapping[str, int]) -> Sequence[str] | None:  # noqa: ARG002 - none exists
        """The data set's products are indexed."""
        return None

    def open(self, *, progress: bool) -> Opening:
        """Pull the image where it is missing, and start the container in the background."""
        if self.missing:
            pull(self.settings.image, progress=progress)
        return ContainerOpening(self.settings)


class ExistingPlan:
    """An index that exists on a cluster that is given; nothing is written.

    Args:
        line: for the header.
        settings: how the cluster is reached, the index and its field map.
        strategies: those that will run.
    """

    name = "elasticsearch"
    hint = ""

    def __init__(self, line: str, settings: Settings, strategies: tuple[Strategy, ...]) -> None:
        self.line = line
        self._settings = settings
        self._strategies = strategies
        self._found: Existing | None = None

    @property
    def notes(self) -> Sequence[str]:
        """Of the index."""
        return () if self._found is None else self._found.notes

    def product_ids(self, dimensions: Mapping[str, int]) -> Sequence[str] | None:
        """The ids of the index's products; the index and its field map are checked."""
        from relevance.engines.elasticsearch.existing import look_at  # noqa: PLC0415 - only for an index that exists

        settings = self._settings
        with connect(str(settings.url), settings.credentials, timeout=settings.timeout) as connection:
            self._found = look_at(connection, settings, self._strategies, dimensions)
        return self._found.product_ids

    def open(self, *, progress: bool) -> Opening:  # noqa: ARG002 - it is up
        """It is up.

        Raises:
            ValueError: `product_ids` was not asked for.
        """
        if self._found is None:
            raise ValueError("product_ids comes first")
        return ExistingOpening(self._settings, self._found)
