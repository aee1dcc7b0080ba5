"""The pytest plugin: options, one test a strategy, session fixtures, and the final table. It holds no rule of its own.

Loaded by one line in a root `conftest.py`: `pytest_plugins = ["relevance.plugin"]`.

Exit codes: 1 a benchmark or the gate failed, 2 interrupted, 4 usage or bad input, 5 nothing selected, 7 could not run.
"""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from relevance.config import FILE_NAME, parsed_options
from relevance.errors import InputError, RelevanceError, unusable_path
from relevance.interrupts import Interrupts
from relevance.plugin.options import (
    check_root,
    config_file_of,
    gates,
    in_ci,
    long_name,
    only_lists,
    read_config_of,
    taken_names,
    updates_baseline,
)
from relevance.plugin.options import pytest_addoption as pytest_addoption
from relevance.report.screen import ORDER_OF_JUDGING, SCREEN, folded_lines, on_screen, written_lines
from relevance.strategies import all_of
from relevance.text import STYLES, Line, ProgressLines, before_output, folded, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

    from _pytest.terminal import TerminalReporter

    from relevance.config import Config
    from relevance.plugin.run import BenchmarkRun
    from relevance.strategies import Strategy
    from relevance.suite import Plan, Suite

# exit code where the input is fine but a part is not there: a model, a device, an engine, room on the disk
COULD_NOT_RUN = 7

_RUN = "relevance_run"
_MEASURES, _COMPARES = "measure_strategy", "compare_strategy"
_XDIST = "the benchmarks do not run under xdist (run times need one process); leave out -n and --dist"
_NOTHING_MEASURED = "--gate-from-baseline says that this session gates, and it has measured no strategy"
_MADE_PASSED = "this session has failed, and something has made it pass"
_SKIPPED = "--benchmark-skip would skip every strategy; allowed: --benchmark-disable (no times)"
# options of pytest-benchmark's own table: who gives one wants to see it
_TABLE_OPTIONS = ("sort", "group-by", "columns", "name", "time-unit", "histogram", "verbose", "compare", "cprofile")
# plugins that would count or keep a failure that is no test's
_COUNTING = ("terminalreporter", "session", "lfplugin", "stepwiseplugin")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Register the session; of benchmarks that are never collected, not even the configuration is read."""
    if not config.option.help:
        try:
            check_root(config)
        except InputError as error:
            raise _usage_error(error) from None
    config.stash[_SESSION] = session = Session(config)
    config.pluginmanager.register(session, "relevance-session")
    if _has_benchmark(config):
        config.pluginmanager.register(_Timer(), "relevance-timer")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, int | None, int | None]:
    """Have the last word in the process: no hook of the tests makes a failed session a passed one."""
    code = yield
    if code != pytest.ExitCode.OK or hasattr(config, "workerinput"):
        return code
    session = config.stash.get(_SESSION, None)
    own = session.code if session else 0
    if not own and gates(config) and not (session and session.has_measured):
        own = pytest.ExitCode.TESTS_FAILED
    if own:
        problem = _MADE_PASSED if session and session.code else _NOTHING_MEASURED
        print(f"FAIL: {problem}", file=sys.stderr)  # noqa: T201 - pytest's terminal has ended
    return own or code


class _Timer:
    """Has benchmarks timed by pytest-benchmark, or by pytest-codspeed in its place; their options hold for ours."""

    @pytest.fixture
    def relevance_timer(self, benchmark: Any) -> Any:
        return benchmark


@pytest.fixture
def relevance_timer() -> None:
    """Stands in where neither is loaded."""


@pytest.fixture(scope="session")
def relevance_run(request: pytest.FixtureRequest) -> BenchmarkRun:
    """The run of the benchmarks of the test's folder."""
    runs = request.config.stash[_SESSION].runs
    folder = getattr(request, "param", None)
    if folder not in runs:
        pytest.fail(f"{_RUN} belongs to the benchmarks of this folder, and none is selected", pytrace=False)
    return runs[folder]


@pytest.fixture(scope="session")
def relevance_plan(relevance_run: BenchmarkRun) -> Plan:
    """What is measured: data set, strategies, floors, models; read and checked at collection."""
    return relevance_run.plan


@pytest.fixture(scope="session")
def relevance_suite(request: pytest.FixtureRequest, relevance_run: BenchmarkRun) -> Iterator[Suite]:
    """The plan, embedded and indexed, once a session and folder."""
    session = request.config.stash[_SESSION]
    with session.ending(), session.shown_progress(), session.interrupts.at_most(1):
        suite = relevance_run.prepare(timed=session.takes_times)
    session.measuring = ProgressLines(len(relevance_run.plan.strategies), "measuring", "strategy")
    yield suite
    if not session.finishing:
        with session.ending(), session.shown_progress():
            relevance_run.measure_again()
    session.close(relevance_run)


@pytest.fixture
def measure_strategy(
    request: pytest.FixtureRequest, relevance_run: BenchmarkRun, relevance_suite: Suite, relevance_timer: Any
) -> Callable[[Strategy], None]:
    """Measure a strategy, record its run time, and fail where it is below its floors."""
    del relevance_suite  # that it is there
    session = request.config.stash[_SESSION]

    def measure(strategy: Strategy) -> None:
        scores_pairs = any(one.reranking and one.reranking.model for one in all_of([strategy]))  # which takes minutes
        try:
            with session.shown_progress() if scores_pairs else nullcontext():
                relevance_run.measure(strategy, request.node, relevance_timer, timed=session.takes_times)
        finally:
            session.count()

    return session.ending()(measure)


@pytest.fixture
def compare_strategy(
    request: pytest.FixtureRequest, relevance_run: BenchmarkRun, relevance_suite: Suite
) -> Callable[[Strategy], None]:
    """Compare a strategy with the baselines, together with all others of the run, and fail where it is worse."""
    del relevance_suite
    return request.config.stash[_SESSION].ending()(partial(relevance_run.compare, node=request.node))


def _usage_error(error: RelevanceError) -> pytest.UsageError:
    """As pytest prints it, with its details below its line."""
    return pytest.UsageError("\n  ".join((str(error), *error.details)))


def _has_benchmark(config: pytest.Config) -> bool:
    """Whether pytest-benchmark is there: `-p no:benchmark` and no autoload are choices that others make."""
    return config.getoption("benchmark_disable", None) is not None


def _asks_for(item: pytest.Item, *fixtures: str) -> bool:
    return isinstance(item, pytest.Function) and bool(set(fixtures) & set(item.fixturenames))


def _is_benchmark(item: pytest.Item) -> bool:
    return _asks_for(item, _MEASURES, _COMPARES)


def _strategy(item: pytest.Item) -> Strategy:
    strategy: Strategy | None = item.callspec.params.get("strategy") if hasattr(item, "callspec") else None
    if strategy is None:
        fixture = _MEASURES if _asks_for(item, _MEASURES) else _COMPARES
        raise pytest.UsageError(f"{item.nodeid} asks for {fixture}; it has to ask for strategy as well")
    return strategy


class Session:
    """The hooks of a session, and what it has got to.

    Attributes:
        configs: in force for a folder of benchmarks, in the order in which these were collected.
        runs: by folder, where a benchmark was selected.
        collected: folders with benchmarks, selected or not, or kept by another plugin from being collected.
        refusal: why the benchmarks are skipped in this session; "" where they run.
        refused: names of folders whose benchmarks were skipped in xdist's workers.
        unmeasured: what is to be said of benchmarks that were collected and did not run.
        error: what ended the session.
        error_shown: whether pytest itself prints that error.
        failed: ids of the tests that failed.
        code: what our results make of the session, 0 where pytest's own exit code stands.
        measuring: how far the strategies of a suite that is open are.
        finishing: whether the session is at its end: what an interrupt has left is closed and measured no further.
        written: folders of results, once they are complete.
        notes: what people should know, printed at the end.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.interrupts = Interrupts()
        self.configs: dict[Path, Config] = {}
        self.runs: dict[Path, BenchmarkRun] = {}
        self.collected: set[Path] = set()
        self.refusal = ""
        self.refused: list[str] = []
        self.unmeasured = ""
        self.error: RelevanceError | None = None
        self.error_shown = False
        self.failed: set[str] = set()
        self.code = 0
        self.finishing = False
        self.measuring = ProgressLines(0, "measuring", "strategy")
        self.written: list[Path] = []
        self.notes: list[str] = []

    def pytest_report_header(self) -> list[str]:
        """Say which configuration file is in force, and which options have another name here."""
        file = config_file_of(self.config.rootpath, self.config)
        shown = f"none, no {FILE_NAME} in the root folder"
        lines = [f"configuration {shown if file is None else os.path.relpath(file, self.config.rootpath)}"]
        taken = taken_names(self.config)
        lines += [f"{name} is another plugin's here, ours is {long_name(name)}" for name in taken]
        return [printable(f"relevance: {line}") for line in lines]

    # collection

    @pytest.hookimpl(wrapper=True)
    def pytest_ignore_collect(self, collection_path: Path) -> Generator[None, bool | None, bool | None]:
        """Notice a file of benchmarks that another plugin leaves out, as pytest-testmon does with unchanged ones."""
        ignored = yield
        if ignored and in_ci() and collection_path.suffix == ".py":
            main = self.config.pluginmanager.getplugin("main")
            by_option = main.pytest_ignore_collect(collection_path, self.config)
            text = "" if by_option else collection_path.read_text(encoding="utf-8", errors="replace")
            if _MEASURES in text or _COMPARES in text:
                self.collected.add(collection_path.parent)
        return ignored

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """One test a strategy, for every test that measures or compares one, in the run of its folder."""
        if _RUN not in metafunc.fixturenames:
            return
        folder = metafunc.definition.path.parent
        try:
            if folder not in self.configs:
                self.configs[folder] = read_config_of(folder, self.config)
        except InputError as error:  # said when all is collected: here it would be a failed collection of one file
            self.error = error
            return
        metafunc.parametrize(_RUN, [folder], indirect=True, ids=[pytest.HIDDEN_PARAM], scope="session")
        if {_MEASURES, _COMPARES} & set(metafunc.fixturenames) and "strategy" in metafunc.fixturenames:
            strategies = self.configs[folder].selected
            metafunc.parametrize("strategy", strategies, ids=[strategy.name for strategy in strategies])

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Generator[None]:
        """Make the plans of what was selected: whatever is wrong with them is said before anything long starts."""
        self.collected |= {item.path.parent for item in items if _is_benchmark(item)}
        yield  # others select, and put in order
        selected = [item for item in items if _is_benchmark(item)]
        if not selected:
            self._note_wrong_options()
            self.error = None  # of a configuration that nothing asks for
        if not selected or only_lists(self.config):
            return
        if refusal := self._refusal():
            self.refusal = refusal
            for item in selected:
                item.add_marker(pytest.mark.skip(reason=refusal))
            return
        others = [item for item in items if item not in selected]
        if self.error is not None and others:  # in a configuration, which is nothing to them
            items[:] = others
            return
        self._make_runs(selected)
        if self.error is not None:
            items.clear()
            return
        # the header and the results say why a strategy cannot run
        left_out = [one for one in selected if _strategy(one).name in self.runs[one.path.parent].plan.left_out]
        if left_out:
            items[:] = [item for item in items if item not in left_out]
            self.config.hook.pytest_deselected(items=left_out)
        # a folder's suite is closed before the next is opened; what is compared together has to be measured before
        order = list(self.configs)
        items.sort(
            key=lambda one: (order.index(one.path.parent), _asks_for(one, _COMPARES)) if _is_benchmark(one) else (0, 0)
        )
        self.interrupts.install()
        self.config.add_cleanup(self.interrupts.restore)

    def _note_wrong_options(self) -> None:
        """Note what is wrong with our options where no benchmark asks for them: other tests run all the same."""
        if not parsed_options(self.config.option) or only_lists(self.config):
            return
        error = self.error
        if not self.collected:
            try:
                read_config_of(self.config.rootpath, self.config)
            except InputError as one:
                error = one
        wrong = () if error is None else (line for line in (str(error), *error.details) if line.startswith("option "))
        self.notes += [f"no benchmark was selected, and {line}" for line in wrong]

    def _refusal(self) -> str:
        """Why the benchmarks cannot run in this session; the project's other tests do."""
        if hasattr(self.config, "workerinput"):
            return _XDIST
        skips = self.config.getoption("benchmark_skip", None) and not self.config.getoption("benchmark_only", None)
        return _SKIPPED if skips else ""

    def _make_runs(self, benchmarks: Sequence[pytest.Item]) -> None:
        """Where what they need is not there, `error` says so; bad input is an error of usage."""
        from relevance.plugin.run import BenchmarkRun  # noqa: PLC0415 - pandas and numpy, where benchmarks are

        cwd = self.config.invocation_params.dir
        try:
            if self.error is not None:
                raise self.error
            update = updates_baseline(self.config)
            for folder in dict.fromkeys(item.path.parent for item in benchmarks):
                own = list(dict.fromkeys(_strategy(item) for item in benchmarks if item.path.parent == folder))
                self.runs[folder] = BenchmarkRun(folder, self.configs[folder], own, update=update, cwd=cwd)
        except (RelevanceError, OSError) as error:
            self.error = unusable_path(error) if isinstance(error, OSError) else error
            if isinstance(self.error, InputError):
                self.error_shown = True
                raise _usage_error(self.error) from None

    def _shown(self, path: Path) -> str:
        return os.path.relpath(path, self.config.invocation_params.dir)

    def pytest_report_collectionfinish(self) -> list[str]:
        """Say what will be measured on what."""
        lines = []
        for run in self.runs.values():
            if len(self.runs) > 1:
                file = run.config.file
                lines.append(f"benchmarks: {run.name}, configuration {self._shown(file) if file else 'none'}")
            lines += run.header_lines()
        if self.runs and not _has_benchmark(self.config):
            lines.append("note: run times are not taken: pytest-benchmark is not loaded")
        terminal = self.config.pluginmanager.getplugin("terminalreporter")
        columns = self._columns(terminal) if terminal is not None else None
        lines = [printable(line) for line in lines]
        return lines if columns is None else [row for line in lines for row in folded(line, columns)]

    def _columns(self, terminal: TerminalReporter) -> int | None:
        """How many columns there are; None where it is no terminal."""
        return terminal._tw.fullwidth if terminal.isatty else None  # noqa: SLF001 - as pytest-cov does

    # tests

    @property
    def takes_times(self) -> bool:
        """Whether run times are taken."""
        disabled = self.config.getoption("benchmark_disable", None)
        return disabled is not None and (not disabled or bool(self.config.getoption("benchmark_enable")))

    def count(self) -> None:
        """Count a strategy as measured; where all of them take long, say how far it is."""
        with self.shown_progress():
            self.measuring.update()

    def shown_progress(self) -> ExitStack:
        """Let bars and lines of progress through to the terminal, which pytest keeps from tests."""
        stack, manager = ExitStack(), self.config.pluginmanager
        if (capture := manager.getplugin("capturemanager")) is not None:
            stack.enter_context(capture.global_and_fixture_disabled())
        if (terminal := manager.getplugin("terminalreporter")) is not None:
            stack.enter_context(before_output(terminal.ensure_newline))
        return stack

    @contextmanager
    def ending(self) -> Iterator[None]:
        """End the session at an error of ours; inside a test pytest would take it for a failure of that test."""
        try:
            yield
        except RelevanceError as error:
            self.error = error
            pytest.exit(str(error))

    # other plugins

    @pytest.hookimpl(tryfirst=True, optionalhook=True)
    def pytest_benchmark_group_stats(self, benchmarks: list[dict[str, Any]]) -> None:
        """Leave our benchmarks out of pytest-benchmark's own table, unless an option of that table was given."""
        options = tuple(f"--benchmark-{option}" for option in _TABLE_OPTIONS)
        if not any(argument.startswith(options) for argument in self.config.invocation_params.args):
            ours = {"dataset", "strategy"}
            benchmarks[:] = [row for row in benchmarks if not ours <= set(row.get("extra_info") or ())]

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take from a worker of xdist whose benchmarks it has left out; the controller collects nothing itself."""
        names = getattr(node, "workeroutput", {}).get(_RUN, ())
        self.refused += [name for name in names if name not in self.refused]

    # the end

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember which tests say themselves that they failed."""
        if report.failed:
            self.failed.add(report.nodeid)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """End at an error of ours without pytest's own words around its line."""
        try:
            return (yield)
        except pytest.exit.Exception:
            if self.error is None:
                raise
            return True

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> Generator[None]:
        """Judge and write the results; in CI a run in which nothing was gated has failed."""
        self.interrupts.end()
        self.finishing = True
        self.code = code = self._finish(exitstatus)
        nothing_selected = exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and code == pytest.ExitCode.TESTS_FAILED
        if code and not nothing_selected:
            session.exitstatus = code
        yield
        if code and session.exitstatus == pytest.ExitCode.OK:  # a plugin that selects tests has said that none is fine
            session.exitstatus = code

    def _finish(self, exitstatus: int) -> int:
        """The exit code that our results make, 0 where pytest's own stands."""
        worker = getattr(self.config, "workeroutput", None)
        if worker is not None:
            worker[_RUN] = [self._shown(folder) for folder in sorted(self.collected)]
            return 0
        ended = exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}
        if self.error is None and ended:
            try:
                self._judge(passed=exitstatus == pytest.ExitCode.OK)
            except RelevanceError as error:
                self.error = error
        if self.error is not None:
            self._tell_others(self.error)
            return pytest.ExitCode.USAGE_ERROR if isinstance(self.error, InputError) else COULD_NOT_RUN
        if ended and any(run.fails for run in self.runs.values()):
            return pytest.ExitCode.TESTS_FAILED
        if exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
            return self._unmeasured()
        return 0

    def _judge(self, *, passed: bool) -> None:
        """Write the folders of results, the baselines that are updated, and the page of a CI job."""
        measured = [run for run in self.runs.values() if run.is_measured]
        for run in measured:
            run.judge(self.failed)
        if measured:
            from relevance.plugin.run import write_results  # noqa: PLC0415 - pandas and numpy, where benchmarks are

            self.written.extend(write_results(measured))
        passed = passed and not any(run.fails for run in measured)
        for run in self.runs.values():
            if run.updates:
                run.update_baseline(passed=passed)
        for run in measured:
            self._append_job_summary(run.job_summary)

    @property
    def has_measured(self) -> bool:
        """Whether there is a strategy that was measured and, the session being at its end, judged."""
        return self.finishing and any(run.results for run in self.runs.values())

    def _unmeasured(self) -> int:
        """What is to be said of benchmarks that were collected and did not run, and the exit code that it makes."""
        if gates(self.config) and not self.has_measured:
            self.unmeasured = f"FAIL: {_NOTHING_MEASURED}"
            return pytest.ExitCode.TESTS_FAILED
        if only_lists(self.config):
            return 0
        measured = {folder for folder, run in self.runs.items() if run.results}
        names = ", ".join(self.refused or map(self._shown, sorted(self.collected - measured)))
        refusal = self.refusal or (_XDIST if self.refused else "")
        if not names or not (refusal or in_ci()):
            return 0
        if not refusal:
            why = f"CI is set and no benchmark of {names} has run, though there are some"
            self.unmeasured = f"FAIL: {why}; leave them out by --ignore where that is meant"
            return pytest.ExitCode.TESTS_FAILED
        self.unmeasured = f"{'FAIL' if in_ci() else 'NOT MEASURED'}: {names}: {refusal}"
        terminal = self.config.pluginmanager.getplugin("terminalreporter")
        outcomes = ("passed", "failed", "error", "xfailed", "xpassed")
        alone = terminal is not None and not any(terminal.stats.get(outcome) for outcome in outcomes)
        return pytest.ExitCode.USAGE_ERROR if alone or in_ci() else 0

    def _append_job_summary(self, page: Callable[[], str]) -> None:
        """Append to the file that GitHub shows; what cannot be written is a note, the results are elsewhere."""
        path = os.environ.get("GITHUB_STEP_SUMMARY", "")
        if path:
            try:
                with Path(path).open("a", encoding="utf-8", errors="replace") as file:
                    file.write(page())
            except OSError as error:
                self.notes.append(f"GITHUB_STEP_SUMMARY: not written: {error.strerror}")

    def _tell_others(self, error: RelevanceError) -> None:
        """Put an error that ends the session before anything is judged into the JUnit file and on a CI job's page."""
        from relevance.report.pages import refusal_summary  # noqa: PLC0415 - Jinja2, where something is said

        self._append_job_summary(lambda: refusal_summary(str(error), error.details))
        manager = self.config.pluginmanager
        left_out = [plugin for name in _COUNTING if (plugin := manager.getplugin(name)) is not None]
        text = "\n".join((str(error), *error.details))
        location = ("relevance", None, "relevance")
        report = pytest.TestReport("relevance::session", location, {}, outcome="failed", longrepr=text, when="setup")
        manager.subset_hook_caller("pytest_runtest_logreport", left_out)(report=report)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: TerminalReporter, exitstatus: int) -> Generator[None]:
        """Print what was measured below pytest's tracebacks and its list of failures, above its closing line."""
        yield
        self._summarize(terminalreporter, exitstatus)

    def _summarize(self, terminalreporter: TerminalReporter, exitstatus: int) -> None:
        """Print for each run the table, what is not gated, and what the comparison says; then where the results are.

        The last line is what fails.
        """
        columns = self._columns(terminalreporter)
        suggest = bool(self.config.getoption("--relevance-suggest-floors"))
        ended = self.error is None and exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}
        runs = [run for run in self.runs.values() if run.is_measured or ended]
        if runs:  # else what is left to say is said when pytest has said why it ended
            self.close(*self.runs.values())
        last = self._last_lines() if runs else []
        for run in runs:
            if causes := run.causes():
                name = f"{run.name}: " if len(runs) > 1 else ""
                last.append(Line(f"FAIL: {name}{'; '.join(causes)}", "bad"))
        for run in runs:
            if lines := run.summary_lines(columns, suggest=suggest):
                title = f"relevance: {run.config.source.name}" + (f" ({run.name})" if len(runs) > 1 else "")
                terminalreporter.write_sep("=", printable(title))
                self._write(self._on_screen(lines, last, columns))
        if self.unmeasured:
            self._write([Line(self.unmeasured, "bad")])
        self._write(last if columns is None else folded_lines(last, columns))

    def _last_lines(self) -> list[Line]:
        """The notes, and what was written where."""
        lines = [Line(f"note: {note}", "warn") for note in self.notes]
        self.notes.clear()
        lines += [line for out in self.written for line in written_lines(out, self._shown(out))]
        asked = dict.fromkeys(run.asked for run in self.runs.values() if run.asked is not None)
        return lines + [Line(f"  {self._shown(path)}  {ORDER_OF_JUDGING}") for path in asked]

    def _on_screen(self, lines: Sequence[Line], last: Sequence[Line], columns: int | None) -> Sequence[Line]:
        """The lines that fit one screen with the last ones; all of them where there is no terminal, and with `-v`."""
        if columns is None:
            return lines
        if self.config.option.verbose > 0:
            return folded_lines(lines, columns)
        taken = len(folded_lines(last, columns)) + 2  # the title, and pytest's last line
        return on_screen(lines, columns=columns, rows=SCREEN - taken)

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """Say what has not been said: the error that ended the session, and the engine's notes."""
        self.close(*self.runs.values())  # an interrupt may have kept pytest from tearing the suite's fixture down
        if self.error is not None and not self.error_shown:
            self._write([Line(f"ERROR: {self.error}", "bad"), *(Line(f"  {one}") for one in self.error.details)])
        self._write(Line(f"note: {note}", "warn") for note in self.notes)
        self.notes.clear()
        # pytest prints a usage error on stderr now; in a pipe it would stand in front of what was printed before it
        sys.stdout.flush()

    def close(self, *runs: BenchmarkRun) -> None:
        """Remove what was started, whatever interrupts, and gather what is to be said of it."""
        for run in runs:
            with self.interrupts.at_most(0):
                self.notes += run.close()

    def _write(self, lines: Iterable[Line]) -> None:
        terminal = self.config.pluginmanager.getplugin("terminalreporter")
        for line in lines:
            if terminal is None:
                print(line.text, file=sys.stderr)  # noqa: T201 - without pytest's terminal there is no other way
            else:
                terminal.write_line(line.text, **STYLES[line.mark])


_SESSION = pytest.StashKey[Session]()
