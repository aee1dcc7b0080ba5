"""A real Elasticsearch to be compared with, and cases on it through our engine, in every layout of an index."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from elasticsearch.helpers import bulk
from faults.node import running_node

from parity.catalogues import Case
from relevance.engines.elasticsearch.client import Connection, connect
from relevance.engines.elasticsearch.engine import ElasticsearchEngine, open_engine
from relevance.engines.elasticsearch.index import actions
from relevance.engines.elasticsearch.mapping import SearchedIndex, index_body
from relevance.engines.elasticsearch.settings import Settings
from relevance.engines.mapping import own_paths
from relevance.fields import DEFAULT_FIELDS

TIMEOUT_S = 300
ANALYZE_CHARACTERS = 500_000
ANALYZE_INDEX = "analysis"


@dataclass
class ReferenceServer:
    connection: Connection
    release: str
    url: str
    _analyzes: bool = False

    @property
    def client(self) -> Any:
        return self.connection.client

    @property
    def version(self) -> str:
        return self.connection.version

    def segments(self, index: str) -> int:
        """Of the fullest shard."""
        shards = self.client.indices.segments(index=index)["indices"][index]["shards"]
        return max(len(copy["segments"]) for copies in shards.values() for copy in copies)

    def analyze(self, texts: Sequence[str]) -> list[list[str]]:
        """The tokens of each text by the standard analyzer."""
        if not self._analyzes:
            # the default limit of 10,000 tokens a request would make batches small and the comparison slow
            settings = {"index": {"analyze.max_token_count": 2 * ANALYZE_CHARACTERS, "number_of_replicas": 0}}
            self.client.indices.create(index=ANALYZE_INDEX, settings=settings)
            self._analyzes = True
        return [tokens for part in _chunks(texts) for tokens in self._analyze(part)]

    def _analyze(self, texts: Sequence[str]) -> list[list[str]]:
        kept = "tokens.token,tokens.start_offset"
        ask = self.client.indices.analyze
        tokens = ask(index=ANALYZE_INDEX, analyzer="standard", text=list(texts), filter_path=kept).get("tokens", [])
        # the texts share one axis of offsets, counted in UTF-16 units, with a gap of one between two of them
        starts = np.cumsum([0, *(len(text.encode("utf-16-le")) // 2 + 1 for text in texts)])
        found: list[list[str]] = [[] for _ in texts]
        owners = np.searchsorted(starts, [token["start_offset"] for token in tokens], side="right") - 1
        for owner, token in zip(owners.tolist(), tokens, strict=True):
            found[owner].append(token["token"])
        return found


def _chunks(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Runs of so many characters, or of one text that is longer."""
    ends = np.cumsum([0, *(len(text) + 1 for text in texts)])
    bounds = [0]
    while (start := bounds[-1]) < len(texts):
        within = int(np.searchsorted(ends, ends[start] + ANALYZE_CHARACTERS, side="right")) - 1
        bounds.append(max(start + 1, within))
    for start, end in pairwise(bounds):
        yield texts[start:end]


@contextmanager
def running_server(folder: Path, release: str) -> Iterator[ReferenceServer]:
    """A node of release "8" or "9", by the script in `folder`, else of an image; stopped whatever happens."""
    with running_node(folder, release, heap="1g") as node, connect(Settings(node.url, timeout=TIMEOUT_S)) as connection:
        yield ReferenceServer(connection, release, node.url)


# cases on it

PIECES = 7
"""Fewer segments than the server begins to merge by itself."""


@dataclass(frozen=True)
class Layout:
    vectors: Any = "flat"  # kind of the vectors' index
    shards: int = 1
    merged: bool = True  # each shard is one segment, as the engine makes it; else each has several

    @property
    def columns(self) -> dict[str, str]:
        return {"vectors": self.vectors, "shards": str(self.shards), "segments": "one" if self.merged else "many"}

    def __str__(self) -> str:
        shards = "1-shard" if self.shards == 1 else f"{self.shards}-shards"
        return "-".join([self.vectors, shards, "merged" if self.merged else "many-segments"])


ONE_SEGMENT = Layout()
LAYOUTS = (ONE_SEGMENT, Layout(merged=False), Layout(shards=3), Layout(shards=3, merged=False))


def send_bulk(client: Any, name: str, documents: Iterable[Any]) -> None:
    bulk(client, documents, index=name)


def make_in_pieces(connection: Connection, name: str, case: Case, settings: Settings) -> SearchedIndex:
    """With several segments a shard: neighbours by id in different ones, the higher ids first."""
    vectors = case.of_base
    paths = own_paths(vectors)
    body = index_body({key: each.matrix.shape[1] for key, each in vectors.items()}, settings)
    connection.client.indices.create(index=name, settings=body["settings"], mappings=body["mappings"])
    documents = list(actions(case.catalogue, vectors))[::-1]
    for piece in range(PIECES):
        send_bulk(connection.client, name, documents[piece::PIECES])
        connection.client.indices.refresh(index=name)
    return SearchedIndex(name=name, paths=paths, shards=settings.shards)


class Shelf:
    """The cases that a server holds; each is indexed when it is first asked for, and deleted in the end."""

    def __init__(self, server: ReferenceServer, case: Callable[[str], Case]) -> None:
        self.server, self.case = server, case
        self._engines: dict[tuple[str, Layout], ElasticsearchEngine] = {}
        self._stack = ExitStack()

    def engine(self, name: str, layout: Layout, *, mapping: Path | None = None) -> Any:
        """Over a case; `mapping` is the user's own, when it is made."""
        if (name, layout) not in self._engines:
            settings = Settings(
                self.server.url,
                timeout=TIMEOUT_S,
                shards=layout.shards,
                vector_index=layout.vectors,
                mapping=mapping,
            )
            self._engines[name, layout] = self._made(name, layout, settings)
        return self._engines[name, layout]

    def _made(self, name: str, layout: Layout, settings: Settings) -> Any:
        case = self.case(name)
        if layout.merged:
            indexer = self._stack.enter_context(open_engine(settings, progress=False))
            return indexer.index(case.catalogue, text_fields=DEFAULT_FIELDS.text, vectors=case.of_base, progress=False)
        connection = self._stack.enter_context(connect(settings))
        index = make_in_pieces(connection, f"pieces-{name.replace(' ', '-')}-{layout}", case, settings)
        return ElasticsearchEngine(connection, index, case.catalogue)

    def close(self) -> list[str]:
        """What is left on the server, in words."""
        self._stack.close()
        return [note for engine in self._engines.values() for note in engine.notes()]
