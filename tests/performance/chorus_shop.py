"""Chorus as documents of `search_bodies.INDEX`, and queries of its words; what its products lack is made."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from parity.made_shop import figures
from parity.search_bodies import INDEX

DIMENSIONS = 8
VECTOR = {"type": "dense_vector", "dims": DIMENSIONS, "similarity": "cosine", "index_options": {"type": "flat"}}
MAPPING = {**INDEX, "mappings": {"properties": {**INDEX["mappings"]["properties"], "whole_vector": VECTOR}}}
TAGS = ("bestseller", "new", "sale", "eco", "outlet")
ATTRIBUTES = 8  # of a product at most


def _products(folder: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob("*.json.zip")):
        with zipfile.ZipFile(path) as file:
            yield from json.loads(file.read(file.namelist()[0]))


def _attributes(product: dict[str, Any]) -> list[dict[str, str]]:
    pairs = [(key, value) for key, value in product.items() if key.startswith("attr_")]
    return [{"name": key.removeprefix("attr_"), "value": str(value)} for key, value in pairs[:ATTRIBUTES]]


def documents(folder: Path, random: Random) -> list[dict[str, Any]]:
    """All products, by id: texts, brand, price, date and attributes are theirs, the rest is made."""
    made = []
    for product in sorted(_products(folder), key=lambda one: str(one["id"])):
        document: dict[str, Any] = {
            "id": str(product["id"]),
            "sku": product["name"],
            "name": product["title"],
            "brand": product.get("supplier", ""),
            "keywords": product["title"].split()[-3:],
            "category": str(product.get("attr_t_type", "other")),
            "tags": random.sample(TAGS, random.randint(0, 3)),
            "price": (product.get("price") or 0) / 100,
            **figures(random),
            "created": product.get("date_released") or "2010-01-01T00:00:00Z",
            "attributes": _attributes(product),
            "offers": [
                {"seller": random.choice("ab"), "price": round(random.uniform(1, 200), 2), "boost": 1.5}
                for _ in range(random.randint(0, 2))
            ],
            "whole_vector": [round(random.gauss(0, 1), 4) for _ in range(DIMENSIONS)],
        }
        if product.get("short_description"):
            document["description"] = product["short_description"]
        made.append(document)
    return made


def queries(asked: list[str], titles: list[str], random: Random, count: int) -> list[str]:
    """Distinct texts: the rated queries, then one to five neighbouring words of titles, some misspelt."""
    texts = dict.fromkeys(asked)
    while len(texts) < count:
        words = random.choice(titles).split()
        start = random.randint(0, max(0, len(words) - 2))
        words = words[start : start + random.choice([1, 2, 2, 2, 3, 3, 3, 4, 5])]
        if random.random() < 0.15:
            words[0] = words[0][:-1] or words[0]
        texts[" ".join(words).lower()] = None
    held = list(texts)[:count]
    random.shuffle(held)
    return held
