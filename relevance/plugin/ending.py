"""The end of the session: results are written, the table is printed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from relevance.plugin.closing import close_gate, gate_lines, update_baseline
from relevance.plugin.comparing import in_ci
from relevance.plugin.state import COULD_NOT_RUN, STATE, in_fixture, settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from _pytest.terminal import TerminalReporter

    from relevance.plugin.state import Gate, State
    from relevance.report.terminal import Line
    from relevance.suite import Suite

__all__ = ["pytest_sessionfinish", "pytest_terminal_summary", "pytest_unconfigure"]

_MARKUP: dict[str, dict[str, bool]] = {
    "good": {"green": True},
    "bad": {"red": True, "bold": True},
    "warn": {"yellow": True},
    "head": {"bold": True},
}


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write the results; in CI a run in which nothing was gated has failed."""
    state = session.config.stash[STATE]
    state.interrupts.end()
    state.finishing = True
    finished = exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}
    if state.suite is None or state.gate is None or not state.suite.results or not finished:
        return
    gated = any(result.verdict.status != "not_gated" for result in state.suite.results.values())
    state.ungated_in_ci = in_ci() and not gated
    with in_fixture(state):
        close_gate(state.suite, state.gate)
    if state.ungated_in_ci or state.gate.failed:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    _write_files(session, state, state.suite, state.gate)
    _summarize_job(state, state.suite, state.gate, os.environ.get("GITHUB_STEP_SUMMARY", ""))


def _write_files(session: pytest.Session, state: State, suite: Suite, gate: Gate) -> None:
    """The folder of results and, where it is asked for, the baseline."""
    from relevance.report.folder import session_files, write_folder  # noqa: PLC0415

    out = settings(session.config).out
    named = f"--out {out}"
    try:
        write_folder(out, session_files(suite, gate.comparisons or (), gate.diagnoses))
        state.written = out
        if gate.updates:
            named = gate.place
            with in_fixture(state):
                update_baseline(suite, gate, passed=session.exitstatus == pytest.ExitCode.OK)
    except OSError as error:
        session.exitstatus = COULD_NOT_RUN
        pytest.exit(f"{named}: not written: {error.strerror}", returncode=COULD_NOT_RUN)


def _summarize_job(state: State, suite: Suite, gate: Gate, path: str) -> None:
    """Append a summary to the file that GitHub shows; what cannot be written is a note, the results are elsewhere."""
    if not path:
        return
    from relevance.report.pages import job_summary  # noqa: PLC0415

    failed = ["CI is set and no strategy was gated"] if state.ungated_in_ci else []
    explained = gate.diagnoses if gate.explained is gate.comparisons else ()
    text = job_summary(suite, gate.comparisons or (), explained, [*failed, *gate.failed])
    try:
        with Path(path).open("a", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except OSError as error:
        state.notes.append(f"GITHUB_STEP_SUMMARY: not written: {error.strerror}")


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    """The table, what is not gated, where the results are."""
    state = config.stash[STATE]
    if state.suite is None or not state.suite.results:
        return  # what is left to say is said when pytest has said why it ended
    from relevance.report.terminal import (  # noqa: PLC0415
        Line,
        preparation_lines,
        table,
        verdict_lines,
        without_hits_lines,
    )

    suite = state.suite
    results = list(suite.results.values())
    terminalreporter.write_sep("=", f"relevance: {suite.plan.dataset.name}")
    width = terminalreporter._tw.fullwidth if terminalreporter.isatty else None  # noqa: SLF001 - as pytest-cov does
    lines = [*table(suite, columns=width), *preparation_lines(suite), Line("")]
    _write(terminalreporter, [*lines, *verdict_lines(results), *without_hits_lines(suite)])
    if state.ungated_in_ci:
        _write(terminalreporter, [Line("FAIL: CI is set and no strategy was gated", "bad")])
    if state.gate is not None:
        _write(terminalreporter, gate_lines(state.gate))
    if config.getoption("--relevance-suggest-floors"):
        from relevance.gate import suggest  # noqa: PLC0415

        evaluations = {result.strategy.name: result.evaluation for result in results}
        _write(terminalreporter, [Line(line) for line in suggest(suite.plan.dataset, evaluations).splitlines()])
    _write(terminalreporter, [Line(f"note: {note}", "warn") for note in state.notes])
    state.notes.clear()
    if state.written:
        _write(terminalreporter, [Line(f"results: {os.path.relpath(state.written, config.invocation_params.dir)}")])


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Say what has not been said: details of the error that ended the session, and the engine's notes."""
    terminal, state = config.pluginmanager.getplugin("terminalreporter"), config.stash.get(STATE, None)
    if state is None:
        return
    state.close()  # an interrupt may have kept pytest from tearing the suite's fixture down
    if terminal is not None:
        for line in (*(f"  {detail}" for detail in state.details), *(f"note: {note}" for note in state.notes)):
            terminal.write_line(line)


def _write(terminal: TerminalReporter, lines: Sequence[Line]) -> None:
    for line in lines:
        terminal.write_line(line.text, **_MARKUP.get(line.mark, {}))
