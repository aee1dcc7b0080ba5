"""The engines: what answers strategies over a catalogue. `ENGINES` is the one place where an engine is added."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from relevance.engines.base import Engine, EngineChoice
from relevance.engines.elasticsearch.mapping import vector_path
from relevance.engines.elasticsearch.settings import Settings
from relevance.errors import CouldNotRunError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from relevance.engines.base import Indexer, VectorField
    from relevance.records import Catalogue, Vectors
    from relevance.strategies import Strategy

__all__ = [
    "AUTO",
    "ENGINES",
    "Engine",
    "EngineChoice",
    "EngineKind",
    "Settings",
    "choose",
    "embedded_choice",
    "open_embedded",
    "vector_path",
]

AUTO = "auto"
"""Elasticsearch where there is one, else the embedded engine."""


@dataclass(frozen=True)
class EngineKind:
    """A row of `ENGINES`.

    Attributes:
        can: what it does beside our own table of strategies: `an existing index`, `mappings of one's own`,
            `approximate vector indices`, `raw templates`.
        choose: checks that the engine is there; the last argument says why this one.
    """

    can: frozenset[str]
    choose: Callable[[Settings, Sequence[Strategy], str], EngineChoice]


class _EmbeddedIndexer:
    def ready(self) -> None:
        return None

    def index(
        self,
        catalogue: Catalogue,
        *,
        text_fields: Iterable[str],
        vectors: Mapping[VectorField, Vectors],
        progress: bool,  # noqa: ARG002 - indexing takes seconds
    ) -> Engine:
        from relevance.engines.embedded import EmbeddedEngine  # noqa: PLC0415 - scipy is loaded where it is used

        return EmbeddedEngine.index(catalogue, text_fields=text_fields, vectors=vectors)


@contextmanager
def open_embedded(*, progress: bool) -> Iterator[Indexer]:  # noqa: ARG001 - nothing has to be started
    """Open the embedded engine."""
    yield _EmbeddedIndexer()


def embedded_choice(line: str = "embedded", hint: str = "") -> EngineChoice:
    """Choose the embedded engine; nothing has to be there for it."""
    return EngineChoice("embedded", line, open_embedded, hint)


def _elasticsearch(settings: Settings, strategies: Sequence[Strategy], why: str) -> EngineChoice:
    from relevance.engines.elasticsearch.plan import choose  # noqa: PLC0415 - the client is loaded where it is used

    return choose(settings, strategies, why)


_INDEX, _MAPPING, _APPROXIMATE, _TEMPLATE = (
    "an existing index",
    "mappings of one's own",
    "approximate vector indices",
    "raw templates",
)

ENGINES: Mapping[str, EngineKind] = MappingProxyType(
    {
        "embedded": EngineKind(frozenset(), lambda _, __, why: embedded_choice(f"embedded ({why})")),
        "elasticsearch": EngineKind(frozenset({_INDEX, _MAPPING, _APPROXIMATE, _TEMPLATE}), _elasticsearch),
    }
)


def choose(name: str, settings: Settings, strategies: Sequence[Strategy]) -> EngineChoice:
    """Choose the engine that a name stands for.

    Args:
        name: key of `ENGINES`, or `AUTO`: the cluster of the settings, else a container where a Docker engine answers
            and the image is there already, else the embedded engine.
        settings: of Elasticsearch.
        strategies: those that will run.

    Raises:
        InputError: the engine cannot do what settings or strategies need.
        CouldNotRunError: an engine that was asked for is not there.
    """
    choice = (
        _automatic(settings, strategies) if name == AUTO else ENGINES[name].choose(settings, strategies, "asked for")
    )
    for what, where in _needs(settings, strategies):
        if what not in ENGINES[choice.name].can:
            problem = f"{where}: the {choice.name} engine has no {what}"
            if choice.hint:
                raise CouldNotRunError(f"{problem}; {choice.hint}")
            raise InputError(f"{problem}; allowed: --engine elasticsearch")
    return choice


def _automatic(settings: Settings, strategies: Sequence[Strategy]) -> EngineChoice:
    if settings.url is not None:
        return _elasticsearch(settings, strategies, "a URL is set")
    from relevance.engines.elasticsearch.docker import look  # noqa: PLC0415 - Docker's client is loaded where it is used

    docker = look(settings.image)
    if docker.has_image:
        return _elasticsearch(settings, strategies, "a Docker engine has the image")
    return embedded_choice(f"embedded ({docker.problem})", "for Elasticsearch: --engine elasticsearch, or --es-url URL")


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
