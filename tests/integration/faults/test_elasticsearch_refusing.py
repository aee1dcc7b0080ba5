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

    from faults.bench import Bench, Note
    from faults.node import Node

pytestmark = pytest.mark.needs("es8")


def test_some_requests_are_refused(bench: Bench, note: Note, node: Node) -> None:
    """Some batches are refused, by 429 and by 503: tried again until all are through, with the same rankings."""
    with running_proxy(node.url, share(429, 503, every=4, kinds=tuple(DOING))) as proxy:
        ended = bench.run(proxy.url)
    assert ended.code == 0, ended.output
    assert bench.same_rankings
    assert node.indices(OURS) == []
    note("each fourth batch is answered by 429 or 503", ended)


@pytest.mark.parametrize("kind", DOING)
def test_all_requests_are_refused(bench: Bench, note: Note, node: Node, kind: str) -> None:
    """A server that stays too busy is given up, and the index deleted."""
    with running_proxy(node.url, refused(429, kind=kind)) as proxy:
        ended = bench.hurried(proxy.url)
        assert proxy.counts[kind] > 2
    assert ended.code == 7, ended.output
    assert DOING[kind] in ended.line
    assert "429" in ended.line
    assert bench.untouched
    assert node.indices(OURS) == []
    note(f"all batches are answered by 429 while {DOING[kind]}", ended)


@pytest.mark.parametrize("kind", DOING)
def test_lost_answer(bench: Bench, note: Note, node: Node, kind: str) -> None:
    """The connection breaks after the server did its work: done again, and no product counts twice in any score."""
    with running_proxy(node.url, lost_answer(kind, 2)) as proxy:
        ended = bench.run(proxy.url)
    assert ended.code == 0, ended.output
    assert bench.same_rankings
    assert node.indices(OURS) == []
    note(f"the answer to a batch is lost while {DOING[kind]}", ended)


def test_short_queues(bench: Bench, note: Note, shared_elasticsearch: Path) -> None:
    """A server that searches and writes one thing at a time and lets one wait: two sessions at once get through."""
    data = make_shop(bench.folder / "small", products=1200, queries=60)
    settings = [f"thread_pool.{pool}.{name}=1" for pool in ("search", "write") for name in ("size", "queue_size")]
    outs = [bench.folder / f"out{at}" for at in range(2)]
    with running_node(shared_elasticsearch, settings=settings) as busy:
        options = [("--dataset", f"files:{data}", "--out", str(out)) for out in outs]
        sessions = [bench.session(busy.url, *each).start() for each in options]
        both = [session.end() for session in sessions]
        stats = asked(busy.url, "/_nodes/stats/thread_pool")["nodes"]
        assert busy.indices(OURS) == []
    rejected = {name: pool["rejected"] for one in stats.values() for name, pool in one["thread_pool"].items()}
    assert rejected["search"] + rejected["write"] > 0  # else the queues were long enough
    for ended in both:
        assert ended.code == 0, ended.output
        note("search and write queues of 1, two sessions at once", ended)
    assert content(outs[0] / "runs") == content(outs[1] / "runs")


def _with(data: Path, rows: list[dict[str, object]]) -> str:
    """The data set with further products, as an option's value."""
    with (data / "products.jsonl").open("a") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return f"files:{data}"


def test_refused_by_the_server(bench: Bench, note: Note, either: Node, tmp_path: Path) -> None:
    """A mapping of the user's own makes the server refuse twelve products: ten of them are named, with the reason."""
    data = make_shop(bench.folder / "wordy", products=600, queries=3)
    wordy = [{"id": f"wordy{at:02d}", "title": "oak" * 11_000} for at in range(12)]
    raw = {"type": "text", "analyzer": "standard", "fields": {"raw": {"type": "keyword"}}}
    own = tmp_path / "own.json"
    own.write_text(json.dumps({"mappings": {"properties": {"product_title": raw}}}))
    ended = bench.run(either.url, "--es-mapping", str(own), "--dataset", _with(data, wordy))
    assert ended.code == 7, ended.output
    assert [at for at in range(12) if f"wordy{at:02d}" in ended.line] == list(range(10))
    assert "product_title.raw" in ended.line
    assert bench.untouched
    assert either.indices(OURS) == []
    note("products that the server refuses (a keyword of its own mapping)", ended, release=either.release)


def test_one_document_is_refused(bench: Bench, note: Note, node: Node) -> None:
    """One refused document of thousands is fatal, and named."""
    with running_proxy(node.url, refused_item(2, 5, "failed to parse field [product_title]")) as proxy:
        ended = bench.run(proxy.url)
    assert ended.code in (4, 7), ended.output
    assert "failed to parse field [product_title]" in ended.line
    assert bench.untouched
    assert node.indices(OURS) == []
    note("one document of a batch is refused", ended)


def test_long_id(bench: Bench, note: Note, node: Node) -> None:
    """An id longer than the server takes is bad input: said before anything is made."""
    data = make_shop(bench.folder / "long", products=20, queries=3)
    row = {"id": "é" * 257, "title": "oak desk"}
    with running_proxy(node.url) as proxy:
        ended = bench.run(proxy.url, "--dataset", _with(data, [row]))
        assert not proxy.counts["_bulk"]
    assert ended.code == 4, ended.output
    assert "512" in ended.line
    assert bench.untouched
    assert node.indices(OURS) == []
    note("a product id of 514 bytes", ended)


def test_too_many_attributes(bench: Bench, note: Note, node: Node) -> None:
    """A product with more attributes than the server nests is bad input: said before it is sent."""
    data = make_shop(bench.folder / "many", products=20, queries=3)
    row = {"id": "many", "title": "oak desk", "attributes": {f"name{at}": "x" for at in range(10_001)}}
    ended = bench.run(node.url, "--dataset", _with(data, [row]))
    assert ended.code == 4, ended.output
    assert "many" in ended.line
    assert "10,000" in ended.line
    assert bench.untouched
    assert node.indices(OURS) == []
    note("a product of 10,001 attributes", ended)


def test_read_only(bench: Bench, note: Note, either: Node) -> None:
    """The disk passes its flood stage while we index: a line that says so, and the index is deleted."""

    def flood() -> None:
        block = {"index.blocks.read_only_allow_delete": True}
        asked(either.url, f"/{OURS}/_settings", method="PUT", body=block)

    with running_proxy(either.url, before("_bulk", 2, flood)) as proxy:
        ended = bench.run(proxy.url)
    assert ended.code == 7, ended.output
    assert "disk" in ended.line
    assert bench.untouched
    assert either.indices(OURS) == []
    note("read-only index (flood stage)", ended, release=either.release)


@pytest.mark.needs("server")  # what an image brings along may need more than this heap by itself
def test_little_memory(bench: Bench, note: Note, shared_elasticsearch: Path) -> None:
    """A heap of 128 MB: enough for short products; one line and no index where a document is too large for it."""
    data = make_shop(bench.folder / "large", products=20, queries=3)
    large = [{"id": f"large{at}", "title": "oak desk", "description": "oakdesk " * 2_000_000} for at in range(4)]
    with running_node(shared_elasticsearch, heap="128m") as small:
        ended = bench.run(small.url, "--dataset", _with(data, large))
        assert small.indices(OURS) == []
        assert ended.code == 7, ended.output
        assert "memory" in ended.line
        assert bench.untouched
        note("heap of 128 MB, products of 16 MB", ended)
        ended = bench.run(small.url)
        assert small.indices(OURS) == []
        assert ended.code == 0, ended.output
        assert bench.same_rankings
        note("heap of 128 MB, 3,000 short products", ended)
