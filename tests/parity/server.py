"""A real Elasticsearch node for the reference side of parity: started on a free port, stopped whatever happens."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from elasticsearch import Elasticsearch
from faults.node import running_node

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


HEAP = "1g"
ANALYZE_CHARACTERS = 500_000
ANALYZE_INDEX = "analysis"


def _chunks(texts: Sequence[str], characters: int) -> Iterator[Sequence[str]]:
    """Split into runs of up to so many characters, or of one text that is longer."""
    ends = np.cumsum([len(text) + 1 for text in texts])
    bounds = [0]
    while bounds[-1] < len(texts):
        start = bounds[-1]
        before = ends[start - 1] if start else 0
        bounds.append(max(start + 1, int(np.searchsorted(ends, before + characters, side="right"))))
    for start, end in pairwise(bounds):
        yield texts[start:end]


@contextmanager
def running_server(folder: Path, release: str) -> Iterator[ReferenceServer]:
    """Start a node of release "8" or "9" with the script in `folder`, else of an image; stopped whatever happens."""
    with (
        running_node(folder, release, heap=HEAP) as node,
        Elasticsearch(node.url, request_timeout=300, max_retries=0) as client,
    ):
        yield ReferenceServer(client, release, node.url)


@dataclass
class ReferenceServer:
    """A running node."""

    client: Elasticsearch
    release: str
    url: str
    _analysis_ready: bool = field(default=False, init=False)

    @property
    def version(self) -> str:
        """The node's full version."""
        return str(self.client.info()["version"]["number"])

    def analyze(self, texts: Sequence[str]) -> list[list[str]]:
        """Return the tokens of each text by the standard analyzer."""
        if not self._analysis_ready:
            # The default limit of 10,000 tokens a request would make batches small and the comparison slow.
            settings = {"index": {"analyze.max_token_count": 2 * ANALYZE_CHARACTERS, "number_of_replicas": 0}}
            self.client.indices.create(index=ANALYZE_INDEX, settings=settings)
            self._analysis_ready = True
        return [tokens for part in _chunks(texts, ANALYZE_CHARACTERS) for tokens in self._analyze_part(part)]

    def _analyze_part(self, texts: Sequence[str]) -> list[list[str]]:
        answer = self.client.indices.analyze(index=ANALYZE_INDEX, analyzer="standard", text=list(texts))
        # The texts share one axis of offsets, counted in UTF-16 units, with a gap of one between two of them.
        starts = np.cumsum([0, *(len(text.encode("utf-16-le")) // 2 + 1 for text in texts)])
        found: list[list[str]] = [[] for _ in texts]
        tokens = answer["tokens"]
        owners = np.searchsorted(starts, [token["start_offset"] for token in tokens], side="right") - 1
        for owner, token in zip(owners.tolist(), tokens, strict=True):
            found[owner].append(token["token"])
        return found
