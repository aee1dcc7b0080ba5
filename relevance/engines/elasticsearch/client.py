"""The way to a server: the client, whose answers are bounded in size and time; asking it; and what the server is."""

from __future__ import annotations

import base64
import http.client
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

import orjson
from elastic_transport import TransportError, Urllib3HttpNode
from elastic_transport.client_utils import DEFAULT
from elasticsearch import ApiError, ConnectionTimeout, Elasticsearch, OrjsonSerializer, SerializationError
from elasticsearch.serializer import NdjsonSerializer

from relevance.engines.elasticsearch.errors import CONNECTING, Refusal, RetriableError, failure
from relevance.errors import CouldNotRunError, InputError, RelevanceError
from relevance.text import plural
from relevance.web import proxy_of, read_whole, timed

if TYPE_CHECKING:
    from relevance.engines.elasticsearch.settings import Credentials, Settings

T = TypeVar("T")

# the client

_LOGGERS = ("elastic_transport.node_pool", "elastic_transport.transport", "urllib3.connection")
"""They warn of each lost connection and of each wrong certificate, on the terminal; so do we, in one line."""


def _read_whole(urlopen: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """What the node reads of an answer to a request by urllib3's pool."""
    response = urlopen(*args, preload_content=False, **options)
    return SimpleNamespace(status=response.status, headers=response.headers, data=read_whole(response))


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
        if config.scheme == "https" and (proxy := proxy_of(config.host, config.port)):
            pool.proxy, pool.proxy_config, pool.proxy_headers = proxy.proxy, proxy.proxy_config, proxy.proxy_headers
            pool.conn_kw |= {"proxy": proxy.proxy, "proxy_config": proxy.proxy_config}
        timed(pool)
        pool.urlopen = partial(_read_whole, pool.urlopen)

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


def make_client(url: str, credentials: Credentials, *, timeout: float) -> Elasticsearch:
    """A client that asks each request once: its own retries do not wait, `Connection.ask` does, and tells of it.

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
    wrong = {
        "an API key (ES_API_KEY) beside a user (ES_USER and ES_PASSWORD, or inside the URL); allowed: one of them": (
            key and (user or password)
        ),
        "ES_API_KEY: spaces or other characters that no API key has; expected: its base64 form, or ID:KEY": (
            key and not re.fullmatch("[!-~]+", key)
        ),
        "a user alone; ES_USER and ES_PASSWORD belong together": user and not password,
        "a password alone; ES_USER and ES_PASSWORD belong together": password and not user,
        "ES_USER: a colon, which no user has": ":" in user,
        "ES_USER, ES_PASSWORD: something that is not Unicode": re.search("[\ud800-\udfff]", user + password),
    }
    for line, holds in wrong.items():
        if holds:
            raise InputError(line)
    if key:
        return {"api_key": base64.b64encode(key.encode()).decode() if ":" in key else key}
    # a pair of texts would have to be ASCII for the client
    return {"basic_auth": base64.b64encode(f"{user}:{password}".encode()).decode()} if user else {}


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


# a server, asked

PATIENCE_S = 60.0
"""For which what may pass is waited for."""
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 8.0


@dataclass(frozen=True)
class RetryPolicy:
    """For how long what may pass is tried again: 429, 502, 503, 504 and lost connections.

    It is given up so many `seconds` after the first failure; a server that is not reached after `unreachable_s`, where
    that is shorter, or at once where `ended` says that it has ended for good.
    """

    seconds: float = field(default_factory=lambda: PATIENCE_S)
    unreachable_s: float = math.inf
    ended: Callable[[], RelevanceError | None] = lambda: None
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = monotonic


@dataclass(frozen=True, eq=False)
class Connection:
    """A server of a release that we know; at the end of a `with` it is let go."""

    client: Elasticsearch = field(repr=False)
    url: str  # without user and password
    version: str  # `8.19.5`; `8.11.0-serverless` of Elastic's serverless projects, which all call themselves 8.11.0
    timeout: float = 60.0  # seconds until an answer is given up
    retry_policy: RetryPolicy = field(default_factory=RetryPolicy)
    credential: str = ""  # `Credentials.words`
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

    def ask(self, call: Callable[[], T], *, doing: str, retried: Callable[[str], object] | None = None) -> T:
        """Call until it goes well, after 0.5, 1, 2, 4, 8, 8, … seconds; an error of ours is final.

        What does not answer in time is asked once more and no oftener: a frozen server costs two time-outs.

        Args:
            call: what asks.
            doing: what it does, for the error's line.
            retried: is told why, before each new try; None: `notes` tells.

        Raises:
            RelevanceError: the last error, which is its cause, in a line; or the policy's `ended`.
        """
        policy = self.retry_policy
        unreachable_s = min(policy.seconds, policy.unreachable_s)
        limits = {"busy": policy.seconds, "unreached": unreachable_s, "lost": unreachable_s, "slow": math.inf}
        wait, since = _FIRST_WAIT, math.inf
        while True:
            try:
                return call()
            except (ApiError, TransportError, RetriableError, ConnectionError, TimeoutError) as error:
                what = failure(error, doing=doing, url=self.url, credential=self.credential)
                if what.kind in ("unreached", "lost") and (end := policy.ended()) is not None:
                    raise end from None
                now = policy.clock()
                since = min(since, now)
                left = since - now + limits.get(what.kind, 0.0)
                if left <= 0:
                    raise self.problem(what.line) from error
                if what.kind == "slow":
                    limits["slow"] = 0.0
                (retried or self._count)(what.why)
            policy.sleep(min(wait, left))
            wait = min(2 * wait, _LONGEST_WAIT)

    def _count(self, why: str) -> None:
        self.retries[why] += 1

    def explained(self, error: Exception, *, doing: str, sent: str = "") -> RelevanceError:
        """Whatever the client raises while `doing` something, as an error of one line.

        Where `sent`, the user's file or strategy, is what the server refuses, that is bad input.
        """
        what = failure(error, doing=doing, url=self.url, credential=self.credential)
        if sent and what.kind == "refused":
            return InputError(f"{sent}: elasticsearch at {self.url} refuses it: {what.said}")
        return self.problem(what.line)

    def problem(self, text: str) -> CouldNotRunError:
        """The error of a server that did not do what was asked for."""
        return CouldNotRunError(f"elasticsearch at {self.url}: {text}")

    def hurried(self, timeout: float, seconds: float, unreachable_s: float = math.inf) -> Connection:
        """The same server, for whoever does not want to wait: for an answer so long, for what passes so long."""
        timeout = min(timeout, self.timeout)
        policy = replace(self.retry_policy, seconds=seconds, unreachable_s=unreachable_s)
        client = self.client.options(request_timeout=timeout)
        return replace(self, client=client, timeout=timeout, retry_policy=policy, retries=Counter())

    def notes(self, doing: str) -> tuple[str, ...]:
        """A line on what had to be tried again; none where nothing had to."""
        if not self.retries:
            return ()
        whys = ", ".join(f"{why} ({count:,})" if count > 1 else why for why, count in sorted(self.retries.items()))
        return (f"{doing} went well only after {plural(self.retries.total(), 'more try')}: {whys}",)


# what a server is

RELEASES = (8, 9)
"""Of Elasticsearch, those that are supported."""

_HELLO_S, _COMING_UP_S, _UNREACHABLE_S = 10.0, 30.0, 2.0
"""The first answer takes no work, and one that takes longer does not come; a wrong port fails soon."""
_SERVERLESS, _TAGLINE = "-serverless", "You Know, for Search"
_SHOWN = 40


def connect(settings: Settings, retry_policy: RetryPolicy | None = None) -> Connection:
    """Reach a server and see that it is an Elasticsearch of a release that we know.

    A server that does not answer is given up after two seconds, one that says that it comes up after thirty. The policy
    is for what is asked later on.

    Raises:
        InputError: the credentials cannot be right.
        CouldNotRunError: nothing answers, or it is something else, or it refuses the credentials.
    """
    url, credentials = str(settings.url), settings.credentials
    client = make_client(url, credentials, timeout=settings.timeout)
    connection = Connection(client, url, "", settings.timeout, retry_policy or RetryPolicy(), credentials.words)
    try:
        return replace(connection, version=_version(connection.hurried(_HELLO_S, _COMING_UP_S, _UNREACHABLE_S)))
    except BaseException:
        client.close()
        raise


def _version(connection: Connection) -> str:
    """Ask a server for its version, see `Connection.version`."""
    url = connection.url

    def ask() -> Any:
        """The answer to `GET /`, or the error that holds it, final and from whatever server."""
        try:  # no media type of series 8 is asked for, which other servers would refuse
            return connection.client.perform_request("GET", "/", headers={"accept": "*/*"})
        except SerializationError:
            raise CouldNotRunError(f"{url} answers, but is no Elasticsearch (what it says is not JSON)") from None
        except ConnectionTimeout as error:
            raise connection.explained(error, doing=CONNECTING) from error
        except ApiError as error:
            if Refusal.read(error.status_code, error.body).passes:
                raise
            return error

    answer = connection.ask(ask, doing=CONNECTING)
    is_signed = answer.meta.headers.get("x-elastic-product") == "Elasticsearch"
    if answer.meta.status >= http.client.MULTIPLE_CHOICES:
        raise _turned_away(connection, answer, is_signed=is_signed)
    greeting = answer.body if isinstance(answer.body, Mapping) else {}
    version = greeting.get("version")
    version = version if isinstance(version, Mapping) else {}
    number, other = str(version.get("number", ""))[:_SHOWN], str(version.get("distribution", ""))[:_SHOWN]
    if not other and "lucene_version" not in version and not (version and greeting.get("tagline") == _TAGLINE):
        raise CouldNotRunError(f"{url} answers, but is no Elasticsearch ({_look_of(answer.body)})")
    # a version is printed and stored: it holds nothing that a terminal would obey
    known = re.fullmatch(r"(\d+)\.\d+[\w.+-]*", number, re.ASCII)
    if other or not known or int(known[1]) not in RELEASES:
        name = "OpenSearch" if other == "opensearch" else other or "Elasticsearch"
        problem = f"is {name} {number}{', not Elasticsearch' if other else ''}"
        raise CouldNotRunError(f"{url} {problem}; releases 8 and 9 are supported")
    if not is_signed:
        problem = f"is Elasticsearch {number} without the header X-Elastic-Product"
        raise CouldNotRunError(f"{url} {problem}; a proxy in between has to pass it on")
    return f"{number}{_SERVERLESS if version.get('build_flavor') == 'serverless' else ''}"


def _turned_away(connection: Connection, error: ApiError, *, is_signed: bool) -> RelevanceError:
    """A refusal that is final: of an Elasticsearch, which signs what it says, or of something else."""
    url, status, headers = connection.url, error.meta.status, error.meta.headers
    if is_signed and status in (400, 404, 405):
        problem = f"is a path on an Elasticsearch, not its root ({status}); is the path right?"
    elif is_signed or status in (401, 403, 429):  # which say the same whoever answers
        return connection.explained(error, doing=CONNECTING)
    elif "https port" in str(error.body).lower():
        problem = f"speaks https; allowed: {url.replace('http://', 'https://', 1)}"
    elif "location" in headers and status < http.client.BAD_REQUEST:
        target = re.sub(r"(?<=//)[^/@]*@|[?#].*", "", headers["location"])
        problem = f"points to {target} ({status}); give the cluster's own URL"
    else:
        problem = f"answers {status}, but is no Elasticsearch ({_look_of(error.body)}); is the path right?"
    return CouldNotRunError(f"{url} {problem}")


def _look_of(body: object) -> str:
    if isinstance(body, Mapping):
        return "JSON of another kind"
    if isinstance(body, str) and body.lstrip().startswith("<"):
        return "an HTML page"
    return "text" if body else "an empty answer"
