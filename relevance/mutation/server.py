"""Changes of the index on Elasticsearch: they are made by the server itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relevance import engines
from relevance.mutation.kind import Kind, NotApplicableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from relevance.suite import Plan

__all__ = ["KINDS", "needs_own_index"]

_GROUP = "server"
_MAPPINGS = Path(__file__).parent / "mappings"


def needs_own_index(plan: Plan) -> None:
    """Raises `NotApplicableError` where no index is made on a server."""
    if plan.engine.name != "elasticsearch":
        raise NotApplicableError("the engine is not Elasticsearch")
    if plan.config.elasticsearch.index is not None:
        raise NotApplicableError("the index exists already")


def _on_server(*, vectors: bool = False, **settings: Any) -> Callable[[Plan, int], Plan]:
    """The plan with other settings of the index that is made.

    Args:
        vectors: whether it means nothing without vectors.
        settings: attributes of the engine's settings.
    """

    def changed(plan: Plan, seed: int) -> Plan:  # noqa: ARG001 - nothing is drawn
        given = plan.config.elasticsearch
        needs_own_index(plan)
        if vectors and not plan.models:
            raise NotApplicableError("no strategy uses vectors")
        if given.mapping is not None and "mapping" in settings:
            raise NotApplicableError("the index has a mapping of the user's own")
        after = replace(given, **settings)
        if after == given:
            raise NotApplicableError("the index has these settings already")
        return replace(plan, engine=engines.choose("elasticsearch", after, plan.strategies))

    return changed


def _kind(name: str, what: str, **settings: Any) -> Kind:
    return Kind(name, _GROUP, what, _on_server(**settings), "server")


KINDS = (
    _kind("index_hnsw", "vectors are found by an approximate index (hnsw)", vectors=True, vector_index="hnsw"),
    _kind(
        "index_int8_hnsw",
        "vectors are found by an approximate index of 8 bits (int8_hnsw)",
        vectors=True,
        vector_index="int8_hnsw",
    ),
    _kind(
        "analyzer_keeps_case",
        "the index's analyzer does not lower words, that of queries does",
        mapping=_MAPPINGS / "case_kept.json",
    ),
    _kind(
        "analyzer_of_letters",
        "the index's analyzer keeps letters alone, that of queries digits too",
        mapping=_MAPPINGS / "letters.json",
    ),
    _kind("bm25_k1_3", "BM25 has k1 = 3 instead of 1.2", mapping=_MAPPINGS / "bm25.json"),
)
