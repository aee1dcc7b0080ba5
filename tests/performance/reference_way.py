"""The reference's way of asking, written down to be compared with ours.

One request at a time, each hit with its whole `_source`, vectors included, hits put into data frames; a fused strategy
asks for one list after the other and merges their frames. Kinder to it than it was to itself: only ids and scores enter
the frames, numbers in `_source` are as short as ours, and its fusion is the true one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import pandas as pd
from elasticsearch import Elasticsearch

from relevance.engines import QueryBatch
from relevance.records import HITS
from relevance.strategies import Leg, Strategy

TEXT_PATHS = {
    "title": "product_title",
    "description": "product_description",
    "attributes": "product_attributes.name_value",
}


def text_clause(name: str, boost: float, text: str) -> dict[str, Any]:
    clause = {"match": {TEXT_PATHS[name]: {"query": text, "boost": boost}}}
    return {"nested": {"path": "product_attributes", "query": clause}} if name == "attributes" else clause


def with_ranks(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(rank=frame["score"].rank(ascending=False, method="first"))


@dataclass(frozen=True)
class ReferenceWay:
    client: Elasticsearch  # as the library makes it, without any option
    index: str  # the vectors are in its `_source`

    def run(self, strategy: Strategy, batch: QueryBatch) -> pd.DataFrame:
        """Columns `query` (row of the batch), `product_uid`, `score`, `rank`: the first hits of every query."""
        vectors = batch.vectors[strategy.model].tolist() if strategy.embeds else [[]] * len(batch)
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
        ids, scores = [hit["_source"]["product_uid"] for hit in found], [hit["_score"] for hit in found]
        return with_ranks(pd.DataFrame({"product_uid": ids, "score": scores}))

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
        best = with_ranks(merged.sort_values("score", ascending=False).head(HITS))
        return best[["product_uid", "score", "rank"]].reset_index(drop=True)
