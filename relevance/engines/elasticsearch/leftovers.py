"""The indices of ours on a cluster: which there are, whose they are, and which of them nobody needs any more."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from relevance.engines.elasticsearch.marks import PATTERN, Mark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relevance.engines.elasticsearch.client import Connection
    from relevance.engines.elasticsearch.owner import OwnerState

__all__ = ["Leftover", "OwnIndices", "find", "remove"]

_DAY_S = 24 * 3600
_ALL_KINDS = ["open", "closed", "hidden"]


@dataclass(frozen=True)
class Leftover:
    """An index of ours.

    Attributes:
        mark: what it says of itself.
        size: bytes on disk, replicas included; None where the server does not say.
        age_s: seconds since it was made, by this machine's clock.
        owner: whether the process that made it still runs.
    """

    mark: Mark
    size: int | None
    age_s: float
    owner: OwnerState

    @property
    def is_kept(self) -> bool:
        """Whether it is there for later runs."""
        return self.mark.complete and self.mark.kept

    @property
    def is_abandoned(self) -> bool:
        """Whether nobody needs it: its process is gone, or was another machine's a day ago or more."""
        if self.is_kept:
            return False
        return self.owner == "gone" or (self.owner == "elsewhere" and _DAY_S <= self.age_s < float("inf"))


@dataclass(frozen=True)
class OwnIndices:
    """What is on a cluster.

    Attributes:
        ours: in the order of their names.
        passed_over: how many indices have a name like ours and were made by something else.
    """

    ours: Sequence[Leftover]
    passed_over: int


def find(connection: Connection, *, now: float) -> OwnIndices:
    """Look for indices of ours.

    Args:
        connection: to the cluster.
        now: seconds since 1970.

    Raises:
        RelevanceError: the server failed.
    """
    indices = connection.client.indices
    look = partial(indices.get_mapping, index=PATTERN, expand_wildcards=_ALL_KINDS)
    found = connection.ask(look, doing="looking for indices").body
    measure = partial(
        indices.stats, index=PATTERN, metric="store", expand_wildcards=_ALL_KINDS, forbid_closed_indices=False
    )
    sizes = connection.ask(measure, doing="measuring the indices").get("indices", {})
    marks = [(name, Mark.read(name, each.get("mappings"))) for name, each in sorted(found.items())]
    ours = [
        Leftover(
            mark=mark,
            size=sizes.get(name, {}).get("total", {}).get("store", {}).get("size_in_bytes"),
            age_s=now - mark.made if mark.made < float("inf") else mark.made,
            owner=mark.owner.state,
        )
        for name, mark in marks
        if mark is not None
    ]
    return OwnIndices(ours, len(marks) - len(ours))


def remove(connection: Connection, leftover: Leftover) -> None:
    """Remove an index.

    Raises:
        RelevanceError: the server failed.
    """
    drop = partial(connection.client.indices.delete, index=leftover.mark.name, ignore_unavailable=True)
    connection.ask(drop, doing=f"removing index {leftover.mark.name}")
