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
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from time import monotonic
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import unquote
from urllib.request import getproxies, proxy_bypass

import orjson
from elastic_transport import TransportError, Urllib3HttpNode
from elastic_transport.client_utils import DEFAULT
from elasticsearch import (
    ApiError,
    ConnectionTimeout,
    Elasticsearch,
    OrjsonSerializer,
    SerializationError,
    UnsupportedProductError,
)
from elasticsearch.serializer import NdjsonSerializer
from urllib3.connection import ProxyConfig
from urllib3.util import make_headers, parse_url

from relevance.engines.elasticsearch.errors import Refusal, RetriableError, UnboundedAnswerError, explained, failure
from relevance.engines.elasticsearch.settings import split_url
from relevance.errors import CouldNotRunError, InputError, RelevanceError
from relevance.text import plural, without_credentials

if TYPE_CHECKING:
    import socket

    from relevance.engines.elasticsearch.settings import Credentials, Settings

T = TypeVar("T")

# an answer, bounded

MOST_BYTES = 64 << 20
"""Of an answer, unpacked; requests are cut so that theirs have about 8 MB."""


class _TimedResponse(http.client.HTTPResponse):
    """An answer that has the socket's time-out for all of it: one that comes byte by byte ends in time, too."""

    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp.close()
        self.fp = io.BufferedReader(_TimedReader(sock))


class _TimedReader(io.RawIOBase):
    def __init__(self, sock: socket.socket) -> None:
        super().__init__()
        seconds: Any = sock.gettimeout()  # the client always sets one
        self._socket, self._raw, self._end = sock, sock.makefile("rb", buffering=0), monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._socket.settimeout(max(self._end - monotonic(), 1e-6))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def _bounded(urlopen: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """What the node reads of an answer to a request by urllib3's pool."""
    response = urlopen(*args, preload_content=False, **options)
    data = bytearray()
    try:
        while len(data) <= MOST_BYTES and (piece := response.read(1 << 20)):
            data += piece
    except BaseException:
        response.close()
        raise
    finally:
        response.release_conn()
    if len(data) > MOST_BYTES:
        response.close()
        raise UnboundedAnswerError(f"an answer of more than {MOST_BYTES >> 20} MiB")
    return SimpleNamespace(status=response.status, headers=response.headers, data=bytes(data))


# the client

_LOGGERS = ("elastic_transport.node_pool", "elastic_transport.transport", "urllib3.connection")
"""They warn of each lost connection and of each wrong certificate, on the terminal; so do we, in one line."""


class _Rows(NdjsonSerializer, OrjsonSerializer):
    """Rows of JSON for `_bulk` and `_msearch`; the client's own writes them by the standard library."""


class _Node(Urllib3HttpNode):
    """Bounds answers, takes the environment's proxy, and makes of each answer what the client reads without a word.

    A server's `Warning` header would become a Python warning, which is an error under `-W error`; a refusal that is no
    JSON is read as text, so that a balancer's page keeps its status.
    """

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        pool: Any = self.pool
        if config.scheme == "https" and (proxy := _proxy(config.host, config.port)):
            pool.proxy, pool.proxy_config = parse_url(proxy), ProxyConfig(None, False, None, None)  # noqa: FBT003 - a tuple
            pool.conn_kw |= {"proxy": pool.proxy, "proxy_config": pool.proxy_config}
            if pool.proxy.auth:
                pool.proxy_headers = make_headers(proxy_basic_auth=unquote(pool.proxy.auth))
        pool.ConnectionCls = type("Connection", (pool.ConnectionCls,), {"response_class": _TimedResponse})
        pool.urlopen = partial(_bounded, pool.urlopen)

    def perform_request(self, *args: Any, **options: Any) -> Any:
        try:
            answer = super().perform_request(*args, **options)
        except ConnectionTimeout as error:
            seconds = options.get("request_timeout", DEFAULT)
            seconds = self.config.request_timeout if seconds is DEFAULT else seconds
            raise ConnectionTimeout(f"no answer within {seconds:g} s") from error
        headers, body = answer.meta.headers.copy(), answer.body
        headers.pop("warning", None)
        try:
            if answer.meta.status >= http.client.BAD_REQUEST:
                orjson.loads(body)
        except ValueError:
            headers["content-type"] = "text/plain"
            body = body.decode("utf-8", "replace").encode()
        return answer._replace(meta=replace(answer.meta, headers=headers), body=body)


def _proxy(host: str, port: int) -> str:
    """The proxy by which the environment has a server of https reached; "" where it has none for this host."""
    proxies = getproxies()
    proxy = proxies.get("https") or proxies.get("all") or ""
    if not proxy or host in ("localhost", "127.0.0.1", "::1") or proxy_bypass(f"{host}:{port}"):
        return ""
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    if not proxy.startswith(("http://", "https://")):
        raise InputError(f"HTTPS_PROXY: {without_credentials(proxy)}; allowed: http://HOST:PORT; NO_PROXY: {host}")
    return proxy


def make_client(url: str, credentials: Credentials, *, timeout: float) -> Elasticsearch:
    """A client that asks each request once: its own retries do not wait, `RetryPolicy`'s do, and tell of it.

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
    if key and not re.fullmatch("[!-~]+", key):
        raise InputError(
            "ES_API_KEY: spaces or other characters that no API key has; expected: its base64 form, or ID:KEY"
        )
    if key:
        return {"api_key": base64.b64encode(key.encode()).decode() if ":" in key else key}
    if bool(user) != bool(password):
        raise InputError(f"a {'user' if user else 'password'} alone; ES_USER and ES_PASSWORD belong together")
    if ":" in user:
        raise InputError("ES_USER: a colon, which no user has")
    try:
        pair = f"{user}:{password}".encode()  # by the client it would have to be ASCII
    except UnicodeEncodeError:
        raise InputError("ES_USER, ES_PASSWORD: something that is not Unicode") from None
    return {"basic_auth": base64.b64encode(pair).decode()} if user else {}


def _trust(credentials: Credentials) -> dict[str, Any]:
    options = {}
    if credentials.fingerprint:
        digits = credentials.fingerprint.replace(":", "").strip().lower()
        if not re.fullmatch("[0-9a-f]{64}", digits):
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

PATIENCE_S = 60.0
"""For which what may pass is waited for."""
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 8.0


@dataclass(frozen=True)
class RetryPolicy:
    """Tries again what may pass: 429, 502, 503, 504 and lost connections, after 0.5, 1, 2, 4, 8, 8, … seconds.

    It is given up so many `seconds` after the first failure; a server that is not reached after `unreachable_s`, where
    that is shorter, or at once where `ended` says that it has ended for good. One that does not answer in time is asked
    once more and no oftener: a frozen one costs two time-outs. What the server is shown, in words, is the `credential`.
    """

    seconds: float = field(default_factory=lambda: PATIENCE_S)
    unreachable_s: float = math.inf
    ended: Callable[[], RelevanceError | None] = lambda: None
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = monotonic
    credential: str = ""

    def run(self, call: Callable[[], T], *, doing: str, url: str, retried: Callable[[str], None] = lambda _: None) -> T:
        """Call until it goes well; an error of ours is final. `retried` is told why, before each new try.

        Raises:
            RelevanceError: what `explained` makes of the last error, which is its cause; or the one of `ended`.
        """
        unreachable_s = min(self.seconds, self.unreachable_s)
        limits = {"busy": self.seconds, "unreached": unreachable_s, "lost": unreachable_s, "slow": math.inf}
        wait, since = _FIRST_WAIT, math.inf
        while True:
            try:
                return call()
            except (ApiError, TransportError, RetriableError, ConnectionError, TimeoutError) as error:
                what = failure(error, doing=doing, url=url)
                if what.kind in ("unreached", "lost") and (end := self.ended()) is not None:
                    raise end from None
                now = self.clock()
                since = min(since, now)
                left = since - now + limits.get(what.kind, 0.0)
                if left <= 0:
                    raise explained(error, doing=doing, url=url, credential=self.credential) from error
                if what.kind == "slow":
                    limits["slow"] = 0.0
                retried(what.why)
            self.sleep(min(wait, left))
            wait = min(2 * wait, _LONGEST_WAIT)


# a server, asked

_HELLO_S = 10.0
"""The first answer takes no work; one that takes longer does not come."""


@dataclass(frozen=True, eq=False)
class Connection:
    """A server of a release that we know; at the end of a `with` it is let go."""

    client: Elasticsearch = field(repr=False)
    url: str  # without user and password
    version: str  # `8.19.5`; `8.11.0-serverless` of Elastic's serverless projects, which all call themselves 8.11.0
    timeout: float = 60.0  # seconds until an answer is given up
    retry_policy: RetryPolicy = field(default_factory=RetryPolicy)
    retries: Counter[str] = field(default_factory=Counter)  # by the reason for another try

    @property
    def release(self) -> int:
        """The first part of the version."""
        return int(self.version.partition(".")[0])

    @property
    def serverless(self) -> bool:
        """Whether shards, replicas, merges and statistics are none of the user's business there."""
        return self.version.endswith(_SERVERLESS)

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
        policy = RetryPolicy(seconds=seconds, credential=self.retry_policy.credential)
        return replace(self, client=client, timeout=timeout, retry_policy=policy)

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
    credentials = settings.credentials
    url, inside = split_url(str(settings.url))
    if not (credentials.user or credentials.password):
        credentials = replace(credentials, user=inside.user, password=inside.password, in_url=True)
    policy = replace(retry_policy or RetryPolicy(), credential=credentials.words)
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

_DOING, _SERVERLESS, _TAGLINE = "connecting", "-serverless", "You Know, for Search"
_SHOWN = 40


def _greet(client: Elasticsearch, url: str, retry_policy: RetryPolicy) -> str:
    """Ask a server for its version, see `Connection.version`."""

    def ask() -> tuple[object, bool]:
        """The answer to `GET /`, and whether an Elasticsearch has signed it."""
        try:  # no media type of series 8 is asked for, which other servers would refuse
            return client.perform_request("GET", "/", headers={"accept": "*/*"}).body, True
        except UnsupportedProductError as error:
            return error.body, False
        except SerializationError:
            raise CouldNotRunError(f"{url} answers, but is no Elasticsearch (what it says is not JSON)") from None
        except ConnectionTimeout as error:
            raise explained(error, doing=_DOING, url=url) from error
        except ApiError as error:
            if Refusal.read(error.status_code, error.body).passes:
                raise
            raise _turned_away(error, url, retry_policy.credential) from error

    try:
        body, is_signed = retry_policy.run(ask, doing=_DOING, url=url)
    except CouldNotRunError as error:
        cause = error.__cause__
        is_broken = isinstance(cause, Exception) and failure(cause, doing=_DOING, url=url).kind == "lost"
        if is_broken and url.startswith("http:"):
            raise CouldNotRunError(f"{error} If it speaks https: {url.replace('http', 'https', 1)}") from None
        raise
    number, is_serverless = _elasticsearch(body, url)
    if not is_signed:
        problem = f"is Elasticsearch {number} without the header X-Elastic-Product"
        raise CouldNotRunError(f"{url} {problem}; a proxy in between has to pass it on")
    return f"{number}{_SERVERLESS if is_serverless else ''}"


def _elasticsearch(body: object, url: str) -> tuple[str, bool]:
    """The number that an Elasticsearch of a known release greets with, and whether it is a serverless one."""
    greeting = body if isinstance(body, Mapping) else {}
    version = greeting.get("version")
    version = version if isinstance(version, Mapping) else {}
    number, other = str(version.get("number", ""))[:_SHOWN], str(version.get("distribution", ""))[:_SHOWN]
    if not other and "lucene_version" not in version and not (version and greeting.get("tagline") == _TAGLINE):
        raise CouldNotRunError(f"{url} answers, but is no Elasticsearch ({_look_of(body)})")
    # a version is printed and stored: it holds nothing that a terminal would obey
    known = re.fullmatch(r"(\d+)\.\d+[\w.+-]*", number, re.ASCII)
    if other or not known or int(known[1]) not in RELEASES:
        name = "OpenSearch" if other == "opensearch" else other or "Elasticsearch"
        problem = f"is {name} {number}{', not Elasticsearch' if other else ''}"
        raise CouldNotRunError(f"{url} {problem}; releases 8 and 9 are supported")
    return number, version.get("build_flavor") == "serverless"


def _turned_away(error: ApiError, url: str, credential: str) -> Exception:
    """A refusal that is final: of an Elasticsearch, or of something else."""
    status, headers = error.status_code, error.meta.headers
    if "https port" in str(error.body).lower():
        return CouldNotRunError(f"{url} speaks https; allowed: {url.replace('http://', 'https://', 1)}")
    if "location" in headers and status // 100 == 3:  # noqa: PLR2004 - redirections
        target = re.sub(r"(?<=//)[^/@]*@|[?#].*", "", headers["location"])
        return CouldNotRunError(f"{url} points to {target} ({status}); give the cluster's own URL")
    is_ours = headers.get("x-elastic-product") == "Elasticsearch"
    if is_ours and status in (400, 404, 405):
        return CouldNotRunError(f"{url} is a path on an Elasticsearch, not its root ({status}); is the path right?")
    if is_ours or status in (401, 403, 429):  # which say the same whoever answers
        return explained(error, doing=_DOING, url=url, credential=credential)
    what = f"answers {status}, but is no Elasticsearch ({_look_of(error.body)})"
    return CouldNotRunError(f"{url} {what}; is the path right?")


def _look_of(body: object) -> str:
    if isinstance(body, Mapping):
        return "JSON of another kind"
    if isinstance(body, str) and body.lstrip().startswith("<"):
        return "an HTML page"
    return "text" if body else "an empty answer"
