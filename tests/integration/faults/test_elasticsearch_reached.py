"""A cluster that is not there, is something else, or does not let us in: one line before anything starts."""

from __future__ import annotations

import base64
import socket
from typing import TYPE_CHECKING

import pytest
from faults.proxy import running_proxy
from faults.rules import refused, says

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from faults.bench import Bench
    from faults.node import Node
    from faults.session import Ended

pytestmark = pytest.mark.needs("es8")
SECRET = "swordfish-3141"  # noqa: S105 - made up
SOON_S = 30


@pytest.fixture
def free_port() -> Iterator[int]:
    """A port that nobody listens on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield int(held.getsockname()[1])


def _fails(bench: Bench, url: str, *options: str, **environ: str) -> Ended:
    """Run a session that cannot run: it says where, and soon."""
    ended = bench.fails(url, *options, **environ)
    assert url.rpartition("@")[2].removeprefix("http://") in ended.line
    assert ended.seconds < SOON_S
    return ended


def test_not_there(bench: Bench, free_port: int) -> None:
    """Nobody listens on the port: that is said within seconds."""
    assert "connection refused" in _fails(bench, f"http://127.0.0.1:{free_port}").line


def test_unknown_host(bench: Bench) -> None:
    """The host's name means nothing."""
    _fails(bench, "http://elasticsearch.invalid:9200")


OTHERS: Mapping[str, tuple[int, object, Mapping[str, str]]] = {
    "a web server": (200, b"<html>It works!</html>", {"Content-Type": "text/html"}),
    "a web server without that page": (404, b"<html>Not Found</html>", {"Content-Type": "text/html"}),
    "a JSON service": (200, {"service": "stock", "version": 3}, {"Content-Type": "application/json"}),
    "OpenSearch": (
        200,
        {"name": "n", "cluster_name": "c", "version": {"distribution": "opensearch", "number": "2.19.1"}},
        {"Content-Type": "application/json"},
    ),
    "Elasticsearch 7": (
        200,
        {"name": "n", "version": {"number": "7.17.29"}, "tagline": "You Know, for Search"},
        {"Content-Type": "application/json", "X-Elastic-Product": "Elasticsearch"},
    ),
}


@pytest.mark.parametrize("other", OTHERS)
def test_another_server(bench: Bench, other: str) -> None:
    """What listens there is no Elasticsearch that we know: a line, no search is tried."""
    with running_proxy("", says(*OTHERS[other])) as proxy:
        _fails(bench, proxy.url)
        assert not proxy.counts["_bulk"]


@pytest.mark.parametrize(("scheme", "beyond"), [("http", 100), ("https", 0)], ids=["transport port", "https"])
def test_another_protocol(bench: Bench, node: Node, scheme: str, beyond: int) -> None:
    """The port on which nodes talk to each other is not that of HTTP; nor does a cluster without TLS speak https."""
    _fails(bench, f"{scheme}://127.0.0.1:{node.port + beyond}")


def test_listens_and_never_answers(bench: Bench) -> None:
    """A port that takes connections and says nothing: given up after the time-out."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(16)
        ended = _fails(bench, f"http://127.0.0.1:{silent.getsockname()[1]}", "--es-timeout", "2")
    assert "2 s" in ended.line


@pytest.mark.parametrize("way", ["key", "password", "url"])
def test_wrong_credentials(bench: Bench, node: Node, way: str) -> None:
    """The cluster refuses who we are (401): a line without the secret, and the secret was sent as it has to be."""
    basic = base64.b64encode(f"someone:{SECRET}".encode()).decode()
    with running_proxy(node.url, refused(401)) as proxy:
        inside = proxy.url.replace("://", f"://someone:{SECRET}@")
        environ = {"key": {"ES_API_KEY": SECRET}, "password": {"ES_USER": "someone", "ES_PASSWORD": SECRET}, "url": {}}
        ended = _fails(bench, inside if way == "url" else proxy.url, **environ[way])
        sent = proxy.headers.get("Authorization") or proxy.headers["authorization"]
    assert sent == (f"ApiKey {SECRET}" if way == "key" else f"Basic {basic}")
    assert SECRET not in ended.output
    assert basic not in ended.output


def test_no_right_to_make_an_index(bench: Bench, node: Node) -> None:
    """The cluster knows us and lets us make no index (403): a line."""
    with running_proxy(node.url, refused(403, method="PUT")) as proxy:
        ended = _fails(bench, proxy.url, ES_API_KEY=SECRET)
    assert SECRET not in ended.output
