"""An index as searches see it, for tests of what is sent to it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from relevance.engines.elasticsearch.mapping import SearchedIndex
from relevance.engines.mapping import FieldPaths, own_paths

__all__ = ["HITS", "SORT", "SORTED", "THREE", "UNSORTED", "searched"]

_FIELDS = ("title", "description", "attributes", "whole")

HITS: dict[str, Any] = {
    "size": 10,
    "stored_fields": "_none_",
    "docvalue_fields": ["product_uid"],
    "track_total_hits": False,
}
"""What every search of ten hits has."""

SORT: dict[str, Any] = {"sort": [{"_score": "desc"}, {"product_uid": "asc"}], "track_scores": True}
"""What orders ties."""


def searched(paths: FieldPaths | None = None, *, shards: int = 1, name: str = "relevance-1") -> SearchedIndex:
    """An index of ours, or as a test says; sorted where it has one shard."""
    ours = own_paths([(model, name) for model in ("base", "finetuned") for name in _FIELDS])
    return SearchedIndex(name=name, paths=paths or ours, shards=shards, sorted_segment=shards == 1)


SORTED, THREE = searched(), searched(shards=3)
UNSORTED = replace(SORTED, sorted_segment=False)
