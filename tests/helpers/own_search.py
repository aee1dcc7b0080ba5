"""A shop with eight fields of its own: the body of its index, its products in every format, and its search."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from helpers import shop
from relevance import engines
from relevance.datasets import Source, load
from relevance.engines.elasticsearch.settings import Settings
from relevance.fields import index_body, own_fields
from relevance.records import Dataset
from relevance.strategies import Strategy
from relevance.suite import Plan

BODY: dict[str, Any] = {
    "settings": {
        "analysis": {
            "filter": {"shop_synonyms": {"type": "synonym_graph", "synonyms": ["couch, sofa", "telly => television"]}},
            "analyzer": {
                "shop": {"tokenizer": "standard", "filter": ["lowercase", "porter_stem"]},
                "shop_search": {"tokenizer": "standard", "filter": ["lowercase", "shop_synonyms", "porter_stem"]},
            },
            "normalizer": {"folded": {"type": "custom", "filter": ["lowercase"]}},
        }
    },
    "mappings": {
        "properties": {
            "name": {
                "type": "text",
                "analyzer": "shop",
                "search_analyzer": "shop_search",
                "fields": {"plain": {"type": "text"}},
            },
            "brand": {"type": "text"},
            "category": {"type": "keyword", "normalizer": "folded"},
            "price": {"type": "double"},
            "sales": {"type": "integer"},
            "visible": {"type": "boolean"},
            "added": {"type": "date"},
            "facets": {
                "type": "nested",
                "properties": {"name": {"type": "keyword"}, "value": {"type": "text"}},
            },
        }
    },
}

SEARCH: dict[str, Any] = {
    "query": {
        "bool": {
            "must": [
                {
                    "multi_match": {
                        "query": "{{query}}",
                        "fields": ["name^3", "name.plain", "brand^2"],
                        "type": "best_fields",
                        "tie_breaker": 0.3,
                    }
                }
            ],
            "should": [
                {"nested": {"path": "facets", "query": {"match": {"facets.value": "{{query}}"}}}},
                {"range": {"price": {"lt": 200, "boost": 0.5}}},
            ],
            "filter": [{"term": {"visible": True}}],
        }
    }
}

_MATCH = SEARCH["query"]["bool"]["must"][0]["multi_match"]
SCORED: dict[str, Any] = {
    "query": {
        "function_score": {
            "query": {
                "bool": {
                    "must": [{"multi_match": {**_MATCH, "minimum_should_match": "100%"}}],
                    "filter": [{"term": {"visible": True}}, {"term": {"category": "{{params.category?}}"}}],
                }
            },
            "field_value_factor": {"field": "sales", "modifier": "ln1p"},
        }
    }
}

PRODUCTS: list[dict[str, Any]] = [
    {"sku": "p1", "name": "Grey sofas for two", "brand": "Lund", "category": "Seating", "price": 499.0, "sales": 12,
     "visible": True, "added": "2024-05-01", "facets": [{"name": "colour", "value": "grey"}]},
    {"sku": "p2", "name": "Leather couch", "brand": "Lund", "category": "Seating", "price": 899.5, "sales": 3,
     "visible": True, "added": "2023-01-31",
     "facets": [{"name": "colour", "value": "brown"}, {"name": "seats", "value": "3"}]},
    {"sku": "p3", "name": "Couch cover, grey", "brand": "Haus", "category": "Textiles", "price": 39, "sales": 120,
     "visible": True, "added": "2024-02-29", "facets": [{"name": "colour", "value": "grey"}]},
    {"sku": "p4", "name": "Grey sofa, old", "brand": "Lund", "category": "Seating", "price": 99, "sales": 0,
     "visible": False, "added": "2020-02-02"},
    {"sku": "p5", "name": "Television stand", "brand": "Grey & Sons", "category": "Tables", "price": 150, "sales": 44,
     "visible": True, "added": "2024-06-06", "facets": []},
    {"sku": "p6", "name": "Lamp", "brand": "Haus", "price": 20, "sales": 7, "visible": True},
]  # fmt: skip
QUERIES = {"q1": "grey sofa", "q2": "couches", "q3": "telly", "q4": "lund", "q5": "grey"}
QRELS = [("q1", "p1", 2), ("q1", "p3", 1), ("q2", "p2", 2), ("q3", "p5", 2), ("q4", "p1", 1), ("q5", "p5", 1)]


def write(folder: Path, products: str = "products.jsonl") -> Path:
    """The data set `files` in a folder, its products in a file of this name."""
    folder.mkdir(parents=True, exist_ok=True)
    if products.endswith(("jsonl", "ndjson")):
        text = "".join(f"{json.dumps(product)}\n" for product in PRODUCTS)
    else:
        rows = io.StringIO()
        table = csv.DictWriter(rows, list(PRODUCTS[0]), delimiter="\t" if products.endswith("tsv") else ",")
        table.writeheader()
        table.writerows({name: _cell(value) for name, value in product.items()} for product in PRODUCTS)
        text = rows.getvalue()
    (folder / products).write_text(text, encoding="utf-8")
    (folder / "queries.tsv").write_text("".join(f"{name}\t{text}\n" for name, text in QUERIES.items()))
    (folder / "qrels.txt").write_text("".join(f"{query} 0 {product} {grade}\n" for query, product, grade in QRELS))
    return folder


def _cell(value: Any) -> Any:
    return value if isinstance(value, str) else json.dumps(value)


def dataset(folder: Path, products: str = "products.jsonl", body: dict[str, Any] = BODY) -> Dataset:
    fields = own_fields(index_body(body, "index.json"))
    source = Source("shop", "files", write(folder, products), columns={"id": "sku"}, fields=fields)
    return load(source)


def plan(  # noqa: PLR0913 - what decides it
    folder: Path,
    search: dict[str, Any],
    body: dict[str, Any] = BODY,
    *,
    engine: str = "embedded",
    settings: Settings = Settings(),  # noqa: B008 - frozen
    release: int = 9,
) -> Plan:
    """Of one strategy, the search body."""
    own = dataset(folder, body=body)
    fields = own.catalogue.fields
    strategies = (Strategy("shop", template=search, fields=fields),)
    choice = engines.choose(engine, settings, strategies, fields, release)
    unlike = shop.plan(["textsearch"])
    return replace(unlike, dataset=own, strategies=strategies, text_fields=tuple(fields.text), engine=choice)
