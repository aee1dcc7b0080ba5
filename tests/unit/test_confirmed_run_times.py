"""What looks slower than in a baseline is timed again before anything is said of it."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from helpers.snapshots import random_measurement, snapshot

from relevance.gate import Limits
from relevance.suite import Baseline, compare, confirm_run_times, settle_run_times
from relevance.suite.measure import Result, Suite, Timing

if TYPE_CHECKING:
    from relevance.baseline import Snapshot
    from relevance.records import Ranking

BEFORE = Baseline("main.json", snapshot({"titles": random_measurement(run_time_s=1.0)}))


class TimedSuite:
    """Each look at the strategy takes the next of the given seconds; the fastest counts."""

    def __init__(self, *seconds: float) -> None:
        self.seconds = list(seconds)
        self.fastest = self.seconds.pop(0)

    def time_again(self, name: str) -> None:
        """One look more."""
        assert name == "titles"
        self.fastest = min(self.fastest, self.seconds.pop(0))


def _confirmed(monkeypatch: pytest.MonkeyPatch, suite: TimedSuite, baseline: Baseline = BEFORE) -> TimedSuite:
    def measured(one: TimedSuite) -> Snapshot:
        return snapshot({"titles": random_measurement(run_time_s=one.fastest)})

    monkeypatch.setattr(compare, "snapshot_of", measured)
    made: Any = suite
    confirm_run_times(made, [baseline], Limits())
    return suite


def test_a_busy_moment_is_no_regression(monkeypatch: pytest.MonkeyPatch) -> None:
    """As soon as one look is as fast as before, there are no more."""
    suite = _confirmed(monkeypatch, TimedSuite(9.0, 4.0, 1.2, 5.0, 5.0))
    assert (suite.fastest, suite.seconds) == (1.2, [5.0, 5.0])


def test_what_is_slow_stays_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """After four looks it is what it is."""
    suite = _confirmed(monkeypatch, TimedSuite(*[3.0] * 9))
    assert (suite.fastest, len(suite.seconds)) == (3.0, 4)


@pytest.mark.parametrize(
    "change", [{"calibration_s": None}, {"engine": {"name": "other", "version": "1", "facts": {}}}]
)
def test_what_is_not_compared_is_not_timed_again(monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]) -> None:
    """Nor what is as fast as before."""
    other = Baseline("main.json", replace(BEFORE.snapshot, **change))
    assert _confirmed(monkeypatch, TimedSuite(9.0, 1.0), other).seconds == [1.0]
    assert _confirmed(monkeypatch, TimedSuite(1.1, 1.0)).seconds == [1.0]


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

    def search(_: Suite, one: Any) -> Ranking:
        seen.append(one.name)
        return unused

    monkeypatch.setattr(Suite, "search", search)
    suite.time_again("titles")
    suite.time_again("untimed")
    found = suite.results["titles"].timing
    assert seen == ["calibration", "titles"] * 5
    assert found.rounds == 8
    assert 0 < found.run_time_s < 60.0
    assert found.queries_per_s == 1 / found.run_time_s
    assert suite.results["untimed"].timing is None
