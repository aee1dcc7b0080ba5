"""Which process made something, and whether it is still running; so that what a killed run left can be told."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

__all__ = ["Owner", "OwnerState", "this_process"]

OwnerState = Literal["running", "gone", "elsewhere"]

_PROC = Path("/proc")
_STATE, _STARTED = 0, 19
"""Of the fields of `/proc/PID/stat` behind the command's name: what it does, and when it started."""
_ENDED = frozenset("ZX")
_MOST = 2**31


@dataclass(frozen=True)
class Owner:
    """A process, as it is written beside what it made.

    Attributes:
        host: name of its machine, for people.
        place: where its number means something: machine, boot and container, as a hash.
        pid: its number there.
        started: when it started, in the system's own words, so that a number that is used again is not taken for it;
            "" where the system does not say.
    """

    host: str
    place: str
    pid: int
    started: str

    def as_json(self) -> dict[str, object]:
        """For `read`."""
        return {"host": self.host, "place": self.place, "pid": self.pid, "started": self.started}

    @classmethod
    def read(cls, value: object) -> Owner:
        """The owner that was written; whatever is missing or of another type matches no process here."""
        found = value if isinstance(value, Mapping) else {}
        pid = found.get("pid")
        whole = isinstance(pid, int) and not isinstance(pid, bool) and 0 < pid < _MOST
        host, place, started = (str(found.get(name) or "") for name in ("host", "place", "started"))
        return cls(host, place, pid if isinstance(pid, int) and whole else 0, started)

    @property
    def state(self) -> OwnerState:
        """Whether it still runs; `elsewhere` where this machine cannot know."""
        if not self.pid or self.place != _place() or os.name != "posix":
            return "elsewhere"
        return "running" if _exists(self.pid) and _started(self.pid) == self.started else "gone"


def this_process() -> Owner:
    """The process that asks."""
    pid = os.getpid()
    return Owner(socket.gethostname(), _place(), pid, _started(pid))


def _place() -> str:
    parts = [socket.gethostname(), _line(_PROC / "sys/kernel/random/boot_id")]
    try:
        parts.append(str((_PROC / "self/ns/pid").readlink()))  # two containers of one name count processes apart
    except OSError:
        parts.append("")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _started(pid: int) -> str:
    fields = _line(_PROC / str(pid) / "stat").rpartition(")")[2].split()
    if len(fields) <= _STARTED or fields[_STATE] in _ENDED:
        return ""  # one that has ended waits for its parent
    return fields[_STARTED]


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # another user's
    return True


def _line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
