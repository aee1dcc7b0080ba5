"""Explanations of scores beside a real Elasticsearch: what the server says, and the same on the embedded engine."""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from parity import made_shop
from parity.catalogues import Case, made_batch, made_vectors
from parity.search_bodies import BODIES, INDEX
from parity.server import ReferenceServer
from parity.texts import seeded

from relevance import datasets
from relevance.datasets import Source
from relevance.engines import Engine, QueryBatch
from relevance.engines.elasticsearch.engine import open_engine
from relevance.engines.elasticsearch.settings import Settings
from relevance.engines.embedded import EmbeddedEngine
from relevance.engines.embedded.searches import BodyEngine
from relevance.engines.explanation import Explanation
from relevance.engines.mapping import OwnMapping
from relevance.fields import DEFAULT_FIELDS, index_body, own_fields
from relevance.records import NO_HIT, Catalogue, Vectors
from relevance.strategies import STRATEGIES, Strategy

DIMENSIONS = 16
QUERIES = (0, 120)
MULTI = Strategy("multi", text={"title": 3}, vectors={"title": 2, "whole": 1}, candidates=400)
FUSED = [replace(one, model="base") for one in STRATEGIES.values() if len(one.legs()) > 1 or (one.text and one.vectors)]
OURS = (STRATEGIES["textsearch_boosted"], MULTI, *FUSED)
FLOAT32 = 3e-7
"""Of a sum of parts."""
CLAUSES = {"match", "phrase", "synonyms", "constant", "vector", "function"}


@pytest.fixture(scope="module")
def case() -> Case:
    dataset = datasets.load(Source("sample", "sample"))
    names = DEFAULT_FIELDS.embedded
    vectors = {name: made_vectors(dataset.catalogue, name, DIMENSIONS) for name in names}
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
                    total = math.fsum(part.value for part in explained.parts)
                    assert total == pytest.approx(explained.score or 0.0, rel=FLOAT32)
                added = {(named(part.field), part.term): part for part in theirs.parts}
                for part in ours.parts:
                    if part.value and part.field != "attributes":  # of several attributes the server shows the best
                        assert part.value == pytest.approx(added.pop((part.field, part.term)).value, rel=1e-5)
                assert {field for field, _ in added} <= {"attributes"}


@pytest.fixture(scope="module")
def shops(reference: ReferenceServer) -> Iterator[tuple[Engine, Engine]]:
    """The server and the embedded engine, over products with the fields of the 41 shapes."""
    made = list(made_shop.documents(seeded(1), 120))
    settings = {**INDEX["settings"], "max_ngram_diff": 20, "max_shingle_diff": 10}
    properties = {name: kind for name, kind in INDEX["mappings"]["properties"].items() if name != "id"}
    fields = own_fields(index_body({"settings": settings, "mappings": {"properties": properties}}, "made"))
    ids = [document.pop("id") for document in made]
    catalogue = Catalogue.of_documents(ids, made, fields)
    rows = np.random.default_rng(5).standard_normal((len(ids), 8)).astype(np.float32)
    vectors = {("base", "whole"): Vectors(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.arange(len(ids)))}
    embedded = BodyEngine(catalogue, vectors, OwnMapping(), release=int(reference.release), plain=None)
    with open_engine(Settings(reference.url), progress=False) as indexer:
        yield indexer.index(catalogue, text_fields=fields.text, vectors=vectors, progress=False), embedded


def added(explained: Explanation) -> dict[tuple[str, str], float]:
    sums: dict[tuple[str, str], float] = {}
    for part in explained.parts:
        sums[part.field, part.term] = sums.get((part.field, part.term), 0.0) + part.value
    return {key: value for key, value in sums.items() if value}


def test_both_engines_explain_the_same_whatever_a_shop_asks(shops: tuple[Engine, Engine]) -> None:
    """The 41 shapes of search bodies: scores, what adds up to them, and what leaves other products out."""
    server, embedded = shops
    text = next(iter(made_shop.queries(seeded(2), 3)))
    batch = QueryBatch([text], {"base": np.full((1, 8), 0.35355338, dtype=np.float32)})
    hits = misses = 0
    for name, shape in BODIES.items():
        (leg,) = Strategy(name, template=shape["body"]).legs()
        best = [code for code in server.search(leg, batch, hits=10).codes[0].tolist() if code != NO_HIT]
        for code in (*best[:2], 50):
            theirs, ours = (engine.explain(leg, batch, code) for engine in (server, embedded))
            assert (theirs.score is None, theirs.left_out) == (ours.score is None, ours.left_out), name
            if theirs.score is None or ours.score is None:
                assert theirs.left_out, name
                misses += 1
                continue
            for explained in (theirs, ours):
                total = math.fsum(part.value for part in explained.parts)
                assert total == pytest.approx(explained.score, rel=FLOAT32), name
                assert not {part.clause for part in explained.parts} - CLAUSES, name
            if "knn" not in shape["body"]:  # the server does not name the fields of vectors
                assert added(theirs) == pytest.approx(added(ours), rel=1e-5), name
            hits += 1
    assert hits > 40
    assert misses > 20


def test_a_raw_template_with_a_filter_of_its_own(engines: tuple[Engine, Engine], case: Case) -> None:
    server, _ = engines
    match = {"query": {"match": {"product_title": "{{query}}"}}}
    code = int(server.search(Strategy("raw", template=match).legs()[0], case.batch[:1], hits=1).codes[0, 0])
    only = {"post_filter": {"term": {"product_uid": case.catalogue.ids[code]}}}
    (leg,) = Strategy("raw", template={**match, **only}).legs()
    assert server.explain(leg, case.batch[:1], code).score is not None
    assert server.explain(leg, case.batch[:1], code - 1 if code else 1).score is None
