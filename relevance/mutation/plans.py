"""Changes of what a plan holds: strategies, models, judgments, and the index that a server makes."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from relevance import embeddings, engines
from relevance.records import Judgments
from relevance.strategies import BASE, FINETUNED
from relevance.suite import searched_fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from relevance.embeddings import Model
    from relevance.finetune import Recipe
    from relevance.strategies import Strategy
    from relevance.suite import Plan

    Change: TypeAlias = Callable[[Plan, int], Plan]
    StrategyChange: TypeAlias = Callable[[Strategy], Strategy]

Part: TypeAlias = Literal["text", "vectors"]
"""Of a strategy: the boosts of its text fields, or of its vector fields."""


class NotApplicableError(Exception):
    """A change means nothing on this plan; the message says why. It never leaves `relevance.mutation`."""


def needs_vectors(plan: Plan) -> None:
    """Raise `NotApplicableError` where no strategy uses any."""
    if not plan.models:
        raise NotApplicableError("no strategy uses vectors")


def needs_text(plan: Plan) -> None:
    """Raise `NotApplicableError` where no strategy matches any."""
    if not plan.text_fields:
        raise NotApplicableError("no strategy matches text")


def needs_new_index(plan: Plan) -> None:
    """Raise `NotApplicableError` where the index exists already."""
    if plan.config.elasticsearch.index is not None:
        raise NotApplicableError("the index exists already, what it holds is not changed")


def needs_own_server_index(plan: Plan) -> None:
    """Raise `NotApplicableError` where no index is made on a server."""
    if plan.engine.name != "elasticsearch":
        raise NotApplicableError("the engine is not Elasticsearch")
    if plan.config.elasticsearch.index is not None:
        raise NotApplicableError("the index exists already")


# strategies


def strategies(change: StrategyChange) -> Change:
    """Change each strategy of a plan; raw templates stay, a strategy may come back as it is."""

    def changed(plan: Plan, _: int) -> Plan:
        after = tuple(one if one.template is not None else change(one) for one in plan.strategies)
        if after == plan.strategies:
            raise NotApplicableError("no strategy has what is changed")
        return replace(plan, strategies=after, vector_fields=searched_fields(after))

    return changed


def _with(strategy: Strategy, part: Part, boosts: Mapping[str, float]) -> Strategy:
    return replace(strategy, text=boosts) if part == "text" else replace(strategy, vectors=boosts)


def scaled(part: Part, factors: Mapping[str, float]) -> StrategyChange:
    """Multiply each boost by its factor; fused vectors have none."""

    def change(strategy: Strategy) -> Strategy:
        if part == "vectors" and strategy.combine == "rrf":
            return strategy
        boosts = getattr(strategy, part)
        return _with(strategy, part, {name: boost * factors.get(name, 1.0) for name, boost in boosts.items()})

    return change


def all_one(part: Part) -> StrategyChange:
    """Give every field the boost 1."""
    return lambda strategy: _with(strategy, part, dict.fromkeys(getattr(strategy, part), 1.0))


def exchanged(part: Part, left: str, right: str) -> StrategyChange:
    """Let the boosts of two fields change places."""

    def change(strategy: Strategy) -> Strategy:
        boosts = dict(getattr(strategy, part))
        if left not in boosts or right not in boosts:
            return strategy
        return _with(strategy, part, boosts | {left: boosts[right], right: boosts[left]})

    return change


def without(part: Part, names: Iterable[str]) -> StrategyChange:
    """Leave fields out where something else is left; what has only one list left fuses nothing."""
    left_out = set(names)

    def change(strategy: Strategy) -> Strategy:
        kept = {name: boost for name, boost in getattr(strategy, part).items() if name not in left_out}
        text, vectors = (kept, strategy.vectors) if part == "text" else (strategy.text, kept)
        lists = bool(text) + len(vectors)
        if not lists:
            return strategy
        return replace(strategy, text=text, vectors=vectors, combine=strategy.combine if lists > 1 else "sum")

    return change


def fused(**settings: object) -> StrategyChange:
    """Change what strategies that fuse ranks say of it."""
    return lambda strategy: replace(strategy, **settings) if strategy.combine == "rrf" else strategy  # type: ignore[arg-type]


def candidates(number: int) -> StrategyChange:
    """Change how many products get a vector score."""
    return lambda strategy: replace(strategy, candidates=number) if strategy.vectors else strategy


# models


def models(change: Callable[[Model], Model]) -> Change:
    """Change what all models are given; a model that is yet to be trained stays."""

    def changed(plan: Plan, _: int) -> Plan:
        needs_vectors(plan)
        needs_new_index(plan)
        after = {name: change(model) for name, model in plan.models.items()}
        if after == dict(plan.models):
            raise NotApplicableError("no model has what is changed")
        return replace(plan, models=MappingProxyType(after))

    return changed


def base_for_finetuned(plan: Plan, _: int) -> Plan:
    """Put the base model where the fine-tuned one was."""
    if FINETUNED not in plan.models or BASE not in plan.models or plan.finetuned is None:
        raise NotApplicableError("no strategy uses the fine-tuned model beside the base model")
    base = plan.models[BASE]
    return replace(
        plan,
        models=MappingProxyType({**plan.models, FINETUNED: base}),
        finetuned=replace(plan.finetuned, model=base, trained=True),
    )


def base_model(name: str) -> Change:
    """Take another base model, by path or name."""

    def changed(plan: Plan, _: int) -> Plan:
        if BASE not in plan.models:
            raise NotApplicableError("no strategy uses the base model")
        model = embeddings.resolve(replace(plan.config.models[BASE], model=name))
        return replace(plan, models=MappingProxyType({**plan.models, BASE: model}))

    return changed


def _retrained(change: Callable[[Recipe, int], Recipe]) -> Change:
    """Train the model by another recipe."""

    def changed(plan: Plan, seed: int) -> Plan:
        recipe = plan.finetuned.recipe if plan.finetuned is not None else None
        if plan.finetuned is None or recipe is None or FINETUNED not in plan.models:
            raise NotApplicableError("no model is trained here")
        return replace(plan, finetuned=replace(plan.finetuned, recipe=change(recipe, seed), trained=False))

    return changed


@_retrained
def labels_shuffled(recipe: Recipe, seed: int) -> Recipe:
    """Give the pairs each other's products."""
    train = recipe.pairs.train
    order = np.random.default_rng(seed).permutation(len(train)).tolist()
    pairs = tuple(
        replace(pair, product=train[at].product, text=train[at].text) for pair, at in zip(train, order, strict=True)
    )
    return replace(recipe, pairs=replace(recipe.pairs, train=pairs))


@_retrained
def other_training_seed(recipe: Recipe, seed: int) -> Recipe:
    """Train with another seed."""
    return replace(recipe, options=replace(recipe.options, seed=recipe.options.seed + 1 + seed % 1000))


# judgments: they are other data, which the gate refuses; what they would do is measured all the same


def _judgments(change: Callable[[Judgments, int], Judgments]) -> Change:
    def changed(plan: Plan, seed: int) -> Plan:
        return replace(plan, dataset=replace(plan.dataset, judgments=change(plan.dataset.judgments, seed)))

    return changed


@_judgments
def judgments_of_next_query(before: Judgments, _: int) -> Judgments:
    """Give every query the judgments of the one before it."""
    judged = np.unique(before.queries)
    if len(judged) < 2:  # noqa: PLR2004 - a query alone has no next one
        raise NotApplicableError("there is one judged query")
    moved = np.roll(judged, 1)[np.searchsorted(judged, before.queries)]
    return Judgments(moved, before.products, before.grades, relevant_from=before.relevant_from)


@_judgments
def judgments_lost(before: Judgments, seed: int) -> Judgments:
    """Let a tenth of the relevant grades become 0; a query keeps one, so that its metrics stay defined as they were."""
    relevant = before.grades >= before.relevant_from
    first = np.zeros(len(before), dtype=np.bool_)
    places = np.flatnonzero(relevant)
    first[places[np.unique(before.queries[places], return_index=True)[1]]] = True
    gone = relevant & ~first & (np.random.default_rng(seed).random(len(before)) < 0.1)  # noqa: PLR2004 - a tenth
    grades = np.where(gone, 0, before.grades)
    return Judgments(before.queries, before.products, grades, relevant_from=before.relevant_from)


# the index on a server


def server_index(*, of_vectors: bool = False, **settings: Any) -> Change:
    """Change settings of the index that is made on Elasticsearch.

    Args:
        of_vectors: whether it means nothing without vectors.
        settings: attributes of the engine's settings.
    """

    def changed(plan: Plan, _: int) -> Plan:
        before = plan.config.elasticsearch
        needs_own_server_index(plan)
        if of_vectors:
            needs_vectors(plan)
        if before.mapping is not None and "mapping" in settings:
            raise NotApplicableError("the index has a mapping of the user's own")
        after = replace(before, **settings)
        if after == before:
            raise NotApplicableError("the index has these settings already")
        return replace(plan, engine=engines.choose("elasticsearch", after, plan.strategies))

    return changed
