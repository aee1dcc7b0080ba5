"""An index of ours on a server: what searches see of it, its kinds of vectors, and the body that makes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from relevance.engines.mapping import NOTHING_OVER, body_with, vector_options
from relevance.errors import InputError
from relevance.fields import DEFAULT_FIELDS, ProductFields

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from relevance.engines import VectorField
    from relevance.engines.elasticsearch.client import Connection
    from relevance.engines.elasticsearch.settings import SearchType, Settings, VectorIndex
    from relevance.engines.mapping import FieldPaths, OwnMapping


@dataclass(frozen=True, kw_only=True)
class SearchedIndex:
    """An index as searches see it: one of ours, or one that exists.

    Attributes:
        name: of the index.
        paths: its fields.
        shards: primary ones.
        sorted_segment: one shard, one segment, sorted by product id: equal scores come in the order of the ids.
        is_ours: whether it was made for the suite.
        search_type: as it is set.
        oversample: of quantized vectors, None for the server's own.
        window: most hits of a search.
        facts: what decides ranking or run time, for results.
        notes: what people should know of it, a line each.
    """

    name: str
    paths: FieldPaths
    shards: int
    sorted_segment: bool = False
    is_ours: bool = True
    search_type: SearchType = "auto"
    oversample: float | None = None
    window: int = 10_000
    facts: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def search_type_of(search_type: SearchType, shards: int, *, is_ours: bool) -> SearchType:
    """What a search of text is asked with; `auto` gathers statistics where that is no change of what a shop asks."""
    if search_type != "auto":
        return search_type
    return "dfs_query_then_fetch" if is_ours and shards > 1 else "query_then_fetch"


# kinds of vector indices


class VectorKind(NamedTuple):
    """A kind of vector index: the release that it came with, and what it asks of vectors."""

    since: tuple[int, int]
    graph: bool
    quantized: bool = True
    least_dimensions: int = 1
    even: bool = False


VECTOR_KINDS: Mapping[VectorIndex, VectorKind] = {
    "flat": VectorKind((8, 12), graph=False, quantized=False),
    "hnsw": VectorKind((8, 0), graph=True, quantized=False),
    "int8_flat": VectorKind((8, 12), graph=False),
    "int8_hnsw": VectorKind((8, 12), graph=True),
    "int4_flat": VectorKind((8, 15), graph=False, even=True),
    "int4_hnsw": VectorKind((8, 15), graph=True, even=True),
    "bbq_flat": VectorKind((8, 16), graph=False, least_dimensions=64),
    "bbq_hnsw": VectorKind((8, 16), graph=True, least_dimensions=64),
}
_OVERSAMPLE_SINCE = (8, 18)
MOST_DIMENSIONS = 4096
"""Of a vector that the server indexes."""


def check_vectors(settings: Settings, connection: Connection | None = None) -> None:
    """Refuse vectors that cannot be indexed or searched as the settings say, on the release of a connection or on any.

    Raises:
        InputError: the kind of index, or oversampling, came with a later release; or oversampling would change nothing.
    """
    kind = VECTOR_KINDS[settings.vector_index]
    if settings.oversample is not None and not kind.quantized:
        beside = (
            f"--es-oversample {settings.oversample:g} changes nothing beside --vector-index {settings.vector_index}"
        )
        raise InputError(f"{beside}; allowed: {', '.join(name for name, one in VECTOR_KINDS.items() if one.quantized)}")
    if connection is None or connection.serverless:  # the newest, whatever number it says
        return
    where, release = f"elasticsearch {connection.version}", tuple(map(int, connection.version.split(".")[:2]))
    since = "it came with release {}.{}"
    if release < kind.since:
        there = ", ".join(name for name, one in VECTOR_KINDS.items() if one.since <= release)
        problem = f"{where} has no vector index {settings.vector_index}, {since.format(*kind.since)}"
        raise InputError(f"{problem}; allowed there: --vector-index {there}")
    if settings.oversample is not None and release < _OVERSAMPLE_SINCE:
        raise InputError(f"{where} does not oversample, {since.format(*_OVERSAMPLE_SINCE)}")


def _check_dimensions(name: str, model: str, dims: int, kind: VectorIndex) -> None:
    least, even = VECTOR_KINDS[kind].least_dimensions, VECTOR_KINDS[kind].even
    if dims > MOST_DIMENSIONS or dims < least or (even and dims % 2):
        allowed = f"{least} to {MOST_DIMENSIONS:,}{', an even number' if even else ''}"
        problem = f"vectors of {name} by model {model!r} have {dims:,} dimensions"
        raise InputError(f"{problem}; allowed in a vector index {kind}: {allowed}")


# settings and mappings

NESTED_LIMIT = "mapping.nested_objects.limit"
MOST_NESTED = 10_000
_GRAPH = {"m": 16, "ef_construction": 100}
"""Said in full: what the server takes by itself changes from release to release."""


def index_body(
    dimensions: Mapping[VectorField, int],
    settings: Settings,
    own: OwnMapping = NOTHING_OVER,
    *,
    by_product: Collection[VectorField] = (),
    fields: ProductFields = DEFAULT_FIELDS,
) -> dict[str, Any]:
    """Settings and mappings of an index, as it is made, see `body_with`.

    A template of the cluster that sets another analyzer is refused.

    Raises:
        InputError: a vector has dimensions that the server does not take.
    """
    kind, vectors = settings.vector_index, {}
    for key, size in dimensions.items():
        _check_dimensions(key[1], key[0], size, kind)
        graph = _GRAPH if VECTOR_KINDS[kind].graph else {}
        vectors[key] = vector_options(size, kind, by_product=key in by_product, **graph)
    body = body_with(fields, vectors, own)
    fixed: dict[str, Any] = {
        "number_of_shards": settings.shards,
        "number_of_replicas": settings.replicas,
        "refresh_interval": "-1",  # once, when all is there
        "sort.field": fields.id,
        "default_pipeline": "_none",  # a template of the cluster might name one
        "final_pipeline": "_none",
        NESTED_LIMIT: MOST_NESTED,
    }
    return {"settings": {**fixed, **body["settings"]}, "mappings": body["mappings"]}
