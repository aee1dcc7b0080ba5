"""What makes a cross-encoder: base weights, graded pairs, mined negatives and options, as one hash."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from relevance.finetune import RerankerOptions
from relevance.finetune.pairs import POSITIVE
from relevance.finetune.recipe import Curve, Recipe, recipe_hash, seconds_of_tokens, tokens_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from relevance.finetune.pairs import Pair

_FORMAT = 3
"""Of the second one is how the base model embeds what negatives are mined among; of the third pooling and ListNet."""
USED = ("epochs", "batch_size", "learning_rate", "max_tokens", "seed", "patience")
"""Of the options of fine-tuning those that this training takes."""

_OF_BASE = ("query_prompt", "document_prompt", "max_tokens", "truncate_dim")

CANDIDATES = 20
"""Products that are reranked of a held-out query: the nearest by the base model's vectors."""

VALIDATED = 200
"""Held-out queries that an evaluation reranks at most: a half epoch's takes seconds, not minutes."""

_BASE_LAYERS = 6
"""Of the model whose speed `seconds_of_tokens` knows."""


@dataclass(frozen=True, eq=False)
class RerankerRecipe(Recipe):
    """Everything that the training of a cross-encoder takes."""

    reranker: RerankerOptions = field(default_factory=RerankerOptions)
    kind = "cross-encoder"

    @property
    def ingredients(self) -> dict[str, object]:
        """What the hash is made of."""
        pairs = [[one.query, one.product, one.text, one.relevance] for one in self.pairs.graded]
        return {
            "format": _FORMAT,
            "kind": self.kind,
            "base": self.base.fingerprint,
            **{name: getattr(self.base, name) for name in _OF_BASE},
            "pairs": recipe_hash(json.dumps(pairs)),
            "validation": self.validation.sha256,
            "options": {name: getattr(self.options, name) for name in USED},
            "reranker": asdict(self.reranker),
        }

    @property
    def parts(self) -> tuple[Recipe, ...]:
        """None: weights are averaged of the embedding model alone."""
        return ()

    @property
    def _graded(self) -> bool:
        return True

    def run(self, folder: Path, *, progress: bool, notes: list[str]) -> Curve:
        """Train, or go on from the last checkpoint; see `relevance.finetune.loop.run`."""
        from relevance.finetune.reranking import run  # noqa: PLC0415 - imports torch

        return run(self, folder, progress=progress, notes=notes)

    @property
    def chosen(self) -> tuple[Pair, ...]:
        """The graded pairs of so many queries, drawn, that there are no more rows than `pairs` of the options."""
        of_query: dict[str, list[Pair]] = {}
        for pair in self.pairs.graded:
            of_query.setdefault(pair.query, []).append(pair)
        queries = list(of_query)
        chosen: list[Pair] = []
        for at in np.random.default_rng(self.options.seed).permutation(len(queries)).tolist():
            own = of_query[queries[at]]
            rows = len(chosen) + len(own)
            if chosen and rows * (1 + self.reranker.negatives) > self.reranker.pairs:
                break
            chosen += own
        return tuple(chosen)


def label_of(relevance: float) -> float:
    """Give what a pair is trained towards: 0 for the lowest relevance, 1, to 1 for the highest."""
    return (relevance - 1) / (POSITIVE - 1)


def estimated_seconds(recipe: RerankerRecipe) -> float:
    """Estimate from words the seconds of a training on two CPU cores: mining, all epochs and evaluations."""
    pairs, limit = recipe.chosen, recipe.options.max_tokens
    rows = 1 + recipe.reranker.negatives

    def joined(pairs: Iterable[Pair]) -> Iterable[str]:
        return (f"{pair.query} {pair.text}" for pair in pairs)

    trained = recipe.options.epochs * rows * tokens_of(joined(pairs), limit)
    mean = tokens_of(joined(pairs), limit) / max(1, len(pairs))
    queries = min(VALIDATED, len(recipe.validation.queries))
    judged = (2 * recipe.options.epochs + 1) * queries * CANDIDATES * mean
    mined = tokens_of({pair.text for pair in pairs}, limit) + tokens_of(recipe.validation.texts, limit)
    share = min(1.0, (recipe.reranker.layers or _BASE_LAYERS) / _BASE_LAYERS)
    return seconds_of_tokens(recipe, share * trained, share * judged + mined)
