"""Figures that tests keep, as tables at the end of the session; those of xdist's processes come together."""

from __future__ import annotations

import pickle
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import pytest

from relevance.text import terminal_table

Show = Callable[[str, Mapping[str, object]], None]
"""Keeps a row for the table of a title."""


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


_NAME = "tables of figures"


def tables_of(config: pytest.Config) -> Tables:
    """The tables of this session."""
    plugin: Tables | None = config.pluginmanager.get_plugin(_NAME)
    if plugin is None:
        config.pluginmanager.register(plugin := Tables(), _NAME)
    return plugin


class Tables:
    """A pytest plugin that prints, by title, rows, sums of figures, and lines."""

    def __init__(self) -> None:
        self._sums: defaultdict[tuple[str, tuple[tuple[str, str], ...]], Counter[str]] = defaultdict(Counter)
        self._rows: defaultdict[str, list[Mapping[str, object]]] = defaultdict(list)
        self._lines: defaultdict[str, list[str]] = defaultdict(list)

    def add(self, title: str, columns: Mapping[str, str], figures: Mapping[str, int]) -> None:
        """Add figures to the row of these columns; rows of other columns make a table of their own."""
        self._sums[title, tuple(columns.items())].update(figures)

    def show(self, title: str, row: Mapping[str, object]) -> None:
        """Keep a row."""
        self._rows[title].append(row)

    def say(self, title: str, *lines: str) -> None:
        """Keep lines."""
        self._lines[title] += lines

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Hand what a process of xdist has kept to the one that prints."""
        output: dict[str, object] | None = getattr(session.config, "workeroutput", None)
        if output is not None:
            output[_NAME] = pickle.dumps((self._sums, self._rows, self._lines))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take what such a process has kept."""
        kept: bytes | None = getattr(node, "workeroutput", {}).get(_NAME)
        if kept is None:
            return
        sums, rows, lines = pickle.loads(kept)  # noqa: S301 - our own process wrote it
        for key, figures in sums.items():
            self._sums[key].update(figures)
        for own, others in ((self._rows, rows), (self._lines, lines)):
            for title, more in others.items():
                own[title] += more

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print everything."""
        summed: defaultdict[tuple[str, ...], list[Mapping[str, object]]] = defaultdict(list)
        for (title, columns), figures in self._sums.items():
            row = {**dict(columns), **figures}
            summed[title, *row].append(row)
        printed = [
            *((title, table(rows)) for (title, *_), rows in summed.items()),
            *((title, table(rows)) for title, rows in self._rows.items()),
            *self._lines.items(),
        ]
        for title, lines in printed:
            terminalreporter.section(title)
            for line in lines:
                terminalreporter.write_line(line)


def table(rows: Sequence[Mapping[str, object]]) -> list[str]:
    """The lines of a table: a column for each key, in the order of first appearance; numbers to the right."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    right = [at for at, name in enumerate(columns) if not any(isinstance(row.get(name), str) for row in rows)]
    return terminal_table([columns, *([_text(row.get(name, "")) for name in columns] for row in rows)], right=right)


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.3f}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
