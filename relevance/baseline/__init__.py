"""Baselines: what was measured before, as files that a session is compared with."""

from __future__ import annotations

from relevance.baseline.files import SNAPSHOT, document_text, find_baseline, read_baseline, write_baseline
from relevance.baseline.seen import ProductsSeen
from relevance.baseline.snapshot import (
    DIGITS,
    KEPT,
    SELECTED,
    DatasetIdentity,
    Measurement,
    Snapshot,
    check_part,
    common_queries,
    data_changes,
    differences,
    lacks,
    merge,
    on_common_queries,
    update_lines,
    without_run_times,
)

__all__ = [
    "DIGITS",
    "KEPT",
    "SELECTED",
    "SNAPSHOT",
    "DatasetIdentity",
    "Measurement",
    "ProductsSeen",
    "Snapshot",
    "check_part",
    "common_queries",
    "data_changes",
    "differences",
    "document_text",
    "find_baseline",
    "lacks",
    "merge",
    "on_common_queries",
    "read_baseline",
    "update_lines",
    "without_run_times",
    "write_baseline",
]
