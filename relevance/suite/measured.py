"""A suite measures strategies: it searches, takes times, and judges what comes back."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import TYPE_CHECKING

from threadpoolctl import threadpool_limits

from relevance import evaluation, gate, runner
from relevance.suite.stopwatch import stopwatch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from relevance.engines.base import Engine, QueryBatch, VectorField
    from relevance.evaluation import Evaluation
    from relevance.gate import Verdict
    from relevance.records import Ranking
    from relevance.runner import Latencies
    from relevance.strategies import Strategy
    from relevance.suite.calibration import Calibration
    from relevance.suite.plan import Plan

__all__ = ["Preparation", "Result", "Suite", "Timing", "one_thread"]


_LEAST_S, _MOST_ROUNDS = 0.3, 100
"""So long a run time is looked for that is to be compared, in at most so many rounds."""
_MORE_ROUNDS = 5
"""What looks slow is timed so many times more before anything is said of it."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep products of matrices in one thread, as all else is, while times are taken.

    With more of them vectors would be faster by the number of cores and text would not, so that no calibration is fair;
    and they wait for each other by spinning: where other work has a core, two take far longer than one.
    """
    with threadpool_limits(1, user_api="blas"):
        yield


@dataclass(frozen=True)
class Timing:
    """Run time of a strategy: the search alone, in one thread where this process is the engine.

    Attributes:
        run_time_s: seconds for all queries in batches, minimum of the rounds.
        rounds: how many there were.
        queries_per_s: queries answered a second in that time.
        took_s: what the server says it worked in that round, in seconds; None where this process is the engine.
        single: of queries asked one at a time.
    """

    run_time_s: float
    rounds: int
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
        calibration: what run times are related to; None where no time is compared.
        results: by strategy name, in the order in which they were measured.
    """

    plan: Plan
    engine: Engine
    batch: QueryBatch
    cut: Mapping[VectorField, tuple[int, int]]
    query_ms: Mapping[str, float | None]
    preparation: Preparation
    calibration: Calibration | None = None
    results: dict[str, Result] = field(default_factory=dict)
    _closing: ExitStack = field(default_factory=ExitStack)
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
        """Take the latencies of single queries, and put them beside the run time over all queries.

        Where run times are compared, a short one gets more rounds: the fastest of three says little on a busy machine.
        """
        rounds = runner.ROUNDS
        while self.calibration and rounds < _MOST_ROUNDS and rounds * run_time_s < _LEAST_S:
            took_s = stopwatch()
            self.search(strategy)
            run_time_s, rounds = min(run_time_s, took_s()), rounds + 1
        single = runner.latencies(self.engine, strategy, self.batch)
        took = self._took.get(strategy.name)
        return Timing(run_time_s, rounds, len(self.batch) / run_time_s, None if took is None else took[1], single)

    def time_again(self, name: str) -> None:
        """Give a strategy and the calibration more rounds in turns; of all rounds the fastest counts.

        Raises:
            CouldNotRunError: the engine failed.
        """
        result = self.results[name]
        if result.timing is None:
            return
        fastest = result.timing.run_time_s
        with one_thread():
            for _ in range(_MORE_ROUNDS):
                self.calibrate()
                took_s = stopwatch()
                self.search(result.strategy)
                fastest = min(fastest, took_s())
        rounds, rate = result.timing.rounds + _MORE_ROUNDS, len(self.batch) / fastest
        timing = replace(result.timing, run_time_s=fastest, rounds=rounds, queries_per_s=rate)
        self.results[name] = replace(result, timing=timing)

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
        self._closing.close()

    def notes(self) -> Sequence[str]:
        """What people should know of the engine's session, a line each."""
        engines = [self.engine, *([self.calibration.engine] if self.calibration else [])]
        return tuple(dict.fromkeys(note for engine in engines for note in engine.notes()))

    def calibrate(self) -> None:
        """Time a round of the calibration, where there is one.

        Raises:
            CouldNotRunError: the engine failed.
        """
        if self.calibration is not None:
            self.calibration.round()
