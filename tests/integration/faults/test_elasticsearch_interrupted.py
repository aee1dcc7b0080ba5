"""A session that is interrupted: exit code 2, the index deleted, the earlier results as they were."""

from __future__ import annotations

import signal
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

pytestmark = pytest.mark.needs("es8")


@pytest.mark.parametrize("kind", DOING)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_interrupted(bench: Bench, note: Note, node: Node, kind: str, number: signal.Signals) -> None:
    """SIGINT and SIGTERM end a session at once and cleanly, while it indexes and while it searches."""
    with running_proxy(node.url) as proxy:
        session = bench.session(proxy.url)
        proxy.rule = before(kind, 2, lambda: session.signal(number))
        ended = session.start().end()
        batches = proxy.counts[kind]
    assert ended.code == 2, ended.output
    assert ended.left == []
    assert batches < 5  # it does not go on to the end
    assert bench.untouched
    assert node.indices(OURS) == []
    assert "Traceback" not in ended.output
    note(f"interrupted while {DOING[kind]} ({number.name})", ended)


def test_killed(bench: Bench, node: Node, tmp_path: Path) -> None:
    """A session that is killed leaves its index; `relevance clean` names it and removes it, and nothing else."""
    with running_proxy(node.url) as proxy:
        session = bench.session(proxy.url)
        proxy.rule = before("_bulk", 2, lambda: session.signal(signal.SIGKILL))
        assert session.start().end().code == -signal.SIGKILL
    (left,) = node.indices(OURS)
    others = set(node.indices()) - {left}
    done = command("clean", "--es-url", node.url, temporary=tmp_path / "clean")
    assert done.code == 0, done.output
    assert left in done.output
    assert set(node.indices()) == others
    assert bench.untouched
