"""An index as searches see it, for tests of what is sent to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from relevance.engines.elasticsearch.mapping import FieldPaths, own_paths

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["HITS", "SORT", "SORTED", "THREE", "UNSORTED", "Searched"]

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


@dataclass(frozen=True)
class Searched:
    """An index of ours, or as a test says."""

    paths: FieldPaths = field(
        default_factory=lambda: own_paths([(model, name) for model in ("base", "finetuned") for name in _FIELDS])
    )
    shards: int = 1
    sorted_segment: bool = True
    name: str = "relevance-1"
    facts: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


SORTED, UNSORTED, THREE = Searched(), Searched(sorted_segment=False), Searched(shards=3, sorted_segment=False)
