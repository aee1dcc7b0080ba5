"""The pytest plugin: options, one test a strategy, session fixtures, and the final table. It holds no rule of its own.

Loaded by one line in a root `conftest.py`: `pytest_plugins = ["relevance.plugin"]`.

Exit codes: 1 the gate failed, 2 interrupted, 4 usage or bad input, 5 nothing selected, 7 could not run.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest

from relevance.errors import InputError
from relevance.plugin.options import pytest_addoption as pytest_addoption
from relevance.plugin.session import SESSION, Session, has_benchmark, usage_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from relevance.plugin.run import BenchmarkRun
    from relevance.strategies import Strategy
    from relevance.suite import Plan, Suite


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Read the configuration before anything is collected; `--help` is shown whatever is in it."""
    session = config.stash[SESSION] = Session(config)
    config.pluginmanager.register(session, "relevance-session")
    config.pluginmanager.register(_Timer() if has_benchmark(config) else _NoTimer(), "relevance-timer")
    if not config.option.help:
        try:
            session.read_config()
        except InputError as error:
            raise usage_error(error) from None


class _Timer:
    """Has benchmarks timed by pytest-benchmark, or by pytest-codspeed in its place; their options hold for ours."""

    @pytest.fixture
    def relevance_timer(self, benchmark: Any) -> Any:
        return benchmark


class _NoTimer:
    """Stands in where neither is loaded."""

    @pytest.fixture
    def relevance_timer(self) -> None:
        return None


@pytest.fixture(scope="session")
def relevance_run(request: pytest.FixtureRequest) -> BenchmarkRun:
    """The run of the benchmarks of the test's folder."""
    run: BenchmarkRun = request.param
    return run


@pytest.fixture(scope="session")
def relevance_plan(relevance_run: BenchmarkRun) -> Plan:
    """What is measured: data set, strategies, floors, models; read and checked at collection."""
    return relevance_run.plan


@pytest.fixture(scope="session")
def relevance_suite(request: pytest.FixtureRequest, relevance_run: BenchmarkRun) -> Iterator[Suite]:
    """The plan, embedded and indexed, once a session and folder."""
    yield from request.config.stash[SESSION].prepared(relevance_run)


@pytest.fixture
def measure_strategy(
    request: pytest.FixtureRequest, relevance_run: BenchmarkRun, relevance_suite: Suite, relevance_timer: Any
) -> Callable[[Strategy], None]:
    """Measure a strategy, record its run time, and fail where it is below its floors."""
    from relevance.plugin.run import figures, gated_figures  # noqa: PLC0415 - numpy is loaded where benchmarks run
    from relevance.report.terminal import failure  # noqa: PLC0415
    from relevance.suite import one_thread  # noqa: PLC0415

    session, dataset = request.config.stash[SESSION], relevance_suite.plan.dataset.name

    def measure(strategy: Strategy) -> None:
        with session.ending(), one_thread() if session.takes_times else nullcontext():
            result = relevance_run.measure(strategy, relevance_timer)
        if hasattr(relevance_timer, "extra_info"):
            relevance_timer.extra_info |= {"dataset": dataset, "strategy": strategy.name, **figures(result)}
        request.node.user_properties.extend(gated_figures(result))
        if result.verdict.status == "fail":
            pytest.fail(failure(strategy.name, result.verdict), pytrace=False)

    return measure


@pytest.fixture
def compare_strategy(
    request: pytest.FixtureRequest, relevance_run: BenchmarkRun, relevance_suite: Suite
) -> Callable[[Strategy], None]:
    """Compare a strategy with the baselines, together with all others of the run, and fail where it is worse.

    Those that no selected test measures are measured once, without a time.
    """
    from relevance.report.results import comparison_properties  # noqa: PLC0415
    from relevance.report.terminal import comparison_failure  # noqa: PLC0415

    session, run = request.config.stash[SESSION], relevance_run
    del relevance_suite  # that it is there

    def compare(strategy: Strategy) -> None:
        if run.updates:
            pytest.skip(f"{run.baseline_name} is being updated")
        if not run.baselines and run.required:
            pytest.fail(run.no_baseline, pytrace=False)
        if not run.baselines:
            pytest.skip(run.no_baseline)
        with session.ending():
            run.measure_rest()
            comparisons, diagnoses = run.compare(), run.diagnose(live=True)
        request.node.user_properties.extend(comparison_properties(strategy.name, comparisons))
        run.reported.add(strategy.name)
        if all(strategy.name not in one.snapshot.strategies for one in run.baselines):
            pytest.skip("not in the baseline; --update-baseline adds it")
        if any(one.status(strategy.name) == "fail" for one in comparisons):
            pytest.fail(comparison_failure(strategy.name, comparisons, diagnoses), pytrace=False)

    return compare
