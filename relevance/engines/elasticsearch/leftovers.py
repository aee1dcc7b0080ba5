"""What says whose a container or an index of ours is, and which indices nobody needs any more."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from relevance.engines.elasticsearch.client import Connection

# processes

OwnerState = Literal["running", "gone", "elsewhere"]

_PROC = Path("/proc")
_STATE, _STARTED = 0, 19
"""Of the fields of `/proc/PID/stat` behind the command's name: what it does, and when it started."""
_ENDED = frozenset("ZX")
_MOST = 2**31


@dataclass(frozen=True)
class Owner:
    """A process, as it is written beside what it made."""

    host: str  # name of its machine, for people
    place: str  # where its number means something: machine, boot and container, as a hash
    pid: int
    started: str  # in the system's own words ("": it does not say); a number that is used again is not taken for it

    @classmethod
    def read(cls, value: object) -> Owner:
        """The owner that was written; whatever is missing or of another type matches no process here."""
        written = value if isinstance(value, Mapping) else {}
        pid = _whole(written.get("pid"))
        host, place, started = (str(written.get(name) or "") for name in ("host", "place", "started"))
        return cls(host, place, pid if 0 < pid < _MOST else 0, started)

    @property
    def state(self) -> OwnerState:
        """Whether it still runs; `elsewhere` where this machine cannot know."""
        if not self.pid or self.place != _place() or os.name != "posix":
            return "elsewhere"
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return "gone"
        except OSError:  # another user's
            pass
        return "running" if _started(self.pid) == self.started else "gone"


def this_process() -> Owner:
    """The process that asks."""
    pid = os.getpid()
    return Owner(socket.gethostname(), _place(), pid, _started(pid))


def _place() -> str:
    try:
        namespace = str((_PROC / "self/ns/pid").readlink())  # two containers of one name count processes apart
    except OSError:
        namespace = ""
    parts = [socket.gethostname(), _line(_PROC / "sys/kernel/random/boot_id"), namespace]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _started(pid: int) -> str:
    fields = _line(_PROC / str(pid) / "stat").rpartition(")")[2].split()
    if len(fields) <= _STARTED or fields[_STATE] in _ENDED:
        return ""  # one that has ended waits for its parent
    return fields[_STARTED]


def _line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


# indices

PREFIX = "relevance-"
PATTERN = f"{PREFIX}*"
_KEY = "relevance"
_DAY_S = 24 * 3600
_NEVER = float("inf")


@dataclass(frozen=True)
class Mark:
    """What is written into the `_meta` of an index of ours."""

    name: str  # a copy of the index under another name is not ours
    content: str  # hash of all that is in it
    products: int  # how many it holds when it is complete
    kept: bool  # whether it should outlive the run that made it
    token: str  # of that run
    version: str  # of the package
    made: float  # in seconds since 1970
    owner: Owner
    complete: bool = False  # written last
    operations: int = 0  # how many writes it has seen when it is complete; more of them have changed it

    def as_meta(self) -> dict[str, Any]:
        """The `_meta` of a mapping."""
        made = datetime.fromtimestamp(self.made, UTC).isoformat(timespec="seconds")
        return {_KEY: {**vars(self), "made": made, "owner": dict(vars(self.owner))}}

    @classmethod
    def read(cls, name: str, mappings: object) -> Mark | None:
        """The mark in the mappings of an index of that name; None where it is not ours."""
        meta = mappings.get("_meta") if isinstance(mappings, Mapping) else None
        written = meta.get(_KEY) if isinstance(meta, Mapping) else None
        if not isinstance(written, Mapping) or written.get("name") != name:
            return None
        try:
            made = datetime.fromisoformat(str(written.get("made"))).timestamp()
        except (ValueError, OverflowError):  # nothing is ever too old that does not say when it was made
            made = _NEVER
        return cls(
            name=name,
            content=str(written.get("content")),
            products=_whole(written.get("products")),
            kept=written.get("kept") is True,
            token=str(written.get("token")),
            version=str(written.get("version")),
            made=made,
            complete=written.get("complete") is True,
            operations=_whole(written.get("operations")),
            owner=Owner.read(written.get("owner")),
        )


def _whole(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else -1


@dataclass(frozen=True)
class Leftover:
    """An index of ours on a cluster."""

    mark: Mark
    size: int | None  # bytes on disk, replicas included; None where the server does not say
    age_s: float  # seconds since it was made, by this machine's clock
    owner: OwnerState

    @property
    def is_abandoned(self) -> bool:
        """Whether nobody needs it: its process is gone, or was another machine's a day ago or more."""
        if self.mark.complete and self.mark.kept:
            return False
        return self.owner == "gone" or (self.owner == "elsewhere" and _DAY_S <= self.age_s < _NEVER)


def find(connection: Connection, *, now: float) -> tuple[list[Leftover], int]:
    """Look for indices of ours; `now` in seconds since 1970.

    Returns:
        They, by name; and how many indices have a name like ours and were made by something else.

    Raises:
        RelevanceError: the server failed.
    """
    indices, wildcards = connection.client.indices, ["open", "closed", "hidden"]
    look = partial(indices.get_mapping, index=PATTERN, expand_wildcards=wildcards)
    mappings = connection.ask(look, doing="looking for indices").body
    measure = partial(
        indices.stats, index=PATTERN, metric="store", expand_wildcards=wildcards, forbid_closed_indices=False
    )
    sizes = connection.ask(measure, doing="measuring the indices").get("indices", {})
    ours = []
    for name, each in sorted(mappings.items()):
        if mark := Mark.read(name, each.get("mappings")):
            size = sizes.get(name, {}).get("total", {}).get("store", {}).get("size_in_bytes")
            age_s = now - mark.made if mark.made < _NEVER else _NEVER
            ours.append(Leftover(mark, size, age_s, mark.owner.state))
    return ours, len(mappings) - len(ours)


def remove(connection: Connection, leftover: Leftover) -> None:
    """Remove an index.

    Raises:
        RelevanceError: the server failed.
    """
    drop = partial(connection.client.indices.delete, index=leftover.mark.name, ignore_unavailable=True)
    connection.ask(drop, doing=f"removing index {leftover.mark.name}")
