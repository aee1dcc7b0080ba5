"""The command that finds the commit which brought a loss."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from relevance.baseline import without_run_times
from relevance.cli import Answer
from relevance.cli.project import read_config
from relevance.errors import CouldNotRunError, InputError, RelevanceError
from relevance.history.bisecting import check_order, checkout, described, first_loss, resolved
from relevance.history.repository import head_of
from relevance.interrupts import Interrupts
from relevance.report.terminal import what_happened
from relevance.suite import Baseline, compare_with
from relevance.text import plural, printable

if TYPE_CHECKING:
    import argparse

    from relevance.baseline import Snapshot
    from relevance.gate import Comparison, Limits

_COMMAND = (sys.executable, "-m", "pytest", "benchmarks", "--engine", "embedded", "--benchmark-disable")


def run(arguments: argparse.Namespace) -> Answer:
    """Measure both ends, search between them, and say what the first commit with the loss lost."""
    here, limits = Path.cwd(), read_config(arguments).gate
    good, bad = (resolved(here, name) for name in (arguments.good, arguments.bad))
    check_order(here, good, bad)
    command = tuple(arguments.command) or _COMMAND
    with Interrupts(), checkout(here, bad) as tree:

        def measure(sha: str, words: str) -> Snapshot:
            commit = described(here, sha)
            _say(f"{commit.label} {commit.subject}: {words}")
            return without_run_times(tree.measure(sha, command))

        def must(sha: str, name: str) -> Snapshot:
            try:
                return measure(sha, f"measuring {name}")
            except CouldNotRunError as error:
                raise CouldNotRunError(f"{name} cannot be measured: {error}", details=error.details) from None

        reference = must(good, "GOOD")
        lost = {bad: _compared(reference, must(bad, "BAD"), limits)}
        if not lost[bad].fails():
            raise InputError("BAD is no loss beside GOOD, by the gate; allowed: two commits of which it would fail one")
        notes = []

        def is_loss(sha: str, left: int) -> bool | None:
            try:
                lost[sha] = _compared(reference, measure(sha, f"measuring, about {left} to go"), limits)
            except RelevanceError as error:
                commit = described(here, sha)
                _say(f"{commit.label}: skipped: {error}")
                notes.append(f"note: {commit.label} could not be measured: {error}")
                return None
            return any(one.fails for one in lost[sha].findings)  # fewer queries in common are no loss

        found = first_loss(here, good, bad, is_loss)
    first = described(here, found.first)
    head = f"{first.label} {first.time.date().isoformat()} {first.subject}"
    measured = f"{plural(found.measured + 2, 'commit')} measured"
    lines = [f"first with the loss: {head} ({measured})", *_lost(lost[found.first])]
    if found.before:
        names = ", ".join(described(here, sha).label for sha in found.before)
        lines.append(f"it may as well be one of those that could not be measured: {names}")
    lines += notes
    if bad == head_of(here).sha and head_of(here).dirty:
        lines.append("note: files were changed since BAD; bisect measures what is committed")
    return Answer(0, tuple(lines))


def _compared(good: Snapshot, snapshot: Snapshot, limits: Limits) -> Comparison:
    """The gate's answer; strategies and queries that only one side has do not count."""
    return compare_with(Baseline("GOOD", good), snapshot, limits)


def _lost(comparison: Comparison) -> list[str]:
    """What fails, a line each; of a kind of query with its name."""
    return [
        f"  {one.strategy}: {'; '.join((what_happened(one), *one.reasons[1:]))}"
        for one in comparison.findings
        if one.fails
    ]


def _say(line: str) -> None:
    sys.stderr.write(f"{printable(line)}\n")
    sys.stderr.flush()
