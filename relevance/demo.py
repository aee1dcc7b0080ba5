"""A shop that was never there, and a slip in its search: what `relevance demo` measures."""

from __future__ import annotations

import json
from itertools import product
from random import Random
from types import MappingProxyType
from typing import TYPE_CHECKING

from relevance.scaffold import template

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_KINDS: Mapping[str, str] = MappingProxyType(
    {
        "desk": "a drawer for pens and a place for cables",
        "shelf": "five boards that carry 30 kg each",
        "chair": "a curved back for long evenings",
        "stool": "three legs that never wobble",
        "bench": "room for three, in the hall or at the table",
        "lamp": "a warm light that can be dimmed",
        "mirror": "a frame that is oiled by hand",
        "clock": "a movement that does not tick",
        "tray": "two handles and a raised edge",
        "bowl": "a rim that was turned thin",
        "bed": "slats that bend where you lie",
        "cabinet": "doors that close by themselves",
        "table": "a top that extends for guests",
        "rack": "hooks for coats and a bar for hats",
        "box": "a lid that fits without a lock",
        "frame": "glass that does not mirror",
    }
)
_WOODS = ("oak", "walnut", "beech", "pine", "ash")
_LINES = ("Fjord", "Hazel", "Tove", "Linden")
_WITHOUT_WOOD, _BESIDE = 0.2, 0.2
EXACT, SAME_KIND = 3, 1
"""Grades: what was asked for, and the same thing of another wood; all else is irrelevant."""

STRATEGY = "product_search"
GOOD, SLIP = "text = {title = 8, description = 1}", "text = {title = 0.8, description = 1}"
"""The boosts of the shop's search before, and after somebody's slip."""

_CONFIGURATION = f"""\
# What `pytest` measures in this folder.
dataset = "shop"
engine = "embedded"
strategy = ["textsearch", "textsearch_boosted", "{STRATEGY}"]

[datasets.shop]
format = "files"
path = "data"

[strategies.{STRATEGY}]
{GOOD}
"""
CONFIGURATION = "relevance.toml"


def files() -> dict[str, bytes]:
    """Give the files of the project by name: catalogue, queries, judgments, configuration, benchmarks."""
    products = list(_products())
    queries = {f"q{at:02}": pair for at, pair in enumerate(product(_KINDS, _WOODS), start=1)}
    catalogue = (
        {"id": uid, "title": title, "description": text, "attributes": {"wood": wood}}
        for uid, (_, wood), title, text in products
    )
    judgments = (
        f"{query} 0 {uid} {grade}"
        for query, asked in queries.items()
        for uid, made, title, text in products
        if (grade := _grade(asked, made)) or asked[0] in f"{title} {text}"
    )
    written = {
        "data/products.jsonl": map(json.dumps, catalogue),
        "data/queries.tsv": (f"{query}\t{wood} {kind}" for query, (kind, wood) in queries.items()),
        "data/qrels.txt": judgments,
        CONFIGURATION: [_CONFIGURATION.rstrip()],
    }
    made = {name: "".join(f"{line}\n" for line in lines).encode() for name, lines in written.items()}
    same = ("benchmarks/test_strategies.py", "conftest.py", "pytest.ini", ".gitignore")
    return {**made, **{name: template(name) for name in same}}


def with_slip(configuration: str) -> str:
    """Give the configuration after somebody's slip."""
    return configuration.replace(GOOD, SLIP)


def _products() -> Iterator[tuple[str, tuple[str, str], str, str]]:
    """Id, kind and wood, title, description, the same each time.

    Some titles lack the wood, and some descriptions name another product, which is what the slip lets come first.
    """
    kinds, draw = list(_KINDS), Random(12)  # noqa: S311 - no secret
    for at, (line, (kind, wood)) in enumerate(product(_LINES, product(kinds, _WOODS)), start=1):
        other = draw.choice([each for each in kinds if each != kind])
        title = f"{line} {wood} {kind}" if draw.random() > _WITHOUT_WOOD else f"{line} {kind}, oiled"
        text = f"A {kind} of solid {wood}, with {_KINDS[kind]}."
        if draw.random() < _BESIDE:
            text = f"Solid {wood}, with {_KINDS[kind]}. Made to stand beside a {wood} {other}."
        yield f"p{at:03}", (kind, wood), title, text


def _grade(asked: tuple[str, str], made: tuple[str, str]) -> int:
    if asked == made:
        return EXACT
    return SAME_KIND if asked[0] == made[0] else 0
