"""The user's own programs: Python functions by name, and commands that answer lines with lines."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
from collections import deque
from contextlib import suppress
from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING, Any

from relevance.errors import CouldNotRunError, InputError
from relevance.files import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

_END_S = 1.0
_KEPT_LINES = 5
_MOST_LINES = 1_000
"""That are read before they are asked for."""


def load_function(name: str, folder: Path) -> Callable[..., Any]:
    """Import a function by its name.

    Args:
        name: `module:function`.
        folder: from which the module can be imported, too.

    Raises:
        InputError: there is no such function.
    """
    module, _, attribute = name.partition(":")
    if not module or not attribute:
        raise InputError(f"{quoted(name)}; allowed: MODULE:FUNCTION")
    if str(folder) not in sys.path:
        sys.path.append(str(folder))  # at its end: nothing there takes the place of a module that we import later
    try:
        function: Callable[..., Any] = getattr(import_module(module), attribute)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - what a module does when it is imported is the user's
        what = str(error) if isinstance(error, ImportError | AttributeError) else f"{type(error).__name__}: {error}"
        raise InputError(f"{name}: {what}; allowed: MODULE:FUNCTION, importable from {folder}") from None
    if not callable(function):
        raise InputError(f"{name}: is {type(function).__name__}; allowed: a function")
    return function


class LineProgram:
    """A command that reads lines and prints a line for each, in their order; started when it is made.

    It is started without a shell, and sees the environment.

    Args:
        arguments: the command.
        folder: in which it runs; None is the current one.
        most_characters: of a line of its.

    Raises:
        CouldNotRunError: it cannot be started.
    """

    def __init__(self, arguments: Sequence[str], *, folder: Path | None = None, most_characters: int) -> None:
        self._most = most_characters
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the user's own command, no shell
                arguments,
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise CouldNotRunError(f"not started: {getattr(error, 'strerror', None) or error}") from None
        self._asked: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._lines: queue.Queue[bytes] = queue.Queue(_MOST_LINES)
        self._said: deque[str] = deque(maxlen=_KEPT_LINES)
        self._threads = [Thread(target=work, daemon=True) for work in (self._write, self._read, self._listen)]
        for thread in self._threads:
            thread.start()

    @property
    def said(self) -> tuple[str, ...]:
        """The last lines on its standard error."""
        self._threads[-1].join(_END_S if self._process.poll() is not None else 0)
        return tuple(self._said)

    def ask(self, lines: Iterable[bytes]) -> None:
        """Send lines, each of which ends with a line feed; nothing is waited for."""
        for line in lines:
            self._asked.put(line)

    def line(self, *, seconds: float) -> str:
        """Give the next line that it prints.

        Raises:
            CouldNotRunError: it has ended, the line is too long, or none comes for so many seconds.
        """
        try:
            answer = self._lines.get(timeout=seconds)
        except queue.Empty:
            raise CouldNotRunError(f"silent for {seconds:g} seconds", details=self.said) from None
        if not answer:
            self._lines.put_nowait(b"")  # for whoever asks again
            raise CouldNotRunError(f"ended with exit code {self._process.wait()} before its answer", details=self.said)
        if len(answer) >= self._most and not answer.endswith(b"\n"):
            raise CouldNotRunError(f"a line of more than {self._most:,} characters")
        return answer.decode(errors="replace").strip()

    def finish(self, *, seconds: float) -> None:
        """Say that nothing more is asked, and wait for its end.

        Raises:
            CouldNotRunError: it does not end in so many seconds, or with another exit code than 0; or it has printed
                more lines than it was asked for.
        """
        self._asked.put(None)
        try:
            if self._lines.get(timeout=seconds):
                raise CouldNotRunError(
                    "printed more lines than it was asked for: its answers may be those of other lines"
                )
            code = self._process.wait(seconds)
        except (queue.Empty, subprocess.TimeoutExpired):
            raise CouldNotRunError(f"silent for {seconds:g} seconds", details=self.said) from None
        if code:
            raise CouldNotRunError(f"ended with exit code {code}", details=self.said)

    def close(self) -> None:
        """End it, and what it has started; safe to call twice."""
        self._asked.put(None)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        with suppress(queue.Empty):
            while True:
                self._lines.get_nowait()  # so that what reads can end
        for thread in self._threads:
            thread.join(_END_S)

    def _write(self) -> None:
        assert self._process.stdin is not None  # noqa: S101 - for the types
        with suppress(OSError), self._process.stdin as stream:  # one that has ended says so by what it has printed
            while (line := self._asked.get()) is not None:
                stream.write(line)
                stream.flush()

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - for the types
        with self._process.stdout as stream:
            while line := stream.readline(self._most):
                self._lines.put(line)
        self._lines.put(b"")

    def _listen(self) -> None:
        assert self._process.stderr is not None  # noqa: S101 - for the types
        with self._process.stderr as stream:
            while line := stream.readline(self._most):
                self._said.append(line.decode(errors="replace").rstrip())
