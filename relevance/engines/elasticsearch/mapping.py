"""The index that we make: its settings and mappings, and the user's own laid over them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from relevance.engines.elasticsearch.own_mapping import NOTHING, merged_over
from relevance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relevance.engines.base import VectorField
    from relevance.engines.elasticsearch.own_mapping import OwnMapping
    from relevance.engines.elasticsearch.paths import FieldPaths
    from relevance.engines.elasticsearch.settings import Settings, VectorIndex

__all__ = ["MOST_DIMENSIONS", "NESTED_LIMIT", "index_body"]

MOST_DIMENSIONS = 4096
"""Of a vector that the server indexes."""

NESTED_LIMIT = "mapping.nested_objects.limit"
_GRAPH = {"m": 16, "ef_construction": 100}
_INDEX_OPTIONS: Mapping[VectorIndex, Mapping[str, object]] = {
    "flat": {"type": "flat"},
    "hnsw": {"type": "hnsw", **_GRAPH},
    "int8_hnsw": {"type": "int8_hnsw", **_GRAPH},
}
"""Said in full: what the server takes by itself changes from release to release."""


def index_body(
    paths: FieldPaths,
    dimensions: Mapping[VectorField, int],
    settings: Settings,
    own: OwnMapping = NOTHING,
) -> dict[str, Any]:
    """Settings and mappings of an index, as it is made.

    A document holds `product_uid`, the texts that are not blank, `product_attributes` with a `name_value` each, and the
    vectors, which are kept out of `_source`.

    Args:
        paths: the fields.
        dimensions: of each vector field of `paths`.
        settings: kind of vector index, shards, replicas.
        own: the user's own.

    Returns:
        `settings`, flat: no objects inside, no `index.` in front; and `mappings`.

    Raises:
        InputError: a vector has more dimensions than the server takes.
    """
    for (model, name), count in dimensions.items():
        if count > MOST_DIMENSIONS:
            problem = f"vectors of {name} by model {model!r} have {count:,} dimensions"
            raise InputError(f"{problem}; allowed on elasticsearch: up to {MOST_DIMENSIONS:,}")
    fixed: dict[str, Any] = {
        "number_of_shards": settings.shards,
        "number_of_replicas": settings.replicas,
        "refresh_interval": "-1",  # once, when all is there
        "sort.field": paths.id,
        "default_pipeline": "_none",  # a template of the cluster might name one
        "final_pipeline": "_none",
        NESTED_LIMIT: 10_000,
    }
    return {
        "settings": {**fixed, **own.settings},
        "mappings": merged_over(_mappings(paths, dimensions, settings.vector_index), own.mappings),
    }


def _mappings(paths: FieldPaths, dimensions: Mapping[VectorField, int], kind: VectorIndex) -> dict[str, Any]:
    properties: dict[str, Any] = {paths.id: {"type": "keyword"}}
    for name, path in paths.text.items():
        text = {"type": "text", "analyzer": "standard"}
        if name not in paths.nested:
            properties[path] = text
            continue
        outer = paths.nested[name]
        inner = {path.removeprefix(f"{outer}."): text}
        properties[outer] = {"type": "nested", "dynamic": "strict", "properties": inner}
    for key, path in paths.vectors.items():
        properties[path] = {
            "type": "dense_vector",
            "dims": dimensions[key],
            "similarity": "cosine",
            "index_options": dict(_INDEX_OPTIONS[kind]),
        }
    vectors = {"_source": {"excludes": sorted(paths.vectors.values())}} if paths.vectors else {}
    return {"dynamic": "strict", **vectors, "properties": properties}
