"""What makes a fine-tuned model: base weights, pairs and options, as one hash; and how long the making may take."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Interval

from relevance.setting import Takes, setting

if TYPE_CHECKING:
    from relevance.embeddings import Model
    from relevance.finetune.pairs import Pairs
    from relevance.finetune.validation import Validation


@dataclass(frozen=True)
class Step:
    """One evaluation on the validation pairs.

    Attributes:
        step: batches trained so far; 0 is the base model.
        epoch: passes over the training pairs so far.
        loss: mean training loss since the evaluation before; None before training.
        pearson: correlation of the cosine with 1 (held-out positives) and 0 (as many random pairs).
        spearman: the same of ranks.
        ndcg: nDCG@10 of the validation queries over the pool.
    """

    step: int
    epoch: float
    loss: float | None
    pearson: float
    spearman: float
    ndcg: float


@dataclass(frozen=True)
class Curve:
    """A training: its evaluations, and the index of the one whose model is kept (`best`).

    `stopped_early`: whether it ended before its last epoch because it no longer learned.
    """

    steps: tuple[Step, ...]
    best: int
    seconds: float
    stopped_early: bool


_FORMAT = 1
"""Counts the versions of the training itself: what an older one made is not taken for what this one makes."""

SAMPLE_EPOCHS = 1
"""Of the packaged sample where nothing else is asked for: its main job, training included, is to stay short."""

_setting = partial(setting, command="finetune")

_TOKENS_PER_S = 1_000
"""That a model of `_WEIGHTS_BYTES` (all-MiniLM-L6-v2) is trained on, on two CPU cores; a larger one in proportion."""
_WEIGHTS_BYTES = 90_868_376
_TOKENS_PER_WORD = 1.4
_VALIDATION_SPEED_UP = 4
"""A text is embedded so many times faster than it is trained on."""


@dataclass(frozen=True)
class Options:
    """How a model is trained: `[finetune]` of the configuration."""

    epochs: Annotated[int, Interval(ge=1, le=1_000)] = _setting(
        "passes over the pairs at most", "--epochs N", default=3, words=f"3; the sample: {SAMPLE_EPOCHS}"
    )
    batch_size: Annotated[int, Interval(ge=2, le=65_536)] = _setting(
        "pairs in a batch; the others' products are a query's negatives", "--batch-size N", default=32
    )
    learning_rate: Annotated[
        float, Interval(gt=0, lt=1), Takes("number between 0 and 1", "a number between 0 and 1, such as 0.00005")
    ] = _setting("its highest value, after the warm-up", "--learning-rate RATE", default=5e-5)
    max_tokens: Annotated[int, Interval(ge=3, le=1_000_000)] = _setting(
        "cut texts at so many tokens, in training alone", "--train-tokens N", default=64
    )
    seed: Annotated[int, Interval(ge=0, le=2**31)] = _setting(
        "of the order of the pairs and of dropout", "--seed N", default=12
    )
    loss: Literal["mnrl", "hard"] = _setting(
        "negatives of a query: those of its batch, or a mined (hard) one too", "--loss NAME", default="mnrl"
    )
    # evaluations, two an epoch
    patience: Annotated[int, Interval(ge=1, le=1_000)] = _setting(
        "half epochs without a better nDCG after which training ends", "--patience N", default=3
    )


@dataclass(frozen=True, eq=False)
class Recipe:
    """Everything that a training takes; `dataset` is the name of the data set, for the model card."""

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
