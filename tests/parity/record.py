"""Keeps the figures of comparisons, for the report of each test and for the tables at the end of a session."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Protocol

import pytest

from parity.table import table

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LISTED", "ROWS", "TABLES", "Record", "Show", "shown_in", "write_tables"]

ROWS = pytest.StashKey[dict[tuple[tuple[str, str], ...], Counter[str]]]()
"""Where a session adds up the figures of its closing tables, by what was compared: columns and their values."""

LISTED = pytest.StashKey[list[str]]()
"""Where a session keeps what differs though it passes, a line each."""

TABLES = pytest.StashKey[dict[str, list[dict[str, object]]]]()
"""Where a session keeps the rows of its other tables, by title."""


class Record(Protocol):
    """Keeps the figures of a comparison: on standard output, in the report of the test, in the closing table."""

    def __call__(
        self,
        what: str,
        figures: Mapping[str, int],
        *,
        detail: str = "",
        columns: Mapping[str, str] | None = None,
        listed: str = "",
    ) -> None:
        """Keep a line.

        Args:
            what: was compared; the closing table adds up the lines of one `what` and of the same columns.
            figures: counts by name.
            detail: of the line, not in the closing table.
            columns: what else the closing table tells lines apart by.
            listed: what differs though it passes; printed after the tables.
        """


class Show(Protocol):
    """Keeps a row for the table of a title."""

    def __call__(self, title: str, row: dict[str, object]) -> None:
        """Keep one row."""


def shown_in(config: pytest.Config) -> Show:
    """Keep rows for the end of this session."""
    tables = config.stash.setdefault(TABLES, {})
    return lambda title, row: tables.setdefault(title, []).append(row)


def write_tables(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the tables, once."""
    for title, rows in config.stash.setdefault(TABLES, {}).items():
        terminalreporter.section(title)
        for line in table(rows):
            terminalreporter.write_line(line)
    config.stash[TABLES] = {}
