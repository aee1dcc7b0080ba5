"""A real container by way of Docker: reached on loopback, removed, told from those of others, and how it ends."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from faults.containers import DockerContainer, addresses, containers, quick_start
from faults.node import ask, until
from helpers import shop

from relevance.engines import QueryBatch
from relevance.engines.elasticsearch import container as containing
from relevance.engines.elasticsearch.container import Container
from relevance.engines.elasticsearch.engine import open_engine
from relevance.engines.elasticsearch.settings import DEFAULT_IMAGE, Settings
from relevance.errors import CouldNotRunError
from relevance.strategies import STRATEGIES

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
    monkeypatch.setattr(DockerContainer, "start", quick_start)
    monkeypatch.setenv("FAULTS_FAMILY", name)
    return name


@contextmanager
def other_process(family: str) -> Iterator[str]:
    """With a container of its own; killed at the end, as by the system, so that nothing is removed."""
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


def test_two_at_once_and_what_a_killed_process_left_and_a_server_that_dies(family: str) -> None:
    """Who starts next removes a dead process's container, no live one's; a line says that a container was killed."""
    catalogue = shop.catalogue([("a", "oak desk")])
    (leg,) = STRATEGIES["textsearch"].legs()
    with open_engine(Settings(memory=MEMORY), progress=False) as indexer:
        indexer.ready()
        first = indexer.container
        engine = indexer.index(catalogue, text_fields=["title"], vectors={}, progress=False)
        assert engine.search(leg, QueryBatch(["oak"]), hits=3).codes.tolist() == [[0, -1, -1]]
        with other_process(family) as other:
            assert containers(family) == sorted((first.name, other))
        second = Container(DEFAULT_IMAGE, memory=MEMORY)
        second.begin()
        try:
            second.wait()
            assert second.notes == [f"removed {other}, a container that a killed run had left"]
            assert containers(family) == sorted((first.name, second.name))
            assert first.url != second.url
            for one in (first, second):
                assert ask(one.url, "/")["version"]["number"] == DEFAULT_IMAGE.rpartition(":")[2]
            assert addresses(family) == {"127.0.0.1"}
        finally:
            assert [second.close(), second.close()] == [None, None]
        assert containers(family) == [first.name]
        subprocess.run(["docker", "kill", first.name], check=True, stdout=subprocess.DEVNULL)  # noqa: S603, S607 - own
        with pytest.raises(CouldNotRunError) as caught:  # at once, not after a minute of refused connections
            engine.search(leg, QueryBatch(["oak"]), hits=3)
    assert str(caught.value).startswith("the Elasticsearch container was killed, as happens where memory runs out: ")
    assert caught.value.details[0] == "the end of the container's log:"
    assert containers(family) == []


def test_a_start_that_fails_names_the_logs_reason(family: str) -> None:
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


def test_a_start_that_is_given_up_goes_and_who_waits_is_told(family: str) -> None:
    container = Container(DEFAULT_IMAGE, memory=MEMORY)
    container.begin()
    until(lambda: containers(family) == [container.name])
    assert container.close() is None
    assert containers(family) == []
    with pytest.raises(CouldNotRunError, match="was closed before it was ready"):
        container.wait()
