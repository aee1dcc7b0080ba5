"""The pytest plugin: options, parametrization, session fixtures, and the final table. It holds no rule of its own.

Loaded by one line in a root `conftest.py`: `pytest_plugins = ["relevance.plugin"]`.

Exit codes: 1 the gate failed, 2 interrupted, 4 usage or bad input, 5 nothing selected, 7 could not run.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from relevance.errors import CouldNotRunError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from _pytest.terminal import TerminalReporter
    from pytest_benchmark.fixture import BenchmarkFixture

    from relevance.report.terminal import Line
    from relevance.strategies import Strategy
    from relevance.suite import Plan, Settings, Suite

__all__ = ["COULD_NOT_RUN", "measure_strategy", "relevance_plan", "relevance_suite"]

COULD_NOT_RUN = 7
"""Exit code where the input is fine but a part is not there: a model, a device, an engine, room on the disk."""

_ROUNDS = 3
_FIXTURE = "measure_strategy"
_MARKUP: dict[str, dict[str, bool]] = {
    "good": {"green": True},
    "bad": {"red": True, "bold": True},
    "warn": {"yellow": True},
    "head": {"bold": True},
}


@dataclass
class _State:
    """What the session has got to."""

    plan: Plan | None = None
    suite: Suite | None = None
    written: Path | None = None
    ungated_in_ci: bool = False


_STATE = pytest.StashKey[_State]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the suite's options, in a group of their own."""
    group = parser.getgroup("relevance", "ranking strategies and their benchmarks")
    add = group.addoption
    add("--dataset", default="sample", metavar="NAME[:PATH]", help="data set to measure on (default: sample)")
    add("--strategy", action="append", default=[], metavar="NAME", help="run this strategy; may be given repeatedly")
    add("--model", metavar="NAME_OR_PATH", help="embedding model (default: the packaged all-MiniLM-L6-v2)")
    add("--query-prompt", metavar="TEXT", help="text before every query (default: the model's own query prompt)")
    add("--max-tokens", type=int, metavar="N", help="cut texts at this many tokens (default: the model's limit)")
    add("--device", metavar="NAME", help="where the model runs: cpu, cuda, cuda:1, mps (default: the best there is)")
    add("--cache-dir", type=Path, metavar="DIR", help="where embeddings are kept (default: the user's cache folder)")
    add("--floors", type=Path, metavar="FILE", help="floors (default: thresholds.toml beside the benchmarks)")
    add("--suggest-floors", action="store_true", help="print floors just below what this run measured")
    add("--out", type=Path, metavar="DIR", help="folder of results, replaced whole (default: .relevance/latest)")


@contextmanager
def _our_errors() -> Iterator[None]:
    """Print an error of ours as its one line, with pytest's own exit code for it."""
    try:
        yield
    except InputError as error:
        raise pytest.UsageError(str(error)) from None
    except CouldNotRunError as error:
        pytest.exit(str(error), returncode=COULD_NOT_RUN)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Check the names of strategies before anything is collected."""
    config.stash[_STATE] = _State()
    with _our_errors():
        _chosen_strategies(config)


def _chosen_strategies(config: pytest.Config) -> Sequence[Strategy]:
    from relevance.strategies import STRATEGIES, named  # noqa: PLC0415 - pytest --help stays fast

    names = config.getoption("--strategy")
    return [named(name) for name in dict.fromkeys(names)] if names else list(STRATEGIES.values())


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test a strategy, for every test that measures one."""
    if _FIXTURE in metafunc.fixturenames and "strategy" in metafunc.fixturenames:
        strategies = _chosen_strategies(metafunc.config)
        metafunc.parametrize("strategy", strategies, ids=[strategy.name for strategy in strategies])


def _benchmarks(items: Sequence[pytest.Item]) -> list[pytest.Function]:
    return [item for item in items if isinstance(item, pytest.Function) and _FIXTURE in item.fixturenames]


def _selected_strategies(items: Sequence[pytest.Function]) -> list[Strategy]:
    strategies: list[Strategy] = [item.callspec.params["strategy"] for item in items]  # type: ignore[misc]
    return list(dict.fromkeys(strategies))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Make the plan of what was selected: whatever is wrong with it is said here, before anything long starts."""
    selected = _benchmarks(items)
    if not selected or config.option.collectonly or "PYTEST_XDIST_WORKER" in os.environ:
        return
    if config.getoption("benchmark_skip") and not config.getoption("benchmark_only"):
        raise pytest.UsageError("--benchmark-skip would skip every strategy; allowed: --benchmark-disable (no times)")
    strategies = _selected_strategies(selected)
    with _our_errors():
        from relevance import suite  # noqa: PLC0415 - pandas and numpy are loaded where benchmarks run
        from relevance.report.folder import check_folder  # noqa: PLC0415

        check_folder(_out(config))
        floors = _floors_file(config, beside=selected[0].path)
        config.stash[_STATE].plan = suite.make_plan(_settings(config, floors), strategies)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any, ids: Sequence[str]) -> None:
    """Refuse to measure run times in several processes at once; xdist's controller collects nothing itself."""
    root: Path = node.config.rootpath
    names = tuple(f"[{strategy.name}]" for strategy in _chosen_strategies(node.config))
    files = {root / test.partition("::")[0] for test in ids if test.endswith(names)}
    if any(_FIXTURE in file.read_text(encoding="utf-8") for file in files):
        raise pytest.UsageError(
            "the benchmarks do not run under xdist (run times need one process); leave out -n and --dist"
        )


def _settings(config: pytest.Config, floors: Path | None) -> Settings:
    from relevance import embeddings, suite  # noqa: PLC0415

    option = config.getoption
    choice = embeddings.ModelChoice(
        model=option("--model"),
        query_prompt=option("--query-prompt"),
        max_tokens=option("--max-tokens"),
        device=option("--device"),
    )
    cache_dir = option("--cache-dir") or embeddings.default_cache_dir()
    return suite.Settings(option("--dataset"), choice, cache_dir, floors)


def _floors_file(config: pytest.Config, *, beside: Path) -> Path | None:
    """The file that was named, which must be there, or the one beside the benchmarks, which may be missing."""
    named: Path | None = config.getoption("--floors")
    if named is not None:
        return named
    default = beside.parent / "thresholds.toml"
    return default if default.exists() else None


def _out(config: pytest.Config) -> Path:
    out: Path | None = config.getoption("--out")
    return config.rootpath / ".relevance" / "latest" if out is None else config.invocation_params.dir / out


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    """Say what will be measured on what."""
    plan = config.stash[_STATE].plan
    if plan is None:
        return []
    from relevance.report.terminal import plan_lines  # noqa: PLC0415

    return plan_lines(plan)


@pytest.fixture(scope="session")
def relevance_plan(request: pytest.FixtureRequest) -> Plan:
    """What this session measures: data set, strategies, floors, models; read and checked at collection."""
    plan = request.config.stash[_STATE].plan
    assert plan is not None, "the plan is made when a benchmark is collected"  # noqa: S101 - for the type checker
    return plan


@pytest.fixture(scope="session")
def relevance_suite(request: pytest.FixtureRequest, relevance_plan: Plan) -> Iterator[Suite]:
    """The plan, embedded and indexed, once a session."""
    from relevance import suite  # noqa: PLC0415

    progress = sys.__stderr__ is not None and sys.__stderr__.isatty()
    capture = request.config.pluginmanager.getplugin("capturemanager")
    uncaptured = capture.global_and_fixture_disabled() if progress and capture else nullcontext()
    with _our_errors(), uncaptured:
        prepared = suite.prepare(relevance_plan, progress=progress)
    request.config.stash[_STATE].suite = prepared
    yield prepared
    prepared.close()


@pytest.fixture
def measure_strategy(relevance_suite: Suite, benchmark: BenchmarkFixture) -> Callable[[Strategy], None]:
    """Run a strategy over all queries, record its run time, and fail where it is below its floors."""

    def measure(strategy: Strategy) -> None:
        with _our_errors():
            ranking = benchmark.pedantic(  # type: ignore[no-untyped-call]  # the library is untyped
                relevance_suite.search, args=(strategy,), rounds=_ROUNDS, warmup_rounds=1
            )
            stats = benchmark.stats
            timing = relevance_suite.time(strategy, stats.stats.min) if stats else None
            result = relevance_suite.judge(strategy, ranking, timing)
        _record(benchmark, relevance_suite, strategy)
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
        benchmark.extra_info["p50_ms"] = result.timing.p50_ms
        benchmark.extra_info["p95_ms"] = result.timing.p95_ms


_ASKED_FOR_TABLE = ("sort", "group-by", "columns", "name", "time-unit", "histogram", "verbose", "compare", "cprofile")


@pytest.hookimpl(tryfirst=True, optionalhook=True)
def pytest_benchmark_group_stats(config: pytest.Config, benchmarks: list[dict[str, Any]]) -> None:
    """Leave our benchmarks out of pytest-benchmark's own table, unless an option of that table was given."""
    asked = tuple(f"--benchmark-{option}" for option in _ASKED_FOR_TABLE)
    if not any(argument.startswith(asked) for argument in config.invocation_params.args):
        benchmarks[:] = [row for row in benchmarks if not _is_ours(row)]


def _is_ours(row: dict[str, Any]) -> bool:
    return {"dataset", "strategy"} <= set(row.get("extra_info") or ())


def _in_ci() -> bool:
    return os.environ.get("CI", "").lower() not in {"", "0", "false", "no"}


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write the results; in CI a run in which nothing was gated has failed."""
    state = session.config.stash[_STATE]
    finished = exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}
    if state.suite is None or not state.suite.results or not finished:
        return
    from relevance.report.folder import write_folder  # noqa: PLC0415

    try:
        write_folder(state.suite, _out(session.config))
        state.written = _out(session.config)
    except OSError as error:
        session.exitstatus = COULD_NOT_RUN
        pytest.exit(f"--out {_out(session.config)}: not written: {error.strerror}", returncode=COULD_NOT_RUN)
    gated = any(result.verdict.status != "not_gated" for result in state.suite.results.values())
    state.ungated_in_ci = _in_ci() and not gated
    if state.ungated_in_ci:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    """The table, what is not gated, where the results are."""
    state = config.stash[_STATE]
    if state.suite is None or not state.suite.results:
        return
    from relevance.report.terminal import Line, table, verdict_lines, without_hits_lines  # noqa: PLC0415

    results = list(state.suite.results.values())
    terminalreporter.section(f"relevance: {state.suite.plan.dataset.name}", sep="=")
    _write(terminalreporter, [*table(state.suite), Line(""), *verdict_lines(results), *without_hits_lines(state.suite)])
    if state.ungated_in_ci:
        _write(terminalreporter, [Line("FAIL: CI is set and no strategy was gated", "bad")])
    if config.getoption("--suggest-floors"):
        from relevance.gate import suggest  # noqa: PLC0415

        evaluations = {result.strategy.name: result.evaluation for result in results}
        _write(terminalreporter, [Line(line) for line in suggest(state.suite.plan.dataset, evaluations).splitlines()])
    if state.written:
        _write(terminalreporter, [Line(f"results: {os.path.relpath(state.written, config.invocation_params.dir)}")])


def _write(terminal: TerminalReporter, lines: Sequence[Line]) -> None:
    for line in lines:
        terminal.write_line(line.text, **_MARKUP.get(line.mark, {}))
