"""Baselines: what was measured before, as files that a session is compared with."""

from __future__ import annotations

from relevance.baseline.acceptance import (
    MOST_ENTRIES,
    MOST_NAME,
    MOST_REASON,
    Acceptance,
    Accepted,
    Overridden,
    added,
    standing,
)
from relevance.baseline.files import SNAPSHOT, document_text, find_baseline, read_baseline, write_baseline
from relevance.baseline.seen import ProductsSeen
from relevance.baseline.sides import Sides, by_todays_data, judged_as_before
from relevance.baseline.snapshot import (
    DIGITS,
    KEPT,
    SELECTED,
    DatasetIdentity,
    Measurement,
    Snapshot,
    check_part,
    data_changes,
    differences,
    lacks,
    merge,
    update_lines,
    without_run_times,
)

__all__ = [
    "DIGITS",
    "KEPT",
    "MOST_ENTRIES",
    "MOST_NAME",
    "MOST_REASON",
    "SELECTED",
    "SNAPSHOT",
    "Acceptance",
    "Accepted",
    "DatasetIdentity",
    "Measurement",
    "Overridden",
    "ProductsSeen",
    "Sides",
    "Snapshot",
    "added",
    "by_todays_data",
    "check_part",
    "data_changes",
    "differences",
    "document_text",
    "find_baseline",
    "judged_as_before",
    "lacks",
    "merge",
    "read_baseline",
    "standing",
    "update_lines",
    "without_run_times",
    "write_baseline",
]
