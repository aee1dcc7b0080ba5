"""What an index holds now: documents, segments, writes; and how it becomes one segment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from relevance.errors import CouldNotRunError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from relevance.engines.elasticsearch.client import Connection
    from relevance.engines.elasticsearch.settings import VectorIndex
    from relevance.records import Vectors

__all__ = ["IndexState", "count", "merge", "merge_seconds", "refresh", "state_of"]

_BYTES_A_SECOND = 40e6  # seen on 2 cores of a server without vector instructions, as the next
_VECTORS_A_SECOND: Mapping[VectorIndex, float] = {"hnsw": 2_000, "int8_hnsw": 2_000}
_PRODUCT_BYTES, _NUMBER_BYTES, _NUMBER_TEXT_BYTES = 1_000, 4, 10
_WITH_TEXTS = 8
"""A release that, to repair a copy of a shard, keeps vectors a second time for a while, as the text they came in."""
_CHEAP_S = 60.0


@dataclass(frozen=True)
class IndexState:
    """An index as its server sees it.

    Attributes:
        uuid: another one under the same name is another index.
        shards: primaries that are there.
        segments: of the copy of a shard that has most.
        operations: writes so far, those that replaced or deleted something too.
    """

    uuid: str
    shards: int
    segments: int
    operations: int


def state_of(server: Connection, index: str) -> IndexState:
    """Ask for the state of an index.

    Raises:
        RelevanceError: it is not there, or the server failed.
    """

    def ask() -> Mapping[str, Any]:
        answer: Mapping[str, Any] = server.client.indices.stats(
            index=index, metric=["docs", "segments"], level="shards"
        ).body
        return answer

    found = server.ask(ask, doing="looking at the index").get("indices", {}).get(index, {})
    copies = [copy for shard in found.get("shards", {}).values() for copy in shard]
    primaries = [copy for copy in copies if copy["routing"]["primary"]]
    return IndexState(
        uuid=str(found.get("uuid", "")),
        shards=len(primaries),
        segments=max((copy.get("segments", {}).get("count", 0) for copy in copies), default=0),
        operations=sum(copy.get("seq_no", {}).get("max_seq_no", -1) + 1 for copy in primaries),
    )


def refresh(server: Connection, index: str) -> None:
    """Make all that was written visible.

    Raises:
        RelevanceError: it did not go well on every shard.
    """
    answer = server.ask(lambda: server.client.indices.refresh(index=index), doing="refreshing the index")
    _refuse_failed(server, answer.body, "refreshing")


def count(server: Connection, index: str) -> int:
    """How many products an index holds.

    Raises:
        RelevanceError: a shard did not answer.
    """
    answer = server.ask(lambda: server.client.count(index=index), doing="counting the products")
    _refuse_failed(server, answer.body, "counting")
    return int(answer["count"])


def merge_seconds(products: int, vectors: Iterable[Vectors], kind: VectorIndex, *, release: int) -> float:
    """About how long it takes to merge an index to one segment; a graph of vectors is made anew."""
    found = list(vectors)
    number = _NUMBER_BYTES if release > _WITH_TEXTS else _NUMBER_BYTES + _NUMBER_TEXT_BYTES
    size = products * _PRODUCT_BYTES + sum(number * each.matrix.shape[1] * len(each.rows) for each in found)
    graph = sum(len(each.rows) for each in found) / _VECTORS_A_SECOND[kind] if kind != "flat" else 0.0
    return float(size / _BYTES_A_SECOND + graph)


def merge(server: Connection, index: str, seconds: float) -> None:
    """Merge to one segment a shard, where that is cheap; searches see it after the next refresh.

    Args:
        server: of the index.
        index: its name.
        seconds: that it will take about.

    Raises:
        RelevanceError: it did not go well on every shard.
    """
    if seconds > _CHEAP_S:
        return
    client = server.client.options(request_timeout=server.timeout + 10 * seconds)
    answer = server.ask(lambda: client.indices.forcemerge(index=index, max_num_segments=1), doing="merging the index")
    _refuse_failed(server, answer.body, "merging")


def _refuse_failed(server: Connection, answer: Mapping[str, Any], what: str) -> None:
    shards = answer.get("_shards", {})
    if shards.get("failed"):
        problem = f"{shards['failed']} of {shards.get('total')} shards failed"
        raise CouldNotRunError(f"elasticsearch at {server.url}: {problem} ({what})")
