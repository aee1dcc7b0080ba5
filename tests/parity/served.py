"""Cases on a real server through our Elasticsearch engine, in every layout of an index."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from relevance.engines.elasticsearch import index as indexing
from relevance.engines.elasticsearch.client import connect
from relevance.engines.elasticsearch.engine import ElasticsearchEngine
from relevance.engines.elasticsearch.mapping import SearchedIndex, index_body, own_paths
from relevance.engines.elasticsearch.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from elasticsearch import Elasticsearch

    from parity.catalogues import Case
    from parity.server import ReferenceServer
    from relevance.engines.elasticsearch.client import Connection
    from relevance.engines.elasticsearch.settings import VectorIndex

PIECES = 7
"""Fewer segments than the server begins to merge by itself."""

DOCUMENTS_A_REQUEST = 500
TIMEOUT_S = 300


@dataclass(frozen=True)
class Layout:
    """How an index lies on the server.

    Attributes:
        vectors: kind of the vectors' index.
        shards: primary ones.
        merged: whether each shard is one segment, as `indexing.index` makes it; else each has several.
    """

    vectors: VectorIndex = "flat"
    shards: int = 1
    merged: bool = True

    @property
    def columns(self) -> dict[str, str]:
        """What a report shows."""
        return {"vectors": self.vectors, "shards": str(self.shards), "segments": "one" if self.merged else "many"}

    def __str__(self) -> str:
        shards = "1-shard" if self.shards == 1 else f"{self.shards}-shards"
        return "-".join([self.vectors, shards, "merged" if self.merged else "many-segments"])


ONE_SEGMENT = Layout()
LAYOUTS = (ONE_SEGMENT, Layout(merged=False), Layout(shards=3), Layout(shards=3, merged=False))


def make_in_pieces(connection: Connection, name: str, case: Case, layout: Layout) -> SearchedIndex:
    """Index a case with several segments a shard: neighbours by id in different ones, the higher ids first."""
    vectors = {("base", key): each for key, each in case.vectors.items()}
    paths = own_paths(vectors)
    dimensions = {key: each.matrix.shape[1] for key, each in vectors.items()}
    client = connection.client
    body = index_body(paths, dimensions, Settings(shards=layout.shards, vector_index=layout.vectors))
    client.indices.create(index=name, settings=body["settings"], mappings=body["mappings"])
    actions = list(indexing.actions(case.catalogue, vectors, paths))[::-1]
    for piece in range(PIECES):
        send_bulk(client, name, actions[piece::PIECES])
        client.indices.refresh(index=name)
    return SearchedIndex(name=name, paths=paths, shards=layout.shards)


def send_bulk(client: Elasticsearch, name: str, actions: Iterable[indexing.Action]) -> None:
    """Send documents as they are made; a refused one is an error."""
    lines = (action.lines for action in actions)
    while part := list(islice(lines, DOCUMENTS_A_REQUEST)):
        answer = client.bulk(index=name, operations=part, filter_path="errors,items.*.error")
        if answer["errors"]:
            raise AssertionError(f"the server refused a product: {answer['items'][0]}")


@dataclass
class Shelf:
    """The cases that a server holds; each is indexed when it is first asked for, and deleted in the end.

    Attributes:
        server: that holds them.
        case: makes a case, the same each time.
        indices: by case and layout.
    """

    server: ReferenceServer
    case: Callable[[str], Case]
    indices: dict[tuple[str, Layout], SearchedIndex] = field(default_factory=dict)
    _engines: dict[tuple[str, Layout], ElasticsearchEngine] = field(default_factory=dict)

    def engine(self, name: str, layout: Layout, *, mapping: Path | None = None) -> ElasticsearchEngine:
        """The engine over a case; `mapping` is the user's own, when it is made."""
        key = (name, layout)
        if key not in self._engines:
            connection = connect(Settings(self.server.url, timeout=TIMEOUT_S))
            self._engines[key] = self._made(connection, key, mapping)
        return self._engines[key]

    def _made(self, connection: Connection, key: tuple[str, Layout], mapping: Path | None) -> ElasticsearchEngine:
        name, layout = key
        case = self.case(name)
        if not layout.merged:
            in_pieces = f"pieces-{name.replace(' ', '-')}-{layout}"
            self.indices[key] = make_in_pieces(connection, in_pieces, case, layout)
            return ElasticsearchEngine(connection, self.indices[key], case.catalogue, on_close=lambda: None)
        index = indexing.make(
            connection,
            case.catalogue,
            vectors={("base", vectors): each for vectors, each in case.vectors.items()},
            settings=Settings(shards=layout.shards, vector_index=layout.vectors, mapping=mapping),
            progress=False,
        )
        self.indices[key] = index
        remove = partial(indexing.remove, connection, index.name)
        return ElasticsearchEngine(connection, index, case.catalogue, on_close=remove)

    def segments(self, name: str, layout: Layout) -> int:
        """How many segments the fullest shard of an index has."""
        index = self.indices[name, layout].name
        shards = self.server.client.indices.segments(index=index)["indices"][index]["shards"]
        return max(len(copy["segments"]) for copies in shards.values() for copy in copies)

    def close(self) -> list[str]:
        """Close all engines; what they left on the server."""
        for engine in self._engines.values():
            engine.close()
        return [note for engine in self._engines.values() for note in engine.notes()]
