"""What goes wrong with a server or on the way to it, as one line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from elasticsearch import (
    ApiError,
    ConnectionTimeout,
    SerializationError,
    SSLError,
    TransportError,
    UnsupportedProductError,
)

from relevance.errors import CouldNotRunError, InputError, RelevanceError
from relevance.text import one_line as printable_line

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHOWN, _KIND_SHOWN = 300, 80
_READ = 100_000
_SECRET = re.compile(r"\b(?:ApiKey|Basic|Bearer)\s+[A-Za-z0-9+/_=.:-]{4,}|(?<=//)[^/\s@]+@", re.IGNORECASE)


def one_line(text: object, shown: int = _SHOWN) -> str:
    """A text of the server's as one printable line, without what it may echo of credentials."""
    return printable_line(_SECRET.sub("…", str(text)[:_READ]), shown)


# what a server says instead of doing what it was asked for

_BLOCK, _REJECTED = "cluster_block_exception", "es_rejected_execution_exception"
_BLOCKS = frozenset({403, 429})
_PRESSURE = re.compile(
    r"\bcoordinating_and_primary_bytes=(\d+),.*\b(?:coordinating|primary)_operation_bytes=(\d+), max_\w+=(\d+)"
)
_ACTION = re.compile(r"action \[([^\]]+)\] is unauthorized")
_PRIVILEGES = re.compile(r"granted by the (\w+) privileges \[([^\]]+)\]")

_SHARDS = re.compile(r"maximum \w* ?shards open")
_STREAMS = re.compile("data streams? only")
_MORE_HEAP = "give it more heap (a container of ours: --es-memory)"
_MEMORY = f"the server ran out of memory ({{kind}}); {_MORE_HEAP}"
_LINES = (
    (
        _BLOCKS,
        _BLOCK,
        re.compile("flood-stage"),
        "index is read-only (disk past its flood-stage watermark): free disk space on the cluster, then run again",
    ),
    (_BLOCKS, _BLOCK, None, "index is blocked: {reason}"),
    ({403}, None, None, "the user or the API key may not do this (403){action}{privileges}"),
    (None, _REJECTED, _PRESSURE, f"the server has too little memory for what is written (429); {_MORE_HEAP}"),
    (None, _REJECTED, None, "the server is too busy ({status}: its queue is full); try again later"),
    (None, "circuit_breaking_exception", None, _MEMORY),
    (None, "out_of_memory_error", None, _MEMORY),
    (None, "index_not_found_exception", None, "{reason}; was it removed?"),
    (
        {400},
        None,
        _SHARDS,
        "the cluster takes no more shards: {reason}; remove indices there, or raise cluster.max_shards_per_node",
    ),
    (
        {400},
        None,
        _STREAMS,
        "a template of the cluster makes data streams of such names: {reason}; keep relevance-* out of that template",
    ),
    ({401}, None, None, "the user or the API key was refused (401); set ES_API_KEY, or ES_USER and ES_PASSWORD"),
    (
        {413},
        None,
        None,
        "a request is too large for the server or a proxy in between (413); raise http.max_content_length there",
    ),
    ({429}, None, None, "the server is too busy (429); try again later"),
    ({502}, None, None, "a proxy does not reach the server (502); is it running?"),
    ({503}, None, None, "the server is not ready (503{because}); is the cluster complete?"),
    ({504}, None, None, "a proxy does not get the server's answer in time (504)"),
    ({507}, None, None, "the server has no room left (507); free disk space on the cluster, then run again"),
    (None, None, None, "it refuses: {said}"),
)
"""(statuses, type, what the reason holds) of a refusal -> the line; the first row that fits."""


class Pressure(NamedTuple):
    """The memory of a server that writes need, in bytes: held (perhaps by a part of the refused), needed, at most."""

    held: int
    needed: int
    most: int

    def least(self, own: int = 0) -> int:
        """What the refused request needs even if nothing else is written; `own` of what is held may be its own."""
        return self.needed + min(own, self.held)


@dataclass(frozen=True)
class Refusal:
    """What a server said instead of doing it, for a request or for one item of `_bulk` or `_msearch`."""

    status: int
    kind: str  # the exception's type, as `circuit_breaking_exception`; "" where there is none
    reason: str  # one line; "" where there is none
    lasting: bool = False  # whether the server says that it will not pass

    @classmethod
    def read(cls, status: int, body: object) -> Refusal:
        """Read what a server says: the body of an answer, or the `error` of an item, whatever that may be."""
        error = body.get("error", body) if isinstance(body, Mapping) else body
        if not isinstance(error, Mapping):
            page = not isinstance(error, str) or error.lstrip().startswith("<")
            return cls(status, "", "" if page else one_line(error))
        root = error.get("root_cause")
        first = root[0] if isinstance(root, list) and root and isinstance(root[0], Mapping) else error
        lasting = "PERMANENT" in (first.get("durability"), error.get("durability"))
        return cls(status, one_line(first.get("type") or "", _KIND_SHOWN), one_line(_reason(first, error)), lasting)

    @property
    def pressure(self) -> Pressure | None:
        """The memory that writes need; None where the server does not speak of it."""
        figures = _PRESSURE.search(self.reason) if self.kind == _REJECTED else None
        return Pressure(*map(int, figures.groups())) if figures else None

    @property
    def passes(self) -> bool:
        """Whether it may go well the next time; a read-only index stays one, and no heap grows by waiting."""
        blocked = self.kind == _BLOCK and self.status in _BLOCKS
        too_large = self.pressure is not None and self.pressure.least() > self.pressure.most
        return self.status in (429, 502, 503, 504) and not blocked and not too_large and not self.lasting

    @property
    def said(self) -> str:
        """In the server's own words."""
        kind = f" ({self.kind})" if self.kind else ""
        return f"{self.reason}{kind}" if self.reason else self.kind or f"status {self.status}"

    @property
    def words(self) -> str:
        """In ours, with what to do about it, where the server's are not enough."""
        line = next(
            line
            for statuses, kind, pattern, line in _LINES
            if (statuses is None or self.status in statuses)
            and (kind is None or kind == self.kind)
            and (pattern is None or pattern.search(self.reason))
        )
        action, privileges = _ACTION.search(self.reason), _PRIVILEGES.search(self.reason)
        return line.format(
            **vars(self),
            said=self.said,
            because=f", {self.kind}" if self.kind else "",
            # of a 403, whose whole reason would show the user's name
            action=f": {action[1]}" if action else "",
            privileges=f"; it needs one of the {privileges[1]} privileges {privileges[2].replace(',', ', ')}"
            if privileges
            else "",
        )


def _reason(first: Mapping[str, object], error: Mapping[str, object]) -> str:
    """The deepest cause, which says most and has to survive a cut; behind it, what it led to."""
    inner: object = error
    while isinstance(inner, Mapping):
        error, inner = inner, inner.get("caused_by")
    outer, deepest = first.get("reason"), error.get("reason")
    result = outer if isinstance(outer, str) else ""
    if not isinstance(deepest, str) or not deepest or deepest == result:
        return result
    result = result.removesuffix(deepest).rstrip(": ").replace(deepest, "…")
    return f"{deepest}; hence {result}" if result else deepest


class RetriableError(Exception):
    """A part of an answer, an item of `_bulk` or `_msearch`, that may go well the next time."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(f"{refusal.status} {refusal.kind or refusal.reason}")
        self.refusal = refusal


class UnboundedAnswerError(TransportError):
    """An answer larger than any that is asked for, or packed in a way that was not asked for."""


# what goes wrong on the way to a server

_SECONDS = re.compile(r"timeout=([0-9.]+)")
_UNTRUSTED = re.compile(r"certificate verify failed: (.+?)(?= \(_ssl\.c|$)|(hostname '[^']*' doesn't match .+)")
CLOSED = frozenset({"ClosedPoolError"})
CUT_OFF = frozenset({"SSLEOFError", "SSLZeroReturnError"})
NO_HTTP = frozenset({"BadStatusLine", "UnknownProtocol"})
HUNG_UP = CUT_OFF | {
    "BrokenPipeError",
    "ConnectionAbortedError",
    "ConnectionResetError",
    "IncompleteRead",
    "ProtocolError",
    "RemoteDisconnected",
}
_UNREACHED = (
    (CLOSED, "the connection was closed while {doing}"),
    (frozenset({"ConnectionRefusedError"}), "connection refused while {doing}; is it running, and is the port right?"),
    (frozenset({"NameResolutionError", "gaierror"}), "no such host while {doing}; is the name right?"),
    (NO_HTTP, "what answers while {doing} does not speak HTTP; is the port right?"),
    (HUNG_UP, "connection lost while {doing}; is it still running?"),
)
"""Classes of the causes -> the line; the first row that fits."""


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and all that it comes from: by the time the client's errors are raised, their own list is empty."""
    todo, seen = [error], set()
    while todo:
        one = todo.pop(0)
        if id(one) not in seen:
            seen.add(id(one))
            yield one
            inner = (one.__cause__, *one.args, *getattr(one, "errors", ()))
            todo += [deeper for deeper in inner if isinstance(deeper, BaseException)]


def comes_from(error: BaseException, names: frozenset[str]) -> bool:
    """Whether the error, or one that it comes from, is of a class of these names."""
    return any(type(one).__name__ in names for one in _causes(error))


def in_time(error: BaseException) -> str:
    """That no answer came, with the seconds that were waited."""
    seconds = _SECONDS.search(" ".join(map(str, _causes(error))))
    return f"no answer within {float(seconds[1]):g} s" if seconds else "no answer in time"


def _unanswered(error: Exception, doing: str, url: str) -> str:
    """The words for a request without an answer that can be read."""
    if isinstance(error, UnboundedAnswerError):
        return f"{error.message} while {doing}; is a proxy in between?"
    if isinstance(error, ConnectionTimeout):
        return f"{in_time(error)} while {doing} (--es-timeout)"
    if isinstance(error, SSLError) and not comes_from(error, CUT_OFF):
        return _untrusted(error, doing, url)
    if isinstance(error, SerializationError):  # whose own words show all that is no JSON
        if not str(error).startswith("Unable to serialize"):
            return f"an answer that is not JSON while {doing}; is a proxy in between?"
        reason = one_line(" ".join(str(one) for one in _causes(error) if one is not error)) or "of no JSON type"
        return f"what should be sent while {doing} cannot be written as JSON ({reason})"
    reason = next((one.strerror for one in _causes(error) if isinstance(one, OSError) and one.strerror), "")
    unknown = f"no connection while {doing} ({one_line(reason or str(error)) or type(error).__name__})"
    return next((line.format(doing=doing) for names, line in _UNREACHED if comes_from(error, names)), unknown)


def _untrusted(error: Exception, doing: str, url: str) -> str:
    """The words for a TLS handshake that failed; neither certificate nor fingerprint is shown."""
    texts = [str(one) for one in _causes(error)]
    text = " ".join(texts)
    if "WRONG_VERSION_NUMBER" in text or "record layer failure" in text.lower():
        return f"it does not speak https; allowed: {url.replace('https://', 'http://', 1)}"
    if "Fingerprints did not match" in text:
        return "its certificate has another fingerprint than ES_FINGERPRINT says"
    reasons = [reason[1] or reason[2] for one in texts if (reason := _UNTRUSTED.search(one))]
    if not reasons:
        return f"no TLS connection while {doing} ({one_line(texts[-1])})"
    how = "set ES_CA_CERTS to the file of its CA, or ES_FINGERPRINT"
    return f"its certificate is not trusted ({one_line(reasons[-1])}); {how}"


def explained(error: Exception, *, doing: str, url: str, sent: str = "") -> RelevanceError:
    """Whatever the client raises while `doing` something, as one line.

    Where `sent`, the user's file or strategy, is what the server refuses (400), that is bad input.
    """
    if isinstance(error, RelevanceError):
        return error
    at = f"elasticsearch at {url}"
    if isinstance(error, UnsupportedProductError):
        return CouldNotRunError(f"{at}: what answered while {doing} is no Elasticsearch")
    if isinstance(error, RetriableError):
        refusal = error.refusal
    elif isinstance(error, ApiError):
        refusal = Refusal.read(error.status_code, error.body)
    else:
        return CouldNotRunError(f"{at}: {_unanswered(error, doing, url)}")
    the_clusters = _SHARDS.search(refusal.reason) or _STREAMS.search(refusal.reason)
    if sent and refusal.status == 400 and not the_clusters:  # noqa: PLR2004 - a bad request
        return InputError(f"{sent}: {at} refuses it: {refusal.said}")
    return CouldNotRunError(f"{at}: {refusal.words} (while {doing})")
