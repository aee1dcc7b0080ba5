"""The real Elasticsearch of both releases, what is indexed there, and the table of what was compared with it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from parity.record import LISTED, ROWS, Record, Show, shown_in, write_tables
from parity.server import running_server
from parity.table import table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from parity.server import ReferenceServer


CHORUS_DIMENSIONS = 64


@pytest.fixture
def record(request: pytest.FixtureRequest, reference: ReferenceServer) -> Record:
    """Keep the figures of a comparison with the release that the test runs against."""
    node: pytest.Item = request.node
    release = reference.version

    def keep(
        what: str,
        figures: Mapping[str, int],
        *,
        detail: str = "",
        columns: Mapping[str, str] | None = None,
        listed: str = "",
    ) -> None:
        key = {"server": release, **(columns or {}), "compared": what}
        request.config.stash.setdefault(ROWS, {}).setdefault(tuple(key.items()), Counter()).update(figures)
        line = ", ".join(f"{value:,} {name}" for name, value in figures.items())
        name = ", ".join(part for part in (what, *(columns or {}).values(), detail) if part)
        node.user_properties.append((name, line))  # as record_property does, which warns under --junitxml
        print(f"{release} {name}: {line}")  # noqa: T201 - shown by -rA and on failure
        if listed:
            request.config.stash.setdefault(LISTED, []).append(f"{release} {name}: {listed}")

    return keep


@pytest.fixture
def show(request: pytest.FixtureRequest) -> Show:
    """Keep a row for the table of this title."""
    return shown_in(request.config)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print what was compared and what differed, a table for each kind of comparison."""
    kinds: dict[tuple[str, ...], list[dict[str, object]]] = {}
    for key, figures in config.stash.get(ROWS, {}).items():
        row = {**dict(key), **figures}
        kinds.setdefault(tuple(row), []).append(row)
    for rows in kinds.values():
        terminalreporter.section("parity with a real Elasticsearch")
        for line in table(rows):
            terminalreporter.write_line(line)
    if listed := config.stash.get(LISTED, []):
        terminalreporter.section("different within the rules")
        for line in listed:
            terminalreporter.write_line(line)
    write_tables(terminalreporter, config)


@pytest.fixture(
    scope="session",
    params=[pytest.param("8", marks=pytest.mark.needs("es8")), pytest.param("9", marks=pytest.mark.needs("es9"))],
)
def reference(request: pytest.FixtureRequest, shared_elasticsearch: Path) -> Iterator[ReferenceServer]:
    """A node of each release in turn."""
    with running_server(shared_elasticsearch, request.param) as server:
        yield server
