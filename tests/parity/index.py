"""The reference's index and queries on a real Elasticsearch node.

One shard sorted by product id and merged to one segment (so that ties are broken by product id), standard analyzer,
default BM25, nested attributes, exact (`flat`) cosine vectors; queries as the reference system builds them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from relevance.fields import attribute_texts
from relevance.records import NO_HIT, Catalogue, Ranking, Vectors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from elasticsearch import Elasticsearch

    from relevance.engines.base import QueryBatch
    from relevance.strategies import Leg

SEARCHES_A_REQUEST = 200
BULK_CHARACTERS = 8_000_000
TEXT_PATHS = {
    "title": "product_title",
    "description": "product_description",
    "attributes": "product_attributes.name_value",
}
KEPT = "responses.status,responses.error,responses.hits.hits._id,responses.hits.hits._score"
TEXT = {"type": "text", "analyzer": "standard"}


def create_index(
    client: Elasticsearch,
    name: str,
    catalogue: Catalogue,
    *,
    vectors: Mapping[str, Vectors],
    similarity: Mapping[str, Any] | None = None,
) -> None:
    """Index a catalogue under a new name (an old one would keep the statistics of what it held before).

    Args:
        client: of the node.
        name: of the index.
        catalogue: the products.
        vectors: per vector field.
        similarity: replaces the default BM25.
    """
    settings: dict[str, Any] = {"number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": "-1"}
    settings["sort.field"] = "product_uid"
    if similarity:
        settings["similarity"] = {"default": similarity}
    client.indices.create(index=name, settings={"index": settings}, mappings=_mappings(vectors))
    for part in chunks(_bulk_lines(catalogue, vectors), BULK_CHARACTERS):
        operations: Any = part  # the client's types know no text, the client does
        answer = client.bulk(index=name, operations=operations, filter_path="errors,items.*.error")
        if answer["errors"]:
            raise AssertionError(f"the reference refused a product: {answer['items'][0]}")
    client.indices.refresh(index=name)
    client.indices.forcemerge(index=name, max_num_segments=1)
    client.indices.refresh(index=name)


def chunks(texts: Sequence[str], characters: int) -> Iterator[Sequence[str]]:
    """Split into runs of up to so many characters, or of one text that is longer."""
    ends = np.cumsum([len(text) + 1 for text in texts])
    bounds = [0]
    while bounds[-1] < len(texts):
        start = bounds[-1]
        before = ends[start - 1] if start else 0
        bounds.append(max(start + 1, int(np.searchsorted(ends, before + characters, side="right"))))
    for start, end in pairwise(bounds):
        yield texts[start:end]


def _mappings(vectors: Mapping[str, Vectors]) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "product_uid": {"type": "keyword"},
        "product_title": TEXT,
        "product_description": TEXT,
        "product_attributes": {"type": "nested", "dynamic": "strict", "properties": {"name_value": TEXT}},
    }
    for name, embedded in vectors.items():
        properties[f"{name}_vector"] = {
            "type": "dense_vector",
            "dims": embedded.matrix.shape[1],
            "similarity": "cosine",
            "index_options": {"type": "flat"},
        }
    return {"dynamic": "strict", "_source": {"enabled": False}, "properties": properties}


def _bulk_lines(catalogue: Catalogue, vectors: Mapping[str, Vectors]) -> list[str]:
    """Return two lines a product, action and document; a text or a vector that is not there is left out."""
    texts, bounds = attribute_texts(catalogue), pairwise(catalogue.attribute_offsets.tolist())
    columns = (catalogue.products["title"], catalogue.products["description"], bounds)
    encoded = {name: [json.dumps(row) for row in vectors[name].matrix.tolist()] for name in vectors}
    lines = []
    for code, (title, description, (start, end)) in enumerate(zip(*columns, strict=True)):
        uid = catalogue.ids[code]
        document: dict[str, Any] = {"product_uid": uid}
        if title:
            document["product_title"] = title
        if description:
            document["product_description"] = description
        if end > start:
            document["product_attributes"] = [{"name_value": text} for text in texts[start:end]]
        line = json.dumps(document)[:-1]
        for name, embedded in vectors.items():
            if embedded.rows[code] >= 0:
                line += f', "{name}_vector": {encoded[name][embedded.rows[code]]}'
        lines.append(json.dumps({"index": {"_id": uid}}) + "\n" + line + "}")
    return lines


def text_clauses(leg: Leg, text: str) -> list[dict[str, Any]]:
    """Return the match clauses of a leg, each with its boost."""
    clauses: list[dict[str, Any]] = []
    for name, boost in leg.text:
        clause: dict[str, Any] = {"match": {TEXT_PATHS[name]: {"query": text, "boost": boost}}}
        if name == "attributes":
            clause = {"nested": {"path": "product_attributes", "query": clause}}
        clauses.append(clause)
    return clauses


def knn_clauses(leg: Leg, vector: Sequence[float]) -> list[dict[str, Any]]:
    """Return the nearest-neighbour clauses of a leg; without `k` only `size` candidates would get a vector score."""
    counts = {"k": leg.candidates, "num_candidates": leg.candidates}
    return [
        {"field": f"{name}_vector", "query_vector": vector, "boost": boost, **counts} for name, boost in leg.vectors
    ]


def search_body(leg: Leg, text: str, vector: Sequence[float], *, knn_section: bool) -> dict[str, Any]:
    """Return the search of a leg.

    Inside `bool.should` release 9 scores every vector of a `flat` field, whatever `k` says; in the `knn` section beside
    the query it scores k of them, as release 8 does in both places, with the same sums.
    """
    clauses = text_clauses(leg, text)
    knn = knn_clauses(leg, vector)
    if not knn_section:
        return {"query": {"bool": {"should": [*clauses, *({"knn": clause} for clause in knn)]}}}
    query = {"query": {"bool": {"should": clauses}}} if clauses else {}
    return {**query, "knn": knn} if knn else query


@dataclass(frozen=True)
class ReferenceIndex:
    """A catalogue on a node; it answers legs as an engine does."""

    client: Elasticsearch
    name: str
    catalogue: Catalogue
    knn_section: bool
    """Whether vectors are searched in the `knn` section of a search, as release 9 needs it."""

    @cached_property
    def _codes(self) -> dict[str, int]:
        return {uid: code for code, uid in enumerate(self.catalogue.ids)}

    def search(self, leg: Leg, batch: QueryBatch, *, hits: int = 10) -> Ranking:
        """Answer a leg by `_msearch`, `SEARCHES_A_REQUEST` queries a request, ids and scores only."""
        codes = np.full((len(batch), hits), NO_HIT, dtype=np.int64)
        scores = np.full((len(batch), hits), -np.inf, dtype=np.float32)
        for row, found in enumerate(self.answers(leg, batch, hits=hits)):
            codes[row, : len(found)] = [self._codes[hit["_id"]] for hit in found]
            # A score is printed as the shortest decimal that names its float32.
            scores[row, : len(found)] = [hit["_score"] for hit in found]
        return Ranking(codes, scores)

    def answers(self, leg: Leg, batch: QueryBatch, *, hits: int) -> Iterator[list[dict[str, Any]]]:
        """Yield the hits of each query as the server gives them: `_id` and `_score`."""
        for start in range(0, len(batch), SEARCHES_A_REQUEST):
            for answer in self._msearch(leg, batch[start : start + SEARCHES_A_REQUEST], hits):
                yield answer.get("hits", {}).get("hits", [])

    def _msearch(self, leg: Leg, batch: QueryBatch, hits: int) -> list[dict[str, Any]]:
        vectors: list[list[float]] = batch.vectors[leg.model].tolist() if leg.vectors else [[]] * len(batch)
        common = {"size": hits, "_source": False}
        searches: list[dict[str, Any]] = []
        for text, vector in zip(batch.texts, vectors, strict=True):
            searches += [{}, {**search_body(leg, text, vector, knn_section=self.knn_section), **common}]
        found = self.client.msearch(index=self.name, searches=searches, filter_path=KEPT)
        answers: list[dict[str, Any]] = found["responses"]
        failed = [answer for answer in answers if answer["status"] != HTTPStatus.OK]
        if failed or len(answers) != len(batch):
            raise AssertionError(
                f"of {len(batch)} searches {len(answers)} came back, {len(failed)} failed: {failed[:1]}"
            )
        return answers

    def explain(self, leg: Leg, text: str, uid: str, vector: Sequence[float] = ()) -> dict[str, Any]:
        """Return the server's account of a product's score, for a person who looks into a difference."""
        query = search_body(leg, text, vector, knn_section=False)["query"]
        answer = self.client.explain(index=self.name, id=uid, query=query)
        return dict(answer["explanation"])
