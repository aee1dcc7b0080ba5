"""Changes of what a plan holds, strategies, models, judgments, the index on a server; and the kinds made of them."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from relevance import embeddings, engines
from relevance.fields import ATTRIBUTES, DESCRIPTION, K1, TITLE, B
from relevance.mutation.engine import (
    Drawing,
    Mutation,
    NotApplicableError,
    around,
    kinds,
    needs_new_index,
    needs_vectors,
)
from relevance.records import Judgments
from relevance.strategies import BASE, FINETUNED, mapped, readings_of
from relevance.suite import searched_fields, with_finetuned

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from relevance.embeddings import Model
    from relevance.finetune.recipe import Recipe
    from relevance.mutation.engine import Change
    from relevance.strategies import Strategy
    from relevance.suite import Plan

    _Boosts: TypeAlias = Mapping[str, float]

_Part: TypeAlias = Literal["text", "vectors"]

_SCALES, _LITTLE = (0.25, 4.0), 1.01
_TOKENS = 8
_PROMPT = "Represent this sentence for searching relevant passages: "
_MAPPINGS = Path(__file__).parent / "mappings"


# strategies


def _strategies(change: Callable[[Strategy], Strategy], *, deep: bool = True) -> Change:
    """Change each strategy of a plan, which may come back as it is; `deep`: those that it fuses, too."""

    def changed(plan: Plan, _: int) -> Plan:
        after = tuple(mapped(one, change) if deep else change(one) for one in plan.strategies)
        if after == plan.strategies:
            raise NotApplicableError("no strategy has what is changed")
        plan = replace(plan, strategies=after, vector_fields=searched_fields(after))
        known = plan.dataset.catalogue.fields.readings
        others = [one for one in readings_of(after) if one not in known]
        return around(plan, products=lambda catalogue, vectors: (catalogue.read(others), vectors)) if others else plan

    return changed


def _reboosted(strategy: Strategy, part: _Part, change: Callable[[_Boosts], _Boosts]) -> Strategy:
    if part == "text":
        return replace(strategy, text=change(strategy.text))
    if strategy.combine == "linear":
        weights = {name: strategy.weights.get(name, 1) for name in strategy.vectors}
        return replace(strategy, weights={**strategy.weights, **change(weights)})
    # vectors whose ranks are fused have no boost but 1
    return strategy if strategy.is_fused else replace(strategy, vectors=change(strategy.vectors))


def _multiplied(boosts: _Boosts, factor: float, *names: str) -> _Boosts:
    return {name: boost * factor if name in names else boost for name, boost in boosts.items()}


def _names(strategy: Strategy, boosts: _Boosts, roles: tuple[str, ...]) -> list[str]:
    """The fields that have these roles; without roles all."""
    return [strategy.fields.of_role(role) for role in roles] if roles else list(boosts)


def _scaled(part: _Part, factor: float, *roles: str) -> Change:
    def change(strategy: Strategy) -> Strategy:
        return _reboosted(strategy, part, lambda boosts: _multiplied(boosts, factor, *_names(strategy, boosts, roles)))

    return _strategies(change)


def _all_one(part: _Part) -> Change:
    return _strategies(lambda one: _reboosted(one, part, lambda boosts: dict.fromkeys(boosts, 1.0)))


def _swapped(part: _Part) -> Change:
    def change(strategy: Strategy) -> Strategy:
        first, second = map(strategy.fields.of_role, (TITLE, ATTRIBUTES))
        boosts = getattr(strategy, part)
        if first not in boosts or second not in boosts:
            return strategy
        return _reboosted(strategy, part, lambda own: {**own, first: own[second], second: own[first]})

    return _strategies(change)


def _without(part: _Part, *roles: str) -> Change:
    """Leave fields out where something else is left; what has only one list left fuses nothing."""

    def change(strategy: Strategy) -> Strategy:
        boosts = getattr(strategy, part)
        names = _names(strategy, boosts, roles)
        kept = {name: boost for name, boost in boosts.items() if name not in names}
        text, vectors = (kept, strategy.vectors) if part == "text" else (strategy.text, kept)
        lists = bool(text) + len(vectors)
        if not lists:
            return strategy
        weights = {
            name: weight for name, weight in strategy.weights.items() if name in vectors or (name == "text" and text)
        }
        combine = strategy.combine if lists > 1 else "sum"
        return replace(strategy, text=text, vectors=vectors, combine=combine, weights=weights)

    return _strategies(change)


def _fused(*ways: str, **settings: Any) -> Change:
    return _strategies(lambda one: replace(one, **settings) if one.combine in ways else one)


def _added(strategy: Strategy) -> Strategy:
    """Scores are added; of strategies that are fused as they are."""
    if strategy.combine != "rrf":
        return strategy
    return replace(strategy, combine="linear", normalizer="none") if strategy.fuse else replace(strategy, combine="sum")


def _analyzed(change: Callable[[str, str], tuple[str, str]]) -> Change:
    """Change the analyzers of the index and of queries, of strategies that name one."""

    def other(strategy: Strategy) -> Strategy:
        reading = strategy.reading
        before = (reading.analyzer, reading.search_analyzer or reading.analyzer) if reading else ("", "")
        if not before[0] or (after := change(*before)) == before:
            return strategy
        return replace(strategy, analyzer=after[0], search_analyzer=after[1])

    return _strategies(other)


def _in_another_language(index: str, _: str) -> tuple[str, str]:
    language = "english" if index == "german" else "german"
    return language, language


def _as_usual(key: str, usual: Any) -> Change:
    """Give a key that strategies set the value that it has by itself."""
    return _strategies(lambda one: one if getattr(one, key) in (None, usual) else replace(one, **{key: usual}))


@Drawing
def _boosts_scaled(plan: Plan, seed: int) -> tuple[Plan, str]:
    """A factor for all boosts, which no order depends on; how sums of scores are rounded does."""
    factor = float(np.exp(np.random.default_rng(seed).uniform(*np.log(_SCALES))))

    def change(boosts: _Boosts) -> _Boosts:
        return _multiplied(boosts, factor, *boosts)

    def scale(strategy: Strategy) -> Strategy:
        if strategy.combine == "linear" and strategy.normalizer != "none":
            weights = {name: strategy.weights.get(name, 1) for name in strategy.lists}
            return replace(strategy, text=change(strategy.text), weights=change(weights))
        return _reboosted(_reboosted(strategy, "text", change), "vectors", change)

    # of strategies that are fused some have no boosts that could grow with those of the others
    scaled = _strategies(scale, deep=False)
    return scaled(plan, seed), f"times {factor:.3g}"


@Drawing
def _boost_moved(plan: Plan, seed: int) -> tuple[Plan, str]:
    rng, drawn = np.random.default_rng(seed), dict[str, None]()

    def change(strategy: Strategy) -> Strategy:
        names = [*strategy.text, *strategy.vectors]
        if not names:  # a search body
            return strategy
        number = rng.integers(len(names))
        part: _Part = "text" if number < len(strategy.text) else "vectors"
        name = names[number]
        factor = _LITTLE if rng.random() < 0.5 else 1 / _LITTLE  # noqa: PLR2004 - a coin
        drawn[f"{part}.{name} times {factor:.2f}"] = None
        return _reboosted(strategy, part, lambda boosts: _multiplied(boosts, factor, name))

    return _strategies(change)(plan, seed), ", ".join(drawn)


# models


def _models(change: Callable[[Model], Model]) -> Change:
    """Change what all models are given; a model that is yet to be trained stays."""

    def changed(plan: Plan, _: int) -> Plan:
        needs_vectors(plan)
        needs_new_index(plan)
        after = {name: change(model) for name, model in plan.models.items()}
        if after == dict(plan.models):
            raise NotApplicableError("no model has what is changed")
        return replace(plan, models=MappingProxyType(after))

    return changed


def _base_for_finetuned(plan: Plan, _: int) -> Plan:
    if FINETUNED not in plan.models or BASE not in plan.models or plan.finetuned is None:
        raise NotApplicableError("no strategy uses the fine-tuned model beside the base model")
    base = plan.models[BASE]
    after = MappingProxyType(with_finetuned(plan.models, base))
    return replace(plan, models=after, finetuned=replace(plan.finetuned, model=base, trained=True))


def other_model(name: str) -> Mutation:
    """Plant another base model, by path or name."""

    def changed(plan: Plan, _: int) -> Plan:
        if BASE not in plan.models:
            raise NotApplicableError("no strategy uses the base model")
        model = embeddings.resolve(
            **{**asdict(plan.config.models[BASE]), "path": name}, cache_dir=plan.config.cache_dir
        )
        return replace(plan, models=MappingProxyType({**plan.models, BASE: model}))

    return Mutation("other_model", "models", f"the base model is {name}", changed, "embedding")


def _retrained(change: Callable[[Recipe, int], Recipe]) -> Change:
    """Train the model by another recipe."""

    def changed(plan: Plan, seed: int) -> Plan:
        if plan.finetuned is None or plan.finetuned.recipe is None or FINETUNED not in plan.models:
            raise NotApplicableError("no model is trained here")
        recipe = change(plan.finetuned.recipe, seed)
        return replace(plan, finetuned=replace(plan.finetuned, recipe=recipe, trained=False))

    return changed


@_retrained
def _labels_shuffled(recipe: Recipe, seed: int) -> Recipe:
    train = recipe.pairs.train
    others = [train[at] for at in np.random.default_rng(seed).permutation(len(train)).tolist()]
    pairs = (replace(pair, product=other.product, text=other.text) for pair, other in zip(train, others, strict=True))
    return replace(recipe, pairs=replace(recipe.pairs, train=tuple(pairs)))


@_retrained
def _other_training_seed(recipe: Recipe, seed: int) -> Recipe:
    return replace(recipe, options=replace(recipe.options, seed=recipe.options.seed + 1 + seed % 1000))


# judgments: both sides are scored by them, so that a session names them and sees no difference


def _judgments(change: Callable[[Judgments, int], Judgments]) -> Change:
    def changed(plan: Plan, seed: int) -> Plan:
        return replace(plan, dataset=replace(plan.dataset, judgments=change(plan.dataset.judgments, seed)))

    return changed


@_judgments
def _judgments_of_next_query(before: Judgments, _: int) -> Judgments:
    judged = np.unique(before.queries)
    if len(judged) < 2:  # noqa: PLR2004 - a query alone has no next one
        raise NotApplicableError("there is one judged query")
    moved = np.roll(judged, 1)[np.searchsorted(judged, before.queries)]
    return Judgments(moved, before.products, before.grades, relevant_from=before.relevant_from)


@_judgments
def _judgments_lost(before: Judgments, seed: int) -> Judgments:
    """A query keeps a relevant grade, so that its metrics stay defined as they were."""
    relevant = before.grades >= before.relevant_from
    first = np.zeros(len(before), dtype=np.bool_)
    places = np.flatnonzero(relevant)
    first[places[np.unique(before.queries[places], return_index=True)[1]]] = True
    gone = relevant & ~first & (np.random.default_rng(seed).random(len(before)) < 0.1)  # noqa: PLR2004 - a tenth
    grades = np.where(gone, 0, before.grades)
    return Judgments(before.queries, before.products, grades, relevant_from=before.relevant_from)


# the index on a server


def _needs_own_server_index(plan: Plan) -> None:
    if plan.engine.name != "elasticsearch":
        raise NotApplicableError("the engine is not Elasticsearch")
    if plan.config.elasticsearch.index is not None:
        raise NotApplicableError("the index exists already")


def _server_index(**settings: Any) -> Change:
    def changed(plan: Plan, _: int) -> Plan:
        before = plan.config.elasticsearch
        _needs_own_server_index(plan)
        if "vector_index" in settings:
            needs_vectors(plan)
        if "mapping" in settings and before.mapping is not None:
            raise NotApplicableError("the index has a mapping of the user's own")
        after = replace(before, **settings)
        if after == before:
            raise NotApplicableError("the index has these settings already")
        return replace(
            plan,
            engine=engines.choose("elasticsearch", after, plan.strategies, plan.config.fields, plan.config.release),
        )

    return changed


def _approximate_again(plan: Plan, _: int) -> Plan:
    """An approximate index is another one each time that it is built."""
    if plan.config.elasticsearch.vector_index == "flat":
        raise NotApplicableError("the vector index is exact (--vector-index hnsw)")
    _needs_own_server_index(plan)
    return around(plan)


# the kinds


STRATEGIES = kinds(
    "strategies",
    {
        "text_boosts_off": ("every text field is matched with the boost 1", _all_one("text")),
        "text_boosts_swapped": ("title and attributes have each other's boost", _swapped("text")),
        "title_boost_tenth": ("the title's text boost is a tenth of what it was", _scaled("text", 0.1, TITLE)),
        "title_boost_tenfold": ("the title's text boost is ten times what it was", _scaled("text", 10.0, TITLE)),
        "title_not_matched": ("titles are not searched", _without("text", TITLE)),
        "description_not_matched": ("descriptions are not searched", _without("text", DESCRIPTION)),
        "attributes_not_matched": ("attributes are not searched", _without("text", ATTRIBUTES)),
        "vector_boosts_off": ("every vector field has the boost 1", _all_one("vectors")),
        "vector_boosts_swapped": ("the vectors of title and attributes have each other's boost", _swapped("vectors")),
        "vectors_weigh_a_tenth": ("vector boosts are a tenth of what they were", _scaled("vectors", 0.1)),
        "vectors_weigh_tenfold": ("vector boosts are ten times what they were", _scaled("vectors", 10.0)),
        "vector_legs_gone": ("strategies of text and vectors search text alone", _without("vectors")),
        "text_legs_gone": ("strategies of text and vectors search vectors alone", _without("text")),
        "title_vectors_gone": ("the vectors of titles are not searched", _without("vectors", TITLE)),
        "fusion_constant_1": ("the constant of reciprocal rank fusion is 1", _fused("rrf", k=1)),
        "fusion_window_5": ("five hits of each list are fused", _fused("rrf", "linear", window=5)),
        "fusion_window_10": ("ten hits of each list are fused", _fused("rrf", "linear", window=10)),
        "fusion_without_normalizer": (
            "scores are added as they are where they were normalised",
            _fused("linear", normalizer="none"),
        ),
        "fusion_of_scores": ("scores are added where ranks were fused", _strategies(_added)),
        "candidates_10": (
            "ten products get a vector score",
            _strategies(lambda one: replace(one, candidates=10) if one.vectors else one),
        ),
        "analyzer_standard": ("text is read by the standard analyzer", _analyzed(lambda *_: ("standard", "standard"))),
        "analyzer_of_another_language": (
            "text is read as German; as English where it was German",
            _analyzed(_in_another_language),
        ),
        "analyzer_lost_in_index": (
            "products are read by the standard analyzer",
            _analyzed(lambda _, queries: ("standard", queries)),
        ),
        "analyzer_lost_in_queries": (
            "queries are read by the standard analyzer",
            _analyzed(lambda index, _: (index, "standard")),
        ),
        "k1_off": (f"BM25's k1 is {K1}, where a strategy sets it", _as_usual("k1", K1)),
        "b_off": (f"BM25's b is {B}, where a strategy sets it", _as_usual("b", B)),
        "spelling_off": ("words of queries are not corrected", _as_usual("spelling", usual=False)),
    },
)
_EMBEDDED = kinds(
    "models",
    {
        "prompt_missing": (
            "queries are embedded without their prompt",
            _models(lambda model: replace(model, query_prompt="")),
        ),
        "prompt_doubled": (
            "the prompt stands twice before every query; where there is none, another model's stands there",
            _models(lambda model: replace(model, query_prompt=model.query_prompt * 2 or _PROMPT)),
        ),
        "texts_cut": (
            f"texts are embedded up to {_TOKENS} tokens",
            _models(lambda model: replace(model, max_tokens=model.max_tokens and min(model.max_tokens, _TOKENS))),
        ),
    },
    cost="embedding",
)
MODELS = [
    *_EMBEDDED,
    Mutation("base_for_finetuned", "models", "the base model stands where the fine-tuned one was", _base_for_finetuned),
    Mutation("labels_shuffled", "models", "the model was fine-tuned on shuffled pairs", _labels_shuffled, "training"),
]
JUDGMENTS = kinds(
    "judgments",
    {
        "judgments_of_next_query": ("every query has the judgments of the one before it", _judgments_of_next_query),
        "judgments_lost": ("10% of the relevant judgments became irrelevant", _judgments_lost),
    },
)
SERVER = kinds(
    "server",
    {
        "index_hnsw": ("vectors are found by an approximate index (hnsw)", _server_index(vector_index="hnsw")),
        "index_int8_hnsw": (
            "the index of vectors is approximate, of 8 bits (int8_hnsw)",
            _server_index(vector_index="int8_hnsw"),
        ),
        "analyzer_keeps_case": (
            "words are not lowered in the index, those of queries are",
            _server_index(mapping=_MAPPINGS / "case_kept.json"),
        ),
        "analyzer_of_letters": (
            "the index keeps letters alone, queries digits too",
            _server_index(mapping=_MAPPINGS / "letters.json"),
        ),
        "bm25_k1_3": ("BM25 has k1 = 3 instead of 1.2", _server_index(mapping=_MAPPINGS / "bm25.json")),
    },
    cost="server",
)
NOISE = [
    *kinds(
        "noise",
        {
            "boosts_scaled": ("all boosts are multiplied by one factor", _boosts_scaled),
            "boost_1_percent": ("one boost of each strategy is 1% higher or lower", _boost_moved),
        },
    ),
    Mutation("hnsw_again", "noise", "the approximate index is built again", _approximate_again, "server", anew=True),
    Mutation(
        "other_training_seed", "noise", "the model was fine-tuned with another seed", _other_training_seed, "training"
    ),
]
