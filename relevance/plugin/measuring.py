"""The session's fixtures, and what a strategy's test does."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest

from relevance.plugin.comparing import needs_calibration
from relevance.plugin.state import STATE, in_fixture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_benchmark.fixture import BenchmarkFixture

    from relevance.plugin.state import Gate, State
    from relevance.strategies import Strategy
    from relevance.suite import Plan, Suite

__all__ = ["measure_strategy", "pytest_benchmark_group_stats", "relevance_plan", "relevance_suite"]


@pytest.fixture(scope="session")
def relevance_plan(request: pytest.FixtureRequest) -> Plan:
    """What this session measures: data set, strategies, floors, models; read and checked at collection."""
    plan = request.config.stash[STATE].plan
    assert plan is not None, "the plan is made when a benchmark is collected"  # noqa: S101 - for the type checker
    return plan


@pytest.fixture(scope="session")
def relevance_suite(request: pytest.FixtureRequest, relevance_plan: Plan) -> Iterator[Suite]:
    """The plan, embedded and indexed, once a session."""
    from relevance import suite  # noqa: PLC0415

    progress = sys.__stderr__ is not None and sys.__stderr__.isatty()
    capture = request.config.pluginmanager.getplugin("capturemanager")
    uncaptured = capture.global_and_fixture_disabled() if progress and capture else nullcontext()
    state = request.config.stash[STATE]
    with in_fixture(state), uncaptured, state.interrupts.at_most(1):
        state.suite = suite.prepare(relevance_plan, progress=progress, calibrated=_calibrated(request.config, state))
    if state.gate is not None and state.gate.baselines:
        state.suite.baseline = state.gate.baselines[0].snapshot
    yield state.suite
    if state.gate is not None and not state.finishing:
        with in_fixture(state):
            _time_again(state.suite, state.gate)
    state.close()


def _time_again(suite: Suite, gate: Gate) -> None:
    """What no test has timed again; afterwards the engine is gone."""
    from relevance.suite import confirm_run_times, settle_run_times  # noqa: PLC0415

    if gate.updates and len(suite.results) == len(suite.plan.strategies):
        settle_run_times(suite)
    if not gate.updates and gate.comparisons is None:
        confirm_run_times(suite, gate.baselines, gate.limits)


def _calibrated(config: pytest.Config, state: State) -> bool:
    if state.gate is None or state.plan is None or not _takes_times(config):
        return False
    return needs_calibration(state.gate, state.plan.engine.name)


def _takes_times(config: pytest.Config) -> bool:
    return bool(config.getoption("benchmark_enable") or not config.getoption("benchmark_disable"))


@pytest.fixture
def measure_strategy(
    request: pytest.FixtureRequest, relevance_suite: Suite, benchmark: BenchmarkFixture
) -> Callable[[Strategy], None]:
    """Run a strategy over all queries, record its run time, and fail where it is below its floors."""
    from relevance.gate import GATED  # noqa: PLC0415
    from relevance.runner import ROUNDS, WARM_UP_ROUNDS  # noqa: PLC0415 - numpy is loaded where benchmarks run
    from relevance.suite import one_thread  # noqa: PLC0415

    state = request.config.stash[STATE]

    def measure(strategy: Strategy) -> None:
        with in_fixture(state), one_thread() if _takes_times(request.config) else nullcontext():
            relevance_suite.calibrate()
            ranking = benchmark.pedantic(  # type: ignore[no-untyped-call]  # the library is untyped
                relevance_suite.search, args=(strategy,), rounds=ROUNDS, warmup_rounds=WARM_UP_ROUNDS
            )
            relevance_suite.calibrate()
            stats = benchmark.stats
            timing = relevance_suite.time(strategy, stats.stats.min) if stats else None
            result = relevance_suite.judge(strategy, ranking, timing)
            if state.gate is not None and state.gate.updates:
                relevance_suite.time_again(strategy.name)  # later sessions are held against it
                result = relevance_suite.results[strategy.name]
        _record(benchmark, relevance_suite, strategy)
        evaluation = result.evaluation
        request.node.user_properties.extend(
            (str(metric), f"{evaluation.mean(metric):.6g}") for metric in GATED.values()
        )
        if result.verdict.status == "fail":
            from relevance.report.terminal import failure  # noqa: PLC0415

            pytest.fail(failure(strategy.name, result.verdict), pytrace=False)

    return measure


def _record(benchmark: BenchmarkFixture, suite: Suite, strategy: Strategy) -> None:
    from relevance.evaluation import METRICS  # noqa: PLC0415

    result = suite.results[strategy.name]
    benchmark.extra_info["dataset"] = suite.plan.dataset.name
    benchmark.extra_info["strategy"] = strategy.name
    benchmark.extra_info |= {str(metric): result.evaluation.mean(metric) for metric in METRICS}
    if result.timing is not None:
        benchmark.extra_info["queries_per_s"] = result.timing.queries_per_s
        benchmark.extra_info["p50_ms"] = result.timing.single.p50_ms
        benchmark.extra_info["p95_ms"] = result.timing.single.p95_ms


_ASKED_FOR_TABLE = ("sort", "group-by", "columns", "name", "time-unit", "histogram", "verbose", "compare", "cprofile")


@pytest.hookimpl(tryfirst=True, optionalhook=True)
def pytest_benchmark_group_stats(config: pytest.Config, benchmarks: list[dict[str, Any]]) -> None:
    """Leave our benchmarks out of pytest-benchmark's own table, unless an option of that table was given."""
    asked = tuple(f"--benchmark-{option}" for option in _ASKED_FOR_TABLE)
    if not any(argument.startswith(asked) for argument in config.invocation_params.args):
        benchmarks[:] = [row for row in benchmarks if not _is_ours(row)]


def _is_ours(row: dict[str, Any]) -> bool:
    return {"dataset", "strategy"} <= set(row.get("extra_info") or ())
