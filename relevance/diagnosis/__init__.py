"""Why a verdict is what it is: queries lost, rankings side by side, legs, segments and newcomers, as data."""

from __future__ import annotations

from relevance.diagnosis.diagnosing import RANKINGS, LegValues, diagnose, legs_of, legs_without_strategy
from relevance.diagnosis.record import (
    Diagnosis,
    Hit,
    LegChange,
    Newcomer,
    QueryChange,
    Segment,
    SideBySide,
    StrategyDiagnosis,
)

__all__ = [
    "RANKINGS",
    "Diagnosis",
    "Hit",
    "LegChange",
    "LegValues",
    "Newcomer",
    "QueryChange",
    "Segment",
    "SideBySide",
    "StrategyDiagnosis",
    "diagnose",
    "legs_of",
    "legs_without_strategy",
]
