"""Fine-tuning of an embedding model on judged pairs of queries that no benchmark evaluates.

It knows of a data set's pairs and catalogue and of models, and nothing of configuration, engines or pytest.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from relevance.finetune.pairs import SPLIT_SEED, Leaks, Pair, Pairs, build_pairs, find_leaks, split_off
    from relevance.finetune.recipe import Curve, Options, Recipe, Step, estimated_seconds
    from relevance.finetune.store import Stored, check_stored, find_stored
    from relevance.finetune.training import train
    from relevance.finetune.validation import Validation, make_validation

_HOMES = {
    "SPLIT_SEED": "pairs",
    "Curve": "recipe",
    "Leaks": "pairs",
    "Options": "recipe",
    "Pair": "pairs",
    "Pairs": "pairs",
    "Recipe": "recipe",
    "Step": "recipe",
    "Stored": "store",
    "Validation": "validation",
    "build_pairs": "pairs",
    "check_stored": "store",
    "estimated_seconds": "recipe",
    "find_leaks": "pairs",
    "find_stored": "store",
    "make_validation": "validation",
    "split_off": "pairs",
    "train": "training",
}

__all__ = [
    "SPLIT_SEED",
    "Curve",
    "Leaks",
    "Options",
    "Pair",
    "Pairs",
    "Recipe",
    "Step",
    "Stored",
    "Validation",
    "build_pairs",
    "check_stored",
    "estimated_seconds",
    "find_leaks",
    "find_stored",
    "make_validation",
    "split_off",
    "train",
]


def __getattr__(name: str) -> Any:
    """Import a name where it is first used (PEP 562): the options' names and defaults cost nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'relevance.finetune' has no attribute {name!r}")
    return getattr(import_module(f"relevance.finetune.{_HOMES[name]}"), name)
