"""Fine-tuning of an embedding model on judged pairs of queries that no benchmark evaluates.

It knows of a data set's pairs and catalogue and of models, and nothing of configuration, engines or pytest.
"""

from relevance.finetune.leaks import Leaks, find_leaks
from relevance.finetune.pairs import Pair, Pairs, build_pairs
from relevance.finetune.recipe import LOSSES, Options, Recipe, estimated_seconds
from relevance.finetune.record import Curve, Step
from relevance.finetune.store import Stored, check_stored, find_stored, store_folder
from relevance.finetune.training import train
from relevance.finetune.validation import Validation, make_validation

__all__ = [
    "LOSSES",
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
    "store_folder",
    "train",
]
