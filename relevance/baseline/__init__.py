"""Baselines: what was measured before, as files that a session is compared with."""

from __future__ import annotations

from relevance.baseline.data import (
    DataChanges,
    common_queries,
    data_changes,
    narrowed,
    on_common_queries,
    without_run_times,
)
from relevance.baseline.differing import differences
from relevance.baseline.document import document_text
from relevance.baseline.files import find_baseline, read_baseline, write_baseline
from relevance.baseline.snapshot import DIGITS, DatasetMark, Measured, Snapshot
from relevance.baseline.updating import check_part, update_lines, updated

__all__ = [
    "DIGITS",
    "DataChanges",
    "DatasetMark",
    "Measured",
    "Snapshot",
    "check_part",
    "common_queries",
    "data_changes",
    "differences",
    "document_text",
    "find_baseline",
    "narrowed",
    "on_common_queries",
    "read_baseline",
    "update_lines",
    "updated",
    "without_run_times",
    "write_baseline",
]
