"""The gate: what a strategy must reach (floors), and whether it became worse than a baseline; verdicts as data."""

from __future__ import annotations

from relevance.gate.answers import ANSWERS, IN_TABLES, Answer, worst
from relevance.gate.choice import MetricChoice, read_metrics
from relevance.gate.comparing import EMPTY, RUN_TIME, WEIGHTED, Comparison, Finding, compare, compare_run_times
from relevance.gate.limits import (
    Floors,
    Limits,
    Lost,
    Shortfall,
    Verdict,
    judge,
    reaches,
    read_floors,
    read_limits,
    suggest,
)
from relevance.gate.recorded import (
    FLOORS,
    as_recorded,
    blunt_limits,
    looser_floors,
    looser_limits,
    recorded_floors,
    recorded_limits,
)
from relevance.gate.segments import below_floors, kinds_of, unknown_kinds

__all__ = [
    "ANSWERS",
    "EMPTY",
    "FLOORS",
    "IN_TABLES",
    "RUN_TIME",
    "WEIGHTED",
    "Answer",
    "Comparison",
    "Finding",
    "Floors",
    "Limits",
    "Lost",
    "MetricChoice",
    "Shortfall",
    "Verdict",
    "as_recorded",
    "below_floors",
    "blunt_limits",
    "compare",
    "compare_run_times",
    "judge",
    "kinds_of",
    "looser_floors",
    "looser_limits",
    "reaches",
    "read_floors",
    "read_limits",
    "read_metrics",
    "recorded_floors",
    "recorded_limits",
    "suggest",
    "unknown_kinds",
    "worst",
]
