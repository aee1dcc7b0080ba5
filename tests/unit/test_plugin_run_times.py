"""Times are taken in one thread: more of them would make vectors faster and text not, by the cores of the machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from helpers.project import write_project
from threadpoolctl import threadpool_info, threadpool_limits

import relevance.suite
from relevance import runner

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ["pytester"]

OPTIONS = ("benchmarks", "--dataset", "homedepot:data", "--strategy", "textsearch")


@pytest.fixture
def _two_threads() -> Iterator[None]:
    with threadpool_limits(2, user_api="blas"):
        yield


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many threads a product of matrices has at most, in each search."""
    seen: list[int] = []
    search = runner.search

    def watched(*arguments: Any, **options: Any) -> Any:
        seen.append(max(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"))
        return search(*arguments, **options)

    monkeypatch.setattr(runner, "search", watched)
    return seen


@pytest.mark.usefixtures("_two_threads")
def test_times_are_taken_in_one_thread(pytester: pytest.Pytester, threads: list[int]) -> None:
    """Those of strategies, and those that are taken again for an update."""
    write_project(pytester)
    pytester.runpytest_inprocess(*OPTIONS, "--update-baseline").assert_outcomes(passed=1, skipped=1)
    warmed_up, *timed = threads
    assert warmed_up == 2, "the calibration's first search is not timed"
    assert set(timed) == {1}


@pytest.mark.usefixtures("_two_threads")
def test_without_times_there_are_as_many_as_ever(pytester: pytest.Pytester, threads: list[int]) -> None:
    """Nothing is compared, so nothing has to be fair."""
    write_project(pytester)
    pytester.runpytest_inprocess(*OPTIONS, "--benchmark-disable").assert_outcomes(passed=1, skipped=1)
    assert set(threads) == {2}


@pytest.mark.parametrize("options", [(), ("--update-baseline",)])
def test_an_interrupt_times_nothing_more(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    """Whoever presses Control-C does not wait for what is timed again where nobody interrupts."""
    write_project(pytester)
    asked = []

    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(relevance.suite, "settle_run_times", asked.append)
    monkeypatch.setattr(relevance.suite, "confirm_run_times", lambda suite, *_: asked.append(suite))
    pytester.runpytest_inprocess(*OPTIONS, *options, "-k", "test_strategy")
    assert len(asked) == 1
    monkeypatch.setattr(relevance.suite.Suite, "judge", interrupted)
    ended = pytester.runpytest_inprocess(*OPTIONS, *options, no_reraise_ctrlc=True)
    assert ended.ret == pytest.ExitCode.INTERRUPTED
    assert len(asked) == 1
