"""A real container by way of Docker: reached on loopback, removed, told from those of others, and how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from faults.containers import containers, published, quick
from faults.node import asked, until

from relevance.engines import QueryBatch
from relevance.engines.elasticsearch import container as containing
from relevance.engines.elasticsearch.container import Container
from relevance.engines.elasticsearch.engine import open_engine
from relevance.engines.elasticsearch.settings import DEFAULT_IMAGE, Settings
from relevance.errors import CouldNotRunError
from relevance.records import Catalogue
from relevance.strategies import STRATEGIES

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.needs("docker")

MEMORY = "512m"
TESTS = Path(__file__).resolve().parents[1]
OTHER = f"""
import sys
import faults.plugin
from relevance.engines.elasticsearch.container import Container
Container({DEFAULT_IMAGE!r}, memory={MEMORY!r}).begin()
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def family(monkeypatch: pytest.MonkeyPatch) -> str:
    """What the label of a test's containers says: those that other tests start meanwhile are none of ours."""
    name = f"test-{uuid.uuid4().hex}"
    monkeypatch.setattr(containing, "FAMILY", name)
    monkeypatch.setattr(Container, "_new", quick(Container._new))
    monkeypatch.setenv("FAULTS_FAMILY", name)
    return name


@contextmanager
def _other_process(family: str) -> Iterator[str]:
    """Another process with a container of its own; killed at the end, as by the system, so that nothing is removed."""
    before = set(containers(family))
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (TESTS.parent, TESTS)))}
    process = subprocess.Popen([sys.executable, "-c", OTHER], stdin=subprocess.PIPE, env=environ)  # noqa: S603 - own command
    try:
        until(lambda: set(containers(family)) - before)
        (name,) = set(containers(family)) - before
        yield name
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def container(family: str) -> Iterator[Container]:
    """One of ours, begun."""
    assert containers(family) == []
    made = Container(DEFAULT_IMAGE, memory=MEMORY)
    made.begin()
    yield made
    made.close()
    assert containers(family) == []


def test_two_at_once_and_what_a_killed_process_left(container: Container, family: str) -> None:
    """Each answers on a loopback port of its own; who starts next removes a dead process's container, no live one's."""
    container.wait()
    with _other_process(family) as other:
        assert containers(family) == sorted((container.name, other))
    second = Container(DEFAULT_IMAGE, memory=MEMORY)
    second.begin()
    try:
        second.wait()
        assert second.notes == [f"removed {other}, a container that a killed run had left"]
        assert containers(family) == sorted((container.name, second.name))
        assert container.url != second.url
        for one in (container, second):
            assert asked(one.url, "/")["version"]["number"] == DEFAULT_IMAGE.rpartition(":")[2]
            assert {address for address, _ in published(one.name)} == {"127.0.0.1"}
    finally:
        assert second.close() is None
    assert containers(family) == [container.name]
    assert container.close() is None
    assert container.close() is None
    assert containers(family) == []


def test_a_start_that_fails(family: str) -> None:
    """One line with the log's reason and what was asked for, the log's end below it, and no container left."""
    container = Container(DEFAULT_IMAGE, memory="999999g")
    container.begin()
    with pytest.raises(CouldNotRunError) as caught:
        container.wait()
    line = str(caught.value)
    assert line.startswith("the Elasticsearch container ended with exit code ")
    assert line.endswith(f"({DEFAULT_IMAGE}, --es-memory 999999g)")
    assert "its log names no error" not in line
    assert caught.value.details[0] == "the end of the container's log:"
    assert len(caught.value.details) > 1
    assert container.close() is None
    assert containers(family) == []


def test_a_start_that_is_given_up(container: Container, family: str) -> None:
    """Closed while it comes up, it goes, and whoever waits for it is told."""
    until(lambda: containers(family) == [container.name])
    assert container.close() is None
    assert containers(family) == []
    with pytest.raises(CouldNotRunError, match="was closed before it was ready"):
        container.wait()


def test_a_server_that_dies_is_told_at_once(family: str) -> None:
    """The line says that the container was killed, not that the connection was refused for a minute."""
    products = pd.DataFrame({"id": ["a"], "title": ["oak desk"], "description": [""]}, dtype=str)
    catalogue = Catalogue(products, pd.DataFrame(columns=["id", "name", "value"], dtype=str))
    (leg,) = STRATEGIES["textsearch"].legs()
    with open_engine(Settings(memory=MEMORY), progress=False) as indexer:
        indexer.ready()
        engine = indexer.index(catalogue, text_fields=["title"], vectors={}, progress=False)
        assert engine.search(leg, QueryBatch(["oak"]), hits=3).codes.tolist() == [[0, -1, -1]]
        name = indexer.container.name
        subprocess.run(["docker", "kill", name], check=True, stdout=subprocess.DEVNULL)  # noqa: S603, S607 - own
        with pytest.raises(CouldNotRunError) as caught:
            engine.search(leg, QueryBatch(["oak"]), hits=3)
    assert str(caught.value).startswith("the Elasticsearch container was killed, as happens where memory runs out: ")
    assert caught.value.details[0] == "the end of the container's log:"
    assert containers(family) == []
