"""Elasticsearch as a choice: a container of ours, a cluster that is given, or an index that exists there."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from relevance.engines.base import EngineChoice
from relevance.engines.elasticsearch.client import connect
from relevance.engines.elasticsearch.docker import look
from relevance.engines.elasticsearch.mapping import read_own_mapping
from relevance.engines.elasticsearch.opening import open_cluster, open_container, open_existing
from relevance.errors import CouldNotRunError, InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from relevance.engines.elasticsearch.settings import Settings
    from relevance.strategies import Strategy

__all__ = ["choose"]


def choose(settings: Settings, strategies: Sequence[Strategy], why: str) -> EngineChoice:
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
        return _container(settings, why)
    with connect(settings) as connection:
        where = f"elasticsearch {connection.version} at {connection.url}"
    if settings.index is None:
        line = f"{where}, {_made(settings)} ({why})"
        return EngineChoice("elasticsearch", line, partial(open_cluster, settings))
    line = f"{where}, index {settings.index} as it is ({why})"
    unseen = EngineChoice("elasticsearch", line, _open_unseen)
    return replace(unseen, existing=partial(_existing, unseen, settings, tuple(strategies)))


def _made(settings: Settings) -> str:
    """What is made there, in words."""
    own = "" if settings.mapping is None else f", mappings of {settings.mapping.name}"
    return f"{settings.vector_index} vectors, {settings.shards} {'shard' if settings.shards == 1 else 'shards'}{own}"


def _container(settings: Settings, why: str) -> EngineChoice:
    docker = look(settings.image)
    if not docker.answers:
        raise CouldNotRunError(
            f"elasticsearch: {docker.problem}; start Docker, name a cluster by --es-url, or take --engine embedded"
        )
    pulled = "" if docker.has_image else ", to be pulled"
    line = f"elasticsearch in a container of {settings.image}{pulled}, {_made(settings)} ({why})"
    return EngineChoice("elasticsearch", line, partial(open_container, settings, missing=not docker.has_image))


def _open_unseen(*, progress: bool) -> NoReturn:  # noqa: ARG001 - it is not opened
    raise ValueError("an index that exists is looked at first")


def _existing(
    unseen: EngineChoice, settings: Settings, strategies: tuple[Strategy, ...], dimensions: Mapping[str, int]
) -> EngineChoice:
    from relevance.engines.elasticsearch.existing import look_at  # noqa: PLC0415 - only for an index that exists

    with connect(settings) as connection:
        index = look_at(connection, settings, strategies, dimensions)
    return replace(
        unseen, open=partial(open_existing, settings, index), product_ids=index.product_ids, notes=index.notes
    )
