"""A plan becomes an indexed suite, which searches, takes times that machines have in common, and judges."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from time import perf_counter, thread_time
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from relevance import evaluation, gate, runner
from relevance.baseline import DIGITS, KEPT
from relevance.embeddings import Encoder
from relevance.engines import QueryBatch
from relevance.engines.mapping import finds_the_same, read_own_mapping
from relevance.errors import InputError, StrategyError
from relevance.fields import WHOLE
from relevance.finetune.store import train
from relevance.gate.rebuilds import EXACT, RECALL
from relevance.records import Catalogue, Ranking, Vectors, embedded_texts
from relevance.reranking.cross_encoder import CrossReranker, read_by
from relevance.reranking.function import FunctionReranker, scoring_function
from relevance.spelling import Spellers
from relevance.strategies import BASE, STATIC, Strategy, readings_of
from relevance.suite.neighbours import ExactNeighbours
from relevance.suite.plan import (
    searched_fields,
    static_model,
    trained_model,
    trained_rerankers,
    trained_scorer,
    with_finetuned,
)
from relevance.suite.words import WordReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import numpy.typing as npt

    from relevance.baseline import Snapshot
    from relevance.config import Config
    from relevance.engines import Engine, EngineChoice, Indexer, VectorField
    from relevance.evaluation import Evaluation
    from relevance.gate import Verdict
    from relevance.reranking import Reranker
    from relevance.runner import Latencies
    from relevance.stages import Rerank
    from relevance.suite.plan import Plan

# time

# of Linux: nanoseconds that the thread was on a core, nanoseconds that it was ready and on none, and how often
_SCHEDULED = "/proc/thread-self/schedstat"


def _kept_waiting_s() -> float:
    try:
        with open(_SCHEDULED, "rb") as file:  # noqa: PTH123 - a path of the kernel's; read in microseconds
            return int(file.read().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):  # another system, or a kernel that does not count it
        return 0.0


def stopwatch() -> Callable[[], float]:
    """Start a stopwatch that leaves out the time in which this thread could have run and other work had the core.

    On a busy machine a long search is interrupted in every round and a short one in none: their ratio would tell how
    busy the machine is. Time in which the thread waits for something itself, a server or a sleep, counts.

    Returns:
        A function that gives the seconds since the start, called by the thread that started it.
    """
    kept_waiting, work, start = _kept_waiting_s(), thread_time(), perf_counter()

    def seconds() -> float:
        wall, worked = perf_counter() - start, thread_time() - work
        # the kernel counts waiting a little early or late: work that was done is the least
        return max(worked, wall - (_kept_waiting_s() - kept_waiting))

    return seconds


# A run time divided by that of the calibration, a fixed strategy on a fixed made-up catalogue, can be compared with one
# of another machine. The calibration works as strategies do: matching text, nearest neighbours, fusing lists; what
# makes those slower makes it slower.
CALIBRATION = Strategy("calibration", text={"title": 1}, vectors={"whole": 1}, combine="rrf", candidates=50)

_PRODUCTS, _QUERIES, _WORDS, _DIMENSIONS = 5_000, 200, 1_000, 256
_TITLE_WORDS, _QUERY_WORDS = 10, 8
_PRODUCT_SEED, _QUERY_SEED = 1, 2


def _random(count: int, length: int, seed: int) -> npt.NDArray[np.float64]:
    """Shape (count, length), from 0 to 1, the same on every machine."""
    stream = np.random.PCG64(seed).random_raw(count * length)
    return (stream >> np.uint64(11)).astype(np.float64).reshape(count, length) / 2**53


def _texts(count: int, length: int, seed: int) -> list[str]:
    """Texts of words of which a few are frequent and most are rare, as in a shop."""
    words = np.minimum(_WORDS * _random(count, length, seed) ** 3, _WORDS - 1).astype(np.int64)
    return [" ".join(f"word{word}" for word in row) for row in words.tolist()]


def _directions(count: int, seed: int) -> npt.NDArray[np.float32]:
    """Shape (count, _DIMENSIONS), rows of unit length, in all directions."""
    vectors = _random(count, _DIMENSIONS, seed) - 0.5
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32)


def calibration_queries() -> QueryBatch:
    """Make up queries with their vectors."""
    return QueryBatch(_texts(_QUERIES, _QUERY_WORDS, _QUERY_SEED), {BASE: _directions(_QUERIES, _QUERY_SEED)})


def index_calibration(indexer: Indexer) -> Engine:
    """Index made-up products: a title, its vector, and nothing else."""
    ids = [f"made{number:05}" for number in range(_PRODUCTS)]
    titles = _texts(_PRODUCTS, _TITLE_WORDS, _PRODUCT_SEED)
    products = pd.DataFrame({"id": ids, "title": titles, "description": ""}, dtype=str)
    catalogue = Catalogue(products, pd.DataFrame({"id": [], "name": [], "value": []}, dtype=str))
    vectors = {(BASE, "whole"): Vectors(_directions(_PRODUCTS, _PRODUCT_SEED), np.arange(_PRODUCTS))}
    return indexer.index(catalogue, text_fields=tuple(CALIBRATION.text), vectors=vectors, progress=False)


class Calibration:
    """Times the calibration in rounds that stand between those of the strategies, so that both see the same machine.

    Args:
        engine: has indexed the catalogue of the calibration; it is searched once before anything is timed.
        started: starts a stopwatch.
    """

    def __init__(self, engine: Engine, *, started: Callable[[], Callable[[], float]] = stopwatch) -> None:
        self.engine = engine
        self._rounds: list[float] = []
        self._started = started
        self._queries = calibration_queries()
        runner.search(engine, CALIBRATION, self._queries)

    def round(self) -> None:
        """Search all queries once."""
        took_s = self._started()
        runner.search(self.engine, CALIBRATION, self._queries)
        self._rounds.append(took_s())

    @property
    def seconds(self) -> float | None:
        """Of the fastest round; None where fewer than two were timed, one says too little."""
        return min(self._rounds) if len(self._rounds) > 1 else None


# strategies

# so long a run time is looked for that is to be compared, in at most so many rounds
_LEAST_S, _MOST_ROUNDS = 0.3, 100
# what looks slow is timed so many times more before anything is said of it
_MORE_ROUNDS = 5


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep products of matrices in one thread, as all else is, while times are taken.

    With more of them vectors would be faster by the number of cores and text would not, so that no calibration is fair;
    and they wait for each other by spinning: where other work has a core, two take far longer than one.
    """
    with threadpool_limits(1, user_api="blas"):
        yield


@dataclass(frozen=True)
class Embedding:
    """What it costs to embed the products for a strategy.

    Attributes:
        texts: distinct ones of all vector fields.
        texts_per_s: of the slowest model, by a sample of the texts.
        seconds: for all texts, by that rate.
        dimensions: of a vector, of all models together where there are several.
        index_bytes: of the vectors, as numbers of 32 bits.
    """

    texts: int
    texts_per_s: float
    seconds: float
    dimensions: int
    index_bytes: int


@dataclass(frozen=True)
class Timing:
    """Run time of a strategy: the search alone, in one thread where this process is the engine.

    Attributes:
        run_time_s: seconds for all queries in batches, minimum of the rounds.
        rounds: how many there were.
        queries_per_s: queries answered a second in that time.
        took_s: what the server says it worked in that round, in seconds; None where this process is the engine.
        single: of queries asked one at a time.
        embedding: of the products; None where there are no vectors of ours, or nobody asked.
    """

    run_time_s: float
    rounds: int
    queries_per_s: float
    took_s: float | None
    single: Latencies
    embedding: Embedding | None = None


@dataclass(frozen=True, eq=False)
class Result:
    """What a strategy returned, how good it is and how long it took.

    Attributes:
        ranking: the first hits of each query, `MetricChoice.depth` of them: what is scored and written.
        deep: the same and the hits behind them that a baseline keeps.
        timing: None where time was not taken.
        recall: share of the exact nearest neighbours that an approximate index found, see `ExactNeighbours`; None where
            the index is exact, or the strategy asks for none.
        rebuilds: means of other builds of the index, by metric, and their `recall`; empty where none were made.
    """

    strategy: Strategy
    ranking: Ranking
    deep: Ranking
    evaluation: Evaluation
    verdict: Verdict
    timing: Timing | None
    recall: float | None = None
    rebuilds: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Preparation:
    """Where the time before the first search went, in seconds.

    Attributes:
        embedding_s: vectors of products and queries, from the cache or the model.
        start_s: from the start of a server of ours until it was ready, beside the embedding; None: none was started.
        indexing_s: indexing, what was still to wait for the server left out.
        training_s: fine-tuning; 0 where the model was there.
        notes: what people should know of embeddings and training, a line each.
    """

    embedding_s: float
    start_s: float | None
    indexing_s: float
    training_s: float = 0.0
    notes: tuple[str, ...] = ()


@dataclass(eq=False)
class Suite:
    """An indexed plan. What searches raises `CouldNotRunError` where the engine fails.

    Attributes:
        engine: holds the index.
        batch: all queries of the data set.
        cut: by (model, vector field), how many distinct texts were embedded, and how many of them were cut.
        query_ms: by model, the median time to embed one query, in milliseconds.
        preparation: where the time before the first search went.
        calibration: what run times are related to; None where no time is compared.
        baseline: what was, for the queries that pulled a mean below its floor; None where that is not known.
        results: by strategy name, in the order in which they were measured.
        refused: strategies that give no ranking, or gave none when they were asked again, with the line that says so;
            none of them has a result.
        broken: strategies with a result, of which a part gave no ranking when a diagnosis searched it, likewise.
        exact: what an approximate vector index is held against; None where the index is exact.
        build: makes the same approximate index once more; None likewise.
        described: the last snapshot, behind what it was made of; None before there was one.
        encoders: by model, what embeds.
    """

    plan: Plan
    engine: Engine
    batch: QueryBatch
    cut: Mapping[VectorField, tuple[int, int]]
    query_ms: Mapping[str, float | None]
    preparation: Preparation
    calibration: Calibration | None = None
    baseline: Snapshot | None = None
    results: dict[str, Result] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    exact: ExactNeighbours | None = None
    build: Callable[[], Engine] | None = None
    described: tuple[object, Snapshot] | None = None
    encoders: Mapping[str, Encoder] = field(default_factory=dict)
    _closing: ExitStack = field(default_factory=ExitStack)
    _took: dict[str, tuple[float, float]] = field(default_factory=dict)
    _texts_per_s: dict[str, float] = field(default_factory=dict)

    @property
    def depth(self) -> int:
        """How many hits of a query are scored and written."""
        return self.plan.config.metrics.depth

    def search(self, strategy: Strategy, *, deep: bool = True) -> Ranking:
        """Rank the products for all queries: what run time is the time of.

        `deep`: to the depth that a baseline keeps, where that does not change which hits come first.
        """
        hits = max(self.depth, KEPT)
        if not deep or not finds_the_same(strategy, hits=hits):
            hits = self.depth
        before, start = self.engine.took_ms, perf_counter()
        ranking = runner.search(self.engine, strategy, self.batch, hits=hits)
        wall, after = perf_counter() - start, self.engine.took_ms
        if before is not None and after is not None:
            fastest = self._took.get(strategy.name, (wall, 0.0))[0]
            if wall <= fastest:
                self._took[strategy.name] = (wall, (after - before) / 1000)
        return ranking

    def time(self, strategy: Strategy, run_time_s: float) -> Timing:
        """Take the latencies of single queries, and put them beside the run time over all queries.

        Where run times are compared, a short one gets more rounds: the fastest of three says little on a busy machine.
        """
        rounds = runner.ROUNDS
        while self.calibration and rounds < _MOST_ROUNDS and rounds * run_time_s < _LEAST_S:
            took_s = stopwatch()
            self.search(strategy)
            run_time_s, rounds = min(run_time_s, took_s()), rounds + 1
        encode, embedding = None, None
        if self.plan.config.shows_costs and strategy.models:
            embedding, encoders = self._embedding(strategy), [self.encoders[name] for name in strategy.models]

            def encode(text: str) -> object:
                return [encoder.alone(text) for encoder in encoders]

        single = runner.latencies(self.engine, strategy, self.batch, encode=encode)
        took = self._took.get(strategy.name)
        server_s = None if took is None else took[1]
        return Timing(run_time_s, rounds, len(self.batch) / run_time_s, server_s, single, embedding)

    def _embedding(self, strategy: Strategy) -> Embedding | None:
        """What the vectors of a strategy cost; each model is timed once. None of an index that exists."""
        keys = [key for key in searched_fields([strategy]) if key in self.cut]
        if not keys:
            return None
        for name, field_name in keys:
            if name not in self._texts_per_s:
                texts = embedded_texts(self.plan.dataset.catalogue, field_name, name)
                self._texts_per_s[name] = self.encoders[name].texts_per_s(texts)
        counts, dimensions = (
            [self.cut[key][0] for key in keys],
            {name: self.plan.models[name].dimensions for name, _ in keys},
        )
        sizes = (4 * dimensions[name] * count for (name, _), count in zip(keys, counts, strict=True))
        seconds = (count / self._texts_per_s[name] for (name, _), count in zip(keys, counts, strict=True))
        rate = min(self._texts_per_s[name] for name, _ in keys)
        return Embedding(sum(counts), rate, sum(seconds), sum(dimensions.values()), sum(sizes))

    def time_again(self, name: str) -> None:
        """Give a strategy and the calibration more rounds in turns; of all rounds the fastest counts.

        One that gives no ranking any more is refused.
        """
        result = self.results.get(name)
        if result is None or result.timing is None:
            return
        fastest = result.timing.run_time_s
        with one_thread():
            for _ in range(_MORE_ROUNDS):
                self.calibrate()
                took_s = stopwatch()
                try:
                    self.search(result.strategy)
                except StrategyError as error:
                    self.refuse(name, error)
                    return
                fastest = min(fastest, took_s())
        rounds, rate = result.timing.rounds + _MORE_ROUNDS, len(self.batch) / fastest
        timing = replace(result.timing, run_time_s=fastest, rounds=rounds, queries_per_s=rate)
        self.results[name] = replace(result, timing=timing)

    def refuse(self, name: str, error: StrategyError) -> None:
        """Keep why a strategy gives no ranking, and no result of it; the others go on."""
        self.refused[name] = str(error)
        self.results.pop(name, None)

    def judge(self, strategy: Strategy, deep: Ranking, timing: Timing | None) -> Result:
        """Evaluate what `search` gave, compare it with the floors and keep the result."""
        dataset = self.plan.dataset
        ranking = Ranking(deep.codes[:, : self.depth], deep.scores[:, : self.depth])
        evaluated = evaluation.evaluate(
            ranking,
            dataset.judgments,
            n_products=len(dataset.catalogue),
            metrics=self.plan.config.metrics.all,
            ids=dataset.queries.ids,
        )
        old = self.baseline.strategies.get(strategy.name) if self.baseline else None
        before = (
            {metric: dict(zip(self.baseline.queries, one.tolist(), strict=True)) for metric, one in old.metrics.items()}
            if self.baseline and old
            else {}
        )
        recall = self.exact.recall(self.engine, strategy, self.batch) if self.exact else None
        verdict = gate.judge(evaluated, self.plan.floors.get(strategy.name), dataset, before=before)
        result = self.results[strategy.name] = Result(strategy, ranking, deep, evaluated, verdict, timing, recall)
        return result

    def rebuild(self, times: int) -> None:
        """Build an approximate index so many times more, and keep what each build gives of strategies with vectors.

        An exact index is the same whenever it is built: nothing is done. Each build is indexed, searched and removed.
        """
        names = [name for name, result in self.results.items() if result.strategy.embeds]
        if self.build is None or not names:
            return
        values: dict[str, dict[str, list[float]]] = {name: {} for name in names}
        for _ in range(times):
            engine = self.build()
            try:
                other = replace(self, engine=engine, results={}, calibration=None, _took={})
                for name in [name for name in names if name in self.results]:
                    strategy = self.results[name].strategy
                    try:
                        result = other.judge(strategy, other.search(strategy), None)
                    except StrategyError as error:
                        self.refuse(name, error)
                        continue
                    means = {str(metric): result.evaluation.mean(metric) for metric in result.evaluation.per_query}
                    for measure, value in {**means, RECALL: result.recall}.items():
                        if value is not None:
                            values[name].setdefault(measure, []).append(round(value, DIGITS))
            finally:
                engine.close()
        for name, measures in ((name, each) for name, each in values.items() if name in self.results):
            rebuilds = {measure: tuple(each) for measure, each in measures.items()}
            self.results[name] = replace(self.results[name], rebuilds=MappingProxyType(rebuilds))

    def close(self) -> None:
        """Let go of the index, and of the server where it is ours."""
        self._closing.close()

    def notes(self) -> Sequence[str]:
        """What people should know of the session, a line each: of the engine, embeddings and training."""
        engines = [self.engine, *([self.calibration.engine] if self.calibration else [])]
        notes = [note for engine in engines for note in engine.notes()]
        notes += [note for reranker in self.batch.rerankers.values() for note in reranker.notes()]
        return tuple(dict.fromkeys([*self.preparation.notes, *notes]))

    @cached_property
    def reader(self) -> WordReader | None:
        """What analyzes queries and products as the index does; None of an index that exists, or where it cannot."""
        plan = self.plan
        if plan.engine.product_ids is not None:
            return None
        try:
            mapping = plan.config.elasticsearch.mapping
            return WordReader(plan.dataset.catalogue, mapping, release_of(plan.config, plan.engine, self.engine))
        except InputError:
            return None

    def calibrate(self) -> None:
        """Time a round of the calibration, where there is one."""
        if self.calibration is not None:
            self.calibration.round()


# from a plan to a suite


def release_of(config: Config, choice: EngineChoice, engine: Engine) -> int:
    """The release whose ways an engine has under a configuration: its own, where it is a server."""
    return config.release if choice.name == "embedded" else int(engine.version.partition(".")[0])


def _spellers(plan: Plan, engine: Engine, known: dict[object, Any]) -> Spellers:
    """What corrects queries, for the strategies that ask for it; made before times are taken."""
    mapping, release = plan.config.elasticsearch.mapping, release_of(plan.config, plan.engine, engine)
    catalogue = plan.dataset.catalogue
    if (catalogue, mapping, release) not in known:
        known[catalogue, mapping, release] = Spellers(catalogue, read_own_mapping(mapping), release=release)
    spellers: Spellers = known[catalogue, mapping, release]
    for leg in (leg for strategy in plan.strategies for leg in strategy.legs() if leg.spelling):
        spellers(leg)
    return spellers


def _rerankers(plan: Plan, known: dict[object, Any], *, progress: bool) -> dict[Rerank, Reranker]:
    """What reorders hits; a model is loaded when it is first needed."""
    catalogue, rerankers = plan.dataset.catalogue, {}
    for rerank, scorer in plan.rerankers.items():
        key = rerank, scorer, catalogue
        if scorer is None:
            known.setdefault(key, FunctionReranker(rerank.search or "", scoring_function(rerank), catalogue))
        elif key not in known:
            texts = embedded_texts(catalogue, WHOLE, read_by(rerank))
            batch, cache_dir = rerank.batch, plan.config.cache_dir
            known[key] = CrossReranker(scorer, texts, cache_dir, batch=batch, progress=progress)
        rerankers[rerank] = known[key]
    return rerankers


def _with_trained(plan: Plan, *, progress: bool) -> tuple[Plan, tuple[str, ...]]:
    """The plan with its fine-tuned model, its static embedding and its reranker, trained where they are not there."""
    finetuned, static, reranker, notes = plan.finetuned, plan.static, plan.reranker, list[str]()
    if finetuned is not None and finetuned.recipe is not None and not finetuned.trained:
        stored = train(finetuned.recipe, plan.config.cache_dir, progress=progress)
        model, notes = trained_model(plan.config, stored), [*stored.notes]
        models = MappingProxyType(with_finetuned(plan.models, model))
        plan = replace(plan, models=models, finetuned=replace(finetuned, model=model, trained=True))
        if static is not None:  # what it is distilled from is there, and may be another one than was planned
            recipe = replace(static.recipe, base=model, teacher=stored.sha256)
            static = replace(static, recipe=recipe, trained=False)
    if static is not None and not static.trained:
        stored = train(static.recipe, plan.config.cache_dir, progress=progress)
        model = static_model(plan.config, stored)
        models = MappingProxyType({**plan.models, STATIC: model})
        plan = replace(plan, models=models, static=replace(static, model=model, trained=True))
        notes += stored.notes
    if reranker is not None and reranker.stored is None:
        stored = train(reranker.recipe, plan.config.cache_dir, progress=progress)
        scorer = trained_scorer(plan.config, stored)
        rerankers = {**plan.rerankers, **dict.fromkeys(trained_rerankers(plan.strategies), scorer)}
        plan = replace(plan, rerankers=rerankers, reranker=replace(reranker, stored=stored))
        notes += stored.notes
    return plan, tuple(notes)


def prepare(
    plan: Plan, *, progress: bool, calibrated: bool = False, embedded: dict[object, Any] | None = None
) -> Suite:
    """Train, embed and index what the plan needs, nothing else; a server of ours starts meanwhile.

    Args:
        plan: what will run.
        progress: whether bars are shown.
        calibrated: whether the calibration is indexed as well, where an index is made at all.
        embedded: vectors of earlier plans that share models and data, and what corrects their queries, to which those
            of this one are added; reading the cache checks every row.

    Raises:
        CouldNotRunError: the model or the engine cannot be used.
        InputError: the embeddings' cache can only be read, and something is missing there.
    """
    with ExitStack() as closing:
        indexer = closing.enter_context(plan.engine.open(progress=progress))
        began = perf_counter()
        plan, notes = _with_trained(plan, progress=progress)
        start = perf_counter()
        embedded = {} if embedded is None else embedded
        catalogue, queries = plan.dataset.catalogue, plan.dataset.queries
        vectors, cut, of_queries, query_ms, encoders = {}, {}, {}, {}, {}
        searching = {name for strategy in plan.strategies for name in strategy.models}
        for name, model in plan.models.items():
            if name not in searching:  # others are made of it
                continue
            encoder = encoders[name] = Encoder(model, plan.config.cache_dir, progress=progress)
            for key in (key for key in plan.vector_fields if key[0] == name):
                if (model, catalogue, key[1]) not in embedded:
                    texts = embedded_texts(catalogue, key[1], name)
                    of_products = encoder.products(texts, label=": ".join(key))
                    embedded[model, catalogue, key[1]] = of_products, encoder.cut_of(texts)
                vectors[key], cut[key] = embedded[model, catalogue, key[1]]
            if (model, queries) not in embedded:
                embedded[model, queries] = encoder.queries(queries.texts).expanded(), encoder.query_ms
            of_queries[name], query_ms[name] = embedded[model, queries]
            notes += encoder.notes
        done = perf_counter()
        start_s = indexer.ready()
        ready = perf_counter()
        build = partial(indexer.index, catalogue, text_fields=plan.text_fields, vectors=vectors, progress=progress)
        engine = build()
        closing.callback(engine.close)
        indexing_s = perf_counter() - ready
        preparation = Preparation(done - start, start_s, indexing_s, start - began, notes)
        calibration = None
        if calibrated and plan.engine.product_ids is None:
            calibrated_engine = index_calibration(indexer)
            closing.callback(calibrated_engine.close)
            calibration = Calibration(calibrated_engine)
        spelling = _spellers(plan, engine, embedded)
        batch = QueryBatch(
            queries.texts,
            of_queries,
            plan.dataset.own_products,
            queries.params,
            queries.ids,
            spelling,
            _rerankers(plan, embedded, progress=progress),
        )
        # of an index that exists the vectors are not known
        is_ours = plan.engine.product_ids is None and bool(vectors)
        varies = is_ours and engine.facts.get("vector_index") not in EXACT
        return Suite(
            plan,
            engine,
            batch,
            cut,
            query_ms,
            preparation,
            calibration,
            exact=ExactNeighbours(catalogue, vectors) if varies else None,
            build=build if varies else None,
            encoders=encoders,
            _closing=closing.pop_all(),
        )


@contextmanager
def asking(plan: Plan, *, progress: bool) -> Iterator[Callable[[Sequence[Strategy]], tuple[Engine, QueryBatch]]]:
    """Give a function from strategies over a plan's products to an engine that answers them, and all queries for it.

    An engine that cannot read text fields in more ways gets an index anew for those that it has not; it holds them and
    those of the plan alone, as a server has a limit of fields.

    Args:
        plan: of the strategy as it is, and of all vectors that are searched.
        progress: whether bars are shown.

    Raises:
        CouldNotRunError: see `prepare`.
    """
    embedded: dict[object, Any] = {}
    with plan.engine.open(progress=progress) as indexer:
        opened = replace(plan, engine=replace(plan.engine, open=lambda **_: nullcontext(indexer)))
        suite = prepare(opened, progress=progress, embedded=embedded)
        own = held = frozenset(plan.dataset.catalogue.fields.readings)

        def ask(strategies: Sequence[Strategy]) -> tuple[Engine, QueryBatch]:
            nonlocal suite, held
            readings = [one for one in readings_of(strategies) if one not in own]
            more = [one for one in readings if one not in held]
            if more and suite.engine.read(more):
                held = held.union(more)
            elif more:
                suite.close()
                dataset = replace(plan.dataset, catalogue=plan.dataset.catalogue.read(readings))
                suite = prepare(replace(opened, dataset=dataset), progress=progress, embedded=embedded)
                held = own.union(readings)
            return suite.engine, suite.batch

        try:
            yield ask
        finally:
            suite.close()
