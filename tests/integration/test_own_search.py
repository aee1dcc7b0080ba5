"""A team's own index body, products and search: what the suite makes of them is what the team's own index answers."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import own_search
from parity.server import ReferenceServer

from relevance import engines, runner
from relevance.engines import QueryBatch
from relevance.engines.elasticsearch.client import connect
from relevance.engines.elasticsearch.engine import open_engine
from relevance.engines.elasticsearch.settings import Settings
from relevance.fields import index_body, own_fields
from relevance.records import NO_HIT, Dataset, Ranking
from relevance.strategies import Strategy

FIELDS = own_fields(index_body(own_search.BODY, "index.json"))
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


@pytest.mark.parametrize("strategy", [TEMPLATE, BOOSTS], ids=["template", "boosts"])
def test_the_embedded_engine_ranks_as_elasticsearch(
    reference: ReferenceServer, dataset: Dataset, strategy: Strategy
) -> None:
    batch, release = QueryBatch(dataset.queries.texts), int(reference.release)
    settings = Settings(reference.url)
    choices = [
        engines.choose("elasticsearch", settings, [strategy], dataset.catalogue.fields),
        engines.choose("embedded", Settings(), [strategy], dataset.catalogue.fields, release),
    ]
    rankings = []
    for choice in choices:
        with choice.open(progress=False) as indexer:
            engine = indexer.index(dataset.catalogue, text_fields=(), vectors={}, progress=False)
            rankings.append(runner.search(engine, strategy, batch))
    assert listed(rankings[1], dataset.catalogue.ids) == listed(rankings[0], dataset.catalogue.ids)
    assert (rankings[0].codes != NO_HIT).any(axis=1).all()
