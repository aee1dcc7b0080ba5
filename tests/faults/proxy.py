"""A small proxy before a server: it counts requests, refuses some, alters answers, and tells a test when one comes."""

import http.client
import json
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}
LONGEST_S = 120


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    kind: str  # the last part of the path: `_bulk`, `_msearch`, `_search`, ...; "" for the root
    number: int  # which of its kind it is, from 1
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes = b"{}"
    headers: tuple[tuple[str, str], ...] = (
        ("Content-Type", "application/json"),
        ("X-Elastic-Product", "Elasticsearch"),
    )


Forward = Callable[[Request], Answer]
Rule = Callable[[Request, Forward], Answer | None]
"""The answer to a request; None: the connection ends without one."""


def forward_all(request: Request, forward: Forward) -> Answer:
    return forward(request)


@dataclass
class Proxy:
    upstream: str
    rule: Rule
    url: str = ""
    counts: Counter[str] = field(default_factory=Counter)  # requests by kind
    headers: Mapping[str, str] = field(default_factory=dict)  # of the latest request
    broken: list[Exception] = field(default_factory=list)  # what went wrong in a rule
    server: ThreadingHTTPServer | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def close(self) -> None:
        """Listen no longer, as a server that is gone; safe to call twice, and from a rule."""
        with self._lock:
            server, self.server = self.server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    def forward(self, request: Request) -> Answer:
        host = urlsplit(self.upstream)
        connection = http.client.HTTPConnection(host.hostname or "", host.port, timeout=LONGEST_S)
        try:
            headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP}
            connection.request(request.method, request.path, body=request.body or None, headers=headers)
            answer = connection.getresponse()
            kept = tuple((name, value) for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP)
            return Answer(answer.status, answer.read(), kept)
        finally:
            connection.close()

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer | None:
        kind = urlsplit(path).path.rsplit("/", 1)[-1]
        with self._lock:
            self.counts[kind] += 1
            self.headers = headers
            request = Request(method, path, kind, self.counts[kind], headers, body)
        try:
            return self.rule(request, self.forward)
        except (OSError, http.client.HTTPException):  # the server is gone, which answers nobody
            return None
        except Exception as error:  # noqa: BLE001 - the test that set the rule has to know
            self.broken.append(error)
            return None


def _handler(proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # two writes an answer would wait for each other

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = proxy.answer(self.command, self.path, dict(self.headers), body)
            if answer is None:
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
                return
            self.send_response_only(answer.status)
            for name, value in (*answer.headers, ("Content-Length", str(len(answer.body)))):
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _serve  # noqa: N815 - the library's names

        def log_message(self, *_: object) -> None:
            pass

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: object) -> None:
        """A client that went away is what some tests are about."""


@contextmanager
def running_proxy(upstream: str, rule: Rule = forward_all) -> Iterator[Proxy]:
    server = _Server(("127.0.0.1", 0), BaseHTTPRequestHandler)
    proxy = Proxy(upstream, rule, f"http://127.0.0.1:{server.server_address[1]}", server=server)
    server.RequestHandlerClass = _handler(proxy)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield proxy
    finally:
        proxy.close()
        thread.join()
    assert proxy.broken == []


# rules

REASONS = {
    401: ("security_exception", "unable to authenticate user [someone] for REST request [/]"),
    403: ("security_exception", "action [indices:admin/create] is unauthorized for user [someone]"),
    429: ("es_rejected_execution_exception", "rejected execution of coordinating operation"),
    503: ("no_shard_available_action_exception", "No shard available for the request"),
}


def refusal(status: int) -> Answer:
    cause = dict(zip(("type", "reason"), REASONS[status], strict=True))
    return Answer(status, json.dumps({"error": {"root_cause": [cause], **cause}, "status": status}).encode())


def refused(status: int, *, method: str = "", kind: str = "") -> Rule:
    """All requests (of a method, of a kind)."""
    return lambda request, forward: (
        refusal(status) if method in ("", request.method) and kind in ("", request.kind) else forward(request)
    )


def some_refused(request: Request, forward: Forward) -> Answer:
    """Each fourth request of some kinds, from the first on, by 429 and 503 in turn."""
    turn, rest = divmod(request.number - 1, 4)
    return forward(request) if rest or request.kind not in ("_bulk", "_msearch") else refusal((429, 503)[turn % 2])


def says(status: int, body: object, **headers: str) -> Rule:
    """Every request gets the answer of another server: a page, or JSON."""
    content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    kind = "text/html" if isinstance(body, str) else "application/json"
    named = {"Content-Type": kind, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return lambda *_: Answer(status, content, tuple(named.items()))


def before(kind: str, number: int, happens: Callable[[], object]) -> Rule:
    """Something happens before the n-th request of a kind goes to the server."""

    def rule(request: Request, forward: Forward) -> Answer:
        if (request.kind, request.number) == (kind, number):
            happens()
        return forward(request)

    return rule


def gone(kind: str, number: int, proxy: Proxy) -> Rule:
    """From the n-th request of a kind on nobody is answered, and nobody listens: so does a server that died."""
    ended = threading.Event()

    def rule(request: Request, forward: Forward) -> Answer | None:
        if (request.kind, request.number) == (kind, number):
            ended.set()
            proxy.close()
        return None if ended.is_set() else forward(request)

    return rule


def lost_answer(kind: str, number: int) -> Rule:
    """The server does what the n-th request of a kind asks for, and its answer never arrives."""

    def rule(request: Request, forward: Forward) -> Answer | None:
        answer = forward(request)
        return None if (request.kind, request.number) == (kind, number) else answer

    return rule


def refused_document(number: int, at: int, reason: str) -> Rule:
    """The n-th `_bulk` is answered as if the server had refused one of its documents."""

    def rule(request: Request, forward: Forward) -> Answer:
        answer = forward(request)
        if (request.kind, request.number) != ("_bulk", number):
            return answer
        content = json.loads(answer.body)
        (action,) = content["items"][at]
        content["items"][at][action] |= {
            "status": 400,
            "error": {"type": "document_parsing_exception", "reason": reason},
        }
        return Answer(answer.status, json.dumps({**content, "errors": True}).encode(), answer.headers)

    return rule
