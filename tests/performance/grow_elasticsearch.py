"""Indexes a generated catalogue on a server in a process of its own and prints its costs as JSON.

`python grow_elasticsearch.py URL PRODUCTS`
"""

from __future__ import annotations

import gc
import json
import sys
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

import psutil
from grow import MEGABYTE, STRATEGIES_TIMED, made, own_memory, watched

from relevance.engines.elasticsearch import index as indexing
from relevance.engines.elasticsearch.client import connect
from relevance.engines.elasticsearch.engine import ElasticsearchEngine
from relevance.engines.elasticsearch.settings import Settings
from relevance.runner import latencies, search
from relevance.strategies import STRATEGIES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relevance.engines import Engine, QueryBatch, VectorField
    from relevance.engines.elasticsearch.client import Connection
    from relevance.engines.elasticsearch.mapping import SearchedIndex
    from relevance.records import Catalogue, Vectors

QUERIES, VECTOR_QUERIES = 1_000, 200
TIMEOUT_S = 300


def indexed(connection: Connection, catalogue: Catalogue, vectors: Mapping[VectorField, Vectors]) -> SearchedIndex:
    """Index without a progress bar."""
    return indexing.make(connection, catalogue, vectors=vectors, settings=Settings(), progress=False)


def costs(url: str, products: int) -> dict[str, object]:
    """Return the costs of indexing, a row, and those of searching, a row for each strategy."""
    connection = connect(Settings(url, timeout=TIMEOUT_S))
    indexing.remove(
        connection, indexed(connection, *made(50, 1)[:2]).name
    )  # what is loaded once is no part of the growth
    catalogue, vectors, batch = made(products, QUERIES)
    gc.collect()
    process = psutil.Process()
    before, start = own_memory(process), perf_counter()
    with watched(process) as highest:
        index = indexed(connection, catalogue, vectors)
    taken = perf_counter() - start
    engine = ElasticsearchEngine(
        connection, index, catalogue, on_close=partial(indexing.remove, connection, index.name)
    )
    try:
        searching = [searched(engine, name, batch) for name in STRATEGIES_TIMED]
    finally:
        engine.close()
    row = {
        "index s": taken,
        "products/s": products / taken,
        "inputs MB": before / MEGABYTE,
        "beside them at most MB": (highest[0] - before) / MEGABYTE,
    }
    return {"indexing": row, "searching": searching}


def searched(engine: Engine, name: str, batch: QueryBatch) -> dict[str, object]:
    """Time single queries, and many at once, after a round that does not count."""
    strategy = STRATEGIES[name]
    part = batch[: VECTOR_QUERIES if strategy.embeds else QUERIES]
    search(engine, strategy, part)
    start = perf_counter()
    search(engine, strategy, part)
    at_once = len(part) / (perf_counter() - start)
    single = latencies(engine, strategy, part)
    took = {"server's p50 ms": single.took_p50_ms, "server's p95 ms": single.took_p95_ms}
    return {"strategy": name, "p50 ms": single.p50_ms, "p95 ms": single.p95_ms, **took, "queries/s at once": at_once}


if __name__ == "__main__":
    print(json.dumps(costs(sys.argv[1], int(sys.argv[2]))))  # noqa: T201 - the parent reads it
