"""`relevance clean`: what is listed, what is removed, whose indices stay."""

import os
import subprocess
import sys
from argparse import ArgumentParser
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers.cluster import URL, Cluster, Held, fail

from relevance.cli import Answer, clean
from relevance.cli.parser import COMMANDS
from relevance.engines.elasticsearch import client, container
from relevance.engines.elasticsearch.leftovers import Mark, Owner, find, this_process
from relevance.errors import CouldNotRunError, InputError

NOW = datetime.now(UTC)
OURS = this_process()
GONE, ELSEWHERE = replace(OURS, pid=2**30), replace(OURS, place="0" * 16, host="box")


def _mark(
    name: str, owner: Owner = GONE, *, age: timedelta = timedelta(hours=3), kept: bool = False, complete: bool = True
) -> Mark:
    made = NOW - age
    return Mark(f"relevance-{name}", "0" * 64, 19_406, kept, "1", made, owner, complete, 19_406)


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """One index of each kind, and some that are not ours."""
    marks = (
        _mark("a-gone"),
        _mark("b-half", kept=True, complete=False, age=timedelta(seconds=90)),
        _mark("c-kept", kept=True),
        _mark("d-running", OURS, age=timedelta(seconds=5)),
        _mark("e-new-elsewhere", ELSEWHERE, age=timedelta(hours=23)),
        _mark("f-old-elsewhere", ELSEWHERE, age=timedelta(days=2)),
    )
    cluster = Cluster(held={mark.name: Held({}, {"_meta": mark.as_meta()}, writes=2000) for mark in marks})
    cluster.held["relevance-g-copy"] = cluster.held["relevance-a-gone"]
    cluster.held["relevance-h-foreign"] = Held({}, {"_meta": {"relevance": "yes"}})
    cluster.held["shop"] = Held({}, {"_meta": _mark("shop").as_meta()})
    monkeypatch.setattr(client, "connect", lambda *_, **__: cluster.connection)
    monkeypatch.setattr(clean, "datetime", SimpleNamespace(now=lambda _: NOW))
    monkeypatch.chdir(tmp_path)
    return cluster


def _run(*argv: str) -> Answer:
    parser = ArgumentParser()
    COMMANDS["clean"][0](parser)
    return clean.run(parser.parse_args(argv))


def test_what_nobody_needs_is_removed(cluster: Cluster) -> None:
    answer = _run("--es-url", URL)
    lines = answer.lines
    assert answer.code == 0
    assert [line.split()[:2] for line in lines[:-1]] == [
        ["removed", "relevance-a-gone"],
        ["removed", "relevance-b-half"],
        ["left", "relevance-c-kept"],
        ["left", "relevance-d-running"],
        ["left", "relevance-e-new-elsewhere"],
        ["removed", "relevance-f-old-elsewhere"],
    ]
    assert lines[-1] == "3 of 6 indices removed; 2 indices named relevance-… were not made by relevance: passed over"
    assert "".join(sorted(name.removeprefix("relevance-")[0] for name in cluster.held)) == "cdeghs"


@pytest.mark.parametrize(("version", "size"), [("9.5.2", "2.0 MB"), ("8.11.0-serverless", "size unknown")])
def test_what_a_line_says(cluster: Cluster, version: str, size: str) -> None:
    cluster.version = version
    cluster.held = {name: held for name, held in cluster.held.items() if name[10:11] in "abe"}
    gone = f"by process {2**30} on {OURS.host}, which is gone"
    elsewhere = f"by process {OURS.pid} on box, of another machine"
    assert _run("--es-url", URL, "--dry-run").lines == (
        f"removes  relevance-a-gone  19,406 products  {size}  3 hours old  complete  {gone}",
        f"removes  relevance-b-half  19,406 products  {size}  1 minute old  half-made  {gone}",
        f"left     relevance-e-new-elsewhere  19,406 products  {size}  23 hours old  complete  {elsewhere}",
        "2 of 3 indices would be removed",
    )
    assert "delete" not in cluster.asked


def test_all_removes_all_of_ours(monkeypatch: pytest.MonkeyPatch, cluster: Cluster) -> None:
    monkeypatch.setenv("ES_URL", URL)
    assert _run("--all", "--dry-run").lines[-1].startswith("6 of 6 indices would be removed; ")
    assert _run("--all").lines[-1].startswith("6 of 6 indices removed; ")
    assert sorted(cluster.held) == ["relevance-g-copy", "relevance-h-foreign", "shop"]
    cluster.held.clear()
    assert _run() == Answer(0, ("0 of 0 indices removed",))


def test_a_server_that_refuses(cluster: Cluster) -> None:
    cluster.before = lambda name: fail(403, "security_exception") if name == "delete" else None
    with pytest.raises(CouldNotRunError, match=r"may not do this \(403\).*removing index relevance-a-gone"):
        _run("--es-url", URL)


def test_without_a_cluster_containers_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(container, "remove_leftovers", lambda: ["relevance-x"])
    summary = "1 container removed; for indices: relevance clean --es-url URL"
    assert _run() == Answer(0, ("removed container relevance-x", summary))
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
        {"made": None},
    ],
)
def test_an_index_with_a_damaged_mark_is_passed_over(spoilt: dict[str, object]) -> None:
    meta = _mark("x").as_meta()
    meta["relevance"] |= spoilt
    assert find(Cluster(held={"relevance-x": Held({}, {"_meta": meta})}).connection, now=NOW) == ([], 1)


def test_a_mark_that_is_written_is_read_under_its_own_name() -> None:
    mark = _mark("x", OURS)
    assert Mark.read("relevance-x", {"_meta": mark.as_meta()}) == mark
    assert Mark.read("relevance-y", {"_meta": mark.as_meta()}) is None
    earlier = mark.as_meta()
    earlier["relevance"]["made"] = "2026-11-27T12:00:00+00:00"  # as versions before this one wrote it
    assert Mark.read("relevance-x", {"_meta": earlier}) is not None


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say when a process started")
def test_a_process_runs_until_it_ends_and_no_other_is_taken_for_it() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[19]
    owner = Owner(OURS.host, OURS.place, child.pid, started)
    states = [owner.state, replace(owner, started="1").state, replace(owner, place="x").state]
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    states.append(owner.state)  # its parent has not asked for its end yet
    child.communicate()
    assert [*states, owner.state] == ["running", "gone", "elsewhere", "gone", "gone"]
    assert this_process().state == "running"
