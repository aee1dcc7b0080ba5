"""The gate: what a strategy must reach (floors), and whether it became worse than a baseline; verdicts as data."""

from __future__ import annotations

from relevance.gate.finding import Comparison, Finding, Status
from relevance.gate.floors import GATED, Floors, Lost, Shortfall, Verdict, judge, read_floors, suggest
from relevance.gate.limits import Limits, read_limits
from relevance.gate.regression import compare
from relevance.gate.rules import EMPTY

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
    "judge",
    "read_floors",
    "read_limits",
    "suggest",
]
