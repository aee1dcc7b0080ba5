"""The way to a server: the client, whose answers are bounded in size and time; what the server is; and asking it."""

from __future__ import annotations

import base64
import http.client
import io
import logging
import math
import re
import ssl
import time
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeVar

import orjson
from elastic_transport import ConnectionError as NoConnection
from elastic_transport import HttpHeaders, Transport, TransportApiResponse, TransportError, Urllib3HttpNode
from elasticsearch import (
    ApiError,
    ConnectionTimeout,
    Elasticsearch,
    OrjsonSerializer,
    SerializationError,
    SSLError,
    UnsupportedProductError,
)
from elasticsearch.serializer import NdjsonSerializer

from relevance.engines.elasticsearch.errors import (
    CLOSED,
    CUT_OFF,
    HUNG_UP,
    NO_HTTP,
    Refusal,
    RetriableError,
    UnboundedAnswerError,
    comes_from,
    explained,
    in_time,
)
from relevance.engines.elasticsearch.settings import split_url
from relevance.errors import CouldNotRunError, InputError, RelevanceError
from relevance.text import plural

if TYPE_CHECKING:
    import socket

    from relevance.engines.elasticsearch.settings import Credentials, Settings

T = TypeVar("T")

# an answer, bounded

MOST_BYTES = 64 << 20
"""Of an answer, as it comes and unpacked; requests are cut so that theirs have about 8 MB."""

_READ_AT_ONCE = 1 << 20
_PACKED_BY_ZLIB = 47
"""zlib's `wbits` for gzip and deflate, whichever it is."""
_AT_ONCE = 1e-6


class _TimedResponse(http.client.HTTPResponse):
    """An answer that has the socket's timeout for all of it: one that comes byte by byte ends in time, too."""

    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp.close()
        self.fp = io.BufferedReader(_TimedReader(sock))


class _TimedReader(io.RawIOBase):
    def __init__(self, sock: socket.socket) -> None:
        super().__init__()
        self._socket = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._seconds = sock.gettimeout()
        self._end = monotonic() + (self._seconds or 0.0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._seconds is None:
            return self._raw.readinto(buffer)
        try:
            self._socket.settimeout(max(self._end - monotonic(), _AT_ONCE))
            return self._raw.readinto(buffer)
        except TimeoutError:
            raise TimeoutError(f"timed out (timeout={self._seconds})") from None

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(NamedTuple):
    """What the node reads of a response of urllib3."""

    status: int
    headers: Any
    data: bytes


class _BoundedPool:
    """A pool of connections whose answers end, by their size and by the time that they take in all."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self.close = pool.close
        pool.ConnectionCls = type("Connection", (pool.ConnectionCls,), {"response_class": _TimedResponse})

    def urlopen(self, *args: Any, **options: Any) -> _Answer:
        response = self._pool.urlopen(*args, preload_content=False, decode_content=False, **options)
        try:
            return _Answer(response.status, response.headers, _unpacked(_read(response), response.headers))
        except BaseException:
            response.close()
            raise
        finally:
            response.release_conn()


def _read(response: Any) -> bytes:
    data = bytearray()
    while piece := response.read(_READ_AT_ONCE):
        data += piece
        if len(data) > MOST_BYTES:
            raise UnboundedAnswerError(f"an answer of more than {MOST_BYTES >> 20} MiB")
    return bytes(data)


def _unpacked(data: bytes, headers: Any) -> bytes:
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding == "identity" or not data:
        return data
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise UnboundedAnswerError("an answer packed in a way that was not asked for")
    try:
        whole = zlib.decompressobj(wbits=_PACKED_BY_ZLIB).decompress(data, MOST_BYTES + 1)
    except zlib.error:
        raise UnboundedAnswerError("an answer that cannot be unpacked") from None
    if len(whole) > MOST_BYTES:
        raise UnboundedAnswerError(f"an answer of more than {MOST_BYTES >> 20} MiB when unpacked")
    return whole


# the client

_LOGGERS = ("elastic_transport.node_pool", "elastic_transport.transport", "urllib3.connection")
"""They warn of each lost connection and of each wrong certificate, on the terminal; so do we, in one line."""
_REFUSED = 400
"""Statuses from here on."""

_KEY = re.compile(r"[!-~]+")
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


class _Rows(NdjsonSerializer, OrjsonSerializer):
    """Rows of JSON for `_bulk` and `_msearch`; the client's own writes them by the standard library."""


class _Node(Urllib3HttpNode):
    """Bounds answers, and has a refusal that is no JSON read as text: a balancer's page keeps its status."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.pool: Any = _BoundedPool(self.pool)

    def perform_request(self, *args: Any, **options: Any) -> Any:
        try:
            answer = super().perform_request(*args, **options)
        except NoConnection as error:
            if isinstance(error.__cause__, UnboundedAnswerError):
                raise error.__cause__ from None
            raise
        meta, body = answer
        try:
            if meta.status >= _REFUSED:
                orjson.loads(body)
        except ValueError:
            meta = replace(meta, headers=_headers(meta, without="content-type", **{"content-type": "text/plain"}))
            return answer._replace(meta=meta, body=body.decode("utf-8", "replace").encode())
        return answer


class _QuietTransport(Transport):
    """Keeps a server's `Warning` header from becoming a Python warning, which is an error under `-W error`."""

    def perform_request(self, *args: Any, **options: Any) -> TransportApiResponse:
        meta, body = super().perform_request(*args, **options)
        return TransportApiResponse(replace(meta, headers=_headers(meta, without="warning")), body)


def _headers(meta: Any, *, without: str, **more: str) -> HttpHeaders:
    return HttpHeaders({name: value for name, value in meta.headers.items() if name.lower() != without} | more)


def make_client(url: str, credentials: Credentials, *, timeout: float) -> Elasticsearch:
    """A client that asks each request once: trying again is `RetryPolicy`'s, which tells of it.

    Raises:
        InputError: the credentials cannot be right.
    """
    options = _authentication(credentials) | (_trust(credentials) if url.startswith("https:") else {})
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.ERROR)
    try:
        return Elasticsearch(
            url,
            request_timeout=timeout,
            max_retries=0,
            retry_on_timeout=False,
            http_compress=False,
            node_class=_Node,
            transport_class=_QuietTransport,
            serializers={"application/json": OrjsonSerializer(), "application/x-ndjson": _Rows()},
            **options,
        )
    except ValueError:  # its text may show what it was given
        raise InputError(f"{url}: the client does not take this URL, or what comes with it") from None


def _authentication(credentials: Credentials) -> dict[str, Any]:
    """What cannot be sent is refused here: the client's own error would show it."""
    key, user, password = credentials.api_key.strip(), credentials.user, credentials.password
    if key and (user or password):
        raise InputError(
            "an API key (ES_API_KEY) beside a user (ES_USER and ES_PASSWORD, or inside the URL); allowed: one of them"
        )
    if key:
        if not _KEY.fullmatch(key):
            raise InputError(
                "ES_API_KEY: spaces or other characters that no API key has; expected: its base64 form, or ID:KEY"
            )
        return {"api_key": base64.b64encode(key.encode()).decode() if ":" in key else key}
    if bool(user) != bool(password):
        raise InputError(f"a {'user' if user else 'password'} alone; ES_USER and ES_PASSWORD belong together")
    if not user:
        return {}
    if ":" in user:
        raise InputError("ES_USER: a colon, which no user has")
    try:
        pair = f"{user}:{password}".encode()  # by the client it would have to be ASCII
    except UnicodeEncodeError:
        raise InputError("ES_USER, ES_PASSWORD: something that is not Unicode") from None
    return {"basic_auth": base64.b64encode(pair).decode()}


def _trust(credentials: Credentials) -> dict[str, Any]:
    options = {}
    if credentials.fingerprint:
        digits = credentials.fingerprint.replace(":", "").strip().lower()
        if not _FINGERPRINT.fullmatch(digits):
            problem = f"found {len(digits)} characters"
            raise InputError(f"ES_FINGERPRINT: expected 64 hexadecimal digits (SHA-256, colons allowed), {problem}")
        options["ssl_assert_fingerprint"] = digits
    if credentials.ca_certs:
        path = Path(credentials.ca_certs).expanduser()
        if not path.is_file():
            raise InputError(f"ES_CA_CERTS: no such file: {path}")
        try:
            ssl.create_default_context(cafile=path)
        except OSError:  # an SSLError is one
            raise InputError(f"ES_CA_CERTS: no certificates in {path}; expected: a PEM file") from None
        options["ca_certs"] = str(path)
    return options


# trying again

_FIRST_WAIT, _LONGEST_WAIT = 0.5, 8.0


@dataclass(frozen=True)
class RetryPolicy:
    """Tries again what may pass: 429, 502, 503, 504 and lost connections, after 0.5, 1, 2, 4, 8, 8, … seconds.

    It is given up so many `seconds` after the first failure; a server that is not reached after `unreachable_s`, where
    that is shorter, or at once where `ended` says that it has ended for good. One that does not answer in time is asked
    once more and no oftener: a frozen one costs two time-outs.
    """

    seconds: float = 60.0
    unreachable_s: float = math.inf
    ended: Callable[[], RelevanceError | None] = lambda: None
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = monotonic

    def run(self, call: Callable[[], T], *, doing: str, url: str, retried: Callable[[str], None] = lambda _: None) -> T:
        """Call until it goes well; an error of ours is final. `retried` is told why, before each new try.

        Raises:
            RelevanceError: what `explained` makes of the last error, which is its cause; or the one of `ended`.
        """
        wait, since, was_slow = _FIRST_WAIT, math.inf, False
        while True:
            try:
                return call()
            except (ApiError, TransportError, RetriableError, ConnectionError, TimeoutError) as error:
                now = self.clock()
                since = min(since, now)
                why, lost, slow = _passing(error)
                if lost and (end := self.ended()) is not None:
                    raise end from None
                left = since - now + (min(self.seconds, self.unreachable_s) if lost else self.seconds)
                if slow:
                    left = 0.0 if was_slow else math.inf
                if not why or left <= 0:
                    raise explained(error, doing=doing, url=url) from error
                was_slow |= slow
                retried(why)
            self.sleep(min(wait, left))
            wait = min(2 * wait, _LONGEST_WAIT)


def _passing(error: Exception) -> tuple[str, bool, bool]:
    """Why it is worth another try, or ""; whether the server was lost; whether it was too slow."""
    if isinstance(error, RetriableError):
        return str(error), False, False
    if isinstance(error, ApiError):
        refusal = Refusal.read(error.status_code, error.body)
        return f"{refusal.status} {refusal.kind}".strip() if refusal.passes else "", False, False
    if isinstance(error, ConnectionTimeout):
        return in_time(error), False, True
    if isinstance(error, SSLError) and not comes_from(error, CUT_OFF):
        return "", False, False
    if isinstance(error, (NoConnection, ConnectionError)) and not comes_from(error, CLOSED):
        return "connection lost" if is_broken(error) else "not reached", True, False
    return "", False, False


def is_broken(error: BaseException) -> bool:
    """Whether there was a connection, and the other end hung up or spoke something else than HTTP."""
    return comes_from(error, HUNG_UP | NO_HTTP)


# a server, asked

_HELLO_S = 10.0
"""The first answer takes no work; one that takes longer does not come."""


@dataclass(frozen=True, eq=False)
class Connection:
    """A server of a release that we know; at the end of a `with` it is let go."""

    client: Elasticsearch = field(repr=False)
    url: str  # without user and password
    version: str
    timeout: float = 60.0  # seconds until an answer is given up
    retry_policy: RetryPolicy = field(default_factory=RetryPolicy)
    retries: Counter[str] = field(default_factory=Counter)  # by the reason for another try

    @property
    def release(self) -> int:
        """The first part of the version."""
        return int(self.version.partition(".")[0])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections; safe to call twice."""
        self.client.close()

    def ask(self, call: Callable[[], T], *, doing: str) -> T:
        """Call until it goes well, see `RetryPolicy.run`; what it took is counted."""
        return self.retry_policy.run(call, doing=doing, url=self.url, retried=lambda why: self.retries.update([why]))

    def problem(self, text: str) -> CouldNotRunError:
        """The error of a server that did not do what was asked for."""
        return CouldNotRunError(f"elasticsearch at {self.url}: {text}")

    def hurried(self, timeout: float, seconds: float) -> Connection:
        """The same server, for whoever does not want to wait: for an answer so long, for what passes so long."""
        timeout = min(timeout, self.timeout)
        client = self.client.options(request_timeout=timeout)
        return replace(self, client=client, timeout=timeout, retry_policy=RetryPolicy(seconds=seconds))

    def notes(self, doing: str) -> tuple[str, ...]:
        """A line on what had to be tried again; none where nothing had to."""
        if not self.retries:
            return ()
        whys = ", ".join(f"{why} ({count:,})" if count > 1 else why for why, count in sorted(self.retries.items()))
        return (f"{doing} went well only after {plural(self.retries.total(), 'more try')}: {whys}",)


def connect(settings: Settings, retry_policy: RetryPolicy | None = None) -> Connection:
    """Reach a server and see that it is an Elasticsearch of a release that we know.

    A server that does not answer is given up after two seconds, one that says that it comes up after thirty: a wrong
    port fails soon. The policy is for what is asked later on.

    Raises:
        InputError: the URL or the credentials cannot be right.
        CouldNotRunError: nothing answers, or it is something else, or it refuses the credentials.
    """
    policy, credentials = retry_policy or RetryPolicy(), settings.credentials
    url, inside = split_url(str(settings.url))
    if not (credentials.user or credentials.password):
        credentials = replace(credentials, user=inside.user, password=inside.password)
    client = make_client(url, credentials, timeout=settings.timeout)
    try:
        hello = client.options(request_timeout=min(settings.timeout, _HELLO_S))
        version = _greet(hello, url, replace(policy, seconds=30.0, unreachable_s=2.0, ended=lambda: None))
    except BaseException:
        client.close()
        raise
    return Connection(client, url, version, settings.timeout, policy)


# what a server is

RELEASES = (8, 9)
"""Of Elasticsearch, those that are supported."""

_DOING = "connecting"
_NUMBER = re.compile(r"(\d+)\.\d+[\w.+-]*", re.ASCII)
"""A version is printed and stored: it holds nothing that a terminal would obey."""

_SUPPORTED = "releases 8 and 9 are supported"
_TAGLINE = "You Know, for Search"
_ALIKE = frozenset({401, 403, 429})
"""Statuses that say the same whoever answers."""

_NO_ROOT = frozenset({400, 404, 405})
"""What an Elasticsearch says to `GET /` of a path that it does not have."""


def _greet(client: Elasticsearch, url: str, retry_policy: RetryPolicy) -> str:
    """Ask a server for its version, as `8.19.5`."""
    try:
        body = retry_policy.run(lambda: _asked(client, url), doing=_DOING, url=url)
    except CouldNotRunError as error:
        if url.startswith("http:") and error.__cause__ is not None and is_broken(error.__cause__):
            raise CouldNotRunError(f"{error} If it speaks https: {url.replace('http', 'https', 1)}") from None
        raise
    name, number = _product(body)
    if name != "Elasticsearch" or not _is_supported(number):
        raise CouldNotRunError(f"{url} {_what(body)}")
    return number


def _asked(client: Elasticsearch, url: str) -> object:
    """The answer to `GET /`; no media type of series 8 is asked for, which other servers would refuse."""
    try:
        return client.perform_request("GET", "/", headers={"accept": "*/*"}).body
    except UnsupportedProductError as error:
        name, number = _product(error.body)
        if name != "Elasticsearch" or not _is_supported(number):
            raise CouldNotRunError(f"{url} {_what(error.body)}") from None
        unsigned = f"is Elasticsearch {number} without the header X-Elastic-Product"
        raise CouldNotRunError(f"{url} {unsigned}; a proxy in between has to pass it on") from None
    except SerializationError:
        raise CouldNotRunError(f"{url} answers, but is no Elasticsearch (what it says is not JSON)") from None
    except ConnectionTimeout as error:
        raise explained(error, doing=_DOING, url=url) from error
    except ApiError as error:
        if Refusal.read(error.status_code, error.body).passes:
            raise
        raise _turned_away(error, url) from error


def _turned_away(error: ApiError, url: str) -> Exception:
    """A refusal that is final: of an Elasticsearch, or of something else."""
    status, headers = error.status_code, error.meta.headers
    if "https port" in str(error.body).lower():
        return CouldNotRunError(f"{url} speaks https; allowed: {url.replace('http://', 'https://', 1)}")
    if "location" in headers and status // 100 == 3:  # noqa: PLR2004 - redirections
        target = re.sub(r"(?<=//)[^/@]*@|[?#].*", "", headers["location"])
        return CouldNotRunError(f"{url} points to {target} ({status}); give the cluster's own URL")
    ours = headers.get("x-elastic-product") == "Elasticsearch"
    if ours and status in _NO_ROOT:
        return CouldNotRunError(f"{url} is a path on an Elasticsearch, not its root ({status}); is the path right?")
    if ours or status in _ALIKE:
        return explained(error, doing=_DOING, url=url)
    return CouldNotRunError(
        f"{url} answers {status}, but is no Elasticsearch ({_kind(error.body)}); is the path right?"
    )


def _product(body: object) -> tuple[str, str]:
    """Name and version of what answers; "" each where it does not say."""
    version = body.get("version") if isinstance(body, Mapping) else None
    if not isinstance(body, Mapping) or not isinstance(version, Mapping):
        return "", ""
    number, distribution = str(version.get("number", "")), str(version.get("distribution", ""))
    if distribution:
        return "OpenSearch" if distribution == "opensearch" else distribution[:40], number[:40]
    return ("Elasticsearch" if body.get("tagline") == _TAGLINE or "lucene_version" in version else ""), number[:40]


def _is_supported(number: str) -> bool:
    version = _NUMBER.fullmatch(number)
    return version is not None and int(version[1]) in RELEASES


def _what(body: object) -> str:
    """What is said of it, behind its URL."""
    name, number = _product(body)
    if not name:
        return f"answers, but is no Elasticsearch ({_kind(body)})"
    return f"is {name} {number}{'' if name == 'Elasticsearch' else ', not Elasticsearch'}; {_SUPPORTED}"


def _kind(body: object) -> str:
    if isinstance(body, Mapping):
        return "JSON of another kind"
    if isinstance(body, str) and body.lstrip().startswith("<"):
        return "an HTML page"
    return "text" if body else "an empty answer"
