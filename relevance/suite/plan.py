"""A configuration becomes a plan: complete and checked.

Whatever is wrong with files, names or options is an error when the plan is made, before anything long starts. It needs
neither a model in memory nor an index.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from relevance import bodies, datasets, embeddings, engines, gate
from relevance.engines import QueryBatch
from relevance.engines.rankers import beside
from relevance.errors import InputError, RelevanceError, did_you_mean, several
from relevance.files import quoted
from relevance.finetune import Options
from relevance.finetune.distillation import Distillation
from relevance.finetune.pairs import SPLIT_SEED, find_leaks, split_off
from relevance.finetune.recipe import Recipe, make_validation
from relevance.finetune.reranker import RerankerRecipe
from relevance.finetune.sources import OWN, parse_mix
from relevance.finetune.store import check_stored, find_stored, train
from relevance.finetune.teacher import Teacher
from relevance.gate.rebuilds import EXACT
from relevance.packages import ENCODER, TRAINER, require
from relevance.records import embedded_texts
from relevance.reranking.cross_encoder import resolve_scorer
from relevance.reranking.function import scoring_function
from relevance.stages import TRAINED, Rerank
from relevance.strategies import (
    BASE,
    DERIVED,
    FINETUNED,
    SHORT,
    SHORT_DIMENSIONS,
    STATIC,
    STRATEGIES,
    all_of,
    leaves_of,
    readings_of,
)
from relevance.suite.training_data import mix_notes, training_pairs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pandas as pd

    from relevance.config import Config
    from relevance.embeddings import Model
    from relevance.engines import EngineChoice, VectorField
    from relevance.finetune.pairs import Leaks, Pairs
    from relevance.finetune.recipe import Validation
    from relevance.finetune.store import Stored
    from relevance.gate import Floors
    from relevance.records import Dataset
    from relevance.reranking.cross_encoder import Scorer
    from relevance.strategies import Strategy


@dataclass(frozen=True, eq=False)
class Finetuned:
    """What the model is, and what is known of it.

    Attributes:
        model: as resolved; where it is still to be trained, the base model in its place.
        recipe: what it is made of; None for a model that was named.
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
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class TrainedReranker:
    """The cross-encoder that is trained on the data set's pairs.

    Attributes:
        recipe: what it is made of.
        stored: the model; None where it is still to be trained.
        leaks: what its training shares with the benchmark and may share.
        notes: what people should know, a line each.
    """

    recipe: RerankerRecipe
    stored: Stored | None
    leaks: Leaks
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Static:
    """The static embedding that is distilled here: the model, or where it is not `trained` what stands in its place."""

    model: Model
    recipe: Distillation
    trained: bool


@dataclass(frozen=True, eq=False)
class Plan:
    """What will run, checked.

    Attributes:
        floors: by strategy name, for this data set.
        models: by name, those that the strategies use.
        text_fields: those that the strategies match.
        vector_fields: (model, field) of those that are embedded and indexed.
        engine: what will rank.
        config: what the plan was made of.
        finetuned: what is known of the fine-tuned model; None where no strategy uses it, or what is made of it.
        static: what is distilled from it; None where no strategy uses it.
        left_out: strategies that cannot run, with the reason of each.
        rerankers: what reorders hits, by how strategies say it; None in the place of a function. One that is still to
            be trained is not there.
        reranker: the one that is trained here; None where no strategy uses it.
    """

    dataset: Dataset
    strategies: tuple[Strategy, ...]
    floors: Mapping[str, Floors]
    models: Mapping[str, Model]
    text_fields: tuple[str, ...]
    vector_fields: tuple[VectorField, ...]
    engine: EngineChoice
    config: Config
    finetuned: Finetuned | None = None
    static: Static | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)
    rerankers: Mapping[Rerank, Scorer | None] = field(default_factory=dict)
    reranker: TrainedReranker | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What people should know of it, a line each."""
        broken = (f"passed over, as it does not run here: {error}" for error in self.config.broken.values())
        of_finetuned = () if self.finetuned is None else self.finetuned.notes
        of_models = (note for model in self.models.values() for note in model.notes)
        of_engine = (*self.engine.failing, *self.engine.notes)
        of_reranker = () if self.reranker is None else self.reranker.notes
        notes = (*broken, *of_finetuned, *of_reranker, *of_models, *of_engine, *self.dataset.notes)
        return tuple(dict.fromkeys(notes))


@dataclass(frozen=True, eq=False)
class Parts:
    """What a plan is made of, as in `Plan`; None in the place of what cannot be read.

    In the place of a fine-tuned model that nobody gave stands the base model among the `models`.
    """

    strategies: tuple[Strategy, ...]
    left_out: Mapping[str, str]
    floors: Mapping[str, Floors] | None
    models: Mapping[str, Model] | None
    engine: EngineChoice | None
    dataset: Dataset | None
    finetuned: Finetuned | None
    rerankers: Mapping[Rerank, Scorer | None] | None
    reranker: TrainedReranker | None
    static: Static | None = None

    @property
    def known_models(self) -> Mapping[str, Model]:
        """The models, those that were made here in their places."""
        models = dict(self.models or {})
        if self.finetuned is not None:
            models = with_finetuned(models, self.finetuned.model)
        return models if self.static is None else {**models, STATIC: self.static.model}


def read_parts(config: Config, strategies: Sequence[Strategy], attempt: Callable[..., Any]) -> Parts:
    """Read and check everything that the strategies need.

    Args:
        config: names it.
        strategies: those that are to run.
        attempt: calls the function that is its first argument with the rest; it may give None for an error of ours.
    """
    floors = attempt(_floors_of, config)
    strategies, left_out = attempt(runnable, config, strategies) or (tuple(strategies), {})
    models = attempt(_resolved_models, config, strategies)
    rerankers = attempt(_resolved_rerankers, config, all_of(strategies))
    leaves = leaves_of(strategies)
    engine: EngineChoice | None = attempt(_engine, config, leaves)
    if engine is not None and engine.inspect is not None and models is not None:
        inspected = attempt(engine.inspect, {name: model.dimensions for name, model in models.items()})
        engine = engine if inspected is None else replace(inspected, trial=engine.trial)
    if engine is not None:
        engine = replace(engine, notes=(*engine.notes, *_idle_options(config, strategies, engine, models or {})))
    products = None if engine is None else engine.product_ids
    dataset, finetuned, reranker, static = None, None, None, None
    if config.elasticsearch.index is None or products is not None:
        dataset = attempt(_load_dataset, config, products)
    if dataset is not None:
        dataset = attempt(with_params, dataset, leaves) or dataset
        if engine is not None and engine.trial is not None:
            engine = attempt(_tried, engine, engine.trial, dataset, models or {}) or engine
        if (readings := readings_of(strategies)) and products is None:
            dataset = replace(dataset, catalogue=dataset.catalogue.read(readings))
        dataset, pairs = attempt(_split, config, dataset) or (None, None)
        if dataset is not None and models is not None and FINETUNED in models:
            finetuned = attempt(_finetuned_model, config, dataset, pairs)
            static = attempt(_static_model, config, dataset, finetuned, models)
        if dataset is not None and (of_trained := trained_rerankers(strategies)):
            reranker = attempt(_reranker_model, config, dataset, pairs, finetuned)
            if reranker is not None and reranker.stored is not None and rerankers is not None:
                scorer = attempt(trained_scorer, config, reranker.stored)
                rerankers = {**rerankers, **dict.fromkeys(of_trained, scorer)} if scorer else rerankers
    return Parts(strategies, left_out, floors, models, engine, dataset, finetuned, rerankers, reranker, static)


def _engine(config: Config, strategies: Sequence[Strategy]) -> EngineChoice:
    """The engine, beside it what ranks from outside: its functions, programs, files and variables are looked for."""
    own, errors = [strategy for strategy in strategies if strategy.outside is None], []
    for strategy in strategies:
        try:
            if strategy.outside is not None:
                strategy.outside.open().close()
        except InputError as error:
            errors.append(InputError(f"{strategy.where}: {error}", details=error.details))
    if errors:
        raise several(errors)
    choice = engines.embedded_choice("none, every strategy ranks from outside")
    if own or config.elasticsearch.index is not None:
        choice = engines.choose(config.engine, config.elasticsearch, own, config.fields, config.release)
    is_all = len(own) == len(strategies)
    return choice if is_all else beside(choice, drops=config.source.unknown_products == "drop")


def make_plan(config: Config, strategies: Sequence[Strategy]) -> Plan:
    """Read and check everything that the strategies need.

    Raises:
        InputError: bad input or usage, see the rooms.
        CouldNotRunError: a model or an engine that is not there and cannot be had.
    """
    parts = read_parts(config, strategies, lambda read, *arguments: read(*arguments))
    assert parts.dataset and parts.engine and parts.floors is not None and parts.models is not None  # noqa: S101, PT018 - for the types
    runs = parts.strategies
    leaves = leaves_of(runs)
    any_field = any(strategy.template is not None for strategy in leaves)  # a raw template may match any
    own_way = [strategy for strategy in leaves if strategy.reading is None]
    matched = (name for name in config.fields.text if any_field or any(name in one.text for one in own_way))
    return Plan(
        dataset=parts.dataset,
        strategies=runs,
        floors=parts.floors,
        models=MappingProxyType(parts.known_models),
        text_fields=tuple(matched),
        vector_fields=searched_fields(runs) if parts.engine.product_ids is None else (),
        engine=parts.engine,
        config=config,
        finetuned=parts.finetuned,
        static=parts.static,
        left_out=parts.left_out,
        rerankers=parts.rerankers or {},
        reranker=parts.reranker,
    )


def _idle_options(
    config: Config, strategies: Sequence[Strategy], engine: EngineChoice, models: Mapping[str, Model]
) -> Iterator[str]:
    """What was set by an option or a variable, and changes nothing here; in a file it may wait for other sessions."""
    used = models_of(config, strategies)
    if FINETUNED in used and config.models[FINETUNED].path is None:
        used.add(BASE)  # which it is trained from
    # the option of a device is for all models, those of other strategies too
    shared = {"device", *(("max_tokens", "trust_remote_code") if FINETUNED in used else ())}
    idle: dict[tuple[str, str], list[str]] = {}
    for path, place in config.origins.items():
        table, _, rest = path.partition(".")
        name, _, key = rest.partition(".")
        if not place.startswith(("option ", "environment ")):
            continue
        if path == "release" and engine.name != "embedded":
            idle.setdefault((table, f"{engine.name} ranks as the release that it is"), []).append(place)
        elif path == "elasticsearch.rebuilds" and engine.name != "embedded" and _is_exact(config):
            idle.setdefault((table, "the vector index is exact, or not ours to build"), []).append(place)
        elif table == "elasticsearch" and rest != "mapping" and engine.name == "embedded":
            idle.setdefault((table, "the embedded engine ranks"), []).append(place)
        elif table == "models" and name not in used and key not in shared:
            idle.setdefault((table, f"no strategy that runs uses the model {name}"), []).append(place)
        elif table == "models" and name in models and models[name].has_already(key, getattr(config.models[name], key)):
            idle.setdefault((table, f"the model {name} has it already"), []).append(place)
    for (_, why), places in sorted(idle.items()):
        meant = sorted(set(places))
        yield f"{' and '.join(meant)} {'change' if len(meant) > 1 else 'changes'} nothing: {why}"


def _is_exact(config: Config) -> bool:
    """Whether the vector index of a server is the same each time, or one that exists."""
    return config.elasticsearch.vector_index in EXACT or config.elasticsearch.index is not None


def _tried(
    engine: EngineChoice, trial: Callable[..., Sequence[str]], dataset: Dataset, models: Mapping[str, Model]
) -> EngineChoice:
    """The engine with lines on the search bodies that it refuses, each asked with the parameters of the queries."""
    queries = dataset.queries
    directions = {name: np.eye(1, model.dimensions, dtype=np.float32) for name, model in models.items()}
    vectors = {name: np.broadcast_to(one, (len(queries), one.shape[1])) for name, one in directions.items()}
    names = [f"{uid!r} ({label})" for uid, label in zip(queries.ids, queries.labels, strict=True)]
    lines = tuple(trial(QueryBatch(queries.texts, vectors, params=queries.params), names))
    if engine.name == "embedded":
        return replace(engine, failing=lines)
    return replace(engine, notes=(*engine.notes, *lines))  # the server has the last word


def searched_fields(strategies: Sequence[Strategy]) -> tuple[VectorField, ...]:
    """List the vector fields that strategies search, by model, each model's in the order of the products' fields.

    A raw template searches the fields of an index of ours that it names.
    """
    leaves = leaves_of(strategies)
    used = {
        (strategy.model, name)
        for strategy in leaves
        for name in strategy.fields.embedded
        if name in strategy.vectors or strategy.names(engines.vector_path(strategy.model, name))
    }
    order = {name: at for strategy in leaves for at, name in enumerate(strategy.fields.embedded)}
    return tuple(sorted(used, key=lambda key: (key[0], order[key[1]])))


def _floors_of(config: Config) -> Mapping[str, Floors]:
    """The floors for the data set, by strategy; none where the configuration names no file."""
    if config.floors is None:
        return MappingProxyType({})
    names = (*datasets.DATASETS, *config.aliases)
    strategies = tuple(dict.fromkeys((*STRATEGIES, *config.strategies, *config.broken)))
    floors = gate.read_floors(config.floors, datasets=names, strategies=strategies, metrics=config.metrics.all)
    return MappingProxyType({name: floor for (dataset, name), floor in floors.items() if dataset == config.source.name})


def _resolved_models(config: Config, strategies: Sequence[Strategy]) -> Mapping[str, Model]:
    """The models that strategies use, by name; their files and the cache's folder are checked."""
    names = sorted(models_of(config, strategies))
    if names:
        using = [strategy.name for strategy in strategies if strategy.models]
        require(_some_of(using), ENCODER, otherwise="choose strategies of text alone, as --strategy textsearch")
        embeddings.check_cache_dir(config.cache_dir)
    return MappingProxyType({name: _resolved(name, config) for name in names})


def _some_of(names: Sequence[str]) -> str:
    return f"strategy {names[0]} (and {len(names) - 1} more)" if names[1:] else f"strategy {names[0]}"


def models_of(config: Config, strategies: Sequence[Strategy]) -> set[str]:
    """The names of the models that strategies use, and of the fine-tuned one where one of them is made of it."""
    names = {name for strategy in strategies for name in strategy.models}
    return names | ({FINETUNED} if any(_is_derived(config, name) for name in names) else set())


def _is_derived(config: Config, name: str) -> bool:
    """Whether a model is made of the fine-tuned one here."""
    return name in DERIVED and config.models[name].path is None


def with_finetuned(models: Mapping[str, Model], finetuned: Model) -> dict[str, Model]:
    """The models with the fine-tuned one, and with what it is where its vectors are cut, as they were before."""
    short = models.get(SHORT)
    cut = {} if short is None or short.path != models[FINETUNED].path else {SHORT: _cut(finetuned, short.dimensions)}
    return {**models, FINETUNED: finetuned, **cut}


def _cut(model: Model, dimensions: int) -> Model:
    """The model with vectors of so many dimensions at most."""
    return model if dimensions >= model.dimensions else replace(model, dimensions=dimensions, truncate_dim=dimensions)


def _shortened(config: Config, name: str, model: Model, usual: int | None = None) -> Model:
    """The model with its vectors cut where the configuration says, else at the usual number of dimensions."""
    chosen = config.models[name].truncate_dim
    if chosen is not None and chosen > model.dimensions:
        problem = f"truncate_dim {chosen}: the model {FINETUNED} allows 1 to {model.dimensions}"
        raise InputError(f"[models.{name}] {problem}")
    return _cut(model, chosen or usual or model.dimensions)


_OF_ONE_MODEL = ("max_tokens", "truncate_dim", "revision")
"""Settings that an error begins with, whose place can be told."""


def _resolved_rerankers(config: Config, strategies: Sequence[Strategy]) -> Mapping[Rerank, Scorer | None]:
    """What reorders the hits of strategies: models are found and checked, functions imported."""
    found: dict[Rerank, Scorer | None] = {}
    for strategy in strategies:
        rerank = strategy.reranking
        if rerank is None or rerank in found:
            continue
        try:
            if rerank.search is not None:
                scoring_function(rerank)
                found[rerank] = None
                continue
            embeddings.check_cache_dir(config.cache_dir)
            if rerank.model != TRAINED:
                found[rerank] = resolve_scorer(rerank, cache_dir=config.cache_dir, device=config.models[BASE].device)
        except RelevanceError as error:
            raise type(error)(f"{strategy.where}: {error}", details=error.details) from None
    return MappingProxyType(found)


def trained_rerankers(strategies: Sequence[Strategy]) -> list[Rerank]:
    """List the stages whose cross-encoder is trained here."""
    stages = (one.reranking for one in all_of(strategies))
    return [stage for stage in stages if stage is not None and stage.model == TRAINED]


def _resolved(name: str, config: Config) -> Model:
    if name == SHORT and _is_derived(config, name):
        return _shortened(config, name, _resolved(FINETUNED, config), SHORT_DIMENSIONS)
    if name == STATIC and _is_derived(config, name):
        teacher = _resolved(FINETUNED, config)
        to_be: dict[str, Any] = {"fingerprint": f"to be distilled from {teacher.fingerprint}", "max_tokens": None}
        return _shortened(config, name, replace(teacher, **to_be, query_prompt="", document_prompt=""))
    if name == FINETUNED and config.models[name].path is None:
        base = _resolved(BASE, config)
        # its vectors are not those of the base model
        return replace(base, fingerprint=f"to be trained from {base.fingerprint}")
    try:
        return embeddings.resolve(**asdict(config.models[name]), cache_dir=config.cache_dir)
    except RelevanceError as error:
        key = str(error).partition(" ")[0]
        origin = config.origins.get(f"models.{name}.{key}", "") if key in _OF_ONE_MODEL else ""
        if origin.startswith(("option", "environment")):
            place = f"{origin}:"
        elif config.file is not None and origin == config.file.name:
            place = f"{config.file} [models.{name}]"
        elif name != BASE:
            place = f"[models.{name}]:"
        else:
            raise
        raise type(error)(f"{place} {error}") from None  # which of several it is, and where it is set


def read_dataset(config: Config) -> Dataset:
    """Read the data set alone, over the products of an index that exists where there is one; raises as a plan."""
    if config.elasticsearch.index is None:
        return _load_dataset(config, None)
    engine = engines.choose(config.engine, config.elasticsearch, (), config.fields, config.release)
    return _load_dataset(config, (engine if engine.inspect is None else engine.inspect({})).product_ids)


def _load_dataset(config: Config, products: Sequence[str] | None) -> Dataset:
    """The data set, over the products of an index that exists where there is one."""
    with _naming_place(config):
        return datasets.load(config.source) if products is None else datasets.load_over(config.source, products)


@contextmanager
def _naming_place(config: Config) -> Iterator[None]:
    """Say of a data set whose folder is not there which key, option or variable names it."""
    try:
        yield
    except InputError as error:
        source, origin = config.source, config.origins["dataset"]
        if source.format == "sample" or (source.path is not None and source.path.is_dir()):
            raise
        if source.name in config.aliases:
            origin = f"{config.file} [datasets.{source.name}] path"
        elif not origin.startswith(("option", "environment")):
            origin = f"{config.file} dataset"
        raise InputError(f"{origin}: {error}", details=error.details) from None


def with_params(dataset: Dataset, strategies: Sequence[Strategy]) -> Dataset:
    """Check that every query has the parameters that strategies' templates need; with notes on what none has."""
    queries, errors, notes = dataset.queries, [], []
    params = queries.params or [bodies.NO_PARAMS] * len(queries)
    known = sorted({name for one in params for name in one})
    for strategy in strategies:
        for mark in dict.fromkeys(mark for mark in strategy.marks if mark.parameter):
            wrong = {code: problem for code, one in enumerate(params) if (problem := mark.problem(one))}
            if wrong:
                code, problem = next(iter(wrong.items()))
                others = f" and {len(wrong) - 1:,} more" if len(wrong) > 1 else ""
                which = f"query {queries.ids[code]!r} ({quoted(queries.texts[code])}){others}"
                errors.append(InputError(f"{strategy.where}: {mark.text}: {which}: {problem}"))
            elif mark.parameter not in known:
                near = did_you_mean(mark.parameter, known)
                notes.append(f"{strategy.where}: {mark.text}: no query has a parameter {mark.parameter!r}{near}")
    if errors:
        raise several(errors)
    return replace(dataset, notes=(*dataset.notes, *notes)) if notes else dataset


# the fine-tuned model


def runnable(config: Config, strategies: Sequence[Strategy]) -> tuple[tuple[Strategy, ...], Mapping[str, str]]:
    """Split strategies into those that can run and, with a reason each, those that cannot.

    Raises:
        InputError: one that cannot run was asked for by name, or none can.
    """
    needed = {strategy.name: models_of(config, [strategy]) for strategy in strategies}
    finetuned = [name for name, models in needed.items() if FINETUNED in models]
    reasons = dict.fromkeys(finetuned, _unavailable(config) if finetuned else "")
    static = [name for name in finetuned if STATIC in needed[name] and not reasons[name]]
    reasons |= dict.fromkeys(static, _static_unavailable(config))
    reranking = [one.name for one in strategies if trained_rerankers([one]) and not reasons.get(one.name)]
    reasons |= dict.fromkeys(reranking, _without_pairs(config) if reranking else "")
    reasons = {name: reason for name, reason in reasons.items() if reason}
    named = [name for name in reasons if name in config.named]
    if named or (reasons and len(reasons) == len(strategies)):
        name = (named or list(reasons))[0]
        raise InputError(f"strategy {name!r} cannot run: {reasons[name]}")
    runs = tuple(strategy for strategy in strategies if strategy.name not in reasons)
    return runs, MappingProxyType(reasons)


def _static_unavailable(config: Config) -> str:
    """Why no static embedding can be distilled; "" where one can, or one is named."""
    if not _is_derived(config, STATIC) or config.models[FINETUNED].path is None:
        return ""
    allowed = f"[models.{STATIC}] path, or a model {FINETUNED} without a path"
    return f"a static embedding needs the pairs of a training here, and a named model has none; allowed: {allowed}"


def _unavailable(config: Config) -> str:
    """Why there is no fine-tuned model to be had, "" where there is one."""
    named = config.models[FINETUNED].path is not None
    if config.elasticsearch.index is not None:
        mapped = any(name.startswith(f"{FINETUNED}.") for name in config.elasticsearch.vectors)
        if not mapped or not named:
            allowed = "vectors of it in [elasticsearch.vectors], and --finetuned-model"
            return f"the index that exists is not known to have vectors of a fine-tuned model; allowed: {allowed}"
    return "" if named else _without_pairs(config, "--finetuned-model PATH, ")


def _without_pairs(config: Config, also: str = "") -> str:
    """Why nothing can be trained, "" where it can; `also` is allowed beside pairs."""
    with _naming_place(config):
        own = OWN in [source.name for source in parse_mix(config.finetune.mix)]
        if not own or config.pairs_share is not None or datasets.has_pairs(config.source):
            return ""
    allowed = f"{also}pairs, --pairs-from-judgments SHARE, or mix = ['titles'] of [finetune]"
    return f"data set {config.source.name!r} has no pairs to fine-tune a model on; allowed: {allowed}"


def _split(config: Config, dataset: Dataset) -> tuple[Dataset, pd.DataFrame | None]:
    """The part that is evaluated, and the pairs of the other part, None where nothing is split off."""
    if config.pairs_share is None:
        return dataset, None
    return split_off(dataset, config.pairs_share, seed=SPLIT_SEED)


def _finetuned_model(config: Config, evaluated: Dataset, frame: pd.DataFrame | None) -> Finetuned:
    """The named model, the stored one, or what it is to be trained from: on `frame`, else on the data set's pairs.

    It fits its hash, and its pairs share no query with the benchmark.
    """
    if config.models[FINETUNED].path is not None:
        model = embeddings.resolve(**_choice(config), cache_dir=config.cache_dir)
        stored = check_stored(model.path, expected=None)
        if stored is None:
            unknown = f"{model.path} has no record of its pairs; whether it saw these queries is not known"
            return Finetuned(model, None, trained=True, sha256="", leaks=None, notes=(f"model {FINETUNED}: {unknown}",))
        leaks = find_leaks(stored.trained, evaluated, where=f"the pairs of model {model.path}")
        return Finetuned(trained_model(config, stored), None, trained=True, sha256=stored.sha256, leaks=leaks)
    mixture = training_pairs(config, evaluated, frame)
    pairs = mixture.pairs
    validation = make_validation(mixture.validated, evaluated.catalogue, seed=SPLIT_SEED)
    base = _resolved(BASE, config)
    teacher = _teacher(config, base, pairs, validation, evaluated.name)
    recipe = Recipe(base, pairs, validation, config.finetune, evaluated.name, teacher)
    leaks = find_leaks(recipe.trained, evaluated, where="the pairs to train on")
    stored, notes = find_stored(config.cache_dir, recipe.sha256), (*_pair_notes(pairs), *mix_notes(mixture))
    if stored is None:
        require("fine-tuning", TRAINER)
    else:
        find_leaks(stored.trained, evaluated, where=f"the pairs of model {stored.path}")
    model = base if stored is None else trained_model(config, stored)
    return Finetuned(model, recipe, trained=stored is not None, sha256=recipe.sha256, leaks=leaks, notes=notes)


def _reranker_model(
    config: Config, evaluated: Dataset, frame: pd.DataFrame | None, finetuned: Finetuned | None
) -> TrainedReranker:
    """The stored cross-encoder, or what it is to be trained from: the pairs of the fine-tuned model."""
    if finetuned is not None and finetuned.recipe is not None:
        pairs, validation = finetuned.recipe.pairs, finetuned.recipe.validation
    else:
        mixture = training_pairs(config, evaluated, frame)
        pairs = mixture.pairs
        validation = make_validation(mixture.validated, evaluated.catalogue, seed=SPLIT_SEED)
    base = _resolved(BASE, config)
    recipe = RerankerRecipe(base, pairs, validation, config.finetune, evaluated.name, reranker=config.reranker)
    leaks = find_leaks(recipe.trained, evaluated, where="the pairs to train a reranker on")
    stored = find_stored(config.cache_dir, recipe.sha256)
    if stored is None:
        require("fine-tuning", TRAINER)
    else:
        find_leaks(stored.trained, evaluated, where=f"the pairs of reranker {stored.path}")
    return TrainedReranker(recipe, stored, leaks, _pair_notes(pairs))


def trained_scorer(config: Config, stored: Stored) -> Scorer:
    """Resolve a stored cross-encoder, which cuts texts where its training did."""
    base = config.models[BASE]
    rerank = Rerank(str(stored.path), max_tokens=config.finetune.max_tokens, trust_remote_code=base.trust_remote_code)
    scorer = resolve_scorer(rerank, cache_dir=config.cache_dir, device=base.device)
    return replace(scorer, name=f"{stored.base} as a cross-encoder", recipe=stored.sha256)


def _teacher(config: Config, base: Model, pairs: Pairs, validation: Validation, dataset: str) -> Teacher | None:
    """The cross-encoder that a training learns from: one that is found and checked, or the one trained on the pairs.

    That is one for all seeds, trained where it is first asked.
    """
    name, cache_dir = config.finetune.teacher, config.cache_dir
    if name is None:
        return None
    if name != TRAINED:
        scorer = resolve_scorer(Rerank(model=name), cache_dir=cache_dir, device=config.models[BASE].device)
        return Teacher(scorer.facts, lambda: scorer, cache_dir)
    options = replace(config.finetune, seed=Options().seed)
    recipe = RerankerRecipe(base, pairs, validation, options, dataset, reranker=config.reranker)
    facts = {"recipe": recipe.sha256, "max_tokens": options.max_tokens}
    return Teacher(facts, lambda: trained_scorer(config, train(recipe, cache_dir, progress=True)), cache_dir)


def trained_model(config: Config, stored: Stored) -> Model:
    """Resolve a stored model; where nothing else is said it cuts texts where the base model does."""
    model = embeddings.resolve(**{**_choice(config), "path": str(stored.path)}, cache_dir=config.cache_dir)
    return replace(model, name=f"{stored.base} fine-tuned", configuration="")  # its recipe says that


def _static_model(
    config: Config, evaluated: Dataset, finetuned: Finetuned | None, models: Mapping[str, Model]
) -> Static | None:
    """The stored static embedding, or what it is to be distilled from; None where none is to be.

    Its pairs share no query with the benchmark.
    """
    if finetuned is None or finetuned.recipe is None or STATIC not in models or not _is_derived(config, STATIC):
        return None
    teacher, texts = finetuned.recipe, embedded_texts(evaluated.catalogue, "whole", STATIC)
    recipe = Distillation(
        finetuned.model,
        finetuned.sha256,
        tuple(sorted({text for text in texts if text.strip()})),
        teacher.pairs,
        teacher.validation,
        config.finetune.seed,
        evaluated.name,
        config.cache_dir,
    )
    stored = find_stored(config.cache_dir, recipe.sha256)
    if stored is None:
        find_leaks(recipe.trained, evaluated, where="the pairs to distil with")
        return Static(_resolved(STATIC, config), recipe, trained=False)
    find_leaks(stored.trained, evaluated, where=f"the pairs of model {stored.path}")
    return Static(static_model(config, stored), recipe, trained=True)


def static_model(config: Config, stored: Stored) -> Model:
    """Resolve a stored static embedding."""
    model = embeddings.resolve(str(stored.path), cache_dir=config.cache_dir)
    return _shortened(config, STATIC, replace(model, name=f"{stored.base}, static", configuration=""))


def _choice(config: Config) -> dict[str, Any]:
    own, base = config.models[FINETUNED], config.models[BASE]
    return {
        **asdict(own),
        "max_tokens": own.max_tokens or base.max_tokens,
        "device": own.device or base.device,
        "trust_remote_code": own.trust_remote_code or base.trust_remote_code,
    }


def _pair_notes(pairs: Pairs) -> tuple[str, ...]:
    notes = []
    if pairs.dropped_pairs:
        queries = ", ".join(map(repr, pairs.dropped[:3])) + (" …" if len(pairs.dropped) > 3 else "")  # noqa: PLR2004
        of = f"{len(pairs.dropped):,} evaluated queries"
        notes.append(f"pairs: {pairs.dropped_pairs:,} of {of} are not trained on: {queries}")
    if pairs.unknown:
        notes.append(f"pairs: {pairs.unknown:,} of products without a title are dropped")
    return tuple(notes)
