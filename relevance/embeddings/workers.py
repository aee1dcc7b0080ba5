"""Several processes that encode, each with a copy of the model.

Sentence-transformers (6.2) has a pool of its own. Its processes wait on a queue that they hold open themselves, so they
outlive one that is killed; each prints a traceback on Ctrl-C; an answer comes when the last text is encoded; each takes
all cores; and the model moves to the CPU for good. Here a process is asked over a pipe and answers before it is asked
again, so that neither side can block the other; it ends when it is told to, or when its pipe does.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
import threading
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from relevance.errors import CouldNotRunError, RelevanceError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess

    import numpy as np
    import numpy.typing as npt

    from relevance.embeddings.model import Side

    _Floats = npt.NDArray[np.float32]

# a process ends between two operations of the model
_SECONDS_TO_END = 10


def encoded_by(copies: Sequence[Callable[[], Any]], batches: Sequence[Sequence[str]], side: Side) -> Generator[_Floats]:
    """The vectors of each batch, in order; closing the generator ends the processes.

    Args:
        copies: what loads the model, one a process; picklable.
        batches: texts that are encoded together.
        side: whether they are queries or products' texts.

    Raises:
        RelevanceError: as loading and encoding raise it.
        CouldNotRunError: a process died.
    """
    workers: dict[Connection, SpawnProcess] = {}
    try:
        for load in copies[: len(batches)]:
            _start(load, side, workers)
        yield from _answers(workers, batches)
    finally:
        for process in workers.values():
            process.terminate()
        for connection, process in workers.items():
            process.join(_SECONDS_TO_END)
            process.kill()
            process.join()
            connection.close()


def _start(load: Callable[[], Any], side: Side, workers: dict[Connection, SpawnProcess]) -> None:
    context = multiprocessing.get_context("spawn")  # a fork of a process that has used torch or CUDA may hang
    here, there = context.Pipe()
    with _without_interrupts():
        process = context.Process(target=_work, args=(there, load, side), daemon=True)
        process.start()
        workers[here] = process
    there.close()


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Ctrl-C, which the terminal sends to all processes, waits; a process started meanwhile never sees it.

    The mask is what such a process inherits. It does not keep the signal from other threads of this one, and Python
    would raise the interrupt here all the same: so it is kept until the process has all it needs.
    """
    if not hasattr(signal, "pthread_sigmask") or threading.current_thread() is not threading.main_thread():
        yield
        return
    kept: list[tuple[int, Any]] = []
    resource_tracker.ensure_running()  # else the first start does it, which lets interrupts in again
    handler = signal.signal(signal.SIGINT, lambda number, frame: kept.append((number, frame)))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, handler)
        if kept and callable(handler):
            handler(*kept[0])


def _answers(workers: dict[Connection, SpawnProcess], batches: Sequence[Sequence[str]]) -> Iterator[_Floats]:
    """The vectors in the order of the batches; a process gets its next one before an answer is handed on."""
    waiting = iter(enumerate(batches))
    asked = dict.fromkeys(workers, -1)  # the number of its batch; -1: it still loads its model
    answers: dict[int, Any] = {}
    for number in range(len(batches)):
        while number not in answers:
            ready = wait(list(asked))
            for connection in [one for one in asked if one in ready]:
                answer = _received(connection, workers[connection])
                answers[asked.pop(connection)] = answer
                if (following := next(waiting, None)) is not None:
                    asked[connection] = following[0]
                    with suppress(OSError):  # it has died, which the next wait finds out
                        connection.send(following[1])
        yield answers.pop(number)


def _received(connection: Connection, process: SpawnProcess) -> Any:
    try:
        answer = connection.recv()
    except (EOFError, OSError):
        process.join()
        problem = f"a process that encodes ended (exit code {process.exitcode}), for want of memory perhaps"
        raise CouldNotRunError(problem) from None
    if isinstance(answer, RelevanceError):
        raise answer
    return answer


def _work(connection: Connection, load: Callable[[], Any], side: Side) -> None:
    """What each process does: an empty answer once the model is there, then one a message."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started this one decides
    # leave as on any other exit: killed at once, a process would leave its libraries' semaphores behind
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with suppress(EOFError, OSError):  # the other end is gone
        try:
            model = load()
            connection.send(None)
            while True:
                connection.send(model.encode(connection.recv(), side))
        except RelevanceError as error:
            connection.send(error)
