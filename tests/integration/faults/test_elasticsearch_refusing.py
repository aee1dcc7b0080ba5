"""A server that refuses, loses or cannot hold what it is sent: survived by trying again, else one line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from faults.bench import DOING, OURS
from faults.node import asked, running_node
from faults.proxy import running_proxy
from faults.rules import before, lost_answer, refused, refused_item, share
from faults.session import content
from faults.shop import make_shop

if TYPE_CHECKING:
    from pathlib import Path

    from faults.bench import Bench
    from faults.node import Node
    from faults.proxy import Rule

pytestmark = pytest.mark.needs("es8")


@pytest.mark.parametrize(
    "rule",
    [share(429, 503, every=4, kinds=tuple(DOING)), *(lost_answer(kind, 2) for kind in DOING)],
    ids=["some refused", "answer lost while indexing", "answer lost while searching"],
)
def test_tried_again(bench: Bench, node: Node, rule: Rule) -> None:
    """Batches are refused by 429 and 503, or done and the answer lost: no product counts twice in any score."""
    with running_proxy(node.url, rule) as proxy:
        bench.passes(proxy.url)


@pytest.mark.parametrize("kind", DOING)
def test_all_requests_are_refused(bench: Bench, node: Node, kind: str) -> None:
    """A server that stays too busy is given up, and the index deleted."""
    with running_proxy(node.url, refused(429, kind=kind)) as proxy:
        ended = bench.fails(proxy.url, patience_s=4)
        assert proxy.counts[kind] > 2
    assert DOING[kind] in ended.line
    assert "429" in ended.line


def test_short_queues(bench: Bench, shared_elasticsearch: Path) -> None:
    """A server that searches and writes one thing at a time and lets one wait: two sessions at once get through."""
    settings = [f"thread_pool.{pool}.{name}=1" for pool in ("search", "write") for name in ("size", "queue_size")]
    outs = [bench.folder / f"out{at}" for at in range(2)]
    with running_node(shared_elasticsearch, settings=settings) as busy:
        sessions = [bench.session(busy.url, "--out", str(out)).start() for out in outs]
        bench.ended += [session.end() for session in sessions]
        stats = asked(busy.url, "/_nodes/stats/thread_pool")["nodes"]
        assert busy.indices(OURS) == []
    rejected = {name: pool["rejected"] for one in stats.values() for name, pool in one["thread_pool"].items()}
    assert rejected["search"] + rejected["write"] > 0  # else the queues were long enough
    for ended in bench.ended:
        assert ended.code == 0, ended.output
    assert content(outs[0] / "runs") == content(outs[1] / "runs")


def _with(folder: Path, *rows: dict[str, object]) -> str:
    """A small data set with further products, as an option's value."""
    data = make_shop(folder / "small", products=20, queries=3)
    with (data / "products.jsonl").open("a") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return f"files:{data}"


def test_refused_by_the_server(bench: Bench, either: Node) -> None:
    """A mapping of the user's own makes the server refuse twelve products: ten of them are named, with the reason."""
    wordy = _with(bench.folder, *({"id": f"wordy{at:02d}", "title": "oak" * 11_000} for at in range(12)))
    raw = {"type": "text", "analyzer": "standard", "fields": {"raw": {"type": "keyword"}}}
    own = bench.folder / "own.json"
    own.write_text(json.dumps({"mappings": {"properties": {"product_title": raw}}}))
    ended = bench.fails(either.url, "--es-mapping", str(own), "--dataset", wordy)
    assert [at for at in range(12) if f"wordy{at:02d}" in ended.line] == list(range(10))
    assert "product_title.raw" in ended.line


def test_one_document_is_refused(bench: Bench, node: Node) -> None:
    """One refused document of hundreds is fatal, and named."""
    with running_proxy(node.url, refused_item(2, 5, "failed to parse field [product_title]")) as proxy:
        ended = bench.fails(proxy.url)
    assert "failed to parse field [product_title]" in ended.line


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"id": "é" * 257, "title": "oak desk"}, ("512",)),
        ({"id": "many", "attributes": {f"name{at}": "x" for at in range(10_001)}}, ("many", "10,000")),
    ],
    ids=["id of 514 bytes", "10,001 attributes"],
)
def test_no_server_takes_it(bench: Bench, node: Node, row: dict[str, object], words: tuple[str, ...]) -> None:
    """An id or a number of attributes beyond the server's limits is bad input: said before it is sent."""
    with running_proxy(node.url) as proxy:
        ended = bench.fails(proxy.url, "--dataset", _with(bench.folder, {"title": "oak desk", **row}), code=4)
        assert not proxy.counts["_bulk"]
    assert all(word in ended.line for word in words)


def test_read_only(bench: Bench, either: Node) -> None:
    """The disk passes its flood stage while we index: a line that says so, and the index is deleted."""

    def flood() -> None:
        block = {"index.blocks.read_only_allow_delete": True}
        asked(either.url, f"/{OURS}/_settings", method="PUT", body=block)

    with running_proxy(either.url, before("_bulk", 2, flood)) as proxy:
        assert "disk" in bench.fails(proxy.url).line


@pytest.mark.needs("server")  # what an image brings along may need more than this heap by itself
def test_little_memory(bench: Bench, shared_elasticsearch: Path) -> None:
    """A heap of 128 MB: enough for short products; one line and no index where a document is too large for it."""
    large = ({"id": f"large{at}", "title": "oak desk", "description": "oakdesk " * 2_000_000} for at in range(4))
    with running_node(shared_elasticsearch, heap="128m") as small:
        ended = bench.fails(small.url, "--dataset", _with(bench.folder, *large))
        assert "memory" in ended.line
        assert small.indices(OURS) == []
        bench.passes(small.url)
        assert small.indices(OURS) == []
