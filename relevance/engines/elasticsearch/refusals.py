"""What a server says when it does not do what it was asked for; in words for people."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from relevance.text import one_line as printable_line

__all__ = ["Pressure", "Refusal", "one_line", "refusal"]

_SHOWN, _KIND_SHOWN = 300, 80
_READ = 100_000
_SECRET = re.compile(r"\b(?:ApiKey|Basic|Bearer)\s+[A-Za-z0-9+/_=.:-]{4,}|(?<=//)[^/\s@]+@", re.IGNORECASE)
_ACTION = re.compile(r"action \[([^\]]+)\] is unauthorized")
_PRIVILEGES = re.compile(r"granted by the (\w+) privileges \[([^\]]+)\]")
_PRESSURE = re.compile(
    r"\bcoordinating_and_primary_bytes=(\d+),.*\b(?:coordinating|primary)_operation_bytes=(\d+), max_\w+=(\d+)"
)

_UNAUTHENTICATED, _FORBIDDEN, _NOT_FOUND, _TOO_MANY = 401, 403, 404, 429
_PASSES = frozenset({_TOO_MANY, 502, 503, 504})

_REJECTED = "es_rejected_execution_exception"
_MEMORY = "the server ran out of memory ({kind}); give it more heap (a container of ours: --es-memory)"
_PRESSED = (
    "the server has too little memory for what is written (429); give it more heap (a container of ours: --es-memory)"
)
_KINDS: Mapping[str, str] = MappingProxyType(
    {
        "circuit_breaking_exception": _MEMORY,
        "out_of_memory_error": _MEMORY,
        _REJECTED: "the server is too busy ({status}: its queue is full); try again later",
        "index_not_found_exception": "{reason}; was it removed?",
    }
)
_STATUSES: Mapping[int, str] = MappingProxyType(
    {
        _UNAUTHENTICATED: "the user or the API key was refused (401); set ES_API_KEY, or ES_USER and ES_PASSWORD",
        413: "a request is too large for the server or a proxy in between (413); raise http.max_content_length there",
        _TOO_MANY: "the server is too busy (429); try again later",
        502: "a proxy does not reach the server (502); is it running?",
        503: "the server is not ready (503{because}); is the cluster complete?",
        504: "a proxy does not get the server's answer in time (504)",
        507: "the server has no room left (507); free disk space on the cluster, then run again",
    }
)


def one_line(text: object, shown: int = _SHOWN) -> str:
    """A text of the server's as one printable line, without what it may echo of credentials."""
    return printable_line(_SECRET.sub("…", str(text)[:_READ]), shown)


class Pressure(NamedTuple):
    """The memory of a server that writes need, in bytes.

    Attributes:
        held: by what is written already; a part of the refused request may be among it.
        needed: by what was refused.
        most: for all of it.
    """

    held: int
    needed: int
    most: int

    def least(self, own: int = 0) -> int:
        """What the refused request needs even if nothing else is written; `own` of what is held may be its own."""
        return self.needed + min(own, self.held)


@dataclass(frozen=True)
class Refusal:
    """What a server said instead of doing it, for a request or for one item of `_bulk` or `_msearch`.

    Attributes:
        status: of HTTP.
        kind: the exception's type, as `circuit_breaking_exception`; "" where there is none.
        reason: one line; "" where there is none.
        lasting: whether the server says that it will not pass.
    """

    status: int
    kind: str
    reason: str
    lasting: bool = False

    @property
    def pressure(self) -> Pressure | None:
        """The memory that writes need; None where the server does not speak of it."""
        found = _PRESSURE.search(self.reason) if self.kind == _REJECTED else None
        return Pressure(*map(int, found.groups())) if found else None

    @property
    def passes(self) -> bool:
        """Whether it may go well the next time; a read-only index stays one, and no heap grows by waiting."""
        blocked = self.kind == "cluster_block_exception" and self.status in (_FORBIDDEN, _TOO_MANY)
        too_large = self.pressure is not None and self.pressure.least() > self.pressure.most
        return self.status in _PASSES and not blocked and not too_large and not self.lasting

    @property
    def said(self) -> str:
        """In the server's own words."""
        kind = f" ({self.kind})" if self.kind else ""
        return f"{self.reason}{kind}" if self.reason else self.kind or f"status {self.status}"

    @property
    def words(self) -> str:
        """In ours, with what to do about it, where the server's are not enough."""
        if self.kind == "cluster_block_exception" and self.status in (_FORBIDDEN, _TOO_MANY):
            return _blocked(self.reason)
        if self.status == _FORBIDDEN:
            return _forbidden(self.reason)
        if self.pressure is not None:
            return _PRESSED
        told = _KINDS.get(self.kind) or _STATUSES.get(self.status)
        if told is None:
            return f"it refuses: {self.said}"
        because = f", {self.kind}" if self.kind else ""
        return told.format(status=self.status, kind=self.kind, reason=self.reason, because=because)


def _blocked(reason: str) -> str:
    if "flood-stage" in reason:
        return (
            "index is read-only (disk past its flood-stage watermark): free disk space on the cluster, then run again"
        )
    return f"index is blocked: {reason}"


def _forbidden(reason: str) -> str:
    """Without the user's name, which the server puts into its reason."""
    action, needed = _ACTION.search(reason), _PRIVILEGES.search(reason)
    what = f": {action[1]}" if action else ""
    how = f"; it needs one of the {needed[1]} privileges {needed[2].replace(',', ', ')}" if needed else ""
    return f"the user or the API key may not do this (403){what}{how}"


def refusal(status: int, body: object) -> Refusal:
    """Read what a server says.

    Args:
        status: of HTTP, or of the item.
        body: of the answer, or the `error` of an item: an object with `error` or `type`, or anything else.
    """
    error = body.get("error", body) if isinstance(body, Mapping) else body
    if isinstance(error, str):
        page = error.lstrip().startswith("<")
        return Refusal(status, "", "" if page else one_line(error))
    if not isinstance(error, Mapping):
        return Refusal(status, "", "")
    root = error.get("root_cause")
    first = root[0] if isinstance(root, list) and root and isinstance(root[0], Mapping) else error
    lasting = "PERMANENT" in (first.get("durability"), error.get("durability"))
    return Refusal(status, one_line(first.get("type") or "", _KIND_SHOWN), one_line(_reason(first, error)), lasting)


def _reason(first: Mapping[str, object], error: Mapping[str, object]) -> str:
    """The deepest cause, which says most and has to survive a cut; behind it, what it led to."""
    outer, deepest = first.get("reason"), _deepest(error).get("reason")
    result = outer if isinstance(outer, str) else ""
    if not isinstance(deepest, str) or not deepest or deepest == result:
        return result
    result = result.removesuffix(deepest).rstrip(": ").replace(deepest, "…")
    return f"{deepest}; hence {result}" if result else deepest


def _deepest(error: Mapping[str, object]) -> Mapping[str, object]:
    """The last of the causes."""
    inner = error.get("caused_by")
    while isinstance(inner, Mapping):
        error, inner = inner, inner.get("caused_by")
    return error
