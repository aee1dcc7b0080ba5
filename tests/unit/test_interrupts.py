"""SIGINT and SIGTERM in a session: the first interrupts, the removal of what was started is never interrupted."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

import pytest

from relevance.plugin import interrupts
from relevance.plugin.interrupts import Interrupts

if TYPE_CHECKING:
    from collections.abc import Iterator

BOTH = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture
def taken() -> Iterator[Interrupts]:
    """The signals, taken."""
    one = Interrupts()
    one.install()
    yield one
    one.restore()


def _send(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.usefixtures("taken")
@pytest.mark.parametrize("number", BOTH)
def test_each_interrupts(number: int) -> None:
    """As Control-C does."""
    with pytest.raises(KeyboardInterrupt):
        _send(number)


@pytest.mark.usefixtures("taken")
def test_those_that_follow_at_once_are_the_same() -> None:
    """Nobody presses it once; until the session has ended by the first, the next ones are left out."""
    with pytest.raises(KeyboardInterrupt):
        _send(signal.SIGINT)
    _send(signal.SIGINT)
    _send(signal.SIGTERM)


@pytest.mark.usefixtures("taken")
def test_later_ones_interrupt_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session that goes on after the first can still be ended."""
    now = [100.0]
    monkeypatch.setattr(interrupts, "monotonic", lambda: now[0])
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            _send(signal.SIGINT)
        now[0] += 6


def test_a_block_that_nothing_interrupts(taken: Interrupts, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often and however late; afterwards it is as before."""
    now = [100.0]
    monkeypatch.setattr(interrupts, "monotonic", lambda: now[0])
    with taken.at_most(0):
        for number in (*BOTH, *BOTH):
            _send(number)
            now[0] += 60
    with pytest.raises(KeyboardInterrupt):
        _send(signal.SIGTERM)


def test_a_block_that_is_interrupted_once(taken: Interrupts, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it does about the first, nothing interrupts, however long it takes."""
    now = [100.0]
    monkeypatch.setattr(interrupts, "monotonic", lambda: now[0])
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


def test_nothing_interrupts_the_end(taken: Interrupts) -> None:
    """What is left of a session goes on, whatever comes."""
    taken.end()
    for number in BOTH:
        _send(number)


def test_handlers_of_others_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who ignores or handles a signal has a reason."""
    monkeypatch.setattr(signal, "getsignal", lambda _: signal.SIG_IGN)
    monkeypatch.setattr(signal, "signal", lambda *_: pytest.fail("taken"))
    Interrupts().install()


def test_other_threads_take_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python lets only the main thread handle signals."""
    monkeypatch.setattr(signal, "signal", lambda *_: pytest.fail("taken"))
    thread = threading.Thread(target=Interrupts().install)
    thread.start()
    thread.join()


def test_they_are_given_back() -> None:
    """To whom they belonged, and once."""
    before = [signal.getsignal(number) for number in BOTH]
    one = Interrupts()
    one.install()
    assert [signal.getsignal(number) for number in BOTH] != before
    one.restore()
    one.restore()
    assert [signal.getsignal(number) for number in BOTH] == before
