"""Run times: those of this thread alone, beside a calibration, and taken again where they look slow."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from helpers.snapshots import random_measurement, snapshot

from relevance import engines
from relevance.errors import StrategyError
from relevance.gate import Limits
from relevance.records import NO_HIT, Ranking
from relevance.suite import Baseline, compare, confirm_run_times, measure, settle_run_times
from relevance.suite.measure import Calibration, Result, Suite, Timing, stopwatch


@pytest.fixture
def schedule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets the clock, the work of this thread, and what the kernel says of how long it was kept waiting."""
    file = tmp_path / "schedstat"
    monkeypatch.setattr(measure, "_SCHEDULED", str(file))

    def to(wall: float = 0.0, work: float = 0.0, waited: float = 0.0, *, text: str | None = "123 {} 4\n") -> None:
        monkeypatch.setattr(measure, "perf_counter", lambda: 100.0 + wall)
        monkeypatch.setattr(measure, "thread_time", lambda: 50.0 + work)
        file.unlink(missing_ok=True)
        if text is not None:
            file.write_text(text.format(int((20.0 + waited) * 1e9)))

    return to


@pytest.mark.parametrize(
    ("wall", "work", "waited"),
    [(3.0, 3.0, 0.0), (9.0, 3.0, 6.0), (9.0, 1.0, 6.0), (9.0, 3.0, 8.0)],
    ids=["alone", "other work had the core", "and a sleep", "the kernel counted too much"],
)
def test_waiting_for_a_core_is_left_out(schedule: Any, wall: float, work: float, waited: float) -> None:
    schedule()
    took = stopwatch()
    schedule(wall, work, waited)
    assert took() == pytest.approx(3.0)


@pytest.mark.parametrize("text", [None, "", "1", "no number"])
def test_without_the_kernels_count_it_is_the_clock(schedule: Any, text: str | None) -> None:
    schedule(text=text)
    took = stopwatch()
    schedule(9.0, text=text)
    assert took() == 9.0


@pytest.mark.skipif(not Path("/proc/thread-self/schedstat").exists(), reason="of Linux")
def test_what_the_kernel_counts_is_read() -> None:
    took, start = stopwatch(), time.thread_time()
    while time.thread_time() - start < 0.02:
        pass
    assert took() >= 0.02


def test_the_fastest_round_counts_and_the_first_search_does_not() -> None:
    # a round is both legs; the first warms up, and a single one says nothing
    seconds = iter((0.1, 0.1, 2.0, 3.0, 1.0, 2.0, 4.0, 4.0))
    now, legs = [0.0], []

    def search(leg: Any, batch: Any, *, hits: int) -> Ranking:
        legs.append(leg.name)
        now.append(now[-1] + next(seconds))
        empty = np.full((len(batch), hits), NO_HIT)
        return Ranking(empty, np.full(empty.shape, -np.inf, np.float32))

    def started() -> Callable[[], float]:
        start = now[-1]
        return lambda: now[-1] - start

    calibration = Calibration(SimpleNamespace(search=search), started=started)  # type: ignore[arg-type]
    rounds = [calibration.seconds]
    for _ in range(3):
        calibration.round()
        rounds.append(calibration.seconds)
    assert rounds == [None, None, pytest.approx(3.0), pytest.approx(3.0)]
    assert legs[:2] == ["text", "vector whole"]


def test_the_calibration_is_the_same_everywhere() -> None:
    # other products or queries would take other times: every baseline would be of another calibration
    indexer: Any = SimpleNamespace(index=lambda catalogue, **of: (catalogue, of["vectors"]))
    indexed: Any = measure.index_calibration(indexer)
    catalogue, vectors = indexed
    assert catalogue.sha256[:12] == "13a3b1c39f11"
    texts = "\n".join(measure.calibration_queries().texts)
    assert hashlib.sha256(texts.encode()).hexdigest()[:12] == "ed1decb185b5"
    ((key, whole),) = vectors.items()
    assert key == ("base", "whole")
    assert np.linalg.norm(whole.matrix, axis=1) == pytest.approx(1, abs=1e-6)
    assert whole.matrix[0, :3].tolist() == pytest.approx([0.002622, 0.0999, -0.078915], abs=1e-6)


def test_every_query_of_the_calibration_has_hits_of_both_legs() -> None:
    with engines.open_embedded(progress=False) as indexer:
        engine = measure.index_calibration(indexer)
    batch = measure.calibration_queries()
    for leg in measure.CALIBRATION.legs():
        assert (engine.search(leg, batch[:20], hits=10).codes != NO_HIT).all(), leg.name


BEFORE = Baseline("main.json", snapshot({"titles": random_measurement(run_time_s=1.0)}))


@pytest.mark.parametrize(
    ("seconds", "change", "left"),
    [
        ((9.0, 4.0, 1.2, 5.0, 5.0), {}, 2),  # a busy moment: no more looks than are needed
        ((3.0,) * 9, {}, 4),  # after four looks it is what it is
        ((1.1, 1.0), {}, 1),  # as fast as before
        ((9.0, 1.0), {"calibration_s": None}, 1),  # not compared
        ((9.0, 1.0), {"engine": {"name": "other", "version": "1", "facts": {}}}, 1),
    ],
)
def test_what_looks_slow_is_timed_again(
    monkeypatch: pytest.MonkeyPatch, seconds: tuple[float, ...], change: dict[str, Any], left: int
) -> None:
    looks = list(seconds)
    rounds = [looks.pop(0)]
    suite: Any = SimpleNamespace(time_again=lambda _: rounds.append(looks.pop(0)))
    now = lambda _: snapshot({"titles": random_measurement(run_time_s=min(rounds))})  # noqa: E731
    monkeypatch.setattr(compare, "snapshot_of", now)
    confirm_run_times(suite, [replace(BEFORE, snapshot=replace(BEFORE.snapshot, **change))], Limits())
    assert len(looks) == left


@pytest.mark.parametrize(("seconds", "looks"), [(1.0, "abc" * 4), (4.0, "abcabc"), (60.0, "a")])
def test_a_baseline_is_timed_in_turns_for_twenty_seconds(seconds: float, looks: str) -> None:
    seen: list[str] = []
    suite: Any = SimpleNamespace(results=dict.fromkeys("abc"), time_again=seen.append)
    settle_run_times(suite, clock=lambda: seconds * len(seen))
    assert "".join(seen) == looks


def test_the_fastest_of_all_rounds_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    unused: Any = None
    strategy: Any = SimpleNamespace(name="titles")
    suite = Suite(unused, unused, ["a query"], {}, {}, unused)  # type: ignore[arg-type]
    suite.results = {
        name: Result(strategy, unused, unused, unused, unused, timing)
        for name, timing in (("titles", Timing(60.0, 3, 0.1, None, unused)), ("untimed", None))
    }
    monkeypatch.setattr(Suite, "calibrate", lambda _: seen.append("calibration"))
    monkeypatch.setattr(Suite, "search", lambda _, one: seen.append(one.name))
    suite.time_again("titles")
    suite.time_again("untimed")
    timing: Any = suite.results["titles"].timing
    assert seen == ["calibration", "titles"] * 5
    assert (timing.rounds, timing.queries_per_s) == (8, 1 / timing.run_time_s)
    assert 0 < timing.run_time_s < 60.0
    assert suite.results["untimed"].timing is None


def test_what_gives_no_ranking_any_more_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    unused: Any = None
    strategy: Any = SimpleNamespace(name="titles")
    suite = Suite(unused, unused, ["a query"], {}, {}, unused)  # type: ignore[arg-type]
    timing = Timing(60.0, 3, 0.1, None, unused)
    suite.results = {name: Result(strategy, unused, unused, unused, unused, timing) for name in ("titles", "rest")}

    def gone(_: Suite, one: Any) -> None:
        if one.name == "titles":
            raise StrategyError("strategy 'titles': gone")

    monkeypatch.setattr(Suite, "search", gone)
    monkeypatch.setattr(Suite, "calibrate", lambda _: None)
    for _ in range(2):
        suite.time_again("titles")
    assert suite.refused == {"titles": "strategy 'titles': gone"}
    assert list(suite.results) == ["rest"]
