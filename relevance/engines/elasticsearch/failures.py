"""What a server or the way to it does wrong, as one line; and how often what passes is tried again."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from relevance.engines.elasticsearch.network import broken, cut_off, in_time, unanswered
from relevance.engines.elasticsearch.refusals import Refusal, one_line, refusal
from relevance.errors import CouldNotRunError, InputError, RelevanceError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Refusal", "RetriableError", "RetryPolicy", "explained", "refusal", "refused"]

T = TypeVar("T")

_BAD_REQUEST = 400
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 8.0


class RetriableError(Exception):
    """A part of an answer, an item of `_bulk` or `_msearch`, that may go well the next time.

    Attributes:
        refusal: what the server said of it.
    """

    def __init__(self, status: int, reason: str, kind: str = "") -> None:
        super().__init__(f"{status} {kind or reason}")
        self.refusal = Refusal(status, kind, one_line(reason))


def refused(what: Refusal, *, doing: str, url: str, given: str = "") -> RelevanceError:
    """The error for what a server refused; for an item of an answer as for the whole.

    Args:
        what: that it said.
        doing: what was done, as in `while searching`.
        url: of the server, without user and password.
        given: the user's file or strategy that the server was sent; where it is bad (400), that is bad input.
    """
    if given and what.status == _BAD_REQUEST:
        return InputError(f"{given}: elasticsearch at {url} refuses it: {what.said}")
    return CouldNotRunError(f"elasticsearch at {url}: {what.words} (while {doing})")


def explained(error: Exception, *, doing: str, url: str, given: str = "") -> RelevanceError:
    """Whatever the client raises, as one line.

    Args:
        error: of the client, or of the network.
        doing: what was done, as in `while searching`.
        url: of the server, without user and password.
        given: the user's file or strategy that the server was sent; where it is bad (400), that is bad input.
    """
    from elasticsearch import ApiError, UnsupportedProductError  # noqa: PLC0415 - the client is loaded where it is used

    if isinstance(error, RelevanceError):
        return error
    if isinstance(error, UnsupportedProductError):
        return CouldNotRunError(f"elasticsearch at {url}: what answered while {doing} is no Elasticsearch")
    if isinstance(error, RetriableError):
        return refused(error.refusal, doing=doing, url=url, given=given)
    if isinstance(error, ApiError):
        return refused(refusal(error.status_code, error.body), doing=doing, url=url, given=given)
    return CouldNotRunError(f"elasticsearch at {url}: {unanswered(error, doing=doing, url=url)}")


def _ignore(_: str) -> None:
    """Nobody counts."""


def _unknown() -> None:
    """Nobody knows more of the server than its answers."""


@dataclass(frozen=True)
class RetryPolicy:
    """Tries again what may pass: 429, 502, 503, 504 and lost connections, after 0.5, 1, 2, 4, 8, 8, … seconds.

    A server that does not answer in time is asked once more and no oftener: a frozen one costs two time-outs.

    Attributes:
        seconds: from the first failure until it is given up.
        unreachable_s: the same, for a server that is not reached; where shorter.
        ended: asked when a server is not reached: the error, where it is known to have ended for good.
        sleep: waits so many seconds.
        clock: seconds.
    """

    seconds: float = 60.0
    unreachable_s: float = math.inf
    ended: Callable[[], RelevanceError | None] = _unknown
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def run(self, call: Callable[[], T], *, doing: str, url: str, retried: Callable[[str], None] = _ignore) -> T:
        """Call until it goes well.

        Args:
            call: may be called several times; an error of ours that it raises is final.
            doing: what it does, as in `while searching`.
            url: of the server, without user and password.
            retried: is told why, before each new try; in the caller's thread.

        Raises:
            RelevanceError: what `explained` makes of the last error, which is its cause; or the one of `ended`.
        """
        wait, since, was_slow = _FIRST_WAIT, math.inf, False
        while True:
            try:
                return call()
            except Exception as error:
                if not _is_clients(error):
                    raise
                now = self.clock()
                since = min(since, now)
                passing = _passing(error)
                if passing is not None and passing.lost and (end := self.ended()) is not None:
                    raise end from None
                left = 0.0 if passing is None else self._left(passing, since - now, was_slow=was_slow)
                if passing is None or left <= 0:
                    raise explained(error, doing=doing, url=url) from error
                was_slow |= passing.slow
                retried(passing.why)
            self.sleep(min(wait, left))
            wait = min(2 * wait, _LONGEST_WAIT)

    def _left(self, passing: _Passing, gone: float, *, was_slow: bool) -> float:
        """Seconds that are left; `gone`, at most 0, are those since the first failure."""
        if passing.slow:
            return 0.0 if was_slow else math.inf
        return gone + (min(self.seconds, self.unreachable_s) if passing.lost else self.seconds)


@dataclass(frozen=True)
class _Passing:
    """Why it is worth another try."""

    why: str
    lost: bool = False
    slow: bool = False


def _is_clients(error: Exception) -> bool:
    from elasticsearch import ApiError, TransportError  # noqa: PLC0415 - the client is loaded where it is used

    return isinstance(error, (ApiError, TransportError, RetriableError, ConnectionError, TimeoutError))


def _passing(error: Exception) -> _Passing | None:
    """Why it is worth another try, or None."""
    from elasticsearch import ApiError, ConnectionTimeout, SSLError  # noqa: PLC0415 - the same
    from elasticsearch import ConnectionError as NoConnection  # noqa: PLC0415 - the same

    if isinstance(error, RetriableError):
        return _Passing(str(error))
    if isinstance(error, ApiError):
        what = refusal(error.status_code, error.body)
        return _Passing(f"{what.status} {what.kind}".strip()) if what.passes else None
    if isinstance(error, ConnectionTimeout):
        return _Passing(in_time(error), slow=True)
    if isinstance(error, SSLError):
        return _Passing("connection lost", lost=True) if cut_off(error) else None
    if isinstance(error, (NoConnection, ConnectionError)):
        return _Passing("connection lost" if broken(error) else "not reached", lost=True)
    return None
