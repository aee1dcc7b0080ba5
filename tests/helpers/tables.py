"""Figures that tests keep, as tables at the end of the session; those of xdist's processes come together."""

from __future__ import annotations

import pickle
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from relevance.text import terminal_table

Show = Callable[[str, Mapping[str, object]], None]
"""Keeps a row for the table of a title."""

Record = Callable[..., None]
"""Keeps the figures of a comparison; see the fixture `record` of the integration tests."""

_NAME = "tables of figures"


def tables_of(config: pytest.Config) -> Any:
    """The tables of this session."""
    if not config.pluginmanager.has_plugin(_NAME):
        config.pluginmanager.register(Tables(), _NAME)
    return config.pluginmanager.get_plugin(_NAME)


class Tables:
    """A pytest plugin that prints, by title, sums of figures, rows, and lines."""

    def __init__(self) -> None:
        self._sums: list[tuple[str, Mapping[str, str], Mapping[str, int]]] = []
        self._rows: list[tuple[str, Mapping[str, object]]] = []
        self._lines: list[tuple[str, str]] = []

    def add(self, title: str, columns: Mapping[str, str], figures: Mapping[str, int]) -> None:
        """Add figures to the row of these columns; rows of other columns make a table of their own."""
        self._sums.append((title, columns, figures))

    def show(self, title: str, row: Mapping[str, object]) -> None:
        self._rows.append((title, row))

    def say(self, title: str, *lines: str) -> None:
        self._lines += ((title, line) for line in lines)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Hand what a process of xdist has kept to the one that prints."""
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output[_NAME] = pickle.dumps((self._sums, self._rows, self._lines))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        kept = getattr(node, "workeroutput", {}).get(_NAME)
        if kept:
            sums, rows, lines = pickle.loads(kept)  # noqa: S301 - our own process wrote it
            self._sums, self._rows, self._lines = self._sums + sums, self._rows + rows, self._lines + lines

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        sums: defaultdict[Any, Counter[str]] = defaultdict(Counter)
        for title, columns, figures in self._sums:
            sums[title, tuple(columns.items())].update(figures)
        tables: defaultdict[Any, list[Mapping[str, object]]] = defaultdict(list)
        for (title, columns), added in sums.items():
            tables[title, *dict(columns), *added].append({**dict(columns), **added})
        for title, row in self._rows:
            tables[title,].append(row)
        lines_of: defaultdict[str, list[str]] = defaultdict(list)
        for title, line in self._lines:
            lines_of[title].append(line)
        sections = [*((title, table(rows)) for (title, *_), rows in tables.items()), *lines_of.items()]
        for title, lines in sections:
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
