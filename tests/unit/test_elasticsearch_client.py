"""The way to a server: what is shown to it, what may answer, what goes wrong in one line, what is tried again."""

from __future__ import annotations

import gzip
import json
import socket
import socketserver
import ssl
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import elasticsearch
import numpy as np
import pytest
from helpers.cluster import Clock, api_error
from hypothesis import given, settings
from hypothesis import strategies as st
from urllib3.exceptions import ClosedPoolError, ProtocolError

from relevance.engines.elasticsearch import client
from relevance.engines.elasticsearch.client import MOST_BYTES, Connection, make_client
from relevance.engines.elasticsearch.errors import Refusal, RetriableError, explained
from relevance.engines.elasticsearch.settings import Credentials, Settings, split_url
from relevance.errors import CouldNotRunError, InputError, RelevanceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from relevance.engines.elasticsearch.client import RetryPolicy

NOBODY = Credentials()
SECRET = "hunter2hunter2"  # noqa: S105 - of nobody
HTML = "<html><body>It works!</body></html>"

# what goes wrong, as one line

URL = "http://127.0.0.1:9209"
AT = f"elasticsearch at {URL}: "

READ_ONLY = {
    "type": "cluster_block_exception",
    "reason": "index [i] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, "
    "index has read-only-allow-delete block];",
}
MEMORY = {"type": "circuit_breaking_exception", "reason": "[parent] Data too large", "durability": "TRANSIENT"}
BUSY = {"type": "es_rejected_execution_exception", "reason": "rejected execution of TimedRunnable on queue"}


def pressed(*, held: int, needed: int, most: int) -> dict[str, Any]:
    """As a server says it that has no memory for a write."""
    told = f"coordinating_and_primary_bytes={held}, replica_bytes=0, all_bytes={held}, coordinating_operation_bytes"
    reason = f"rejected execution of coordinating operation [{told}={needed}, max_coordinating_bytes={most}]"
    return {"type": "es_rejected_execution_exception", "reason": reason}


def said(kind: str, reason: str, **more: Any) -> dict[str, Any]:
    """The body of a refusal."""
    return {"error": {"root_cause": [{"type": kind, "reason": reason}], "type": kind, "reason": reason, **more}}


def from_network(cause: Exception, kind: Any = elasticsearch.ConnectionError) -> Any:
    """An error as the client raises it: its cause is in Python's chain alone."""
    error = kind(str(cause))
    error.__cause__ = cause
    return error


def timed_out() -> elasticsearch.ConnectionTimeout:
    """As the client raises it."""
    cause = TimeoutError("HTTPConnectionPool: Read timed out. (read timeout=60.0)")
    error: elasticsearch.ConnectionTimeout = from_network(cause, elasticsearch.ConnectionTimeout)
    return error


REFUSED = from_network(ConnectionRefusedError(111, "Connection refused"))
LOST = from_network(ProtocolError("Connection aborted.", ConnectionResetError(104, "Connection reset by peer")))
CLOSED = from_network(ClosedPoolError(None, "Pool is closed."))  # type: ignore[arg-type]  # no pool is needed
CUT_OFF = from_network(ssl.SSLEOFError(8, "EOF occurred in violation of protocol"), elasticsearch.SSLError)
EXPIRED = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired (_ssl.c:1002)"
UNTRUSTED = from_network(ssl.SSLCertVerificationError(1, EXPIRED), elasticsearch.SSLError)
HANGS_UP = "connection lost while searching; is it still running?"
NOT_ALLOWED = (
    "action [indices:admin/create] is unauthorized for user [bob] with effective roles [r] on indices [i], this action "
    "is granted by the index privileges [create_index,manage,all]"
)
LINES: list[tuple[Exception, str]] = [
    (REFUSED, "connection refused while searching; is it running, and is the port right?"),
    (LOST, HANGS_UP),
    (CUT_OFF, HANGS_UP),
    (ConnectionResetError(104, "Connection reset by peer"), HANGS_UP),
    (CLOSED, "the connection was closed while searching"),
    (from_network(socket.gaierror(-2, "Name or service not known")), "no such host while searching; is the name right"),
    (from_network(OSError(113, "No route to host")), "no connection while searching (No route to host)"),
    (KeyError("took"), "no connection while searching ('took')"),
    (timed_out(), "no answer within 60 s while searching (--es-timeout)"),
    (elasticsearch.ConnectionTimeout("?"), "no answer in time while searching (--es-timeout)"),
    (UNTRUSTED, "its certificate is not trusted (certificate has expired); set ES_CA_CERTS to the file of its CA, or"),
    (elasticsearch.SerializationError("Unable to deserialize"), "an answer that is not JSON while searching; is a pr"),
    (
        elasticsearch.SerializationError("Unable to serialize to JSON: {…}", (TypeError("not UTF-8"),)),
        "what should be sent while searching cannot be written as JSON (not UTF-8)",
    ),
    (
        elasticsearch.UnsupportedProductError("?", api_error(200, None).meta, "<html>"),
        "what answered while searching is no Elasticsearch",
    ),
    (
        api_error(401, said("security_exception", "user [bob]")),
        "the user or the API key was refused (401); set ES_API_",
    ),
    (
        api_error(403, said("security_exception", NOT_ALLOWED)),
        "the user or the API key may not do this (403): indices:admin/create; it needs one of the index privileges cre",
    ),
    (
        api_error(404, said("index_not_found_exception", "no such index [i]")),
        "no such index [i]; was it removed? (while searching)",
    ),
    (
        api_error(400, said("illegal_argument_exception", "k must be\n  positive")),
        "it refuses: k must be positive (illegal_argument_exception) (while searching)",
    ),
    (
        api_error(413, "<html>413</html>"),
        "a request is too large for the server or a proxy in between (413); raise htt",
    ),
    (api_error(429, {"error": BUSY}), "the server is too busy (429: its queue is full); try again later"),
    (api_error(429, {"error": pressed(held=9, needed=5, most=10)}), "the server has too little memory for what is wr"),
    (api_error(429, {"error": READ_ONLY}), "index is read-only (disk past its flood-stage watermark): free disk space"),
    (api_error(429, {"error": MEMORY}), "the server ran out of memory (circuit_breaking_exception); give it more heap"),
    (RetriableError(Refusal(429, "circuit_breaking_exception", "full")), "the server ran out of memory"),
    (api_error(503, None), "the server is not ready (503); is the cluster complete? (while searching)"),
    (api_error(507, None), "the server has no room left (507); free disk space on the cluster, then run again"),
    (api_error(500, "oops"), "it refuses: oops (while searching)"),
    (api_error(500, "<html>"), "it refuses: status 500 (while searching)"),
]


@pytest.mark.parametrize(("error", "line"), LINES, ids=[line[:30] for _, line in LINES])
def test_each_failure_is_one_line(error: Exception, line: str) -> None:
    """What a cluster or the network does is an error of one line that could not be foreseen, with what to do."""
    found = explained(error, doing="searching", url=URL)
    assert type(found) is CouldNotRunError
    assert str(found).startswith(f"{AT}{line}")


def test_an_error_of_ours_stays() -> None:
    """What is explained already is not explained again."""
    ours = InputError("x")
    assert explained(ours, doing="searching", url=URL) is ours


STREAMS = "cannot create index with name [x], because it matches with template [all] that creates data streams only"
SHARDS = "this action would add [2] shards, but this cluster has [999]/[1000] maximum normal shards open;"


@pytest.mark.parametrize(
    ("error", "kind", "line"),
    [
        (
            api_error(
                400, said("mapper_parsing_exception", "Failed: bad", caused_by={"reason": "analyzer [x] is new"})
            ),
            InputError,
            f"own.json: elasticsearch at {URL} refuses it: analyzer [x] is new; hence Failed: bad (mapper_parsing_exc",
        ),
        (RetriableError(Refusal(400, "x", "y")), InputError, "own.json: "),
        (RetriableError(Refusal(429, "x", "y")), CouldNotRunError, AT),
        (
            api_error(400, said("validation_exception", SHARDS)),
            CouldNotRunError,
            f"{AT}the cluster takes no more shards",
        ),
        (
            api_error(400, said("illegal_argument_exception", STREAMS)),
            CouldNotRunError,
            f"{AT}a template of the cluster",
        ),
    ],
)
def test_a_file_of_the_user_that_is_refused(error: Exception, kind: type[Exception], line: str) -> None:
    """400 for what the user wrote is bad input; what is busy, a limit or a template of the cluster is not."""
    found = explained(error, doing="making the index", url=URL, sent="own.json")
    assert type(found) is kind
    assert str(found).startswith(line)


@pytest.mark.parametrize(
    ("outer", "deepest", "told"),
    [
        ("failed to parse", "bad date", "bad date; hence failed to parse"),
        ("failed to parse: bad date", "bad date", "bad date; hence failed to parse"),
        ("bad date [x] in [1:7]", "bad date [x]", "bad date [x]; hence … in [1:7]"),
        ("bad date", "bad date", "bad date"),
        ("", "bad date", "bad date"),
        ("failed to parse", "", "failed to parse"),
    ],
)
def test_the_deepest_cause_comes_first(outer: str, deepest: str, told: str) -> None:
    """A reason that is cut keeps what was wrong, however long the server's way to it, and says it once."""
    between = {"type": "b", "reason": "between", "caused_by": {"type": "c", "reason": deepest}}
    assert Refusal.read(400, said("a", outer, caused_by=between)).reason == told


ANYTHING = st.recursive(
    st.none() | st.text() | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "type", "reason", "root_cause", "caused_by", "durability"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@settings(max_examples=40, deadline=None)
@given(st.integers(100, 599), ANYTHING)
def test_any_answer_is_one_line(status: int, body: object) -> None:
    """Whatever a server or a proxy says: no exception but ours, one line, of bounded length."""
    line = str(explained(api_error(status, body), doing="searching", url=URL))
    assert len(line.splitlines()) == 1
    assert len(line) < 800


@pytest.mark.parametrize("echo", ["Basic aHVudGVyMjpodW50", "ApiKey aHVudGVyMjpodW50", "http://me:hunter2@host"])
def test_what_a_server_says_is_only_shown(echo: str) -> None:
    """A server that repeats a header or a URL gives no secret away; no terminal and no CI log is given commands."""
    line = str(explained(api_error(400, said("x", f"bad header [{echo}]")), doing="searching", url=URL))
    assert "bad header [" in line
    assert "hunter2" not in line
    assert "aHVudGVy" not in line
    what = Refusal.read(400, said("x\x1b[2J", "no\n::error::##vso[task.complete]\x9b1m"))
    assert (what.kind, what.reason) == (r"x\x1b[2J", r"no ::error::##vso\[task.complete]\x9b1m")
    assert Refusal.read(400, "\x1b[2J").reason == r"\x1b[2J"


# what is tried again


@pytest.mark.parametrize(
    ("status", "error", "passes"),
    [
        (429, BUSY, True),
        (429, pressed(held=9, needed=5, most=10), True),
        (429, pressed(held=0, needed=11, most=10), False),
        (429, MEMORY, True),
        (429, MEMORY | {"durability": "PERMANENT"}, False),
        (429, READ_ONLY, False),
        (403, READ_ONLY, False),
        (503, {"type": "cluster_block_exception", "reason": "state not recovered"}, True),
        (502, None, True),
        (504, "<html>", True),
        (500, None, False),
        (400, None, False),
    ],
)
def test_what_passes(status: int, error: object, *, passes: bool) -> None:
    """The same rule holds for a whole answer and for an item of one."""
    assert Refusal.read(status, error).passes is passes
    assert Refusal.read(status, {"error": error, "status": status}).passes is passes


class Waiting(Clock):
    """A clock that goes on by what calls take, too."""

    def run(self, *errors: BaseException, takes: float = 0.0, policy: RetryPolicy | None = None, **more: Any) -> str:
        """Call what fails by these errors, one after the other, and then goes well."""
        left = list(errors)

        def call() -> str:
            self.now += takes
            if not left:
                return "done"
            raise left.pop(0)

        return (policy or self.policy()).run(call, doing="searching", url=URL, **more)


def test_it_waits_twice_as_long_each_time() -> None:
    """0.5, 1, 2, 4, 8, 8 seconds; each retry is told with its reason; the result is the call's."""
    clock, told = Waiting(), list[str]()
    passing = [api_error(429, {"error": BUSY}), REFUSED, LOST, CUT_OFF, RetriableError(Refusal(503, "x", "no"))]
    assert clock.run(*passing, api_error(504, None), retried=told.append) == "done"
    assert clock.slept == [0.5, 1, 2, 4, 8, 8]
    busy = "429 es_rejected_execution_exception"
    assert told == [busy, "not reached", "connection lost", "connection lost", "503 x", "504"]


@pytest.mark.parametrize("seconds", [60.0, 3.0, 0.0])
def test_it_ends_when_the_time_is_up(seconds: float) -> None:
    """After the seconds since the first failure comes the line; the last wait is cut to what is left."""
    clock = Waiting()
    with pytest.raises(CouldNotRunError, match="not ready") as caught:
        clock.run(*[api_error(503, None)] * 99, policy=clock.policy(seconds))
    assert sum(clock.slept) == seconds
    assert isinstance(caught.value.__cause__, elasticsearch.ApiError)
    assert clock.run(LOST, takes=100, policy=clock.policy(10)) == "done", "the time counts from the first failure"


def test_nobody_there_may_be_given_up_sooner() -> None:
    """`unreachable_s` limits lost connections alone."""
    clock = Waiting()
    with pytest.raises(CouldNotRunError, match="connection refused"):
        clock.run(*[REFUSED] * 99, policy=clock.policy(30, unreachable_s=2))
    assert sum(clock.slept) == 2


def test_a_server_that_is_known_to_have_ended_is_not_waited_for() -> None:
    """Its error comes in the place of the line for a lost connection; what else fails does not ask for it."""
    clock, ends = Waiting(), [None, CouldNotRunError("it was killed")]
    policy = replace(clock.policy(), ended=lambda: ends.pop(0))
    with pytest.raises(CouldNotRunError, match=r"^it was killed$") as caught:
        clock.run(LOST, api_error(503, None), REFUSED, policy=policy)
    assert (clock.slept, ends, caught.value.__cause__) == ([0.5, 1], [], None)


def test_a_frozen_server_costs_two_time_outs() -> None:
    """One that does not answer in time is asked once more, however little patience is left, and no third time."""
    clock = Waiting()
    with pytest.raises(CouldNotRunError, match="no answer within 60 s"):
        clock.run(*[timed_out()] * 9, takes=60, policy=clock.policy(10))
    assert clock.now == 120.5


@pytest.mark.parametrize(
    "error",
    [
        *(api_error(status, {"error": READ_ONLY}) for status in (429, 403)),
        *(api_error(status, None) for status in (400, 401, 404)),
        UNTRUSTED,
        CLOSED,
        elasticsearch.SerializationError("?"),
        KeyboardInterrupt(),
        KeyError("a slip of ours"),
        InputError("ours"),
    ],
)
def test_what_does_not_pass_fails_at_once(error: BaseException) -> None:
    """No wait for what will be the same next time; what is not the client's passes through."""
    clock = Waiting()
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - the assertions say which
        clock.run(error)
    assert clock.slept == []
    assert caught.value is error or isinstance(caught.value, RelevanceError)
    assert caught.value is error or isinstance(error, elasticsearch.ApiError | elasticsearch.TransportError)


# a server that says what it was told to

# self-signed for localhost, of tests alone: its key is public
CERTIFICATE = """-----BEGIN CERTIFICATE-----
MIIBjjCCATOgAwIBAgIBATAKBggqhkjOPQQDAjAiMSAwHgYDVQQDDBdhIGNlcnRp
ZmljYXRlIGZvciB0ZXN0czAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAw
MFowIjEgMB4GA1UEAwwXYSBjZXJ0aWZpY2F0ZSBmb3IgdGVzdHMwWTATBgcqhkjO
PQIBBggqhkjOPQMBBwNCAAQ5JpIepB60VAKSKFSb6SS/of20O6q4ZxGBOpdg8TPt
wA6NQbSStMjIo5E5xBnhGPIybEaejYEyS6s/ITduH7p+o1gwVjAdBgNVHQ4EFgQU
eWUiQ4Tqunv9XYfdnhcJGLENntMwDwYDVR0TAQH/BAUwAwEB/zAOBgNVHQ8BAf8E
BAMCAoQwFAYDVR0RBA0wC4IJbG9jYWxob3N0MAoGCCqGSM49BAMCA0kAMEYCIQCY
MWR/7h441NcJ4iJsnjs51VzBJNiQl2VvW6USQDvVYQIhAPWg+j6PxWIULGqhVVwt
+aYqeVXpj+esqzJVHqnIaRoU
-----END CERTIFICATE-----
"""
KEY = """-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgy6voo3+GRHDseiTR
vafi4KMDiaxangJxjQxh/NWP4lqhRANCAAQ5JpIepB60VAKSKFSb6SS/of20O6q4
ZxGBOpdg8TPtwA6NQbSStMjIo5E5xBnhGPIybEaejYEyS6s/ITduH7p+
-----END PRIVATE KEY-----
"""
FINGERPRINT = "45:93:E9:30:14:E9:E6:C7:5D:65:23:8A:BE:9E:F5:54:97:36:D4:BC:F4:B6:C4:53:45:60:F7:7D:CE:77:86:EF"
OURS = {"x-elastic-product": "Elasticsearch"}


@dataclass
class Answer:
    """What the fake says; status 0: it hangs up."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: dict(OURS))
    kind: str = "application/json"


def server_of(number: str, **version: str) -> Answer:
    """The greeting of an Elasticsearch."""
    return Answer({"version": {"number": number, "lucene_version": "9", **version}, "tagline": "You Know, for Search"})


def no_elasticsearch(body: object, status: int = 200, kind: str = "application/json", **headers: str) -> Answer:
    """The greeting of anything else."""
    return Answer(body, status, headers, kind)


GREETING = server_of("8.19.5")


@dataclass
class Fake:
    """A server that says what it was told to, the last of it again and again, and keeps what it was asked."""

    answers: list[Answer]
    url: str = ""
    asked: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)


def handler(fake: Fake) -> type[BaseHTTPRequestHandler]:
    """A handler of the fake's requests."""

    class Handler(BaseHTTPRequestHandler):
        """Answers every method alike."""

        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def respond(self) -> None:
            """Say the next answer."""
            length = int(self.headers.get("content-length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            fake.asked.append((self.path, headers, self.rfile.read(length)))
            answer = fake.answers.pop(0) if len(fake.answers) > 1 else fake.answers[0]
            if not answer.status:
                self.close_connection = True
                return
            body = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
            self.send_response(answer.status)
            for name, value in (answer.headers | {"content-type": answer.kind}).items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def __getattr__(self, name: str) -> Callable[[], None]:
            if name.startswith("do_"):
                return self.respond
            raise AttributeError(name)

    return Handler


class QuietServer(ThreadingHTTPServer):
    """Prints no traceback where a client hangs up."""

    def handle_error(self, *_: object) -> None:
        """Nothing to say."""
        if not isinstance(sys.exc_info()[1], OSError):
            raise  # noqa: PLE0704 - it is called while the error is handled


@contextmanager
def serving(*answers: Answer, tls: ssl.SSLContext | None = None) -> Iterator[Fake]:
    """A fake on a port of its own."""
    fake = Fake(list(answers))
    server = QuietServer(("127.0.0.1", 0), handler(fake))
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    fake.url = f"{'https://localhost' if tls else 'http://127.0.0.1'}:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005})
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def hasty() -> RetryPolicy:
    """Without waiting: its clock goes on by what it sleeps."""
    return Clock().policy()


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    """What a server of https needs."""
    (tmp_path / "server.pem").write_text(KEY + CERTIFICATE)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    return context


def connect(
    url: str, credentials: Credentials = NOBODY, *, timeout: float = 5, retry_policy: RetryPolicy | None = None
) -> Connection:
    """Connect with these settings."""
    return client.connect(Settings(url, credentials, timeout), retry_policy)  # type: ignore[arg-type] # of 0.1 s, here


def refusal(fake: Fake, retry_policy: RetryPolicy, credentials: Credentials = NOBODY) -> str:
    """The line that says why no connection is made."""
    with pytest.raises(CouldNotRunError) as caught:
        connect(fake.url, credentials, retry_policy=retry_policy)
    line = str(caught.value)
    assert "\n" not in line
    assert fake.url in line
    return line.replace(fake.url, "URL")


# what answers


@pytest.mark.parametrize(("number", "release"), [("8.0.0", 8), ("8.19.5", 8), ("9.5.2-SNAPSHOT", 9)])
def test_both_releases_are_taken(number: str, release: int) -> None:
    """Elasticsearch 8 and 9 are connected to; the greeting asks for no media type of series 8, which a 7 refuses."""
    with serving(server_of(number)) as fake, connect(fake.url) as connection:
        assert (connection.url, connection.version, connection.release) == (fake.url, number, release)
        assert fake.asked[0][1]["accept"] == "*/*"
    connection.close()


SUPPORTED = "releases 8 and 9 are supported"
NO_ELASTICSEARCH = "answers, but is no Elasticsearch"
OTHERS = [
    (
        no_elasticsearch({"version": {"number": "2.11.0", "distribution": "opensearch"}}),
        f"URL is OpenSearch 2.11.0, not Elasticsearch; {SUPPORTED}",
    ),
    (
        no_elasticsearch({"version": {"number": "8.1.0", "distribution": "other"}}),
        f"URL is other 8.1.0, not Elasticsearch; {SUPPORTED}",
    ),
    (server_of("7.17.0"), f"URL is Elasticsearch 7.17.0; {SUPPORTED}"),
    (server_of("10.0.0"), f"URL is Elasticsearch 10.0.0; {SUPPORTED}"),
    (server_of("8.19.5\x1b[2J\n##vso[x]"), rf"URL is Elasticsearch 8.19.5\x1b[2J\n##vso\[x]; {SUPPORTED}"),
    (no_elasticsearch(server_of("7.10.2").body), f"URL is Elasticsearch 7.10.2; {SUPPORTED}"),
    (
        no_elasticsearch(server_of("8.19.5").body),
        "URL is Elasticsearch 8.19.5 without the header X-Elastic-Product; a proxy in between has to pass it on",
    ),
    (no_elasticsearch(HTML, kind="text/html"), f"URL {NO_ELASTICSEARCH} (an HTML page)"),
    (no_elasticsearch({"couchdb": "Welcome", "version": "3.3"}), f"URL {NO_ELASTICSEARCH} (JSON of another kind)"),
    (no_elasticsearch("{not json"), f"URL {NO_ELASTICSEARCH} (what it says is not JSON)"),
    (no_elasticsearch("OK", kind="text/plain"), f"URL {NO_ELASTICSEARCH} (text)"),
    (Answer({"version": "?"}), f"URL {NO_ELASTICSEARCH} (JSON of another kind)"),
    (
        no_elasticsearch(HTML, 404, "text/html"),
        "URL answers 404, but is no Elasticsearch (an HTML page); is the path right?",
    ),
    (
        Answer({"error": "no handler found for uri [/x/] and method [GET]"}, 400),
        "URL is a path on an Elasticsearch, not its root (400); is the path right?",
    ),
    (
        no_elasticsearch("", 302, location="https://me:hunter2@login.example.com/?token=hunter2"),
        "URL points to https://login.example.com/ (302); give the cluster's own URL",
    ),
    (
        no_elasticsearch(HTML, 502, "text/html"),
        "elasticsearch at URL: a proxy does not reach the server (502); is it running?",
    ),
    (
        Answer(said("security_exception", f"unable to authenticate [bob] by Basic {SECRET}"), 401),
        "elasticsearch at URL: the user or the API key was refused (401); set ES_API_KEY, or ES_USER and ES_PASSWORD",
    ),
    (Answer(said("?", "?"), 403), "elasticsearch at URL: the user or the API key may not do this (403)"),
]


@pytest.mark.parametrize(("answer", "line"), OTHERS, ids=[line[:40] for _, line in OTHERS])
def test_anything_else_is_one_clear_line(hasty: RetryPolicy, answer: Answer, line: str) -> None:
    """OpenSearch, old and future releases, proxies, other web servers and refused users are named for what they are."""
    with serving(answer) as fake:
        found = refusal(fake, hasty, Credentials(user="bob", password=SECRET))
    assert found.removesuffix(" (while connecting)") == line
    assert len(fake.asked) == 1 or answer.status == 502


def test_a_server_that_comes_up_is_waited_for(hasty: RetryPolicy) -> None:
    """503 twice, then the greeting: connected; 503 for longer than the policy lasts is the error."""
    starting = Answer({"error": {"type": "master_not_discovered_exception", "reason": "?"}}, 503)
    with serving(starting, starting, GREETING) as fake, connect(fake.url, retry_policy=hasty):
        assert len(fake.asked) == 3
    with serving(starting) as fake:
        assert "the server is not ready (503, master_not_discovered_exception)" in refusal(fake, hasty)


def test_nobody_there(hasty: RetryPolicy, caplog: pytest.LogCaptureFixture) -> None:
    """A wrong port is tried again for two seconds by the clock, then one line; the client's own logs are not seen."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert refusal(Fake([], url=f"http://127.0.0.1:{port}"), hasty) == (
        "elasticsearch at URL: connection refused while connecting; is it running, and is the port right?"
    )
    assert hasty.clock() == 2
    assert not caplog.records


def test_http_and_https(hasty: RetryPolicy, tls: ssl.SSLContext) -> None:
    """Either taken for the other is said, with the URL that was meant; where it is certain it is not tried again."""
    for answer, context in ((Answer(status=0), None), (GREETING, tls)):
        with serving(answer, tls=context) as fake:
            fake.url = fake.url.replace("https://", "http://")
            assert refusal(fake, hasty).endswith(f"If it speaks https: {fake.url.replace('http', 'https')}")
    page = "<html>The plain HTTP request was sent to HTTPS port</html>"
    with serving(no_elasticsearch(page, 400, "text/html")) as fake:
        assert refusal(fake, hasty) == f"URL speaks https; allowed: {fake.url.replace('http', 'https')}"
    with serving(GREETING) as fake:
        before, plain, fake.url = hasty.clock(), fake.url, fake.url.replace("http", "https")
        assert refusal(fake, hasty) == f"elasticsearch at URL: it does not speak https; allowed: {plain}"
    assert hasty.clock() == before


@pytest.mark.parametrize(
    ("host", "credentials", "line"),
    [
        ("localhost", NOBODY, "its certificate is not trusted (self-signed certificate); set ES_CA_CERTS to the file"),
        (
            "127.0.0.1",
            Credentials(ca_certs="server.pem"),
            "its certificate is not trusted (hostname '127.0.0.1' doesn't match 'localhost'); set ES_CA_CERTS",
        ),
        (
            "localhost",
            Credentials(fingerprint="ab" * 32),
            "its certificate has another fingerprint than ES_FINGERPRINT",
        ),
        ("localhost", Credentials(ca_certs="server.pem"), ""),
        ("localhost", Credentials(fingerprint=FINGERPRINT), ""),
        ("localhost", Credentials(fingerprint=FINGERPRINT.replace(":", "").lower()), ""),
    ],
)
def test_trust(  # noqa: PLR0913 - fixtures beside the case
    hasty: RetryPolicy,
    tls: ssl.SSLContext,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    *,
    host: str,
    credentials: Credentials,
    line: str,
) -> None:
    """A CA's file or a fingerprint makes a certificate trusted, for its own host; no log or warning is seen."""
    monkeypatch.chdir(tmp_path)
    with serving(GREETING, tls=tls) as fake:
        fake.url = fake.url.replace("localhost", host)
        if line:
            assert refusal(fake, hasty, credentials).startswith(f"elasticsearch at URL: {line}")
        else:
            connect(fake.url, credentials).close()
    assert hasty.clock() == 0
    assert not caplog.records


# what is shown to it


def test_what_is_shown_to_the_server() -> None:
    """An API key, a user and a password, and those inside the URL go into the header Authorization; none is printed."""
    password = Credentials(user="me", password="päss")  # noqa: S106 - of nobody
    shown = ""
    with serving(GREETING) as fake:
        inside = fake.url.replace("//", "//me:p%40ss%2Fword@")
        for url, credentials in [
            (fake.url, Credentials(api_key=" a2V5\n")),
            (fake.url, Credentials(api_key="id:key")),
            (fake.url, password),
            (inside, NOBODY),
            (fake.url, NOBODY),
        ]:
            with connect(url, credentials) as connection:
                shown += f"{connection!r} {connection.client!r} {credentials} {Settings('u', credentials)!r}"
    assert [headers.get("authorization") for _, headers, _ in fake.asked] == [
        "ApiKey a2V5",
        "ApiKey aWQ6a2V5",
        "Basic bWU6cMOkc3M=",
        "Basic bWU6cEBzcy93b3Jk",
        None,
    ]
    assert not [secret for secret in ("a2V5", "id:key", "päss", "p@ss", "p%40") if secret in shown]


@pytest.mark.parametrize(
    ("credentials", "line"),
    [
        (Credentials(api_key=SECRET, user="me", password=SECRET), "an API key (ES_API_KEY) beside a user"),
        (Credentials(api_key=f"{SECRET}\nx"), "ES_API_KEY: spaces or other characters that no API key has"),
        (Credentials(api_key=f"{SECRET}ä"), "ES_API_KEY: spaces or other characters that no API key has"),
        (Credentials(user="me"), "a user alone; ES_USER and ES_PASSWORD belong together"),
        (Credentials(password=SECRET), "a password alone; ES_USER and ES_PASSWORD belong together"),
        (Credentials(user="a:b", password=SECRET), "ES_USER: a colon, which no user has"),
        (Credentials(user="me", password=f"{SECRET}\udcff"), "ES_USER, ES_PASSWORD: something that is not Unicode"),
        (Credentials(fingerprint=SECRET), "ES_FINGERPRINT: expected 64 hexadecimal digits (SHA-256, colons allowed)"),
        (Credentials(fingerprint="z" * 64), "ES_FINGERPRINT: expected 64 hexadecimal digits"),
        (Credentials(ca_certs="no/such.pem"), "ES_CA_CERTS: no such file: no/such.pem"),
        (Credentials(ca_certs=__file__), "ES_CA_CERTS: no certificates in "),
    ],
)
def test_credentials_that_cannot_be_right(credentials: Credentials, line: str) -> None:
    """They are bad input before anything is sent, and the line does not show them."""
    with pytest.raises(InputError) as caught:
        connect("https://127.0.0.1:1", credentials, timeout=1)
    assert str(caught.value).startswith(line)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://localhost:9200", "http://localhost:9200"),
        ("HTTPS://Es.Example.com:9243/a/b/", "https://es.example.com:9243/a/b"),
        ("https://es.example.com", "https://es.example.com:443"),
        (" http://[::1]:9200/ ", "http://[::1]:9200"),
        ("http://me:pass@host:9200", "http://host:9200"),
    ],
)
def test_a_url_as_it_is_shown(url: str, shown: str) -> None:
    """With its port, without a user and a password, and splitting it again changes nothing."""
    assert split_url(url)[0] == shown
    assert split_url(shown)[0] == shown


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("localhost:9200", "http://localhost:9200"),
        ("es.example.com", "http://es.example.com:9200"),
        ("http://es.example.com", "http://es.example.com:9200"),
        ("http:/localhost:9201", "http://localhost:9201"),
        ("http//localhost:9200", "http://localhost:9200"),
        ("ftp://host:21", "http://host:21"),
        ("http://host:99999", "http://host:9200"),
        ("http://host:0", "http://host:9200"),
        ("http://host:9200?pretty", "http://host:9200"),
        ("http://host:9200/?token=abc", "http://host:9200"),
        ("http://", "http://HOST:PORT or https://HOST:PORT"),
        ("", "http://HOST:PORT or https://HOST:PORT"),
        ("http://lo cal:9200", "http://HOST:PORT or https://HOST:PORT"),
        ("http://[::1:9200", "http://HOST:PORT or https://HOST:PORT"),
    ],
)
def test_a_url_that_is_none(url: str, meant: str) -> None:
    """It is bad input, and the line shows what was probably meant."""
    with pytest.raises(InputError) as caught:
        split_url(url)
    assert str(caught.value).endswith(f"expected, for example: {meant}")


def test_a_password_that_is_not_encoded() -> None:
    """It is refused where it could be read as another host; the line says how it is written."""
    with pytest.raises(InputError) as caught:
        split_url(f"http://me:{SECRET}/@x@host:9200")
    assert str(caught.value) == (
        "http://host:9200: / ? # @ in a user or a password have to be written as %2F %3F %23 %40"
    )


FORMS = ["http://me:{}@host:9200", "me:{}@host:9200", "https://{}@host", "http://me:{}", "{}@"]
WORDS = st.text("abcXYZ019:/?#@%[] ä\\", min_size=6, max_size=12).map(lambda text: f"{text}{SECRET}")


@given(WORDS, st.sampled_from(FORMS))
def test_no_password_inside_a_url_is_ever_shown(password: str, form: str) -> None:
    """Whatever characters it has, wherever they break the URL: neither the error nor the URL shows it."""
    if "@" not in form:
        password = password.translate({ord("/"): "", ord("@"): ""})  # with these it is another URL
    try:
        shown, inside = split_url(form.format(password))
    except RelevanceError as error:
        shown = str(error)
    else:
        assert SECRET in inside.user + inside.password
    assert SECRET not in shown


# what comes back


def test_vectors_and_remarks_of_the_server() -> None:
    """Rows of float32 arrive bit for bit in `_bulk`, and a `Warning` header becomes no Python warning."""
    vector = np.random.default_rng(5).standard_normal((3, 384), dtype=np.float32)
    vector[1, 0] = 0.1
    remark = GREETING.headers | {"warning": '299 Elasticsearch-8 "security is not enabled"'}
    done = Answer({"errors": False, "items": []}, headers=remark)
    with serving(Answer(GREETING.body, headers=remark), done) as fake, connect(fake.url) as found:
        found.client.bulk(operations=[{"index": {}}, {"v": vector[1]}, '{"index":{}}', b'{"v":1}'], index="i")
        rows = fake.asked[-1][2].split(b"\n")
    assert rows[1].startswith(b'{"v":[0.1,')  # as float32 is written, in half of the characters of float64
    assert np.array_equal(np.array(json.loads(rows[1])["v"], np.float32), vector[1])
    assert rows[2:] == [b'{"index":{}}', b'{"v":1}', b""]


def test_the_client_itself_tries_once() -> None:
    """Trying again is not the client's: a 503 and a lost connection reach our policy at the first time."""
    with serving(GREETING, Answer({"error": "?"}, 503), Answer(status=0), Answer(status=0)) as fake:
        with connect(fake.url) as connection:
            for _ in range(2):
                with pytest.raises(Exception, match=r"503|Connection error"):
                    connection.client.cluster.health()
        assert len(fake.asked) == 3


@pytest.mark.parametrize("kind", ["application/json", "image/png"])
def test_a_page_of_a_balancer(hasty: RetryPolicy, kind: str) -> None:
    """A 503 that is no JSON, whatever it calls itself, is tried again; a page with status 200 is no answer."""
    page = Answer(HTML, 503, headers={}, kind=kind)
    answers = (GREETING, page, page, Answer({"count": 3}), page)
    with serving(*answers) as fake, connect(fake.url, retry_policy=hasty) as connection:
        count = connection.client.count
        assert connection.ask(count, doing="counting")["count"] == 3
        assert connection.retries == {"503": 2}
        with pytest.raises(CouldNotRunError, match=r"the server is not ready \(503\); is the cluster complete"):
            connection.ask(count, doing="counting")
        connection.retries.clear()
        fake.answers[:] = [Answer(HTML)]
        with pytest.raises(CouldNotRunError, match="an answer that is not JSON while counting; is a proxy in between"):
            connection.ask(count, doing="counting")
        assert not connection.retries


def test_a_server_that_does_not_answer(hasty: RetryPolicy) -> None:
    """It is given up after one time-out: nothing was ever heard of it."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began, url = time.monotonic(), f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(CouldNotRunError, match=r"no answer within 0\.1 s while connecting"):
            connect(url, timeout=0.1, retry_policy=hasty)
    assert time.monotonic() - began < 1
    assert hasty.clock() == 0


HEAD = b"HTTP/1.1 200 OK\r\nx-elastic-product: Elasticsearch\r\ncontent-type: application/json\r\n"


@contextmanager
def pouring(head: bytes, piece: bytes, wait: float = 0.0) -> Iterator[str]:
    """The URL of a server that says the head, then the piece, if any, again and again until nobody listens."""

    class Pour(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(65536)
            with suppress(OSError):
                self.request.sendall(head)
                while piece:
                    self.request.sendall(piece)
                    time.sleep(wait)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Pour) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005}).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


def packed(times: int) -> bytes:
    """A body of 65 MiB of blanks, packed once or twice."""
    body = b" " * (MOST_BYTES + (1 << 20))
    for _ in range(times):
        body = gzip.compress(body, 1)
    return b"content-length: %d\r\n\r\n%s" % (len(body), body)


@pytest.mark.parametrize(
    ("head", "piece", "words"),
    [
        (HEAD + b"\r\n", b" " * (1 << 20), "an answer of more than 64 MiB while connecting"),
        (HEAD + b"transfer-encoding: chunked\r\n\r\n", b"100000\r\n" + b" " * (1 << 20) + b"\r\n", "more than 64 MiB"),
        (HEAD + b"content-encoding: gzip\r\n" + packed(1), b"", "an answer of more than 64 MiB when unpacked"),
        (HEAD + b"content-encoding: gzip, gzip\r\n" + packed(2), b"", "packed in a way that was not asked for"),
        (HEAD + b"content-encoding: gzip\r\ncontent-length: 2\r\n\r\nno", b"", "cannot be unpacked"),
    ],
)
def test_an_answer_without_end(hasty: RetryPolicy, head: bytes, piece: bytes, words: str) -> None:
    """It is given up at 64 MiB, packed or not, at the first try: no memory is left to a server."""
    with pouring(head, piece) as url, pytest.raises(CouldNotRunError, match=words):
        connect(url, timeout=20, retry_policy=hasty)
    assert hasty.clock() == 0


@pytest.mark.parametrize("head", [HEAD + b"content-length: 9\r\n\r\n", HEAD + b"x-more: "])
def test_an_answer_byte_by_byte(hasty: RetryPolicy, head: bytes) -> None:
    """The time-out is that of the whole answer, its headers too, however busy the server is with it."""
    began = time.monotonic()
    with pouring(head, b"1", 0.05) as url, pytest.raises(CouldNotRunError, match=r"no answer within 0\.2 s"):
        connect(url, timeout=0.2, retry_policy=hasty)
    assert time.monotonic() - began < 1


def test_a_packed_answer() -> None:
    """A proxy's gzip is taken off; any number of requests go well one after the other."""
    body = gzip.compress(b'{"count": 3}')
    answer = HEAD + b"connection: close\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
    with pouring(answer, b"") as url, make_client(url, NOBODY, timeout=5) as found:
        assert [found.count(index="i")["count"] for _ in range(12)] == [3] * 12


def test_nothing_is_held_after_a_failure(hasty: RetryPolicy, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that is not made closes its client, after an interrupt too."""
    closed = []

    class Client:
        def options(self, **_: object) -> Client:
            return self

        def close(self) -> None:
            closed.append(self)

    def interrupted(*_: object, **__: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(client, "_greet", interrupted)
    monkeypatch.setattr(client, "Elasticsearch", lambda *_, **__: Client())
    with pytest.raises(KeyboardInterrupt):
        connect("http://127.0.0.1:1", timeout=1, retry_policy=hasty)
    assert len(closed) == 1
