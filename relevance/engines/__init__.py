"""The engines: what answers strategies over a catalogue. `ENGINES` is the one place where an engine is added."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from relevance.engines.elasticsearch.paths import vector_path
from relevance.engines.elasticsearch.settings import Settings
from relevance.engines.local import EmbeddedPlan
from relevance.errors import CouldNotRunError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from relevance.engines.base import EnginePlan
    from relevance.strategies import Strategy

__all__ = ["AUTO", "ENGINES", "EngineKind", "Settings", "choose", "vector_path"]

AUTO = "auto"
"""Elasticsearch where there is one, else the embedded engine."""


@dataclass(frozen=True)
class EngineKind:
    """A row of `ENGINES`.

    Attributes:
        can: what it does beside our own table of strategies: `an existing index`, `mappings of one's own`,
            `approximate vector indices`, `raw templates`.
        plan: checks that the engine is there, and says how it will be used.
    """

    can: frozenset[str]
    plan: Callable[[Settings, Sequence[Strategy], str], EnginePlan]


def _embedded(_: Settings, __: Sequence[Strategy], why: str) -> EnginePlan:
    return EmbeddedPlan(f"embedded ({why})")


def _elasticsearch(settings: Settings, strategies: Sequence[Strategy], why: str) -> EnginePlan:
    from relevance.engines.elasticsearch.plan import plan  # noqa: PLC0415 - the client is loaded where it is used

    return plan(settings, strategies, why)


_INDEX, _MAPPING, _APPROXIMATE, _TEMPLATE = (
    "an existing index",
    "mappings of one's own",
    "approximate vector indices",
    "raw templates",
)

ENGINES: Mapping[str, EngineKind] = MappingProxyType(
    {
        "embedded": EngineKind(frozenset(), _embedded),
        "elasticsearch": EngineKind(frozenset({_INDEX, _MAPPING, _APPROXIMATE, _TEMPLATE}), _elasticsearch),
    }
)


def choose(name: str, settings: Settings, strategies: Sequence[Strategy]) -> EnginePlan:
    """The engine that a name stands for.

    Args:
        name: key of `ENGINES`, or `AUTO`: the cluster of the settings, else a container where a Docker engine answers
            and the image is there already, else the embedded engine.
        settings: of Elasticsearch.
        strategies: those that will run.

    Raises:
        InputError: the engine cannot do what settings or strategies need.
        CouldNotRunError: an engine that was asked for is not there.
    """
    plan = _automatic(settings, strategies) if name == AUTO else ENGINES[name].plan(settings, strategies, "asked for")
    for what, where in _needs(settings, strategies):
        if what not in ENGINES[plan.name].can:
            problem = f"{where}: the {plan.name} engine has no {what}"
            if plan.hint:
                raise CouldNotRunError(f"{problem}; {plan.hint}")
            raise InputError(f"{problem}; allowed: --engine elasticsearch")
    return plan


def _automatic(settings: Settings, strategies: Sequence[Strategy]) -> EnginePlan:
    if settings.url is not None:
        return _elasticsearch(settings, strategies, "a URL is set")
    from relevance.engines.elasticsearch.docker import look  # noqa: PLC0415 - Docker's client is loaded where it is used

    found = look(settings.image)
    if found.has_image:
        return _elasticsearch(settings, strategies, "a Docker engine has the image")
    return EmbeddedPlan(f"embedded ({found.problem})", "for Elasticsearch: --engine elasticsearch, or --es-url URL")


def _needs(settings: Settings, strategies: Sequence[Strategy]) -> list[tuple[str, str]]:
    """What has to be there beside our own table of strategies, and where that is said."""
    needs = []
    if settings.index is not None:
        needs.append((_INDEX, f"--es-index {settings.index}"))
    if settings.mapping is not None:
        needs.append((_MAPPING, f"--es-mapping {settings.mapping}"))
    if settings.vector_index != "flat":
        needs.append((_APPROXIMATE, f"--vector-index {settings.vector_index}"))
    needs += [(_TEMPLATE, f"strategy {one.name!r}") for one in strategies if one.template is not None]
    return needs
