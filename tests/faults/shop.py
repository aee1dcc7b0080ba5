"""A data set in the format `files`: short products, seeded, so that every session of a test ranks alike."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_COLOURS = ("red", "oak", "steel", "grey", "")
_THINGS = ("desk", "lamp", "door", "saw", "bolt", "rug")
_WORDS = tuple(f"{colour}{thing}" for colour in _COLOURS for thing in _THINGS)
_NAMES = ("colour", "size", "wood")


def _product(random: Random, number: int, description_words: int) -> dict[str, object]:
    named = random.sample(_NAMES, random.randint(0, len(_NAMES)))
    return {
        "id": f"p{number:05d}",
        "title": " ".join(random.choices(_WORDS, k=random.randint(1, 6))),
        "description": " ".join(random.choices(_WORDS, k=description_words)),
        "attributes": {name: random.choice(_WORDS) for name in named},
    }


def make_shop(folder: Path, *, products: int = 600, queries: int = 90, description_words: int = 12) -> Path:
    """Write the data set; the same arguments give the same bytes."""
    folder.mkdir(parents=True)
    random = Random(7)  # noqa: S311 - seeded on purpose
    with (folder / "products.jsonl").open("w") as file:
        for number in range(products):
            file.write(json.dumps(_product(random, number, description_words)) + "\n")
    texts = [f"{' '.join(random.choices(_WORDS, k=random.randint(1, 4)))} {at}" for at in range(queries)]
    (folder / "queries.tsv").write_text("".join(f"q{at}\t{text}\n" for at, text in enumerate(texts)))
    rows = [f"q{at} 0 p{random.randrange(products):05d} {random.randint(1, 2)}\n" for at in range(queries)]
    (folder / "qrels.txt").write_text("".join(rows))
    return folder
