"""The reference's way of asking, written down to be compared with ours.

One request at a time, each hit with its whole `_source`, vectors included, hits put into data frames; a fused strategy
asks for one list after the other and merges their frames. Kinder to it than it was to itself: only ids and scores enter
the frames, numbers in `_source` are as short as ours, and its fusion is the true one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

import pandas as pd

from relevance.runner import HITS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elasticsearch import Elasticsearch

    from relevance.engines import QueryBatch
    from relevance.strategies import Leg, Strategy

TEXT_PATHS = {
    "title": "product_title",
    "description": "product_description",
    "attributes": "product_attributes.name_value",
}


def text_clause(name: str, boost: float, text: str) -> dict[str, Any]:
    """A match with its boost."""
    clause = {"match": {TEXT_PATHS[name]: {"query": text, "boost": boost}}}
    return {"nested": {"path": "product_attributes", "query": clause}} if name == "attributes" else clause


@dataclass(frozen=True)
class ReferenceWay:
    """Asks an index as the reference does.

    Attributes:
        client: as the library makes it, without any option.
        index: its name; the vectors are in its `_source`.
    """

    client: Elasticsearch
    index: str

    def run(self, strategy: Strategy, batch: QueryBatch) -> pd.DataFrame:
        """Columns `query` (row of the batch), `product_uid`, `score`, `rank`: the first hits of every query."""
        vectors: Sequence[list[float]] = (
            batch.vectors[strategy.model].tolist() if strategy.embeds else [[]] * len(batch)
        )
        frames = []
        for query, (text, vector) in enumerate(zip(batch.texts, vectors, strict=True)):
            if strategy.combine == "rrf":
                frame = self._fused(strategy, text, vector)
            else:
                frame = self._hits(strategy.legs()[0], text, vector, size=HITS)
            frame["query"] = query
            frames.append(frame)
        return pd.concat(frames, ignore_index=True)

    def _hits(self, leg: Leg, text: str, vector: Sequence[float], *, size: int) -> pd.DataFrame:
        body: dict[str, Any] = {"size": size}
        if leg.text:
            body["query"] = {"bool": {"should": [text_clause(name, boost, text) for name, boost in leg.text]}}
        if leg.vectors:
            counts = {"k": leg.candidates, "num_candidates": leg.candidates}
            body["knn"] = [
                {"field": f"{name}_vector", "query_vector": vector, "boost": boost, **counts}
                for name, boost in leg.vectors
            ]
        found = self.client.search(index=self.index, body=body)["hits"]["hits"]
        frame = pd.DataFrame(
            {
                "product_uid": [hit["_source"]["product_uid"] for hit in found],
                "score": [hit["_score"] for hit in found],
            }
        )
        frame["rank"] = frame["score"].rank(ascending=False, method="first")
        return frame

    def _fused(self, strategy: Strategy, text: str, vector: Sequence[float]) -> pd.DataFrame:
        """Merge the lists and add up 1 / (k + rank)."""
        lists = [
            self._hits(leg, text, vector, size=strategy.window)[["product_uid", "rank"]].rename(
                columns={"rank": f"rank_{number}"}
            )
            for number, leg in enumerate(strategy.legs())
        ]
        merged = reduce(lambda left, right: left.merge(right, how="outer", on="product_uid"), lists)
        ranks = [f"rank_{number}" for number in range(len(lists))]
        merged["score"] = sum((1 / (strategy.k + merged[rank])).fillna(0) for rank in ranks)
        best = merged.sort_values("score", ascending=False).head(HITS)
        best["rank"] = best["score"].rank(ascending=False, method="first")
        return best[["product_uid", "score", "rank"]].reset_index(drop=True)
