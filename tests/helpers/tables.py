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


def tables_of(config: pytest.Config) -> Tables:
    """The tables of this session."""
    plugin: Tables | None = config.pluginmanager.get_plugin(_NAME)
    if plugin is None:
        config.pluginmanager.register(plugin := Tables(), _NAME)
    return plugin


class Tables:
    """A pytest plugin that prints, by title, sums of figures, rows, and lines."""

    def __init__(self) -> None:
        self._kept: list[tuple[str, Mapping[str, object] | str, Mapping[str, int]]] = []

    def add(self, title: str, columns: Mapping[str, str], figures: Mapping[str, int]) -> None:
        """Add figures to the row of these columns; rows of other columns make a table of their own."""
        self._kept.append((title, columns, figures))

    def show(self, title: str, row: Mapping[str, object]) -> None:
        """Keep a row."""
        self._kept.append((title, row, {}))

    def say(self, title: str, *lines: str) -> None:
        """Keep lines."""
        self._kept += ((title, line, {}) for line in lines)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Hand what a process of xdist has kept to the one that prints."""
        output: dict[str, object] | None = getattr(session.config, "workeroutput", None)
        if output is not None:
            output[_NAME] = pickle.dumps(self._kept)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take what such a process has kept."""
        kept: bytes | None = getattr(node, "workeroutput", {}).get(_NAME)
        self._kept += pickle.loads(kept) if kept else []  # noqa: S301 - our own process wrote it

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print everything: sums, then rows, then lines."""
        sums: defaultdict[tuple[str, tuple[tuple[str, object], ...]], Counter[str]] = defaultdict(Counter)
        rows: defaultdict[tuple[str, ...], list[Mapping[str, object]]] = defaultdict(list)
        lines: defaultdict[str, list[str]] = defaultdict(list)
        for title, row, figures in self._kept:
            if isinstance(row, str):
                lines[title].append(row)
            elif figures:
                sums[title, tuple(row.items())].update(figures)
        for (title, columns), figures in sums.items():
            rows[title, *dict(columns), *figures].append({**dict(columns), **figures})
        for title, row, figures in self._kept:
            if not isinstance(row, str) and not figures:
                rows[title,].append(row)
        for title, printed in (*((title, table(one)) for (title, *_), one in rows.items()), *lines.items()):
            terminalreporter.section(title)
            for line in printed:
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
