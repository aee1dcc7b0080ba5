"""The real Elasticsearch of both releases, and the table of what was compared with it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from helpers.browser import Browser, chromium
from helpers.models import make_tiny_model
from helpers.pairs import COLOURS, THINGS
from helpers.tables import Record, tables_of
from parity.server import ReferenceServer, running_server


@pytest.fixture
def record(request: pytest.FixtureRequest, reference: ReferenceServer) -> Record:
    """Keep the figures of a comparison with the release that the test runs against."""
    node: pytest.Item = request.node
    release = reference.version
    tables = tables_of(request.config)

    def keep(
        what: str, figures: Mapping[str, int], *, detail: str = "", columns: Mapping[str, str] = {}, listed: str = ""
    ) -> None:
        tables.add("parity with a real Elasticsearch", {"server": release, **columns, "compared": what}, figures)
        line = ", ".join(f"{value:,} {name}" for name, value in figures.items())
        name = ", ".join(part for part in (what, *columns.values(), detail) if part)
        node.user_properties.append((name, line))  # as record_property does, which warns under --junitxml
        print(f"{release} {name}: {line}")  # noqa: T201 - shown by -rA and on failure
        if listed:
            tables.say("different within the rules", f"{release} {name}: {listed}")

    return keep


@pytest.fixture(
    scope="session",
    params=[pytest.param("8", marks=pytest.mark.needs("es8")), pytest.param("9", marks=pytest.mark.needs("es9"))],
)
def reference(request: pytest.FixtureRequest, shared_elasticsearch: Path) -> Iterator[ReferenceServer]:
    """A node of each release in turn."""
    with running_server(shared_elasticsearch, request.param) as server:
        yield server


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A model whose vocabulary are the words of the rated pairs."""
    words = [*COLOURS, *THINGS, "number", *map(str, range(10))]
    return make_tiny_model(tmp_path_factory.mktemp("models") / "tiny", words)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A Chromium for the tests of a file."""
    with chromium(tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.fixture
def closed(browser: Browser) -> Iterator[None]:
    """Close the tabs that a test has opened."""
    yield
    browser.close_tabs()
