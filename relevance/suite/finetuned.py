"""The model `finetuned` of a plan: given, stored, still to be trained, or not to be had."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from relevance import datasets, embeddings, finetune
from relevance.errors import InputError
from relevance.strategies import BASE, FINETUNED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from relevance.config import Config
    from relevance.embeddings import Model, ModelChoice
    from relevance.finetune import Leaks, Recipe, Stored
    from relevance.records import Dataset
    from relevance.strategies import Strategy

__all__ = ["Finetuned", "evaluated_part", "finetuned_model", "recipe_of", "runnable", "trained_model", "uses_finetuned"]


@dataclass(frozen=True, eq=False)
class Finetuned:
    """What the model is, and what is known of it.

    Attributes:
        model: as resolved; where it is still to be trained, the base model in its place.
        recipe: what it is made of; None for a given model.
        trained: whether the model is there.
        sha256: hash of what made it, or is to make it; "" for a model that was made elsewhere.
        leaks: what its training shares with the benchmark and may share; None where its pairs are not known.
        notes: what people should know, a line each.
    """

    model: Model
    recipe: Recipe | None
    trained: bool
    sha256: str
    leaks: Leaks | None
    notes: tuple[str, ...]


def uses_finetuned(strategy: Strategy) -> bool:
    """Whether a strategy needs the fine-tuned model."""
    return strategy.embeds and strategy.model == FINETUNED


def runnable(config: Config, strategies: Sequence[Strategy]) -> tuple[tuple[Strategy, ...], Mapping[str, str]]:
    """Those strategies that can run, and why each of the others cannot.

    Raises:
        InputError: one that cannot run was asked for by name, or none can.
    """
    waiting = [strategy for strategy in strategies if uses_finetuned(strategy)]
    reason = _unavailable(config) if waiting else ""
    if not reason:
        return tuple(strategies), MappingProxyType({})
    by_name = config.origins.get("strategy", "default") != "default"
    if by_name or len(waiting) == len(strategies):
        raise InputError(f"strategy {waiting[0].name!r} cannot run: {reason}")
    left = tuple(strategy for strategy in strategies if strategy not in waiting)
    return left, MappingProxyType({strategy.name: reason for strategy in waiting})


def _unavailable(config: Config) -> str:
    """Why there is no fine-tuned model to be had, "" where there is one."""
    given = config.models[FINETUNED].model is not None
    if config.elasticsearch.index is not None:
        mapped = any(name.startswith(f"{FINETUNED}.") for name in config.elasticsearch.vectors)
        if not mapped or not given:
            allowed = "vectors of it in [elasticsearch.vectors], and --finetuned-model"
            return f"the index that exists is not known to have vectors of a fine-tuned model; allowed: {allowed}"
    if given or config.pairs_share is not None or datasets.has_pairs(config.source):
        return ""
    allowed = "--finetuned-model PATH, pairs, or --pairs-from-judgments SHARE"
    return f"data set {config.source.name!r} has no pairs to fine-tune a model on; allowed: {allowed}"


def evaluated_part(config: Config, dataset: Dataset) -> Dataset:
    """The data set without the queries that are trained on."""
    if config.pairs_share is None:
        return dataset
    return finetune.split_off(dataset, config.pairs_share, seed=finetune.SPLIT_SEED)[0]


def recipe_of(config: Config, dataset: Dataset) -> Recipe:
    """What the model would be trained on: pairs checked for leaks.

    Args:
        config: names data set and options.
        dataset: all of it, as it was loaded.

    Raises:
        InputError: there are no pairs or too few, or an evaluated query is among them.
    """
    if config.pairs_share is None:
        evaluated, frame = dataset, datasets.load_pairs(config.source)
    else:
        evaluated, frame = finetune.split_off(dataset, config.pairs_share, seed=finetune.SPLIT_SEED)
    pairs = finetune.build_pairs(frame, evaluated, drop_unknown=config.source.unknown_products == "drop")
    validation = finetune.make_validation(pairs, dataset.catalogue, seed=finetune.SPLIT_SEED)
    return finetune.Recipe(embeddings.resolve(config.models[BASE]), pairs, validation, config.finetune, dataset.name)


def finetuned_model(config: Config, dataset: Dataset) -> Finetuned:
    """The model of a configuration: the given one, the stored one, or what it is to be trained from.

    Args:
        config: names model, data set and options.
        dataset: all of it, as it was loaded.

    Raises:
        InputError: a model does not fit its hash, or has seen a query of the benchmark; or see `recipe_of`.
    """
    evaluated = evaluated_part(config, dataset)
    path = config.models[FINETUNED].model
    if path is not None:
        return _given(config, evaluated)
    recipe = recipe_of(config, dataset)
    leaks = finetune.find_leaks(recipe.pairs.trained, evaluated, where="the pairs to train on")
    stored, notes = finetune.find_stored(config.cache_dir, recipe.sha256), _pair_notes(recipe)
    if stored is None:
        return Finetuned(recipe.base, recipe, trained=False, sha256=recipe.sha256, leaks=leaks, notes=notes)
    finetune.find_leaks(stored.trained, evaluated, where=f"the pairs of model {stored.path}")
    return Finetuned(
        trained_model(config, stored), recipe, trained=True, sha256=recipe.sha256, leaks=leaks, notes=notes
    )


def _given(config: Config, evaluated: Dataset) -> Finetuned:
    model = embeddings.resolve(_choice(config))
    stored = finetune.check_stored(model.path, expected=None)
    if stored is None:
        note = f"model {FINETUNED}: {model.path} has no record of its pairs; whether it saw these queries is not known"
        return Finetuned(model, None, trained=True, sha256="", leaks=None, notes=(note,))
    leaks = finetune.find_leaks(stored.trained, evaluated, where=f"the pairs of model {model.path}")
    return Finetuned(trained_model(config, stored), None, trained=True, sha256=stored.sha256, leaks=leaks, notes=())


def trained_model(config: Config, stored: Stored) -> Model:
    """A stored model, resolved; where nothing else is said it cuts texts where the base model does."""
    model = embeddings.resolve(replace(_choice(config), model=str(stored.path)))
    return replace(model, name=f"{stored.base} fine-tuned")


def _choice(config: Config) -> ModelChoice:
    own, base = config.models[FINETUNED], config.models[BASE]
    return replace(own, max_tokens=own.max_tokens or base.max_tokens, device=own.device or base.device)


def _pair_notes(recipe: Recipe) -> tuple[str, ...]:
    pairs = recipe.pairs
    notes = []
    if pairs.dropped_pairs:
        queries = ", ".join(map(repr, pairs.dropped[:3])) + (" …" if len(pairs.dropped) > 3 else "")  # noqa: PLR2004
        of = f"{len(pairs.dropped):,} evaluated queries"
        notes.append(f"pairs: {pairs.dropped_pairs:,} of {of} are not trained on: {queries}")
    if pairs.unknown:
        notes.append(f"pairs: {pairs.unknown:,} of products without a title are dropped")
    return tuple(notes)
