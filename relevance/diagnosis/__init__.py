"""Why a verdict is what it is: queries lost, rankings side by side, legs, segments and newcomers, as data."""

from __future__ import annotations

from relevance.diagnosis.diagnosing import RANKINGS, diagnose
from relevance.diagnosis.legs import LegValues, legs_without_strategy, parts
from relevance.diagnosis.record import (
    Diagnosis,
    Hit,
    Known,
    LegChange,
    Newcomer,
    QueryChange,
    Segment,
    SideBySide,
    WhyWorse,
)

__all__ = [
    "RANKINGS",
    "Diagnosis",
    "Hit",
    "Known",
    "LegChange",
    "LegValues",
    "Newcomer",
    "QueryChange",
    "Segment",
    "SideBySide",
    "WhyWorse",
    "diagnose",
    "legs_without_strategy",
    "parts",
]
