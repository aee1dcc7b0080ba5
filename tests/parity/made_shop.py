"""A made shop with the fields of `search_bodies.INDEX`, and queries for it; the words are those of the sample."""

import csv
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

SAMPLE = Path(__file__).parents[2] / "fixtures" / "sample"
BRANDS = ("HP", "Everbilt", "Milwaukee", "Hampton Bay", "Rust-Oleum", "3M", "Café Noir", "GE")
CATEGORIES = ("lighting", "tools", "garden", "paint", "kitchen", "bathroom")
TAGS = ("bestseller", "new", "sale", "eco", "outlet")
ODDITIES = ("TV", "television", "usb stick", "notebook", "flash drive", "PS-4X500", "R&D®", "crème", "the", "women's")


@cache
def _column(file: str, name: str) -> tuple[str, ...]:
    with (SAMPLE / file).open(encoding="utf-8", errors="replace") as lines:
        return tuple(row[name] for row in csv.DictReader(lines) if row.get(name))


@cache
def _titles() -> tuple[str, ...]:
    return tuple(dict.fromkeys(_column("train.csv", "product_title")))


def _name(random: Random) -> str:
    words = random.choice(_titles()).split()[: random.randint(1, 12)]
    if random.random() < 0.3:
        words.insert(random.randint(0, len(words)), random.choice(ODDITIES))
    if random.random() < 0.2:
        words.append(random.choice(words))
    return " ".join(words)


def _description(random: Random) -> str:
    return " ".join(
        random.choice(_column("product_descriptions.csv", "product_description")).split()[: random.randint(3, 60)]
    )


def _attributes(random: Random) -> list[dict[str, Any]]:
    names = [*_column("attributes.csv", "name")[:400]]
    values = _column("attributes.csv", "value")
    return [{"name": random.choice(names), "value": random.choice(values)[:80]} for _ in range(random.randint(0, 4))]


def figures(random: Random) -> dict[str, Any]:
    """What a shop counts of a product."""
    return {
        "rating": random.choice([None, 1, 2.5, 3.7, 4.2, 5]),
        "reviews": random.choice([0, 0, 1, 7, 55, 1200]),
        "popularity": random.randint(0, 10_000),
        "stock": random.choice([0, 1, 20]),
        "visible": random.random() < 0.9,
        "available": random.random() < 0.7,
    }


def documents(random: Random, count: int) -> Iterator[dict[str, Any]]:
    """Some lack fields, have several values, or hold what others hold, so that scores tie."""
    for number in range(count):
        document: dict[str, Any] = {
            "id": f"p{number:06}",
            "sku": f"{random.choice(['AB', 'hp', 'Ps'])}-{random.randint(1, 999)}{random.choice('XYZ')}",
            "name": _name(random),
            "brand": random.choice(BRANDS),
            "keywords": [random.choice(_titles()).split()[0] for _ in range(random.randint(0, 3))],
            "category": random.choice(CATEGORIES),
            "tags": random.sample(TAGS, random.randint(0, 3)),
            "price": round(random.lognormvariate(3, 1), 2),
            **figures(random),
            "created": f"20{random.randint(20, 24)}-{random.randint(1, 12):02}-{random.randint(1, 28):02}",
            "attributes": _attributes(random),
            "offers": [
                {
                    "seller": random.choice(["a", "b"]),
                    "price": round(random.uniform(1, 200), 2),
                    "boost": random.choice([0.5, 1.5, 2.25]),
                }
                for _ in range(random.randint(0, 3))
            ],
        }
        if random.random() < 0.8:
            document["description"] = _description(random)
        for key in random.sample(
            ["brand", "price", "reviews", "popularity", "category", "created"], random.choice([0, 0, 0, 1])
        ):
            del document[key]
        yield document


def queries(random: Random, count: int) -> list[str]:
    """Texts of one to six words of the shop, some misspelt, some twice, some that no product has."""
    texts = []
    terms = _column("test.csv", "search_term")
    for _ in range(count):
        kind = random.random()
        if kind < 0.4:
            words = random.choice(_titles()).split()
            start = random.randint(0, max(0, len(words) - 3))
            words = words[start : start + random.randint(1, 5)]
        else:
            words = random.choice(terms).split()[: random.randint(1, 6)]
        if random.random() < 0.3:
            words.insert(random.randint(0, len(words)), random.choice(ODDITIES))
        if random.random() < 0.15:
            words.append(random.choice(words))
        if random.random() < 0.2:
            words[0] = words[0][:-1] or words[0]
        texts.append(" ".join(words))
    return texts
