"""A session of the plugin with an engine that takes times, can fail, has something to say, and is interrupted."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest
from helpers.project import calibrate_little, printed, results, usage_error, write_project
from threadpoolctl import threadpool_info, threadpool_limits

import relevance.suite
from relevance import engines, plugin, runner
from relevance.engines.embedded import EmbeddedEngine
from relevance.errors import CouldNotRunError, InputError, RelevanceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from relevance.engines import QueryBatch
    from relevance.records import Ranking
    from relevance.strategies import Leg

pytest_plugins = ["pytester"]

TEXT = ("--strategy", "textsearch", "--strategy", "textsearch_boosted")


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project of a user."""
    monkeypatch.setattr(runner, "SINGLE_QUERIES", 10)
    return write_project(pytester)


def _run(project: pytest.Pytester, *options: str, **settings: Any) -> pytest.RunResult:
    return project.runpytest_inprocess("benchmarks", "--dataset", "homedepot:data", *options, **settings)


# what is said


class _Served(EmbeddedEngine):
    """Says of every search that a server took 2 ms for it."""

    version = "8.19.5"
    facts = MappingProxyType({"vector_index": "flat", "shards": 3, "segments": 1})
    took_ms = 0.0

    def search(self, leg: Leg, batch: QueryBatch, *, hits: int) -> Ranking:
        """Rank, and count the time."""
        self.took_ms += 2.0
        return super().search(leg, batch, hits=hits)


def test_what_is_said_of_an_engine(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which, and how to get another; what is to be known of its index; its own time; its notes, once it is closed."""
    closed: list[bool] = []
    monkeypatch.setattr(_Served, "close", lambda _: closed.append(True))
    monkeypatch.setattr(_Served, "notes", lambda _: (f"closed {len(closed)} times", "2 searches asked again"))
    monkeypatch.setattr("relevance.engines.embedded.EmbeddedEngine", _Served)
    choice = engines.embedded_choice("elasticsearch 8.19.5 (asked for)", "for another: --es-url URL")
    choice = replace(choice, name="elasticsearch", notes=("index 'shop': 3 deleted documents",))
    monkeypatch.setattr(engines, "choose", lambda *_: choice)
    result = _run(project, *TEXT)
    result.stdout.fnmatch_lines(
        [
            "sha256 corpus *",
            "engine: elasticsearch 8.19.5 (asked for)",
            "  for another: --es-url URL",
            "note: index 'shop': 3 deleted documents",
            "strategy *time (s)  took (s)  queries/s*",
            "textsearch *  0.002  *",
            "elasticsearch 8.19.5: 5 products indexed in * s; 3 shards, 1 segment",
            "note: closed 1 times",
            "note: 2 searches asked again",
            "results: .relevance/latest",
        ]
    )
    assert printed(result).count("note: closed") == 1
    document = results(project)
    assert document["engine"]["facts"] == {"vector_index": "flat", "shards": 3, "segments": 1}
    row = document["strategies"]["textsearch"]
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


@pytest.mark.parametrize(("after", "kind", "code"), [(0, CouldNotRunError, 7), (1, InputError, 4)])
def test_an_engine_that_fails_ends_the_session(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, kind: type[RelevanceError], code: int, after: int
) -> None:
    """Its code, its line once, its details below, the engine closed once, earlier results as they were."""
    assert _run(project, "--strategy", "textsearch", "--benchmark-disable").ret == 0
    folder = project.path / ".relevance" / "latest"
    before = {path: path.read_bytes() for path in folder.rglob("*.*")}
    error = kind("elasticsearch at http://a:1: gone", details=["last line but one", "last line"])
    closed = _fail(error, after=after, monkeypatch=monkeypatch)
    result = _run(project, *TEXT, "--benchmark-disable")
    assert result.ret == code
    text = printed(result)
    assert text.count("ERROR: elasticsearch at http://a:1: gone") == 1
    result.stdout.fnmatch_lines(["ERROR: elasticsearch at http://a:1: gone", "  last line but one", "  last line"])
    assert text.count("note: index relevance-x is still there") == 1
    assert "results:" not in text
    assert closed == ["closed"]
    assert {path: path.read_bytes() for path in folder.rglob("*.*")} == before
    assert [path.name for path in folder.parent.iterdir()] == ["latest"]


@pytest.mark.parametrize(
    ("place", "kind", "code"),
    [
        ("relevance.engines.choose", CouldNotRunError, 7),
        ("relevance.engines.choose", InputError, 4),
        ("relevance.suite.prepare", InputError, 4),
    ],
)
def test_what_fails_before_a_search(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, kind: type[RelevanceError], code: int, place: str
) -> None:
    """At collection or in a session fixture: code, line and details, whichever stream they are on; no traceback."""

    def fail(*_: object, **__: object) -> None:
        raise kind("gone", details=("one", "two"))

    monkeypatch.setattr(place, fail)
    result = _run(project, *TEXT)
    if code == 4 and place.endswith("choose"):
        assert usage_error(result) == "gone"
        result.stderr.fnmatch_lines(["ERROR: gone", "  one", "  two"])
    else:
        assert result.ret == code
        assert printed(result).count("gone") == 1
        result.stdout.fnmatch_lines(["ERROR: gone", "  one", "  two"])


def test_what_goes_wrong_at_the_end_is_a_note(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was measured stands; the session's code is that of the measurements."""

    def stuck(_: object) -> None:
        raise CouldNotRunError("container relevance-x: not removed")

    monkeypatch.setattr(EmbeddedEngine, "close", stuck)
    result = _run(project, *TEXT, "--benchmark-disable")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["note: container relevance-x: not removed", "results: *"])


# times


@pytest.mark.parametrize(("options", "timed"), [(("--update-baseline",), True), (("--benchmark-disable",), False)])
def test_times_are_taken_in_one_thread(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], *, timed: bool
) -> None:
    """More would make vectors faster and text not; where nothing is compared, there are as many as ever."""
    calibrate_little(monkeypatch)
    threads: list[int] = []
    search = runner.search

    def watched(*arguments: Any, **options: Any) -> Any:
        threads.append(max(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"))
        return search(*arguments, **options)

    monkeypatch.setattr(runner, "search", watched)
    with threadpool_limits(2, user_api="blas"):
        _run(project, *TEXT[:2], *options).assert_outcomes(passed=1, skipped=1)
    warmed_up, *others = threads
    assert warmed_up == 2, "the calibration's first search is not timed"
    assert set(others) == ({1} if timed else set())


@pytest.mark.parametrize("options", [(), ("--update-baseline",)])
def test_an_interrupt_times_nothing_more(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    """Whoever presses Control-C does not wait for what is timed again where nobody interrupts."""
    asked = []

    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(relevance.suite, "settle_run_times", asked.append)
    monkeypatch.setattr(relevance.suite, "confirm_run_times", lambda suite, *_: asked.append(suite))
    times = ("--benchmark-disable", "-k", "test_strategy")
    _run(project, *TEXT[:2], *options, *times)
    assert len(asked) == 1
    monkeypatch.setattr(relevance.suite.Suite, "judge", interrupted)
    assert _run(project, *TEXT[:2], *options, *times, no_reraise_ctrlc=True).ret == pytest.ExitCode.INTERRUPTED
    assert len(asked) == 1


# what is interrupted


@pytest.mark.parametrize(
    ("stage", "signals"),
    [("indexing", [signal.SIGTERM, signal.SIGINT, signal.SIGTERM]), ("searching", [signal.SIGINT, signal.SIGINT])],
)
def test_signals_leave_nothing_behind(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, signals: Sequence[int], stage: str
) -> None:
    """Whatever comes, and when: what was started is closed to its end, nothing is written, exit code 2."""
    first, *others = signals
    events: list[str] = []

    class Indexer(engines._EmbeddedIndexer):
        def index(self, *args: Any, **options: Any) -> EmbeddedEngine:
            if stage == "indexing":
                os.kill(os.getpid(), first)
            return super().index(*args, **options)

    @contextmanager
    def opened(*, progress: bool) -> Iterator[Indexer]:
        del progress
        try:
            yield Indexer()
        finally:
            for number in others:
                os.kill(os.getpid(), number)
            events.append("closed")

    def searching(*_: object, **__: object) -> None:
        os.kill(os.getpid(), first)
        events.append("searched")

    monkeypatch.setattr(plugin, "_ONE_PRESS_S", 0)  # none is left out as the same press
    monkeypatch.setattr(engines, "open_embedded", opened)
    monkeypatch.setattr(EmbeddedEngine, "search", searching)
    result = _run(project, *TEXT[:2], "--benchmark-disable", no_reraise_ctrlc=True)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert "KeyboardInterrupt" in printed(result)
    assert events == ["closed"]
    assert not (project.path / ".relevance").exists()


def test_signals_belong_to_pytest_before_and_after(project: pytest.Pytester) -> None:
    """A session without benchmarks takes none, and one with them gives them back."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    (project.path / "benchmarks" / "test_other.py").write_text(
        "import signal\ndef test_other(): assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL"
    )
    assert project.runpytest_inprocess("benchmarks/test_other.py").ret == 0
    assert _run(project, *TEXT, "--benchmark-disable", "-k", "not other").ret == 0
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
