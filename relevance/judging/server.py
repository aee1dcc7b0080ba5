"""The page on which people judge: served to browsers of this machine alone, and to those that know its token.

No other host is served: it listens on the loopback address, refuses requests that name another host (as those of a page
elsewhere do whose name was made to point here), and has a random token in every address. The pages load nothing, and
answers are forms that work without the script, which only makes keys press their buttons.
"""

from __future__ import annotations

import hmac
import secrets
from contextlib import contextmanager
from functools import cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from relevance.errors import CouldNotRunError, RelevanceError
from relevance.judging.queue import Tab

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jinja2 import Template

    from relevance.judging.queue import Queue

_HOST = "127.0.0.1"
_MOST_BYTES = 4_096  # of an answer
_MOST_TABS = 1_000
_MOST_FIELDS = 8
_TIMEOUT_S = 10
_FORM = "application/x-www-form-urlencoded"
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_POLICY = "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - only where there is a page

    pages = Environment(
        loader=PackageLoader("relevance.judging"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return pages.get_template("judge.html")


class _Refused(Exception):  # noqa: N818 - an answer, no fault of ours
    """A request that is not answered."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


class _Server(ThreadingHTTPServer):
    daemon_threads = True  # a connection that a browser keeps open for later holds nobody up

    def __init__(self, queue: Queue, port: int) -> None:
        super().__init__((_HOST, port), _Handler)
        self.queue = queue
        self.token = secrets.token_urlsafe(24)
        self.hosts = {f"{name}:{self.server_port}" for name in (_HOST, "localhost")}
        self.origins = {f"http://{host}" for host in self.hosts}
        self.tabs: dict[str, Tab] = {}
        self.lock = Lock()

    @property
    def url(self) -> str:
        """What is opened in a browser."""
        return f"http://{_HOST}:{self.server_port}/{self.token}/"

    def tab(self, name: str) -> tuple[str, Tab]:
        """The tab of a name; a new one under a name of its own where there is none."""
        with self.lock:
            if name not in self.tabs:
                name = secrets.token_urlsafe(9)
                self.tabs[name] = Tab()
                if len(self.tabs) > _MOST_TABS:
                    del self.tabs[next(iter(self.tabs))]
            return name, self.tabs[name]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a browser that has gone away."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _TIMEOUT_S
    server_version, sys_version = "relevance", ""

    def do_GET(self) -> None:
        self._answer(self._show)

    def do_POST(self) -> None:
        self._answer(self._take)

    def _answer(self, give: Any) -> None:
        try:
            give(self._place())
        except _Refused as refused:
            self.send_error(refused.status)
        except RelevanceError as error:
            self._page(HTTPStatus.INTERNAL_SERVER_ERROR, row=None, error=str(error))

    def _place(self) -> str:
        """What is asked for behind the token."""
        hosts = self.headers.get_all("Host", [])
        if len(hosts) != 1 or hosts[0].lower() not in self.server.hosts:
            raise _Refused(HTTPStatus.MISDIRECTED_REQUEST)
        if not self.server.origins.issuperset(self.headers.get_all("Origin", [])):
            raise _Refused(HTTPStatus.FORBIDDEN)
        token, slash, place = urlsplit(self.path).path.removeprefix("/").partition("/")
        if not slash or not hmac.compare_digest(token.encode(errors="replace"), self.server.token.encode()):
            raise _Refused(HTTPStatus.FORBIDDEN)
        return place

    def _show(self, place: str) -> None:
        if place:
            raise _Refused(HTTPStatus.NOT_FOUND)
        asked = _fields(urlsplit(self.path).query).get("tab", "")
        name, tab = self.server.tab(asked)
        if name != asked:
            self._go_to(name)
            return
        row = self.server.queue.next(tab)
        said, tab.said = tab.said, ""
        self._page(HTTPStatus.OK, row=row, tab=name, said=said, undo=bool(tab.done), skipped=len(tab.skipped))

    def _take(self, place: str) -> None:
        if place != "answer":
            raise _Refused(HTTPStatus.NOT_FOUND)
        form = self._form()
        name, tab = self.server.tab(form.get("tab", ""))
        queue, answer = self.server.queue, form.get("answer", "")
        grades = {str(grade): grade for grade in queue.keys.values()}
        try:
            if answer == "undo":
                queue.undo(tab)
            elif answer == "skip":
                queue.skip(tab, form.get("row", ""))
            else:
                queue.answer(tab, form.get("row", ""), grades[answer])
        except KeyError:
            raise _Refused(HTTPStatus.BAD_REQUEST) from None
        self._go_to(name)

    def _form(self) -> dict[str, str]:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            raise _Refused(HTTPStatus.LENGTH_REQUIRED)
        if len(length) > len(str(_MOST_BYTES)) or int(length) > _MOST_BYTES:
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if self.headers.get_content_type() != _FORM:
            raise _Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        return _fields(self.rfile.read(int(length)).decode("ascii", "replace"))

    def _go_to(self, tab: str) -> None:
        self.send_response(HTTPStatus.SEE_OTHER)
        self.send_header("Location", f"/{self.server.token}/?tab={tab}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _page(self, status: HTTPStatus, **values: Any) -> None:
        nonce = secrets.token_urlsafe(16)
        queue = self.server.queue
        values = {"error": "", "said": "", "tab": "", "undo": False, "skipped": 0, **values}
        page = _template().render(queue=queue, base=f"/{self.server.token}/", nonce=nonce, **values)
        self._send(status, page, "text/html", f"{_POLICY}; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'")

    def _send(self, status: HTTPStatus, text: str, kind: str, policy: str = _POLICY) -> None:
        content = text.encode(errors="replace")
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Security-Policy", policy)
        self.end_headers()
        self.wfile.write(content)

    def send_error(self, code: int, *_: Any) -> None:
        """Answer what the library itself refuses as all the rest."""
        status = HTTPStatus(code)
        self._send(status, f"{status.value} {status.phrase}\n", "text/plain")

    def end_headers(self) -> None:
        """Add what holds for every answer."""
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, *_: Any) -> None:
        """Print no request: the token is in each."""


def _fields(text: str) -> dict[str, str]:
    try:
        return {key: values[0] for key, values in parse_qs(text, max_num_fields=_MOST_FIELDS).items()}
    except ValueError:
        raise _Refused(HTTPStatus.BAD_REQUEST) from None


@contextmanager
def serving(queue: Queue, port: int = 0) -> Iterator[str]:
    """Serve the page of a queue for the time of a block, and give its address.

    Args:
        queue: what is judged.
        port: on which it listens; 0: one that is free.

    Raises:
        CouldNotRunError: the port cannot be had.
    """
    try:
        server = _Server(queue, port)
    except OSError as error:
        way = "allowed: another --port, or none"
        raise CouldNotRunError(f"port {port} of {_HOST}: {error.strerror or error}; {way}") from None
    thread = Thread(target=server.serve_forever, name="judging", daemon=True)
    thread.start()
    try:
        yield server.url
    finally:
        server.shutdown()
        server.server_close()
        queue.close()
