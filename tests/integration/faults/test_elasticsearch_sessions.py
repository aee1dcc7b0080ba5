"""Several sessions: in a row with some interrupted at any moment, at once, with an index that is kept or half made."""

import os
import random
import re
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from faults.containers import addresses, containers
from faults.node import until
from faults.proxy import before, running_proxy
from faults.session import OURS, Bench, command, content

pytestmark = pytest.mark.needs("es8")
SESSIONS = int(os.environ.get("RELEVANCE_SESSIONS", "4"))
SIGNALS = (signal.SIGINT, signal.SIGTERM)
PASSED, INTERRUPTED = 0, 2
BESIDE = frozenset({1, 130, -signal.SIGINT, -signal.SIGTERM})
"""How Python itself ends, before the plan is made and after pytest has ended."""
SUMMARY = re.compile(r" passed\b.* in \d+\.\d+s")
"""What pytest prints last."""


def in_a_row(bench: Bench, url: str | None, sessions: int, left: Callable[[], list[str]]) -> None:
    """Each second is interrupted at a seeded moment of the time that the first one took; nothing is left of any."""
    seeded = random.Random(20)  # noqa: S311 - moments, not secrets
    whole = 0.0
    for at in range(sessions):
        session = bench.session(url, fresh=True).start()
        allowed = {PASSED}
        interrupted = at % 2 == 1
        if interrupted:
            time.sleep(seeded.uniform(0, whole))
            allowed |= {INTERRUPTED} if session.begun else {INTERRUPTED, *BESIDE}
            session.signal(SIGNALS[at // 2 % 2])
        ended = session.end()
        if interrupted and SUMMARY.search(ended.output):
            allowed |= BESIDE
        whole = whole or ended.seconds
        assert ended.code in allowed, (at, ended.output)
        assert ended.left == [], (at, ended.output)
        assert left() == [], (at, ended.output)
        assert "Traceback" not in ended.output or ended.code in BESIDE, (at, ended.output)
        bench.alone()
        assert content(bench.out).keys() == bench.earlier.keys()


def test_sessions_on_a_cluster(bench: Bench, node: Any) -> None:
    in_a_row(bench, node.url, SESSIONS, lambda: node.indices(OURS))


@pytest.mark.needs("docker")
def test_sessions_in_containers(bench: Bench) -> None:
    """The container of a killed one, open on loopback only, is removed by the next."""
    killed = bench.session(None).start()
    until(lambda: addresses(bench.family))
    assert addresses(bench.family) == {"127.0.0.1"}
    killed.signal(signal.SIGKILL)
    assert killed.end().code == -signal.SIGKILL
    assert len(containers(bench.family)) == 1
    in_a_row(bench, None, max(2, SESSIONS // 3), lambda: containers(bench.family))


@pytest.mark.needs("docker")
def test_a_session_is_ended_while_its_container_runs(bench: Bench) -> None:
    session = bench.session(None).start()
    until(lambda: containers(bench.family))
    session.signal(signal.SIGTERM)
    ended = session.end()
    assert ended.code == INTERRUPTED, ended.output
    assert containers(bench.family) == []


@pytest.fixture
def cluster(node: Any) -> Iterator[Any]:
    """The node; indices that are kept go after the test."""
    yield node
    node.remove(OURS)


def test_two_at_once_have_an_index_each(bench: Bench, cluster: Any) -> None:
    seen: set[str] = set()

    def rule(request: Any, forward: Any) -> Any:
        if request.kind == "_msearch":
            seen.update(cluster.indices(OURS))
        return forward(request)

    with running_proxy(cluster.url, rule) as proxy:
        outs = [bench.folder / f"out{at}" for at in range(2)]
        sessions = [bench.session(proxy.url, "--out", str(out)).start() for out in outs]
        bench.ended += [session.end() for session in sessions]
    for ended, out in zip(bench.ended, outs, strict=True):
        assert ended.code == PASSED, ended.output
        assert ended.left == []
        assert (out / "runs" / "textsearch.run").read_bytes() == bench.earlier["runs/textsearch.run"]
    assert len(seen) == 2
    assert cluster.indices(OURS) == []


def test_a_half_made_index_is_not_believed_and_a_kept_one_is_used_again(bench: Bench, cluster: Any) -> None:
    """What else is not believed stands in test_elasticsearch_index."""
    with running_proxy(cluster.url) as proxy:
        session = bench.session(proxy.url, "--keep-index")
        proxy.rule = before("_bulk", 4, lambda: session.signal(signal.SIGKILL))
        assert session.start().end().code == -signal.SIGKILL
    (half,) = cluster.indices(OURS)
    bench.passes(cluster.url, "--keep-index")
    (whole,) = set(cluster.indices(OURS)) - {half}
    with running_proxy(cluster.url) as proxy:
        bench.passes(proxy.url, "--keep-index")
        assert proxy.counts["_bulk"] == 0
    assert cluster.indices(OURS) == sorted((half, whole))
    done = command("clean", "--es-url", cluster.url, temporary=bench.folder / "clean")
    assert done.code == 0, done.output
    assert cluster.indices(OURS) == [whole]
