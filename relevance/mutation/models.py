"""Changes of the models that make the vectors."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from relevance import embeddings
from relevance.mutation.kind import Kind, NotApplicableError
from relevance.mutation.vectors import needs_vectors
from relevance.strategies import BASE, FINETUNED

if TYPE_CHECKING:
    from collections.abc import Callable

    from relevance.embeddings import Model
    from relevance.finetune import Recipe
    from relevance.suite import Plan

__all__ = ["KINDS", "other_model", "retrained"]

_GROUP = "models"
_TOKENS = 8
_PROMPT = "Represent this sentence for searching relevant passages: "


def _model(change: Callable[[Model], Model]) -> Callable[[Plan, int], Plan]:
    """A change of what all models are given; a model that is yet to be trained stays."""

    def changed(plan: Plan, seed: int) -> Plan:  # noqa: ARG001 - nothing is drawn
        needs_vectors(plan)
        if plan.config.elasticsearch.index is not None:
            raise NotApplicableError("the index exists already, what it holds is not changed")
        models = {name: change(model) for name, model in plan.models.items()}
        if models == dict(plan.models):
            raise NotApplicableError("no model has what is changed")
        return replace(plan, models=MappingProxyType(models))

    return changed


def _with_prompt(prompt: Callable[[str], str]) -> Callable[[Plan, int], Plan]:
    return _model(lambda model: replace(model, prompt=prompt(model.prompt)))


def _base_for_finetuned(plan: Plan, seed: int) -> Plan:  # noqa: ARG001 - nothing is drawn
    if FINETUNED not in plan.models or BASE not in plan.models or plan.finetuned is None:
        raise NotApplicableError("no strategy uses the fine-tuned model beside the base model")
    base = plan.models[BASE]
    return replace(
        plan,
        models=MappingProxyType({**plan.models, FINETUNED: base}),
        finetuned=replace(plan.finetuned, model=base, trained=True),
    )


def retrained(plan: Plan, change: Callable[[Recipe], Recipe]) -> Plan:
    """The plan with a model that is yet to be trained, by another recipe.

    Raises:
        NotApplicableError: no strategy uses a model that is trained here.
    """
    recipe = plan.finetuned.recipe if plan.finetuned is not None else None
    if plan.finetuned is None or recipe is None or FINETUNED not in plan.models:
        raise NotApplicableError("no model is trained here")
    return replace(plan, finetuned=replace(plan.finetuned, recipe=change(recipe), trained=False))


def _labels_shuffled(plan: Plan, seed: int) -> Plan:
    def shuffled(recipe: Recipe) -> Recipe:
        train = recipe.pairs.train
        order = np.random.default_rng(seed).permutation(len(train)).tolist()
        pairs = tuple(
            replace(pair, product=train[at].product, text=train[at].text) for pair, at in zip(train, order, strict=True)
        )
        return replace(recipe, pairs=replace(recipe.pairs, train=pairs))

    return retrained(plan, shuffled)


def other_model(name: str) -> Kind:
    """Another base model, by path or name."""

    def changed(plan: Plan, seed: int) -> Plan:  # noqa: ARG001 - nothing is drawn
        if BASE not in plan.models:
            raise NotApplicableError("no strategy uses the base model")
        model = embeddings.resolve(replace(plan.config.models[BASE], model=name))
        return replace(plan, models=MappingProxyType({**plan.models, BASE: model}))

    return Kind("other_model", _GROUP, f"the base model is {name}", changed, "embedding")


KINDS = (
    Kind(
        "prompt_missing", _GROUP, "queries are embedded without their prompt", _with_prompt(lambda _: ""), "embedding"
    ),
    Kind(
        "prompt_doubled",
        _GROUP,
        "the prompt stands twice before every query; where there is none, another model's stands there",
        _with_prompt(lambda prompt: prompt * 2 or _PROMPT),
        "embedding",
    ),
    Kind(
        "texts_cut",
        _GROUP,
        f"texts are embedded up to {_TOKENS} tokens",
        _model(lambda model: replace(model, max_tokens=min(model.max_tokens, _TOKENS))),
        "embedding",
    ),
    Kind("base_for_finetuned", _GROUP, "the base model stands where the fine-tuned one was", _base_for_finetuned),
    Kind("labels_shuffled", _GROUP, "the model was fine-tuned on shuffled pairs", _labels_shuffled, "training"),
)
