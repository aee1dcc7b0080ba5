"""Keeps the figures of comparisons, for the report of each test and for the table at the end."""

from __future__ import annotations

from collections import Counter
from typing import Protocol

import pytest

__all__ = ["ROWS", "TABLES", "Record", "Show"]

ROWS = pytest.StashKey[dict[tuple[str, str], Counter[str]]]()
"""Where a session adds up the figures of its closing table, by server and by what was compared."""

TABLES = pytest.StashKey[dict[str, list[dict[str, object]]]]()
"""Where a session keeps the rows of its tables of speed, by title."""


class Record(Protocol):
    """Keeps the figures of a comparison: on standard output, in the report of the test, in the closing table."""

    def __call__(self, what: str, figures: dict[str, int], *, detail: str = "") -> None:
        """Keep a line; the closing table adds up the lines of one `what`."""


class Show(Protocol):
    """Keeps a row for the table of a title."""

    def __call__(self, title: str, row: dict[str, object]) -> None:
        """Keep one row."""
