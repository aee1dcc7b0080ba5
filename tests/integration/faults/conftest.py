"""What the tests of faults share: nodes that may be harmed, a data set, a session as a user starts it, the table."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from faults.bench import OURS, Bench
from faults.node import asked, running_node
from faults.session import content
from faults.shop import make_shop
from helpers.tables import tables_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from faults.bench import Note
    from faults.node import Node
    from faults.session import Ended

FOREIGN = "shop-in-production"


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few thousand short products."""
    return make_shop(tmp_path_factory.mktemp("data") / "shop")


@pytest.fixture(scope="session")
def node(shared_elasticsearch: Path) -> Iterator[Node]:
    """A node of release 8 for all tests that leave it as it was, with an index of somebody else's."""
    with running_node(shared_elasticsearch) as running:
        asked(running.url, f"/{FOREIGN}/_doc/1?refresh=true", method="PUT", body={"title": "oak desk"})
        before = asked(running.url, f"/{FOREIGN}")
        yield running
        assert asked(running.url, f"/{FOREIGN}") == before
        assert asked(running.url, f"/{FOREIGN}/_count")["count"] == 1


@pytest.fixture(
    params=[pytest.param("8", marks=pytest.mark.needs("es8")), pytest.param("9", marks=pytest.mark.needs("es9"))]
)
def either(request: pytest.FixtureRequest) -> Node:
    """A node of each release in turn, for what the releases may say in other words."""
    node: Node = request.getfixturevalue("node" if request.param == "8" else "_node9")
    return node


@pytest.fixture(scope="session")
def _node9(shared_elasticsearch: Path) -> Iterator[Node]:
    with running_node(shared_elasticsearch, "9") as running:
        yield running


@pytest.fixture(scope="session")
def _mortal(shared_elasticsearch: Path) -> Iterator[Node]:
    with running_node(shared_elasticsearch) as running:
        yield running


@pytest.fixture
def mortal(_mortal: Node) -> Node:
    """A node that a test may kill or freeze: alive at its start, without an index of ours."""
    _mortal.start()
    _mortal.remove(OURS)
    return _mortal


@pytest.fixture(scope="session")
def earlier(shop: Path, node: Node, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of a session in which nothing went wrong."""
    bench = Bench(shop, tmp_path_factory.mktemp("earlier"), {})
    ended = bench.run(node.url)
    assert ended.code == 0, ended.output
    assert node.indices(OURS) == []
    return bench.out


@pytest.fixture
def bench(shop: Path, earlier: Path, tmp_path: Path) -> Bench:
    """Sessions that find earlier results where they write theirs."""
    bench = Bench(shop, tmp_path, content(earlier))
    shutil.copytree(earlier, bench.out)
    return bench


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Note:
    """Keep how a session under a fault ended, for the table at the end."""
    tables = tables_of(request.config)

    def keep(fault: str, ended: Ended, *, release: str = "8") -> None:
        head = f"{fault} (release {release}): exit code {ended.code} after {ended.seconds:.1f} s"
        lines = (f"    {line}" for line in (*ended.lines, *ended.notes))
        tables.say("faults of Elasticsearch, and what the user sees", head, *lines)

    return keep
