"""What stands at the ends of what a server takes, against real servers of both releases."""

from collections.abc import Callable
from typing import Any

from parity.bodies import both
from parity.server import ReferenceServer
from parity.texts import seeded

SIMILARITIES = {
    "no_k1": {"k1": 0},
    "no_b": {"b": 0},
    "neither": {"k1": 0, "b": 0},
    "whole_b": {"b": 1},
    "equal": {"k1": 0, "b": 1},
}
INDEX: dict[str, Any] = {
    "settings": {"similarity": {name: {"type": "BM25", **values} for name, values in SIMILARITIES.items()}},
    "mappings": {
        "properties": {
            "id": {"type": "keyword"},
            "word": {"type": "keyword"},
            "far": {"type": "dense_vector", "dims": 2, "similarity": "l2_norm"},
            **{name: {"type": "text", "similarity": name} for name in SIMILARITIES},
        }
    },
}
WORDS = ("grey", "sofa", "lamp", "red", "table", "the")
SCORED = [
    {"query": {kind: {name: {"query": text, **options}}}}
    for name in SIMILARITIES
    for text in ("grey", "grey sofa", "red lamp the")
    for kind, options in (("match", {}), ("match", {"operator": "and", "boost": 2.5}), ("match_phrase", {"slop": 2}))
] + [
    {"query": {"multi_match": {"query": "grey lamp", "fields": [*SIMILARITIES], "type": kind}}}
    for kind in ("best_fields", "most_fields", "cross_fields")
]

TERM: Any = {"term": {"word": "grey"}}
AROUND: dict[str, Callable[[Any], Any]] = {
    "must": lambda inner: {"bool": {"must": [inner]}},
    "must_not": lambda inner: {"bool": {"must_not": inner}},
    "constant_score": lambda inner: {"constant_score": {"filter": inner}},
    "dis_max": lambda inner: {"dis_max": {"queries": [TERM, inner]}},
    "boosting": lambda inner: {"boosting": {"positive": inner, "negative": TERM, "negative_boost": 0.5}},
    "function_score": lambda inner: {"function_score": {"functions": [{"filter": inner, "weight": 2}]}},
}
INNERMOST = {"must_not": {"query_string": {"query": "word:* red"}}}


def deep(around: str, levels: int) -> dict[str, Any]:
    """A query of so many clauses inside each other."""
    query = INNERMOST.get(around, TERM)
    for _ in range(levels - 1):
        query = AROUND[around](query)
    return query


def bodies(levels: int) -> list[Any]:
    """Bodies of which each part is of so many clauses."""
    near = {"field": "far", "query_vector": [1, 1], "k": 3, "num_candidates": 3, "filter": deep("must", levels)}
    return [{part: deep(around, levels)} for around in AROUND for part in ("query", "post_filter")] + [{"knn": near}]


def test_factors_of_0_and_clauses_inside_each_other(reference: ReferenceServer) -> None:
    random = seeded(7)
    documents = [
        {"id": f"d{at:03}", "word": random.choice(WORDS), "far": [at, 1]}
        | {name: " ".join(random.choices(WORDS, k=random.randint(1, 9))) for name in SIMILARITIES}
        for at in range(100)
    ]
    with both(reference, "limits", INDEX, documents) as pair:
        equal = pair.compare([*SCORED, *bodies(30)], hits=100)
        refusals = pair.refusals(bodies(31))
    assert equal.nothing, equal.listed[:3]
    assert {who: len(lines) for who, lines in refusals.items() if lines} == {"refused by both": len(bodies(31))}
