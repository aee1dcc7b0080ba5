"""Collection: one test a strategy, and a plan of what was selected, checked before anything long starts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from relevance.config import FILE_NAME
from relevance.plugin.comparing import header_lines, open_gate
from relevance.plugin.options import BASELINES, long_name, read, taken_names, with_floors
from relevance.plugin.state import COMPARING, FIXTURE, STATE, State, at_collection, settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from relevance.strategies import Strategy

__all__ = [
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_generate_tests",
    "pytest_report_collectionfinish",
    "pytest_report_header",
    "pytest_xdist_node_collection_finished",
]


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Read the configuration before anything is collected; `--help` is shown whatever is in it."""
    state = config.stash[STATE] = State()
    if not config.option.help:
        with at_collection(state):
            state.config = read(config)


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say which configuration file is in force, and which options have another name here."""
    file = settings(config).file
    shown = f"none, no {FILE_NAME} in the root folder" if file is None else os.path.relpath(file, config.rootpath)
    taken = [f"{name} is another plugin's here, ours is {long_name(name)}" for name in taken_names(config)]
    return [f"relevance: configuration {shown}", *(f"relevance: {line}" for line in taken)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test a strategy, for every test that measures or compares one."""
    if {FIXTURE, COMPARING} & set(metafunc.fixturenames) and "strategy" in metafunc.fixturenames:
        strategies = settings(metafunc.config).selected
        metafunc.parametrize("strategy", strategies, ids=[strategy.name for strategy in strategies])


def _benchmarks(items: Sequence[pytest.Item]) -> list[pytest.Function]:
    ours = {FIXTURE, COMPARING}
    return [item for item in items if isinstance(item, pytest.Function) and ours & set(item.fixturenames)]


def _compares(item: pytest.Item) -> bool:
    return isinstance(item, pytest.Function) and COMPARING in item.fixturenames


def _selected_strategies(items: Sequence[pytest.Function]) -> list[Strategy]:
    strategies: dict[Strategy, None] = {}
    for item in items:
        strategies[_strategy(item)] = None
    return list(strategies)


def _strategy(item: pytest.Function) -> Strategy:
    strategy: Strategy | None = item.callspec.params.get("strategy") if hasattr(item, "callspec") else None  # type: ignore[assignment]  # pytest says object
    if strategy is None:
        asked = FIXTURE if FIXTURE in item.fixturenames else COMPARING
        raise pytest.UsageError(f"{item.nodeid} asks for {asked}; it has to ask for strategy as well")
    return strategy


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Make the plan of what was selected: whatever is wrong with it is said here, before anything long starts."""
    selected = _benchmarks(items)
    if not selected or config.option.collectonly or "PYTEST_XDIST_WORKER" in os.environ:
        return
    if config.getoption("benchmark_skip") and not config.getoption("benchmark_only"):
        raise pytest.UsageError("--benchmark-skip would skip every strategy; allowed: --benchmark-disable (no times)")
    state = config.stash[STATE]
    with at_collection(state):
        from relevance import suite  # noqa: PLC0415 - pandas and numpy are loaded where benchmarks run
        from relevance.report.folder import check_folder  # noqa: PLC0415

        ours = with_floors(settings(config), beside=selected[0].path)
        check_folder(ours.out)
        state.plan = suite.make_plan(ours, _selected_strategies(selected))
        state.gate = open_gate(config, ours, selected[0].path.parent / BASELINES)
    _deselect(config, items, selected, state.plan.left_out)
    items.sort(key=_compares)  # what is compared together has to be measured before, whoever has shuffled the tests
    state.interrupts.install()
    config.add_cleanup(state.interrupts.restore)


def _deselect(
    config: pytest.Config, items: list[pytest.Item], ours: Sequence[pytest.Function], left_out: Mapping[str, str]
) -> None:
    """Leave out the tests of strategies that cannot run; the header and the results say why."""
    gone = [item for item in ours if _strategy(item).name in left_out]
    if gone:
        items[:] = [item for item in items if item not in gone]
        config.hook.pytest_deselected(items=gone)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any, ids: Sequence[str]) -> None:
    """Refuse to measure run times in several processes at once; xdist's controller collects nothing itself."""
    root: Path = node.config.rootpath
    names = tuple(f"[{strategy.name}]" for strategy in settings(node.config).selected)
    files = {root / test.partition("::")[0] for test in ids if test.endswith(names)}
    if any(FIXTURE in file.read_text(encoding="utf-8") for file in files):
        raise pytest.UsageError(
            "the benchmarks do not run under xdist (run times need one process); leave out -n and --dist"
        )


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    """Say what will be measured on what."""
    plan = config.stash[STATE].plan
    if plan is None:
        return []
    from relevance.report.terminal import plan_lines  # noqa: PLC0415

    return plan_lines(plan) + header_lines(config.stash[STATE].gate)
