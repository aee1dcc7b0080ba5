"""Aliases of fields, and types that are stored alone, against real servers of both releases."""

from itertools import product
from typing import Any

from parity.bodies import both
from parity.server import ReferenceServer
from parity.texts import seeded

INDEX: dict[str, Any] = {
    "mappings": {
        "properties": {
            "name": {"type": "text"},
            "title": {"type": "alias", "path": "name"},
            "price": {"type": "double"},
            "cost": {"type": "alias", "path": "price"},
            "place": {"type": "geo_point"},
            "suggest": {"type": "completion"},
            "host": {"type": "ip"},
            "when": {"type": "date_nanos"},
            "extra": {"type": "flattened"},
            "facets": {
                "type": "nested",
                "properties": {"value": {"type": "text"}, "v": {"type": "alias", "path": "facets.value"}},
            },
            "id": {"type": "keyword"},
        }
    }
}
STORED = {
    "place": {"lat": 1.5, "lon": 2.5},
    "suggest": {"input": ["a", "b"], "weight": 3},
    "host": "10.0.0.1",
    "when": "2024-01-01T00:00:00.123456789Z",
    "extra": {"a": {"b": "c"}},
}
WORDS = ("grey", "sofa", "red", "lamp", "of", "table")
FIELDS = (["title", "name"], ["title^2", "name^3"], ["na*", "title"], ["t*", "name"], ["*"])
TYPES = ("best_fields", "most_fields", "cross_fields", "phrase", "bool_prefix")
BODIES: list[dict[str, Any]] = [
    *({"query": {"multi_match": {"query": "grey sofa", "fields": fields, "type": kind}}}
      for fields, kind in product((*FIELDS[:4], ["name", "title", "facets.*"]), TYPES)),
    *({"query": {clause: {"title": "grey sofa"}}} for clause in ("match", "match_phrase", "match_bool_prefix")),
    *({"query": {clause: {"title": "so"}}} for clause in ("prefix", "term", "match_phrase_prefix")),
    {"query": {"exists": {"field": "title"}}},
    {"query": {"range": {"cost": {"gte": 1, "boost": 2}}}},
    {"query": {"function_score": {"query": {"match": {"title": "grey"}}, "field_value_factor": {"field": "cost"}}}},
    {"query": {"match": {"title": "grey"}}, "collapse": {"field": "cost"}},
    {"query": {"nested": {"path": "facets", "query": {"match": {"facets.v": "grey sofa"}}}}},
]  # fmt: skip


def test_aliases_rank_as_their_fields(reference: ReferenceServer) -> None:
    random = seeded(11)

    def text() -> str:
        return " ".join(random.choices(WORDS, k=random.randint(1, 6)))

    documents = [
        {**STORED, "id": f"d{at:03}", "name": text(), "price": random.randint(1, 5) / 2, "facets": [{"value": text()}]}
        for at in range(60)
    ]
    with both(reference, "types", INDEX, documents) as pair:
        seen = pair.compare(BODIES, hits=60)
    assert seen.nothing, seen.listed[:3]
    assert seen.lists >= len(BODIES) - 1
