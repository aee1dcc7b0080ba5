"""Documents of any schema, searched by bodies in Elasticsearch's language as Elasticsearch answers them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from relevance.engines.embedded.bodies.clauses import parse
from relevance.engines.embedded.bodies.documents import read_documents
from relevance.engines.embedded.bodies.hits import ONE, Floats, Hits, Ints
from relevance.engines.embedded.bodies.levels import Levels
from relevance.engines.embedded.bodies.nodes import Explanation, MatchAll, Node, rewrite
from relevance.errors import InputError, unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from relevance.analysis import Analysis
    from relevance.schema import Schema

_PARTS = ("query",)
_WITHOUT_EFFECT = (
    *("size", "_source", "fields", "stored_fields", "docvalue_fields", "track_total_hits", "track_scores", "version"),
    *("seq_no_primary_term", "explain", "profile", "timeout", "highlight", "aggs", "aggregations", "suggest", "stats"),
)
"""Parts of a body that change nothing of which products are found, in what order and with what scores."""


class Answer(NamedTuple):
    """The best hits of a body: codes of products and their scores, the best first; and how many match."""

    codes: Ints
    scores: Floats
    total: int


class BodyIndex:
    """Documents in the order of their codes, by which ties are broken.

    Args:
        schema: the fields.
        analysis: their analyzers.
        documents: JSON objects, as they would be sent to the server.
        release: of Elasticsearch, whose ways are followed where they differ.
        ids: of the documents, for queries about `_id`.
    """

    def __init__(
        self,
        schema: Schema,
        analysis: Analysis,
        documents: Iterable[Mapping[str, Any]],
        *,
        release: int = 9,
        ids: Sequence[str] = (),
    ) -> None:
        codes = {one: code for code, one in enumerate(ids)}
        self.release = release
        self._levels = Levels(schema, analysis, read_documents(documents, schema), codes)
        self._products = self._levels.level("")

    def search(self, bodies: Iterable[Mapping[str, Any]], *, hits: int) -> list[Answer]:
        """Answer search bodies: score descending, then code ascending.

        Raises:
            InputError: a part of a body is not known; the line names its place.
        """
        return [self._search(body, hits) for body in bodies]

    def query(self, body: Mapping[str, Any]) -> Node:
        """The query of a body, rewritten."""
        for part in body:
            if part not in (*_PARTS, *_WITHOUT_EFFECT):
                raise InputError(unknown("part of a search body", part, [*_PARTS, *_WITHOUT_EFFECT]))
        node = parse(body["query"], "query", self._levels) if "query" in body else MatchAll()
        return rewrite(node, self._products)

    def _search(self, body: Mapping[str, Any], hits: int) -> Answer:
        found = self.query(body).hits(self._products, ONE)
        return best(found, hits)

    def explain(self, body: Mapping[str, Any], code: int) -> Explanation | None:
        """Say what made the score of a product; None where it does not match."""
        return self.query(body).explain(self._products, code, ONE)


def best(found: Hits, hits: int) -> Answer:
    """Take the best hits: score descending, then document ascending."""
    docs, scores = found
    if len(docs) > hits:
        edge = -np.partition(-scores, hits - 1)[hits - 1] if hits else np.inf
        kept = scores >= edge
        docs, scores = docs[kept], scores[kept]
    order = np.argsort(-scores, kind="stable")[:hits]
    return Answer(docs[order], scores[order], len(found.docs))
