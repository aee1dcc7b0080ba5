"""A session as a user starts it: a process of its own, what it printed, and what it left behind."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import IO

ROOT = Path(__file__).resolve().parents[2]
LONGEST_S = 180
MARK = "FAULTS_SESSION"
OURS = re.compile(
    r"^(?:relevance: (?!configuration )|ERROR: |Exit: |!+ (?:_pytest\.outcomes\.Exit: )?)(?P<line>.*?)(?: !+)?$"
)
HEADER = "engine: "
"""Begins the line that is printed once the plan is made, and signals are taken."""


def content(folder: Path) -> dict[str, bytes]:
    """All files below a folder, by path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@dataclass(frozen=True)
class Ended:
    """How a session ended.

    Attributes:
        code: its exit code; negative: it died of that signal.
        output: of both streams, as at a terminal.
        seconds: from start to end.
        left: what it left: processes and temporary files.
    """

    code: int
    output: str
    seconds: float
    left: list[str]

    @property
    def lines(self) -> list[str]:
        """What it says of its end, each line as the user sees it without pytest's rule around it."""
        found = [OURS.match(line) for line in self.output.splitlines()]
        return [match["line"] for match in found if match]

    @property
    def notes(self) -> list[str]:
        """What people should know of the session beside."""
        return [line for line in self.output.splitlines() if line.startswith("note: ")]

    @property
    def line(self) -> str:
        """The one line that it says of its end; there has to be just one, and no traceback."""
        assert "Traceback" not in self.output, self.output
        assert len(self.lines) == 1, self.output
        return self.lines[0]


@dataclass
class Session:
    """A session to be started; `temporary` is its own folder for temporary files.

    Attributes:
        arguments: of Python.
        seen: what it printed so far.
    """

    arguments: Sequence[str]
    temporary: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    _mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    _begun: float = 0.0

    def start(self) -> Session:
        """Start it."""
        self.temporary.mkdir(parents=True, exist_ok=True)
        kept = {
            name: value
            for name, value in os.environ.items()
            # `CI` makes a session without floors a failed one
            if name != "CI" and not name.startswith(("ES_", "PYTEST_", "RELEVANCE_"))
        }
        own = {
            "TMPDIR": str(self.temporary),
            "HF_HUB_OFFLINE": "1",
            "COLUMNS": "400",
            "PYTHONUNBUFFERED": "1",
            MARK: self._mark,
        }
        self._begun = time.monotonic()
        self.process = subprocess.Popen(  # noqa: S603 - own command
            [sys.executable, *self.arguments],
            cwd=ROOT,
            env={**kept, **own, **self.environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout is not None
        self._reader = threading.Thread(target=self._read, args=(self.process.stdout,))
        self._reader.start()
        return self

    def _read(self, stream: IO[str]) -> None:
        self.seen.extend(iter(stream.readline, ""))
        stream.close()

    @property
    def begun(self) -> bool:
        """Whether the plan is made: from here on the suite answers for how the process ends."""
        return any(line.startswith(HEADER) for line in self.seen)

    def signal(self, number: int) -> None:
        """Send a signal; nothing where it has ended."""
        if self.process.poll() is None:
            self.process.send_signal(number)

    def end(self, longest_s: float = LONGEST_S) -> Ended:
        """Wait for its end.

        Raises:
            TimeoutError: it does not end; it is killed.
        """
        try:
            code = self.process.wait(longest_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise TimeoutError("".join(self.seen)) from None
        seconds = time.monotonic() - self._begun
        left = list(self._left())
        self._reader.join(5)
        return Ended(code, "".join(self.seen), seconds, left)

    def _left(self) -> Iterator[str]:
        """Processes that inherited its mark, and files in its temporary folder."""
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == self._mark and process.status() != psutil.STATUS_ZOMBIE:
                    yield f"process {' '.join(process.cmdline())}"
            except psutil.Error:
                continue
        yield from (f"file {path}" for path in sorted(self.temporary.rglob("*")))


def command(*arguments: str, temporary: Path, environ: Mapping[str, str] | None = None) -> Ended:
    """Run the command `relevance`."""
    return Session(["-m", "relevance.cli", *arguments], temporary, environ or {}).start().end()
