"""A small proxy before a server: it counts requests, refuses some, alters answers, and tells a test when one comes."""

from __future__ import annotations

import http.client
import socket
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Literal, TypeAlias
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}
_LONGEST_S = 120
DROPPED: Literal["dropped"] = "dropped"
"""What a rule gives for a request whose connection ends without an answer."""


@dataclass(frozen=True)
class Request:
    """A request on its way to the server.

    Attributes:
        kind: the last part of its path without the query string: `_bulk`, `_msearch`, `_search`, …; "" for the root.
        number: which of its kind it is, from 1.
    """

    method: str
    path: str
    kind: str
    number: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What the client gets."""

    status: int
    body: bytes = b"{}"
    headers: tuple[tuple[str, str], ...] = (
        ("Content-Type", "application/json"),
        ("X-Elastic-Product", "Elasticsearch"),
    )


Reply: TypeAlias = Answer | Literal["dropped"]
Forward: TypeAlias = Callable[[Request], Answer]
Rule: TypeAlias = Callable[[Request, Forward], Reply]
"""Gives the answer to a request; what it is handed asks the server."""


def _through(request: Request, forward: Forward) -> Answer:
    return forward(request)


@dataclass
class Proxy:
    """A running proxy.

    Attributes:
        upstream: the server's URL.
        url: its own.
        counts: requests by kind.
        rule: what is done with a request; a test sets it.
        headers: of the latest request.
        broken: what went wrong in a rule.
    """

    upstream: str
    url: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    rule: Rule = _through
    headers: dict[str, str] = field(default_factory=dict)
    broken: list[Exception] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _server: ThreadingHTTPServer | None = None

    def close(self) -> None:
        """Listen no longer, as a server that is gone; safe to call twice, and from a rule."""
        with self._lock:
            server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    def forward(self, request: Request) -> Answer:
        """Ask the server, over a connection of its own."""
        host = urlsplit(self.upstream)
        connection = http.client.HTTPConnection(host.hostname or "", host.port, timeout=_LONGEST_S)
        try:
            headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
            connection.request(request.method, request.path, body=request.body or None, headers=headers)
            answer = connection.getresponse()
            kept = tuple((name, value) for name, value in answer.getheaders() if name.lower() not in _HOP_BY_HOP)
            return Answer(answer.status, answer.read(), kept)
        finally:
            connection.close()

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        """Answer a request by the rule; a server that is gone answers nobody."""
        kind = urlsplit(path).path.rsplit("/", 1)[-1]
        with self._lock:
            self.counts[kind] += 1
            self.headers = headers
            request = Request(method, path, kind, self.counts[kind], headers, body)
        try:
            return self.rule(request, self.forward)
        except (OSError, http.client.HTTPException):
            return DROPPED
        except Exception as error:  # noqa: BLE001 - the test that set the rule has to know
            self.broken.append(error)
            return DROPPED


def _handler(proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # two writes an answer would wait for each other

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = proxy.answer(self.command, self.path, dict(self.headers), body)
            if isinstance(answer, str):
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
                return
            self.send_response_only(answer.status)
            for name, value in answer.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _serve  # noqa: N815 - the library's names

        def log_message(self, *_: object) -> None:
            """Say nothing: the test's output is what it shows."""

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: object) -> None:
        """Say nothing of a client that went away: that is what some tests are about."""


@contextmanager
def running_proxy(upstream: str, rule: Rule = _through) -> Iterator[Proxy]:
    """Listen on the loopback address until the block ends."""
    proxy = Proxy(upstream, rule=rule)
    proxy._server = server = _Server(("127.0.0.1", 0), _handler(proxy))
    proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield proxy
    finally:
        proxy.close()
        thread.join()
    assert proxy.broken == []
