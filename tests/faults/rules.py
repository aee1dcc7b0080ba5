"""Rules of the proxy: which requests are refused, lost or altered, and at which of them something happens."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from faults.proxy import DROPPED, Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from faults.proxy import Forward, Reply, Request, Rule


def _error(status: int, kind: str, reason: str) -> Answer:
    cause = {"type": kind, "reason": reason}
    return Answer(status, json.dumps({"error": {"root_cause": [cause], **cause}, "status": status}).encode())


_REASONS = {
    401: ("security_exception", "unable to authenticate user [someone] for REST request [/]"),
    403: ("security_exception", "action [indices:admin/create] is unauthorized for user [someone]"),
    429: ("es_rejected_execution_exception", "rejected execution of coordinating operation"),
    503: ("no_shard_available_action_exception", "No shard available for the request"),
}


def refused(status: int, *, method: str = "", kind: str | None = None) -> Rule:
    """All requests (of a method, of a kind) are answered by an error of the server's."""
    return lambda request, forward: (
        _error(status, *_REASONS[status])
        if method in ("", request.method) and kind in (None, request.kind)
        else forward(request)
    )


def says(status: int, body: bytes | Mapping[str, object], headers: Mapping[str, str]) -> Rule:
    """Every request gets the same answer, that of another server."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda *_: Answer(status, content, tuple(headers.items()))


def before(kind: str, number: int, happens: Callable[[], object]) -> Rule:
    """Something happens before the n-th request of a kind goes to the server, once."""

    def rule(request: Request, forward: Forward) -> Reply:
        if request.kind == kind and request.number == number:
            happens()
        return forward(request)

    return rule


def share(*statuses: int, every: int, kinds: tuple[str, ...]) -> Rule:
    """Each n-th request of some kinds is refused, from the first on, by each status in turn."""

    def rule(request: Request, forward: Forward) -> Reply:
        turn, rest = divmod(request.number - 1, every)
        if request.kind not in kinds or rest:
            return forward(request)
        status = statuses[turn % len(statuses)]
        return _error(status, *_REASONS[status])

    return rule


def lost_answer(kind: str, number: int) -> Rule:
    """The server does what the n-th request of a kind asks for, and its answer never arrives."""

    def rule(request: Request, forward: Forward) -> Reply:
        answer = forward(request)
        return DROPPED if request.kind == kind and request.number == number else answer

    return rule


def refused_item(number: int, at: int, reason: str) -> Rule:
    """The n-th `_bulk` is answered as if the server had refused one of its documents."""

    def rule(request: Request, forward: Forward) -> Reply:
        answer = forward(request)
        if request.kind != "_bulk" or request.number != number:
            return answer
        told = json.loads(answer.body)
        (action,) = told["items"][at]
        error = {"type": "document_parsing_exception", "reason": reason}
        told["items"][at] = {action: {"status": 400, "error": error}}
        return Answer(answer.status, json.dumps({**told, "errors": True}).encode(), answer.headers)

    return rule
