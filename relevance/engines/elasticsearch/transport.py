"""The client as it is used here: what it shows a server, JSON by orjson, one try a request, no Python warnings."""

from __future__ import annotations

import base64
import logging
import re
import ssl
import zlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from elastic_transport import ConnectionError as NoConnection
from elastic_transport import HttpHeaders, Transport, TransportApiResponse, TransportError, Urllib3HttpNode
from elasticsearch import Elasticsearch, OrjsonSerializer
from elasticsearch.serializer import NdjsonSerializer

from relevance.engines.elasticsearch.network import TimedResponse
from relevance.errors import InputError

if TYPE_CHECKING:
    from relevance.engines.elasticsearch.settings import Credentials

__all__ = ["CONNECTIONS", "MOST_BYTES", "UnboundedAnswerError", "make_client"]

CONNECTIONS = 4
"""Requests at a time; a fifth waits."""

MOST_BYTES = 64 << 20
"""Of an answer, as it comes and unpacked; requests are cut so that theirs have about 8 MB."""

_READ_AT_ONCE = 1 << 20
_PACKED_BY_ZLIB = 47
"""zlib's `wbits` for gzip and deflate, whichever it is."""

_LOGGERS = ("elastic_transport.node_pool", "elastic_transport.transport", "urllib3.connection")
"""They warn of each lost connection and of each wrong certificate, on the terminal; so do we, in one line."""
_REFUSED = 400
"""Statuses from here on."""

_KEY = re.compile(r"[!-~]+")
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


class _Rows(NdjsonSerializer, OrjsonSerializer):
    """Rows of JSON for `_bulk` and `_msearch`; the client's own writes them by the standard library."""


class UnboundedAnswerError(TransportError):
    """An answer larger than any that is asked for, or packed in a way that was not asked for."""


class _Answer(NamedTuple):
    """What the node reads of a response of urllib3."""

    status: int
    headers: Any
    data: bytes


class _BoundedPool:
    """A pool of connections whose answers end, by their size and by the time that they take in all."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        pool.ConnectionCls = type("Connection", (pool.ConnectionCls,), {"response_class": TimedResponse})

    def urlopen(self, *args: Any, **options: Any) -> _Answer:
        response = self._pool.urlopen(*args, preload_content=False, decode_content=False, **options)
        try:
            return _Answer(response.status, response.headers, _unpacked(_read(response), response.headers))
        except BaseException:
            response.close()
            raise
        finally:
            response.release_conn()

    def close(self) -> None:
        self._pool.close()


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
    unpacking = zlib.decompressobj(wbits=_PACKED_BY_ZLIB)
    try:
        whole = unpacking.decompress(data, MOST_BYTES + 1)
    except zlib.error:
        raise UnboundedAnswerError("an answer that cannot be unpacked") from None
    if len(whole) > MOST_BYTES:
        raise UnboundedAnswerError(f"an answer of more than {MOST_BYTES >> 20} MiB when unpacked")
    return whole


class _Node(Urllib3HttpNode):
    """Bounds answers, and has a refusal that is no JSON read as text: a balancer's page keeps its status."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.pool: Any = _BoundedPool(self.pool)

    def perform_request(self, *args: Any, **options: Any) -> Any:
        """As the client's.

        Raises:
            UnboundedAnswerError: there is no end of the answer.
        """
        try:
            answer = super().perform_request(*args, **options)
        except NoConnection as error:
            if isinstance(error.__cause__, UnboundedAnswerError):
                raise error.__cause__ from None
            raise
        meta, body = answer
        if meta.status < _REFUSED or _is_json(body):
            return answer
        headers = {name: value for name, value in meta.headers.items() if name.lower() != "content-type"}
        meta = replace(meta, headers=HttpHeaders({**headers, "content-type": "text/plain"}))
        return answer._replace(meta=meta, body=body.decode("utf-8", "replace").encode())


class _QuietTransport(Transport):
    """Keeps a server's `Warning` header from becoming a Python warning, which is an error under `-W error`."""

    def perform_request(self, *args: Any, **options: Any) -> TransportApiResponse:
        """As the client's, without that header."""
        meta, body = super().perform_request(*args, **options)
        if "warning" in meta.headers:
            kept = HttpHeaders({name: value for name, value in meta.headers.items() if name.lower() != "warning"})
            meta = replace(meta, headers=kept)
        return TransportApiResponse(meta, body)


def _is_json(body: bytes) -> bool:
    try:
        orjson.loads(body)
    except ValueError:
        return False
    return True


def make_client(url: str, credentials: Credentials, *, timeout: float) -> Elasticsearch:
    """A client that asks each request once: trying again is `RetryPolicy`'s, which tells of it.

    Args:
        url: with scheme and port, without user and password.
        credentials: what the server is shown; those of TLS count for https only.
        timeout: seconds until an answer is given up.

    Raises:
        InputError: the credentials cannot be right.
    """
    options = _shown_to_it(credentials) | (_trusted(credentials) if url.startswith("https:") else {})
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
            connections_per_node=CONNECTIONS,
            http_compress=False,
            node_class=_Node,
            transport_class=_QuietTransport,
            serializers={"application/json": OrjsonSerializer(), "application/x-ndjson": _Rows()},
            **options,
        )
    except ValueError:  # its text may show what it was given
        raise InputError(f"{url}: the client does not take this URL, or what comes with it") from None


def _shown_to_it(credentials: Credentials) -> dict[str, Any]:
    """Options of authentication; what cannot be sent is refused here: the client's own error would show it."""
    key, user, password = credentials.api_key.strip(), credentials.user, credentials.password
    if key and (user or password):
        raise InputError(
            "an API key (ES_API_KEY) beside a user (ES_USER and ES_PASSWORD, or inside the URL); allowed: one of them"
        )
    if key:
        if not _KEY.fullmatch(key):
            raise InputError("ES_API_KEY: spaces or other characters that no API key has; expected: its base64 form")
        return {"api_key": key}
    if bool(user) != bool(password):
        raise InputError(f"a {'user' if user else 'password'} alone; ES_USER and ES_PASSWORD belong together")
    if not user:
        return {}
    try:
        pair = f"{user}:{password}".encode()  # by the client it would have to be ASCII
    except UnicodeEncodeError:
        raise InputError("ES_USER, ES_PASSWORD: something that is not Unicode") from None
    if ":" in user:
        raise InputError("ES_USER: a colon, which no user has")
    return {"basic_auth": base64.b64encode(pair).decode()}


def _trusted(credentials: Credentials) -> dict[str, Any]:
    """Options of TLS."""
    options = {}
    if credentials.fingerprint:
        digits = credentials.fingerprint.replace(":", "").strip().lower()
        if not _FINGERPRINT.fullmatch(digits):
            found = f"found {len(digits)} characters"
            raise InputError(f"ES_FINGERPRINT: expected 64 hexadecimal digits (SHA-256, colons allowed), {found}")
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
