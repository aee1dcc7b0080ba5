"""What a suite measured, as the snapshot that baselines hold and comparisons see."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from importlib.metadata import version
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from relevance.baseline import DIGITS, DatasetIdentity, Measurement, Snapshot
from relevance.evaluation import METRICS
from relevance.records import NO_HIT
from relevance.runner import HITS
from relevance.strategies import FINETUNED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relevance.records import Dataset, Ranking
    from relevance.strategies import Strategy
    from relevance.suite.measured import Result, Suite
    from relevance.suite.plan import Plan

__all__ = ["definition_of", "snapshot_of", "snapshot_of_data"]

_PACKAGES = ("numpy", "relevance-benchmarks")
_OF_MODELS = ("sentence-transformers", "tokenizers", "torch", "transformers")
_OF_A_SESSION = ("index", "reused", "uuid")
"""Facts of an engine that say which index it was, not how it ranks."""


def snapshot_of_data(dataset: Dataset) -> Snapshot:
    """What is known before anything was measured: the data; no strategy, no engine."""
    judgments, products = dataset.judgments, dataset.catalogue.ids
    grades: dict[int, dict[str, int]] = {}
    columns = (judgments.queries.tolist(), judgments.products.tolist(), judgments.grades.tolist())
    for query, product, grade in zip(*columns, strict=True):
        grades.setdefault(query, {})[products[product]] = grade
    return Snapshot(
        dataset=DatasetIdentity(
            name=dataset.name,
            corpus=dataset.catalogue.sha256,
            queries=dataset.queries.sha256,
            judgments=judgments.sha256(dataset.queries, dataset.catalogue),
            products=len(dataset.catalogue),
        ),
        queries=tuple(dataset.queries.ids[query] for query in grades),
        texts=tuple(dataset.queries.texts[query] for query in grades),
        grades=tuple(grades.values()),
        relevant_from=judgments.relevant_from,
        strategies=MappingProxyType({}),
        engine=MappingProxyType({}),
        models=MappingProxyType({}),
        versions=MappingProxyType({}),
        calibration_s=None,
    )


def snapshot_of(suite: Suite) -> Snapshot:
    """All strategies that the suite has measured: one or more."""
    engine, dataset = suite.engine, suite.plan.dataset
    facts = {name: fact for name, fact in engine.facts.items() if name not in _OF_A_SESSION}
    return replace(
        snapshot_of_data(dataset),
        strategies=MappingProxyType({name: _measured(result, dataset) for name, result in suite.results.items()}),
        engine=MappingProxyType({"name": suite.plan.engine.name, "version": engine.version, "facts": facts}),
        models=MappingProxyType({name: _model(name, suite.plan) for name in suite.plan.models}),
        versions=_versions(with_models=bool(suite.plan.models)),
        calibration_s=suite.calibration.seconds if suite.calibration else None,
    )


def _model(name: str, plan: Plan) -> Mapping[str, object]:
    """What decides a model's vectors, as JSON values; of a fine-tuned one also what made it, as far as known."""
    model = plan.models[name]
    recipe = plan.finetuned.sha256 if name == FINETUNED and plan.finetuned else ""
    return {
        "name": model.name,
        "sha256": model.sha256,
        "dimensions": model.dimensions,
        "prompt": model.prompt,
        "max_tokens": model.max_tokens,
        **({"recipe": recipe} if recipe else {}),
    }


def definition_of(strategy: Strategy) -> Mapping[str, object]:
    """What decides a strategy's ranking, as JSON values; settings that change nothing are left out."""
    made: dict[str, object] = {}
    if strategy.template is None:
        made |= {"text": dict(strategy.text), "vectors": dict(strategy.vectors), "combine": strategy.combine}
    else:
        made["template"] = dict(strategy.template)
    if strategy.combine == "rrf":
        made |= {"window": strategy.window, "k": strategy.k}
    if strategy.vectors:
        made["candidates"] = strategy.candidates
    if strategy.embeds:
        made["model"] = strategy.model
    return made


def _measured(result: Result, dataset: Dataset) -> Measurement:
    evaluation, ranking, ids = result.evaluation, result.ranking, dataset.catalogue.ids
    metrics = {metric: np.round(evaluation.per_query[metric], DIGITS) for metric in METRICS}
    codes = ranking.codes[evaluation.queries, :HITS].tolist()
    return Measurement(
        definition=definition_of(result.strategy),
        metrics=MappingProxyType(metrics),
        hits=tuple(tuple(ids[code] for code in row if code != NO_HIT) for row in codes),
        scores_sha256=_sha256_of(ranking),
        run_time_s=result.timing.run_time_s if result.timing else None,
        rounds=result.timing.rounds if result.timing else 0,
    )


def _sha256_of(ranking: Ranking) -> str:
    digest = hashlib.sha256()
    digest.update(repr(ranking.codes.shape).encode("ascii"))
    digest.update(ranking.codes.astype("<i8").tobytes())
    digest.update(ranking.scores.astype("<f4").tobytes())
    return digest.hexdigest()


def _versions(*, with_models: bool) -> Mapping[str, str]:
    names = (*_PACKAGES, *(_OF_MODELS if with_models else ()))
    return MappingProxyType({name: version(name) for name in names})
