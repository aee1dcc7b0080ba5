"""The ids of all products of an index that exists, page by page, as one moment has them."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from relevance.datasets.tables import ID_RULE, is_id
from relevance.engines.elasticsearch.failures import RetryPolicy
from relevance.engines.elasticsearch.fieldmap import some
from relevance.errors import CouldNotRunError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from relevance.engines.elasticsearch.client import Connection

__all__ = ["count", "product_ids"]

_KEEP = "5m"
"""How long the server keeps the moment between two pages; it is let go at the end."""
_FORBIDDEN = 403
_DOING = "reading the ids of the products"


def product_ids(connection: Connection, index: str, path: str, *, page: int) -> tuple[tuple[str, ...], int]:
    """The ids of an index, ascending as text, and how many documents have none.

    Args:
        connection: to its cluster.
        index: its name, or an alias.
        path: the keyword field that holds the id.
        page: how many documents are asked for at once.

    Raises:
        InputError: no document has an id, one has several, several have the same, or one is not what an id may be.
        CouldNotRunError: the server fails, or the index changes while it is read and there is no moment to hold it.
    """
    ids: list[str] = []
    with _moment(connection, index) as moment:
        for hits in _pages(connection, moment, path, page):
            for hit in hits:
                values = hit["fields"][path]
                if len(values) > 1:
                    raise _fault(index, path, f"a document has {len(values)} ids, {some(values)}", "one a document")
                ids += values
    exists = {"exists": {"field": path}}
    if "pit" not in moment and (counted := count(connection, index, exists, retry_policy=RetryPolicy())) != len(ids):
        read = f"{counted:,} documents have a {path!r}, and {len(ids):,} different ones were read"
        raise CouldNotRunError(f"index {index!r}: {read}; two have the same, or the index changed meanwhile")
    _check(index, path, ids)
    return tuple(ids), count(connection, index, {"bool": {"must_not": exists}}, retry_policy=RetryPolicy())


def _check(index: str, path: str, ids: list[str]) -> None:
    if not ids:
        raise _fault(index, path, "no document has a value", "the field of the products' ids")
    if twice := list(dict.fromkeys(left for left, right in pairwise(ids) if left == right)):
        raise _fault(index, path, f"more than one document has the id {some(twice)}", "an id once")
    if wrong := [one for one in ids if not is_id(one)]:
        raise _fault(index, path, f"found {some(wrong)}", ID_RULE)


def _fault(index: str, path: str, problem: str, allowed: str) -> InputError:
    return InputError(f"index {index!r}, field {path!r}: {problem}; allowed: {allowed}")


@contextmanager
def _moment(connection: Connection, index: str) -> Iterator[dict[str, Any]]:
    """What a search names to see one moment of the index; only the index where the user may not have that."""
    from elasticsearch import ApiError, TransportError  # noqa: PLC0415 - the client is loaded where it is used

    client = connection.client

    def opened() -> dict[str, Any]:
        try:
            return {"pit": {"id": client.open_point_in_time(index=index, keep_alive=_KEEP)["id"], "keep_alive": _KEEP}}
        except ApiError as error:
            if error.status_code == _FORBIDDEN:
                return {"index": index}
            raise

    moment = RetryPolicy().run(opened, doing=_DOING, url=connection.url)
    try:
        yield moment
    finally:
        if "pit" in moment:
            with suppress(ApiError, TransportError):  # the server lets go of it by itself after a while
                client.close_point_in_time(id=moment["pit"]["id"])


def _pages(connection: Connection, moment: dict[str, Any], path: str, page: int) -> Iterator[list[dict[str, Any]]]:
    """The documents that have an id, ascending by it; each with `fields` and `sort`."""
    search: dict[str, Any] = {
        "query": {"exists": {"field": path}},
        "sort": [{path: "asc"}],
        "size": page,
        "stored_fields": "_none_",
        "docvalue_fields": [path],
        "track_total_hits": False,
        "allow_partial_search_results": False,
        "filter_path": ("pit_id", "timed_out", "hits.hits.fields", "hits.hits.sort"),
    }
    full = True
    while full:
        call = partial(connection.client.search, **moment, **search)
        answer = RetryPolicy().run(call, doing=_DOING, url=connection.url)
        if answer["timed_out"]:
            raise CouldNotRunError(f"elasticsearch at {connection.url}: out of time (while {_DOING})")
        hits = answer.get("hits", {}).get("hits", [])
        yield hits
        full = len(hits) == page
        if full:
            search["search_after"] = hits[-1]["sort"]
        if "pit_id" in answer:
            moment["pit"]["id"] = answer["pit_id"]


def count(
    connection: Connection, index: str, query: Mapping[str, Any] | None = None, *, retry_policy: RetryPolicy
) -> int:
    """How many documents of an index match; all of them without a query.

    Raises:
        CouldNotRunError: the server fails, or a part of the index does not answer.
    """
    call = partial(connection.client.count, index=index, query=query)
    answer = retry_policy.run(call, doing=f"counting the documents of index {index!r}", url=connection.url)
    if failed := answer["_shards"]["failed"]:
        raise CouldNotRunError(f"elasticsearch at {connection.url}: shards of index {index!r} do not answer ({failed})")
    return int(answer["count"])
