"""A plan becomes an indexed suite, and a suite measures strategies."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from time import perf_counter
from types import MappingProxyType
from typing import TYPE_CHECKING

from relevance import embeddings, evaluation, finetune, gate, runner
from relevance.engines.base import QueryBatch
from relevance.fields import embedded_texts
from relevance.strategies import FINETUNED
from relevance.suite.finetuned import trained_model

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt

    from relevance.engines.base import Engine, Opening, VectorField
    from relevance.evaluation import Evaluation
    from relevance.gate import Verdict
    from relevance.records import Ranking, Vectors
    from relevance.runner import Latencies
    from relevance.strategies import Strategy
    from relevance.suite.plan import Plan

__all__ = ["Preparation", "Result", "Suite", "Timing", "prepare"]


@dataclass(frozen=True)
class Timing:
    """Run time of a strategy: the search alone.

    Attributes:
        run_time_s: seconds for all queries in batches, minimum of the rounds.
        queries_per_s: queries answered a second in that time.
        took_s: what the server says it worked in that round, in seconds; None where this process is the engine.
        single: of queries asked one at a time.
    """

    run_time_s: float
    queries_per_s: float
    took_s: float | None
    single: Latencies


@dataclass(frozen=True, eq=False)
class Result:
    """What a strategy returned, how good it is and how long it took (`timing` is None where time was not taken)."""

    strategy: Strategy
    ranking: Ranking
    evaluation: Evaluation
    verdict: Verdict
    timing: Timing | None


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


@dataclass(frozen=True)
class Preparation:
    """Where the time before the first search went, in seconds.

    Attributes:
        embedding_s: vectors of products and queries, from the cache or the model.
        start_s: from the start of a server of ours until it was ready, beside the embedding; None: none was started.
        indexing_s: indexing, what was still to wait for the server left out.
        training_s: fine-tuning; 0 where the model was there.
    """

    embedding_s: float
    start_s: float | None
    indexing_s: float
    training_s: float = 0.0


@dataclass(eq=False)
class Suite:
    """An indexed plan.

    Attributes:
        engine: holds the index.
        batch: all queries of the data set.
        cut: by (model, vector field), how many distinct texts were embedded, and how many of them were cut.
        query_ms: by model, the median time to embed one query, in milliseconds.
        preparation: where the time before the first search went.
        results: by strategy name, in the order in which they were measured.
    """

    plan: Plan
    engine: Engine
    batch: QueryBatch
    cut: Mapping[VectorField, tuple[int, int]]
    query_ms: Mapping[str, float | None]
    preparation: Preparation
    results: dict[str, Result] = field(default_factory=dict)
    _opening: Opening | None = None
    _took: dict[str, tuple[float, float]] = field(default_factory=dict)

    def search(self, strategy: Strategy) -> Ranking:
        """Rank the products for all queries: what run time is the time of."""
        before, start = self.engine.took_ms, perf_counter()
        ranking = runner.search(self.engine, strategy, self.batch)
        wall, after = perf_counter() - start, self.engine.took_ms
        if before is not None and after is not None:
            fastest = self._took.get(strategy.name, (wall, 0.0))[0]
            if wall <= fastest:
                self._took[strategy.name] = (wall, (after - before) / 1000)
        return ranking

    def time(self, strategy: Strategy, run_time_s: float) -> Timing:
        """Take the latencies of single queries, and put them beside the run time over all queries."""
        single = runner.latencies(self.engine, strategy, self.batch)
        took = self._took.get(strategy.name)
        return Timing(run_time_s, len(self.batch) / run_time_s, None if took is None else took[1], single)

    def judge(self, strategy: Strategy, ranking: Ranking, timing: Timing | None) -> Result:
        """Evaluate a ranking, compare it with the floors and keep the result."""
        dataset = self.plan.dataset
        found = evaluation.evaluate(ranking, dataset.judgments, n_products=len(dataset.catalogue))
        verdict = gate.judge(found, self.plan.floors.get(strategy.name), dataset)
        result = Result(strategy, ranking, found, verdict, timing)
        self.results[strategy.name] = result
        return result

    def close(self) -> None:
        """Let go of the index, and of the server where it is ours."""
        try:
            self.engine.close()
        finally:
            if self._opening is not None:
                self._opening.close()


def _with_trained(plan: Plan, *, progress: bool) -> Plan:
    """The plan with its fine-tuned model, which is trained where it is not there."""
    finetuned = plan.finetuned
    if finetuned is None or finetuned.recipe is None or finetuned.trained:
        return plan
    stored = finetune.train(finetuned.recipe, plan.cache_dir, progress=progress)
    model = trained_model(plan.config, stored)
    return replace(
        plan,
        models=MappingProxyType({**plan.models, FINETUNED: model}),
        finetuned=replace(finetuned, model=model, trained=True),
    )


def prepare(plan: Plan, *, progress: bool) -> Suite:
    """Train, embed and index what the plan needs, nothing else; a server of ours starts meanwhile.

    Raises:
        CouldNotRunError: the model or the engine cannot be used.
        InputError: the embeddings' cache is damaged.
    """
    opening = plan.engine.open(progress=progress)
    try:
        began = perf_counter()
        plan = _with_trained(plan, progress=progress)
        start = perf_counter()
        encoded = _encode(plan, progress=progress)
        embedded = perf_counter()
        opening.wait()
        ready = perf_counter()
        engine = opening.index(
            plan.dataset.catalogue, text_fields=plan.text_fields, vectors=encoded.products, progress=progress
        )
        preparation = Preparation(embedded - start, opening.start_s(), perf_counter() - ready, start - began)
    except BaseException:
        opening.close()
        raise
    batch = QueryBatch(plan.dataset.queries.texts, encoded.queries)
    return Suite(plan, engine, batch, encoded.cut, encoded.query_ms, preparation, _opening=opening)
