"""What the end of a session makes of its baselines: the comparison where no test asked for it, and the update."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

from relevance.plugin.comparing import compared, diagnosed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relevance.plugin.state import Gate
    from relevance.report.terminal import Line
    from relevance.suite import Suite

__all__ = ["close_gate", "gate_lines", "update_baseline"]


def close_gate(suite: Suite, gate: Gate) -> None:
    """Compare what no test has compared: `-k`, `--benchmark-only` or an older benchmark file do not switch it off.

    What fails without a test that says so is in `gate.failed` afterwards.
    """
    if gate.updates:
        return
    if not gate.baselines and gate.required:
        gate.failed.append(f"no baseline at {gate.place}; pytest --update-baseline makes one")
    for comparison in compared(gate, suite):
        gate.failed += [
            f"{name} is worse than in {comparison.baseline}"
            for name in suite.results
            if name not in gate.told and comparison.status(name) == "fail"
        ]
    diagnosed(gate, suite, live=False)  # the engine is closed by now


def update_baseline(suite: Suite, gate: Gate, *, passed: bool) -> None:
    """Write the baseline where everything passed and everything was measured; `gate.lines` says what changes.

    Raises:
        InputError: a part of a file would be updated that does not belong to the rest.
        OSError: the file cannot be written; what was there is untouched.
    """
    from relevance.baseline import merge, update_lines, write_baseline  # noqa: PLC0415 - numpy
    from relevance.suite import snapshot_of  # noqa: PLC0415

    missing = [one.name for one in suite.plan.strategies if one.name not in suite.results]
    if missing or not passed:
        why = f"{', '.join(missing)} not measured" if missing else "the session failed"
        gate.lines.append(f"baseline: {gate.place} is as it was: {why}")
        return
    session = snapshot_of(suite)
    new = merge(gate.replaced, session, complete=gate.complete)
    lines = update_lines(gate.replaced, new)
    path = write_baseline(new, gate.folder)
    gate.lines += [
        f"baseline: {path.name} written to {gate.place.rpartition('/')[0] or '.'}",
        *(f"  {line}" for line in lines),
    ]


def gate_lines(gate: Gate) -> Sequence[Line]:
    """The comparisons, the update, and what is missing, for the summary."""
    from relevance.report.comparison import comparison_lines  # noqa: PLC0415
    from relevance.report.diagnosis import diagnosis_lines  # noqa: PLC0415
    from relevance.report.terminal import Line  # noqa: PLC0415

    lines = []
    explained = gate.diagnoses if gate.explained is gate.comparisons else ()  # the engine may have failed in between
    for comparison, diagnosis in zip_longest(gate.comparisons or (), explained):
        lines += [*comparison_lines(comparison), *(diagnosis_lines(diagnosis) if diagnosis else ())]
    if not gate.baselines and not gate.updates:
        if gate.required:
            why = "CI is set or a baseline is required, and there is none at"
            lines.append(Line(f"FAIL: {why} {gate.place}; pytest --update-baseline makes one", "bad"))
        else:
            hint = "pytest --update-baseline makes one"
            lines.append(Line(f"NOT COMPARED: no baseline at {gate.place}; {hint}", "warn"))
    lines += [Line(f"FAIL: {line}", "bad") for line in gate.failed if gate.baselines]
    return lines + [Line(line) for line in gate.lines]
