"""Legs of strategies as bodies of searches; raw templates are filled as parsed JSON, never as text."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from relevance.errors import InputError
from relevance.strategies import QUERY_MARK, VECTOR_MARK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    import numpy.typing as npt

    from relevance.engines.elasticsearch.mapping import FieldPaths
    from relevance.strategies import Leg

    Vector = npt.NDArray[np.float32] | None
    Body = dict[str, Any]

_MOVES_THE_LIST = ("from", "search_after", "pit", "slice")
"""What makes an answer begin elsewhere than at its first hit, or needs a state between searches."""

_SHAPE_OF_A_HIT = (
    "_source",
    "docvalue_fields",
    "explain",
    "fields",
    "highlight",
    "script_fields",
    "seq_no_primary_term",
    "size",
    "stored_fields",
    "version",
)
"""What decides how many hits come back and what they hold, not which: ours takes its place."""

_HAS_ITS_OWN_ORDER = ("rescore", "retriever")
"""Elasticsearch refuses a sort beside them."""


@dataclass(frozen=True, kw_only=True)
class SearchedIndex:
    """An index as searches see it: one of ours, or one that exists.

    Attributes:
        name: of the index.
        paths: its fields.
        shards: primary ones.
        sorted_segment: one shard, one segment, sorted by product id: equal scores come in the order of the ids.
        facts: what decides ranking or run time, for results.
        notes: what people should know of it, a line each.
    """

    name: str
    paths: FieldPaths
    shards: int
    sorted_segment: bool = False
    facts: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Form:
    """How the searches of a leg look; made once for a leg, filled for each query.

    Attributes:
        body: from a query's text and vector, shape (dimensions,), to the search.
        id_field: holds the product's id in a hit's `fields`.
        statistics: whether term statistics are gathered from all shards first.
        placed: whether the order of the hits is the template's own sort, so that scores do not say it.
        vectors: how often a body holds the query's vector.
        texts: how often a body holds the query's text.
    """

    body: Callable[[str, Vector], Body]
    id_field: str
    statistics: bool
    placed: bool
    vectors: int
    texts: int


def form(leg: Leg, index: SearchedIndex, *, hits: int) -> Form:
    """The form of a leg's searches on an index.

    Raises:
        InputError: the leg's template cannot give a ranking.
        KeyError: the leg names a field that the index has not.
    """
    common = _common(index.paths.id, hits)
    by_id: list[Body] = [] if index.sorted_segment else [{"_score": "desc"}, {index.paths.id: "asc"}]
    several = index.shards > 1
    if leg.template:
        return _form_of_template(leg.template, common, by_id, several=several)
    if by_id:
        common |= {"sort": by_id, "track_scores": True}

    def body(text: str, vector: Vector) -> Body:
        return _body(leg, index.paths, text, vector) | common

    # Elasticsearch refuses to gather statistics beside a knn section, and vectors need none
    return Form(body, index.paths.id, several and not leg.vectors, False, len(leg.vectors), len(leg.text))  # noqa: FBT003


def _common(id_field: str, hits: int) -> Body:
    """Ids by their column: reading `_id` out of stored fields takes a third longer."""
    return {"size": hits, "stored_fields": "_none_", "docvalue_fields": [id_field], "track_total_hits": False}


def _body(leg: Leg, paths: FieldPaths, text: str, vector: Vector) -> Body:
    """Text clauses in the query, vectors in the knn section, where `k` means the same on releases 8 and 9."""
    body: Body = {}
    if leg.text:
        body["query"] = {"bool": {"should": [_match(paths, name, boost, text) for name, boost in leg.text]}}
    if leg.vectors:
        counts = {"k": leg.candidates, "num_candidates": leg.candidates}
        body["knn"] = [
            {"field": paths.vectors[leg.model, name], "query_vector": vector, "boost": boost, **counts}
            for name, boost in leg.vectors
        ]
    return body


def _match(paths: FieldPaths, name: str, boost: float, text: str) -> Body:
    clause = {"match": {paths.text[name]: {"query": text, "boost": boost}}}
    if name in paths.nested:
        return {"nested": {"path": paths.nested[name], "query": clause}}
    return clause


def check_template(template: Mapping[str, Any]) -> None:
    """Refuse a raw search that cannot give a ranking.

    Raises:
        InputError: a part of it moves the list of hits, or it sorts by nothing that a search understands.
    """
    for key in _MOVES_THE_LIST:
        if key in template:
            raise InputError(f"template: {key!r} moves the list of hits, which has to begin at the first; leave it out")
    sort = template.get("sort", [])
    keys = sort if isinstance(sort, list) else [sort]
    if not all(isinstance(key, str | dict) for key in keys):
        raise InputError(f"template: sort = {json.dumps(sort)}; allowed: a field, an object, or a list of them")


def _form_of_template(template: str, common: Body, by_id: list[Body], *, several: bool) -> Form:
    search: Body = json.loads(template)
    check_template(search)
    (id_field,) = common["docvalue_fields"]
    own = search.get("sort")
    merged_over = {key: value for key, value in search.items() if key not in _SHAPE_OF_A_HIT} | common
    if own:
        merged_over["sort"] = [*(own if isinstance(own, list) else [own]), {id_field: "asc"}]
    elif by_id and not any(key in search for key in _HAS_ITS_OWN_ORDER):
        merged_over |= {"sort": by_id, "track_scores": True}

    def body(text: str, vector: Vector) -> Body:
        filled: Body = _filled(merged_over, text, vector)
        return filled

    statistics = several and not any(key in search for key in ("knn", "retriever"))
    return Form(body, id_field, statistics, bool(own), template.count(VECTOR_MARK), template.count(QUERY_MARK))


def _filled(value: Any, text: str, vector: Vector) -> Any:
    """The marks replaced in values; what a query's text holds is never looked at again, so that it stays text."""
    if isinstance(value, str):
        return vector if value == VECTOR_MARK else value.replace(QUERY_MARK, text)
    if isinstance(value, dict):
        return {key: _filled(one, text, vector) for key, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, text, vector) for one in value]
    return value
