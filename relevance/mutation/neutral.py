"""Changes that are none: what must not fail, however often it is repeated with other seeds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from relevance.mutation.altered import Alterations, altered
from relevance.mutation.kind import Kind, NotApplicableError
from relevance.mutation.models import retrained
from relevance.mutation.rankings import noisy_scores, ties_shuffled
from relevance.mutation.server import needs_own_index
from relevance.mutation.strategies import of_strategies, scaled
from relevance.mutation.vectors import noisy_vectors

if TYPE_CHECKING:
    from relevance.finetune import Recipe
    from relevance.records import Catalogue
    from relevance.strategies import Strategy
    from relevance.suite import Plan

__all__ = ["NEUTRAL", "NOISE"]

_SCALES = (0.25, 4.0)
_LITTLE = 1.01


def _again(plan: Plan, seed: int) -> Plan:  # noqa: ARG001 - nothing is drawn
    return altered(plan, Alterations())


def _other_order(plan: Plan, seed: int) -> Plan:
    """Products in an order of their own, which decides ties; the lists then come back under the usual codes."""

    def products(catalogue: Catalogue) -> list[int]:
        return np.random.default_rng(seed).permutation(len(catalogue)).tolist()  # type: ignore[no-any-return]

    return altered(plan, Alterations(products=products))


def _boosts_scaled(plan: Plan, seed: int) -> Plan:
    """A factor for all boosts, which no order depends on; how sums of scores are rounded does."""
    factor = float(np.exp(np.random.default_rng(seed).uniform(*np.log(_SCALES))))

    def change(strategy: Strategy) -> Strategy:
        names = (*strategy.text, *strategy.vectors)
        return scaled("vectors", dict.fromkeys(names, factor))(scaled("text", dict.fromkeys(names, factor))(strategy))

    return of_strategies(change)(plan, seed)


def _boost_moved(plan: Plan, seed: int) -> Plan:
    """One boost of each strategy is a little higher or lower."""
    rng = np.random.default_rng(seed)

    def change(strategy: Strategy) -> Strategy:
        boosts = [(part, name) for part in ("text", "vectors") for name in getattr(strategy, part)]
        part, name = boosts[rng.integers(len(boosts))]
        return scaled(part, {name: _LITTLE if rng.random() < 0.5 else 1 / _LITTLE})(strategy)  # noqa: PLR2004 - a coin

    return of_strategies(change)(plan, seed)


def _other_seed(plan: Plan, seed: int) -> Plan:
    def seeded(recipe: Recipe) -> Recipe:
        return replace(recipe, options=replace(recipe.options, seed=recipe.options.seed + 1 + seed % 1000))

    return retrained(plan, seeded)


def _hnsw_again(plan: Plan, seed: int) -> Plan:
    """An approximate index is another one each time that it is built."""
    if plan.config.elasticsearch.vector_index == "flat":
        raise NotApplicableError("the vector index is exact (--vector-index hnsw)")
    needs_own_index(plan)
    return _again(plan, seed)


NOISE = (
    Kind("same_again", "noise", "nothing: all is indexed and searched again", _again, anew=True),
    Kind("other_order", "noise", "products are indexed in another order, which decides ties", _other_order),
    Kind("ties_shuffled", "noise", "products of equal scores are ordered by chance", ties_shuffled),
    Kind("score_noise_1e7", "noise", "scores move by about 1e-7 of themselves", noisy_scores(1e-7)),
    Kind("score_jitter_1e3", "noise", "scores move by about 1e-3 of themselves", noisy_scores(1e-3)),
    Kind("vector_noise_1e7", "noise", "the numbers of vectors move by about 1e-7", noisy_vectors(1e-7)),
    Kind("boosts_scaled", "noise", "all boosts are multiplied by one factor", _boosts_scaled),
    Kind("boost_1_percent", "noise", "one boost of each strategy is 1% higher or lower", _boost_moved),
    Kind("hnsw_again", "noise", "the approximate index is built again", _hnsw_again, "server", anew=True),
)
"""What a system does by itself."""

NEUTRAL = (
    *NOISE,
    Kind("other_training_seed", "noise", "the model was fine-tuned with another seed", _other_seed, "training"),
)
