"""The sample as a shop with an index body, a search body and parameters of its own; what it lacks is drawn."""

import json
from pathlib import Path
from random import Random
from typing import Any

from relevance.records import Dataset

RULES = (
    "sofa, couch, settee", "rug, carpet", "faucet, tap", "wrench, spanner", "flashlight, torch",
    "lawn mower, lawnmower", "dresser, chest of drawers", "refrigerator, fridge", "nightstand, bedside table",
    "bookcase, book shelf", "trash can, bin", "outlet, socket", "drapes, curtain", "sander, sanding machine",
    "caulk, sealant", "grill, barbecue", "vacuum cleaner, hoover", "light bulb, lightbulb, lamp", "pliers, pincers",
    "cord, cable, lead",
)  # fmt: skip
_PLAIN, _RAW = {"plain": {"type": "text"}}, {"raw": {"type": "keyword"}}
_FIELDS = {
    "name": {"type": "text", "analyzer": "usual", "search_analyzer": "with_synonyms", "fields": _PLAIN},
    "description": {"type": "text", "analyzer": "with_synonyms", "search_analyzer": "usual"},
    "brand": {"type": "text", "fields": _RAW},
    "details": {"type": "text", "analyzer": "usual"},
    "price": {"type": "double"},
    "sales": {"type": "integer"},
    "visible": {"type": "boolean"},
}
INDEX: dict[str, Any] = {
    "settings": {
        "analysis": {
            "filter": {"listed": {"type": "synonym_graph", "synonyms": list(RULES)}},
            "analyzer": {
                "usual": {"tokenizer": "standard", "filter": ["lowercase", "stop", "porter_stem"]},
                "with_synonyms": {"tokenizer": "standard", "filter": ["lowercase", "listed", "stop", "porter_stem"]},
            },
        }
    },
    "mappings": {"properties": _FIELDS},
}
_MATCH = {
    "query": "{{query}}",
    "fields": ["name^3", "name.plain", "brand^2", "details", "description"],
    "tie_breaker": 0.3,
    "minimum_should_match": "2<60%",
}
SEARCH: dict[str, Any] = {
    "query": {
        "function_score": {
            "query": {
                "bool": {
                    "must": [{"multi_match": _MATCH}],
                    "should": [{"match": {"name": {"query": "{{query}}", "operator": "and", "boost": 2}}}],
                    "filter": [{"term": {"visible": True}}, {"term": {"brand.raw": "{{params.brand?}}"}}],
                }
            },
            "functions": [{"field_value_factor": {"field": "sales", "modifier": "ln1p"}, "weight": 0.5}],
            "boost_mode": "sum",
        }
    }
}
CONFIG = """
dataset = "shop"
mapping = "index.json"
strategy = ["shop"]

[datasets.shop]
format = "files"
path = "shop"

[strategies.shop]
template = "search.json"
"""
_HIDDEN, _CHOSEN = 0.15, 0.4
"""Shares of the products that are not sold any more, and of the queries whose customer chose a brand."""


def write(folder: Path, sample: Dataset, *, seed: int = 12) -> Path:
    """Write the project; what is hidden, or of another brand than the chosen one, is no longer relevant."""
    random = Random(seed)  # noqa: S311 - no secret
    products = _products(sample, random)
    rated: list[list[tuple[dict[str, Any], int]]] = [[] for _ in sample.queries.ids]
    judged = sample.judgments
    columns = (each.tolist() for each in (judged.queries, judged.products, judged.grades))
    for query, product, grade in zip(*columns, strict=True):
        rated[query].append((products[product], grade))
    queries, qrels = [], []
    for name, text, grades in zip(sample.queries.ids, sample.queries.texts, rated, strict=True):
        best, highest = max(grades, key=lambda one: one[1])
        brand = best["brand"] if highest and random.random() < _CHOSEN else ""
        queries.append({"id": name, "text": text, "params": {"brand": brand} if brand else {}})
        for product, grade in grades:
            is_sold = product["visible"] and brand in ("", product["brand"])
            qrels.append(f"{name} 0 {product['id']} {grade if is_sold else 0}")
    (folder / "shop").mkdir(parents=True)
    for file, content in (("index.json", INDEX), ("search.json", SEARCH)):
        (folder / file).write_text(json.dumps(content, indent=2), encoding="utf-8")
    for file, lines in (("products.jsonl", products), ("queries.jsonl", queries)):
        (folder / "shop" / file).write_text("".join(f"{json.dumps(one)}\n" for one in lines), encoding="utf-8")
    (folder / "shop" / "qrels.txt").write_text("".join(f"{one}\n" for one in qrels), encoding="utf-8")
    (folder / "relevance.toml").write_text(CONFIG, encoding="utf-8")
    return folder


def _products(sample: Dataset, random: Random) -> list[dict[str, Any]]:
    catalogue = sample.catalogue
    details: list[dict[str, str]] = [{} for _ in catalogue.ids]
    columns = (catalogue.attributes[name].tolist() for name in ("product", "name", "value"))
    for product, name, value in zip(*columns, strict=True):
        details[product][name] = value
    texts = zip(catalogue.ids, catalogue.texts("title"), catalogue.texts("description"), details, strict=True)
    return [
        {
            "id": one,
            "name": title,
            "description": description,
            "brand": about.pop("Brand", ""),
            "details": " ".join(about.values()),
            "price": round(random.lognormvariate(3.5, 1), 2),
            "sales": int(random.lognormvariate(3, 1.5)),
            "visible": random.random() >= _HIDDEN,
        }
        for one, title, description, about in texts
    ]
