"""A server that dies, restarts or freezes in the middle, and a session that is interrupted there."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

import pytest
from faults.bench import DOING, OURS
from faults.proxy import running_proxy
from faults.rules import before
from faults.session import command

if TYPE_CHECKING:
    from faults.bench import Bench
    from faults.node import Node
    from faults.proxy import Forward, Reply, Request

pytestmark = pytest.mark.needs("es8")
both = pytest.mark.parametrize("kind", DOING)


@both
def test_restarts(bench: Bench, node: Node, kind: str) -> None:
    """A server that is killed between two batches and comes back loses nothing: the same rankings and scores.

    A busy machine may take longer to start one than the minute that a session waits.
    """

    def restart() -> None:
        node.kill()
        threading.Thread(target=node.start).start()

    with running_proxy(node.url, before(kind, 2, restart)) as proxy:
        bench.passes(proxy.url, patience_s=600)


def test_frozen_for_a_moment(bench: Bench, node: Node) -> None:
    """A server that stands still for longer than the time-out, and goes on when it is asked again, is waited for."""

    def rule(request: Request, forward: Forward) -> Reply:
        if request.kind == "_bulk" and request.number in (2, 3):  # the third is the second, asked again
            (node.freeze if request.number == 2 else node.thaw)()
        return forward(request)

    with running_proxy(node.url, rule) as proxy:
        try:
            ended = bench.passes(proxy.url, "--es-timeout", "5")
        finally:
            node.thaw()
    assert any("no answer within 5 s" in line for line in ended.notes)


@both
def test_frozen(bench: Bench, node: Node, kind: str) -> None:
    """A server that stops answering is given up after two time-outs; `relevance clean` removes what it kept."""
    with running_proxy(node.url, before(kind, 2, node.freeze)) as proxy:
        try:
            ended = bench.fails(proxy.url, "--es-timeout", "2", patience_s=4)
        finally:
            node.thaw()
    assert DOING[kind] in ended.line
    assert "2 s" in ended.line
    _cleaned(bench, node)


@both
def test_dies(bench: Bench, node: Node, kind: str) -> None:
    """A server that dies and does not come back: one line; what lies in its data is removed by `relevance clean`."""
    with running_proxy(node.url) as proxy:
        proxy.rule = before(kind, 2, lambda: (node.kill(), proxy.close()))
        ended = bench.fails(proxy.url, patience_s=4)
    assert not node.alive
    assert DOING[kind] in ended.line
    node.start()
    _cleaned(bench, node)


@both
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_interrupted(bench: Bench, node: Node, kind: str, number: signal.Signals) -> None:
    """SIGINT and SIGTERM end a session at once and cleanly; after SIGKILL `relevance clean` removes its index."""
    with running_proxy(node.url) as proxy:
        session = bench.session(proxy.url)
        proxy.rule = before(kind, 2, lambda: session.signal(number))
        ended = session.start().end()
        batches = proxy.counts[kind]
    bench.ended.append(ended)
    assert batches < 5  # it does not go on to the end
    assert bench.untouched
    if number == signal.SIGKILL:
        assert ended.code == -number
        assert len(node.indices(OURS)) == 1
        _cleaned(bench, node)
    else:
        assert ended.code == 2, ended.output
        assert ended.left == []
        assert node.indices(OURS) == []
        assert "Traceback" not in ended.output


def _cleaned(bench: Bench, node: Node) -> None:
    """`relevance clean` lists what was left and removes it, and nothing else."""
    left = set(node.indices(OURS))
    others = set(node.indices()) - left
    assert len(left) <= 1
    done = command("clean", "--es-url", node.url, temporary=bench.folder / "clean")
    assert done.code == 0, done.output
    assert all(name in done.output for name in left)
    assert set(node.indices()) == others
