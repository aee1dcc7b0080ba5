"""What a data set of a size costs, step by step, each part in a process of its own.

`python scale.py make|text|vectors|peak PRODUCTS FOLDER`: `make` writes a data set in the Home Depot layout and vectors
of its products into a cache, the others print a JSON object of costs.
"""

from __future__ import annotations

import csv
import json
import sys
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from time import perf_counter
from typing import TYPE_CHECKING, NoReturn

import numpy as np
import psutil
from grow import unit_vectors, zipf_texts

from relevance.datasets import load
from relevance.embeddings import Encoder, Model
from relevance.engines.base import QueryBatch
from relevance.engines.embedded import EmbeddedEngine
from relevance.evaluation import evaluate
from relevance.fields import TEXT_FIELDS, embedded_texts
from relevance.runner import search
from relevance.strategies import STRATEGIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from relevance.records import Dataset

TITLE, DESCRIPTION, VALUE, QUERY = 8, 80, 3, 3
ATTRIBUTES = 8
PRODUCTS_A_QUERY = 10
RELEVANCE = ("1", "1.33", "1.67", "2", "2.33", "2.67", "3")
SHARD = 1024
MEGABYTE = 1e6
SECONDS_BETWEEN_LOOKS = 0.005
MODEL = Model(
    name="made", path=Path("made"), weights=Path("made/w"), sha256="0" * 64, fingerprint="f" * 64,
    dimensions=384, prompt="", max_tokens=256, device=None,
)  # fmt: skip


class Steps:
    """Times steps and the most memory that each needs."""

    def __init__(self) -> None:
        self.costs: dict[str, float] = {}
        self._process = psutil.Process()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Keep seconds, the highest memory while the step ran and the memory after it, in MB."""
        highest, ended = [self._own()], Event()

        def watch() -> None:
            while not ended.wait(SECONDS_BETWEEN_LOOKS):
                highest[0] = max(highest[0], self._own())

        thread = Thread(target=watch)
        thread.start()
        start = perf_counter()
        try:
            yield
        finally:
            taken = perf_counter() - start
            ended.set()
            thread.join()
        after = self._own()
        self.costs[f"{name} s"] = taken
        self.costs[f"{name} peak MB"] = max(highest[0], after) / MEGABYTE
        self.costs[f"{name} MB"] = after / MEGABYTE

    def _own(self) -> int:
        """The resident set without pages of files, which the system takes back when it needs them."""
        memory = self._process.memory_info()
        return int(memory.rss - getattr(memory, "shared", 0))


def write_csv(path: Path, header: tuple[str, ...], rows: Iterator[tuple[object, ...]]) -> None:
    """Write a file of the Home Depot layout."""
    with path.open("w", encoding="latin-1", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow(header)
        writer.writerows(rows)


def make_files(products: int, folder: Path) -> None:
    """Write products, each judged for one query, and as many queries as a tenth of the products."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(products)
    ids = [str(100_001 + number) for number in range(products)]
    titles = zipf_texts(rng, products, TITLE)
    # the number keeps two queries from being one text
    asked = zipf_texts(rng, products // PRODUCTS_A_QUERY, QUERY)
    queries = [f"{text} q{number}" for number, text in enumerate(asked)]
    grades = rng.integers(len(RELEVANCE), size=products).tolist()
    rows = zip(range(products), ids, titles, queries * PRODUCTS_A_QUERY, (RELEVANCE[at] for at in grades), strict=True)
    write_csv(folder / "train.csv", ("id", "product_uid", "product_title", "search_term", "relevance"), rows)
    texts = zipf_texts(rng, products, DESCRIPTION)
    header = ("product_uid", "product_description")
    write_csv(folder / "product_descriptions.csv", header, zip(ids, texts, strict=True))
    values = zipf_texts(rng, products * ATTRIBUTES, VALUE)
    attributes = ((ids[at // ATTRIBUTES], f"name {at % ATTRIBUTES}", value) for at, value in enumerate(values))
    write_csv(folder / "attributes.csv", ("product_uid", "name", "value"), attributes)
