"""What a made data set costs, step by step, in a process of its own.

`python scale.py make PRODUCTS FOLDER` writes it in the layouts `homedepot` and `files`, and vectors into a cache;
`python scale.py homedepot|files|check|vectors PRODUCTS FOLDER` prints the costs of that part as JSON.
"""

from __future__ import annotations

import csv
import json
import sys
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import psutil
from grow import DIMENSIONS, MEGABYTE, own_memory, unit_vectors, watched, zipf_texts

from relevance.check import check
from relevance.config.reading import read_config
from relevance.datasets import Source, load
from relevance.embeddings import Encoder, Model
from relevance.engines import QueryBatch
from relevance.engines.embedded import EmbeddedEngine
from relevance.evaluation import evaluate
from relevance.records import embedded_texts
from relevance.runner import search
from relevance.strategies import STRATEGIES, TEXT_FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

TITLE, DESCRIPTION, VALUE, QUERY = 8, 80, 3, 3
ATTRIBUTES = 8
PRODUCTS_A_QUERY = 10
VECTOR_QUERIES = 1_000
RELEVANCE = ("1", "1.33", "1.67", "2", "2.33", "2.67", "3")
TEXT_STRATEGIES = ("textsearch", "textsearch_boosted")
MODEL = Model(
    name="made", path=Path("made"), sha256="0" * 64, fingerprint="f" * 64,
    dimensions=DIMENSIONS, max_tokens=256,
)  # fmt: skip


class MadeModel:
    """A model whose vectors are random: what is measured is all but the model."""

    device = "made"

    def __init__(self) -> None:
        self._rng = np.random.default_rng(1)

    def token_counts(self, texts: Sequence[str], side: str) -> list[int]:
        """Words."""
        del side
        return [len(text.split()) for text in texts]

    def encode(self, texts: Sequence[str], side: str) -> np.ndarray:
        """Made vectors."""
        del side
        return unit_vectors(self._rng, len(texts))

    def copies(self, tokens: int) -> list[MadeModel]:
        """None."""
        del tokens
        return []


class Steps:
    """Seconds and memory of steps that follow each other, as rows of a table."""

    def __init__(self) -> None:
        self.rows: list[dict[str, object]] = []
        self._process = psutil.Process()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step and watch its memory."""
        with watched(self._process) as highest:
            start = perf_counter()
            yield
            taken = perf_counter() - start
        after = own_memory(self._process)
        self.rows.append({"step": name, "s": taken, "peak MB": highest[0] / MEGABYTE, "after MB": after / MEGABYTE})


def write_csv(path: Path, header: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
    """Write a file of the Home Depot layout."""
    with path.open("w", encoding="latin-1", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow(header)
        writer.writerows(rows)


def make(products: int, folder: Path) -> None:
    """Write products, each judged for one query, in both layouts, and a vector of each into a cache."""
    rng = np.random.default_rng(products)
    ids = [str(100_001 + number) for number in range(products)]
    titles, descriptions = zipf_texts(rng, products, TITLE), zipf_texts(rng, products, DESCRIPTION)
    values = zipf_texts(rng, products * ATTRIBUTES, VALUE)
    asked = zipf_texts(rng, products // PRODUCTS_A_QUERY, QUERY)
    queries = [f"{text} q{number}" for number, text in enumerate(asked)]  # so that no two are one text
    grades = rng.integers(len(RELEVANCE), size=products).tolist()

    depot = folder / "homedepot"
    depot.mkdir(parents=True)
    rated = zip(range(products), ids, titles, queries * PRODUCTS_A_QUERY, (RELEVANCE[at] for at in grades), strict=True)
    write_csv(depot / "train.csv", ("id", "product_uid", "product_title", "search_term", "relevance"), rated)
    write_csv(
        depot / "product_descriptions.csv", ("product_uid", "product_description"), zip(ids, descriptions, strict=True)
    )
    attributes = ((ids[at // ATTRIBUTES], f"name {at % ATTRIBUTES}", value) for at, value in enumerate(values))
    write_csv(depot / "attributes.csv", ("product_uid", "name", "value"), attributes)

    own = folder / "files"
    own.mkdir()
    with (own / "products.jsonl").open("w", encoding="utf-8") as file:
        for at, (product, title, description) in enumerate(zip(ids, titles, descriptions, strict=True)):
            part = values[at * ATTRIBUTES : (at + 1) * ATTRIBUTES]
            named = {f"name {number}": value for number, value in enumerate(part)}
            row = {"id": product, "title": title, "description": description, "attributes": named}
            file.write(json.dumps(row) + "\n")
    rows = zip(queries * PRODUCTS_A_QUERY, ids, (grade // 3 for grade in grades), strict=True)
    write_csv(own / "judgments.csv", ("query", "product", "grade"), rows)

    texts = embedded_texts(load(source("homedepot", folder)).catalogue, "whole")
    Encoder(MODEL, folder / "cache", progress=False, load=lambda _: MadeModel()).products(texts, label="made")


def source(layout: str, folder: Path) -> Source:
    """Where `make` wrote a layout."""
    return Source(layout, layout, folder / layout)


def measure_text(layout: str, folder: Path, steps: Steps) -> None:
    """From the files to the metrics of both text strategies; `files` is loaded only."""
    with steps.step(f"load {layout}"):
        dataset = load(source(layout, folder))
    with steps.step("hashes"):
        catalogue = dataset.catalogue
        _ = catalogue.sha256, dataset.queries.sha256, dataset.judgments.sha256(dataset.queries, catalogue)
    if layout == "files":
        return
    with steps.step("index 3 text fields"):
        engine = EmbeddedEngine.index(catalogue, text_fields=TEXT_FIELDS, vectors={})
    batch = QueryBatch(dataset.queries.texts)
    for name in TEXT_STRATEGIES:
        with steps.step(f"{name}, {len(batch):,} queries"):
            ranking = search(engine, STRATEGIES[name], batch)
        with steps.step("evaluate"):
            evaluate(ranking, dataset.judgments, n_products=len(catalogue))


def measure_check(folder: Path, steps: Steps) -> None:
    """`relevance check` of both layouts, for the text strategies."""
    for layout in ("homedepot", "files"):
        options = {"dataset": f"{layout}:{folder / layout}", "strategy": list(TEXT_STRATEGIES)}
        config = read_config(options=options, environ={}, file=None, root=folder)
        with steps.step(f"check {layout}"):
            findings = check(config)
        if findings.problems:
            raise AssertionError(findings.problems)


def measure_vectors(folder: Path, steps: Steps) -> None:
    """Vectors of the whole texts: from the cache, into the index, searched."""
    with steps.step("load files and join their texts"):
        catalogue = load(source("files", folder)).catalogue
        texts = embedded_texts(catalogue, "whole")
    encoder = Encoder(MODEL, folder / "cache", progress=False)
    with steps.step(f"read {len(texts):,} vectors"):
        vectors = encoder.products(texts, label="made")
    with steps.step("index them"):
        engine = EmbeddedEngine.index(catalogue, text_fields=(), vectors={("base", "whole"): vectors})
    batch = QueryBatch([""] * VECTOR_QUERIES, {"base": unit_vectors(np.random.default_rng(2), VECTOR_QUERIES)})
    with steps.step(f"vectorsearch, {VECTOR_QUERIES:,} queries"):
        search(engine, STRATEGIES["vectorsearch"], batch)


def main(part: str, products: int, folder: Path) -> None:
    """Run one part."""
    if part == "make":
        make(products, folder)
        return
    steps = Steps()
    with steps.step("start"):
        pass
    if part == "check":
        measure_check(folder, steps)
    elif part == "vectors":
        measure_vectors(folder, steps)
    else:
        measure_text(part, folder, steps)
    print(json.dumps(steps.rows))  # noqa: T201 - the parent reads it


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
