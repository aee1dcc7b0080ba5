"""Changes that are none: what must not fail, however often it is repeated with other seeds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from relevance.mutation.altered import Alterations, altered
from relevance.mutation.kind import Kind, NotApplicableError
from relevance.mutation.rankings import noisy_scores, ties_reversed
from relevance.mutation.server import on_server
from relevance.mutation.strategies import of_strategies, scaled
from relevance.mutation.vectors import noisy_vectors
from relevance.strategies import FINETUNED

if TYPE_CHECKING:
    from collections.abc import Callable

    from relevance.records import Catalogue
    from relevance.strategies import Strategy
    from relevance.suite import Plan

__all__ = ["NEUTRAL", "NOISE"]

_FIELDS = ("title", "description", "attributes", "whole")


def _again(plan: Plan, seed: int) -> Plan:  # noqa: ARG001 - nothing is drawn
    return altered(plan, Alterations())


def _other_order(plan: Plan, seed: int) -> Plan:
    """Products in an order of their own, which decides ties; the lists then come back under the usual codes."""

    def products(catalogue: Catalogue) -> list[int]:
        return np.random.default_rng(seed).permutation(len(catalogue)).tolist()  # type: ignore[no-any-return]

    return altered(plan, Alterations(products=products))


def _all_boosts(factor: float) -> Callable[[Strategy], Strategy]:
    of_text = scaled("text", dict.fromkeys(_FIELDS, factor))
    of_vectors = scaled("vectors", dict.fromkeys(_FIELDS, factor))
    return lambda strategy: of_vectors(of_text(strategy))


def _other_seed(plan: Plan, seed: int) -> Plan:
    recipe = plan.finetuned.recipe if plan.finetuned is not None else None
    if plan.finetuned is None or recipe is None or FINETUNED not in plan.models:
        raise NotApplicableError("no model is trained here")
    options = replace(recipe.options, seed=recipe.options.seed + 1 + seed % 1000)
    return replace(plan, finetuned=replace(plan.finetuned, recipe=replace(recipe, options=options), trained=False))


def _hnsw_again(plan: Plan, seed: int) -> Plan:
    """An approximate index is another one each time that it is built."""
    if plan.config.elasticsearch.vector_index == "flat":
        raise NotApplicableError("the vector index is exact (--vector-index hnsw)")
    return on_server(timeout=plan.config.elasticsearch.timeout + 1)(plan, seed)


NOISE = (
    Kind("same_again", "noise", "nothing", _again),
    Kind("other_order", "noise", "products are indexed in another order, which decides ties", _other_order),
    Kind("ties_reversed", "noise", "of equal scores the higher id goes first", ties_reversed),
    Kind("score_noise_1e7", "noise", "scores move by about 1e-7 of themselves", noisy_scores(1e-7)),
    Kind("score_jitter_1e3", "noise", "scores move by about 1e-3 of themselves", noisy_scores(1e-3)),
    Kind("vector_noise_1e7", "noise", "the numbers of vectors move by about 1e-7", noisy_vectors(1e-7)),
    Kind("boosts_doubled", "noise", "all boosts are twice what they were", of_strategies(_all_boosts(2.0))),
    Kind(
        "title_boost_1_percent",
        "noise",
        "the title's text boost is 1% higher",
        of_strategies(scaled("text", {"title": 1.01})),
    ),
    Kind("hnsw_again", "noise", "the approximate index is built again", _hnsw_again, "server"),
)
"""What a system does by itself."""

NEUTRAL = (
    *NOISE,
    Kind("other_training_seed", "noise", "the model was fine-tuned with another seed", _other_seed, "training"),
)
