"""What the tests of faults share: nodes that may be harmed, a data set, sessions as a user starts them, the table."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from faults.node import ask, running_node
from faults.session import OURS, Bench, content, make_shop
from helpers.tables import tables_of

FOREIGN = "shop-in-production"


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few hundred short products, six batches of them."""
    return make_shop(tmp_path_factory.mktemp("data") / "shop")


@pytest.fixture(scope="session")
def _node8(shared_elasticsearch: Path) -> Iterator[Any]:
    """With an index of somebody else's, which outlives whatever tests do."""
    with running_node(shared_elasticsearch) as running:
        ask(running.url, f"/{FOREIGN}/_doc/1?refresh=true", method="PUT", body={"title": "oak desk"})
        before = ask(running.url, f"/{FOREIGN}")
        yield running
        assert ask(running.url, f"/{FOREIGN}") == before
        assert ask(running.url, f"/{FOREIGN}/_count")["count"] == 1


@pytest.fixture(scope="session")
def _node9(shared_elasticsearch: Path) -> Iterator[Any]:
    with running_node(shared_elasticsearch, "9") as running:
        yield running


@contextmanager
def _left_clean(node: Any) -> Iterator[Any]:
    yield node
    left = node.indices(OURS)
    node.remove(OURS)
    assert left == []


@pytest.fixture
def node(_node8: Any) -> Iterator[Any]:
    """A node of release 8, which may be killed; a test leaves it alive, and no index of ours."""
    _node8.start()
    with _left_clean(_node8):
        yield _node8


@pytest.fixture(
    params=[pytest.param("8", marks=pytest.mark.needs("es8")), pytest.param("9", marks=pytest.mark.needs("es9"))]
)
def either(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A node of each release in turn, for what the releases may say in other words."""
    with _left_clean(request.getfixturevalue(f"_node{request.param}")) as node:
        yield node


@pytest.fixture(scope="session")
def earlier(shop: Path, _node8: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of a session in which nothing went wrong."""
    bench = Bench(shop, tmp_path_factory.mktemp("earlier"))
    ended = bench.run(_node8.url)
    assert ended.code == 0, ended.output
    assert _node8.indices(OURS) == []
    return bench.out


@pytest.fixture
def bench(request: pytest.FixtureRequest, shop: Path, earlier: Path, tmp_path: Path) -> Iterator[Bench]:
    """Sessions that find earlier results where they write theirs; how they end stands in a table."""
    bench = Bench(shop, tmp_path, content(earlier))
    shutil.copytree(earlier, bench.out)
    yield bench
    tables = tables_of(request.config)
    for ended in bench.ended:
        lines = (f"    {line}" for line in (*ended.lines, *ended.notes))
        head = f"{request.node.name.removeprefix('test_')}: exit code {ended.code} after {ended.seconds:.1f} s"
        tables.say("faults of Elasticsearch, and what the user sees", head, *lines)
