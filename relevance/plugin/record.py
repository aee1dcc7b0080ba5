"""What a pytest session knows of its benchmarks: one run for each folder of them, measured and compared by itself."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from relevance.config import FILE_NAME
from relevance.errors import InputError, RelevanceError
from relevance.plugin.interrupts import Interrupts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from relevance.baseline import Snapshot
    from relevance.config import Config
    from relevance.diagnosis import Diagnosis
    from relevance.gate import Comparison
    from relevance.report.terminal import Line
    from relevance.strategies import Strategy
    from relevance.suite import Baseline, Plan, Suite

# exit code where the input is fine but a part is not there: a model, a device, an engine, room on the disk
COULD_NOT_RUN = 7

_FLOORS = "thresholds.toml"
_BASELINES = "baselines"


def in_ci() -> bool:
    """Whether `CI` is set to something else than no."""
    return os.environ.get("CI", "").lower() not in {"", "0", "false", "no"}


@dataclass(eq=False)
class BenchmarkRun:
    """The benchmarks of one folder in this session: what they are measured by, and what came of it.

    Attributes:
        folder: of the benchmark files, with floors and baselines beside them.
        name: the folder, seen from where pytest was started.
        config: in force for them.
        collected: whether a benchmark was found, be it selected or not.
        plan: made at the end of collection; None where none was selected.
        suite: the plan, embedded and indexed.
        baseline_name: the data set's own baseline, for people.
        complete: whether all strategies that there are will be measured.
        baselines: those that the run is compared with.
        updates: whether the run makes a new baseline.
        replaced: what that one replaces.
        comparisons: one for each baseline, once they were made.
        diagnoses: of these comparisons, once they were made.
        reported: the strategies whose test has said what became of the comparison.
        failures: what failed that no test says, a line each.
        update_lines: what happened to the baseline that is updated.
        engine_notes: what people should know of the engine's session, once it is closed.
    """

    folder: Path
    name: str
    config: Config
    collected: bool = False
    plan: Plan | None = None
    suite: Suite | None = None
    baseline_name: str = ""
    complete: bool = False
    baselines: tuple[Baseline, ...] = ()
    updates: bool = False
    replaced: Snapshot | None = None
    comparisons: tuple[Comparison, ...] | None = None
    diagnoses: tuple[Diagnosis, ...] | None = None
    reported: set[str] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)
    update_lines: list[str] = field(default_factory=list)
    engine_notes: list[str] = field(default_factory=list)
    _compared: tuple[str, ...] = ()
    _closed: bool = False

    def __repr__(self) -> str:
        return f"BenchmarkRun({self.name!r})"

    @property
    def required(self) -> bool:
        """Whether it is a failure that there is no baseline."""
        return in_ci() if self.config.require_baseline is None else self.config.require_baseline

    @property
    def measured(self) -> bool:
        """Whether a strategy was."""
        return self.suite is not None and bool(self.suite.results)

    def make_plan(self, strategies: Sequence[Strategy], *, update: bool, cwd: Path) -> None:
        """Read and check everything before anything long starts.

        Args:
            strategies: those of the selected tests.
            update: whether a new baseline is made.
            cwd: where pytest was started.

        Raises:
            InputError: bad input or usage; a baseline that is there or was named cannot be used.
            CouldNotRunError: a model or an engine is not there.
        """
        from relevance import suite  # noqa: PLC0415 - pandas and numpy are loaded where benchmarks run
        from relevance.report.folder import check_folder  # noqa: PLC0415

        config = self.config
        check_folder(config.out)
        self.plan = plan = suite.make_plan(config, strategies)
        data = suite.snapshot_of_data(plan.dataset)
        chosen = config.origins["strategy"].startswith(("option", "environment"))
        selected = {strategy.name for strategy in config.selected} - set(plan.left_out)
        self.complete = not chosen and selected <= {strategy.name for strategy in plan.strategies}
        folder = self.folder / _BASELINES
        self.baseline_name = os.path.relpath(folder / f"{data.dataset.name}.json", cwd)
        own = suite.default_baseline(folder, data)
        if update:
            if config.baseline is not None and config.origins["baseline"].startswith(("option", "environment")):
                line = f"--update-baseline writes {self.baseline_name} and compares with nothing; leave out --baseline"
                raise InputError(line)
            measured = [strategy.name for strategy in plan.strategies]
            self.replaced = suite.read_replaced(own, data, measured, cwd=cwd, complete=self.complete)
            self.updates = True
            return
        paths = config.baseline if config.baseline is not None else [own] if own else []
        common = config.on_common_queries
        self.baselines = tuple(suite.read_checked(path, data, cwd=cwd, on_common_queries=common) for path in paths)

    def prepare(self, *, timed: bool) -> Suite:
        """Train, embed and index; run times are calibrated where they will be compared, now or later.

        Raises:
            RelevanceError: see `suite.prepare`.
        """
        from relevance import suite  # noqa: PLC0415

        assert self.plan is not None  # noqa: S101 - for the type checker
        engine, snapshots = self.plan.engine.name, [one.snapshot for one in self.baselines]
        compared = self.updates or any(one.engine["name"] == engine and one.calibration_s for one in snapshots)
        self._closed = False
        self.suite = suite.prepare(self.plan, progress=True, calibrated=timed and compared)
        self.suite.baseline = snapshots[0] if snapshots else None
        return self.suite

    def measure_rest(self, suite: Suite) -> None:
        """Measure once, without a time, what no selected test has measured, and time again what looks slower.

        Raises:
            CouldNotRunError: the engine failed.
        """
        if self.comparisons is not None:
            return
        from relevance.suite import confirm_run_times  # noqa: PLC0415

        for strategy in suite.plan.strategies:
            if strategy.name not in suite.results:
                suite.judge(strategy, suite.search(strategy), None)
        confirm_run_times(suite, self.baselines, self.config.gate)

    def time_again(self, suite: Suite) -> None:
        """Time again what no test has timed again; afterwards the engine is gone.

        Raises:
            CouldNotRunError: the engine failed.
        """
        from relevance.suite import confirm_run_times, settle_run_times  # noqa: PLC0415

        if self.updates and len(suite.results) == len(suite.plan.strategies):
            settle_run_times(suite)
        if not self.updates and self.comparisons is None:
            confirm_run_times(suite, self.baselines, self.config.gate)

    def compare(self, suite: Suite) -> Sequence[Comparison]:
        """Ask the gate about all strategies that were measured, beside each baseline: once, until there are more."""
        from relevance.suite import compare_with, snapshot_of  # noqa: PLC0415

        if self.comparisons is None or self._compared != tuple(suite.results):
            session = snapshot_of(suite)
            self._compared = tuple(suite.results)
            self.comparisons = tuple(
                compare_with(one, session, self.config.gate, complete=self.complete) for one in self.baselines
            )
            self.diagnoses = None
        return self.comparisons

    def diagnose(self, suite: Suite, *, live: bool) -> Sequence[Diagnosis]:
        """Find why the comparisons say what they say.

        Args:
            suite: has measured what is compared.
            live: whether the engine can still be asked.

        Raises:
            CouldNotRunError: the engine failed.
        """
        from relevance.suite import diagnose_suite, snapshot_of  # noqa: PLC0415

        comparisons = self.compare(suite)
        if self.diagnoses is None:
            by_baseline = dict(zip(self.baselines, comparisons, strict=True))
            limits = self.config.gate
            self.diagnoses = (
                diagnose_suite(suite, snapshot_of(suite), by_baseline, limits, live=live) if by_baseline else ()
            )
        return self.diagnoses

    def close(self, interrupts: Interrupts) -> None:
        """Remove what the suite started, once; nothing interrupts it, and what goes wrong is a note."""
        if self.suite is None or self._closed:
            return
        self._closed = True
        with interrupts.at_most(0):
            try:
                self.suite.close()
            except RelevanceError as error:
                self.engine_notes.append(str(error))
            self.engine_notes += self.suite.notes()

    def judge(self) -> None:
        """Find what failed without a test that says so: `-k` or an older benchmark file do not switch the gate off.

        Raises:
            RelevanceError: the comparison cannot be made.
        """
        suite = self.suite
        if suite is None or not suite.results:
            return
        if not self.updates:
            if not self.baselines and self.required:
                self.failures.append(f"no baseline at {self.baseline_name}; pytest --update-baseline makes one")
            for comparison in self.compare(suite):
                self.failures += [
                    f"{name} is worse than in {comparison.baseline}"
                    for name in suite.results
                    if name not in self.reported and comparison.status(name) == "fail"
                ]
            self.diagnose(suite, live=False)  # the engine is closed by now
        by_floors = any(result.verdict.status != "not_gated" for result in suite.results.values())
        by_baselines = any(comparison.findings for comparison in self.comparisons or ())
        if in_ci() and not (by_floors or by_baselines or self.updates):
            self.failures.append("CI is set and no strategy was gated")

    def update_baseline(self, *, passed: bool) -> None:
        """Write the baseline where everything passed and everything was measured; `update_lines` says what changes.

        Raises:
            InputError: a part of a file would be updated that does not belong to the rest.
            OSError: the file cannot be written; what was there is untouched.
        """
        from relevance.baseline import merge, update_lines, write_baseline  # noqa: PLC0415 - numpy
        from relevance.suite import snapshot_of  # noqa: PLC0415

        suite = self.suite
        assert suite is not None  # noqa: S101 - for the type checker
        missing = [one.name for one in suite.plan.strategies if one.name not in suite.results]
        if missing or not passed:
            why = f"{', '.join(missing)} not measured" if missing else "the session failed"
            self.update_lines.append(f"baseline: {self.baseline_name} is as it was: {why}")
            return
        baseline = merge(self.replaced, snapshot_of(suite), complete=self.complete)
        changes = update_lines(self.replaced, baseline)
        path = write_baseline(baseline, self.folder / _BASELINES)
        self.update_lines += [
            f"baseline: {path.name} written to {self.baseline_name.rpartition('/')[0] or '.'}",
            *(f"  {line}" for line in changes),
        ]

    def files(self) -> Mapping[str, str | bytes]:
        """The files of results, by name."""
        from relevance.report.folder import session_files  # noqa: PLC0415

        assert self.suite is not None  # noqa: S101 - for the type checker
        return session_files(self.suite, self.comparisons or (), self.diagnoses or ())

    def job_summary(self) -> str:
        """The page that GitHub shows."""
        from relevance.report.pages import job_summary  # noqa: PLC0415

        assert self.suite is not None  # noqa: S101 - for the type checker
        return job_summary(self.suite, self.comparisons or (), self.diagnoses or (), self.failures)

    def header_lines(self) -> list[str]:
        """What will be measured on what, and which baselines it is compared with."""
        if self.plan is None:
            return []
        from relevance.report.terminal import plan_lines  # noqa: PLC0415
        from relevance.text import plural  # noqa: PLC0415

        lines = list(plan_lines(self.plan))
        if self.updates:
            return [*lines, f"baseline: {self.baseline_name} is updated by this session"]
        lines += [
            f"baseline: {one.name}, {plural(len(one.snapshot.strategies), 'strategy')}"
            + (" (on common queries)" if one.on_common_queries else "")
            for one in self.baselines
        ]
        return lines if self.baselines else [*lines, f"baseline: none at {self.baseline_name}"]

    def summary_lines(self, columns: int | None, *, suggest: bool) -> list[Line]:
        """The table, what is not gated, what the comparison says, and floors where they are asked for.

        Args:
            columns: of the terminal; None: as many as are needed.
            suggest: whether floors are suggested.
        """
        from relevance import gate  # noqa: PLC0415
        from relevance.report import terminal  # noqa: PLC0415

        suite = self.suite
        assert suite is not None  # noqa: S101 - for the type checker
        evaluations = {name: result.evaluation for name, result in suite.results.items()}
        floors = gate.suggest(suite.plan.dataset, evaluations).splitlines() if suggest else []
        return [
            *terminal.table(suite, columns=columns),
            *terminal.preparation_lines(suite),
            terminal.Line(""),
            *terminal.verdict_lines(list(suite.results.values())),
            *terminal.without_hits_lines(suite),
            *self._comparison_lines(),
            *map(terminal.Line, floors),
        ]

    def _comparison_lines(self) -> list[Line]:
        """The comparisons, the update, and what failed or is missing, for the summary."""
        from relevance.report.comparison import comparison_lines  # noqa: PLC0415
        from relevance.report.diagnosis import diagnosis_lines  # noqa: PLC0415
        from relevance.report.terminal import Line  # noqa: PLC0415

        lines: list[Line] = []
        for comparison, diagnosis in zip_longest(self.comparisons or (), self.diagnoses or ()):
            lines += [*comparison_lines(comparison), *(diagnosis_lines(diagnosis) if diagnosis else ())]
        if not self.baselines and not self.updates:
            hint = f"{self.baseline_name}; pytest --update-baseline makes one"
            if self.required:
                lines.append(Line(f"FAIL: CI is set or a baseline is required, and there is none at {hint}", "bad"))
            else:
                lines.append(Line(f"NOT COMPARED: no baseline at {hint}", "warn"))
        lines += [Line(f"FAIL: {line}", "bad") for line in self.failures if not line.startswith("no baseline at")]
        return lines + [Line(line) for line in self.update_lines]


@dataclass(eq=False)
class SessionRecord:
    """What the session has got to.

    Attributes:
        config: in force in pytest's root folder; read when pytest is configured.
        runs: by folder of benchmarks, in the order in which they were collected.
        refusal: why the benchmarks are skipped in this session; "" where they run.
        refused: names of folders whose benchmarks were skipped in xdist's workers.
        passed_over: folders of benchmarks that another plugin has kept from being collected.
        unmeasured: what is to be said of benchmarks that were collected and did not run.
        error: what ended the session.
        raised: whether pytest itself prints that error.
        finishing: whether the session is at its end: what an interrupt has left is closed and measured no further.
        written: folders of results, once they are complete.
        notes: what people should know, printed at the end.
        interrupts: what SIGINT and SIGTERM do.
    """

    config: Config | None = None
    runs: dict[Path, BenchmarkRun] = field(default_factory=dict)
    refusal: str = ""
    refused: list[str] = field(default_factory=list)
    passed_over: set[str] = field(default_factory=set)
    unmeasured: str = ""
    error: RelevanceError | None = None
    raised: bool = False
    finishing: bool = False
    written: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    interrupts: Interrupts = field(default_factory=Interrupts)

    @property
    def exit_code(self) -> int:
        """That of the error which ended the session; 0 where there was none."""
        if self.error is None:
            return 0
        return pytest.ExitCode.USAGE_ERROR if isinstance(self.error, InputError) else COULD_NOT_RUN

    def measured_runs(self) -> list[BenchmarkRun]:
        """Those with results."""
        return [run for run in self.runs.values() if run.measured]

    def close(self) -> None:
        """Remove what was started, and gather what is to be said of it."""
        for run in self.runs.values():
            run.close(self.interrupts)
            self.notes += run.engine_notes
            run.engine_notes.clear()

    @contextmanager
    def ending_session(self) -> Iterator[None]:
        """End the session at an error of ours; inside a test pytest would take it for a failure of that test."""
        try:
            yield
        except RelevanceError as error:
            self.error = error
            pytest.exit(str(error))


RECORD = pytest.StashKey[SessionRecord]()


def config_file_of(folder: Path, root: Path) -> Path | None:
    """Find the configuration of benchmarks: the nearest `relevance.toml`, not above pytest's root folder.

    Of benchmarks outside of it, which another project has, not above that project: not where it has pytest's root
    folder beside it.
    """
    inside = folder.is_relative_to(root)
    top = root if inside else Path(os.path.commonpath([folder, root]))
    for parent in (folder, *folder.parents):
        if parent == top and not inside:
            return None
        if (parent / FILE_NAME).is_file():
            return parent / FILE_NAME
        if parent == top:
            return None
    return None
