"""A session of the plugin with an engine that takes times, can fail, has something to say, and is interrupted."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from helpers.project import calibrate_little, printed, results, usage_error, write_project
from threadpoolctl import threadpool_info, threadpool_limits

import relevance.suite
from relevance import engines, interrupts, runner
from relevance.engines.embedded import EmbeddedEngine
from relevance.errors import CouldNotRunError, InputError, RelevanceError, StrategyError

pytest_plugins = ["pytester"]

ONE = ("--strategy", "textsearch")
TEXT = ("--strategy", "textsearch,textsearch_boosted")


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.setattr(runner, "SINGLE_QUERIES", 10)
    return write_project(pytester)


def run(project: pytest.Pytester, *options: str, timed: bool = False, **settings: Any) -> pytest.RunResult:
    times = () if timed else ("--benchmark-disable",)
    return project.runpytest_inprocess("benchmarks", "--dataset", "homedepot:data", *times, *options, **settings)


class Served(EmbeddedEngine):
    """Says of every search that a server took 2 ms for it."""

    version = "8.19.5"
    facts = MappingProxyType({"vector_index": "flat", "shards": 3, "segments": 1})
    took_ms = 0.0

    def search(self, *arguments: Any, **options: Any) -> Any:
        self.took_ms += 2.0
        return super().search(*arguments, **options)


def test_what_is_said_of_an_engine(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[bool] = []
    monkeypatch.setattr(Served, "close", lambda _: closed.append(True))
    monkeypatch.setattr(Served, "notes", lambda _: (f"closed {len(closed)} times", "2 searches asked again"))
    monkeypatch.setattr("relevance.engines.embedded.EmbeddedEngine", Served)
    choice = engines.embedded_choice("elasticsearch 8.19.5 (asked for)", "for another: --es-url URL")
    choice = replace(choice, name="elasticsearch", notes=("index 'shop': 3 deleted documents",))
    monkeypatch.setattr(engines, "choose", lambda *_: choice)
    result = run(project, *TEXT, timed=True)
    result.stdout.fnmatch_lines(
        [
            "sha256 corpus *",
            "engine: elasticsearch 8.19.5 (asked for)",
            "  for another: --es-url URL",
            "note: index 'shop': 3 deleted documents",
            "strategy *time (s)  took (s)  queries/s*",
            "textsearch *  0.002  *",
            "elasticsearch 8.19.5: 5 products indexed in * s; 3 shards, 1 segment each",
            "note: closed 1 times",
            "note: 2 searches asked again",
            "results: .relevance/latest",
        ]
    )
    assert printed(result).count("note: closed") == 1
    document = results(project)
    assert document["engine"]["facts"] == Served.facts
    row = document["strategies"]["textsearch"]
    assert row["took"] == {"run_time_s": 0.002, "p50_ms": 2.0, "p95_ms": 2.0}
    assert list(row["latency_ms"]) == ["p50", "p95"]


# what fails


@pytest.mark.parametrize(("after", "kind", "code"), [(0, CouldNotRunError, 7), (1, InputError, 4)])
def test_an_engine_that_fails_ends_the_session(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, kind: type[RelevanceError], code: int, after: int
) -> None:
    assert run(project, *ONE).ret == 0
    folder = project.path / ".relevance" / "latest"
    before = {path: path.read_bytes() for path in folder.rglob("*.*")}
    searched, closed, search = [], [], EmbeddedEngine.search

    def failing(self: EmbeddedEngine, leg: Any, *arguments: Any, **options: Any) -> Any:
        searched.append(leg)
        if len(searched) > after:
            raise kind("elasticsearch at http://a:1: gone", details=["last line but one", "last line"])
        return search(self, leg, *arguments, **options)

    monkeypatch.setattr(EmbeddedEngine, "search", failing)
    monkeypatch.setattr(EmbeddedEngine, "close", lambda _: closed.append("closed"))
    monkeypatch.setattr(EmbeddedEngine, "notes", lambda _: ("index relevance-x is still there",))
    result = run(project, *TEXT)
    assert result.ret == code
    text = printed(result)
    assert text.count("ERROR: elasticsearch at http://a:1: gone") == 1
    result.stdout.fnmatch_lines(["ERROR: elasticsearch at http://a:1: gone", "  last line but one", "  last line"])
    assert text.count("note: index relevance-x is still there") == 1
    assert "results:" not in text
    assert closed == ["closed"]
    assert {path: path.read_bytes() for path in folder.rglob("*.*")} == before
    assert [path.name for path in folder.parent.iterdir()] == ["latest"]


def test_a_template_that_gives_no_ranking_fails_its_strategy_alone(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = EmbeddedEngine.search

    def refusing(self: EmbeddedEngine, leg: Any, *arguments: Any, **options: Any) -> Any:
        if leg.text[0] == ("title", 8):
            raise StrategyError("the template: unknown query")
        return search(self, leg, *arguments, **options)

    monkeypatch.setattr(EmbeddedEngine, "search", refusing)
    result = run(project, *TEXT)
    assert result.ret == 1
    line = "strategy 'textsearch_boosted': the template: unknown query"
    result.stdout.fnmatch_lines([line, "textsearch_boosted  - *FAIL", f"FAIL: {line}"])
    result.stdout.no_fnmatch_line("*another exception*")
    document = results(project)
    assert list(document["strategies"]) == ["textsearch"]
    assert document["not_run"] == {"textsearch_boosted": line}


@pytest.mark.parametrize("options", [(), ("--update-baseline",)])
def test_where_no_template_gives_a_ranking_results_say_so(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, options: tuple[str, ...]
) -> None:
    if not options:
        assert run(project, *ONE, "--update-baseline").ret == pytest.ExitCode.OK
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))

    def refusing(*_: object, **__: object) -> None:
        raise StrategyError("the template: unknown query")

    monkeypatch.setattr(EmbeddedEngine, "search", refusing)
    result = run(project, *ONE, *options)
    assert result.ret == 1
    assert not options or "homedepot.json was not written: textsearch not measured" in printed(result)
    line = "strategy 'textsearch': the template: unknown query"
    result.stdout.fnmatch_lines(["textsearch  - *FAIL", f"FAIL: {line}", "results: .relevance/latest"])
    assert (results(project)["strategies"], results(project)["not_run"]) == ({}, {"textsearch": line})
    assert f"- ❌ {line}" in (tmp_path / "summary.md").read_text(encoding="utf-8").replace("\\", "")


def test_notes_are_in_the_results_as_well(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    choice = replace(engines.embedded_choice(), notes=("15 of 30 documents have a vector in 'emb'",))
    monkeypatch.setattr(engines, "choose", lambda *_: choice)
    monkeypatch.setattr(EmbeddedEngine, "notes", lambda _: (*choice.notes, "index relevance-x is still there"))
    (project.path / "relevance.toml").write_text('[strategies.raw]\ntemplate = "raw.json"')
    (project.path / "raw.json").write_text('{"query": "{{qeury}}"}')
    result = run(project, *ONE)
    assert result.ret == pytest.ExitCode.OK
    notes = results(project)["notes"]
    assert notes[0].startswith("passed over, as it does not run here: ")
    assert f"strategy 'raw' ({project.path}/raw.json): template: unknown mark '{{{{qeury}}}}'" in notes[0]
    assert notes[1] == choice.notes[0]
    assert notes.count(choice.notes[0]) == notes.count("index relevance-x is still there") == 1
    assert [note for note in notes if f"note: {note}" not in printed(result)] == []
    assert "template: unknown mark" in usage_error(run(project))


@pytest.mark.parametrize(
    ("place", "kind", "code"),
    [("engines.choose", CouldNotRunError, 7), ("engines.choose", InputError, 4), ("suite.prepare", InputError, 4)],
)
def test_what_fails_before_a_search(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, kind: type[RelevanceError], code: int, place: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise kind("gone", details=("one", "two"))

    monkeypatch.setattr(f"relevance.{place}", fail)
    result = run(project, *TEXT)
    assert result.ret == code
    assert printed(result).count("gone") == 1
    of_usage = code == 4 and place == "engines.choose"  # which pytest itself prints
    (result.stderr if of_usage else result.stdout).fnmatch_lines(["ERROR: gone", "  one", "  two"])
    assert not of_usage or usage_error(result) == "gone"


def test_what_goes_wrong_at_the_end_is_a_note(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    def stuck(_: object) -> None:
        raise CouldNotRunError("container relevance-x: not removed")

    monkeypatch.setattr(EmbeddedEngine, "close", stuck)
    result = run(project, *TEXT)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["note: container relevance-x: not removed", "results: *"])


# times


@pytest.mark.parametrize(("options", "timed"), [(("--update-baseline",), True), ((), False)])
def test_times_are_taken_in_one_thread(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], *, timed: bool
) -> None:
    calibrate_little(monkeypatch)
    threads: list[int] = []
    search = runner.search

    def watched(*arguments: Any, **options: Any) -> Any:
        threads.append(max(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"))
        return search(*arguments, **options)

    monkeypatch.setattr(runner, "search", watched)
    with threadpool_limits(2, user_api="blas"):
        run(project, *ONE, *options, timed=timed).assert_outcomes(passed=1, skipped=1)
    warmed_up, *others = threads
    assert warmed_up == 2, "the calibration's first search is not timed"
    assert set(others) == ({1} if timed else set())


@pytest.mark.parametrize("options", [(), ("--update-baseline",)])
def test_an_interrupt_times_nothing_more(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    asked: list[Any] = []

    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(relevance.suite, "settle_run_times", asked.append)
    monkeypatch.setattr(relevance.suite, "confirm_run_times", lambda suite, *_: asked.append(suite))
    run(project, *ONE, *options, "-k", "test_strategy")
    assert len(asked) == 1
    monkeypatch.setattr(relevance.suite.Suite, "judge", interrupted)
    ended = run(project, *ONE, *options, "-k", "test_strategy", no_reraise_ctrlc=True)
    assert ended.ret == pytest.ExitCode.INTERRUPTED
    assert len(asked) == 1


# what is interrupted


@pytest.mark.parametrize(
    ("stage", "signals"),
    [("indexing", [signal.SIGTERM, signal.SIGINT, signal.SIGTERM]), ("searching", [signal.SIGINT, signal.SIGINT])],
)
def test_signals_leave_nothing_behind(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, signals: list[int], stage: str
) -> None:
    first, *others = signals
    events: list[str] = []

    class Indexer(engines._EmbeddedIndexer):
        def index(self, *args: Any, **options: Any) -> EmbeddedEngine:
            if stage == "indexing":
                os.kill(os.getpid(), first)
            return super().index(*args, **options)

    @contextmanager
    def opened(**_: bool) -> Iterator[Indexer]:
        try:
            yield Indexer()
        finally:
            for number in others:
                os.kill(os.getpid(), number)
            events.append("closed")

    def searching(*_: object, **__: object) -> None:
        os.kill(os.getpid(), first)
        events.append("searched")

    monkeypatch.setattr(interrupts, "_ONE_PRESS_S", 0)  # none is left out as the same press
    monkeypatch.setattr(engines, "open_embedded", opened)
    monkeypatch.setattr(EmbeddedEngine, "search", searching)
    result = run(project, *ONE, no_reraise_ctrlc=True)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert "KeyboardInterrupt" in printed(result)
    assert events == ["closed"]
    assert not (project.path / ".relevance").exists()


def test_signals_belong_to_pytest_before_and_after(project: pytest.Pytester) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    (project.path / "benchmarks" / "test_other.py").write_text(
        "import signal\ndef test_other(): assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL"
    )
    assert project.runpytest_inprocess("benchmarks/test_other.py").ret == 0
    assert run(project, *TEXT, "-k", "not other").ret == 0
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
