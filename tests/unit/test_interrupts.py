"""SIGINT and SIGTERM in a session: the first interrupts, the removal of what was started is never interrupted."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

import pytest

from relevance import plugin
from relevance.plugin import Interrupts

if TYPE_CHECKING:
    from collections.abc import Iterator

BOTH = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which a test moves on."""
    clock = [100.0]
    monkeypatch.setattr(plugin, "monotonic", lambda: clock[0])
    return clock


@pytest.fixture
def taken(now: list[float]) -> Iterator[Interrupts]:
    """The signals, taken."""
    del now
    one = Interrupts()
    one.install()
    yield one
    one.restore()


def _send(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.usefixtures("taken")
@pytest.mark.parametrize("number", BOTH)
def test_each_interrupts_and_those_that_follow_at_once_are_the_same(now: list[float], number: int) -> None:
    """Nobody presses Control-C once; a session that goes on after that can still be ended."""
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            _send(number)
        now[0] += 4
        _send(signal.SIGINT)
        _send(signal.SIGTERM)
        now[0] += 2


def test_a_block_that_nothing_interrupts(taken: Interrupts, now: list[float]) -> None:
    """However often and however late; afterwards it is as before."""
    with taken.at_most(0):
        for number in (*BOTH, *BOTH):
            _send(number)
            now[0] += 60
    with pytest.raises(KeyboardInterrupt):
        _send(signal.SIGTERM)


def test_a_block_that_is_interrupted_once(taken: Interrupts, now: list[float]) -> None:
    """What it does about the first, nothing interrupts, however long it takes; nor what is left of a session."""
    removed = []

    def prepare() -> None:
        try:
            _send(signal.SIGTERM)
        finally:
            now[0] += 60
            _send(signal.SIGINT)
            removed.append(True)

    with pytest.raises(KeyboardInterrupt), taken.at_most(1):
        prepare()
    assert removed == [True]
    taken.end()
    for number in BOTH:
        _send(number)


def test_handlers_of_others_and_other_threads_take_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who ignores or handles a signal has a reason; Python lets only the main thread handle signals."""
    calls: list[object] = []
    monkeypatch.setattr(signal, "signal", lambda *arguments: calls.append(arguments))
    thread = threading.Thread(target=Interrupts().install)
    thread.start()
    thread.join()
    monkeypatch.setattr(signal, "getsignal", lambda _: signal.SIG_IGN)
    Interrupts().install()
    assert calls == []


def test_they_are_given_back() -> None:
    """To whom they belonged, and once."""
    before = [signal.getsignal(number) for number in BOTH]
    one = Interrupts()
    one.install()
    assert [signal.getsignal(number) for number in BOTH] != before
    one.restore()
    one.restore()
    assert [signal.getsignal(number) for number in BOTH] == before
