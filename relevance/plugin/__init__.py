"""The pytest plugin: options, one test a strategy, session fixtures, and the final table. It holds no rule of its own.

Loaded by one line in a root `conftest.py`: `pytest_plugins = ["relevance.plugin"]`.

Exit codes: 1 the gate failed, 2 interrupted, 4 usage or bad input, 5 nothing selected, 7 could not run.
"""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from relevance.config import FILE_NAME
from relevance.errors import CouldNotRunError, InputError, RelevanceError
from relevance.plugin.options import config_option, long_name, read, taken_names, with_floors
from relevance.plugin.options import pytest_addoption as pytest_addoption
from relevance.plugin.record import (
    RECORD,
    BenchmarkRun,
    SessionRecord,
    config_file_of,
    in_ci,
)
from relevance.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence

    from _pytest.terminal import TerminalReporter

    from relevance.config import Config
    from relevance.strategies import Strategy
    from relevance.suite import Plan, Suite

_RUN = "relevance_run"
_MEASURES = "measure_strategy"
_COMPARES = "compare_strategy"

_XDIST = "the benchmarks do not run under xdist (run times need one process); leave out -n and --dist"
_SKIPPED = "--benchmark-skip would skip every strategy; allowed: --benchmark-disable (no times)"
# options of pytest-benchmark's own table: who gives one wants to see it
_TABLE_OPTIONS = ("sort", "group-by", "columns", "name", "time-unit", "histogram", "verbose", "compare", "cprofile")
_MARKUP: Mapping[str, Mapping[str, bool]] = {
    "good": {"green": True},
    "bad": {"red": True, "bold": True},
    "warn": {"yellow": True},
    "head": {"bold": True},
    "": {},
}
# plugins that would count or keep a failure that is no test's
_COUNTING = ("terminalreporter", "session", "lfplugin", "stepwiseplugin")


# configuration


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Read the configuration before anything is collected; `--help` is shown whatever is in it."""
    record = config.stash[RECORD] = SessionRecord()
    config.pluginmanager.register(_Timer() if _has_benchmark(config) else _NoTimer(), "relevance-timer")
    if config.option.help:
        return
    try:
        record.config = read(config, config_file_of(config.rootpath, config.rootpath))
    except InputError as error:
        raise _usage_error(error) from None


def _usage_error(error: RelevanceError) -> pytest.UsageError:
    return pytest.UsageError("\n  ".join((str(error), *error.details)))


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say which configuration file is in force, and which options have another name here."""
    file = _root_config(config).file
    shown = f"none, no {FILE_NAME} in the root folder" if file is None else os.path.relpath(file, config.rootpath)
    taken = [f"{name} is another plugin's here, ours is {long_name(name)}" for name in taken_names(config)]
    return [printable(f"relevance: {line}") for line in (f"configuration {shown}", *taken)]


def _root_config(config: pytest.Config) -> Config:
    root_config = config.stash[RECORD].config
    assert root_config is not None, "read when pytest is configured"  # noqa: S101 - for the type checker
    return root_config


def _run_in(config: pytest.Config, folder: Path) -> BenchmarkRun:
    """The run of a folder's benchmarks, which have the configuration that is nearest to them."""
    record = config.stash[RECORD]
    if folder not in record.runs:
        own, file = _root_config(config), config_file_of(folder, config.rootpath)
        if file != own.file and config_option(config) is None:
            own = read(config, file)
        name = os.path.relpath(folder, config.invocation_params.dir)
        record.runs[folder] = BenchmarkRun(folder, name, with_floors(own, beside=folder))
    return record.runs[folder]


# collection


@pytest.hookimpl(wrapper=True)
def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> Generator[None, bool | None, bool | None]:
    """Notice a file of benchmarks that another plugin leaves out, as pytest-testmon does with unchanged ones."""
    ignored = yield
    if ignored and in_ci() and collection_path.suffix == ".py":
        asked = config.pluginmanager.getplugin("main").pytest_ignore_collect(collection_path, config)  # by --ignore
        text = "" if asked else collection_path.read_text(encoding="utf-8", errors="replace")
        if _MEASURES in text or _COMPARES in text:
            config.stash[RECORD].passed_over.add(_shown(config, collection_path.parent))
    return ignored


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test a strategy, for every test that measures or compares one, in the run of its folder."""
    if _RUN not in metafunc.fixturenames:
        return
    config, folder = metafunc.config, metafunc.definition.path.parent
    try:
        run = _run_in(config, folder)
    except InputError as error:  # said when all is collected: here it would be a failed collection of one file
        config.stash[RECORD].error = error
        return
    metafunc.parametrize(_RUN, [run], indirect=True, ids=[pytest.HIDDEN_PARAM], scope="session")
    if not {_MEASURES, _COMPARES} & set(metafunc.fixturenames):
        return
    if "strategy" in metafunc.fixturenames:
        strategies = run.config.selected
        metafunc.parametrize("strategy", strategies, ids=[strategy.name for strategy in strategies])


def _has_benchmark(config: pytest.Config) -> bool:
    """Whether pytest-benchmark is there: `-p no:benchmark` and no autoload are choices that others make."""
    return config.getoption("benchmark_disable", None) is not None


def _takes_times(config: pytest.Config) -> bool:
    disabled = config.getoption("benchmark_disable", None)
    return disabled is not None and (not disabled or bool(config.getoption("benchmark_enable")))


def _is_benchmark(item: pytest.Item) -> bool:
    return isinstance(item, pytest.Function) and bool({_MEASURES, _COMPARES} & set(item.fixturenames))


def _strategy(item: pytest.Item) -> Strategy:
    strategy: Strategy | None = item.callspec.params.get("strategy") if hasattr(item, "callspec") else None
    if strategy is None:
        asked = next(name for name in (_MEASURES, _COMPARES) if name in getattr(item, "fixturenames", ()))
        raise pytest.UsageError(f"{item.nodeid} asks for {asked}; it has to ask for strategy as well")
    return strategy


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None]:
    """Make the plans of what was selected: whatever is wrong with them is said here, before anything long starts."""
    record = config.stash[RECORD]
    for item in items:
        run = record.runs.get(item.path.parent)
        if run is not None and _is_benchmark(item):
            run.collected = True
    yield  # others select, and put in order
    if _only_lists(config):
        return
    selected = [item for item in items if _is_benchmark(item)]
    record.refusal = _refusal(config) if selected else ""
    if record.refusal:
        for item in selected:
            item.add_marker(pytest.mark.skip(reason=record.refusal))
        return
    if not _make_plans(config, record, selected):
        items.clear()
        return
    _deselect(config, items, selected)
    # a folder's suite is closed before the next one is opened; what is compared together has to be measured before
    order = list(record.runs)
    items.sort(key=lambda item: (order.index(item.path.parent), _compares(item)) if _is_benchmark(item) else (0, False))
    if selected:
        record.interrupts.install()
        config.add_cleanup(record.interrupts.restore)


def _only_lists(config: pytest.Config) -> bool:
    options = ("collectonly", "showfixtures", "show_fixtures_per_test", "setupplan")
    return any(getattr(config.option, name, False) for name in options)


def _refusal(config: pytest.Config) -> str:
    """Why the benchmarks cannot run in this session; the project's other tests do."""
    if hasattr(config, "workerinput"):
        return _XDIST
    if config.getoption("benchmark_skip", None) and not config.getoption("benchmark_only", None):
        return _SKIPPED
    return ""


def _make_plans(config: pytest.Config, record: SessionRecord, benchmarks: Sequence[pytest.Item]) -> bool:
    """Whether what they need is there.

    Raises:
        UsageError: bad input.
    """
    update, cwd = bool(config.getoption("--relevance-update-baseline")), config.invocation_params.dir
    try:
        if record.error is not None:  # in a configuration
            raise record.error
        for folder in dict.fromkeys(item.path.parent for item in benchmarks):
            strategies = dict.fromkeys(_strategy(item) for item in benchmarks if item.path.parent == folder)
            record.runs[folder].make_plan(list(strategies), update=update, cwd=cwd)
    except InputError as error:
        record.error, record.raised = error, True
        raise _usage_error(error) from None
    except CouldNotRunError as error:
        record.error = error
    return record.error is None


def _deselect(config: pytest.Config, items: list[pytest.Item], benchmarks: Sequence[pytest.Item]) -> None:
    """Leave out the tests of strategies that cannot run; the header and the results say why."""
    runs = config.stash[RECORD].runs
    left_out = []
    for item in benchmarks:
        plan = runs[item.path.parent].plan
        if plan is not None and _strategy(item).name in plan.left_out:
            left_out.append(item)
    if left_out:
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)


def _compares(item: pytest.Item) -> bool:
    return isinstance(item, pytest.Function) and _COMPARES in item.fixturenames


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    """Say what will be measured on what."""
    record = config.stash[RECORD]
    planned = [run for run in record.runs.values() if run.plan is not None]
    lines = []
    for run in planned:
        if len(planned) > 1:
            file = run.config.file
            lines.append(f"benchmarks: {run.name}, configuration {_shown(config, file) if file else 'none'}")
        lines += run.header_lines()
    if planned and not _has_benchmark(config):
        lines.append("note: run times are not taken: pytest-benchmark is not loaded")
    return [printable(line) for line in lines]


def _shown(config: pytest.Config, path: Path) -> str:
    return os.path.relpath(path, config.invocation_params.dir)


# fixtures


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
    assert relevance_run.plan is not None, "the plan is made where a benchmark is collected"  # noqa: S101 - the same
    return relevance_run.plan


@pytest.fixture(scope="session")
def relevance_suite(
    request: pytest.FixtureRequest, relevance_run: BenchmarkRun, relevance_plan: Plan
) -> Iterator[Suite]:
    """The plan, embedded and indexed, once a session and folder."""
    del relevance_plan  # that it is there
    record = request.config.stash[RECORD]
    with record.ending_session(), _shown_progress(request.config), record.interrupts.at_most(1):
        suite = relevance_run.prepare(timed=_takes_times(request.config))
    yield suite
    if not record.finishing:
        with record.ending_session():
            relevance_run.time_again(suite)
    relevance_run.close(record.interrupts)


def _shown_progress(config: pytest.Config) -> ExitStack:
    """Let bars and lines of progress through to the terminal, which pytest keeps from tests."""
    from relevance.progress import before_output  # noqa: PLC0415

    stack = ExitStack()
    capture = config.pluginmanager.getplugin("capturemanager")
    if capture is not None:
        stack.enter_context(capture.global_and_fixture_disabled())
    terminal = config.pluginmanager.getplugin("terminalreporter")
    if terminal is not None:
        stack.enter_context(before_output(terminal.ensure_newline))
    return stack


@pytest.fixture
def measure_strategy(
    request: pytest.FixtureRequest, relevance_run: BenchmarkRun, relevance_suite: Suite, relevance_timer: Any
) -> Callable[[Strategy], None]:
    """Measure a strategy, record its run time, and fail where it is below its floors."""
    from relevance.evaluation import METRICS  # noqa: PLC0415 - numpy is loaded where benchmarks run
    from relevance.gate import GATED  # noqa: PLC0415
    from relevance.runner import ROUNDS, WARM_UP_ROUNDS  # noqa: PLC0415
    from relevance.suite import one_thread  # noqa: PLC0415

    record, suite, benchmark = request.config.stash[RECORD], relevance_suite, relevance_timer

    def rank(strategy: Strategy) -> Any:
        if benchmark is None:
            return suite.search(strategy)
        if getattr(benchmark, "params", None):  # they go into its files
            benchmark.params = {name: value for name, value in benchmark.params.items() if name != _RUN}
        return benchmark.pedantic(suite.search, args=(strategy,), rounds=ROUNDS, warmup_rounds=WARM_UP_ROUNDS)

    def measure(strategy: Strategy) -> None:
        with record.ending_session(), one_thread() if _takes_times(request.config) else nullcontext():
            suite.calibrate()
            ranking = rank(strategy)
            suite.calibrate()
            stats = getattr(benchmark, "stats", None)
            timing = suite.time(strategy, stats.stats.min) if stats else None
            result = suite.judge(strategy, ranking, timing)
            if relevance_run.updates:
                suite.time_again(strategy.name)  # later sessions are held against it
                result = suite.results[strategy.name]
        means = {str(metric): result.evaluation.mean(metric) for metric in METRICS}
        if hasattr(benchmark, "extra_info"):
            benchmark.extra_info |= {"dataset": suite.plan.dataset.name, "strategy": strategy.name, **means}
            if result.timing is not None:
                benchmark.extra_info |= {
                    "queries_per_s": result.timing.queries_per_s,
                    "p50_ms": result.timing.single.p50_ms,
                    "p95_ms": result.timing.single.p95_ms,
                }
        request.node.user_properties.extend((str(metric), f"{means[str(metric)]:.6g}") for metric in GATED.values())
        if result.verdict.status == "fail":
            from relevance.report.terminal import failure  # noqa: PLC0415

            pytest.fail(failure(strategy.name, result.verdict), pytrace=False)

    return measure


@pytest.fixture
def compare_strategy(
    request: pytest.FixtureRequest, relevance_run: BenchmarkRun, relevance_suite: Suite
) -> Callable[[Strategy], None]:
    """Compare a strategy with the baselines, together with all others of the run, and fail where it is worse.

    Those that no selected test measures are measured once, without a time.
    """
    record, run = request.config.stash[RECORD], relevance_run

    def compare(strategy: Strategy) -> None:
        if run.updates:
            pytest.skip(f"{run.baseline_name} is being updated")
        if not run.baselines:
            line = f"no baseline at {run.baseline_name}; pytest --update-baseline makes one"
            if run.required:
                pytest.fail(line, pytrace=False)
            pytest.skip(line)
        with record.ending_session():
            run.measure_rest(relevance_suite)
            comparisons = run.compare(relevance_suite)
            diagnoses = run.diagnose(relevance_suite, live=True)
        from relevance.report.comparison import comparison_failure, comparison_properties  # noqa: PLC0415
        from relevance.report.diagnosis import diagnosis_failure  # noqa: PLC0415

        request.node.user_properties.extend(comparison_properties(strategy.name, comparisons))
        run.reported.add(strategy.name)
        if all(strategy.name not in one.snapshot.strategies for one in run.baselines):
            pytest.skip("not in the baseline; --update-baseline adds it")
        if any(one.status(strategy.name) == "fail" for one in comparisons):
            why = (comparison_failure(strategy.name, comparisons), diagnosis_failure(strategy.name, diagnoses))
            pytest.fail("\n".join(filter(None, why)), pytrace=False)

    return compare


# other plugins


@pytest.hookimpl(tryfirst=True, optionalhook=True)
def pytest_benchmark_group_stats(config: pytest.Config, benchmarks: list[dict[str, Any]]) -> None:
    """Leave our benchmarks out of pytest-benchmark's own table, unless an option of that table was given."""
    asked = tuple(f"--benchmark-{option}" for option in _TABLE_OPTIONS)
    if not any(argument.startswith(asked) for argument in config.invocation_params.args):
        benchmarks[:] = [row for row in benchmarks if not {"dataset", "strategy"} <= set(row.get("extra_info") or ())]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take from a worker of xdist whose benchmarks it has left out; the controller collects nothing itself."""
    record = node.config.stash[RECORD]
    for name in getattr(node, "workeroutput", {}).get(_RUN, ()):
        if name not in record.refused:
            record.refused.append(name)


# the end


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """End at an error of ours without pytest's own words around its line."""
    try:
        return (yield)
    except pytest.exit.Exception:
        if session.config.stash[RECORD].error is None:
            raise
        return True


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> Generator[None]:
    """Judge and write the results; in CI a run in which nothing was gated has failed."""
    record = session.config.stash[RECORD]
    record.interrupts.end()
    record.finishing = True
    code = _finish(session.config, record, exitstatus)
    nothing_selected = exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and code == pytest.ExitCode.TESTS_FAILED
    if code and not nothing_selected:
        session.exitstatus = code
    yield
    if code and session.exitstatus == pytest.ExitCode.OK:  # a plugin that selects tests has said that none is fine
        session.exitstatus = code


def _finish(config: pytest.Config, record: SessionRecord, exitstatus: int) -> int:
    """The exit code that our results make, 0 where pytest's own stands."""
    worker = getattr(config, "workeroutput", None)
    if worker is not None:
        worker[_RUN] = [run.name for run in record.runs.values() if run.collected]
        return 0
    if record.error is None and exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
        try:
            for run in record.measured_runs():
                run.judge()
            _write_results(record, passed=exitstatus == pytest.ExitCode.OK)
        except RelevanceError as error:
            record.error = error
    if record.error is not None:
        _tell_others(config, record, record.error)
        return record.exit_code
    if any(run.failures for run in record.runs.values()):
        return pytest.ExitCode.TESTS_FAILED
    if exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED} and not _only_lists(config):
        return _unmeasured(config, record)
    return 0


def _unmeasured(config: pytest.Config, record: SessionRecord) -> int:
    """What is to be said of benchmarks that were collected and did not run, and the exit code that it makes."""
    folders = record.refused or [run.name for run in record.runs.values() if run.collected and not run.measured]
    folders += sorted(record.passed_over - {run.name for run in record.runs.values()})
    refusal = record.refusal or (_XDIST if record.refused else "")
    names = ", ".join(folders)
    if not folders or not (refusal or in_ci()):
        return 0
    if refusal:
        record.unmeasured = f"{'FAIL' if in_ci() else 'NOT MEASURED'}: {names}: {refusal}"
    else:
        why = f"CI is set and no benchmark of {names} has run, though there are some"
        record.unmeasured = f"FAIL: {why}; leave them out by --ignore where that is meant"
    if refusal and not _others_ran(config):
        return pytest.ExitCode.USAGE_ERROR
    return pytest.ExitCode.TESTS_FAILED if in_ci() else 0


def _others_ran(config: pytest.Config) -> bool:
    terminal = config.pluginmanager.getplugin("terminalreporter")
    counted = terminal.stats if terminal is not None else {"passed": True}
    return any(counted.get(outcome) for outcome in ("passed", "failed", "error", "xfailed", "xpassed"))


def _write_results(record: SessionRecord, *, passed: bool) -> None:
    """The folders of results, the baselines that are updated, and the page of a CI job.

    Raises:
        CouldNotRunError: something could not be written.
        InputError: see `BenchmarkRun.update_baseline`.
    """
    from relevance.report.folder import write_folder  # noqa: PLC0415

    runs = record.measured_runs()
    for out in dict.fromkeys(run.config.out for run in runs):
        together = [run for run in runs if run.config.out == out]
        with _writing(f"--out {out}"):
            write_folder(out, _files(together))
        record.written.append(out)
    passed = passed and not any(run.failures for run in runs)
    for run in runs:
        if run.updates:
            with _writing(run.baseline_name):
                run.update_baseline(passed=passed)
    for run in runs:
        _append_job_summary(record, run.job_summary)


@contextmanager
def _writing(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CouldNotRunError(f"{name}: not written: {error.strerror}") from None


def _files(runs: Sequence[BenchmarkRun]) -> Mapping[str, str | bytes]:
    """The files of runs that share a folder of results: of several, each in a folder of its own."""
    if len(runs) == 1:
        return runs[0].files()
    above = os.path.commonpath([run.folder.parent for run in runs])
    by_name = {run.folder.relative_to(above).as_posix(): run.files() for run in runs}
    return {f"{run}/{name}": content for run, contents in by_name.items() for name, content in contents.items()}


def _append_job_summary(record: SessionRecord, page: Callable[[], str]) -> None:
    """Append to the file that GitHub shows; what cannot be written is a note, the results are elsewhere."""
    path = os.environ.get("GITHUB_STEP_SUMMARY", "")
    if not path:
        return
    try:
        with Path(path).open("a", encoding="utf-8", errors="replace") as file:
            file.write(page())
    except OSError as error:
        record.notes.append(f"GITHUB_STEP_SUMMARY: not written: {error.strerror}")


def _tell_others(config: pytest.Config, record: SessionRecord, error: RelevanceError) -> None:
    """Put an error that ends the session before anything is judged into the JUnit file and on the page of a CI job."""
    from relevance.report.pages import refusal_summary  # noqa: PLC0415

    _append_job_summary(record, lambda: refusal_summary(str(error), error.details))
    manager = config.pluginmanager
    left_out = [plugin for name in _COUNTING if (plugin := manager.getplugin(name)) is not None]
    text = "\n".join((str(error), *error.details))
    location = ("relevance", None, "relevance")
    report = pytest.TestReport("relevance::session", location, {}, outcome="failed", longrepr=text, when="setup")
    manager.subset_hook_caller("pytest_runtest_logreport", left_out)(report=report)


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    """Print for each run the table, what is not gated, and what the comparison says; then where the results are."""
    record = config.stash[RECORD]
    runs = record.measured_runs()
    columns = terminalreporter._tw.fullwidth if terminalreporter.isatty else None  # noqa: SLF001 - as pytest-cov does
    for run in runs:
        title = f"relevance: {run.config.source.name}" + (f" ({run.name})" if len(runs) > 1 else "")
        terminalreporter.write_sep("=", printable(title))
        suggest = bool(config.getoption("--relevance-suggest-floors"))
        _write(terminalreporter, [(line.text, line.mark) for line in run.summary_lines(columns, suggest=suggest)])
    if record.unmeasured:
        _write(terminalreporter, [(record.unmeasured, "bad")])
    if runs:  # else what is left to say is said when pytest has said why it ended
        record.close()
        _write(terminalreporter, [(f"note: {note}", "warn") for note in record.notes])
        record.notes.clear()
        _write(terminalreporter, [(f"results: {_shown(config, out)}", "") for out in record.written])


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Say what has not been said: the error that ended the session, and the engine's notes."""
    record = config.stash.get(RECORD, None)
    if record is None:
        return
    record.close()  # an interrupt may have kept pytest from tearing the suite's fixture down
    lines = []
    if record.error is not None and not record.raised:
        lines = [(f"ERROR: {record.error}", "bad"), *((f"  {detail}", "") for detail in record.error.details)]
    lines += [(f"note: {note}", "warn") for note in record.notes]
    _write(config.pluginmanager.getplugin("terminalreporter"), lines)
    # pytest prints a usage error on stderr now; in a pipe it would stand in front of what was printed before it
    sys.stdout.flush()


def _write(terminal: TerminalReporter | None, lines: Iterable[tuple[str, str]]) -> None:
    for text, mark in lines:
        if terminal is None:
            print(printable(text), file=sys.stderr)  # noqa: T201 - without pytest's terminal there is no other way
        else:
            terminal.write_line(printable(text), **_MARKUP[mark])
