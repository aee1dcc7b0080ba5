"""Where the parts meet: a configuration becomes a plan, a plan becomes an indexed suite, a suite measures strategies.

A `Plan` is complete and checked: whatever is wrong with files, names or options is an error when it is made, before
anything long starts. It needs neither a model in memory nor an index.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from relevance import datasets, embeddings, evaluation, gate, runner
from relevance.engines import ENGINES
from relevance.engines.base import QueryBatch
from relevance.errors import RelevanceError
from relevance.fields import TEXT_FIELDS, VECTOR_FIELDS, embedded_texts
from relevance.strategies import BASE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from relevance.config import Config
    from relevance.embeddings import Model
    from relevance.engines.base import Engine, VectorField
    from relevance.evaluation import Evaluation
    from relevance.gate import Floors, Verdict
    from relevance.records import Dataset, Ranking, Vectors
    from relevance.strategies import Strategy

__all__ = [
    "Plan",
    "Result",
    "Suite",
    "Timing",
    "floors_of",
    "make_plan",
    "prepare",
    "resolved_models",
    "searched_fields",
]


@dataclass(frozen=True, eq=False)
class Plan:
    """What will run, checked.

    Attributes:
        floors: by strategy name, for this data set.
        models: by name, those that the strategies use.
        text_fields: those that the strategies match.
        vector_fields: (model, field) of those that the strategies search.
        cache_dir: where embeddings are kept.
        engine: key of `ENGINES`.
    """

    dataset: Dataset
    strategies: tuple[Strategy, ...]
    floors: Mapping[str, Floors]
    models: Mapping[str, Model]
    text_fields: tuple[str, ...]
    vector_fields: tuple[VectorField, ...]
    cache_dir: Path
    engine: str


@dataclass(frozen=True)
class Timing:
    """Run time of a strategy: the search alone, over all queries.

    Attributes:
        run_time_s: seconds for all queries, minimum of the rounds.
        queries_per_s: queries answered a second in that time.
        p50_ms: median of single queries, milliseconds.
        p95_ms: 95th percentile of single queries, milliseconds.
    """

    run_time_s: float
    queries_per_s: float
    p50_ms: float
    p95_ms: float


@dataclass(frozen=True, eq=False)
class Result:
    """What a strategy returned, how good it is and how long it took (`timing` is None where time was not taken)."""

    strategy: Strategy
    ranking: Ranking
    evaluation: Evaluation
    verdict: Verdict
    timing: Timing | None


def searched_fields(strategies: Sequence[Strategy]) -> tuple[VectorField, ...]:
    """The vector fields that strategies search, by model, each model's in the order of `VECTOR_FIELDS`."""
    used = {(strategy.model, name) for strategy in strategies for name in strategy.vectors}
    return tuple(sorted(used, key=lambda key: (key[0], VECTOR_FIELDS.index(key[1]))))


def _resolved(name: str, config: Config) -> Model:
    try:
        return embeddings.resolve(config.models[name])
    except RelevanceError as error:
        if name == BASE:
            raise
        raise type(error)(f"[models.{name}]: {error}") from None  # which of several it is


def resolved_models(config: Config, strategies: Sequence[Strategy]) -> Mapping[str, Model]:
    """The models that strategies use, by name; their files and the cache's folder are checked, none is loaded.

    Raises:
        InputError: a model's files or the cache's folder are not as they have to be.
        CouldNotRunError: a model is not there and cannot be had.
    """
    names = dict.fromkeys(model for model, _ in searched_fields(strategies))
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
        CouldNotRunError: a model that is not there and cannot be had.
    """
    floors = floors_of(config)
    models = resolved_models(config, strategies)
    return Plan(
        dataset=datasets.load(config.source),
        strategies=tuple(strategies),
        floors=floors,
        models=models,
        text_fields=tuple(name for name in TEXT_FIELDS if any(name in strategy.text for strategy in strategies)),
        vector_fields=searched_fields(strategies),
        cache_dir=config.cache_dir,
        engine=config.engine,
    )


@dataclass(frozen=True, eq=False)
class _Encoded:
    products: Mapping[VectorField, Vectors]
    queries: Mapping[str, npt.NDArray[np.float32]]
    cut: Mapping[VectorField, tuple[int, int]]
    query_ms: Mapping[str, float | None]


def _encode(plan: Plan, *, progress: bool) -> _Encoded:
    products: dict[VectorField, Vectors] = {}
    queries: dict[str, npt.NDArray[np.float32]] = {}
    cut: dict[VectorField, tuple[int, int]] = {}
    query_ms: dict[str, float | None] = {}
    for name, model in plan.models.items():
        encoder = embeddings.Encoder(model, plan.cache_dir, progress=progress)
        for key in plan.vector_fields:
            if key[0] == name:
                texts = embedded_texts(plan.dataset.catalogue, key[1])
                products[key] = encoder.products(texts, label=f"{name}: {key[1]}")
                cut[key] = encoder.cut_of(texts)
        queries[name] = encoder.queries(plan.dataset.queries.texts).expanded()
        query_ms[name] = encoder.stats.query_ms_p50
    return _Encoded(products, queries, cut, query_ms)


@dataclass(eq=False)
class Suite:
    """An indexed plan.

    Attributes:
        engine: holds the index.
        batch: all queries of the data set.
        cut: by (model, vector field), how many distinct texts were embedded, and how many of them were cut.
        query_ms: by model, the median time to embed one query, in milliseconds.
        results: by strategy name, in the order in which they were measured.
    """

    plan: Plan
    engine: Engine
    batch: QueryBatch
    cut: Mapping[VectorField, tuple[int, int]]
    query_ms: Mapping[str, float | None]
    results: dict[str, Result] = field(default_factory=dict)

    def search(self, strategy: Strategy) -> Ranking:
        """Rank the products for all queries: what run time is the time of."""
        return runner.search(self.engine, strategy, self.batch)

    def time(self, strategy: Strategy, run_time_s: float) -> Timing:
        """Take the latencies of single queries, and put them beside the run time over all queries."""
        p50, p95 = runner.latencies(self.engine, strategy, self.batch)
        return Timing(run_time_s, len(self.batch) / run_time_s, p50, p95)

    def judge(self, strategy: Strategy, ranking: Ranking, timing: Timing | None) -> Result:
        """Evaluate a ranking, compare it with the floors and keep the result."""
        dataset = self.plan.dataset
        found = evaluation.evaluate(ranking, dataset.judgments, n_products=len(dataset.catalogue))
        verdict = gate.judge(found, self.plan.floors.get(strategy.name), dataset)
        result = Result(strategy, ranking, found, verdict, timing)
        self.results[strategy.name] = result
        return result

    def close(self) -> None:
        """Let go of the index."""
        self.engine.close()


def prepare(plan: Plan, *, progress: bool) -> Suite:
    """Embed and index what the plan needs, nothing else.

    Raises:
        CouldNotRunError: the model or the engine cannot be used.
        InputError: the embeddings' cache is damaged.
    """
    encoded = _encode(plan, progress=progress)
    engine = ENGINES[plan.engine](plan.dataset.catalogue, text_fields=plan.text_fields, vectors=encoded.products)
    batch = QueryBatch(plan.dataset.queries.texts, encoded.queries)
    return Suite(plan, engine, batch, encoded.cut, encoded.query_ms)
