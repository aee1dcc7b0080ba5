"""Fine-tune with one seed or several, and compare the base strategies with the fine-tuned ones on the benchmark."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from relevance.embeddings import Encoder
from relevance.engines.mapping import finds_the_same
from relevance.errors import InputError
from relevance.evaluation import METRICS, NDCG10, condensed, evaluate
from relevance.finetune.changes import Changes, Comparison, Measured, compare, pair_changes
from relevance.finetune.forecast import Probed, forecast
from relevance.finetune.store import find_stored
from relevance.records import embedded_texts
from relevance.runner import latencies, search
from relevance.stages import RERANKING
from relevance.strategies import BASE, FINETUNED, READY_MADE, STRATEGIES, Strategy
from relevance.suite.measure import prepare
from relevance.suite.plan import make_plan, runnable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from relevance.config import Config
    from relevance.finetune import Options
    from relevance.finetune.choosing import Choice
    from relevance.finetune.forecast import Forecast
    from relevance.finetune.recipe import Recipe
    from relevance.finetune.store import Stored
    from relevance.suite.measure import Suite
    from relevance.suite.plan import Finetuned, Plan

_LINEAR = READY_MADE["linear_finetune"]

COMPARED: tuple[tuple[Strategy, Strategy], ...] = (
    (STRATEGIES["vectorsearch"], STRATEGIES["vectorsearch_finetune"]),
    (STRATEGIES["rrf"], STRATEGIES["rrf_finetune"]),
    (replace(_LINEAR, name="linear", model=BASE), _LINEAR),
)
"""Each strategy with the base model and with the fine-tuned one: the vector alone, and two fusions with text."""

CONDENSED_FROM = 100
"""So many hits are looked at where those that nobody judged are left out, or as many as a strategy has."""


@dataclass(frozen=True, eq=False)
class Training:
    """The plan of a training, and of what the model is compared by."""

    plan: Plan

    @property
    def seed(self) -> int:
        """Of the order of the pairs and of dropout."""
        return self.plan.config.finetune.seed

    @property
    def finetuned(self) -> Finetuned:
        """What is known of the model."""
        assert self.plan.finetuned is not None  # noqa: S101 - a strategy uses it
        return self.plan.finetuned

    @property
    def recipe(self) -> Recipe:
        """What the model is made of."""
        assert self.finetuned.recipe is not None  # noqa: S101 - nobody has named a model
        return self.finetuned.recipe


@dataclass(frozen=True, eq=False)
class FineTuning:
    """What came out: the trainings, one a seed, their models, and what these changed, the first one pair by pair.

    Attributes:
        choice: the recipes that the trainings' own was chosen from; None where there was but one.
        forecast: what the training was expected to gain; None where nobody asked.
    """

    trainings: tuple[Training, ...]
    stored: tuple[Stored, ...]
    changes: Changes
    choice: Choice | None = None
    forecast: Forecast | None = None

    @property
    def finetuned(self) -> Finetuned:
        """What is known of the first model."""
        return self.trainings[0].finetuned


def plan_trainings(config: Config, seeds: int) -> tuple[Training, ...]:
    """Plan so many trainings, of seeds that follow each other; everything is checked, nothing is trained.

    Raises:
        InputError: there is nothing to train on, or something that would change nothing was given; see `make_plan`.
        CouldNotRunError: see `make_plan`.
    """
    if config.models[FINETUNED].path is not None:
        raise InputError(f"a path of the model {FINETUNED} changes nothing where one is trained; leave it out")
    if config.elasticsearch.index is not None:
        raise InputError(
            "an index that exists has no vectors of a model that is yet to be trained; leave out --es-index"
        )
    pairs = [pair for pair in COMPARED if pair[0].fits(config.fields)]
    strategies = [replace(strategy, fields=config.fields) for pair in pairs for strategy in pair]
    _, left_out = runnable(config, strategies)
    if left_out:
        raise InputError(next(iter(left_out.values())))
    config = replace(config, floors=None)
    configs = [replace(config, finetune=options) for options in seeded(config.finetune, seeds)]
    return tuple(
        Training(make_plan(one, strategies[1::2] if number else strategies)) for number, one in enumerate(configs)
    )


def seeded(options: Options, seeds: int) -> list[Options]:
    """The options of so many trainings, of seeds that follow each other; no seed is in two that are averages."""
    return [replace(options, seed=options.seed + number * options.soup) for number in range(seeds)]


def forecast_of(recipe: Recipe, cache_dir: Path, *, progress: bool) -> Forecast:
    """Forecast what a training gains on the validation, by the base model's vectors, which are kept in the cache.

    Raises:
        CouldNotRunError: the model cannot be used.
        InputError: the embeddings' cache can only be read, and something is missing there.
    """
    encoder, train, validation = (
        Encoder(recipe.base, cache_dir, progress=progress),
        recipe.pairs.train,
        recipe.validation,
    )
    queries = encoder.queries([*(pair.query for pair in train), *validation.queries]).expanded()
    texts = [*(pair.text for pair in train), *validation.texts]
    products = encoder.products(texts, label="training and validation").expanded()
    each = (queries[: len(train)], products[: len(train)], queries[len(train) :], products[len(train) :])
    return forecast(recipe, Probed(*each))


def compare_models(trainings: Sequence[Training], *, progress: bool) -> FineTuning:
    """Train what is not stored yet, measure base and fine-tuned strategies, and look at every judged pair.

    Raises:
        CouldNotRunError: a training, the engine or the device fails.
        InputError: a stored model or the cache is damaged.
    """
    measured = [measure(training.plan, progress=progress) for training in trainings]
    plan, evaluations = measured[0]
    names = [(base.name, tuned.name) for base, tuned in COMPARED if base.name in evaluations]
    comparisons = tuple(
        compare((base, tuned), evaluations[base], [each[tuned] for _, each in measured], plan.dataset.queries)
        for base, tuned in names
    )
    stored = [find_stored(one.plan.config.cache_dir, one.recipe.sha256) for one in trainings]
    kept = tuple(one for one in stored if one is not None)  # all of them: they were trained when they were measured
    pairs = pair_changes(_judged_pairs(plan, progress=progress), relevant_from=plan.dataset.judgments.relevant_from)
    return FineTuning(tuple(trainings), kept, Changes(comparisons, pairs, tuple(one.curve for one in kept)))


RERANKED = "rrf_reranked"
"""The name of `rrf` with a cross-encoder behind it, where one is compared."""


@dataclass(frozen=True, eq=False)
class Reranked:
    """A cross-encoder that is trained, what it changes, and the milliseconds of a query's search and reranking."""

    stored: Stored
    change: Comparison
    stages: Mapping[str, tuple[float, float]]


def plan_reranker(config: Config) -> Plan:
    """Plan the training of the cross-encoder, and its comparison; everything is checked, nothing is trained.

    Raises:
        InputError: there is nothing to train on; see `make_plan`.
        CouldNotRunError: see `make_plan`.
    """
    base = STRATEGIES["rrf"]
    reranked = replace(base, name=RERANKED, rerank=RERANKING)
    return make_plan(replace(config, floors=None, named=(RERANKED,)), [base, reranked])


def compare_reranker(plan: Plan, *, progress: bool) -> Reranked:
    """Train the cross-encoder if it is not stored yet, and measure a strategy without it and with it.

    Raises:
        CouldNotRunError: the training, the engine or the device fails.
        InputError: a stored model or the cache is damaged.
    """
    suite = _prepared(plan, progress=progress)
    try:
        before, after = (_measured(suite, strategy) for strategy in plan.strategies)
        stages = latencies(suite.engine, plan.strategies[1], suite.batch).stages
    finally:
        suite.close()
    assert suite.plan.reranker is not None  # noqa: S101 - a strategy uses it
    assert suite.plan.reranker.stored is not None  # noqa: S101 - it was trained
    change = compare((plan.strategies[0].name, RERANKED), before, [after], plan.dataset.queries)
    return Reranked(suite.plan.reranker.stored, change, stages)


def measure(plan: Plan, *, progress: bool) -> tuple[Plan, Mapping[str, Measured]]:
    """Train what is not there, and measure the strategies of a plan; the index is let go of.

    Returns:
        The plan with its model, and by name what its strategies are worth.

    Raises:
        CouldNotRunError: a training, the engine or the device fails.
        InputError: a stored model or the cache is damaged.
    """
    suite = _prepared(plan, progress=progress)
    try:
        return suite.plan, {strategy.name: _measured(suite, strategy) for strategy in plan.strategies}
    finally:
        suite.close()


def _prepared(plan: Plan, *, progress: bool) -> Suite:
    own = plan.config.metrics
    config = replace(plan.config, metrics=replace(own, report=(*own.report, *METRICS)))
    return prepare(replace(plan, config=config), progress=progress)


def _measured(suite: Suite, strategy: Strategy) -> Measured:
    judgments, n_products = suite.plan.dataset.judgments, len(suite.plan.dataset.catalogue)
    ranking = suite.search(strategy)
    evaluation = suite.judge(strategy, ranking, None).evaluation
    if finds_the_same(strategy, hits=CONDENSED_FROM):
        ranking = search(suite.engine, strategy, suite.batch, hits=CONDENSED_FROM)
    kept = condensed(ranking, judgments, n_products=n_products)
    return Measured(evaluation, evaluate(kept, judgments, n_products=n_products, metrics=(NDCG10,)))


def _judged_pairs(plan: Plan, *, progress: bool) -> pd.DataFrame:
    """Every judgment of the benchmark with its similarity under both models, all vectors from the cache."""
    dataset, judgments = plan.dataset, plan.dataset.judgments
    texts = embedded_texts(dataset.catalogue, "whole", FINETUNED)
    kept = np.array([bool(texts[code].strip()) for code in judgments.products.tolist()], dtype=np.bool_)
    rows, codes = judgments.queries[kept], judgments.products[kept]
    similarities = []
    for name in (BASE, FINETUNED):
        encoder = Encoder(plan.models[name], plan.config.cache_dir, progress=progress)
        queries = encoder.queries(dataset.queries.texts).expanded()
        products = encoder.products(texts, label="judged pairs")
        similarities.append((queries[rows] * products.matrix[products.rows[codes]]).sum(axis=1, dtype=np.float64))
    titles = dataset.catalogue.titles
    return pd.DataFrame(
        {
            "query": [dataset.queries.texts[row] for row in rows.tolist()],
            "product": [dataset.catalogue.ids[code] for code in codes.tolist()],
            "title": [titles[code] for code in codes.tolist()],
            "label": judgments.grades[kept].astype(np.float64),
            "cosine_before": similarities[0],
            "cosine_after": similarities[1],
        }
    )
