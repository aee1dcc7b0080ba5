"""Fusion by a server's own retriever: the request, what comes back beside our fusion, and a server that has none."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from helpers import shop
from helpers.retrievers import with_retrievers

from relevance import runner
from relevance.engines import QueryBatch
from relevance.engines.elasticsearch.engine import open_engine
from relevance.engines.elasticsearch.settings import Settings
from relevance.errors import StrategyError
from relevance.strategies import STRATEGIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from parity.server import ReferenceServer

    from relevance.engines import Engine

QUERIES = 12
RRF = replace(STRATEGIES["rrf_multi"], fusion="server")
STRATEGIES_TRIED = [
    replace(STRATEGIES["rrf"], fusion="server"),
    RRF,
    replace(RRF, weights={"text": 3, "title": 0.5}, window=20),
    *(
        replace(RRF, combine="linear", normalizer=normalizer, weights={"text": 2}, window=window)
        for normalizer in ("minmax", "l2", "none")
        for window in (20, 50)
    ),
]


@contextmanager
def indexed(url: str) -> Iterator[tuple[Engine, QueryBatch]]:
    dataset = shop.shop()
    vectors = {("base", name): shop.vectors(name) for name in ("whole", "title", "description", "attributes")}
    texts = dataset.queries.texts[:QUERIES]
    batch = QueryBatch(texts, {"base": shop.rows_of(texts)}, ids=dataset.queries.ids[:QUERIES])
    with open_engine(Settings(url=url), progress=False) as indexer:
        engine = indexer.index(dataset.catalogue, text_fields=(), vectors=vectors, progress=False)
        yield engine, batch


def test_lists_are_those_of_our_fusion(reference: ReferenceServer) -> None:
    """Behind a stand-in for the retrievers, which this server lacks: the requests and their lists are real."""
    differing = compared = 0
    with with_retrievers(reference.url) as url, indexed(url) as (engine, batch):
        for strategy in STRATEGIES_TRIED:
            hits = min(strategy.window, 20)
            ours = runner.search(engine, replace(strategy, fusion="ours"), batch, hits=hits)
            theirs = runner.search(engine, strategy, batch, hits=hits)
            rows = zip(ours.codes.tolist(), theirs.codes.tolist(), strict=True)
            compared += len(batch)
            differing += sum(one != other for one, other in rows)
            assert abs(ours.scores[ours.codes >= 0] - theirs.scores[ours.codes >= 0]).max() < 1e-6
    assert compared == len(STRATEGIES_TRIED) * QUERIES
    assert differing == 0


def test_a_server_without_the_retriever_is_one_line(reference: ReferenceServer) -> None:
    with indexed(reference.url) as (engine, batch), pytest.raises(StrategyError) as caught:
        runner.search(engine, RRF, batch)
    line = str(caught.value)
    assert 'a release and a licence with the retriever rrf, or fusion = "ours"' in line
    assert "\n" not in line
