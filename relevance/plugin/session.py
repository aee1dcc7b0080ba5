"""A pytest session with benchmarks: what is collected, the fixtures, and how the session ends."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from relevance.config import FILE_NAME
from relevance.errors import CouldNotRunError, InputError, RelevanceError, unusable_path
from relevance.plugin.interrupts import Interrupts
from relevance.plugin.options import config_file_of, config_option, in_ci, long_name, read, taken_names
from relevance.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence

    from _pytest.terminal import TerminalReporter

    from relevance.config import Config
    from relevance.plugin.run import BenchmarkRun
    from relevance.strategies import Strategy
    from relevance.suite import Suite

# exit code where the input is fine but a part is not there: a model, a device, an engine, room on the disk
COULD_NOT_RUN = 7

_RUN = "relevance_run"
_MEASURES, _COMPARES = "measure_strategy", "compare_strategy"
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


def usage_error(error: RelevanceError) -> pytest.UsageError:
    """As pytest prints it, with its details below its line."""
    return pytest.UsageError("\n  ".join((str(error), *error.details)))


def has_benchmark(config: pytest.Config) -> bool:
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
        runs: by folder of benchmarks, in the order in which they were collected.
        refusal: why the benchmarks are skipped in this session; "" where they run.
        refused: names of folders whose benchmarks were skipped in xdist's workers.
        passed_over: folders of benchmarks that another plugin has kept from being collected.
        unmeasured: what is to be said of benchmarks that were collected and did not run.
        error: what ended the session.
        error_shown: whether pytest itself prints that error.
        finishing: whether the session is at its end: what an interrupt has left is closed and measured no further.
        written: folders of results, once they are complete.
        notes: what people should know, printed at the end.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.interrupts = Interrupts()
        self.runs: dict[Path, BenchmarkRun] = {}
        self.refusal = ""
        self.refused: list[str] = []
        self.passed_over: set[str] = set()
        self.unmeasured = ""
        self.error: RelevanceError | None = None
        self.error_shown = False
        self.finishing = False
        self.written: list[Path] = []
        self.notes: list[str] = []
        self._root_config: Config

    def read_config(self) -> None:
        """Read the configuration of pytest's root folder.

        Raises:
            InputError: something is wrong with it.
        """
        root = self.config.rootpath
        self._root_config = read(self.config, config_file_of(root, root))

    def pytest_report_header(self) -> list[str]:
        """Say which configuration file is in force, and which options have another name here."""
        file = self._root_config.file
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
                self.passed_over.add(self._shown(collection_path.parent))
        return ignored

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """One test a strategy, for every test that measures or compares one, in the run of its folder."""
        if _RUN not in metafunc.fixturenames:
            return
        try:
            run = self._run_in(metafunc.definition.path.parent)
        except InputError as error:  # said when all is collected: here it would be a failed collection of one file
            self.error = error
            return
        metafunc.parametrize(_RUN, [run], indirect=True, ids=[pytest.HIDDEN_PARAM], scope="session")
        if {_MEASURES, _COMPARES} & set(metafunc.fixturenames) and "strategy" in metafunc.fixturenames:
            strategies = run.config.selected
            metafunc.parametrize("strategy", strategies, ids=[strategy.name for strategy in strategies])

    def _run_in(self, folder: Path) -> BenchmarkRun:
        """The run of a folder's benchmarks, which have the configuration that is nearest to them."""
        if folder not in self.runs:
            from relevance.plugin.run import BenchmarkRun  # noqa: PLC0415 - pandas and scipy, where benchmarks are

            own, file = self._root_config, config_file_of(folder, self.config.rootpath)
            if file != own.file and config_option(self.config) is None:
                own = read(self.config, file)
            self.runs[folder] = BenchmarkRun(folder, self._shown(folder), own)
        return self.runs[folder]

    def _shown(self, path: Path) -> str:
        return os.path.relpath(path, self.config.invocation_params.dir)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Generator[None]:
        """Make the plans of what was selected: whatever is wrong with them is said before anything long starts."""
        for item in items:
            if _is_benchmark(item) and item.path.parent in self.runs:
                self.runs[item.path.parent].collected = True
        yield  # others select, and put in order
        if self._only_lists():
            return
        selected = [item for item in items if _is_benchmark(item)]
        self.refusal = self._refusal() if selected else ""
        if self.refusal:
            for item in selected:
                item.add_marker(pytest.mark.skip(reason=self.refusal))
            return
        self._make_plans(selected)
        if self.error is not None:
            items.clear()
            return
        self._deselect(items, selected)
        # a folder's suite is closed before the next is opened; what is compared together has to be measured before
        order = list(self.runs)
        items.sort(
            key=lambda one: (order.index(one.path.parent), _asks_for(one, _COMPARES)) if _is_benchmark(one) else (0, 0)
        )
        if selected:
            self.interrupts.install()
            self.config.add_cleanup(self.interrupts.restore)

    def _only_lists(self) -> bool:
        options = ("collectonly", "showfixtures", "show_fixtures_per_test", "setupplan")
        return any(getattr(self.config.option, name, False) for name in options)

    def _refusal(self) -> str:
        """Why the benchmarks cannot run in this session; the project's other tests do."""
        if hasattr(self.config, "workerinput"):
            return _XDIST
        skips = self.config.getoption("benchmark_skip", None) and not self.config.getoption("benchmark_only", None)
        return _SKIPPED if skips else ""

    def _make_plans(self, benchmarks: Sequence[pytest.Item]) -> None:
        """Where what they need is not there, `error` says so; bad input is an error of usage."""
        update = bool(self.config.getoption("--relevance-update-baseline"))
        try:
            if self.error is not None:  # in a configuration
                raise self.error
            for folder in dict.fromkeys(item.path.parent for item in benchmarks):
                strategies = dict.fromkeys(_strategy(item) for item in benchmarks if item.path.parent == folder)
                self.runs[folder].make_plan(list(strategies), update=update, cwd=self.config.invocation_params.dir)
        except (RelevanceError, OSError) as error:
            self.error = unusable_path(error) if isinstance(error, OSError) else error
            if isinstance(self.error, InputError):
                self.error_shown = True
                raise usage_error(self.error) from None

    def _deselect(self, items: list[pytest.Item], benchmarks: Sequence[pytest.Item]) -> None:
        """Leave out the tests of strategies that cannot run; the header and the results say why."""
        left_out = [one for one in benchmarks if _strategy(one).name in self.runs[one.path.parent].plan.left_out]
        if left_out:
            items[:] = [item for item in items if item not in left_out]
            self.config.hook.pytest_deselected(items=left_out)

    def pytest_report_collectionfinish(self) -> list[str]:
        """Say what will be measured on what."""
        planned = [run for run in self.runs.values() if run.is_planned]
        lines = []
        for run in planned:
            if len(planned) > 1:
                file = run.config.file
                lines.append(f"benchmarks: {run.name}, configuration {self._shown(file) if file else 'none'}")
            lines += run.header_lines()
        if planned and not has_benchmark(self.config):
            lines.append("note: run times are not taken: pytest-benchmark is not loaded")
        return [printable(line) for line in lines]

    # what fixtures ask

    @contextmanager
    def ending(self) -> Iterator[None]:
        """End the session at an error of ours; inside a test pytest would take it for a failure of that test."""
        try:
            yield
        except RelevanceError as error:
            self.error = error
            pytest.exit(str(error))

    def prepared(self, run: BenchmarkRun) -> Iterator[Suite]:
        """Prepare a run's suite, and close it when its last test has ended."""
        with self.ending(), self._shown_progress(), self.interrupts.at_most(1):
            suite = run.prepare(timed=self.takes_times)
        yield suite
        if not self.finishing:
            with self.ending():
                run.time_again()
        self._close(run)

    @property
    def takes_times(self) -> bool:
        """Whether run times are taken."""
        disabled = self.config.getoption("benchmark_disable", None)
        return disabled is not None and (not disabled or bool(self.config.getoption("benchmark_enable")))

    def _shown_progress(self) -> ExitStack:
        """Let bars and lines of progress through to the terminal, which pytest keeps from tests."""
        from relevance.progress import before_output  # noqa: PLC0415

        stack, manager = ExitStack(), self.config.pluginmanager
        if (capture := manager.getplugin("capturemanager")) is not None:
            stack.enter_context(capture.global_and_fixture_disabled())
        if (terminal := manager.getplugin("terminalreporter")) is not None:
            stack.enter_context(before_output(terminal.ensure_newline))
        return stack

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
        code = self._finish(exitstatus)
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
            worker[_RUN] = [run.name for run in self.runs.values() if run.collected]
            return 0
        if self.error is None and exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
            try:
                for run in self._measured_runs():
                    run.judge()
                self._write_results(passed=exitstatus == pytest.ExitCode.OK)
            except RelevanceError as error:
                self.error = error
        if self.error is not None:
            self._tell_others(self.error)
            return pytest.ExitCode.USAGE_ERROR if isinstance(self.error, InputError) else COULD_NOT_RUN
        if any(run.failures for run in self.runs.values()):
            return pytest.ExitCode.TESTS_FAILED
        if exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED} and not self._only_lists():
            return self._unmeasured()
        return 0

    def _measured_runs(self) -> list[BenchmarkRun]:
        return [run for run in self.runs.values() if run.is_measured]

    def _unmeasured(self) -> int:
        """What is to be said of benchmarks that were collected and did not run, and the exit code that it makes."""
        folders = self.refused or [run.name for run in self.runs.values() if run.collected and not run.is_measured]
        folders += sorted(self.passed_over - {run.name for run in self.runs.values()})
        refusal = self.refusal or (_XDIST if self.refused else "")
        names = ", ".join(folders)
        if not folders or not (refusal or in_ci()):
            return 0
        if not refusal:
            why = f"CI is set and no benchmark of {names} has run, though there are some"
            self.unmeasured = f"FAIL: {why}; leave them out by --ignore where that is meant"
            return pytest.ExitCode.TESTS_FAILED
        self.unmeasured = f"{'FAIL' if in_ci() else 'NOT MEASURED'}: {names}: {refusal}"
        terminal = self.config.pluginmanager.getplugin("terminalreporter")
        counted = terminal.stats if terminal is not None else {"passed": True}
        if not any(counted.get(outcome) for outcome in ("passed", "failed", "error", "xfailed", "xpassed")):
            return pytest.ExitCode.USAGE_ERROR  # no other test has run
        return pytest.ExitCode.TESTS_FAILED if in_ci() else 0

    def _write_results(self, *, passed: bool) -> None:
        """The folders of results, the baselines that are updated, and the page of a CI job."""
        from relevance.report.folder import write_folder  # noqa: PLC0415

        runs = self._measured_runs()
        for out in dict.fromkeys(run.config.out for run in runs):
            with _writing(f"--out {out}"):
                write_folder(out, _files([run for run in runs if run.config.out == out]))
            self.written.append(out)
        passed = passed and not any(run.failures for run in runs)
        for run in runs:
            if run.updates:
                with _writing(run.baseline_name):
                    run.update_baseline(passed=passed)
        for run in runs:
            self._append_job_summary(run.job_summary)

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
        from relevance.report.pages import refusal_summary  # noqa: PLC0415

        self._append_job_summary(lambda: refusal_summary(str(error), error.details))
        manager = self.config.pluginmanager
        left_out = [plugin for name in _COUNTING if (plugin := manager.getplugin(name)) is not None]
        text = "\n".join((str(error), *error.details))
        location = ("relevance", None, "relevance")
        report = pytest.TestReport("relevance::session", location, {}, outcome="failed", longrepr=text, when="setup")
        manager.subset_hook_caller("pytest_runtest_logreport", left_out)(report=report)

    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        """Print for each run the table, what is not gated, and what the comparison says; then where the results are."""
        runs = self._measured_runs()
        columns = terminalreporter._tw.fullwidth if terminalreporter.isatty else None  # noqa: SLF001 - as pytest-cov does
        for run in runs:
            title = f"relevance: {run.config.source.name}" + (f" ({run.name})" if len(runs) > 1 else "")
            terminalreporter.write_sep("=", printable(title))
            suggest = bool(self.config.getoption("--relevance-suggest-floors"))
            self._write((line.text, line.mark) for line in run.summary_lines(columns, suggest=suggest))
        if self.unmeasured:
            self._write([(self.unmeasured, "bad")])
        if runs:  # else what is left to say is said when pytest has said why it ended
            self._close(*self.runs.values())
            self._write_notes()
            self._write((f"results: {self._shown(out)}", "") for out in self.written)

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """Say what has not been said: the error that ended the session, and the engine's notes."""
        self._close(*self.runs.values())  # an interrupt may have kept pytest from tearing the suite's fixture down
        if self.error is not None and not self.error_shown:
            self._write([(f"ERROR: {self.error}", "bad"), *((f"  {detail}", "") for detail in self.error.details)])
        self._write_notes()
        # pytest prints a usage error on stderr now; in a pipe it would stand in front of what was printed before it
        sys.stdout.flush()

    def _close(self, *runs: BenchmarkRun) -> None:
        """Remove what was started, whatever interrupts, and gather what is to be said of it."""
        for run in runs:
            with self.interrupts.at_most(0):
                self.notes += run.close()

    def _write_notes(self) -> None:
        self._write((f"note: {note}", "warn") for note in self.notes)
        self.notes.clear()

    def _write(self, lines: Iterable[tuple[str, str]]) -> None:
        terminal = self.config.pluginmanager.getplugin("terminalreporter")
        for text, mark in lines:
            if terminal is None:
                print(printable(text), file=sys.stderr)  # noqa: T201 - without pytest's terminal there is no other way
            else:
                terminal.write_line(printable(text), **_MARKUP[mark])


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


SESSION = pytest.StashKey[Session]()
