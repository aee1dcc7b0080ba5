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

_MODULES = {
    "engines": ("Engine", "QueryBatch"),
    "errors": ("CouldNotRunError", "InputError", "RelevanceError"),
    "evaluation": ("Metric", "evaluate"),
    "fusion": ("reciprocal_rank_fusion",),
    "records": ("Catalogue", "Dataset", "Judgments", "Queries", "Ranking"),
    "strategies": ("STRATEGIES", "Strategy"),
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
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"relevance.{module}"), name)
    raise AttributeError(f"module 'relevance' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
