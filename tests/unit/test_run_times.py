"""Run times: those of this thread alone, beside a calibration, and taken again where they look slow."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from helpers.snapshots import random_measurement, snapshot

from relevance import engines
from relevance.gate import Limits
from relevance.records import NO_HIT, Ranking
from relevance.suite import Baseline, compare, confirm_run_times, measure, settle_run_times
from relevance.suite.measure import Calibration, Result, Suite, Timing, stopwatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from relevance.strategies import Leg

# the stopwatch


@pytest.fixture
def scheduled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets the clock, the work of this thread, and what the kernel says of how long it was kept waiting."""
    file = tmp_path / "schedstat"
    monkeypatch.setattr(measure, "_SCHEDULED", str(file))

    def to(wall: float, work: float, waited: float, text: str | None = "123 {} 4\n") -> None:
        monkeypatch.setattr(measure, "perf_counter", lambda: 100.0 + wall)
        monkeypatch.setattr(measure, "thread_time", lambda: 50.0 + work)
        file.unlink(missing_ok=True)
        if text is not None:
            file.write_text(text.format(int((20.0 + waited) * 1e9)))

    return to


@pytest.mark.parametrize(
    ("wall", "work", "waited", "seconds"),
    [(3.0, 3.0, 0.0, 3.0), (9.0, 3.0, 6.0, 3.0), (9.0, 1.0, 6.0, 3.0), (9.0, 3.0, 8.0, 3.0)],
    ids=["alone", "other work had the core", "and a sleep", "the kernel counted too much"],
)
def test_waiting_for_a_core_is_left_out(
    scheduled: Callable[..., None], wall: float, work: float, waited: float, seconds: float
) -> None:
    """Waiting for anything else counts, and work that was done is the least."""
    scheduled(0.0, 0.0, 0.0)
    took = stopwatch()
    scheduled(wall, work, waited)
    assert took() == pytest.approx(seconds)


@pytest.mark.parametrize("text", [None, "", "1", "no number"])
def test_without_the_kernels_count_it_is_the_clock(scheduled: Callable[..., None], text: str | None) -> None:
    """On other systems, or where the kernel says something else."""
    scheduled(0.0, 0.0, 0.0, text)
    took = stopwatch()
    scheduled(9.0, 0.0, 0.0, text)
    assert took() == 9.0


@pytest.mark.skipif(not Path("/proc/thread-self/schedstat").exists(), reason="of Linux")
def test_what_the_kernel_counts_is_read() -> None:
    """Work of this thread counts, as much as the processor says that it has done."""
    took, start = stopwatch(), time.thread_time()
    while time.thread_time() - start < 0.02:
        pass
    assert took() >= 0.02


# the calibration


class SlowEngine:
    """Takes the next of some seconds for each leg; the stopwatch is its own."""

    def __init__(self, *seconds: float) -> None:
        self.now = 0.0
        self._seconds = iter(seconds)
        self.legs: list[Leg] = []

    def search(self, leg: Leg, batch: engines.QueryBatch, *, hits: int) -> Ranking:
        """Find nothing."""
        self.legs.append(leg)
        self.now += next(self._seconds)
        empty = np.full((len(batch), hits), NO_HIT, dtype=np.int64)
        return Ranking(empty, np.full(empty.shape, -np.inf, dtype=np.float32))

    def started(self) -> Callable[[], float]:
        """Starts a stopwatch of the seconds that searches take."""
        start = self.now
        return lambda: self.now - start


def test_the_fastest_round_counts_and_the_first_search_does_not() -> None:
    """A round is both legs; the search that warms up is in none, and a single round says nothing."""
    engine: Any = SlowEngine(0.1, 0.1, 2.0, 3.0, 1.0, 2.0, 4.0, 4.0)
    timed = Calibration(engine, started=engine.started)
    seconds = [timed.seconds]
    for _ in range(3):
        timed.round()
        seconds.append(timed.seconds)
    assert seconds == [None, None, pytest.approx(3.0), pytest.approx(3.0)]
    assert [leg.name for leg in engine.legs[:2]] == ["text", "vector whole"]


def test_the_made_catalogue_is_the_same_everywhere() -> None:
    """Other products or queries would make other times: every baseline would be of another calibration."""
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


def test_the_embedded_engine_answers_it() -> None:
    """Every query has hits of both legs."""
    with engines.open_embedded(progress=False) as indexer:
        engine = measure.index_calibration(indexer)
    batch = measure.calibration_queries()
    for leg in measure.CALIBRATION.legs():
        found = engine.search(leg, batch[:20], hits=10)
        assert (found.codes != NO_HIT).all(), leg.name


# times again

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
    """Each look takes the next of the seconds; the fastest counts."""
    looks = list(seconds)
    fastest = [looks.pop(0)]
    suite: Any = SimpleNamespace(time_again=lambda _: fastest.append(looks.pop(0)))
    monkeypatch.setattr(
        compare, "snapshot_of", lambda _: snapshot({"titles": random_measurement(run_time_s=min(fastest))})
    )
    confirm_run_times(suite, [replace(BEFORE, snapshot=replace(BEFORE.snapshot, **change))], Limits())
    assert len(looks) == left


@pytest.mark.parametrize(("seconds", "looks"), [(1.0, "abc" * 4), (4.0, "abcabc"), (60.0, "a")])
def test_a_baseline_is_timed_in_turns_for_so_long(seconds: float, looks: str) -> None:
    """Four times each, or until 20 seconds are over: a look that has begun is the last."""
    seen: list[str] = []
    suite: Any = SimpleNamespace(results=dict.fromkeys("abc"), time_again=seen.append)
    settle_run_times(suite, clock=lambda: seconds * len(seen))
    assert "".join(seen) == looks


def test_the_fastest_of_all_rounds_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds of the calibration stand between those of the strategy; what was not timed stays so."""
    seen = []
    unused: Any = None
    timing = Timing(60.0, 3, 0.1, None, unused)
    strategy: Any = SimpleNamespace(name="titles")
    suite = Suite(unused, unused, ["a query"], {}, {}, unused)  # type: ignore[arg-type]
    suite.results = {name: Result(strategy, unused, unused, unused, timing) for name in ("titles", "untimed")}
    suite.results["untimed"] = replace(suite.results["untimed"], timing=None)
    monkeypatch.setattr(Suite, "calibrate", lambda _: seen.append("calibration"))
    monkeypatch.setattr(Suite, "search", lambda _, one: seen.append(one.name))
    suite.time_again("titles")
    suite.time_again("untimed")
    found = suite.results["titles"].timing
    assert seen == ["calibration", "titles"] * 5
    assert found is not None
    assert (found.rounds, found.queries_per_s) == (8, 1 / found.run_time_s)
    assert 0 < found.run_time_s < 60.0
    assert suite.results["untimed"].timing is None
