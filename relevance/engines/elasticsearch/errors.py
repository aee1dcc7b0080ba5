"""What goes wrong with a server or on the way to it: `_TABLE`, from what was said to one line and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from elasticsearch import ApiError, UnsupportedProductError

from relevance.text import one_line as printable_line

_SHOWN, _TYPE_SHOWN, _READ = 300, 80, 100_000
_SECRET = re.compile(r"\b(?:ApiKey|Basic|Bearer)\s+[A-Za-z0-9+/_=.:-]{4,}|(?<=//)[^/\s@]+@", re.IGNORECASE)


def one_line(text: object, shown: int = _SHOWN) -> str:
    """A text of the server's as one printable line, without what it may echo of credentials."""
    return printable_line(_SECRET.sub("…", str(text)[:_READ]), shown)


Kind = Literal["busy", "unreached", "lost", "slow", "refused", "final"]
"""It passes; the server was not reached; it hung up; was too slow; does not take what was sent; all else."""

CONNECTING = "connecting"
"""What is done when it may turn out that the server speaks https."""
_HEAP = "give it more heap (a container of ours: --es-memory)"
_FORBIDDEN = "{credential} may not do this (403)"
_LOST = "connection lost while {doing}; is it still running?{or_https}"
_FREE_DISK = "free disk space on the cluster, then run again"
_PROXY = "while {doing} ({reason}); NO_PROXY lists hosts without it"
_UNTRUSTED = "its certificate is not trusted ({reason}); set ES_CA_CERTS to the file of its CA, or ES_FINGERPRINT"
_REASON = r"\w+: (?:\[Errno -?\d+\] )?(?P<reason>.*)"
_ACTION = r"403 .*action \[(?P<action>[^\]]+)\] is unauthorized"
_BYTES = r"\bcoordinating_and_primary_bytes=(\d+),.*\b(?:coordinating|primary)_operation_bytes=(\d+), max_\w+=(\d+)"
_FULL_QUEUE, _NO_MEMORY = "es_rejected_execution_exception", "circuit_breaking_exception"

_TABLE: tuple[tuple[Kind, str, str], ...] = (
    # a refusal: its status and type, a colon, the reason
    (
        "final",
        "(?:403|429) cluster_block_exception: .*flood-stage",
        f"index is read-only (disk past its flood-stage watermark): {_FREE_DISK}",
    ),
    ("final", "(?:403|429) cluster_block_exception: (?P<reason>.*)", "index is blocked: {reason}"),
    (
        "final",
        rf"{_ACTION}.*granted by the (?P<of>\w+) privileges \[(?P<any>[^\]]+)",
        _FORBIDDEN + ": {action}; it needs one of the {of} privileges {any}",
    ),
    ("final", _ACTION, _FORBIDDEN + ": {action}"),
    ("final", "403 ", _FORBIDDEN),
    ("busy", rf"\d+ {_FULL_QUEUE}: .*{_BYTES}", f"the server has too little memory for what is written (429); {_HEAP}"),
    (
        "busy",
        rf"(?P<status>\d+) {_FULL_QUEUE}: ",
        "the server is too busy ({status}: its queue is full); try again later",
    ),
    ("busy", rf"\d+ (?P<type>{_NO_MEMORY}): ", f"the server ran out of memory ({{type}}); {_HEAP}"),
    ("final", r"\d+ (?P<type>out_of_memory_error): ", f"the server ran out of memory ({{type}}); {_HEAP}"),
    ("final", r"\d+ index_not_found_exception: (?P<reason>.*)", "{reason}; was it removed?"),
    (
        "final",
        r"400 \w*: (?P<reason>.*maximum \w* ?shards open.*)",
        "the cluster takes no more shards: {reason}; remove indices there, or raise cluster.max_shards_per_node",
    ),
    (
        "final",
        r"400 \w*: (?P<reason>.*data streams? only.*)",
        "a template of the cluster makes data streams of such names: {reason}; keep relevance-* out of that template",
    ),
    ("refused", "400 ", "it refuses: {said}"),
    ("final", "401 ", "{credential} was refused (401); {remedy}"),
    (
        "final",
        "413 ",
        "a request is too large for the server or a proxy in between (413); raise http.max_content_length there",
    ),
    ("busy", "429 ", "the server is too busy (429); try again later"),
    ("busy", "502 ", "a proxy does not reach the server (502); is it running?"),
    ("busy", "503 ", "the server is not ready ({status}); is the cluster complete?"),
    ("busy", "504 ", "a proxy does not get the server's answer in time (504)"),
    ("final", "507 ", f"the server has no room left (507); {_FREE_DISK}"),
    ("final", r"\d+ ", "it refuses: {said}"),
    # no answer that can be read: of the errors that led to it, a line each, class and text
    ("final", "UnboundedAnswerError: (?P<what>.*)", "{what} while {doing}; is a proxy in between?"),
    ("final", "DecodeError: ", "an answer that cannot be unpacked while {doing}; is a proxy in between?"),
    ("final", "UnsupportedProductError: ", "what answered while {doing} is no Elasticsearch"),
    (
        "final",
        r"(?P<reason>.*)\nSerializationError: Unable to serialize",
        "what should be sent while {doing} cannot be written as JSON ({reason})",
    ),
    ("final", "SerializationError: ", "an answer that is not JSON while {doing}; is a proxy in between?"),
    ("final", "ClosedPoolError: ", "the connection was closed while {doing}"),
    (
        "final",
        "OSError: Tunnel connection failed: (?P<reason>.*)",
        f"the proxy that HTTPS_PROXY names refuses {_PROXY}",
    ),
    ("unreached", rf"{_REASON}(?:\n.*)*\nProxyError: ", f"the proxy that HTTPS_PROXY names is not reached {_PROXY}"),
    ("slow", "ConnectionTimeout: (?P<what>no answer within .*)", "{what} while {doing} (--es-timeout)"),
    ("slow", "(?:ConnectionTimeout|TimeoutError): ", "no answer in time while {doing} (--es-timeout)"),
    (
        "lost",
        "(?:BadStatusLine|UnknownProtocol): ",
        "what answers while {doing} does not speak HTTP; is the port right?{or_https}",
    ),
    ("lost", "(?:SSLEOF|SSLZeroReturn|BrokenPipe|ConnectionAborted|ConnectionReset|Protocol)Error: ", _LOST),
    ("lost", "(?:IncompleteRead|RemoteDisconnected): ", _LOST),
    ("final", ".*(?:WRONG_VERSION_NUMBER|(?i:record layer failure))", "it does not speak https; allowed: {plain}"),
    ("final", ".*Fingerprints did not match", "its certificate has another fingerprint than ES_FINGERPRINT says"),
    ("final", r".*certificate verify failed: (?P<reason>.+?)(?= \(_ssl\.c|$)", _UNTRUSTED),
    ("final", ".*(?P<reason>hostname '[^']*' doesn't match .+)", _UNTRUSTED),
    ("final", "TlsError: (?P<reason>.*)", "no TLS connection while {doing} ({reason})"),
    (
        "unreached",
        "ConnectionRefusedError: ",
        "connection refused while {doing}; is it running, and is the port right?",
    ),
    ("unreached", "(?:NameResolutionError|gaierror): ", "no such host while {doing}; is the name right?"),
    ("unreached", _REASON, "no connection while {doing} ({reason})"),
)
"""Kind, what a text of what went wrong holds, the line; the first row that fits."""

_ROWS = tuple((kind, re.compile(f"^(?:{pattern})", re.MULTILINE), line) for kind, pattern, line in _TABLE)


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
        return cls(status, one_line(first.get("type") or "", _TYPE_SHOWN), one_line(_reason(first, error)), lasting)

    @property
    def pressure(self) -> Pressure | None:
        """The memory that writes need; None where the server does not speak of it."""
        figures = re.search(_BYTES, self.reason) if self.kind == _FULL_QUEUE else None
        return Pressure(*map(int, figures.groups())) if figures else None

    @property
    def passes(self) -> bool:
        """Whether it may go well the next time; no heap grows by waiting."""
        too_large = self.pressure is not None and self.pressure.least() > self.pressure.most
        return _row(self.account)[0] == "busy" and not too_large and not self.lasting

    @property
    def account(self) -> str:
        """What `_TABLE` is asked with."""
        return f"{self.status} {self.kind}: {self.reason}"

    @property
    def said(self) -> str:
        """In the server's own words."""
        kind = f" ({self.kind})" if self.kind else ""
        return f"{self.reason}{kind}" if self.reason else self.kind or f"status {self.status}"


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
        super().__init__(f"{refusal.status} {refusal.kind or refusal.reason}".strip())
        self.refusal = refusal


class Failure(NamedTuple):
    """What went wrong, by `_TABLE`; `why` it is worth another try, a few words."""

    kind: Kind
    line: str
    why: str
    said: str = ""  # by the server


def _row(account: str) -> tuple[Kind, str, Mapping[str, str]]:
    """Kind, line and parts of the account that belong into the line."""
    matches = ((kind, line, pattern.search(account)) for kind, pattern, line in _ROWS)
    return next((kind, line, match.groupdict()) for kind, line, match in matches if match)


_SET, _CHECK = "set ES_API_KEY, or ES_USER and ES_PASSWORD", "is it of this cluster, right, and not expired?"


def failure(error: Exception, *, doing: str, url: str, credential: str) -> Failure:
    """Whatever the client raises while `doing` something: its kind and its line; `credential`: `Credentials.words`."""
    if isinstance(error, ApiError) and not isinstance(error, UnsupportedProductError):
        error = RetriableError(Refusal.read(error.status_code, error.body))
    if isinstance(error, RetriableError):
        refusal = error.refusal
        kind, line, parts = _row(refusal.account)
        kind = "final" if kind == "busy" and not refusal.passes else kind
        known = {
            "said": refusal.said,
            "credential": credential or "the user or the API key",
            "remedy": _CHECK if credential else _SET,
            "status": f"{refusal.status}, {refusal.kind}" if refusal.kind else str(refusal.status),
        }
        line = line.format(**{**known, **parts})
        return Failure(kind, f"{line} (while {doing})", str(error), refusal.said)
    # by the time the client's errors are raised, their own list of causes is empty; the deepest one says most
    causes = reversed(list(_causes(error)))
    kind, line, parts = _row(
        "\n".join(f"{type(one).__name__}: {one_line(getattr(one, 'message', one))}" for one in causes)
    )
    why = {"lost": "connection lost", "unreached": "not reached"}.get(kind) or parts.get("what", "no answer in time")
    plain, https = url.replace("https://", "http://", 1), url.replace("http://", "https://", 1)
    or_https = f" If it speaks https: {https}" if doing == CONNECTING and url == plain else ""
    return Failure(kind, line.format(doing=doing, plain=plain, or_https=or_https, **parts), why)


def _causes(error: BaseException) -> Iterator[BaseException]:
    todo, seen = [error], set()
    while todo:
        one = todo.pop(0)
        if id(one) not in seen:
            seen.add(id(one))
            yield one
            inner = (one.__cause__, *one.args, *getattr(one, "errors", ()))
            todo += [deeper for deeper in inner if isinstance(deeper, BaseException)]
