"""The benchmarks of one folder in a session: planned, measured and compared by themselves."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from relevance import gate, suite
from relevance.baseline import find_baseline, merge, update_lines, write_baseline
from relevance.errors import InputError, RelevanceError
from relevance.evaluation import METRICS
from relevance.plugin.options import in_ci, with_floors
from relevance.report import terminal
from relevance.report.folder import check_folder
from relevance.report.pages import job_summary
from relevance.report.results import session_files
from relevance.report.terminal import Line
from relevance.runner import ROUNDS, WARM_UP_ROUNDS
from relevance.text import plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from relevance.baseline import Snapshot
    from relevance.config import Config
    from relevance.diagnosis import Diagnosis
    from relevance.gate import Comparison
    from relevance.strategies import Strategy
    from relevance.suite import Baseline, Plan, Result, Suite

_BASELINES = "baselines"


def figures(result: Result) -> dict[str, float]:
    """What pytest-benchmark keeps beside a run time: means, queries a second, latencies."""
    means = {str(metric): result.evaluation.mean(metric) for metric in METRICS}
    if result.timing is None:
        return means
    single = result.timing.single
    return means | {"queries_per_s": result.timing.queries_per_s, "p50_ms": single.p50_ms, "p95_ms": single.p95_ms}


def gated_figures(result: Result) -> list[tuple[str, str]]:
    """What a JUnit file keeps: the means that have floors."""
    return [(str(metric), f"{result.evaluation.mean(metric):.6g}") for metric in gate.GATED.values()]


class BenchmarkRun:
    """The benchmarks of one folder: what they are measured by, and what came of it.

    Args:
        folder: of the benchmark files, with floors and baselines beside them.
        name: the folder, seen from where pytest was started.
        config: in force for them.

    Attributes:
        collected: whether a benchmark was found, be it selected or not.
        plan: made at the end of collection, where one was selected.
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
    """

    def __init__(self, folder: Path, name: str, config: Config) -> None:
        self.folder = folder
        self.name = name
        self.config = with_floors(config, beside=folder)
        self.collected = False
        self.plan: Plan
        self.suite: Suite
        self.baseline_name = ""
        self.complete = False
        self.baselines: tuple[Baseline, ...] = ()
        self.updates = False
        self.replaced: Snapshot | None = None
        self.comparisons: tuple[Comparison, ...] | None = None
        self.diagnoses: tuple[Diagnosis, ...] | None = None
        self.reported: set[str] = set()
        self.failures: list[str] = []
        self.update_lines: list[str] = []
        self._closed = False

    def __repr__(self) -> str:
        return f"BenchmarkRun({self.name!r})"

    @property
    def required(self) -> bool:
        """Whether it is a failure that there is no baseline."""
        return in_ci() if self.config.require_baseline is None else self.config.require_baseline

    @property
    def no_baseline(self) -> str:
        """What is said where there is none."""
        return f"no baseline at {self.baseline_name}; pytest --update-baseline makes one"

    @property
    def is_planned(self) -> bool:
        """Whether a benchmark was selected, and all that it needs is there."""
        return hasattr(self, "plan")

    @property
    def is_measured(self) -> bool:
        """Whether a strategy was."""
        return hasattr(self, "suite") and bool(self.suite.results)

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
        config = self.config
        check_folder(config.out)
        self.plan = plan = suite.make_plan(config, strategies)
        measured = [strategy.name for strategy in plan.strategies]
        chosen = config.origins["strategy"].startswith(("option", "environment"))
        selected = {strategy.name for strategy in config.selected} - set(plan.left_out)
        self.complete = not chosen and selected <= set(measured)
        data = suite.snapshot_of_data(plan.dataset)
        folder = self.folder / _BASELINES
        self.baseline_name = os.path.relpath(folder / f"{data.dataset.name}.json", cwd)
        own = find_baseline(folder, data.dataset.name)
        if update:
            if config.baseline is not None and config.origins["baseline"].startswith(("option", "environment")):
                line = f"--update-baseline writes {self.baseline_name} and compares with nothing; leave out --baseline"
                raise InputError(line)
            if own is not None:
                self.replaced = suite.read_replaced(own, data, measured, cwd=cwd, complete=self.complete)
            self.updates = True
            return
        paths = config.baseline if config.baseline is not None else [own] if own else []
        common = config.on_common_queries
        self.baselines = tuple(suite.read_checked(path, data, cwd=cwd, on_common_queries=common) for path in paths)

    def prepare(self, *, timed: bool) -> Suite:
        """Train, embed and index; run times are calibrated where they will be compared, now or later."""
        engine, snapshots = self.plan.engine.name, [one.snapshot for one in self.baselines]
        compared = self.updates or any(one.engine["name"] == engine and one.calibration_s for one in snapshots)
        self._closed = False
        self.suite = suite.prepare(self.plan, progress=True, calibrated=timed and compared)
        self.suite.baseline = snapshots[0] if snapshots else None
        return self.suite

    def measure(self, strategy: Strategy, timer: Any) -> Result:
        """Search and judge.

        Args:
            strategy: what is measured.
            timer: the fixture of pytest-benchmark or of what stands in its place; None where nothing takes times.
        """
        suite = self.suite
        suite.calibrate()
        if timer is None:
            ranking = suite.search(strategy)
        else:
            if getattr(timer, "params", None):  # they go into its files
                timer.params = {name: value for name, value in timer.params.items() if value is not self}
            ranking = timer.pedantic(suite.search, args=(strategy,), rounds=ROUNDS, warmup_rounds=WARM_UP_ROUNDS)
        suite.calibrate()
        stats = getattr(timer, "stats", None)
        timing = suite.time(strategy, stats.stats.min) if stats else None
        suite.judge(strategy, ranking, timing)
        if self.updates:
            suite.time_again(strategy.name)  # later sessions are held against it
        return suite.results[strategy.name]

    def measure_rest(self) -> None:
        """Measure once, without a time, what no selected test has measured, and time again what looks slower."""
        if self.comparisons is None:
            for strategy in self.plan.strategies:
                if strategy.name not in self.suite.results:
                    self.suite.judge(strategy, self.suite.search(strategy), None)
            suite.confirm_run_times(self.suite, self.baselines, self.config.gate)

    def time_again(self) -> None:
        """Time again what no test has timed again; afterwards the engine is gone."""
        if not self.updates and self.comparisons is None:
            suite.confirm_run_times(self.suite, self.baselines, self.config.gate)
        elif self.updates and len(self.suite.results) == len(self.plan.strategies):
            suite.settle_run_times(self.suite)

    def compare(self) -> Sequence[Comparison]:
        """Ask the gate once about all strategies that were measured, beside each baseline."""
        if self.comparisons is None:
            session, limits = suite.snapshot_of(self.suite), self.config.gate
            self.comparisons = tuple(
                suite.compare_with(one, session, limits, complete=self.complete) for one in self.baselines
            )
        return self.comparisons

    def diagnose(self, *, live: bool) -> Sequence[Diagnosis]:
        """Find why the comparisons say what they say; `live`: the engine can still be asked."""
        if self.diagnoses is None:
            comparisons = dict(zip(self.baselines, self.compare(), strict=True))
            session, limits = suite.snapshot_of(self.suite), self.config.gate
            self.diagnoses = suite.diagnose_suite(self.suite, session, comparisons, limits, live=live)
        return self.diagnoses

    def close(self) -> Sequence[str]:
        """Remove what the suite started, once; what people should know of it, also what goes wrong, a line each."""
        if self._closed or not hasattr(self, "suite"):
            return ()
        self._closed = True
        try:
            self.suite.close()
        except RelevanceError as error:
            return (str(error), *self.suite.notes())
        return self.suite.notes()

    def judge(self) -> None:
        """Find what failed without a test that says so: `-k` or an older benchmark file do not switch the gate off."""
        if not self.updates:
            if not self.baselines and self.required:
                self.failures.append(self.no_baseline)
            for comparison in self.compare():
                self.failures += [
                    f"{name} is worse than in {comparison.baseline}"
                    for name in self.suite.results
                    if name not in self.reported and comparison.status(name) == "fail"
                ]
            self.diagnose(live=False)  # the engine is closed by now
        by_floors = any(result.verdict.status != "not_gated" for result in self.suite.results.values())
        by_baselines = any(comparison.findings for comparison in self.comparisons or ())
        if in_ci() and not (by_floors or by_baselines or self.updates):
            self.failures.append("CI is set and no strategy was gated")

    def update_baseline(self, *, passed: bool) -> None:
        """Write the baseline where everything passed and everything was measured; `update_lines` says what changes.

        Raises:
            InputError: a part of a file would be updated that does not belong to the rest.
            OSError: the file cannot be written; what was there is untouched.
        """
        missing = [one.name for one in self.plan.strategies if one.name not in self.suite.results]
        if missing or not passed:
            why = f"{', '.join(missing)} not measured" if missing else "the session failed"
            self.update_lines = [f"baseline: {self.baseline_name} is as it was: {why}"]
            return
        baseline = merge(self.replaced, suite.snapshot_of(self.suite), complete=self.complete)
        changes = [f"  {line}" for line in update_lines(self.replaced, baseline)]
        path = write_baseline(baseline, self.folder / _BASELINES)
        where = self.baseline_name.rpartition("/")[0] or "."
        self.update_lines = [f"baseline: {path.name} written to {where}", *changes]

    def files(self) -> Mapping[str, str | bytes]:
        """The files of results, by name."""
        return session_files(self.suite, self.comparisons or (), self.diagnoses or ())

    def job_summary(self) -> str:
        """The page that GitHub shows."""
        return job_summary(self.suite, self.comparisons or (), self.diagnoses or (), self.failures)

    def header_lines(self) -> list[str]:
        """What will be measured on what, and which baselines it is compared with."""
        lines = terminal.plan_lines(self.plan)
        if self.updates:
            lines.append(f"baseline: {self.baseline_name} is updated by this session")
        elif not self.baselines:
            lines.append(f"baseline: none at {self.baseline_name}")
        for one in self.baselines:
            common = " (on common queries)" if one.on_common_queries else ""
            lines.append(f"baseline: {one.name}, {plural(len(one.snapshot.strategies), 'strategy')}{common}")
        return lines

    def summary_lines(self, columns: int | None, *, suggest: bool) -> list[Line]:
        """The table, what is not gated, what the comparison says, and floors where they are asked for.

        Args:
            columns: of the terminal; None: as many as are needed.
            suggest: whether floors are suggested.
        """
        lines = terminal.session_lines(
            self.suite, columns=columns, comparisons=self.comparisons or (), diagnoses=self.diagnoses or ()
        )
        if not self.baselines and not self.updates:
            hint = self.no_baseline.removeprefix("no baseline ")
            if self.required:
                lines.append(Line(f"FAIL: CI is set or a baseline is required, and there is none {hint}", "bad"))
            else:
                lines.append(Line(f"NOT COMPARED: {self.no_baseline}", "warn"))
        lines += [Line(f"FAIL: {line}", "bad") for line in self.failures if line != self.no_baseline]
        lines += map(Line, self.update_lines)
        if suggest:
            evaluations = {name: result.evaluation for name, result in self.suite.results.items()}
            lines += map(Line, gate.suggest(self.plan.dataset, evaluations).splitlines())
        return lines
