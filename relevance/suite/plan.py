"""A configuration becomes a plan: complete and checked.

Whatever is wrong with files, names or options is an error when the plan is made, before anything long starts. It needs
neither a model in memory nor an index.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from relevance import datasets, embeddings, engines, gate
from relevance.errors import RelevanceError
from relevance.fields import TEXT_FIELDS, VECTOR_FIELDS
from relevance.strategies import BASE, FINETUNED
from relevance.suite.finetuned import evaluated_part, finetuned_model, runnable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from relevance.config import Config
    from relevance.embeddings import Model
    from relevance.engines.base import EngineChoice, VectorField
    from relevance.gate import Floors
    from relevance.records import Dataset
    from relevance.strategies import Strategy
    from relevance.suite.finetuned import Finetuned

__all__ = ["Plan", "floors_of", "make_plan", "resolved_models", "searched_fields"]


@dataclass(frozen=True, eq=False)
class Plan:
    """What will run, checked.

    Attributes:
        floors: by strategy name, for this data set.
        models: by name, those that the strategies use.
        text_fields: those that the strategies match.
        vector_fields: (model, field) of those that are embedded and indexed.
        cache_dir: where embeddings are kept.
        engine: what will rank.
        config: what the plan was made of.
        finetuned: what is known of the fine-tuned model; None where no strategy uses it.
        left_out: strategies that cannot run, with the reason of each.
    """

    dataset: Dataset
    strategies: tuple[Strategy, ...]
    floors: Mapping[str, Floors]
    models: Mapping[str, Model]
    text_fields: tuple[str, ...]
    vector_fields: tuple[VectorField, ...]
    cache_dir: Path
    engine: EngineChoice
    config: Config
    finetuned: Finetuned | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)


def searched_fields(strategies: Sequence[Strategy]) -> tuple[VectorField, ...]:
    """The vector fields that strategies search, by model, each model's in the order of `VECTOR_FIELDS`.

    A raw template searches the fields of an index of ours that it names.
    """
    used = {
        (strategy.model, name)
        for strategy in strategies
        for name in VECTOR_FIELDS
        if name in strategy.vectors or strategy.names(engines.vector_path(strategy.model, name))
    }
    return tuple(sorted(used, key=lambda key: (key[0], VECTOR_FIELDS.index(key[1]))))


def _resolved(name: str, config: Config) -> Model:
    if name == FINETUNED and config.models[name].model is None:
        base = _resolved(BASE, config)
        # its vectors are not those of the base model
        return replace(base, fingerprint=f"to be trained from {base.fingerprint}")
    try:
        return embeddings.resolve(config.models[name])
    except RelevanceError as error:
        if name == BASE:
            raise
        raise type(error)(f"[models.{name}]: {error}") from None  # which of several it is


def resolved_models(config: Config, strategies: Sequence[Strategy]) -> Mapping[str, Model]:
    """The models that strategies use, by name; their files and the cache's folder are checked, none is loaded.

    In the place of a fine-tuned model that nobody gave stands the base model.

    Raises:
        InputError: a model's files or the cache's folder are not as they have to be.
        CouldNotRunError: a model is not there and cannot be had.
    """
    names = sorted({strategy.model for strategy in strategies if strategy.embeds})
    models = {name: _resolved(name, config) for name in names}
    if models:
        embeddings.check_cache_dir(config.cache_dir)
    return MappingProxyType(models)


def floors_of(config: Config) -> Mapping[str, Floors]:
    """The floors for the data set, by strategy; none where the configuration names no file.

    Raises:
        InputError: see `gate.read_floors`.
    """
    if config.floors is None:
        return MappingProxyType({})
    names = (*datasets.DATASETS, *config.aliases)
    floors = gate.read_floors(config.floors, datasets=names, strategies=config.strategies)
    return MappingProxyType({name: found for (dataset, name), found in floors.items() if dataset == config.source.name})


def make_plan(config: Config, strategies: Sequence[Strategy]) -> Plan:
    """Read and check everything that the strategies need.

    Raises:
        InputError: bad input or usage, see the rooms.
        CouldNotRunError: a model or an engine that is not there and cannot be had.
    """
    floors = floors_of(config)
    strategies, left_out = runnable(config, strategies)
    models = resolved_models(config, strategies)
    engine = engines.choose(config.engine, config.elasticsearch, strategies)
    if engine.existing is not None:
        engine = engine.existing({name: model.dimensions for name, model in models.items()})
    products = engine.product_ids
    dataset = datasets.load(config.source) if products is None else datasets.load_over(config.source, products)
    finetuned = None
    if FINETUNED in models:
        finetuned = finetuned_model(config, dataset)
        models = MappingProxyType({**models, FINETUNED: finetuned.model})
    return Plan(
        dataset=evaluated_part(config, dataset),
        strategies=strategies,
        floors=floors,
        models=models,
        text_fields=_text_fields(strategies),
        vector_fields=searched_fields(strategies) if products is None else (),
        cache_dir=config.cache_dir,
        engine=engine,
        config=config,
        finetuned=finetuned,
        left_out=left_out,
    )


def _text_fields(strategies: Sequence[Strategy]) -> tuple[str, ...]:
    """Those that strategies match; all of them where a raw template may match any."""
    if any(strategy.template is not None for strategy in strategies):
        return TEXT_FIELDS
    return tuple(name for name in TEXT_FIELDS if any(name in strategy.text for strategy in strategies))
