"""Sessions in a row, a third of them interrupted at any moment: nothing is left on the cluster, the disk or running."""

from __future__ import annotations

import os
import random
import re
import signal
import time
from typing import TYPE_CHECKING

import pytest
from faults.bench import OURS
from faults.containers import containers, published
from faults.node import until
from faults.session import content

if TYPE_CHECKING:
    from collections.abc import Callable

    from faults.bench import Bench
    from faults.node import Node
    from faults.session import Session

SESSIONS = int(os.environ.get("RELEVANCE_SESSIONS", "6"))
SIGNALS = (signal.SIGINT, signal.SIGTERM)
PASSED, INTERRUPTED = 0, 2
BESIDE = frozenset({1, 130, -signal.SIGINT, -signal.SIGTERM})
"""How Python itself ends, before the plan is made and after pytest has ended."""
SUMMARY = re.compile(r" passed\b.* in \d+\.\d+s")
"""What pytest prints last."""


def _interrupted(session: Session, number: int, moment_s: float) -> bool:
    """Send a signal at a moment; whether the suite was in charge by then, not Python's own start or end."""
    time.sleep(moment_s)
    in_charge = session.begun
    session.signal(number)
    return in_charge


def _check_results(bench: Bench) -> None:
    """They are whole: a folder of one session, nothing beside it."""
    assert bench.alone
    assert content(bench.out).keys() == bench.earlier.keys()


def _in_a_row(bench: Bench, url: str | None, sessions: int, left: Callable[[], list[str]]) -> None:
    """Run sessions; each third is interrupted at a seeded moment of the time that the first one took.

    Args:
        bench: what they run on.
        url: of their cluster; None: each starts a container.
        sessions: how many.
        left: what is left of them on the cluster, or as containers.
    """
    seeded = random.Random(20)  # noqa: S311 - moments, not secrets
    whole = 0.0
    for at in range(sessions):
        session = bench.session(url).start()
        allowed = {PASSED}
        if at % 3 == 2:
            in_charge = _interrupted(session, SIGNALS[at // 3 % 2], seeded.uniform(0, whole))
            allowed |= {INTERRUPTED} if in_charge else {INTERRUPTED, *BESIDE}
        ended = session.end()
        if at % 3 == 2 and SUMMARY.search(ended.output):
            allowed |= BESIDE
        whole = whole or ended.seconds
        assert ended.code in allowed, (at, ended.output)
        assert ended.left == [], (at, ended.output)
        assert left() == [], (at, ended.output)
        assert "Traceback" not in ended.output or ended.code in BESIDE, (at, ended.output)
        _check_results(bench)


@pytest.mark.needs("es8")
def test_sessions_on_a_cluster(bench: Bench, node: Node) -> None:
    """After each session on a given cluster neither index nor file nor process is left, however it ended."""
    _in_a_row(bench, node.url, SESSIONS, lambda: node.indices(OURS))


@pytest.mark.needs("es8", "docker")
def test_sessions_in_containers(bench: Bench) -> None:
    """After each session with a container of its own, the container is gone too."""
    _in_a_row(bench, None, max(3, SESSIONS // 3), lambda: containers(bench.family))


@pytest.mark.needs("es8", "docker")
def test_killed_session_with_a_container(bench: Bench) -> None:
    """The container of a session that was killed is removed by the next one that starts one."""
    session = bench.session(None).start()
    until(lambda: containers(bench.family))
    session.signal(signal.SIGKILL)
    assert session.end().code == -signal.SIGKILL
    assert len(containers(bench.family)) == 1
    assert bench.run(None).code == PASSED
    assert containers(bench.family) == []


@pytest.mark.needs("es8", "docker")
def test_container_is_on_loopback_only(bench: Bench) -> None:
    """While a session's container runs, its ports are open on the loopback address and nowhere else."""
    session = bench.session(None).start()
    until(lambda: any(map(published, containers(bench.family))))
    (ours,) = containers(bench.family)
    assert {address for address, _ in published(ours)} == {"127.0.0.1"}
    session.signal(signal.SIGTERM)
    assert session.end().code == INTERRUPTED
    assert containers(bench.family) == []
