"""The way to a server: what is shown to it, what may answer, what goes wrong in one line, what is tried again."""

import base64
import gzip
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

import elasticsearch
import numpy as np
import pytest
from helpers.cluster import Clock, api_error
from hypothesis import given
from hypothesis import strategies as st
from urllib3.exceptions import ClosedPoolError, ProtocolError, ProxyError

from relevance import web
from relevance.engines.elasticsearch import client
from relevance.engines.elasticsearch.client import Connection, RetryPolicy
from relevance.engines.elasticsearch.errors import Refusal, RetriableError, failure
from relevance.engines.elasticsearch.settings import Credentials, Settings, cloud_url, split_url
from relevance.errors import CouldNotRunError, InputError, RelevanceError
from relevance.web import UnboundedAnswerError

NOBODY = Credentials()
SECRET = "hunter2hunter2"  # noqa: S105 - of nobody
URL = "http://127.0.0.1:9209"
AT = f"elasticsearch at {URL}: "

# what goes wrong, as one line

BLOCKED = "index [i] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark];"
READ_ONLY = {"type": "cluster_block_exception", "reason": BLOCKED}
BY_HAND = {"type": "cluster_block_exception", "reason": "by hand"}
STARTING = {"type": "cluster_block_exception", "reason": "state not recovered"}
MEMORY = {"type": "circuit_breaking_exception", "reason": "[parent] Data too large", "durability": "TRANSIENT"}
BUSY = {"type": "es_rejected_execution_exception", "reason": "rejected execution of TimedRunnable on queue"}
NOT_ALLOWED = (
    "action [indices:admin/create] is unauthorized for user [bob] with effective roles [r] on indices [i], this action "
    "is granted by the index privileges [create_index,manage,all]"
)
FORBIDDEN = (
    "the user or the API key may not do this (403): indices:admin/create; it needs one of the index privileges c"
)
STREAMS = "cannot create index with name [x], because it matches with template [all] that creates data streams only"
SHARDS = "this action would add [2] shards, but this cluster has [999]/[1000] maximum normal shards open;"


def pressed(*, held: int, needed: int, most: int) -> dict[str, Any]:
    """As a server says it that has no memory for a write."""
    total = f"coordinating_and_primary_bytes={held}, replica_bytes=0, all_bytes={held}, coordinating_operation_bytes"
    reason = f"rejected execution of coordinating operation [{total}={needed}, max_coordinating_bytes={most}]"
    return {"type": "es_rejected_execution_exception", "reason": reason}


def refused(status: int, kind: str, reason: str, **more: Any) -> elasticsearch.ApiError:
    body = {"root_cause": [{"type": kind, "reason": reason}], "type": kind, "reason": reason, **more}
    return api_error(status, {"error": body})


def caused(cause: Exception, kind: Any = elasticsearch.ConnectionError, text: str = "") -> Any:
    """An error as the client raises it: its cause is in Python's chain alone."""
    error = kind(text or str(cause))
    error.__cause__ = cause
    return error


def explained(error: Exception, sent: str = "") -> RelevanceError:
    return to_server().explained(error, doing="searching", sent=sent)


def to_server(policy: RetryPolicy | None = None) -> Connection:
    nobody: Any = None
    return Connection(nobody, URL, "8.19.5", retry_policy=policy or RetryPolicy())


EXPIRED = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired (_ssl.c:1002)"
REFUSED = caused(ConnectionRefusedError(111, "Connection refused"))
LOST = caused(ProtocolError("Connection aborted.", ConnectionResetError(104, "Connection reset by peer")))
CLOSED = caused(ClosedPoolError(None, "Pool is closed."))  # type: ignore[arg-type]  # no pool is needed
CUT_OFF = caused(ssl.SSLEOFError(8, "EOF occurred in violation of protocol"), elasticsearch.SSLError)
UNTRUSTED = caused(ssl.SSLCertVerificationError(1, EXPIRED), elasticsearch.SSLError)
TIMED_OUT = caused(TimeoutError("timed out"), elasticsearch.ConnectionTimeout, "no answer within 60 s")
TUNNEL = caused(ProtocolError("Connection aborted.", OSError("Tunnel connection failed: 407 Proxy Authentication")))
NO_PROXY = caused(ProxyError("Unable to connect to proxy", ConnectionRefusedError(111, "Connection refused")))
UNWRITTEN = elasticsearch.SerializationError("Unable to serialize to JSON: {…}", (TypeError("not UTF-8"),))
UNREAD = elasticsearch.SerializationError("Unable to deserialize")
UNSIGNED = elasticsearch.UnsupportedProductError("?", api_error(200, None).meta, "<html>")
TOO_LONG = caused(UnboundedAnswerError("an answer of more"))
LINES: list[tuple[Exception, str, str]] = [
    (REFUSED, "unreached", "connection refused while searching; is it running, and is the port right?"),
    (LOST, "lost", "connection lost while searching; is it still running?"),
    (CUT_OFF, "lost", "connection lost while searching; is it still running?"),
    (ConnectionResetError(104, "Connection reset by peer"), "lost", "connection lost while searching; is it still run"),
    (CLOSED, "final", "the connection was closed while searching"),
    (caused(socket.gaierror(-2, "Name or service not known")), "unreached", "no such host while searching; is the nam"),
    (caused(OSError(113, "No route to host")), "unreached", "no connection while searching (No route to host)"),
    (KeyError("took"), "unreached", "no connection while searching ('took')"),
    (TIMED_OUT, "slow", "no answer within 60 s while searching (--es-timeout)"),
    (elasticsearch.ConnectionTimeout("?"), "slow", "no answer in time while searching (--es-timeout)"),
    (UNTRUSTED, "final", "its certificate is not trusted (certificate has expired); set ES_CA_CERTS to the file of it"),
    (TUNNEL, "final", "the proxy that HTTPS_PROXY names refuses while searching (407 Proxy Authentication); NO_PROXY"),
    (NO_PROXY, "unreached", "the proxy that HTTPS_PROXY names is not reached while searching (Connection refused); NO"),
    (TOO_LONG, "final", "an answer of more while searching; is a proxy in between?"),
    (UNREAD, "final", "an answer that is not JSON while searching; is a proxy in between?"),
    (UNWRITTEN, "final", "what should be sent while searching cannot be written as JSON (TypeError: not UTF-8)"),
    (UNSIGNED, "final", "what answered while searching is no Elasticsearch"),
    (refused(401, "security_exception", "user [bob]"), "final", "the user or the API key was refused (401); set ES_AP"),
    (refused(403, "security_exception", "user [bob]"), "final", "the user or the API key may not do this (403) (while"),
    (refused(403, "security_exception", NOT_ALLOWED), "final", FORBIDDEN),
    (refused(404, "index_not_found_exception", "no such index [i]"), "final", "no such index [i]; was it removed? (wh"),
    (refused(400, "x", "k must be\n  positive"), "refused", "it refuses: k must be positive (x) (while searching)"),
    (api_error(413, "<html>413</html>"), "final", "a request is too large for the server or a proxy in between (413);"),
    (api_error(429, None), "busy", "the server is too busy (429); try again later"),
    (api_error(429, {"error": BUSY}), "busy", "the server is too busy (429: its queue is full); try again later"),
    (api_error(429, {"error": pressed(held=9, needed=5, most=10)}), "busy", "the server has too little memory for wha"),
    (api_error(429, {"error": pressed(held=0, needed=11, most=10)}), "final", "the server has too little memory for"),
    (api_error(429, {"error": READ_ONLY}), "final", "index is read-only (disk past its flood-stage watermark): free d"),
    (api_error(403, {"error": BY_HAND}), "final", "index is blocked: by hand"),
    (api_error(429, {"error": MEMORY}), "busy", "the server ran out of memory (circuit_breaking_exception); give it m"),
    (api_error(429, {"error": MEMORY | {"durability": "PERMANENT"}}), "final", "the server ran out of memory"),
    (RetriableError(Refusal(429, "circuit_breaking_exception", "full")), "busy", "the server ran out of memory"),
    (refused(500, "out_of_memory_error", "heap"), "final", "the server ran out of memory (out_of_memory_error); give"),
    (api_error(502, None), "busy", "a proxy does not reach the server (502); is it running?"),
    (api_error(503, None), "busy", "the server is not ready (503); is the cluster complete? (while searching)"),
    (api_error(503, {"error": STARTING}), "busy", "the server is not ready (503, cluster_block_exception); is the clu"),
    (api_error(504, None), "busy", "a proxy does not get the server's answer in time (504)"),
    (api_error(507, None), "final", "the server has no room left (507); free disk space on the cluster, then run agai"),
    (api_error(500, "oops"), "final", "it refuses: oops (while searching)"),
    (api_error(500, "<html>"), "final", "it refuses: status 500 (while searching)"),
]


@pytest.mark.parametrize(("error", "kind", "line"), LINES, ids=[line[:30] for _, _, line in LINES])
def test_each_failure_is_one_line_and_of_a_kind(error: Exception, kind: str, line: str) -> None:
    assert failure(error, doing="searching", url=URL, credential="").kind == kind
    ours = explained(error)
    assert type(ours) is CouldNotRunError
    assert str(ours).startswith(f"{AT}{line}")


def test_an_item_is_read_as_a_whole_answer() -> None:
    assert Refusal.read(429, BUSY) == Refusal.read(429, {"error": BUSY, "status": 429})


PARSING = refused(400, "mapper_parsing_exception", "Failed: bad", caused_by={"reason": "analyzer [x] is new"})
REFUSES = f"own.json: elasticsearch at {URL} refuses it: "


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (PARSING, f"{REFUSES}analyzer [x] is new; hence Failed: bad (mapper_parsing_exception)"),
        (RetriableError(Refusal(400, "x", "y")), f"{REFUSES}y (x)"),
        (RetriableError(Refusal(429, "x", "y")), f"{AT}the server is too busy"),
        (refused(400, "validation_exception", SHARDS), f"{AT}the cluster takes no more shards"),
        (refused(400, "illegal_argument_exception", STREAMS), f"{AT}a template of the cluster"),
    ],
)
def test_only_mistakes_in_a_file_of_the_user_are_bad_input(error: Exception, line: str) -> None:
    ours = explained(error, sent="own.json")
    assert type(ours) is (CouldNotRunError if line.startswith(AT) else InputError)
    assert str(ours).startswith(line)


@pytest.mark.parametrize(
    ("outer", "deepest", "reason"),
    [
        ("failed to parse", "bad date", "bad date; hence failed to parse"),
        ("failed to parse: bad date", "bad date", "bad date; hence failed to parse"),
        ("bad date [x] in [1:7]", "bad date [x]", "bad date [x]; hence … in [1:7]"),
        ("bad date", "bad date", "bad date"),
        ("", "bad date", "bad date"),
        ("failed to parse", "", "failed to parse"),
    ],
)
def test_the_deepest_cause_comes_first(outer: str, deepest: str, reason: str) -> None:
    between = {"type": "b", "reason": "between", "caused_by": {"type": "c", "reason": deepest}}
    assert Refusal.read(400, refused(400, "a", outer, caused_by=between).body).reason == reason


LONG = "x\ny" * 100_000
ODD = [None, "", LONG, 3, [], {}, {"error": None}, {"error": 3}, {"error": [{"type": "x"}]}, {"error": {"type": LONG}}]
ODD += [
    {"error": {"root_cause": cause, "reason": 3}} for cause in (None, 3, [], [[]], ["x"], [{"type": [], "reason": {}}])
]
ODD += [
    {"error": {"type": "x", "reason": "y", "caused_by": cause}}
    for cause in (3, [], {}, {"reason": LONG}, {"reason": 1})
]


@pytest.mark.parametrize("body", ODD, ids=lambda body: repr(body)[:60])
@pytest.mark.parametrize("status", [200, 302, 400, 429, 599])
def test_any_answer_is_one_line_of_bounded_length(status: int, body: object) -> None:
    line = str(explained(api_error(status, body)))
    assert len(line.splitlines()) == 1
    assert len(line) < 800


@pytest.mark.parametrize("echo", ["Basic aHVudGVyMjpodW50", "ApiKey aHVudGVyMjpodW50", "http://me:hunter2@host"])
def test_what_a_server_says_shows_no_secret_and_commands_no_terminal(echo: str) -> None:
    line = str(explained(refused(400, "x", f"bad header [{echo}]")))
    assert "bad header [" in line
    assert not [secret for secret in ("hunter2", "aHVudGVy") if secret in line]
    what = Refusal.read(400, {"error": {"type": "x\x1b[2J", "reason": "no\n::error::##vso[task.complete]\x9b1m"}})
    assert (what.kind, what.reason) == (r"x\x1b[2J", r"no ::error::##vso\[task.complete]\x9b1m")
    assert Refusal.read(400, "\x1b[2J").reason == r"\x1b[2J"


# what is tried again


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

        return to_server(policy or self.policy()).ask(call, doing="searching", **more)


def test_it_waits_twice_as_long_each_time_and_tells_why() -> None:
    clock, told = Waiting(), list[str]()
    passing = [api_error(429, {"error": BUSY}), REFUSED, LOST, CUT_OFF, RetriableError(Refusal(503, "x", "no"))]
    assert clock.run(*passing, api_error(504, None), retried=told.append) == "done"
    assert clock.slept == [0.5, 1, 2, 4, 8, 8]
    busy = "429 es_rejected_execution_exception"
    assert told == [busy, "not reached", "connection lost", "connection lost", "503 x", "504"]


@pytest.mark.parametrize(
    ("error", "limits", "slept"),
    [
        (api_error(503, None), {"seconds": 60}, 60),
        (api_error(503, None), {"seconds": 3}, 3),
        (api_error(503, None), {"seconds": 0}, 0),
        (api_error(503, None), {"seconds": 30, "unreachable_s": 2}, 30),
        (REFUSED, {"seconds": 30, "unreachable_s": 2}, 2),
        (LOST, {"seconds": 30, "unreachable_s": 2}, 2),
        (TIMED_OUT, {"seconds": 10}, 0.5),  # a frozen server costs two time-outs
        (TIMED_OUT, {"seconds": 0}, 0.5),
    ],
)
def test_it_ends_when_the_time_since_the_first_failure_is_up(error: Any, limits: Any, slept: float) -> None:
    clock = Waiting()
    with pytest.raises(CouldNotRunError) as caught:
        clock.run(*[error] * 99, policy=clock.policy(**limits))
    assert sum(clock.slept) == slept
    assert caught.value.__cause__ is error
    assert clock.run(LOST, takes=100, policy=clock.policy(10)) == "done"


def test_a_server_that_is_known_to_have_ended_is_not_waited_for() -> None:
    clock, ends = Waiting(), [None, CouldNotRunError("it was killed")]
    policy = replace(clock.policy(), ended=lambda: ends.pop(0))
    with pytest.raises(CouldNotRunError, match=r"^it was killed$") as caught:
        clock.run(LOST, api_error(503, None), REFUSED, policy=policy)
    assert (clock.slept, ends, caught.value.__cause__) == ([0.5, 1], [], None)


@pytest.mark.parametrize("error", [error for error, kind, _ in LINES if kind in ("final", "refused")])
def test_what_does_not_pass_fails_at_once(error: Exception) -> None:
    clock = Waiting()
    with pytest.raises(RelevanceError):
        clock.run(error)
    assert clock.slept == []


@pytest.mark.parametrize("error", [KeyboardInterrupt(), KeyError("a slip of ours"), InputError("ours")])
def test_what_is_not_the_clients_passes_through(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught:
        Waiting().run(error)
    assert caught.value is error


# servers that say what they were told to

HTML = "<html><body>It works!</body></html>"
OURS = {"x-elastic-product": "Elasticsearch"}
PINNED = "45:93:E9:30:14:E9:E6:C7:5D:65:23:8A:BE:9E:F5:54:97:36:D4:BC:F4:B6:C4:53:45:60:F7:7D:CE:77:86:EF"
CERTIFICATE = Path(__file__).parents[1] / "helpers/localhost.pem"


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


def other(body: object, status: int = 200, kind: str = "application/json", **headers: str) -> Answer:
    """The greeting of anything else."""
    return Answer(body, status, headers, kind)


GREETING = server_of("8.19.5")


@dataclass
class Server:
    """It gives its answers, the last of them again and again, and keeps what it was asked."""

    answers: list[Answer]
    url: str = ""
    asked: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)


@contextmanager
def listening(handle: Callable[[StreamRequestHandler], None], kind: Any = StreamRequestHandler) -> Iterator[Any]:
    """A server whose requests are handled by a function."""
    ThreadingTCPServer.allow_reuse_address = True
    server = ThreadingTCPServer(("127.0.0.1", 0), type("Handler", (kind,), {"handle": handle}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def serving(*answers: Answer, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    fake = Server(list(answers))

    def handle(self: Any) -> None:
        self.raw_requestline = b"-"
        while (line := self.rfile.readline()) and self.rfile:
            self.raw_requestline = line
            self.parse_request()
            headers = {name.lower(): value for name, value in self.headers.items()}
            fake.asked.append((self.path, headers, self.rfile.read(int(headers.get("content-length", 0)))))
            answer = fake.answers.pop(0) if len(fake.answers) > 1 else fake.answers[0]
            if not answer.status:
                return
            body = (answer.body if isinstance(answer.body, str) else json.dumps(answer.body)).encode()
            head = answer.headers | {"content-type": answer.kind, "content-length": str(len(body))}
            lines = [f"HTTP/1.1 {answer.status} -", *(f"{name}: {value}" for name, value in head.items()), "", ""]
            self.wfile.write("\r\n".join(lines).encode() + body)

    with listening(handle, BaseHTTPRequestHandler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        fake.url = f"{'https://localhost' if tls else 'http://127.0.0.1'}:{server.server_address[1]}"
        yield fake


@pytest.fixture
def hasty() -> RetryPolicy:
    """Without waiting: its clock goes on by what it sleeps."""
    return Clock().policy()


@pytest.fixture
def tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


def connect(url: str, policy: RetryPolicy | None = None, *, timeout: float = 5, **credentials: Any) -> Connection:
    return client.connect(Settings(url, Credentials(**credentials), timeout=timeout), policy)  # type: ignore[arg-type]


def refusal(fake: Server, policy: RetryPolicy, **credentials: str) -> str:
    """The line that says why no connection is made, without the name of the server."""
    with pytest.raises(CouldNotRunError) as caught:
        connect(fake.url, policy, **credentials)
    line = str(caught.value)
    assert "\n" not in line
    assert fake.url in line
    return line.replace(fake.url, "URL").removeprefix("elasticsearch at URL: ").removeprefix("URL ")


# what answers


@pytest.mark.parametrize(
    ("greeting", "version", "release", "serverless"),
    [
        (server_of("8.0.0"), "8.0.0", 8, False),
        (server_of("9.5.2-SNAPSHOT", build_flavor="default"), "9.5.2-SNAPSHOT", 9, False),
        (server_of("8.11.0", build_flavor="serverless"), "8.11.0-serverless", 8, True),
    ],
)
def test_both_releases_and_serverless_are_taken(greeting: Any, version: str, release: int, *, serverless: bool) -> None:
    with serving(greeting) as fake, connect(fake.url) as connection:
        assert (connection.url, connection.version, connection.release) == (fake.url, version, release)
        assert connection.serverless is serverless
        assert fake.asked[0][1]["accept"] == "*/*", "a 7 refuses the media type of series 8"
    connection.close()


SUPPORTED = "releases 8 and 9 are supported"
ELSE = "answers, but is no Elasticsearch"
REDIRECTED = other("", 302, location="https://me:hunter2@login.example.com/?token=hunter2")
UNAUTHENTICATED = Answer(refused(401, "security_exception", f"unable to authenticate by Basic {SECRET}").body, 401)
OTHERS = [
    (other({"version": {"number": "2.11.0", "distribution": "opensearch"}}), "is OpenSearch 2.11.0, not Elasticsearch"),
    (other({"version": {"number": "8.1.0", "distribution": "x"}}), f"is x 8.1.0, not Elasticsearch; {SUPPORTED}"),
    (server_of("7.17.0"), f"is Elasticsearch 7.17.0; {SUPPORTED}"),
    (server_of("10.0.0"), f"is Elasticsearch 10.0.0; {SUPPORTED}"),
    (server_of("8.19.5\x1b[2J\n##vso[x]"), rf"is Elasticsearch 8.19.5\x1b[2J\n##vso\[x]; {SUPPORTED}"),
    (other(server_of("7.10.2").body), f"is Elasticsearch 7.10.2; {SUPPORTED}"),
    (other(GREETING.body), "is Elasticsearch 8.19.5 without the header X-Elastic-Product; a proxy in between has to"),
    (other(HTML, kind="text/html"), f"{ELSE} (an HTML page)"),
    (other({"couchdb": "Welcome", "version": "3.3"}), f"{ELSE} (JSON of another kind)"),
    (other("{not json"), f"{ELSE} (what it says is not JSON)"),
    (other("OK", kind="text/plain"), f"{ELSE} (text)"),
    (Answer({"version": "?"}), f"{ELSE} (JSON of another kind)"),
    (other(HTML, 404, "text/html"), "answers 404, but is no Elasticsearch (an HTML page); is the path right?"),
    (Answer({"error": "no handler"}, 400), "is a path on an Elasticsearch, not its root (400); is the path right?"),
    (REDIRECTED, "points to https://login.example.com/ (302); give the cluster's own URL"),
    (other(HTML, 502, "text/html"), "a proxy does not reach the server (502); is it running? (while connecting)"),
    (Answer({"error": "?"}, 403), "the user of ES_USER and ES_PASSWORD may not do this (403) (while connecting)"),
]


@pytest.mark.parametrize(("answer", "line"), OTHERS, ids=[line[:40] for _, line in OTHERS])
def test_anything_else_is_named_for_what_it_is(hasty: RetryPolicy, answer: Answer, line: str) -> None:
    with serving(answer) as fake:
        assert refusal(fake, hasty, user="bob", password=SECRET).startswith(line)
    assert len(fake.asked) == 1 or answer.status == 502


CHECK = "was refused (401); is it of this cluster, right, and not expired? (while connecting)"


@pytest.mark.parametrize(
    ("credentials", "line"),
    [
        ({"api_key": SECRET}, f"the API key of ES_API_KEY {CHECK}"),
        ({"user": "bob", "password": SECRET}, f"the user of ES_USER and ES_PASSWORD {CHECK}"),
        ({"user": "bob", "password": SECRET, "in_url": True}, f"the user in the URL {CHECK}"),
        ({}, "the user or the API key was refused (401); set ES_API_KEY, or ES_USER and ES_PASSWORD (while conn"),
    ],
)
def test_a_credential_that_is_refused_is_named_without_its_value(
    hasty: RetryPolicy, credentials: dict[str, Any], line: str
) -> None:
    with serving(UNAUTHENTICATED) as fake, pytest.raises(CouldNotRunError) as caught:
        connect(fake.url, hasty, **credentials)
    assert str(caught.value).startswith(f"elasticsearch at {fake.url}: {line}")
    assert SECRET not in str(caught.value)
    assert "bob" not in str(caught.value)


def test_a_right_that_is_missing_later_names_the_credential(hasty: RetryPolicy) -> None:
    with serving(GREETING) as fake, connect(fake.url, hasty, api_key="a2V5") as connection:

        def call() -> None:
            raise refused(403, "security_exception", NOT_ALLOWED)

        for one in (connection, connection.hurried(5.0, 1.0)):
            with pytest.raises(CouldNotRunError, match=r"the API key of ES_API_KEY may not do this \(403\): indices:"):
                one.ask(call, doing="making an index")


def test_a_server_that_comes_up_is_waited_for(hasty: RetryPolicy) -> None:
    starting = Answer({"error": {"type": "master_not_discovered_exception", "reason": "?"}}, 503)
    with serving(starting, starting, GREETING) as fake, connect(fake.url, hasty):
        assert len(fake.asked) == 3
    with serving(starting) as fake:
        assert "the server is not ready (503, master_not_discovered_exception)" in refusal(fake, hasty)


def test_nobody_there_is_tried_again_for_two_seconds(hasty: RetryPolicy, caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        fake = Server([], url=f"http://127.0.0.1:{free.getsockname()[1]}")
    assert refusal(fake, hasty) == "connection refused while connecting; is it running, and is the port right?"
    assert hasty.clock() == 2
    assert not caplog.records


def test_http_taken_for_https_or_the_other_way_names_the_right_url(hasty: RetryPolicy, tls: ssl.SSLContext) -> None:
    for answer, context in ((Answer(status=0), None), (GREETING, tls)):
        with serving(answer, tls=context) as fake:
            fake.url = fake.url.replace("https://", "http://")
            assert refusal(fake, hasty).endswith(f"If it speaks https: {fake.url.replace('http', 'https')}")
    page = "<html>The plain HTTP request was sent to HTTPS port</html>"
    with serving(other(page, 400, "text/html")) as fake:
        assert refusal(fake, hasty) == f"speaks https; allowed: {fake.url.replace('http', 'https')}"
    with serving(GREETING) as fake:
        before, plain, fake.url = hasty.clock(), fake.url, fake.url.replace("http", "https")
        assert refusal(fake, hasty) == f"it does not speak https; allowed: {plain}"
    assert hasty.clock() == before


@pytest.mark.parametrize(
    ("host", "credentials", "line"),
    [
        ("localhost", {}, "its certificate is not trusted (self-signed certificate); set ES_CA_CERTS to the file"),
        ("127.0.0.1", {"ca_certs": str(CERTIFICATE)}, "its certificate is not trusted (hostname '127.0.0.1' doesn't m"),
        ("localhost", {"fingerprint": "ab" * 32}, "its certificate has another fingerprint than ES_FINGERPRINT"),
        ("localhost", {"ca_certs": str(CERTIFICATE)}, ""),
        ("localhost", {"fingerprint": PINNED}, ""),
        ("localhost", {"fingerprint": PINNED.replace(":", "").lower()}, ""),
    ],
)
def test_a_file_of_a_ca_or_a_fingerprint_makes_a_certificate_trusted(
    hasty: RetryPolicy, tls: ssl.SSLContext, host: str, credentials: dict[str, str], line: str
) -> None:
    with serving(GREETING, tls=tls) as fake:
        fake.url = fake.url.replace("localhost", host)
        if line:
            assert refusal(fake, hasty, **credentials).startswith(line)
        else:
            connect(fake.url, **credentials).close()
    assert hasty.clock() == 0


# by a proxy


@contextmanager
def proxying(target: str = "", refuses: bytes = b"") -> Iterator[tuple[str, list[str]]]:
    """A proxy that leads every CONNECT to one server, as HOST:PORT; and the lines that it was sent."""
    asked: list[str] = []

    def pump(source: socket.socket, to: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                to.sendall(data)
            to.shutdown(socket.SHUT_WR)

    def handle(self: StreamRequestHandler) -> None:
        asked.extend(iter(lambda: self.rfile.readline().decode().strip(), ""))
        if refuses:
            self.request.sendall(b"HTTP/1.1 %s\r\n\r\n" % refuses)
            return
        host, _, port = target.rpartition(":")
        with socket.create_connection((host, int(port))) as there:
            self.request.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            back = threading.Thread(target=pump, args=(there, self.request))
            back.start()
            pump(self.request, there)
            back.join()

    with listening(handle) as server:
        yield f"127.0.0.1:{server.server_address[1]}", asked


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "http_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.usefixtures("no_proxies")
def test_https_goes_by_the_proxy_of_the_environment(
    hasty: RetryPolicy, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(GREETING, tls=tls) as fake, proxying(fake.url.removeprefix("https://")) as (proxy, asked):
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:p%40ss@{proxy}")
        with connect("https://search.example.com:9243", fingerprint=PINNED) as connection:
            assert connection.version == "8.19.5"
        assert asked[0].startswith("CONNECT search.example.com:9243 ")
        assert base64.b64encode(b"me:p@ss").decode() in asked[-1]
        asked.clear()
        connect(fake.url, fingerprint=PINNED).close()  # of this machine
        monkeypatch.setenv("NO_PROXY", "invalid")
        with pytest.raises(CouldNotRunError, match="no such host"):
            connect("https://nowhere.invalid", hasty)
        assert asked == []


@pytest.mark.usefixtures("no_proxies")
def test_a_proxy_that_does_not_lead_to_it(
    hasty: RetryPolicy, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = Server([], url="https://search.example.com:9243")
    with proxying(refuses=b"403 Forbidden") as (proxy, _):
        monkeypatch.setenv("https_proxy", proxy)
        assert refusal(fake, hasty).startswith("the proxy that HTTPS_PROXY names refuses while connecting (403 Forbidd")
    assert hasty.clock() == 0
    not_reached = "the proxy that HTTPS_PROXY names is not reached while connecting ("
    assert refusal(fake, hasty).startswith(f"{not_reached}Connection refused); NO_PROXY lists hosts")
    with serving(GREETING, tls=tls) as untrusted:
        monkeypatch.setenv("https_proxy", untrusted.url)
        assert "certificate verify failed: self-signed certificate" in refusal(fake, hasty).removeprefix(not_reached)
    monkeypatch.setenv("https_proxy", f"socks5://me:{SECRET}@127.0.0.1:1")
    with pytest.raises(InputError, match=r"^HTTPS_PROXY: socks5://…@127.0.0.1:1; allowed: http://HOST:PORT"):
        connect(fake.url)


# what is shown to it


def test_credentials_go_into_the_header_and_are_never_printed() -> None:
    shown = ""
    with serving(GREETING) as fake:
        for shows in (
            {"api_key": " a2V5\n"},
            {"api_key": "id:key"},
            {"user": "me", "password": "päss"},
            vars(split_url("http://me:p%40ss%2Fword@host:9200")[1]),
            dict[str, str](),
        ):
            with connect(fake.url, **shows) as connection:
                credentials = Credentials(**shows)
                shown += f"{connection!r} {connection.client!r} {credentials} {Settings('u', credentials)!r}"
    expected = ["ApiKey a2V5", "ApiKey aWQ6a2V5", "Basic bWU6cMOkc3M=", "Basic bWU6cEBzcy93b3Jk", None]
    assert [headers.get("authorization") for _, headers, _ in fake.asked] == expected
    assert not [secret for secret in ("a2V5", "id:key", "päss", "p@ss", "p%40") if secret in shown]


@pytest.mark.parametrize(
    ("credentials", "line"),
    [
        ({"api_key": SECRET, "user": "me", "password": SECRET}, "an API key (ES_API_KEY) beside a user"),
        ({"api_key": f"{SECRET}\nx"}, "ES_API_KEY: spaces or other characters that no API key has"),
        ({"api_key": f"{SECRET}ä"}, "ES_API_KEY: spaces or other characters that no API key has"),
        ({"user": "me"}, "a user alone; ES_USER and ES_PASSWORD belong together"),
        ({"password": SECRET}, "a password alone; ES_USER and ES_PASSWORD belong together"),
        ({"user": "a:b", "password": SECRET}, "ES_USER: a colon, which no user has"),
        ({"user": "me", "password": f"{SECRET}\udcff"}, "ES_USER, ES_PASSWORD: something that is not Unicode"),
        ({"fingerprint": SECRET}, "ES_FINGERPRINT: expected 64 hexadecimal digits (SHA-256, colons allowed)"),
        ({"fingerprint": "z" * 64}, "ES_FINGERPRINT: expected 64 hexadecimal digits"),
        ({"ca_certs": "no/such.pem"}, "ES_CA_CERTS: no such file: no/such.pem"),
        ({"ca_certs": __file__}, "ES_CA_CERTS: no certificates in "),
    ],
)
def test_credentials_that_cannot_be_right_are_bad_input(credentials: dict[str, str], line: str) -> None:
    with pytest.raises(InputError) as caught:
        connect("https://127.0.0.1:1", **credentials)
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
def test_a_url_is_shown_with_its_port_and_without_a_user(url: str, shown: str) -> None:
    assert split_url(url)[0] == shown
    assert split_url(shown)[0] == shown


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("localhost:9200", "for example: http://localhost:9200"),
        ("es.example.com", "for example: http://es.example.com:9200"),
        ("http://es.example.com", "no port; expected, for example: http://es.example.com:9200"),
        ("http:/localhost:9201", "for example: http://localhost:9201"),
        ("http//localhost:9200", "for example: http://localhost:9200"),
        ("ftp://host:21", "not the URL of a cluster; expected, for example: http://host:21"),
        ("http://host:99999", "for example: http://host:9200"),
        ("http://host:0", "for example: http://host:9200"),
        ("http://host:9200?pretty", "not the URL of a cluster; expected, for example: http://host:9200"),
        ("http://host:9200/?token=abc", "for example: http://host:9200"),
        ("http://", "for example: http://HOST:PORT or https://HOST:PORT"),
        ("", "for example: http://HOST:PORT or https://HOST:PORT"),
        ("http://lo cal:9200", "for example: http://HOST:PORT or https://HOST:PORT"),
        ("http://[::1:9200", "for example: http://HOST:PORT or https://HOST:PORT"),
        (f"http://me:{SECRET}/@x@host:9200", "/ ? # @ in a user or a password have to be written as %2F %3F %23 %40"),
    ],
)
def test_a_url_that_is_none_names_what_was_meant(url: str, line: str) -> None:
    with pytest.raises(InputError) as caught:
        split_url(url)
    assert str(caught.value).endswith(line)


FORMS = ["http://me:{}@host:9200", "me:{}@host:9200", "https://{}@host", "http://me:{}", "{}@"]
WORDS = st.text("abcXYZ019:/?#@%[] ä\\", min_size=6, max_size=12).map(lambda text: f"{text}{SECRET}")


@given(WORDS, st.sampled_from(FORMS))
def test_no_password_inside_a_url_is_ever_shown(password: str, form: str) -> None:
    if "@" not in form:
        password = password.translate({ord("/"): "", ord("@"): ""})  # with these it is another URL
    try:
        shown, inside = split_url(form.format(password))
    except RelevanceError as error:
        shown = str(error)
    else:
        assert SECRET in inside.user + inside.password
    assert SECRET not in shown


def cloud_id(text: str) -> str:
    return f"my-shop:{base64.b64encode(text.encode()).decode()}"


def test_a_cloud_id_is_a_url() -> None:
    assert cloud_url(cloud_id("eu.aws.elastic-cloud.com$abc$kib")) == "https://abc.eu.aws.elastic-cloud.com:443"
    assert cloud_url(cloud_id("eu.aws.elastic-cloud.com:9243$abc$")) == "https://abc.eu.aws.elastic-cloud.com:9243"
    for wrong in ("my-shop", "my-shop:???", cloud_id("eu.aws.elastic-cloud.com"), cloud_id("$abc")):
        with pytest.raises(InputError, match=r"^no Cloud ID; expected: NAME:BASE64"):
            cloud_url(wrong)


# what comes back


def test_vectors_arrive_bit_for_bit_and_remarks_of_the_server_are_no_warnings() -> None:
    vector = np.random.default_rng(5).standard_normal((3, 384), dtype=np.float32)
    vector[1, 0] = 0.1
    remark = OURS | {"warning": '299 Elasticsearch-8 "security is not enabled"'}
    done = Answer({"errors": False, "items": []}, headers=remark)
    rows: list[Any] = [{"index": {}}, {"v": vector[1]}, '{"index":{}}', b'{"v":1}']
    with serving(Answer(GREETING.body, headers=remark), done) as fake, connect(fake.url) as connection:
        connection.client.bulk(operations=rows, index="i")
    sent = fake.asked[-1][2].split(b"\n")
    assert sent[1].startswith(b'{"v":[0.1,')  # as float32 is written, in half of the characters of float64
    assert np.array_equal(np.array(json.loads(sent[1])["v"], np.float32), vector[1])
    assert sent[2:] == [b'{"index":{}}', b'{"v":1}', b""]


@pytest.mark.parametrize("kind", ["application/json", "image/png"])
def test_a_page_of_a_balancer_keeps_its_status(hasty: RetryPolicy, kind: str) -> None:
    page = Answer(HTML, 503, headers={}, kind=kind)
    answers = (GREETING, page, Answer(status=0), Answer({"count": 3}), page)
    with serving(*answers) as fake, connect(fake.url, hasty) as connection:
        count = connection.client.count
        assert connection.ask(count, doing="counting")["count"] == 3
        whys = "503, connection lost"
        assert connection.notes("counting") == (f"counting went well only after 2 more tries: {whys}",)
        assert len(fake.asked) == len(answers) - 1, "the client itself tries once"
        with pytest.raises(CouldNotRunError, match=r"the server is not ready \(503\); is the cluster complete"):
            connection.ask(count, doing="counting")
        connection.retries.clear()
        fake.answers[:] = [Answer(HTML)]
        with pytest.raises(CouldNotRunError, match="an answer that is not JSON while counting; is a proxy in between"):
            connection.ask(count, doing="counting")
        assert connection.notes("counting") == ()


HEAD = b"HTTP/1.1 200 OK\r\nx-elastic-product: Elasticsearch\r\ncontent-type: application/json\r\n"
MANY = b" " * (1 << 20)


@contextmanager
def pouring(head: bytes, piece: bytes, wait: float = 0.0) -> Iterator[str]:
    """The URL of a server that says the head, then the piece, if any, again and again until nobody listens."""

    def handle(self: StreamRequestHandler) -> None:
        self.request.recv(65536)
        with suppress(OSError):
            self.request.sendall(head)
            while piece:
                self.request.sendall(piece)
                time.sleep(wait)

    with listening(handle) as server:
        yield f"http://127.0.0.1:{server.server_address[1]}"


def packed(times: int) -> bytes:
    """An answer of 3 MiB of blanks, packed once or twice."""
    body = MANY * 3
    for _ in range(times):
        body = gzip.compress(body, 1)
    return HEAD + b"content-encoding: %s\r\n" % b", ".join([b"gzip"] * times) + sized(body)


def sized(body: bytes) -> bytes:
    return b"content-length: %d\r\n\r\n%s" % (len(body), body)


@pytest.mark.parametrize(
    ("head", "piece", "words"),
    [
        (HEAD + b"\r\n", MANY, "an answer of more than 2 MiB while connecting"),
        (HEAD + b"transfer-encoding: chunked\r\n\r\n", b"100000\r\n" + MANY + b"\r\n", "an answer of more than 2 MiB"),
        (packed(1), b"", "an answer of more than 2 MiB"),
        (packed(2), b"", "an answer of more than 2 MiB"),
        (HEAD + b"content-encoding: gzip\r\n" + sized(b"no"), b"", "an answer that cannot be unpacked while connectin"),
    ],
    ids=["endless", "chunks", "packed", "packed twice", "badly packed"],
)
def test_an_answer_without_end_is_given_up_at_once(
    hasty: RetryPolicy, monkeypatch: pytest.MonkeyPatch, head: bytes, piece: bytes, words: str
) -> None:
    monkeypatch.setattr(web, "MOST_BYTES", 2 << 20)
    with pouring(head, piece) as url, pytest.raises(CouldNotRunError, match=words):
        connect(url, hasty, timeout=20)
    assert hasty.clock() == 0


@pytest.mark.parametrize(
    ("head", "timeout", "hello"),
    [(b"", 5, 0.2), (HEAD + b"x-more: ", 0.2, 10), (HEAD + b"content-length: 9\r\n\r\n", 0.2, 10)],
    ids=["silent", "in the head", "in the body"],
)
def test_the_time_out_is_that_of_the_whole_answer(
    hasty: RetryPolicy, monkeypatch: pytest.MonkeyPatch, head: bytes, timeout: float, hello: float
) -> None:
    monkeypatch.setattr(client, "_HELLO_S", hello)
    began = time.monotonic()
    with (
        pouring(head, b"1", 0.05 if head else 0.5) as url,
        pytest.raises(CouldNotRunError, match=r"within 0\.2 s whil"),
    ):
        connect(url, hasty, timeout=timeout)
    assert time.monotonic() - began < 1
    assert hasty.clock() == 0, "nothing was ever heard of it"


def test_a_proxys_gzip_is_taken_off() -> None:
    answer = HEAD + b"connection: close\r\ncontent-encoding: gzip\r\n" + sized(gzip.compress(b'{"count": 3}'))
    with pouring(answer, b"") as url, client.make_client(url, NOBODY, timeout=5) as unbound:
        assert [unbound.count(index="i")["count"] for _ in range(12)] == [3] * 12


def test_a_connection_that_is_interrupted_closes_its_client(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[object] = []
    unbound = client.make_client("http://127.0.0.1:1", NOBODY, timeout=5)
    monkeypatch.setattr(unbound, "close", lambda: closed.append(1))
    monkeypatch.setattr(client, "make_client", lambda *_, **__: unbound)
    monkeypatch.setattr(client, "_version", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        connect("http://127.0.0.1:1")
    assert closed == [1]
