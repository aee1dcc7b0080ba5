"""A session of the plugin with an engine that can fail, has something to say, and is interrupted."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest
from helpers.project import write_project

from relevance import engines
from relevance.engines.embedded import EmbeddedEngine
from relevance.errors import CouldNotRunError, InputError, RelevanceError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from relevance.engines.base import QueryBatch
    from relevance.records import Ranking
    from relevance.strategies import Leg

pytest_plugins = ["pytester"]

TEXT = ("--strategy", "textsearch", "--strategy", "textsearch_boosted")


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project of a user."""
    return write_project(pytester)


def _run(project: pytest.Pytester, *options: str) -> pytest.RunResult:
    return project.runpytest_inprocess("benchmarks", "--dataset", "homedepot:data", *options)


def _use(monkeypatch: pytest.MonkeyPatch, *, hint: str = "") -> None:
    monkeypatch.setattr(
        engines, "choose", lambda *_: engines.embedded_choice("embedded (no Docker engine answers)", hint)
    )


# what is said


def test_the_header_says_which_engine_and_how_to_get_another(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line for the engine, and the hint below it."""
    _use(monkeypatch, hint="for Elasticsearch: --es-url URL")
    lines = _run(project, *TEXT).stdout.lines
    at = lines.index("engine: embedded (no Docker engine answers)")
    assert lines[at + 1] == "  for Elasticsearch: --es-url URL"
    assert lines[at - 1].startswith("sha256 corpus ")


def test_the_header_says_what_is_to_be_known_of_the_index(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What would change the judgement of the numbers stands before them."""
    choice = replace(engines.embedded_choice(), notes=("index 'shop': 3 deleted documents",))
    monkeypatch.setattr(engines, "choose", lambda *_: choice)
    lines = _run(project, *TEXT).stdout.lines
    assert lines.index("note: index 'shop': 3 deleted documents") < lines.index(
        next(one for one in lines if "MRR" in one)
    )


def test_notes_of_the_engine_stand_before_the_results(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are asked for when the engine is closed, and printed once."""
    closed: list[bool] = []
    monkeypatch.setattr(EmbeddedEngine, "close", lambda _: closed.append(True))
    monkeypatch.setattr(EmbeddedEngine, "notes", lambda _: (f"closed {len(closed)} times", "2 searches asked again"))
    lines = _run(project, *TEXT).stdout.lines
    notes = [line for line in lines if line.startswith(("note: closed", "note: 2 searches", "results: "))]
    assert notes == ["note: closed 1 times", "note: 2 searches asked again", "results: .relevance/latest"]


class _Served(EmbeddedEngine):
    """Says of every search that a server took 2 ms for it."""

    version = "8.19.5"
    facts = MappingProxyType({"vector_index": "flat", "shards": 3, "segments": 1})
    took_ms = 0.0

    def search(self, leg: Leg, batch: QueryBatch, *, hits: int) -> Ranking:
        """Rank, and count the time."""
        self.took_ms += 2.0
        return super().search(leg, batch, hits=hits)


def test_the_time_of_a_server_is_in_the_table_and_in_the_results(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside the client's; below the table stands where the time before the first search went."""
    monkeypatch.setattr("relevance.engines.embedded.EmbeddedEngine", _Served)
    monkeypatch.setattr(engines, "choose", lambda *_: replace(engines.embedded_choice(), name="elasticsearch"))
    result = _run(project, *TEXT)
    result.stdout.fnmatch_lines(
        [
            "strategy *time (s)  took (s)  queries/s*",
            "textsearch *  0.002  *",
            "elasticsearch 8.19.5: 5 products indexed*",
        ]
    )
    assert "elasticsearch 8.19.5: 5 products indexed in 0.0 s; 3 shards, 1 segment" in result.stdout.lines
    results = json.loads((project.path / ".relevance/latest/results.json").read_text())
    assert results["engine"]["facts"] == {"vector_index": "flat", "shards": 3, "segments": 1}
    row = results["strategies"]["textsearch"]
    assert row["took"] == {"run_time_s": 0.002, "p50_ms": 2.0, "p95_ms": 2.0}
    assert list(row["latency_ms"]) == ["p50", "p95"]


# what fails


def _fail(error: RelevanceError, *, after: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let searches fail after some; what comes back is told of every engine that is closed."""
    searched, closed = [], []
    search = EmbeddedEngine.search

    def failing(self: EmbeddedEngine, leg: Leg, batch: QueryBatch, *, hits: int) -> Ranking:
        searched.append(leg)
        if len(searched) > after:
            raise error
        return search(self, leg, batch, hits=hits)

    monkeypatch.setattr(EmbeddedEngine, "search", failing)
    monkeypatch.setattr(EmbeddedEngine, "close", lambda _: closed.append("closed"))
    monkeypatch.setattr(EmbeddedEngine, "notes", lambda _: ("index relevance-x is still there",))
    return closed


FIRST_STRATEGY = 204
"""Searches of a text strategy: four rounds and 200 single queries."""


@pytest.mark.parametrize(("after", "kind", "code"), [(0, CouldNotRunError, 7), (FIRST_STRATEGY + 1, InputError, 4)])
def test_an_engine_that_fails_ends_the_session(
    project: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    kind: type[RelevanceError],
    code: int,
    after: int,
) -> None:
    """Its code, its line once, its details below, the engine closed once, earlier results as they were."""
    assert _run(project, "--strategy", "textsearch").ret == 0
    folder = project.path / ".relevance" / "latest"
    before = {path: path.read_bytes() for path in folder.rglob("*.*")}
    error = kind("elasticsearch at http://a:1: gone", details=["last line but one", "last line"])
    closed = _fail(error, after=after, monkeypatch=monkeypatch)
    result = _run(project, *TEXT)
    assert result.ret == code
    text = result.stdout.str() + result.stderr.str()
    assert text.count("ERROR: elasticsearch at http://a:1: gone") == 1
    result.stdout.fnmatch_lines(["ERROR: elasticsearch at http://a:1: gone", "  last line but one", "  last line"])
    assert text.count("note: index relevance-x is still there") == 1
    assert "Traceback" not in text
    assert "results:" not in text
    assert closed == ["closed"]
    assert {path: path.read_bytes() for path in folder.rglob("*.*")} == before
    assert [path.name for path in folder.parent.iterdir()] == ["latest"]


@pytest.mark.parametrize(
    ("kind", "code", "head"), [(CouldNotRunError, 7, "ERROR: gone"), (InputError, 4, "ERROR: gone")]
)
def test_details_at_collection(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, kind: type[RelevanceError], code: int, head: str
) -> None:
    """They stand below the line, whichever stream it is on."""

    def fail(*_: object) -> None:
        raise kind("gone", details=("one", "two"))

    monkeypatch.setattr(engines, "choose", fail)
    result = _run(project, *TEXT)
    assert result.ret == code
    lines = result.stdout if code == 7 else result.stderr
    lines.fnmatch_lines([head, "  one", "  two"])


def test_what_goes_wrong_at_the_end_is_a_note(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was measured stands; the session's code is that of the measurements."""

    def stuck(_: object) -> None:
        raise CouldNotRunError("container relevance-x: not removed")

    monkeypatch.setattr(EmbeddedEngine, "close", stuck)
    result = _run(project, *TEXT)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["note: container relevance-x: not removed", "results: *"])


# what is interrupted

SLOW = """
import os, signal, sys, time
from pathlib import Path
from contextlib import contextmanager
from relevance import engines
from relevance.engines.embedded import EmbeddedEngine

pytest_plugins = ["relevance.plugin"]

def pytest_configure():
    from relevance.plugin import interrupts
    interrupts._ONE_PRESS_S = 0

class Indexer(engines._EmbeddedIndexer):
    def index(self, *args, **options):
        Path("indexing").touch()
        {in_index}
        return super().index(*args, **options)

@contextmanager
def opened(*, progress):
    try:
        yield Indexer()
    finally:
        Path("closing").touch()
        time.sleep(0.5)
        Path("closed").touch()

def searching(self, leg, batch, *, hits):
    Path("searching").touch()
    time.sleep(30)

engines.open_embedded = opened
EmbeddedEngine.search = searching
"""


def _started(project: pytest.Pytester, *, stage: str) -> subprocess.Popen[str]:
    """A session in a process of its own that has come to a stage and stays there.

    Of signals that follow each other none is left out as the same press: only what is closing is not interrupted.
    """
    slow = SLOW.replace("{in_index}", "time.sleep(30)" if stage == "indexing" else "pass")
    (project.path / "conftest.py").write_text(slow)
    command = [sys.executable, "-m", "pytest", "benchmarks", "--dataset", "homedepot:data", "--strategy", "textsearch"]
    process = subprocess.Popen(  # noqa: S603 - own command
        command, cwd=project.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    _wait_for(project.path / stage, process)
    return process


def _wait_for(mark: Path, process: subprocess.Popen[str]) -> None:
    while not mark.exists():
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("stage", "signals"),
    [("indexing", [signal.SIGTERM, signal.SIGINT, signal.SIGTERM]), ("searching", [signal.SIGINT, signal.SIGINT])],
)
def test_signals_leave_nothing_behind(project: pytest.Pytester, signals: Sequence[int], stage: str) -> None:
    """Whatever comes, and when: what was started is closed to its end, nothing is written, exit code 2."""
    process = _started(project, stage=stage)
    process.send_signal(signals[0])
    for number in signals[1:]:
        _wait_for(project.path / "closing", process)
        process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 2, output
    assert (project.path / "closed").exists()
    assert not (project.path / ".relevance").exists()
    assert "KeyboardInterrupt" in output
    assert "Traceback" not in output


def test_signals_belong_to_pytest_before_and_after(project: pytest.Pytester) -> None:
    """A session without benchmarks takes none, and one with them gives them back."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    (project.path / "benchmarks" / "test_other.py").write_text(
        "import signal\ndef test_other(): assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL"
    )
    assert project.runpytest_inprocess("benchmarks/test_other.py").ret == 0
    assert _run(project, *TEXT, "--deselect", "benchmarks/test_other.py::test_other").ret == 0
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
