"""An index is made under a name of our own, and removed again; nobody else's is ever touched."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from relevance.engines.elasticsearch.failures import explained, one_line
from relevance.engines.elasticsearch.marks import PATTERN, Mark
from relevance.errors import CouldNotRunError, RelevanceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from elastic_transport import ObjectApiResponse

    from relevance.engines.elasticsearch.client import Connection

__all__ = ["NameTakenError", "make", "remove"]

_SHARDS_S = 30.0
_REMOVE_S, _REMOVE_RETRY_S = 10.0, 2.0
_AGAIN_S = (0.3, 0.7, 1.5)
_REASON = 200
_DECIDES = (
    "analysis.analyzer.default.",
    "analysis.analyzer.default_search.",
    "analysis.analyzer.standard.",
    "blocks.",
    "mapping.source.",
    "mode",
    "similarity.BM25.",
    "similarity.default.",
    "sort.",
)
"""Settings that change results; other ones that a template of the cluster adds do no harm."""


class NameTakenError(Exception):
    """Somebody else has an index of that name."""


def make(server: Connection, body: Mapping[str, Any], mark: Mark, *, given: str = "") -> str:
    """Make an index; its uuid.

    Args:
        server: where.
        body: settings and mappings, see `index_body`.
        mark: what it says of itself, and its name.
        given: the file that was laid over ours.

    Raises:
        NameTakenError: there is one of that name already.
        InputError: the server refuses the settings or mappings of the user's file.
        CouldNotRunError: it cannot be made, no node takes its shards, or the cluster adds to it what decides ranking.
    """
    seconds = max(1, round(min(_SHARDS_S, server.timeout / 2)))
    mappings = {**body["mappings"], "_meta": mark.as_meta()}

    def create() -> ObjectApiResponse[Any] | None:
        from elasticsearch import BadRequestError  # noqa: PLC0415 - the client is loaded where it is used

        try:
            return server.client.indices.create(
                index=mark.name, settings=body["settings"], mappings=mappings, timeout=f"{seconds}s"
            )
        except BadRequestError as error:
            if error.error == "resource_already_exists_exception":
                if _is_there(server, mark.name, mark.token):
                    return None  # it was made, only the answer was lost
                raise NameTakenError from None
            raise explained(error, doing=f"making index {mark.name}", url=server.url, sent=given) from error

    answer = server.ask(create, doing=f"making index {mark.name}")
    if answer is not None and not answer.get("shards_acknowledged", True):
        reason = _why_unassigned(server, mark.name)
        problem = f"no node takes the shards of index {mark.name} within {seconds} s"
        raise CouldNotRunError(f"elasticsearch at {server.url}: {problem}{reason}")
    return _checked(server, body, mark.name)


def remove(connection: Connection, name: str, token: str, *, settled: bool) -> str | None:
    """Remove an index that was made with a token, or half made; None, or a line that it may still be there.

    Args:
        connection: to its server.
        name: of the index; one that does not end with the token is asked for it, somebody else may have made it.
        token: of the run that made it.
        settled: whether nothing is on its way to it; a request that was interrupted may make it anew, so that it is
            looked at again.
    """
    server = connection.hurried(_REMOVE_S, _REMOVE_RETRY_S)
    drop = partial(server.client.indices.delete, index=name, ignore_unavailable=True)
    try:
        for pause in _AGAIN_S:
            if _is_there(server, name, token):
                server.ask(drop, doing="removing the index")
            if settled:
                return None
            time.sleep(pause)
            if not _is_there(server, name, token):
                return None
    except RelevanceError as error:
        return _still_there(connection.url, name, str(error).removeprefix(f"elasticsearch at {connection.url}: "))
    return _still_there(connection.url, name, "it was made anew")


def _is_there(server: Connection, name: str, token: str) -> bool:
    """Whether there is an index of that name, and a run with that token has made it."""
    if name.endswith(token):
        found = server.ask(partial(server.client.indices.exists, index=name), doing="looking for the index")
        return bool(found)
    look = partial(server.client.indices.get_mapping, index=name, ignore_unavailable=True)
    mark = Mark.read(name, server.ask(look, doing="looking for the index").get(name, {}).get("mappings"))
    return mark is not None and mark.token == token


def _still_there(url: str, name: str, why: str) -> str:
    """The line that says what is left."""
    return f"index {name} may still be on {url} ({why}); to remove it: relevance clean --es-url {url}"


def _checked(server: Connection, body: Mapping[str, Any], name: str) -> str:
    """The uuid of an index that is as it was asked for."""
    found = server.ask(
        lambda: server.client.indices.get(index=name, flat_settings=True), doing="looking at the index"
    ).get(name, {"settings": {}})["settings"]
    for setting in sorted(found):
        short = setting.removeprefix("index.")
        if short.startswith(_DECIDES) and short not in body["settings"]:
            problem = f"a template of the cluster gives index {name} the setting {short}, which would change results"
            raise CouldNotRunError(f"elasticsearch at {server.url}: {problem}; keep {PATTERN} out of that template")
    return str(found.get("index.uuid", ""))


def _why_unassigned(server: Connection, name: str) -> str:
    """The server's reason in a few words, where it may be asked for it."""
    from elasticsearch import ApiError, TransportError  # noqa: PLC0415 - the client is loaded where it is used

    try:
        answer = server.client.cluster.allocation_explain(index=name, shard=0, primary=True)
    except (ApiError, TransportError):
        return ""
    nodes = answer.get("node_allocation_decisions", [])
    told = [one["explanation"] for node in nodes for one in node.get("deciders", []) if one.get("decision") == "NO"]
    reason = told[0] if told else answer.get("allocate_explanation", "")
    return f": {one_line(reason, _REASON)}" if reason else ""
