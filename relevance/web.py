"""The web: answers that are bounded in size and time, and the environment's proxy."""

from __future__ import annotations

import http.client
import io
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote
from urllib.request import getproxies, proxy_bypass

from urllib3 import ProxyManager, make_headers
from urllib3.exceptions import ProxySchemeUnknown

from relevance.errors import InputError
from relevance.text import without_credentials

if TYPE_CHECKING:
    import socket

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


class UnboundedAnswerError(Exception):
    """An answer that is larger than any that is asked for."""


def timed(pool: Any) -> None:
    """Have a connection pool of urllib3's give up answers that are not there, whole, within its time-out."""
    pool.ConnectionCls = type("Connection", (pool.ConnectionCls,), {"response_class": _TimedResponse})


def read_whole(response: Any) -> bytes:
    """Read an answer of urllib3's that was not preloaded, and let its connection go.

    Raises:
        UnboundedAnswerError: it is longer than `MOST_BYTES`.
    """
    complete = False
    try:
        data: bytes = response.read(MOST_BYTES + 1)
        complete = len(data) <= MOST_BYTES
    finally:
        if not complete:
            response.close()
        response.release_conn()
    if not complete:
        raise UnboundedAnswerError(f"an answer of more than {MOST_BYTES >> 20} MiB")
    return data


def proxy_of(host: str, port: int) -> ProxyManager | None:
    """The proxy by which the environment has a server of https reached; None where it has none for this host."""
    proxies = getproxies()
    proxy = proxies.get("https") or proxies.get("all")
    if not proxy or host in ("localhost", "127.0.0.1", "::1") or proxy_bypass(f"{host}:{port}"):
        return None
    try:
        manager = ProxyManager(proxy if "://" in proxy else f"http://{proxy}")
    except ProxySchemeUnknown:
        allowed = f"allowed: http://HOST:PORT; NO_PROXY: {host}"
        raise InputError(f"HTTPS_PROXY: {without_credentials(proxy)}; {allowed}") from None
    if manager.proxy and manager.proxy.auth:
        manager.proxy_headers = make_headers(proxy_basic_auth=unquote(manager.proxy.auth))
    return manager
