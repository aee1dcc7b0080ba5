"""Regression benchmarks for product search: ranking strategies, graded judgments, floors, pytest."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from relevance.engines import Engine, QueryBatch
    from relevance.errors import CouldNotRunError, InputError, RelevanceError
    from relevance.evaluation import Metric, evaluate
    from relevance.fusion import reciprocal_rank_fusion
    from relevance.records import Catalogue, Dataset, Judgments, Queries, Ranking
    from relevance.strategies import STRATEGIES, Strategy

_HOMES = {
    "Catalogue": "records",
    "CouldNotRunError": "errors",
    "Dataset": "records",
    "Engine": "engines",
    "InputError": "errors",
    "Judgments": "records",
    "Metric": "evaluation",
    "Queries": "records",
    "QueryBatch": "engines",
    "Ranking": "records",
    "RelevanceError": "errors",
    "STRATEGIES": "strategies",
    "Strategy": "strategies",
    "evaluate": "evaluation",
    "reciprocal_rank_fusion": "fusion",
}

__all__ = [
    "STRATEGIES",
    "Catalogue",
    "CouldNotRunError",
    "Dataset",
    "Engine",
    "InputError",
    "Judgments",
    "Metric",
    "Queries",
    "QueryBatch",
    "Ranking",
    "RelevanceError",
    "Strategy",
    "evaluate",
    "reciprocal_rank_fusion",
]


def __getattr__(name: str) -> Any:
    """Import a name where it is first used (PEP 562), so that `import relevance` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'relevance' has no attribute {name!r}")
    return getattr(import_module(f"relevance.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
