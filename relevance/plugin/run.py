"""The benchmarks of one folder in a session: planned, measured and compared by themselves."""

from __future__ import annotations

import os
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from relevance import gate, suite
from relevance.baseline import by_todays_data, find_baseline, merge, update_lines, write_baseline
from relevance.datasets.asked import ASKED, Orders
from relevance.datasets.overlay import beside
from relevance.errors import CouldNotRunError, InputError, RelevanceError, StrategyError
from relevance.files import unwritable, writing
from relevance.plugin.options import in_ci
from relevance.report import terminal
from relevance.report.costs import cost_lines
from relevance.report.folder import check_folder, write_folder
from relevance.report.pages import job_summary
from relevance.report.results import comparison_properties, session_files
from relevance.report.screen import FAILURE, NOTE, SUMMARY
from relevance.runner import ROUNDS, WARM_UP_ROUNDS
from relevance.text import Line, some

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from relevance.baseline import Sides, Snapshot
    from relevance.config import Config
    from relevance.diagnosis import Diagnosis
    from relevance.gate import Comparison
    from relevance.history import Version
    from relevance.strategies import Strategy
    from relevance.suite import Baseline, Result, Suite

_SHOWN = 3


class BenchmarkRun:
    """The benchmarks of one folder: all that they need is read and checked before anything long starts.

    Args:
        folder: of the benchmark files, with floors and baselines beside them.
        config: in force for them.
        strategies: those of the selected tests.
        update: whether the run makes a new baseline.
        cwd: where pytest was started.

    Attributes:
        name: the folder, seen from where pytest was started.
        comparisons: one for each baseline, once they were made.
        diagnoses: of these comparisons, once they were made.
        failures: what failed that no test says, a line each.
        notes: what people should know beside, a line each.
        update_lines: what happened to the baseline that is updated.

    Raises:
        InputError: bad input or usage; a baseline that is there or was named cannot be used.
        CouldNotRunError: a model or an engine is not there.
    """

    def __init__(
        self, folder: Path, config: Config, strategies: Sequence[Strategy], *, update: bool, cwd: Path
    ) -> None:
        self.folder, self.config, self.updates = folder, config, update
        self.name = os.path.relpath(folder, cwd)
        check_folder(config.out)
        self.plan = suite.make_plan(config, strategies)
        self.suite: Suite
        self.comparisons: tuple[Comparison, ...] | None = None
        self.diagnoses: tuple[Diagnosis, ...] | None = None
        self.failures: list[str] = []
        self.notes: list[str] = []
        self.update_lines: list[str] = []
        self._tests: dict[tuple[str, str], str] = {}
        self._closed = False
        measured = {strategy.name for strategy in self.plan.strategies}
        selected = {strategy.name for strategy in config.selected} - set(self.plan.left_out)
        self._complete = not _is_chosen(config, "strategy") and selected <= measured
        self._baselines = folder / "baselines"
        data = suite.snapshot_of_data(self.plan.dataset)
        self.baseline_name = os.path.relpath(self._baselines / f"{data.dataset.name}.json", cwd)
        self.no_baseline = f"no baseline at {self.baseline_name}; pytest --update-baseline makes one"
        self.baselines: tuple[Baseline, ...] = ()
        self._replaced: Snapshot | None = None
        self._sides: Sequence[Sides] = ()
        self._own = find_baseline(self._baselines, data.dataset.name)
        self._versions: Sequence[Version] = ()
        self._orders = Orders(beside(config.source, ASKED))
        rebuilds = self.config.elasticsearch.rebuilds is not None
        if rebuilds and not update and config.origins["elasticsearch.rebuilds"].startswith("option"):
            self.notes.append("option --rebuilds changes nothing: no baseline is updated (--update-baseline)")
        if update:
            if rebuilds and config.elasticsearch.keep_index:
                line = "--keep-index takes an index that was kept, so that none is built again; allowed: one of both"
                raise InputError(f"--rebuilds beside --keep-index: {line}")
            if problem := unwritable(self._baselines):
                raise CouldNotRunError(f"--update-baseline: {self.baseline_name}: cannot be written ({problem})")
            if config.baseline is not None and _is_chosen(config, "baseline"):
                line = f"--update-baseline writes {self.baseline_name} and compares with nothing; leave out --baseline"
                raise InputError(line)
            if self._own is not None:
                self._replaced = suite.read_replaced(self._own, data, measured, cwd=cwd, complete=self._complete)
            return
        paths, held = suite.baseline_paths(config, self._baselines), config.gate_from_baseline
        read = (suite.read_compared(path, data, cwd=cwd) for path in paths)
        floors = suite.floors_of(self.plan)
        self.baselines = tuple(suite.with_limits(one, config.gate, floors, from_baseline=held) for one in read)

    @property
    def results(self) -> Mapping[str, Result]:
        """Of the strategies that were measured, by name."""
        return self.suite.results if hasattr(self, "suite") else {}

    @property
    def is_measured(self) -> bool:
        """Whether a strategy was measured, or gave no ranking: whether there is something to report."""
        return hasattr(self, "suite") and bool(self.suite.results or self.suite.refused)

    @property
    def asked(self) -> Path | None:
        """The file beside the data in which the order of judging is kept, where the session added to it."""
        return self._orders.written

    @property
    def _lacks_baseline(self) -> bool:
        """Whether it is a failure that there is no baseline."""
        required = self.config.require_baseline
        required = in_ci() if required is None else required
        return not self.baselines and (required or self.config.gate_from_baseline)

    def header_lines(self) -> list[str]:
        """What will be measured on what, and which baselines it is compared with."""
        lines = terminal.plan_lines(self.plan)
        if self.updates:
            lines.append(f"baseline: {self.baseline_name} is updated by this session")
        elif not self.baselines:
            lines.append(f"baseline: none at {self.baseline_name}")
        return lines + [f"baseline: {one.line}" for one in self.baselines]

    def prepare(self, *, timed: bool) -> Suite:
        """Train, embed and index; run times are calibrated where they will be compared, now or later."""
        engine, snapshots = self.plan.engine.name, [one.snapshot for one in self.baselines]
        compared = self.updates or any(one.engine["name"] == engine and one.calibration_s for one in snapshots)
        self._closed = False
        self.suite = suite.prepare(self.plan, progress=True, calibrated=timed and compared)
        self.suite.baseline = snapshots[0] if snapshots else None
        return self.suite

    # the tests

    def measure(self, strategy: Strategy, node: pytest.Item, timer: Any, *, timed: bool) -> None:
        """Search and judge, record the figures with the test, and fail it where the strategy is below its floors.

        Args:
            strategy: what is measured.
            node: the test.
            timer: the fixture of pytest-benchmark or of what stands in its place; None where nothing takes times.
            timed: whether it takes them.
        """
        if all(strategy != one for one in self.plan.strategies):
            line = f"{strategy.name}: not as the configuration has it; allowed: the fixture's strategy, unchanged"
            self.failures.append(line)
            pytest.fail(line, pytrace=False)
        self._tests["floors", strategy.name] = node.nodeid
        with suite.one_thread() if timed else nullcontext():
            self.suite.calibrate()
            try:
                if timer is None:
                    ranking = self.suite.search(strategy)
                else:
                    if getattr(timer, "params", None):  # they go into its files
                        timer.params = {name: value for name, value in timer.params.items() if name != "relevance_run"}
                    search, rounds = self.suite.search, {"rounds": ROUNDS, "warmup_rounds": WARM_UP_ROUNDS}
                    ranking = timer.pedantic(search, args=(strategy,), **rounds)
                self.suite.calibrate()
                stats = getattr(timer, "stats", None)
                timing = self.suite.time(strategy, stats.stats.min) if stats and strategy.takes_time else None
                self.suite.judge(strategy, ranking, timing)
                if self.updates:
                    self.suite.time_again(strategy.name)  # later sessions are held against it
            except StrategyError as error:
                self.suite.refuse(strategy.name, error)
        if strategy.name in self.suite.refused:
            pytest.fail(self.suite.refused[strategy.name], pytrace=False)
        result = self.results[strategy.name]
        if hasattr(timer, "extra_info"):
            means = {str(metric): result.evaluation.mean(metric) for metric in result.evaluation.per_query}
            timer.extra_info |= {"dataset": self.plan.dataset.name, "strategy": strategy.name, **means}
            if timing := result.timing:
                latencies = {"p50_ms": timing.single.p50_ms, "p95_ms": timing.single.p95_ms}
                timer.extra_info |= {"queries_per_s": timing.queries_per_s, **latencies}
        judging = (metric for metric in self.config.metrics.all if metric.judges)
        node.user_properties.extend((str(metric), f"{result.evaluation.mean(metric):.6g}") for metric in judging)
        if result.verdict.status == "fail":
            pytest.fail(terminal.failure(strategy.name, result.verdict), pytrace=False)

    def compare(self, strategy: Strategy, node: pytest.Item) -> None:
        """Compare a strategy with the baselines, together with all others of the run, and fail where it is worse.

        Those that no selected test measures are measured once, without a time.
        """
        if self.updates:
            pytest.skip(f"{self.baseline_name} is being updated")
        if self._lacks_baseline:
            pytest.fail(self.no_baseline, pytrace=False)
        if not self.baselines:
            pytest.skip(self.no_baseline)
        if self.comparisons is None:
            self._measure_rest()
            suite.confirm_run_times(self.suite, self.baselines, self.config.gate)
        self._tests["baselines", strategy.name] = node.nodeid
        if strategy.name in self.suite.refused:
            pytest.fail(self.suite.refused[strategy.name], pytrace=False)
        comparisons, diagnoses = self._compared(), self._diagnosed(live=True)
        node.user_properties.extend(comparison_properties(strategy.name, comparisons))
        if strategy.name in self.suite.broken:
            pytest.fail(self.suite.broken[strategy.name], pytrace=False)
        if all(strategy.name not in one.snapshot.strategies for one in self.baselines):
            pytest.skip("not in the baseline; --update-baseline adds it")
        if any(one.fails(strategy.name) for one in comparisons):
            pytest.fail(terminal.comparison_failure(strategy.name, comparisons, diagnoses), pytrace=False)

    def _measure_rest(self) -> None:
        """Search what no test has measured, without a time."""
        for one in self.plan.strategies:
            if one.name not in self.results and one.name not in self.suite.refused:
                try:
                    self.suite.judge(one, self.suite.search(one), None)
                except StrategyError as error:
                    self.suite.refuse(one.name, error)

    def _compared(self) -> Sequence[Comparison]:
        """Ask the gate, once, about all strategies that were measured, beside each baseline."""
        if self.comparisons is None:
            session, limits = suite.snapshot_of(self.suite), self.config.gate
            products = frozenset(self.plan.dataset.catalogue.ids)
            allowed = self.config.allow_missing or not (in_ci() or self.config.gate_from_baseline)
            self._sides = [by_todays_data(one.snapshot, session, products) for one in self.baselines]
            comparisons = [
                suite.compare_with(one, session, limits, sides=sides, orders=self._orders, allow_missing=allowed)
                for one, sides in zip(self.baselines, self._sides, strict=True)
            ]
            unkept = tuple(filter(None, [self._orders.write()]))
            own = self._own if self.config.baseline is not None else None  # else it is the one
            self.comparisons = tuple(
                replace(one, notes=(*one.notes, *unkept), proposed=proposed)
                for one, proposed in zip(comparisons, suite.proposed_beside(self.baselines, own), strict=True)
            )
        return self.comparisons

    def _diagnosed(self, *, live: bool) -> Sequence[Diagnosis]:
        """Find, once, why the comparisons say what they say; `live`: the engine can still be asked."""
        if self.diagnoses is None:
            comparisons = dict(zip(self.baselines, self._compared(), strict=True))
            session, limits = suite.snapshot_of(self.suite), self.config.gate
            self.diagnoses = suite.diagnose_suite(
                self.suite, session, comparisons, limits, sides=self._sides, live=live
            )
        return self.diagnoses

    # the end

    def measure_again(self) -> None:
        """Time again what no test has timed again, and build what an update learns from; then the engine goes."""
        if not self.updates and self.comparisons is None:
            suite.confirm_run_times(self.suite, self.baselines, self.config.gate)
        elif self.updates and len(self.results) == len(self.plan.strategies):
            suite.settle_run_times(self.suite)
            if self.config.elasticsearch.rebuilds is not None and not self.fails:
                self.suite.rebuild(self.config.elasticsearch.rebuilds)

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

    @property
    def fails(self) -> bool:
        """Whether a verdict is a failure, whatever became of the test that says so."""
        below = any(result.verdict.status == "fail" for result in self.results.values())
        worse = any(comparison.fails() for comparison in self.comparisons or ())
        return bool(below or worse or self.failures or (self.is_measured and (self.suite.refused or self.suite.broken)))

    def causes(self) -> list[str]:
        """What makes the session fail, in few words each; none where it does not."""
        if not self.fails:
            return []
        causes, below = [], [name for name, one in self.results.items() if one.verdict.status == "fail"]
        if self.is_measured and (broken := [*self.suite.refused, *self.suite.broken]):
            causes.append(f"no ranking: {some(broken, _SHOWN)}")
        if below:
            causes.append(f"below a floor: {some(below, _SHOWN)}")
        for one in self.comparisons or ():
            failing = {name: one.answer(name) for name in filter(one.fails, self.results)}
            for answer in reversed([*gate.ANSWERS]):
                if names := [name for name, its in failing.items() if its == answer]:
                    why = ", which fails here," if answer == "undecided" else ""
                    causes.append(f"{answer}{why} beside {one.baseline}: {some(names, _SHOWN)}")
            causes += [f"{one.baseline}: {problem}" for problem in one.problems[:1]]
        return causes or [some(self.failures, 1)]

    def judge(self, failed: Collection[str]) -> None:
        """Find what failed without a test that says so: neither a selection nor a test's own code is the gate.

        Args:
            failed: ids of the tests that failed.
        """
        said = {key for key, test in self._tests.items() if test in failed}
        self.failures += [
            f"{name}: {reason}"
            for name, result in self.results.items()
            if result.verdict.status == "fail" and ("floors", name) not in said
            for reason in result.verdict.reasons
        ]
        for name, problem in (*self.suite.refused.items(), *self.suite.broken.items()):
            if not {("floors", name), ("baselines", name)} & said:
                self.failures.append(f"{name}: {problem}")
        if self.updates:
            session, limits = suite.snapshot_of(self.suite), self.config.gate
            self.failures += [*gate.unknown_kinds(gate.kinds_of(session), limits), *gate.below_floors(session, limits)]
        else:
            if self._lacks_baseline:
                self.failures.append(self.no_baseline)
            for comparison in self._compared():
                self.failures += [f"{comparison.baseline}: {problem}" for problem in comparison.problems]
                self.failures += [
                    f"{name} is worse than in {comparison.baseline}"
                    for name in self.results
                    if comparison.fails(name) and ("baselines", name) not in said
                ]
            self._diagnosed(live=False)  # the engine is closed by now
            self._judge_drift(self._compared())
        by_floors = any(result.verdict.status != "not_gated" for result in self.results.values())
        by_baselines = any(comparison.findings for comparison in self.comparisons or ())
        if in_ci() and not (by_floors or by_baselines or self.updates):
            self.failures.append("CI is set and no strategy was gated")

    def update_baseline(self, *, passed: bool) -> None:
        """Write the baseline where everything passed and everything was measured; `update_lines` says what changes.

        Raises:
            InputError: a part of a file would be updated that does not belong to the rest.
            CouldNotRunError: the file cannot be written; what was there is untouched.
        """
        missing = [one.name for one in self.plan.strategies if one.name not in self.results]
        if missing or not passed:
            why = f"{', '.join(missing)} not measured" if missing else "the session failed"
            done = "was not written" if self._replaced is None else "is as it was"
            self.update_lines = [f"baseline: {self.baseline_name} {done}: {why}"]
            return
        baseline = merge(self._replaced, suite.snapshot_of(self.suite), complete=self._complete)
        changes = [f"  {line}" for line in update_lines(self._replaced, baseline)]
        with writing(self.baseline_name):
            path = write_baseline(baseline, self._baselines)
        where = self.baseline_name.rpartition("/")[0] or "."
        drifted = [f"  accepted with it: {line}" for line in self._look_back(accepted=True).values()]
        self.update_lines = [f"baseline: {path.name} written to {where}", *changes, *drifted]

    def _judge_drift(self, comparisons: Sequence[Comparison]) -> None:
        """Fail what has drifted and does not fail already; where hits are unjudged it is a note.

        They count as irrelevant in every version, so that what they replaced seems lost.
        """
        for name, line in self._look_back(accepted=False).items():
            if any(name in one.holes and one.holes[name].to_judge for one in comparisons):
                self.notes.append(f"{line}; it fails nothing: hits of it are unjudged, and count as irrelevant here")
            elif not any(one.fails(name) for one in comparisons):
                self.failures.append(line)

    def _look_back(self, *, accepted: bool) -> Mapping[str, str]:
        """What earlier commits measured: a line for each strategy that has drifted since; the session is remembered."""
        session, file = suite.snapshot_of(self.suite), self._baselines / f"{self.plan.dataset.name}.json"
        back = suite.look_back(self.config, file, [one.snapshot for one in self.baselines], session, accepted=accepted)
        self.notes += back.notes
        self._versions = back.versions
        return back.drifted

    def files(self) -> Mapping[str, str | bytes]:
        """The files of results, by name."""
        complete = self._complete and all(one.name in self.results for one in self.plan.strategies)
        compared = self.comparisons or (), self.diagnoses or (), self._sides
        summary = "".join(f"{line.text}\n" for line in self.summary_lines(None, suggest=False))
        versions, failed = self._versions, self._failed()
        files = session_files(self.suite, *compared, versions=versions, complete=complete, failed=failed)
        return {**files, SUMMARY: summary}

    def _failed(self) -> list[str]:
        """What failed that no comparison says, whether a test says it or not."""
        below = [
            f"{name}: {reason}"
            for name, result in self.results.items()
            if result.verdict.status == "fail"
            for reason in result.verdict.reasons
        ]
        lines = [*self.failures, *below]
        unsaid = (*self.suite.refused.values(), *(f"{name}: {why}" for name, why in self.suite.broken.items()))
        return lines + [one for one in unsaid if not any(one in line for line in lines)]

    def job_summary(self) -> str:
        """The page that GitHub shows."""
        return job_summary(self.suite, self.comparisons or (), self.diagnoses or (), self.failures)

    def summary_lines(self, columns: int | None, *, suggest: bool) -> list[Line]:
        """The table, what is not gated, what the comparison says, and floors where they are asked for.

        Args:
            columns: of the terminal; None: as many as are needed.
            suggest: whether floors are suggested.
        """
        comparisons, diagnoses, lines = self.comparisons or (), self.diagnoses or (), []
        if self.is_measured:
            lines = [Line(f"{one.baseline}: {line}", "bad") for one in comparisons for line in one.alarms]
            lines += terminal.session_lines(self.suite, columns=columns, comparisons=comparisons, diagnoses=diagnoses)
            lines += cost_lines(self.suite, columns=columns)
        if not self.baselines and not self.updates:
            hint = self.no_baseline.removeprefix("no baseline ")
            if self._lacks_baseline:
                lines.append(Line(f"FAIL: CI is set or a baseline is required, and there is none {hint}", "bad"))
            else:
                lines.append(Line(f"NOT COMPARED: {self.no_baseline}", "warn"))
        said = {self.no_baseline, *(f"{one.baseline}: {problem}" for one in comparisons for problem in one.problems)}
        if self.is_measured:
            said |= {f"{name}: {line}" for name, line in (self.suite.refused | self.suite.broken).items()}
        lines += [Line(f"FAIL: {line}", "bad", FAILURE) for line in self.failures if line not in said]
        judged = self.plan.dataset.judgments.judged_queries
        if self.results and (few := suite.few_queries(len(judged), self.config.gate)):
            lines.append(Line(f"note: {few}", "warn"))
        lines += [Line(f"note: {line}", "warn", NOTE) for line in self.notes]
        lines += map(Line, self.update_lines)
        if suggest and self.results:
            evaluations = {name: result.evaluation for name, result in self.results.items()}
            lines += map(Line, gate.suggest(self.plan.dataset, evaluations, self.config.metrics.all).splitlines())
        return lines


def write_results(runs: Sequence[BenchmarkRun]) -> Iterator[Path]:
    """Write the folders of results, and give each when it is complete; of several runs in one, each has its own there.

    Raises:
        CouldNotRunError: one cannot be written; what was there is untouched.
    """
    for out in dict.fromkeys(run.config.out for run in runs):
        sharing = [run for run in runs if run.config.out == out]
        files = sharing[0].files()
        if len(sharing) > 1:
            above = os.path.commonpath([run.folder.parent for run in sharing])
            by_folder = {run.folder.relative_to(above).as_posix(): run.files() for run in sharing}
            files = {f"{folder}/{name}": text for folder, texts in by_folder.items() for name, text in texts.items()}
        with writing(f"--out {out}"):
            write_folder(out, files)
        yield out


def _is_chosen(config: Config, key: str) -> bool:
    """Whether a setting is this session's, by option or variable."""
    return config.origins[key].startswith(("option", "environment"))
