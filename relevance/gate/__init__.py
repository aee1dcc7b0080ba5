"""The gate: what a strategy must reach (floors), and whether it became worse than a baseline; verdicts as data."""

from __future__ import annotations

from relevance.gate.comparing import Comparison, compare, compare_run_times
from relevance.gate.floors import GATED, Floors, Lost, Shortfall, Verdict, judge, read_floors, suggest
from relevance.gate.limits import Limits, read_limits
from relevance.gate.rules import EMPTY, Finding, Status

__all__ = [
    "EMPTY",
    "GATED",
    "Comparison",
    "Finding",
    "Floors",
    "Limits",
    "Lost",
    "Shortfall",
    "Status",
    "Verdict",
    "compare",
    "compare_run_times",
    "judge",
    "read_floors",
    "read_limits",
    "suggest",
]
