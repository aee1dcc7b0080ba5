"""What says whose a container or an index of ours is, and which indices nobody needs any more."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

if TYPE_CHECKING:
    from relevance.engines.elasticsearch.client import Connection

# processes

OwnerState = Literal["running", "gone", "elsewhere"]

_PROC = Path("/proc")
_STATE, _STARTED = 0, 19
"""Of the fields of `/proc/PID/stat` behind the command's name: what it does, and when it started."""


@dataclass(frozen=True)
class Owner:
    """A process, as it is written beside what it made."""

    host: str  # name of its machine, for people
    place: str  # where its number means something: machine, boot and container, as a hash
    pid: Annotated[int, Field(gt=0, lt=2**31, strict=True)]
    started: str  # in the system's own words ("": it does not say); a number that is used again is not taken for it

    @property
    def state(self) -> OwnerState:
        """Whether it still runs; `elsewhere` where this machine cannot know."""
        if self.place != _place() or os.name != "posix":
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
    parts = [socket.gethostname(), _read(_PROC / "sys/kernel/random/boot_id"), namespace]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _started(pid: int) -> str:
    fields = _read(_PROC / str(pid) / "stat").rpartition(")")[2].split()
    if len(fields) <= _STARTED or fields[_STATE] in "ZX":
        return ""  # one that has ended waits for its parent
    return fields[_STARTED]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


# indices

PREFIX = "relevance-"
PATTERN = f"{PREFIX}*"
_KEY = "relevance"
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Mark:
    """What is written into the `_meta` of an index of ours."""

    name: str  # a copy of the index under another name is not ours
    content: str  # hash of all that is in it
    products: int  # how many it holds when it is complete
    kept: bool  # whether it should outlive the run that made it
    version: str  # of the package
    made: AwareDatetime
    owner: Owner
    complete: bool = False  # written last
    operations: int = 0  # how many writes it has seen when it is complete; more of them have changed it

    def as_meta(self) -> dict[str, Any]:
        """The `_meta` of a mapping."""
        return {_KEY: _MARK.dump_python(self, mode="json")}

    @classmethod
    def read(cls, name: str, mappings: object) -> Mark | None:
        """The mark in the mappings of an index of that name; None where it is not ours, or damaged."""
        meta = mappings.get("_meta") if isinstance(mappings, Mapping) else None
        try:
            mark = _MARK.validate_python(meta.get(_KEY) if isinstance(meta, Mapping) else None)
        except ValidationError:
            return None
        return mark if mark.name == name else None


_MARK = TypeAdapter(Mark)


class Leftover(NamedTuple):
    """An index of ours on a cluster."""

    mark: Mark
    size: int | None  # bytes on disk, replicas included; None where the server does not say
    age: timedelta  # since it was made, by this machine's clock
    owner: OwnerState

    @property
    def is_abandoned(self) -> bool:
        """Whether nobody needs it: its process is gone, or was another machine's a day ago or more."""
        if self.mark.complete and self.mark.kept:
            return False
        return self.owner == "gone" or (self.owner == "elsewhere" and self.age >= _DAY)


def find(connection: Connection, *, now: datetime) -> tuple[list[Leftover], int]:
    """Look for indices of ours.

    Returns:
        They, by name; and how many indices have a name like ours and are not marked as ours.

    Raises:
        RelevanceError: the server failed.
    """
    indices, wildcards = connection.client.indices, ["open", "closed", "hidden"]
    look = partial(indices.get_mapping, index=PATTERN, expand_wildcards=wildcards)
    mappings = connection.ask(look, doing="looking for indices").body
    sizes: Mapping[str, Any] = {}
    if not connection.serverless:  # which has no statistics
        measure = partial(
            indices.stats, index=PATTERN, metric="store", expand_wildcards=wildcards, forbid_closed_indices=False
        )
        sizes = connection.ask(measure, doing="measuring the indices").get("indices", {})
    ours = []
    for name, each in sorted(mappings.items()):
        if mark := Mark.read(name, each.get("mappings")):
            size = sizes.get(name, {}).get("total", {}).get("store", {}).get("size_in_bytes")
            ours.append(Leftover(mark, size, now - mark.made, mark.owner.state))
    return ours, len(mappings) - len(ours)


def remove(connection: Connection, leftover: Leftover) -> None:
    """Remove an index.

    Raises:
        RelevanceError: the server failed.
    """
    drop = partial(connection.client.indices.delete, index=leftover.mark.name, ignore_unavailable=True)
    connection.ask(drop, doing=f"removing index {leftover.mark.name}")
