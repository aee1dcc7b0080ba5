"""Explanations of scores beside a real Elasticsearch: what the server says, and the same on the embedded engine."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from parity.catalogues import Case, made_batch, made_vectors
from parity.search_bodies import BODIES, INDEX
from parity.server import ReferenceServer

from relevance import bodies, datasets
from relevance.datasets import Source
from relevance.engines import Engine
from relevance.engines.elasticsearch.engine import open_engine
from relevance.engines.elasticsearch.settings import Settings
from relevance.engines.embedded import EmbeddedEngine
from relevance.engines.explanation import parts_of, read_tree
from relevance.fields import DEFAULT_FIELDS
from relevance.records import NO_HIT
from relevance.strategies import STRATEGIES, Strategy

DIMENSIONS = 16
QUERIES = (0, 120)
MULTI = Strategy("multi", text={"title": 3}, vectors={"title": 2, "whole": 1}, candidates=400)
OURS = (STRATEGIES["textsearch_boosted"], STRATEGIES["hybrid"], MULTI)


@pytest.fixture(scope="module")
def case() -> Case:
    dataset = datasets.load(Source("sample", "sample"))
    vectors = {name: made_vectors(dataset.catalogue, name, DIMENSIONS) for name in ("whole", "title")}
    return Case(dataset.catalogue, vectors, made_batch(dataset.queries.texts, DIMENSIONS))


@pytest.fixture(scope="module")
def engines(reference: ReferenceServer, case: Case) -> Iterator[tuple[Engine, Engine]]:
    """Of the server, and the embedded one."""
    embedded = EmbeddedEngine.index(case.catalogue, text_fields=DEFAULT_FIELDS.text, vectors=case.of_base)
    with open_engine(Settings(reference.url), progress=False) as indexer:
        yield (
            indexer.index(case.catalogue, text_fields=DEFAULT_FIELDS.text, vectors=case.of_base, progress=False),
            embedded,
        )


def named(path: str) -> str:
    """What we call a field of an index of ours."""
    return path.partition(".")[0].removeprefix("product_").removesuffix("_vector")


@pytest.mark.parametrize("strategy", OURS, ids=lambda one: str(one.name))
def test_both_engines_explain_the_same(engines: tuple[Engine, Engine], case: Case, strategy: Strategy) -> None:
    server, _ = engines
    for leg in strategy.legs():
        for query in QUERIES:
            batch = case.batch[query : query + 1]
            ranking = server.search(leg, batch, hits=10)
            scores = dict(zip(ranking.codes[0].tolist(), ranking.scores[0].tolist(), strict=True))
            for code in (*ranking.codes[0, [0, 4]].tolist(), 7):
                if code == NO_HIT:
                    continue
                theirs, ours = (engine.explain(leg, batch, code) for engine in engines)
                assert theirs.score == scores.get(code, theirs.score)
                assert (theirs.score or 0.0) == pytest.approx(ours.score or 0.0, rel=1e-6)
                for explained in (theirs, ours):
                    total = sum(part.value for part in explained.parts)
                    assert total == pytest.approx(explained.score or 0.0, rel=1e-5)
                added = {(named(part.field), part.term): part for part in theirs.parts}
                for part in ours.parts:
                    if part.value and part.field != "attributes":  # of several attributes the server shows the best
                        assert part.value == pytest.approx(added.pop((part.field, part.term)).value, rel=1e-5)
                assert {field for field, _ in added} <= {"attributes"}


WORDS = ("tv", "television", "usb", "stick", "flash", "drive", "laptop", "bag", "red", "oak", "table", "lamp", "50mm")


def value(kind: dict[str, Any], rng: np.random.Generator) -> Any:
    some = rng.choice(WORDS, size=rng.integers(1, 6)).tolist()
    if "properties" in kind:
        return [{name: value(one, rng) for name, one in kind["properties"].items()} for _ in range(2)]
    values = {
        "text": " ".join(some), "keyword": [*some[:1], "bestseller"], "boolean": bool(rng.random() < 0.8),
        "date": f"2025-0{rng.integers(1, 10)}-11", "dense_vector": rng.normal(size=8).tolist(),
    }  # fmt: skip
    return values.get(kind["type"], int(rng.integers(5, 400)))


def test_parts_add_up_whatever_a_shop_asks(reference: ReferenceServer) -> None:
    """The 41 shapes of search bodies, over documents of their fields."""
    rng, client = np.random.default_rng(1), reference.client
    vector = {"type": "dense_vector", "dims": 8, "index_options": {"type": "flat"}}
    fields = {**INDEX["mappings"]["properties"], "whole_vector": vector}
    client.indices.create(index="explained", settings=INDEX["settings"], mappings={"properties": fields})
    operations: list[Any] = []
    for _ in range(100):
        operations += [{"index": {}}, {name: value(kind, rng) for name, kind in fields.items()}]
    assert not client.bulk(index="explained", operations=operations, refresh=True)["errors"]
    hits = 0
    for name, shape in BODIES.items():
        body = bodies.render(shape["body"], query="red usb stick tv", vector=[0.5] * 8)
        headers = {"accept": "application/json", "content-type": "application/json"}
        asked = body | {"explain": True, "size": 3}
        answer = client.perform_request("POST", "/explained/_search", headers=headers, body=asked).body
        for hit in answer["hits"]["hits"]:
            parts = parts_of(read_tree(hit["_explanation"]))
            score = hit["_explanation"]["value"] if hit["_score"] is None else hit["_score"]
            assert sum(part.value for part in parts) == pytest.approx(score, rel=1e-4), name
            assert all(part.clause for part in parts), name
            hits += 1
    assert hits > 60


def test_a_raw_template_with_a_filter_of_its_own(engines: tuple[Engine, Engine], case: Case) -> None:
    server, _ = engines
    match = {"query": {"match": {"product_title": "{{query}}"}}}
    code = int(server.search(Strategy("raw", template=match).legs()[0], case.batch[:1], hits=1).codes[0, 0])
    only = {"post_filter": {"term": {"product_uid": case.catalogue.ids[code]}}}
    (leg,) = Strategy("raw", template={**match, **only}).legs()
    assert server.explain(leg, case.batch[:1], code).score is not None
    assert server.explain(leg, case.batch[:1], code - 1 if code else 1).score is None
