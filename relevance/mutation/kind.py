"""A kind of change that is planted on purpose: a row of a table, a function from a plan to another plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from relevance.suite import Plan

__all__ = ["Kind", "NotApplicableError"]


class NotApplicableError(Exception):
    """A change means nothing on this plan; the message says why. It never leaves `relevance.mutation`."""


@dataclass(frozen=True)
class Kind:
    """A planted change.

    Attributes:
        name: lower-case letters, digits and underscores.
        group: what part of a system it is in.
        what: what happened, for people.
        change: from a plan and a seed to the plan with the change; the given one stays as it is. Raises
            `NotApplicableError` where it would mean nothing.
        cost: what it takes beside searching: "", `embedding`, `training` or `server`.
        anew: whether all is indexed and searched again, though nothing that decides it may have changed.
    """

    name: str
    group: str
    what: str
    change: Callable[[Plan, int], Plan]
    cost: str = ""
    anew: bool = False
