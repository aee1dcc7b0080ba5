"""Indexes a generated catalogue in a process of its own and prints its costs as JSON: `python grow.py PRODUCTS`."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from threading import Event, Thread
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import psutil

from relevance.engines import QueryBatch
from relevance.engines.embedded import EmbeddedEngine
from relevance.records import Catalogue, Vectors
from relevance.runner import latencies
from relevance.strategies import STRATEGIES, TEXT_FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from relevance.engines import VectorField

DIMENSIONS = 384
WORDS = 50_000
TITLE, DESCRIPTION, VALUE, QUERY = 8, 40, 2, 3
ATTRIBUTES = 6
QUERIES = 200
STRATEGIES_TIMED = ("textsearch_boosted", "vectorsearch", "hybrid")
MEGABYTE = 1e6
SECONDS_BETWEEN_LOOKS = 0.005


def zipf_texts(rng: np.random.Generator, count: int, length: int) -> list[str]:
    """Return texts of `length` words, whose frequency falls with their rank."""
    shares = 1 / np.arange(1, WORDS + 1)
    chosen = np.searchsorted(np.cumsum(shares / shares.sum()), rng.random((count, length))).clip(max=WORDS - 1)
    words = np.array([f"w{rank:x}" for rank in range(WORDS)], dtype=object)
    return [" ".join(row) for row in words[chosen].tolist()]


def unit_vectors(rng: np.random.Generator, count: int) -> np.ndarray:
    """Return made vectors, shape (count, dimensions), float32, of unit length."""
    matrix = rng.standard_normal((count, DIMENSIONS), dtype=np.float32)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    return matrix


def catalogue_of(rng: np.random.Generator, products: int) -> Catalogue:
    """Return products with title, description and attributes."""
    ids = [f"p{number:07d}" for number in range(products)]
    titles, descriptions = zipf_texts(rng, products, TITLE), zipf_texts(rng, products, DESCRIPTION)
    frame = pd.DataFrame({"id": ids, "title": titles, "description": descriptions})
    owners = np.repeat(np.array(ids, dtype=object), ATTRIBUTES)
    names = [f"name{number % ATTRIBUTES}" for number in range(len(owners))]
    values = zipf_texts(rng, len(owners), VALUE)
    return Catalogue(frame, pd.DataFrame({"id": owners, "name": names, "value": values}))


def own_memory(process: psutil.Process) -> int:
    """The resident set without pages of files, which the system takes back when it needs them, in bytes."""
    memory = process.memory_info()
    return int(memory.rss - getattr(memory, "shared", 0))


@contextmanager
def watched(process: psutil.Process) -> Iterator[list[int]]:
    """Keep the largest own memory, in bytes; the system's own figure would hold the parent's from before `exec`."""
    highest, ended = [0], Event()

    def watch() -> None:
        while not ended.wait(SECONDS_BETWEEN_LOOKS):
            highest[0] = max(highest[0], own_memory(process))

    thread = Thread(target=watch)
    thread.start()
    try:
        yield highest
    finally:
        ended.set()
        thread.join()
        highest[0] = max(highest[0], own_memory(process))


def made(products: int, queries: int) -> tuple[Catalogue, dict[VectorField, Vectors], QueryBatch]:
    """Return products with a vector each, and queries of as many dimensions."""
    rng = np.random.default_rng(products)
    catalogue = catalogue_of(rng, products)
    vectors = {("base", "whole"): Vectors(unit_vectors(rng, products), np.arange(products))}
    return catalogue, vectors, QueryBatch(zipf_texts(rng, queries, QUERY), {"base": unit_vectors(rng, queries)})


def costs(products: int) -> dict[str, object]:
    """Return index time, memory and the median time of a single query for each strategy."""
    catalogue, vectors, batch = made(products, QUERIES)
    process = psutil.Process()
    before = own_memory(process)
    start = perf_counter()
    with watched(process) as highest:
        engine = EmbeddedEngine.index(catalogue, text_fields=TEXT_FIELDS, vectors=vectors)
    taken = perf_counter() - start
    medians = {f"{name} p50 ms": latencies(engine, STRATEGIES[name], batch).p50_ms for name in STRATEGIES_TIMED}
    return {
        "products": products,
        "index s": taken,
        "inputs MB": before / MEGABYTE,
        "engine MB": (own_memory(process) - before) / MEGABYTE,
        "peak while indexing MB": highest[0] / MEGABYTE,
        **medians,
    }


if __name__ == "__main__":
    print(json.dumps(costs(int(sys.argv[1]))))  # noqa: T201 - the parent reads it
