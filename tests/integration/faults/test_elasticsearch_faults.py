"""Whatever goes wrong with a cluster: it is survived with the same rankings, or one line says what, where and why."""

import base64
import json
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from faults.node import ask, running_node
from faults.proxy import before, gone, lost_answer, refused, refused_document, running_proxy, says, some_refused
from faults.session import OURS, Bench, command, content, make_shop

pytestmark = pytest.mark.needs("es8")
DOING = {"_bulk": "indexing", "_msearch": "searching"}
SECRET = "swordfish-3141"  # noqa: S105 - made up
SOON_S = 30
both = pytest.mark.parametrize("kind", DOING)


def settled(node: Any) -> set[str]:
    """Our indices, when a node that was frozen has caught up with what it was asked before."""
    before, now = None, set(node.indices(OURS))
    while now != before:
        time.sleep(1)
        before, now = now, set(node.indices(OURS))
    return now


def cleaned(bench: Bench, node: Any, *, left: int = 1) -> None:
    """At most so many indices were left; `relevance clean` lists and removes them, and nothing else."""
    ours = settled(node)
    others = set(node.indices()) - ours
    assert len(ours) <= left
    done = command("clean", "--es-url", node.url, temporary=bench.folder / "clean")
    assert done.code == 0, done.output
    assert all(name in done.output for name in ours)
    assert set(node.indices()) == others


# survived


@pytest.mark.parametrize(
    "rule",
    [some_refused, *(lost_answer(kind, 2) for kind in DOING)],
    ids=["some refused", "answer lost while indexing", "answer lost while searching"],
)
def test_tried_again(bench: Bench, node: Any, rule: Any) -> None:
    with running_proxy(node.url, rule) as proxy:
        bench.passes(proxy.url)  # no product counts twice in any score


@both
def test_a_restart_is_waited_for(bench: Bench, node: Any, kind: str) -> None:
    def restart() -> None:
        node.kill()
        threading.Thread(target=node.start).start()

    with running_proxy(node.url, before(kind, 2, restart)) as proxy:
        bench.passes(proxy.url, patience_s=600)  # a busy machine may take longer to start one than the usual minute


def test_a_server_that_stands_still_for_a_moment_is_asked_again(bench: Bench, node: Any) -> None:
    def rule(request: Any, forward: Any) -> Any:
        if request.kind == "_bulk" and request.number in (2, 3):  # the third is the second, asked again
            (node.freeze if request.number == 2 else node.thaw)()
        return forward(request)

    with running_proxy(node.url, rule) as proxy:
        try:
            ended = bench.passes(proxy.url, "--es-timeout", "5")
        finally:
            node.thaw()
    assert any("no answer within 5 s" in line for line in ended.notes)


def test_two_sessions_and_short_queues(bench: Bench, shared_elasticsearch: Path) -> None:
    settings = tuple(f"thread_pool.{pool}.{name}=1" for pool in ("search", "write") for name in ("size", "queue_size"))
    outs = [bench.folder / f"out{at}" for at in range(2)]
    with running_node(shared_elasticsearch, settings=settings) as busy:
        sessions = [bench.session(busy.url, "--out", str(out)).start() for out in outs]
        bench.ended += [session.end() for session in sessions]
        stats = ask(busy.url, "/_nodes/stats/thread_pool")["nodes"]
        assert busy.indices(OURS) == []
    rejected = {name: pool["rejected"] for one in stats.values() for name, pool in one["thread_pool"].items()}
    assert rejected["search"] + rejected["write"] > 0  # else the queues were long enough
    assert [ended.code for ended in bench.ended] == [0, 0], bench.ended
    assert content(outs[0] / "runs") == content(outs[1] / "runs")


# given up while at work


@dataclass(frozen=True)
class Lasting:
    rule: Callable[[str, Any, Any], Any]  # from the kind of the request, node and proxy
    words: str = ""
    options: tuple[str, ...] = ()
    recovers: Callable[[Any], object] = lambda _: None
    left: int = 1


LASTING = {
    "too busy": Lasting(lambda kind, *_: refused(429, kind=kind), "429", left=0),
    "frozen": Lasting(
        lambda kind, node, _: before(kind, 2, node.freeze), "2 s", ("--es-timeout", "2"), lambda node: node.thaw()
    ),
    "dead": Lasting(lambda kind, _, proxy: gone(kind, 2, proxy)),
}


@both
@pytest.mark.parametrize("name", LASTING)
def test_given_up(bench: Bench, node: Any, kind: str, name: str) -> None:
    fault = LASTING[name]
    with running_proxy(node.url) as proxy:
        proxy.rule = fault.rule(kind, node, proxy)
        try:
            ended = bench.fails(proxy.url, *fault.options, patience_s=4)
        finally:
            fault.recovers(node)
        assert proxy.counts[kind] > (2 if name == "too busy" else 1)
    assert DOING[kind] in ended.line
    assert fault.words in ended.line
    cleaned(bench, node, left=fault.left)


@both
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_interrupted(bench: Bench, node: Any, kind: str, number: signal.Signals) -> None:
    with running_proxy(node.url) as proxy:
        session = bench.session(proxy.url)
        proxy.rule = before(kind, 2, lambda: session.signal(number))
        ended = session.start().end()
        assert proxy.counts[kind] < 5  # it does not go on to the end
    bench.ended.append(ended)
    bench.untouched()
    if number == signal.SIGKILL:
        assert ended.code == -number
        assert len(node.indices(OURS)) == 1
        cleaned(bench, node)
    else:
        assert ended.code == 2, ended.output
        assert ended.left == []
        assert node.indices(OURS) == []
        assert "Traceback" not in ended.output


# not let in


def fails_soon(bench: Bench, url: str, *options: str, **environ: str) -> Any:
    """It says where."""
    ended = bench.fails(url, *options, **environ)
    assert url.rpartition("@")[2].removeprefix("http://") in ended.line
    assert ended.seconds < SOON_S
    return ended


UNREACHABLE = {
    "nobody listens": ("http://127.0.0.1:{free}", "connection refused"),
    "unknown host": ("http://elasticsearch.invalid:9200", ""),
    "the nodes' own port": ("http://127.0.0.1:{transport}", ""),
    "https where there is no TLS": ("https://127.0.0.1:{port}", ""),
    "never answers": ("http://127.0.0.1:{silent}", "2 s"),
}


@pytest.mark.parametrize("name", UNREACHABLE)
def test_unreachable(bench: Bench, node: Any, name: str) -> None:
    url, words = UNREACHABLE[name]
    with socket.socket() as free, socket.socket() as silent:
        free.bind(("127.0.0.1", 0))
        silent.bind(("127.0.0.1", 0))
        silent.listen(16)
        ports = {"free": free.getsockname()[1], "silent": silent.getsockname()[1]}
        url = url.format(port=node.port, transport=node.port + 100, **ports)
        assert words in fails_soon(bench, url, "--es-timeout", "2").line


OTHERS = {
    "a web server": says(200, "<html>It works!</html>"),
    "a web server without that page": says(404, "<html>Not Found</html>"),
    "a JSON service": says(200, {"service": "stock", "version": 3}),
    "OpenSearch": says(200, {"name": "n", "version": {"distribution": "opensearch", "number": "2.19.1"}}),
    "Elasticsearch 7": says(
        200,
        {"name": "n", "version": {"number": "7.17.29"}, "tagline": "You Know, for Search"},
        X_Elastic_Product="Elasticsearch",
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_another_server(bench: Bench, name: str) -> None:
    with running_proxy("", OTHERS[name]) as proxy:
        fails_soon(bench, proxy.url)
        assert not proxy.counts["_bulk"]


@pytest.mark.parametrize("way", ["key", "password", "url"])
def test_wrong_credentials(bench: Bench, node: Any, way: str) -> None:
    """The secret is sent as it has to be, and not shown."""
    basic = base64.b64encode(f"someone:{SECRET}".encode()).decode()
    with running_proxy(node.url, refused(401)) as proxy:
        inside = proxy.url.replace("://", f"://someone:{SECRET}@")
        environ = {"key": {"ES_API_KEY": SECRET}, "password": {"ES_USER": "someone", "ES_PASSWORD": SECRET}, "url": {}}
        ended = fails_soon(bench, inside if way == "url" else proxy.url, **environ[way])
        sent = proxy.headers.get("Authorization") or proxy.headers["authorization"]
    assert sent == (f"ApiKey {SECRET}" if way == "key" else f"Basic {basic}")
    assert SECRET not in ended.output
    assert basic not in ended.output


def test_no_right_to_make_an_index(bench: Bench, node: Any) -> None:
    with running_proxy(node.url, refused(403, method="PUT")) as proxy:
        assert SECRET not in fails_soon(bench, proxy.url, ES_API_KEY=SECRET).output


# products and disks


def small_shop_with(folder: Path, *rows: dict[str, object]) -> str:
    data = make_shop(folder / "small", products=20, queries=3)
    with (data / "products.jsonl").open("a") as file:
        file.writelines(json.dumps({"title": "oak desk", **row}) + "\n" for row in rows)
    return f"files:{data}"


def test_ten_of_the_documents_that_an_own_mapping_refuses_are_named(bench: Bench, either: Any) -> None:
    wordy = small_shop_with(bench.folder, *({"id": f"wordy{at:02d}", "title": "oak" * 11_000} for at in range(12)))
    raw = {"type": "text", "analyzer": "standard", "fields": {"raw": {"type": "keyword"}}}
    own = bench.folder / "own.json"
    own.write_text(json.dumps({"mappings": {"properties": {"product_title": raw}}}))
    ended = bench.fails(either.url, "--es-mapping", str(own), "--dataset", wordy)
    assert [at for at in range(12) if f"wordy{at:02d}" in ended.line] == list(range(10))
    assert "product_title.raw" in ended.line


def test_one_refused_document_of_hundreds_is_fatal(bench: Bench, node: Any) -> None:
    reason = "failed to parse field [product_title]"
    with running_proxy(node.url, refused_document(2, 5, reason)) as proxy:
        assert reason in bench.fails(proxy.url).line


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"id": "é" * 257}, ["512"]),
        ({"id": "many", "attributes": {f"name{at}": "x" for at in range(10_001)}}, ["many", "10,000"]),
    ],
    ids=["id of 514 bytes", "10,001 attributes"],
)
def test_what_no_server_takes_is_bad_input(bench: Bench, node: Any, row: dict[str, object], words: list[str]) -> None:
    with running_proxy(node.url) as proxy:
        ended = bench.fails(proxy.url, "--dataset", small_shop_with(bench.folder, row), code=4)
        assert not proxy.counts["_bulk"]
    assert all(word in ended.line for word in words)


def test_the_disk_passes_its_flood_stage(bench: Bench, either: Any) -> None:
    def flood() -> None:
        block = {"index.blocks.read_only_allow_delete": True}
        ask(either.url, f"/{OURS}/_settings", method="PUT", body=block)

    with running_proxy(either.url, before("_bulk", 2, flood)) as proxy:
        assert "disk" in bench.fails(proxy.url).line


@pytest.mark.needs("server")  # what an image brings along may need more than this heap by itself
def test_a_document_too_large_for_a_small_heap(bench: Bench, shared_elasticsearch: Path) -> None:
    large = ({"id": f"large{at}", "description": "oakdesk " * 2_000_000} for at in range(4))
    with running_node(shared_elasticsearch, heap="128m") as small:
        ended = bench.fails(small.url, "--dataset", small_shop_with(bench.folder, *large))
        assert "memory" in ended.line
        assert small.indices(OURS) == []
        bench.passes(small.url)  # it is enough for short products
        assert small.indices(OURS) == []
