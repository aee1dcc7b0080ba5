"""A search endpoint on the loopback address, for tests."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


@dataclass
class Asked:
    """A request as it came: method, path with its query string, headers in lower case, and the JSON that was sent."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


Answered = tuple[int, bytes] | tuple[int, bytes, Mapping[str, str]]
"""Status, body, and perhaps headers."""


@dataclass
class Endpoint:
    """What was asked of it, and where it is."""

    url: str
    asked: list[Asked] = field(default_factory=list)


@contextmanager
def answering(answer: Callable[[Asked], Answered]) -> Iterator[Endpoint]:
    """Serve an endpoint that gives status and body for a request."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            sent = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, self.path, headers, json.loads(sent) if sent else None)
            endpoint.asked.append(asked)
            status, body, *more = answer(asked)
            headers = {"Content-Length": str(len(body)), **dict(*more)}
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            head = f"HTTP/1.1 {status} x\r\n{lines}\r\n".encode()
            self.wfile.write(head + body)

        do_GET = do_POST = _handle  # noqa: N815 - the library's names

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        endpoint = Endpoint(f"http://127.0.0.1:{server.server_port}")
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield endpoint
        finally:
            server.shutdown()
            thread.join()


def as_json(value: Any, status: int = 200) -> Answered:
    return status, json.dumps(value).encode()
