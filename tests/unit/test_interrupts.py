"""SIGINT and SIGTERM in a session: the first interrupts, the removal of what was started is never interrupted."""

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from relevance import interrupts
from relevance.interrupts import Interrupts

BOTH = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which a test moves on."""
    clock = [100.0]
    monkeypatch.setattr(interrupts, "monotonic", lambda: clock[0])
    return clock


@pytest.fixture
def taken(now: list[float]) -> Iterator[Interrupts]:
    del now
    one = Interrupts()
    one.install()
    yield one
    one.restore()


def send(*numbers: int) -> None:
    for number in numbers:
        os.kill(os.getpid(), number)


@pytest.mark.usefixtures("taken")
@pytest.mark.parametrize("number", BOTH)
def test_each_interrupts_and_those_that_follow_at_once_are_the_same(now: list[float], number: int) -> None:
    for _ in range(2):  # a session that goes on after that can still be ended
        with pytest.raises(KeyboardInterrupt):
            send(number)
        now[0] += 4
        send(*BOTH)
        now[0] += 2


def test_a_block_that_nothing_interrupts(taken: Interrupts, now: list[float]) -> None:
    with taken.at_most(0):
        for number in (*BOTH, *BOTH):
            send(number)
            now[0] += 60
    with pytest.raises(KeyboardInterrupt):
        send(signal.SIGTERM)


def test_a_block_that_is_interrupted_once_removes_what_it_started(taken: Interrupts, now: list[float]) -> None:
    removed = []

    def prepare() -> None:
        try:
            send(signal.SIGTERM)
        finally:
            now[0] += 60
            send(signal.SIGINT)
            removed.append(True)

    with pytest.raises(KeyboardInterrupt), taken.at_most(1):
        prepare()
    assert removed == [True]
    taken.end()
    send(*BOTH)


def test_handlers_of_others_and_other_threads_take_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []
    monkeypatch.setattr(signal, "signal", lambda *arguments: calls.append(arguments))
    thread = threading.Thread(target=Interrupts().install)
    thread.start()
    thread.join()
    monkeypatch.setattr(signal, "getsignal", lambda _: signal.SIG_IGN)
    Interrupts().install()
    assert calls == []


def test_they_are_given_back_once() -> None:
    before = [signal.getsignal(number) for number in BOTH]
    one = Interrupts()
    one.install()
    assert [signal.getsignal(number) for number in BOTH] != before
    one.restore()
    one.restore()
    assert [signal.getsignal(number) for number in BOTH] == before
