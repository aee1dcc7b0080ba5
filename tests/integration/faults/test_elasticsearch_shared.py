"""Several sessions and one cluster: at once, one after the other with an index that is kept, and one half made."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
from faults.bench import OURS
from faults.node import asked
from faults.proxy import running_proxy
from faults.rules import before
from faults.session import command

if TYPE_CHECKING:
    from collections.abc import Iterator

    from faults.bench import Bench
    from faults.node import Node
    from faults.proxy import Forward, Reply, Request

pytestmark = pytest.mark.needs("es8")


@pytest.fixture
def cluster(node: Node) -> Iterator[Node]:
    """The node; indices that are kept go after the test."""
    yield node
    node.remove(OURS)


def test_two_at_once(bench: Bench, cluster: Node) -> None:
    """Two sessions over the same products each have an index of their own, and delete that."""
    seen: set[str] = set()

    def rule(request: Request, forward: Forward) -> Reply:
        if request.kind == "_msearch":
            seen.update(cluster.indices(OURS))
        return forward(request)

    with running_proxy(cluster.url, rule) as proxy:
        outs = [bench.folder / f"out{at}" for at in range(2)]
        sessions = [bench.session(proxy.url, "--out", str(out)).start() for out in outs]
        bench.ended += [session.end() for session in sessions]
    for ended, out in zip(bench.ended, outs, strict=True):
        assert ended.code == 0, ended.output
        assert ended.left == []
        assert (out / "runs" / "textsearch.run").read_bytes() == bench.earlier["runs/textsearch.run"]
    assert len(seen) == 2
    assert cluster.indices(OURS) == []


def _kept(bench: Bench, cluster: Node) -> str:
    """The index that a session keeps."""
    bench.passes(cluster.url, "--keep-index")
    (name,) = cluster.indices(OURS)
    return name


def test_kept_index_is_used_again(bench: Bench, cluster: Node) -> None:
    """An index that is kept and complete is not made again."""
    name = _kept(bench, cluster)
    with running_proxy(cluster.url) as proxy:
        bench.passes(proxy.url, "--keep-index")
        assert proxy.counts["_bulk"] == 0
    assert cluster.indices(OURS) == [name]


def test_half_made_index(bench: Bench, cluster: Node) -> None:
    """A run with --keep-index was killed: its half-made index is not believed, and `relevance clean` takes it."""
    with running_proxy(cluster.url) as proxy:
        session = bench.session(proxy.url, "--keep-index")
        proxy.rule = before("_bulk", 4, lambda: session.signal(signal.SIGKILL))
        assert session.start().end().code == -signal.SIGKILL
    (half,) = cluster.indices(OURS)
    bench.passes(cluster.url, "--keep-index")
    (made,) = set(cluster.indices(OURS)) - {half}
    bench.passes(cluster.url, "--keep-index")
    assert cluster.indices(OURS) == sorted((half, made))
    done = command("clean", "--es-url", cluster.url, temporary=bench.folder / "clean")
    assert done.code == 0, done.output
    assert cluster.indices(OURS) == [made]


@pytest.mark.parametrize("change", ["no mark", "written to"])
def test_changed_index(bench: Bench, cluster: Node, change: str) -> None:
    """A kept index that lost its mark, or that somebody wrote to, is not believed either, and not touched."""
    name = _kept(bench, cluster)
    if change == "no mark":
        asked(cluster.url, f"/{name}/_mapping", method="PUT", body={"_meta": {}})
    else:
        asked(cluster.url, f"/{name}/_doc/p00001?refresh=true", method="DELETE")
        asked(cluster.url, f"/{name}/_doc/p00001?refresh=true", method="PUT", body={"product_uid": "p00001"})
    bench.passes(cluster.url, "--keep-index")
    assert len(cluster.indices(OURS)) == 2
    assert name in cluster.indices(OURS)
