"""What goes wrong on the way to a server, in words for people.

The client's errors say little themselves, and their list of causes is empty by the time they are raised: the causes are
looked up where Python keeps them, in what an error was raised from and in its arguments.
"""

from __future__ import annotations

import http.client
import io
import re
from time import monotonic
from typing import TYPE_CHECKING, Any

from relevance.engines.elasticsearch.refusals import one_line

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

__all__ = ["TimedResponse", "broken", "causes", "cut_off", "in_time", "unanswered"]

_SECONDS = re.compile(r"timeout=([0-9.]+)")
_REASON = re.compile(r"certificate verify failed: (.+?)(?= \(_ssl\.c|$)|(hostname '[^']*' doesn't match .+)")

_AT_ONCE = 1e-6
_NO_HTTP = frozenset({"BadStatusLine", "UnknownProtocol"})
_NO_NAME = frozenset({"NameResolutionError", "gaierror"})
_CUT_OFF = frozenset({"SSLEOFError", "SSLZeroReturnError"})
_HUNG_UP = _CUT_OFF | {
    "BrokenPipeError",
    "ConnectionAbortedError",
    "ConnectionResetError",
    "IncompleteRead",
    "ProtocolError",
    "RemoteDisconnected",
}


class TimedResponse(http.client.HTTPResponse):
    """An answer that has the socket's timeout for all of it: one that comes byte by byte ends in time, too."""

    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp.close()
        self.fp = io.BufferedReader(_TimedReader(sock))


class _TimedReader(io.RawIOBase):
    def __init__(self, sock: socket.socket) -> None:
        super().__init__()
        self._socket = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._seconds = sock.gettimeout()
        self._end = monotonic() + (self._seconds or 0.0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._seconds is None:
            return self._raw.readinto(buffer)
        try:
            self._socket.settimeout(max(self._end - monotonic(), _AT_ONCE))
            return self._raw.readinto(buffer)
        except TimeoutError:
            raise TimeoutError(f"timed out (timeout={self._seconds})") from None

    def close(self) -> None:
        self._raw.close()
        super().close()


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error and all that it comes from."""
    todo, seen = [error], set()
    while todo:
        one = todo.pop(0)
        if id(one) not in seen:
            seen.add(id(one))
            yield one
            inner = (one.__cause__, *one.args, *getattr(one, "errors", ()))
            todo += [deeper for deeper in inner if isinstance(deeper, BaseException)]


def _names(error: BaseException) -> set[str]:
    return {type(one).__name__ for one in causes(error)}


def _texts(error: BaseException) -> str:
    return " ".join(str(one) for one in causes(error))


def broken(error: BaseException) -> bool:
    """Whether there was a connection, and the other end hung up or spoke something else than HTTP."""
    return bool(_names(error) & (_HUNG_UP | _NO_HTTP))


def cut_off(error: BaseException) -> bool:
    """Whether the other end hung up while it shook hands by TLS."""
    return bool(_names(error) & _CUT_OFF)


def in_time(error: BaseException) -> str:
    """The words for a request that was given up."""
    found = _SECONDS.search(_texts(error))
    return f"no answer within {float(found[1]):g} s" if found else "no answer in time"


def unanswered(error: Exception, *, doing: str, url: str) -> str:
    """The words for a request without an answer that can be read.

    Args:
        error: of the client, or of the network.
        doing: what was done, as in `while searching`.
        url: of the server, without user and password.
    """
    from elasticsearch import (  # noqa: PLC0415 - the client is loaded where it is used
        ConnectionTimeout,
        SerializationError,
        SSLError,
    )

    from relevance.engines.elasticsearch.transport import UnboundedAnswerError  # noqa: PLC0415 - the same

    if isinstance(error, UnboundedAnswerError):
        return f"{error.message} while {doing}; is a proxy in between?"
    if isinstance(error, ConnectionTimeout):
        return f"{in_time(error)} while {doing} (--es-timeout)"
    if isinstance(error, SSLError) and not cut_off(error):
        return _untrusted(error, doing, url)
    if isinstance(error, SerializationError):
        return _unreadable(error, doing)
    return _unreached(error, doing)


def _unreached(error: Exception, doing: str) -> str:
    """The words for a connection that could not be made, or broke."""
    names = _names(error)
    if "ConnectionRefusedError" in names:
        return f"connection refused while {doing}; is it running, and is the port right?"
    if names & _NO_NAME:
        return f"no such host while {doing}; is the name right?"
    if names & _NO_HTTP:
        return f"what answers while {doing} does not speak HTTP; is the port right?"
    if names & _HUNG_UP:
        return f"connection lost while {doing}; is it still running?"
    reason = next((one.strerror for one in causes(error) if isinstance(one, OSError) and one.strerror), "")
    return f"no connection while {doing} ({one_line(reason or str(error)) or type(error).__name__})"


def _unreadable(error: Exception, doing: str) -> str:
    """The words for what is no JSON; the client's own show all of it."""
    if not str(error).startswith("Unable to serialize"):
        return f"an answer that is not JSON while {doing}; is a proxy in between?"
    reason = one_line(" ".join(str(one) for one in causes(error) if one is not error)) or "of no JSON type"
    return f"what should be sent while {doing} cannot be written as JSON ({reason})"


def _untrusted(error: Exception, doing: str, url: str) -> str:
    """The words for a TLS handshake that failed; neither certificate nor fingerprint is shown."""
    text = _texts(error)
    if "WRONG_VERSION_NUMBER" in text or "record layer failure" in text.lower():
        return f"it does not speak https; allowed: {url.replace('https://', 'http://', 1)}"
    if "Fingerprints did not match" in text:
        return "its certificate has another fingerprint than ES_FINGERPRINT says"
    reasons = [found[1] or found[2] for one in causes(error) if (found := _REASON.search(str(one)))]
    if not reasons:
        return f"no TLS connection while {doing} ({one_line(str([*causes(error)][-1]))})"
    how = "set ES_CA_CERTS to the file of its CA, or ES_FINGERPRINT"
    return f"its certificate is not trusted ({one_line(reasons[-1])}); {how}"
