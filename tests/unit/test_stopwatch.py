"""Seconds that something takes: those that it waits for a core are none of its own."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from relevance.suite import measure as module
from relevance.suite.measure import stopwatch

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def scheduled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[float, float, float], None]:
    """Sets the clock, the work of this thread, and how long it was kept waiting."""
    file = tmp_path / "schedstat"
    monkeypatch.setattr(module, "_SCHEDULED", str(file))

    def to(wall: float, work: float, kept_waiting: float) -> None:
        monkeypatch.setattr(module, "perf_counter", lambda: wall)
        monkeypatch.setattr(module, "thread_time", lambda: work)
        file.write_text(f"123 {int(kept_waiting * 1e9)} 4\n")

    return to


@pytest.mark.parametrize(
    ("wall", "work", "kept_waiting", "seconds"),
    [
        (3.0, 3.0, 0.0, 3.0),
        (9.0, 3.0, 6.0, 3.0),
        (9.0, 1.0, 6.0, 3.0),
        (9.0, 3.0, 8.0, 3.0),
    ],
    ids=["alone", "other work had the core", "and a sleep", "the kernel counted too much"],
)
def test_waiting_for_a_core_is_left_out(
    scheduled: Callable[[float, float, float], None], wall: float, work: float, kept_waiting: float, seconds: float
) -> None:
    """Waiting for anything else counts, and work that was done is the least."""
    scheduled(100.0, 50.0, 20.0)
    took = stopwatch()
    scheduled(100.0 + wall, 50.0 + work, 20.0 + kept_waiting)
    assert took() == pytest.approx(seconds)


@pytest.mark.parametrize("text", [None, "", "1", "no number"])
def test_without_the_kernels_count_it_is_the_clock(
    scheduled: Callable[[float, float, float], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | None
) -> None:
    """On other systems, or where the kernel says something else."""
    scheduled(100.0, 50.0, 20.0)
    other = tmp_path / "other"
    if text is not None:
        other.write_text(text)
    monkeypatch.setattr(module, "_SCHEDULED", str(other))
    took = stopwatch()
    monkeypatch.setattr(module, "perf_counter", lambda: 109.0)
    assert took() == 9.0


@pytest.mark.skipif(not Path("/proc/thread-self/schedstat").exists(), reason="of Linux")
def test_what_the_kernel_counts_is_read() -> None:
    """Work of this thread counts, as much as the processor says that it has done."""
    took, start = stopwatch(), time.thread_time()
    while time.thread_time() - start < 0.02:
        pass
    assert took() >= 0.02
