"""What a made data set costs, step by step, in a process of its own that prints JSON.

`python grow.py PART PRODUCTS [URL | FOLDER]`: `embedded` and `elasticsearch` index a generated catalogue and search it;
`make` writes a data set in the layouts `homedepot` and `files`, and vectors into a cache, and `homedepot`, `files`,
`check` and `vectors` go from there to the metrics. `make_own` writes products with eight fields of their own, and `own`
loads, indexes and searches them.
"""

import csv
import gc
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from time import perf_counter, process_time
from typing import Any

import numpy as np
import pandas as pd
import psutil
from helpers.shop import model, write_files

from relevance.check import check
from relevance.config.reading import read_config
from relevance.datasets import Source, load
from relevance.embeddings import Encoder
from relevance.engines import QueryBatch, choose
from relevance.engines.elasticsearch.engine import open_engine
from relevance.engines.elasticsearch.settings import Settings
from relevance.engines.embedded import EmbeddedEngine
from relevance.evaluation import evaluate
from relevance.fields import DEFAULT_FIELDS, index_body, own_fields
from relevance.records import Catalogue, Vectors, embedded_texts
from relevance.runner import latencies, search
from relevance.strategies import STRATEGIES, Strategy

DIMENSIONS = 384
WORDS = 50_000
STRATEGIES_TIMED = ("textsearch_boosted", "vectorsearch", "hybrid")
MEGABYTE = 1e6
SECONDS_BETWEEN_LOOKS = 0.005
PRODUCTS_A_QUERY = 10
RELEVANCE = ("1", "1.33", "1.67", "2", "2.33", "2.67", "3")
PROCESS = psutil.Process()


def zipf_texts(rng: Any, count: int, length: int) -> list[str]:
    """Texts of so many words, whose frequency falls with their rank."""
    shares = 1 / np.arange(1, WORDS + 1)
    chosen = np.searchsorted(np.cumsum(shares / shares.sum()), rng.random((count, length))).clip(max=WORDS - 1)
    words = np.array([f"w{rank:x}" for rank in range(WORDS)], dtype=object)
    return [" ".join(row) for row in words[chosen].tolist()]


def unit_vectors(rng: Any, count: int) -> Any:
    matrix = rng.standard_normal((count, DIMENSIONS), dtype=np.float32)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    return matrix


def own_memory() -> int:
    """The resident set without pages of files, which the system takes back when it needs them, in bytes."""
    memory = PROCESS.memory_info()
    return int(memory.rss - getattr(memory, "shared", 0))


@contextmanager
def watched() -> Iterator[list[int]]:
    """Keep the largest own memory, in bytes; the system's own figure would hold the parent's from before `exec`."""
    highest, ended = [0], Event()

    def watch() -> None:
        while not ended.wait(SECONDS_BETWEEN_LOOKS):
            highest[0] = max(highest[0], own_memory())

    thread = Thread(target=watch)
    thread.start()
    try:
        yield highest
    finally:
        ended.set()
        thread.join()
        highest[0] = max(highest[0], own_memory())


# growth of both engines


def made(products: int, queries: int) -> tuple[Catalogue, dict[tuple[str, str], Vectors], QueryBatch]:
    """Products of 8 + 40 words, 6 attributes and a vector each, and queries of as many dimensions."""
    rng = np.random.default_rng(products)
    ids = [f"p{number:07d}" for number in range(products)]
    titles, descriptions = zipf_texts(rng, products, 8), zipf_texts(rng, products, 40)
    frame = pd.DataFrame({"id": ids, "title": titles, "description": descriptions})
    owners = np.repeat(np.array(ids, dtype=object), 6)
    names = [f"name{number % 6}" for number in range(len(owners))]
    pairs = pd.DataFrame({"id": owners, "name": names, "value": zipf_texts(rng, len(owners), 2)})
    vectors = {("base", "whole"): Vectors(unit_vectors(rng, products), np.arange(products))}
    batch = QueryBatch(zipf_texts(rng, queries, 3), {"base": unit_vectors(rng, queries)})
    return Catalogue(frame, pairs), vectors, batch


def embedded(products: int) -> dict[str, object]:
    catalogue, vectors, batch = made(products, 200)
    before, start = own_memory(), perf_counter()
    with watched() as highest:
        engine = EmbeddedEngine.index(catalogue, text_fields=DEFAULT_FIELDS.text, vectors=vectors)
    taken = perf_counter() - start
    medians = {f"{name} p50 ms": latencies(engine, STRATEGIES[name], batch).p50_ms for name in STRATEGIES_TIMED}
    return {
        "products": products,
        "index s": taken,
        "inputs MB": before / MEGABYTE,
        "engine MB": (own_memory() - before) / MEGABYTE,
        "peak while indexing MB": highest[0] / MEGABYTE,
        **medians,
    }


def elasticsearch(products: int, url: str) -> dict[str, object]:
    """The costs of indexing, a row, and those of searching, a row for each strategy."""
    with open_engine(Settings(url, timeout=300), progress=False) as indexer:
        few, few_vectors, _ = made(50, 1)
        # what is loaded once is no part of the growth
        indexer.index(few, text_fields=DEFAULT_FIELDS.text, vectors=few_vectors, progress=False)
        catalogue, vectors, batch = made(products, 1_000)
        gc.collect()
        before, start = own_memory(), perf_counter()
        with watched() as highest:
            engine = indexer.index(catalogue, text_fields=DEFAULT_FIELDS.text, vectors=vectors, progress=False)
        taken = perf_counter() - start
        searching = [searched(engine, name, batch) for name in STRATEGIES_TIMED]
    row = {
        "products": products,
        "index s": taken,
        "products/s": products / taken,
        "inputs MB": before / MEGABYTE,
        "beside them at most MB": (highest[0] - before) / MEGABYTE,
    }
    return {"indexing": row, "searching": [{"products": products, **each} for each in searching]}


def searched(engine: Any, name: str, batch: QueryBatch) -> dict[str, object]:
    """Time single queries, and many at once, after a round that does not count."""
    strategy = STRATEGIES[name]
    part = batch[:200] if strategy.embeds else batch
    search(engine, strategy, part)
    start = perf_counter()
    search(engine, strategy, part)
    at_once = len(part) / (perf_counter() - start)
    single = latencies(engine, strategy, part)
    took = {"server's p50 ms": single.took_p50_ms, "server's p95 ms": single.took_p95_ms}
    return {"strategy": name, "p50 ms": single.p50_ms, "p95 ms": single.p95_ms, **took, "queries/s at once": at_once}


# a whole data set, from its files to the metrics


def write_csv(path: Path, header: str, rows: Iterable[tuple[object, ...]]) -> None:
    with path.open("w", encoding="latin-1", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow(header.split(","))
        writer.writerows(rows)


def make(products: int, where: str) -> None:
    """Products of 8 + 80 words and 8 attributes, each judged for one query, and a vector of each."""
    folder, rng = Path(where), np.random.default_rng(products)
    ids = [str(100_001 + number) for number in range(products)]
    titles, descriptions = zipf_texts(rng, products, 8), zipf_texts(rng, products, 80)
    values = zipf_texts(rng, products * 8, 3)
    asked = zipf_texts(rng, products // PRODUCTS_A_QUERY, 3)
    queries = [f"{text} q{number}" for number, text in enumerate(asked)]  # so that no two are one text
    grades = rng.integers(len(RELEVANCE), size=products).tolist()

    depot = folder / "homedepot"
    depot.mkdir(parents=True)
    rated = zip(range(products), ids, titles, queries * PRODUCTS_A_QUERY, (RELEVANCE[at] for at in grades), strict=True)
    write_csv(depot / "train.csv", "id,product_uid,product_title,search_term,relevance", rated)
    described = zip(ids, descriptions, strict=True)
    write_csv(depot / "product_descriptions.csv", "product_uid,product_description", described)
    attributes = ((ids[at // 8], f"name {at % 8}", value) for at, value in enumerate(values))
    write_csv(depot / "attributes.csv", "product_uid,name,value", attributes)

    dataset = load(source("homedepot", folder))
    write_files(folder / "files", dataset)
    encoder(folder).products(embedded_texts(dataset.catalogue, "whole"), label="made")


def source(layout: str, folder: Path) -> Source:
    return Source(layout, layout, folder / layout)


class MadeModel:
    """A model whose vectors are random: what is measured is all but the model."""

    device = "made"
    _rng = np.random.default_rng(1)

    def token_counts(self, texts: Sequence[str], side: str) -> list[int]:
        del side
        return [len(text.split()) for text in texts]

    def encode(self, texts: Sequence[str], side: str) -> Any:
        del side
        return unit_vectors(self._rng, len(texts))

    def copies(self, tokens: int) -> list["MadeModel"]:
        del tokens
        return []


def encoder(folder: Path) -> Encoder:
    of_as_many = replace(model("made"), dimensions=DIMENSIONS)
    return Encoder(of_as_many, folder / "cache", progress=False, load=lambda _: MadeModel())


class Steps:
    """Seconds and memory of steps that follow each other, as rows of a table."""

    def __init__(self) -> None:
        self.rows: list[dict[str, object]] = []

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        with watched() as highest:
            start = perf_counter()
            yield
            taken = perf_counter() - start
        after = own_memory() / MEGABYTE
        self.rows.append({"step": name, "s": taken, "peak MB": highest[0] / MEGABYTE, "after MB": after})


def text_steps(layout: str, folder: Path, steps: Steps) -> None:
    """From the files to the metrics of both text strategies; `files` is loaded only."""
    with steps.step(f"load {layout}"):
        dataset = load(source(layout, folder))
    with steps.step("hashes"):
        catalogue = dataset.catalogue
        _ = catalogue.sha256, dataset.queries.sha256, dataset.judgments.sha256(dataset.queries, catalogue)
    if layout == "files":
        return
    with steps.step("index 3 text fields"):
        engine = EmbeddedEngine.index(catalogue, text_fields=DEFAULT_FIELDS.text, vectors={})
    batch = QueryBatch(dataset.queries.texts)
    for name in ("textsearch", "textsearch_boosted"):
        with steps.step(f"{name}, {len(batch):,} queries"):
            ranking = search(engine, STRATEGIES[name], batch)
        with steps.step("evaluate"):
            evaluate(ranking, dataset.judgments, n_products=len(catalogue))


def check_steps(folder: Path, steps: Steps) -> None:
    """`relevance check` of both layouts, for the text strategies."""
    for layout in ("homedepot", "files"):
        options = {"dataset": f"{layout}:{folder / layout}", "strategy": ["textsearch", "textsearch_boosted"]}
        config = read_config(options=options, environ={}, file=None, root=folder)
        with steps.step(f"check {layout}"):
            problems = check(config).problems
        assert not problems, problems


def vector_steps(folder: Path, steps: Steps) -> None:
    """Vectors of the whole texts: from the cache, into the index, searched."""
    with steps.step("load files and join their texts"):
        catalogue = load(source("files", folder)).catalogue
        texts = embedded_texts(catalogue, "whole")
    with steps.step(f"read {len(texts):,} vectors"):
        vectors = encoder(folder).products(texts, label="made")
    with steps.step("index them"):
        engine = EmbeddedEngine.index(catalogue, text_fields=(), vectors={("base", "whole"): vectors})
    batch = QueryBatch([""] * 1_000, {"base": unit_vectors(np.random.default_rng(2), 1_000)})
    with steps.step("vectorsearch, 1,000 queries"):
        search(engine, STRATEGIES["vectorsearch"], batch)


def in_steps(measure: Callable[..., None], *first: str) -> Callable[[int, str], list[dict[str, object]]]:
    def rows(products: int, folder: str) -> list[dict[str, object]]:
        steps = Steps()
        with steps.step("start"):
            pass
        measure(*first, Path(folder), steps)
        return [{"products": products, **row} for row in steps.rows]

    return rows


# fields of one's own

_STEMMED = ["lowercase", "shop_stemmer"]
OWN_BODY: dict[str, Any] = {
    "settings": {
        "analysis": {
            "filter": {
                "shop_stemmer": {"type": "stemmer", "language": "porter2"},
                "shop_synonyms": {"type": "synonym_graph", "synonyms": ["w1, w2a w3b", "wf => we"]},
            },
            "analyzer": {
                "stemmed": {"tokenizer": "standard", "filter": _STEMMED},
                "asked": {"tokenizer": "standard", "filter": ["shop_synonyms", *_STEMMED]},
            },
        }
    },
    "mappings": {
        "properties": {
            "name": {
                "type": "text",
                "analyzer": "stemmed",
                "search_analyzer": "asked",
                "copy_to": "everything",
                "fields": {"plain": {"type": "text"}},
            },
            "brand": {"type": "keyword", "normalizer": "lowercase", "copy_to": "everything"},
            "description": {"type": "text", "analyzer": "english"},
            "price": {"type": "double"},
            "sales": {"type": "integer"},
            "added": {"type": "date"},
            "facets": {"type": "nested", "properties": {"name": {"type": "keyword"}, "value": {"type": "text"}}},
            "everything": {"type": "text"},
        }
    },
}
OWN_SEARCH: dict[str, Any] = {
    "query": {
        "bool": {
            "must": [
                {
                    "multi_match": {
                        "query": "{{query}}",
                        "fields": ["name^3", "name.plain", "description", "everything"],
                        "tie_breaker": 0.3,
                    }
                }
            ],
            "should": [
                {"match_phrase": {"name": "{{query}}"}},
                {"nested": {"path": "facets", "query": {"match": {"facets.value": "{{query}}"}}}},
                {"range": {"added": {"gte": "2024-01-01", "boost": 0.5}}},
                {"term": {"brand": {"value": "brand 1", "boost": 2}}},
            ],
            "filter": [{"range": {"price": {"lt": 900}}}],
        }
    },
    "rescore": {
        "window_size": 50,
        "query": {
            "rescore_query": {
                "function_score": {"field_value_factor": {"field": "sales", "modifier": "ln1p"}},
            }
        },
    },
}


def make_own(products: int, where: str) -> None:
    """Products with eight fields: 8 + 40 words, 6 small documents of 2 words, a brand, numbers and a date."""
    folder, rng = Path(where) / "own", np.random.default_rng(products)
    folder.mkdir(parents=True)
    names, descriptions = zipf_texts(rng, products, 8), zipf_texts(rng, products, 40)
    values, brands = zipf_texts(rng, products * 6, 2), rng.integers(500, size=products).tolist()
    prices, sales = (rng.random(products) * 1_000).round(2).tolist(), rng.integers(10_000, size=products).tolist()
    days = (np.datetime64("2020-01-01") + rng.integers(2_000, size=products)).astype(str).tolist()
    ids = [f"p{number:07d}" for number in range(products)]
    with (folder / "products.jsonl").open("w", encoding="utf-8") as file:
        for at, identifier in enumerate(ids):
            facets = [{"name": f"name {one}", "value": values[6 * at + one]} for one in range(6)]
            product = {"id": identifier, "name": names[at], "brand": f"Brand {brands[at]}", "price": prices[at]}
            product |= {"description": descriptions[at], "sales": sales[at], "added": days[at], "facets": facets}
            file.write(f"{json.dumps(product)}\n")
    queries = zipf_texts(rng, 200, 3)
    (folder / "queries.tsv").write_text("".join(f"q{at}\t{text}\n" for at, text in enumerate(queries)))
    judged = zip(range(200), rng.choice(ids, 200).tolist(), strict=True)
    (folder / "qrels.txt").write_text("".join(f"q{at} 0 {product} 1\n" for at, product in judged))


def own(products: int, where: str) -> dict[str, object]:
    """Load the products of `make_own`, index and search them in this process."""
    fields = own_fields(index_body(OWN_BODY, "index.json"))
    before, start = own_memory(), process_time()
    with watched() as loading:
        dataset = load(Source("own", "files", Path(where) / "own", fields=fields))
    loaded, inputs = process_time(), own_memory()
    strategy = Strategy("shop", template=OWN_SEARCH, fields=fields)
    batch = QueryBatch(dataset.queries.texts)
    with watched() as indexing, choose("embedded", Settings(), [strategy], fields).open(progress=False) as indexer:
        chosen = process_time()
        engine = indexer.index(dataset.catalogue, text_fields=fields.text, vectors={}, progress=False)
        indexed = process_time()
        search(engine, strategy, batch[:1])
        first = process_time()
    search(engine, strategy, batch)
    single = latencies(engine, strategy, batch)
    return {
        "products": products,
        "load s": loaded - start,
        "index s": indexed - chosen,
        "first search s": first - indexed,
        "p50 ms": single.p50_ms,
        "p95 ms": single.p95_ms,
        "loaded MB": (inputs - before) / MEGABYTE,
        "peak while loading MB": loading[0] / MEGABYTE,
        "index MB": (own_memory() - inputs) / MEGABYTE,
        "peak while indexing MB": indexing[0] / MEGABYTE,
    }


PARTS: dict[str, Callable[..., object]] = {
    "embedded": embedded,
    "elasticsearch": elasticsearch,
    "make": make,
    "make_own": make_own,
    "own": own,
    "homedepot": in_steps(text_steps, "homedepot"),
    "files": in_steps(text_steps, "files"),
    "check": in_steps(check_steps),
    "vectors": in_steps(vector_steps),
}

if __name__ == "__main__":
    part, count, *more = sys.argv[1:]
    print(json.dumps(PARTS[part](int(count), *more)))  # noqa: T201 - the parent reads it
