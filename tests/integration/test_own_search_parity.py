"""A team's own index body, products and search: what the suite makes of them is what the team's own index answers."""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import own_search
from helpers.tables import Record
from parity.catalogues import made_batch, made_vectors, part_of
from parity.server import ReferenceServer

from relevance import engines, runner
from relevance.datasets import Source, load
from relevance.engines import QueryBatch
from relevance.engines.elasticsearch.client import connect
from relevance.engines.elasticsearch.engine import open_engine
from relevance.engines.elasticsearch.settings import Settings
from relevance.fields import EmbeddedTable, index_body, own_fields, with_embedded
from relevance.gate import Limits
from relevance.mutation import KINDS, mutate
from relevance.records import NO_HIT, Dataset, Ranking
from relevance.strategies import BASE, READY_MADE, Strategy

FIELDS = with_embedded(
    own_fields(index_body(own_search.BODY, "index.json")), {"short": EmbeddedTable(("name", "brand"))}, ""
)
TEMPLATE = Strategy("shop", template=own_search.SEARCH, fields=FIELDS)
BOOSTS = Strategy("boosts", text={"facets.value": 1, "brand": 2, "name.plain": 0.5, "name": 5}, fields=FIELDS)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return own_search.dataset(tmp_path)


@pytest.fixture(scope="module")
def client(reference: ReferenceServer) -> Iterator[Any]:
    """With the team's own index, made by hand."""
    with connect(Settings(reference.url)) as connection:
        opened = connection.client
        opened.options(ignore_status=404).indices.delete(index="shop-own")
        opened.indices.create(
            index="shop-own",
            settings={**own_search.BODY["settings"], "number_of_shards": 1},
            mappings=own_search.BODY["mappings"],
        )
        for product in own_search.PRODUCTS:
            document = {name: value for name, value in product.items() if name != "sku"}
            opened.index(index="shop-own", id=product["sku"], document=document)
        opened.indices.refresh(index="shop-own")
        yield opened
        opened.indices.delete(index="shop-own")


def of_the_team(client: Any, query: str) -> list[tuple[str, float]]:
    body = json.loads(json.dumps(own_search.SEARCH).replace("{{query}}", query))
    hits = client.search(index="shop-own", size=10, **body)["hits"]["hits"]
    return sorted(((hit["_id"], hit["_score"]) for hit in hits), key=lambda hit: (-hit[1], hit[0]))


def listed(ranking: Ranking, ids: tuple[str, ...]) -> list[list[tuple[str, float]]]:
    return [
        [(ids[code], float(score)) for code, score in zip(codes, scores, strict=True) if code != NO_HIT]
        for codes, scores in zip(ranking.codes.tolist(), ranking.scores, strict=True)
    ]


def test_elasticsearch_ranks_as_the_teams_own_index(client: Any, reference: ReferenceServer, dataset: Dataset) -> None:
    texts = dataset.queries.texts
    with open_engine(Settings(reference.url), progress=False) as indexer:
        engine = indexer.index(dataset.catalogue, text_fields=(), vectors={}, progress=False)
        ranking = runner.search(engine, TEMPLATE, QueryBatch(texts))
        assert listed(ranking, dataset.catalogue.ids) == [
            [(uid, pytest.approx(score, rel=1e-7)) for uid, score in of_the_team(client, text)] for text in texts
        ]


KNN = {"field": "short_vector", "query_vector": "{{vector}}", "k": 4, "num_candidates": 4}
STRATEGIES = [
    TEMPLATE,
    BOOSTS,
    Strategy("hybrid", text={"name": 5, "brand": 2}, vectors={"short": 10}, candidates=4, fields=FIELDS),
    Strategy("nearest", template={**own_search.SEARCH, "knn": KNN}, fields=FIELDS),
]


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda one: one.name)
def test_the_embedded_engine_ranks_as_elasticsearch(
    reference: ReferenceServer, dataset: Dataset, strategy: Strategy
) -> None:
    catalogue = dataset.catalogue.with_fields(FIELDS)
    vectors = {(BASE, "short"): made_vectors(catalogue, "short", 8)} if strategy.embeds else {}
    batch = made_batch(dataset.queries.texts, 8)
    rankings = []
    for name, settings in (("elasticsearch", Settings(reference.url)), ("embedded", Settings())):
        choice = engines.choose(name, settings, [strategy], FIELDS, int(reference.release))
        with choice.open(progress=False) as indexer:
            engine = indexer.index(catalogue, text_fields=(), vectors=vectors, progress=False)
            rankings.append(runner.search(engine, strategy, batch))
    of_server, ours = rankings
    assert np.array_equal(ours.codes, of_server.codes)
    # a server adds the products of vectors in an order of its own, in float32
    np.testing.assert_allclose(ours.scores, of_server.scores, rtol=1e-6 if strategy.embeds else 0)
    assert (of_server.codes != NO_HIT).any(axis=1).all()


@pytest.mark.usefixtures("client")
def test_an_index_that_exists_has_the_same_fields(reference: ReferenceServer, dataset: Dataset) -> None:
    settings = Settings(reference.url, index="shop-own", fields={"id": "_id"})
    choice = engines.choose("elasticsearch", settings, [BOOSTS], FIELDS)
    assert choice.inspect is not None
    looked_at = choice.inspect({})
    assert sorted(looked_at.product_ids or ()) == list(dataset.catalogue.ids)
    with looked_at.open(progress=False) as indexer:
        engine = indexer.index(dataset.catalogue, text_fields=(), vectors={}, progress=False)
        existing = runner.search(engine, BOOSTS, QueryBatch(dataset.queries.texts))
    with engines.choose("elasticsearch", Settings(reference.url), [BOOSTS], FIELDS).open(progress=False) as indexer:
        engine = indexer.index(dataset.catalogue, text_fields=(), vectors={}, progress=False)
        assert np.array_equal(existing.codes, runner.search(engine, BOOSTS, QueryBatch(dataset.queries.texts)).codes)


TEXTUAL = [READY_MADE[name] for name in ("textsearch_stemmed", "textsearch_tuned", "textsearch_spelled")]


def ready_made(reference: ReferenceServer, dataset: Dataset, texts: Sequence[str]) -> list[list[Any]]:
    """The lists of each engine by each strategy."""
    catalogue = dataset.catalogue.read(one.reading for one in TEXTUAL if one.reading)
    rankings = []
    for name, settings in (("elasticsearch", Settings(reference.url)), ("embedded", Settings())):
        choice = engines.choose(name, settings, TEXTUAL, release=int(reference.release))
        with choice.open(progress=False) as indexer:
            engine = indexer.index(catalogue, text_fields=(), vectors={}, progress=False)
            rankings.append([listed(runner.search(engine, one, QueryBatch(texts)), catalogue.ids) for one in TEXTUAL])
    return rankings


def test_ready_made_strategies_rank_as_on_elasticsearch(reference: ReferenceServer) -> None:
    sample = load(Source("sample", "sample"))
    theirs, ours = ready_made(reference, sample, sample.queries.texts[:50])
    assert theirs == ours
    assert sum(map(len, ours[0])) > 250


@pytest.mark.needs("data")
def test_ready_made_strategies_rank_home_depot_as_elasticsearch(
    reference: ReferenceServer, homedepot: Dataset, record: Record
) -> None:
    every = 3 if os.environ.get("RELEVANCE_PARITY") == "full" else 60
    theirs, ours = ready_made(reference, part_of(homedepot, every), homedepot.queries.texts[::every])
    for strategy, lists, others in zip(TEXTUAL, theirs, ours, strict=True):
        different = sum(one != other for one, other in zip(lists, others, strict=True))
        figures = {"lists": len(lists), "scores": sum(map(len, lists)), "lists different": different}
        record("ready-made readings on titles of Home Depot", figures, detail=strategy.name)
    assert theirs == ours


PLANTED = (
    *("stemmer_in_index_only", "synonyms_lost_in_queries", "field_of_another_analyzer"),
    # asked of the index that there is
    *("filter_lost", "parameter_dropped", "function_boost_tenfold", "minimum_should_match_lost", "field_boosts_off"),
)


def test_planted_changes_of_an_own_search_are_those_of_elasticsearch(
    reference: ReferenceServer, tmp_path: Path
) -> None:
    planted = [(KINDS[name], 1) for name in PLANTED]
    measured = []
    for engine, settings in (("elasticsearch", Settings(reference.url)), ("embedded", Settings())):
        choices: Any = {"engine": engine, "settings": settings, "release": int(reference.release)}
        plan = own_search.plan(tmp_path / engine, own_search.SCORED, **choices)
        outcomes = mutate(plan, planted, Limits()).outcomes
        after = {one.kind.name: one.after and one.after.strategies["shop"].scores_sha256 for one in outcomes}
        measured.append((after, {one.kind.name: one.verdict for one in outcomes}))
    assert measured[0] == measured[1]
    assert set(measured[0][1].values()) <= {"no loss", "undecided", "likely loss", "loss", "no effect"}
