"""`relevance clean`: what is listed, what is removed, whose indices stay."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers.cluster import URL, Cluster, Held, fail

from relevance.cli import Answer, clean
from relevance.cli.parser import COMMANDS
from relevance.engines.elasticsearch import client, container
from relevance.engines.elasticsearch.leftovers import Mark, Owner, find, this_process
from relevance.errors import CouldNotRunError, InputError

NOW = 1_800_000_000.0
HOUR, DAY = 3600, 24 * 3600
OURS = this_process()
GONE = replace(OURS, pid=2**30)
ELSEWHERE = replace(OURS, place="0" * 16, host="box")


def _mark(name: str, **changes: Any) -> Mark:
    mark = Mark(
        name=f"relevance-{name}",
        content="0" * 64,
        products=19_406,
        kept=False,
        token="0" * 8,
        version="1",
        made=NOW - 3 * HOUR,
        owner=GONE,
        complete=True,
        operations=19_406,
    )
    return replace(mark, **changes)


def _cluster(*marks: Mark) -> Cluster:
    return Cluster(held={mark.name: Held({}, {"_meta": mark.as_meta()}, writes=2000) for mark in marks})


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """One index of each kind, and two that are not ours."""
    cluster = _cluster(
        _mark("a-gone"),
        _mark("b-half", kept=True, complete=False, made=NOW - 90),
        _mark("c-kept", kept=True),
        _mark("d-running", owner=OURS, made=NOW - 5),
        _mark("e-new-elsewhere", owner=ELSEWHERE, made=NOW - 23 * HOUR),
        _mark("f-old-elsewhere", owner=ELSEWHERE, made=NOW - 2 * DAY),
    )
    cluster.held["relevance-g-copy"] = cluster.held["relevance-a-gone"]
    cluster.held["relevance-h-foreign"] = Held({}, {"_meta": {"relevance": "yes"}})
    cluster.held["shop"] = Held({}, {"_meta": _mark("shop").as_meta()})
    monkeypatch.setattr(client, "connect", lambda *_, **__: cluster.connection)
    monkeypatch.setattr(time, "time", lambda: NOW)
    return cluster


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _run(*argv: str) -> Answer:
    parser = ArgumentParser()
    add_arguments, _ = COMMANDS["clean"]
    add_arguments(parser)
    return clean.run(parser.parse_args(argv))


def test_what_nobody_needs_is_removed(cluster: Cluster) -> None:
    """Half-made ones and those without --keep-index go, when their process is gone or a day old elsewhere."""
    answer = _run("--es-url", URL)
    assert answer.code == 0
    assert [re.split(" +", line)[:2] for line in answer.lines[:-1]] == [
        ["removed", "relevance-a-gone"],
        ["removed", "relevance-b-half"],
        ["left", "relevance-c-kept"],
        ["left", "relevance-d-running"],
        ["left", "relevance-e-new-elsewhere"],
        ["removed", "relevance-f-old-elsewhere"],
    ]
    assert (
        answer.lines[-1]
        == "3 of 6 indices removed; 2 indices named relevance-… were not made by relevance: passed over"
    )
    assert [name.removeprefix("relevance-")[0] for name in sorted(cluster.held)] == ["c", "d", "e", "g", "h", "s"]


def test_what_a_line_says(cluster: Cluster) -> None:
    """Name, products, size on disk, age, state and whose it is."""
    cluster.held = {name: held for name, held in cluster.held.items() if name[10:11] in "abe"}
    gone = f"by process {2**30} on {OURS.host}, which is gone"
    elsewhere = f"by process {OURS.pid} on box, of another machine"
    assert _run("--es-url", URL, "--dry-run").lines == (
        f"removes  relevance-a-gone  19,406 products  2.0 MB  3 hours old  complete  {gone}",
        f"removes  relevance-b-half  19,406 products  2.0 MB  1 minute old  half-made  {gone}",
        f"left     relevance-e-new-elsewhere  19,406 products  2.0 MB  23 hours old  complete  {elsewhere}",
        "2 of 3 indices would be removed",
    )


def test_a_dry_run_removes_nothing(cluster: Cluster) -> None:
    """It says what would be removed, and nothing is written."""
    before = set(cluster.held)
    for more in ((), ("--all",)):
        assert "would be removed" in _run("--es-url", URL, "--dry-run", *more).lines[-1]
    assert set(cluster.held) == before
    assert "delete" not in cluster.asked


def test_all_removes_all_of_ours(monkeypatch: pytest.MonkeyPatch, cluster: Cluster) -> None:
    """Kept ones and those of running processes go too, no others'. ES_URL names the cluster too; none is no error."""
    monkeypatch.setenv("ES_URL", URL)
    assert _run("--all").lines[-1].startswith("6 of 6 indices removed; ")
    assert sorted(cluster.held) == ["relevance-g-copy", "relevance-h-foreign", "shop"]
    cluster.held.clear()
    assert _run() == Answer(0, ("0 of 0 indices removed",))


def test_a_server_that_refuses(cluster: Cluster) -> None:
    """An error while removing is one line, and the command fails."""
    cluster.before = lambda name: fail(403, "security_exception") if name == "delete" else None
    with pytest.raises(CouldNotRunError, match=r"may not do this \(403\).*removing index relevance-a-gone"):
        _run("--es-url", URL)


def test_without_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a cluster containers are removed, and what is for indices is an error."""
    monkeypatch.setattr(container, "remove_leftovers", lambda: ["relevance-x"])
    assert _run() == Answer(
        0, ("removed container relevance-x", "1 container removed; for indices: relevance clean --es-url URL")
    )
    for option in ("--all", "--dry-run"):
        with pytest.raises(InputError, match=f"{option} is for indices on a cluster; allowed beside it: --es-url URL"):
            _run(option)


@pytest.mark.parametrize(
    "spoilt",
    [
        {"owner": None},
        {"owner": {"host": "x", "pid": "12"}},
        {"owner": {**vars(OURS), "pid": True}},
        {"owner": {**vars(OURS), "pid": 10**30}},
        {"made": "yesterday"},
        {"made": None, "owner": vars(ELSEWHERE)},
    ],
)
def test_marks_that_are_damaged(spoilt: dict[str, Any]) -> None:
    """What an index does not say of itself is never a reason to remove it."""
    cluster = _cluster(_mark("x", made=NOW - HOUR, owner=OURS))
    cluster.held["relevance-x"].mappings["_meta"]["relevance"].update(spoilt)
    ((found,), _) = find(cluster.connection, now=NOW)
    assert not found.is_abandoned


def test_a_mark_that_is_written_is_read() -> None:
    """All of it, the time to the second."""
    mark = _mark("x", made=NOW, owner=OURS)
    assert Mark.read("relevance-x", {"_meta": mark.as_meta()}) == mark
    assert Mark.read("relevance-y", {"_meta": mark.as_meta()}) is None


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say when a process started")
def test_owners() -> None:
    """A process runs until it ends; a number that another process got, or of another machine, is not taken for it."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[19]
    owner = replace(OURS, pid=child.pid, started=started)
    states = [owner.state, replace(owner, started="1").state, replace(owner, place="x").state]
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    states.append(owner.state)  # its parent has not asked for its end yet
    child.communicate()
    assert [*states, owner.state] == ["running", "gone", "elsewhere", "gone", "gone"]
    assert this_process().state == "running"
    assert Owner.read(vars(owner)) == owner
