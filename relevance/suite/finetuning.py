"""Fine-tune with one seed or several, and compare the base strategies with the fine-tuned ones on the benchmark."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from relevance import embeddings
from relevance.errors import InputError
from relevance.fields import embedded_texts
from relevance.finetune.changes import Changes, JudgedPairs, compare, pair_changes
from relevance.finetune.store import find_stored
from relevance.strategies import BASE, FINETUNED, STRATEGIES
from relevance.suite.plan import make_plan, runnable, trained_model
from relevance.suite.prepare import prepare

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from relevance.config import Config
    from relevance.embeddings import Model
    from relevance.evaluation import Evaluation
    from relevance.finetune.recipe import Recipe
    from relevance.finetune.store import Stored
    from relevance.strategies import Strategy
    from relevance.suite.plan import Finetuned, Plan

COMPARED: tuple[tuple[str, str], ...] = (("vectorsearch", "vectorsearch_finetune"), ("rrf", "rrf_finetune"))
"""Names of each strategy with the base model and with the fine-tuned one."""


@dataclass(frozen=True, eq=False)
class Training:
    """A training that was planned: its seed, plan and recipe."""

    seed: int
    plan: Plan
    recipe: Recipe


@dataclass(frozen=True, eq=False)
class FineTuning:
    """What came out.

    Attributes:
        trainings: one a seed.
        stored: the models, likewise.
        changes: what they changed, that of the first seed pair by pair.
        finetuned: what is known of the first.
    """

    trainings: tuple[Training, ...]
    stored: tuple[Stored, ...]
    changes: Changes
    finetuned: Finetuned


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
    strategies = [STRATEGIES[name] for names in COMPARED for name in names]
    _, left_out = runnable(config, strategies)
    if left_out:
        raise InputError(next(iter(left_out.values())))
    return tuple(
        _training(config, config.finetune.seed + number, strategies if number == 0 else strategies[1::2])
        for number in range(seeds)
    )


def _training(config: Config, seed: int, strategies: Sequence[Strategy]) -> Training:
    own = replace(config, floors=None, finetune=replace(config.finetune, seed=seed))
    plan = make_plan(own, strategies)
    assert plan.finetuned is not None  # noqa: S101 - for the types
    recipe = plan.finetuned.recipe
    assert recipe is not None, "a strategy uses the fine-tuned model, which nobody gave"  # noqa: S101 - for the types
    return Training(seed, plan, recipe)


def compare_models(trainings: Sequence[Training], *, progress: bool) -> FineTuning:
    """Train what is not stored yet, measure base and fine-tuned strategies, and look at every judged pair.

    Raises:
        CouldNotRunError: a training, the engine or the device fails.
        InputError: a stored model or the cache is damaged.
    """
    found = [_measured(training, progress=progress) for training in trainings]
    first = trainings[0].plan
    comparisons = tuple(
        compare((base, tuned), found[0][base], [each[tuned] for each in found], first.dataset.queries)
        for base, tuned in COMPARED
    )
    stored = tuple(_stored(training) for training in trainings)
    changes = Changes(
        comparisons=comparisons,
        pairs=pair_changes(_judged_pairs(first, stored[0], progress=progress)),
        curves=tuple(one.curve for one in stored),
    )
    assert first.finetuned is not None  # noqa: S101 - for the types
    return FineTuning(tuple(trainings), stored, changes, first.finetuned)


def _measured(training: Training, *, progress: bool) -> Mapping[str, Evaluation]:
    suite = prepare(training.plan, progress=progress)
    try:
        return {
            strategy.name: suite.judge(strategy, suite.search(strategy), None).evaluation
            for strategy in training.plan.strategies
        }
    finally:
        suite.close()


def _stored(training: Training) -> Stored:
    stored = find_stored(training.plan.cache_dir, training.recipe.sha256)
    assert stored is not None, "it was trained when the plan was prepared"  # noqa: S101 - for the types
    return stored


def _judged_pairs(plan: Plan, stored: Stored, *, progress: bool) -> JudgedPairs:
    """Every judgment of the benchmark with its cosine under both models, all vectors from the cache."""
    dataset = plan.dataset
    judgments = dataset.judgments
    texts = embedded_texts(dataset.catalogue, "whole")
    kept = np.array([bool(texts[code].strip()) for code in judgments.products.tolist()], dtype=np.bool_)
    queries, products = judgments.queries[kept], judgments.products[kept]
    base, tuned = (
        _cosines(plan, model, (queries, products), progress=progress)
        for model in (plan.models[BASE], trained_model(plan.config, stored))
    )
    titles = dataset.catalogue.products["title"].tolist()
    return JudgedPairs(
        queries=tuple(dataset.queries.texts[code] for code in queries.tolist()),
        products=tuple(dataset.catalogue.ids[code] for code in products.tolist()),
        titles=tuple(titles[code] for code in products.tolist()),
        labels=judgments.grades[kept].astype(np.float64),
        base=base,
        tuned=tuned,
        relevant_from=float(judgments.relevant_from),
    )


def _cosines(
    plan: Plan, model: Model, rows: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]], *, progress: bool
) -> npt.NDArray[np.float64]:
    """Shape (judgments,): query times product."""
    encoder = embeddings.Encoder(model, plan.cache_dir, progress=progress)
    queries = encoder.queries(plan.dataset.queries.texts).expanded()
    products = encoder.products(embedded_texts(plan.dataset.catalogue, "whole"), label="judged pairs")
    cosines: npt.NDArray[np.float64] = (queries[rows[0]] * products.matrix[products.rows[rows[1]]]).sum(
        axis=1, dtype=np.float64
    )
    return cosines
