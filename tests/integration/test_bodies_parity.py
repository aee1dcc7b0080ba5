"""Search bodies on the embedded engine against real servers of both releases: ids, float32 scores and totals.

Text scores are equal to the last bit; a body with a vector is compared within 1e-6. Scores that hang on the seed of
a server's process are noted by the engine and set aside, counted.
"""

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from helpers.tables import Record
from parity import fuzzed_bodies, fuzzed_mappings, invalid_bodies, made_shop, user_syntax
from parity.bodies import VECTOR_TOLERANCE, BodyDifferences, BodyPair, both
from parity.other_search_bodies import DOMAINS, SHOP_BODIES
from parity.search_bodies import BODIES, INDEX
from parity.server import ReferenceServer
from parity.texts import seeded

from relevance.records import Dataset

FULL = os.environ.get("RELEVANCE_PARITY") == "full"
PRODUCTS, QUERIES, FUZZED, WHOLE, MAPPINGS = (2000, 60, 4000, 500, 120) if FULL else (400, 6, 200, 60, 8)
HITS = 1000
DIMENSIONS = 8
VECTOR = {"type": "dense_vector", "dims": DIMENSIONS, "similarity": "cosine", "index_options": {"type": "flat"}}
_OVER_KEYWORDS = "indexed without positions, are not interpreted"
"""What is refused by name, where a server answers unless it meets one of the words."""


@pytest.fixture(scope="module")
def shop(reference: ReferenceServer) -> Iterator[BodyPair]:
    properties = {**INDEX["mappings"]["properties"], "whole_vector": VECTOR}
    index = {**INDEX, "mappings": {"properties": properties}}
    drawn = np.random.default_rng(5).standard_normal((PRODUCTS, DIMENSIONS))
    drawn[::2] /= np.linalg.norm(
        drawn[::2], axis=1, keepdims=True
    )  # as models give them, some a little off by rounding
    vectors = drawn.round(3).tolist()
    made = made_shop.documents(seeded(1), PRODUCTS)
    documents = [{**document, "whole_vector": vector} for document, vector in zip(made, vectors, strict=True)]
    with both(reference, "bodies-shop", index, documents) as pair:
        yield pair


@pytest.fixture
def keep(record: Record) -> Iterator[Any]:
    """Keep the figures of a comparison; after the last of a test nothing may be left over."""
    listed: list[str] = []

    def keep(what: str, seen: BodyDifferences, detail: str = "") -> None:
        record(what, seen.figures, detail=detail)
        listed.extend(f"{detail}: {line}" for line in seen.listed if _OVER_KEYWORDS not in line)

    yield keep
    if listed:
        pytest.fail("\n".join(listed))


@pytest.mark.parametrize("name", BODIES)
def test_bodies_of_public_projects_rank_the_same(shop: BodyPair, keep: Any, name: str) -> None:
    vectors = np.random.default_rng(6).standard_normal((QUERIES, DIMENSIONS)).round(4).tolist()
    queries = list(zip(made_shop.queries(seeded(2), QUERIES), vectors, strict=True))
    body = BODIES[name]["body"]
    tolerance = VECTOR_TOLERANCE if "knn" in body else 0
    for hits in (10, HITS):
        seen = shop.compare_template(body, queries, hits=hits, tolerance=tolerance)
        keep("41 search bodies", seen, f"{name}, {hits} hits")


@pytest.mark.parametrize("domain", ["shop", *DOMAINS])
def test_bodies_of_other_projects_rank_the_same(reference: ReferenceServer, keep: Any, domain: str) -> None:
    made = list(made_shop.documents(seeded(1), PRODUCTS if FULL else 60))
    index, documents, named = INDEX, made, SHOP_BODIES
    if domain != "shop":
        index, documents, named = DOMAINS[domain].index, list(DOMAINS[domain].documents(made)), DOMAINS[domain].bodies
    queries = made_shop.queries(seeded(2), QUERIES // 3)
    with both(reference, f"bodies-of-others-{domain}", index, documents) as pair:
        for name, (_, body) in named.items():
            seen = pair.compare_template(body, [(text, ()) for text in queries], hits=HITS)
            keep("60 further search bodies", seen, name)


def test_fuzzed_clauses_rank_the_same(shop: BodyPair, keep: Any) -> None:
    random = seeded(3)
    texts = made_shop.queries(random, FUZZED)
    bodies = [{"query": fuzzed_bodies.clause(random, text, random.randint(0, 3))} for text in texts]
    keep("fuzzed clauses", shop.compare(bodies, hits=HITS))


@pytest.mark.parametrize("seed", range(20 if FULL else 1))
def test_fuzzed_whole_bodies_rank_the_same(shop: BodyPair, keep: Any, seed: int) -> None:
    random, vectors = seeded(seed), np.random.default_rng(seed)
    texts = made_shop.queries(random, WHOLE)
    without = WHOLE * 9 // 10
    bodies = [fuzzed_bodies.body(random, text) for text in texts[:without]]
    near = [fuzzed_bodies.body(random, text, vectors.standard_normal(DIMENSIONS).tolist()) for text in texts[without:]]
    keep("fuzzed whole bodies", shop.compare(bodies, hits=HITS), f"seed {seed}")
    keep("fuzzed whole bodies", shop.compare(near, hits=HITS, tolerance=VECTOR_TOLERANCE), f"seed {seed}, vectors")


@pytest.mark.parametrize("syntax", [user_syntax.simple, user_syntax.classic])
def test_texts_in_the_syntax_of_users_rank_the_same(shop: BodyPair, keep: Any, syntax: Any) -> None:
    random = seeded(7)
    texts = made_shop.queries(random, FUZZED // 2)
    bodies = [{"query": syntax(random, text)} for text in texts]
    keep("query strings", shop.compare(bodies, hits=HITS), syntax.__name__)


def test_what_the_server_refuses_is_refused(shop: BodyPair, record: Record) -> None:
    changed = [body for base in invalid_bodies.BASES for _, body in invalid_bodies.changed(base)]
    refusals = shop.refusals(changed[:: 1 if FULL else 23])
    record("bodies with a part changed", {name: len(bodies) for name, bodies in refusals.items()})
    theirs, ours = refusals["refused by server"], refusals["refused by embedded"]
    assert not theirs
    assert len(ours) < 0.01 * len(refusals["refused by both"]) + 3  # nothing, where a text or a number belongs


@pytest.mark.parametrize("seed", range(MAPPINGS))
def test_fuzzed_mappings_rank_the_same(reference: ReferenceServer, keep: Any, seed: int) -> None:
    random = seeded(seed)
    index = fuzzed_mappings.index(random)
    with both(
        reference, f"bodies-fuzzed-{seed}", index, fuzzed_mappings.documents(random, 60, index["mappings"])
    ) as pair:
        queries = [fuzzed_mappings.query(random, index["mappings"], random.randint(0, 2)) for _ in range(60)]
        keep("fuzzed mappings", pair.compare([{"query": query} for query in queries], hits=HITS), f"seed {seed}")


CHORUS_INDEX: dict[str, Any] = {
    "settings": INDEX["settings"],
    "mappings": {
        "properties": {
            "id": {"type": "keyword"},
            "name": INDEX["mappings"]["properties"]["name"],
            "description": INDEX["mappings"]["properties"]["description"],
            "search": {"type": "text", "analyzer": "english_text"},
            "spelling": {"type": "text", "analyzer": "spelling"},
        }
    },
}
CHORUS_BODIES = (
    {"match": {"name": "{{query}}"}},
    {"match": {"name.model": "{{query}}"}},
    {"match": {"name.autocomplete": {"query": "{{query}}", "minimum_should_match": "75%"}}},
    {"match_phrase": {"name.plain": {"query": "{{query}}", "slop": 2}}},
    {"match_phrase_prefix": {"name.bm25": "{{query}}"}},
    {"match": {"spelling": {"query": "{{query}}", "fuzziness": "AUTO"}}},
    {"multi_match": {"query": "{{query}}", "fields": ["name^3", "description"], "tie_breaker": 0.3}},
    {"multi_match": {"query": "{{query}}", "fields": ["name.plain", "search"], "type": "cross_fields"}},
    {"multi_match": {"query": "{{query}}", "fields": ["name", "name.plain", "name.shingle"], "type": "most_fields"}},
)


@pytest.mark.needs("data")
def test_chorus_ranks_the_same(reference: ReferenceServer, chorus: Dataset, keep: Any) -> None:
    products = chorus.catalogue.products[:: 1 if FULL else 40]
    texts = zip(products["title"], products["description"], strict=True)
    documents = [{"id": f"{at:06}", "name": name, "description": text} for at, (name, text) in enumerate(texts)]
    queries = chorus.queries.texts[:: 1 if FULL else 9]
    with both(reference, "bodies-chorus", CHORUS_INDEX, documents) as pair:
        for query in CHORUS_BODIES:
            seen = pair.compare_template({"query": query}, [(text, ()) for text in queries], hits=HITS)
            keep("search bodies on Chorus", seen, next(iter(query)))


@pytest.mark.needs("data")
def test_titles_of_home_depot_rank_the_same(reference: ReferenceServer, homedepot: Dataset, keep: Any) -> None:
    """The bodies that find titles alone."""
    titles = homedepot.catalogue.products["title"][:: 3 if FULL else 300]
    documents = [{"id": f"{at:06}", "name": title} for at, title in enumerate(titles)]
    queries = homedepot.queries.texts[:: 60 if FULL else 2000]
    with both(reference, "bodies-homedepot", INDEX, documents) as pair:
        for name, described in BODIES.items():
            if "knn" not in described["body"]:
                seen = pair.compare_template(described["body"], [(text, ()) for text in queries], hits=HITS)
                keep("41 search bodies on titles of Home Depot", seen, name)


# controls: what would be wrong is seen


def test_a_tie_breaker_that_is_a_little_off_is_seen(shop: BodyPair) -> None:
    def bodies(tie: float) -> list[Any]:
        fields = {"fields": ["name^3", "name.plain"], "tie_breaker": tie}
        return [{"query": {"multi_match": {"query": text, **fields}}} for text in made_shop.queries(seeded(4), 20)]

    theirs = list(shop._asked(bodies(0.3), 10))
    pair = BodyPair(shop.server, shop.name, shop.index, shop.ids)
    pair._asked = lambda *_: iter(theirs)  # type: ignore[method-assign]
    assert pair.compare(bodies(0.3), hits=10).nothing
    assert pair.compare(bodies(0.3001), hits=10).unequal > 50
