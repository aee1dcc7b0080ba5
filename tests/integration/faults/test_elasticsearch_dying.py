"""A server that dies, restarts or freezes in the middle: survived where it comes back, else one line."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from faults.bench import DOING, OURS
from faults.proxy import running_proxy
from faults.rules import before
from faults.session import command

if TYPE_CHECKING:
    from pathlib import Path

    from faults.bench import Bench, Note
    from faults.node import Node
    from faults.proxy import Forward, Reply, Request
    from faults.session import Ended

pytestmark = pytest.mark.needs("es8")


def _dies(bench: Bench, node: Node, kind: str) -> Ended:
    with running_proxy(node.url) as proxy:
        proxy.rule = before(kind, 2, lambda: (node.kill(), proxy.close()))
        ended = bench.hurried(proxy.url)
    assert not node.alive
    assert ended.code == 7, ended.output
    assert DOING[kind] in ended.line
    assert bench.untouched
    return ended


@pytest.mark.parametrize("kind", DOING)
def test_restarts(bench: Bench, note: Note, mortal: Node, kind: str) -> None:
    """A server that is killed between two batches and comes back loses nothing: the same rankings and scores.

    A busy machine may take longer to start one than the minute that a session waits.
    """
    with running_proxy(mortal.url, before(kind, 2, lambda: _restarts(mortal))) as proxy:
        ended = bench.patient(proxy.url, 600)
    assert ended.code == 0, ended.output
    assert bench.same_rankings
    assert mortal.indices(OURS) == []
    note(f"restarts while {DOING[kind]}", ended)


def _restarts(node: Node) -> None:
    node.kill()
    threading.Thread(target=node.start).start()


@pytest.mark.parametrize("kind", DOING)
def test_frozen(bench: Bench, note: Note, mortal: Node, tmp_path: Path, kind: str) -> None:
    """A server that stops answering is given up after two time-outs; `relevance clean` removes what it kept."""
    with running_proxy(mortal.url, before(kind, 2, mortal.freeze)) as proxy:
        try:
            ended = bench.hurried(proxy.url, "--es-timeout", "2")
        finally:
            mortal.thaw()
    assert ended.code == 7, ended.output
    assert DOING[kind] in ended.line
    assert "2 s" in ended.line
    assert bench.untouched
    _cleaned(mortal, tmp_path)
    note(f"frozen while {DOING[kind]} (--es-timeout 2)", ended)


def test_frozen_for_a_moment(bench: Bench, note: Note, mortal: Node) -> None:
    """A server that stands still for longer than the time-out and goes on is waited for."""

    def rule(request: Request, forward: Forward) -> Reply:
        if request.kind == "_bulk" and request.number in (2, 3):  # the third is the second, asked again
            (mortal.freeze if request.number == 2 else mortal.thaw)()
        return forward(request)

    with running_proxy(mortal.url, rule) as proxy:
        try:
            ended = bench.run(proxy.url, "--es-timeout", "5")
        finally:
            mortal.thaw()
    assert ended.code == 0, ended.output
    assert bench.same_rankings
    assert mortal.indices(OURS) == []
    assert any("no answer within 5 s" in line for line in ended.notes)
    note("frozen for a moment while indexing (--es-timeout 5)", ended)


@pytest.mark.parametrize("kind", DOING)
def test_dies(bench: Bench, note: Note, mortal: Node, tmp_path: Path, kind: str) -> None:
    """A server that dies and does not come back: one line; what lies in its data is removed by `relevance clean`."""
    ended = _dies(bench, mortal, kind)
    note(f"dies while {DOING[kind]}", ended)
    mortal.start()
    _cleaned(mortal, tmp_path)


def _cleaned(node: Node, folder: Path) -> None:
    """`relevance clean` lists what was left and removes it."""
    left = node.indices(OURS)
    assert len(left) <= 1
    done = command("clean", "--es-url", node.url, temporary=folder / "clean")
    assert done.code == 0, done.output
    assert all(name in done.output for name in left)
    assert node.indices(OURS) == []
