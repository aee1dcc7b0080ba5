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

    from faults.bench import Bench, Note
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
    """Run a session that cannot run: 7, one line, and the earlier results as they were."""
    ended = bench.run(url, *options, **environ)
    assert ended.code == 7, ended.output
    assert url.rpartition("@")[2].removeprefix("http://") in ended.line
    assert bench.untouched
    assert ended.seconds < SOON_S
    return ended


def test_not_there(bench: Bench, note: Note, free_port: int) -> None:
    """Nobody listens on the port: that is said within seconds."""
    ended = _fails(bench, f"http://127.0.0.1:{free_port}")
    assert f"127.0.0.1:{free_port}" in ended.line
    assert "connection refused" in ended.line
    note("not there", ended)


def test_unknown_host(bench: Bench, note: Note) -> None:
    """The host's name means nothing."""
    ended = _fails(bench, "http://elasticsearch.invalid:9200")
    note("unknown host", ended)


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
def test_another_server(bench: Bench, note: Note, other: str) -> None:
    """What listens there is no Elasticsearch that we know: a line, no search is tried."""
    with running_proxy("", says(*OTHERS[other])) as proxy:
        ended = _fails(bench, proxy.url)
        assert not proxy.counts["_bulk"]
    note(f"wrong port: {other}", ended)


def test_transport_port(bench: Bench, note: Note, node: Node) -> None:
    """The port on which nodes talk to each other is not that of HTTP."""
    note("wrong port: the transport port", _fails(bench, f"http://127.0.0.1:{node.port + 100}"))


def test_https_where_there_is_none(bench: Bench, note: Note, node: Node) -> None:
    """A cluster without TLS is asked for by https."""
    note("https, and the cluster speaks http", _fails(bench, f"https://127.0.0.1:{node.port}"))


def test_listens_and_never_answers(bench: Bench, note: Note) -> None:
    """A port that takes connections and says nothing: given up after the time-out."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(16)
        ended = _fails(bench, f"http://127.0.0.1:{silent.getsockname()[1]}", "--es-timeout", "2")
    assert "2 s" in ended.line
    note("takes connections, never answers (--es-timeout 2)", ended)


@pytest.mark.parametrize("way", ["key", "password", "url"])
def test_wrong_credentials(bench: Bench, note: Note, node: Node, way: str) -> None:
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
    note(f"wrong credentials ({way})", ended)


def test_no_right_to_make_an_index(bench: Bench, note: Note, node: Node) -> None:
    """The cluster knows us and lets us make no index (403): a line."""
    with running_proxy(node.url, refused(403, method="PUT")) as proxy:
        ended = _fails(bench, proxy.url, ES_API_KEY=SECRET)
    assert SECRET not in ended.output
    assert node.indices("relevance-*") == []
    note("credentials without the right to make an index", ended)
