"""Baselines in a session: found and checked at collection, compared once every strategy was measured."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from relevance.errors import InputError
from relevance.plugin.state import STATE, Gate, in_fixture

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from relevance.config import Config
    from relevance.diagnosis import Diagnosis
    from relevance.gate import Comparison
    from relevance.strategies import Strategy
    from relevance.suite import Suite

__all__ = ["compare_strategy", "compared", "diagnosed", "in_ci", "needs_calibration", "open_gate"]


def in_ci() -> bool:
    """Whether `CI` is set to something else than no."""
    return os.environ.get("CI", "").lower() not in {"", "0", "false", "no"}


def open_gate(config: pytest.Config, ours: Config, folder: Path) -> Gate:
    """The baselines of this session, read and checked before anything long starts.

    Args:
        config: pytest's.
        ours: the suite's.
        folder: the benchmarks' own baselines.

    Raises:
        InputError: a baseline that is there or was named cannot be used, or the options contradict each other.
    """
    from relevance import suite  # noqa: PLC0415 - numpy is loaded where benchmarks run

    plan = config.stash[STATE].plan
    assert plan is not None, "made before"  # noqa: S101 - for the type checker
    data = suite.snapshot_of_data(plan.dataset)
    cwd = config.invocation_params.dir
    given = ours.origins["strategy"].startswith(("option", "environment"))
    asked = {one.name for one in ours.selected} - set(plan.left_out)
    complete = not given and asked <= {one.name for one in plan.strategies}
    place = os.path.relpath(folder / f"{data.dataset.name}.json", cwd)
    gate = Gate(folder=folder, place=place, complete=complete, required=_required(ours), limits=ours.gate)
    found = suite.default_baseline(folder, data)
    if config.getoption("--relevance-update-baseline"):
        if ours.baseline is not None and ours.origins["baseline"].startswith(("option", "environment")):
            raise InputError(f"--update-baseline writes {place} and compares with nothing; leave out --baseline")
        measured = [strategy.name for strategy in plan.strategies]
        gate.replaced = suite.read_replaced(found, data, measured, cwd=cwd, complete=complete)
        gate.updates = True
        return gate
    paths = ours.baseline if ours.baseline is not None else [found] if found else []
    common = ours.on_common_queries
    gate.baselines = tuple(suite.read_checked(path, data, cwd=cwd, on_common_queries=common) for path in paths)
    return gate


def _required(ours: Config) -> bool:
    return in_ci() if ours.require_baseline is None else ours.require_baseline


def needs_calibration(gate: Gate, engine: str) -> bool:
    """Whether run times of this engine will be compared, now or later."""
    marks = [one.snapshot for one in gate.baselines]
    return gate.updates or any(one.engine["name"] == engine and one.calibration_s for one in marks)


def compared(gate: Gate, suite: Suite) -> Sequence[Comparison]:
    """What the gate says of all strategies that were measured, beside each baseline: found out once a session."""
    from relevance.suite import compare_with, snapshot_of  # noqa: PLC0415

    if gate.comparisons is None or gate.compared != tuple(suite.results):
        session = snapshot_of(suite)
        gate.compared = tuple(suite.results)
        gate.comparisons = tuple(
            compare_with(one, session, gate.limits, complete=gate.complete) for one in gate.baselines
        )
    return gate.comparisons


def diagnosed(gate: Gate, suite: Suite, *, live: bool) -> Sequence[Diagnosis]:
    """Why these comparisons say what they say.

    Args:
        gate: has baselines or none.
        suite: has measured what is compared.
        live: whether the engine can still be asked.
    """
    from relevance.suite import diagnose_suite, snapshot_of  # noqa: PLC0415

    found = compared(gate, suite)
    if gate.explained is not gate.comparisons:
        beside = dict(zip(gate.baselines, found, strict=True))
        gate.diagnoses = diagnose_suite(suite, snapshot_of(suite), beside, gate.limits, live=live) if beside else ()
        gate.explained = gate.comparisons
    return gate.diagnoses


@pytest.fixture
def compare_strategy(request: pytest.FixtureRequest, relevance_suite: Suite) -> Callable[[Strategy], None]:
    """Compare a strategy with the baselines, together with all others of the session, and fail where it is worse.

    Those that no selected test measures are measured once, without a time.
    """
    state = request.config.stash[STATE]

    def compare(strategy: Strategy) -> None:
        gate = state.gate
        assert gate is not None, "it is opened when a benchmark is collected"  # noqa: S101 - for the type checker
        if gate.updates:
            pytest.skip(f"{gate.place} is being updated")
        if not gate.baselines:
            _without(gate)
        from relevance.suite import confirm_run_times  # noqa: PLC0415

        with in_fixture(state):
            if gate.comparisons is None:
                _measure_rest(relevance_suite)
                confirm_run_times(relevance_suite, gate.baselines, gate.limits)
            found = compared(gate, relevance_suite)
            diagnoses = diagnosed(gate, relevance_suite, live=True)
        from relevance.report.comparison import comparison_failure, comparison_properties  # noqa: PLC0415
        from relevance.report.diagnosis import diagnosis_failure  # noqa: PLC0415

        request.node.user_properties.extend(comparison_properties(strategy.name, found))
        gate.told.add(strategy.name)
        if all(strategy.name not in one.snapshot.strategies for one in gate.baselines):
            pytest.skip("not in the baseline; --update-baseline adds it")
        if any(one.status(strategy.name) == "fail" for one in found):
            why = (comparison_failure(strategy.name, found), diagnosis_failure(strategy.name, diagnoses))
            pytest.fail("\n".join(filter(None, why)), pytrace=False)

    return compare


def _measure_rest(suite: Suite) -> None:
    for strategy in suite.plan.strategies:
        if strategy.name not in suite.results:
            suite.judge(strategy, suite.search(strategy), None)


def _without(gate: Gate) -> None:
    line = f"no baseline at {gate.place}; pytest --update-baseline makes one"
    if gate.required:
        pytest.fail(line, pytrace=False)
    pytest.skip(line)


def header_lines(gate: Gate | None) -> list[str]:
    """Which baselines the session is compared with."""
    if gate is None:
        return []
    if gate.updates:
        return [f"baseline: {gate.place} is updated by this session"]
    lines = []
    for one in gate.baselines:
        number = len(one.snapshot.strategies)
        kind = " (on common queries)" if one.on_common_queries else ""
        lines.append(f"baseline: {one.name}, {number} {'strategy' if number == 1 else 'strategies'}{kind}")
    return lines or [f"baseline: none at {gate.place}"]
