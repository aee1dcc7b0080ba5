"""What the comparison with a baseline found, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Comparison", "Finding", "Status"]

Status = Literal["pass", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """One measure of one strategy against one baseline.

    Attributes:
        strategy: its name.
        measure: a metric as it prints (`nDCG@10`), `run time`, or `empty results`.
        status: what follows for the session.
        before: mean of the baseline (ratio to the calibration, for run time; share of queries, for empty results).
        after: mean of the candidate.
        relative: of `before`, positive where it became worse: (before - after) / before for metrics of which less is
            worse, (after - before) / before for the others and for run time; None where before is 0.
        interval: of the mean difference after - before, 95%; None where there is none.
        p: raw, one-sided; None where nothing was tested.
        adjusted_p: over all columns of the session; None likewise.
        queries: how many were compared.
        changed: how many have another value than before; for empty results, how many newly return nothing.
        smallest_visible: the smallest true relative drop that would fail about four times of five, see
            `relevance.gate.strength`; None where none would or nothing was tested.
        reasons: a line each, for people; the first says what happened.
        improved: whether it became better, as sure as a fail would have to be.
    """

    strategy: str
    measure: str
    status: Status
    before: float
    after: float
    relative: float | None = None
    interval: tuple[float, float] | None = None
    p: float | None = None
    adjusted_p: float | None = None
    queries: int = 0
    changed: int = 0
    smallest_visible: float | None = None
    reasons: tuple[str, ...] = ()
    improved: bool = False


@dataclass(frozen=True)
class Comparison:
    """A session against one baseline.

    Attributes:
        baseline: what it is called for people: its file.
        findings: all of them, in the order of strategies and measures.
        differs: what else changed between baseline and now (model, boosts, engine, versions), a line each.
        notes: what could not be compared and why, a line each.
    """

    baseline: str
    findings: tuple[Finding, ...]
    differs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def status(self, strategy: str | None = None) -> Status:
        """The worst of the findings, of one strategy or of all."""
        found = {one.status for one in self.findings if strategy in (None, one.strategy)}
        return "fail" if "fail" in found else "warn" if "warn" in found else "pass"
