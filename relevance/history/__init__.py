"""What earlier commits measured: read from git and from a file of sessions; change points, and slow drift."""

from __future__ import annotations

from relevance.history.drift import Drift, drift
from relevance.history.file import append, read_sessions
from relevance.history.points import Step, levels, steps
from relevance.history.repository import CACHE, git, head_of, read_baselines
from relevance.history.versions import Commit, Today, Version, in_order, version_of

__all__ = [
    "CACHE",
    "Commit",
    "Drift",
    "Step",
    "Today",
    "Version",
    "append",
    "drift",
    "git",
    "head_of",
    "in_order",
    "levels",
    "read_baselines",
    "read_sessions",
    "steps",
    "version_of",
]
