"""What makes a fine-tuned model: base weights, pairs and options, as one hash; and how long the making may take."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from relevance.errors import InputError

if TYPE_CHECKING:
    from relevance.embeddings import Model
    from relevance.finetune.pairs import Pairs
    from relevance.finetune.validation import Validation

__all__ = ["LOSSES", "SAMPLE_EPOCHS", "Options", "Recipe", "estimated_seconds", "recipe_hash"]

_FORMAT = 1
"""Counts the versions of the training itself: what an older one made is not taken for what this one makes."""

LOSSES = ("mnrl", "hard")
"""Multiple negatives ranking loss: the other products of the batch, or a mined negative for each query too."""

SAMPLE_EPOCHS = 1
"""Of the packaged sample where nothing else is asked for: its main job, training included, is to stay short."""

_TOKENS_PER_S = 1_000
"""That a model of `_WEIGHTS_BYTES` (all-MiniLM-L6-v2) is trained on, on two CPU cores; a larger one in proportion."""
_WEIGHTS_BYTES = 90_868_376
_TOKENS_PER_WORD = 1.4
_VALIDATION_SPEED_UP = 4
"""A text is embedded so many times faster than it is trained on."""


@dataclass(frozen=True)
class Options:
    """How a model is trained.

    Attributes:
        epochs: passes over the pairs at most; training ends before where it no longer learns.
        batch_size: pairs in a batch; the others' products are a query's negatives.
        learning_rate: its highest value, after the warm-up.
        max_tokens: texts are cut behind so many tokens, in training alone.
        seed: of the order of the pairs and of dropout.
        loss: one of `LOSSES`.
        patience: evaluations without a better nDCG, two an epoch, after which training ends.
    """

    epochs: int = 3
    batch_size: int = 32
    learning_rate: float = 5e-5
    max_tokens: int = 64
    seed: int = 12
    loss: str = "mnrl"
    patience: int = 3

    def __post_init__(self) -> None:
        bounds = {
            "epochs": (1, 1_000),
            "batch_size": (2, 65_536),
            "max_tokens": (3, 1_000_000),
            "patience": (1, 10_000),
        }
        for name, (lowest, highest) in (bounds | {"seed": (0, 2**31)}).items():
            if not lowest <= getattr(self, name) <= highest:
                raise InputError(f"{name} = {getattr(self, name)}; allowed: {lowest} to {highest:,}")
        if not 0 < self.learning_rate < 1:
            raise InputError(f"learning_rate = {self.learning_rate}; allowed: a number above 0 and below 1")
        if self.loss not in LOSSES:
            raise InputError(f"loss = {self.loss!r}; allowed: {', '.join(LOSSES)}")


@dataclass(frozen=True, eq=False)
class Recipe:
    """Everything that a training takes.

    Attributes:
        base: the model that is trained.
        pairs: what it is trained on.
        validation: what it is judged by while it is trained.
        options: how.
        dataset: name of the data set, for the model card.
    """

    base: Model
    pairs: Pairs
    validation: Validation
    options: Options
    dataset: str

    @property
    def ingredients(self) -> dict[str, object]:
        """What the hash is made of."""
        return {
            "format": _FORMAT,
            "base": self.base.fingerprint,
            "prompt": self.base.prompt,
            "pairs": self.pairs.sha256,
            "validation": self.validation.sha256,
            "options": asdict(self.options),
        }

    @property
    def sha256(self) -> str:
        """The hash under which the model is stored."""
        return recipe_hash(self.ingredients)


def recipe_hash(ingredients: object) -> str:
    """Sha256 of ingredients as JSON with sorted keys."""
    return hashlib.sha256(json.dumps(ingredients, sort_keys=True, separators=(",", ":")).encode("ascii")).hexdigest()


def estimated_seconds(recipe: Recipe) -> float:
    """Seconds that a training takes on two CPU cores, all epochs and evaluations, estimated from words."""
    options = recipe.options
    trained = options.epochs * sum(
        _tokens(text, options) for pair in recipe.pairs.train for text in (pair.query, pair.text)
    )
    judged = (2 * options.epochs + 1) * sum(_tokens(text, options) for text in recipe.validation.texts)
    size = recipe.base.weights.stat().st_size / _WEIGHTS_BYTES
    return size * (trained + judged / _VALIDATION_SPEED_UP) / _TOKENS_PER_S


def _tokens(text: str, options: Options) -> float:
    return min(options.max_tokens, 2 + len(text.split()) * _TOKENS_PER_WORD)
