"""Seeded catalogues, queries and vectors that try the corners of ranking: gaps, ties, lengths, nesting, Unicode."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from parity.texts import fuzzed_texts, seeded
from relevance.engines import QueryBatch
from relevance.engines.embedded import EmbeddedEngine
from relevance.engines.embedded.analysis import Vocabulary
from relevance.records import Catalogue, Vectors, embedded_texts
from relevance.strategies import TEXT_FIELDS, VECTOR_FIELDS, Strategy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from random import Random

    import numpy.typing as npt

    from relevance.engines.embedded.analysis import Counts
    from relevance.records import Dataset
    from relevance.strategies import Leg

DIMENSIONS = 16
CLUSTERS = 24
QUERIES = 300
VOCABULARY = tuple(
    "".join(seeded(at).choices("abcdefghilmnoprstuvw", k=seeded(at).randint(1, 9))) + ("", "", "-4.5", "'s")[at % 4]
    for at in range(400)
)
ZIPF = tuple(1 / (rank + 1) for rank in range(len(VOCABULARY)))

Product = tuple[str, str, "Sequence[tuple[str, str]]"]
"""Title, description, (name, value) of each attribute."""


@dataclass(frozen=True)
class Case:
    """A catalogue with vectors of every vector field, and queries for it."""

    catalogue: Catalogue
    vectors: Mapping[str, Vectors]
    batch: QueryBatch

    def twins(self, leg: Leg) -> npt.NDArray[np.int64]:
        """Shape (products,): a number that products share whose texts and vectors are the same to a leg."""
        products = self.catalogue.products
        columns: list[Sequence[object]] = [
            embedded_texts(self.catalogue, name) if name == "attributes" else products[name].tolist()
            for name, _ in leg.text
        ]
        for name, _ in leg.vectors:
            each = self.vectors[name]
            held = each.matrix.view(f"V{each.matrix.itemsize * each.matrix.shape[1]}").ravel()
            columns.append([held[row].tobytes() if row >= 0 else b"" for row in each.rows.tolist()])
        numbers: dict[tuple[object, ...], int] = {}
        return np.array([numbers.setdefault(key, len(numbers)) for key in zip(*columns, strict=True)])

    def embedded(self) -> EmbeddedEngine:
        """Return the embedded engine over the catalogue."""
        vectors = {("base", name): each for name, each in self.vectors.items()}
        return EmbeddedEngine.index(self.catalogue, text_fields=TEXT_FIELDS, vectors=vectors)


def catalogue_of(products: Sequence[Product]) -> Catalogue:
    """Return a catalogue; ids are such that their order as text is not that of the products."""
    ids = [f"p{zlib.crc32(str(at).encode()):08x}-{at}" for at in range(len(products))]
    frame = pd.DataFrame(
        {
            "id": pd.Series(ids, dtype=str),
            "title": pd.Series([title for title, _, _ in products], dtype=str),
            "description": pd.Series([description for _, description, _ in products], dtype=str),
        }
    )
    rows = [(uid, *pair) for uid, (_, _, pairs) in zip(ids, products, strict=True) for pair in pairs]
    return Catalogue(frame, pd.DataFrame(rows, columns=["id", "name", "value"], dtype=str))


def _centres(dimensions: int) -> npt.NDArray[np.float64]:
    return np.random.default_rng(dimensions).normal(size=(CLUSTERS, dimensions))


def _clustered(count: int, dimensions: int, seed: int) -> npt.NDArray[np.float32]:
    """Return float32 unit vectors, shape (count, dimensions), around shared centres."""
    generator = np.random.default_rng(seed)
    centres = _centres(dimensions)[generator.integers(CLUSTERS, size=count)]
    matrix = centres + generator.normal(scale=0.7, size=(count, dimensions))
    unit: npt.NDArray[np.float32] = (matrix / np.linalg.norm(matrix, axis=1, keepdims=True)).astype(np.float32)
    return unit


def made_vectors(catalogue: Catalogue, field: str, dimensions: int = DIMENSIONS) -> Vectors:
    """Return a vector for each distinct text of a vector field, none for a product without text."""
    texts = embedded_texts(catalogue, field)
    distinct = {text: row for row, text in enumerate(dict.fromkeys(text for text in texts if text))}
    rows = np.array([distinct.get(text, -1) for text in texts], dtype=np.int64)
    return Vectors(_clustered(len(distinct), dimensions, VECTOR_FIELDS.index(field)), rows)


def made_batch(texts: Sequence[str], dimensions: int = DIMENSIONS) -> QueryBatch:
    """Return the queries with a made vector each."""
    return QueryBatch(list(texts), {"base": _clustered(len(texts), dimensions, 99)})


def worded_case(dataset: Dataset, dimensions: int) -> Case:
    """Return a data set with vectors that are near each other where texts share rare words.

    A text's vector is the sum of a random vector for each of its tokens, so that vector search finds something, and
    metrics say something; equal texts have equal vectors.
    """
    vocabulary = Vocabulary()
    texts = {name: embedded_texts(dataset.catalogue, name) for name in VECTOR_FIELDS}
    counted = {name: vocabulary.count(each) for name, each in texts.items()}
    asked = vocabulary.count(dataset.queries.texts)
    products = len(dataset.catalogue)
    frequencies = np.bincount(counted["whole"].indices, minlength=len(vocabulary))
    weights = np.log1p(products / (1 + frequencies))
    of_tokens = np.random.default_rng(dimensions).normal(size=(len(vocabulary), dimensions)) * weights[:, None]

    def placed(counts: Counts) -> npt.NDArray[np.float32]:
        present = counts.sign()
        # a direction of its own keeps texts without a token from being nowhere
        sums = present @ of_tokens[: present.shape[1]] + 0.01
        unit: npt.NDArray[np.float32] = (sums / np.linalg.norm(sums, axis=1, keepdims=True)).astype(np.float32)
        return unit

    vectors = {}
    for name, counts in counted.items():
        held = np.array([bool(text) for text in texts[name]])
        vectors[name] = Vectors(placed(counts), np.where(held, np.arange(products), -1))
    return Case(dataset.catalogue, vectors, QueryBatch(dataset.queries.texts, {"base": placed(asked)}))


def fuzzed_strategies(random: Random, count: int) -> list[Strategy]:
    """Return strategies of any fields, boosts, candidates and windows."""

    def boosts(fields: Sequence[str], most: float) -> dict[str, float]:
        chosen = random.sample(fields, random.randint(0, len(fields)))
        return {name: random.choice([1.0, round(10 ** random.uniform(-3, most), 4)]) for name in chosen}

    made: list[Strategy] = []
    while len(made) < count:
        text, vectors = boosts(TEXT_FIELDS, 3), boosts(VECTOR_FIELDS, 2)
        lists = len(vectors) + bool(text)
        own = {"candidates": random.choice([3, 40, 150, 700]), "window": random.choice([1, 7, 50]), "k": 60}
        name = f"fuzzed_{len(made)}"
        if lists > 1 and random.random() < 0.3:
            made.append(Strategy(name, text, dict.fromkeys(vectors, 1), combine="rrf", **own))
        elif lists:
            made.append(Strategy(name, text, vectors, candidates=own["candidates"]))
    return made


def _words(random: Random, count: int) -> str:
    return " ".join(random.choices(VOCABULARY, ZIPF, k=count))


def made_queries(random: Random, count: int) -> list[str]:
    """Return queries of known and unknown words, repeated words, punctuation, and none at all."""
    makers: Sequence[Callable[[], str]] = (
        lambda: _words(random, random.randint(1, 8)),
        lambda: _words(random, random.randint(1, 3)).upper(),
        lambda: " ".join(random.choices(random.choices(VOCABULARY, k=2), k=random.randint(2, 20))),
        lambda: f"{_words(random, 1)} unheardof {random.choice(VOCABULARY)}",
        lambda: _words(random, 60),
        lambda: random.choice(["", " ", "!?", "\u2014", "unheardof", "The", "\u00ae"]),
    )
    return [random.choices(makers, [12, 2, 6, 2, 1, 2])[0]() for _ in range(count)]


def _pairs(random: Random, most: int) -> list[tuple[str, str]]:
    count = random.randint(0, most) if random.random() < 0.7 else 0
    empty = random.random
    return [
        ("" if empty() < 0.1 else _words(random, 1), "" if empty() < 0.1 else _words(random, random.randint(1, 4)))
        for _ in range(count)
    ]


def _with_gaps(random: Random, count: int = 2000) -> list[Product]:
    """Empty titles, missing descriptions, no attributes, attributes without name or value."""
    return [
        (
            "" if random.random() < 0.2 else _words(random, random.randint(1, 12)),
            "" if random.random() < 0.5 else _words(random, random.randint(1, 60)),
            _pairs(random, 6),
        )
        for _ in range(count)
    ]


def _with_ties(random: Random) -> list[Product]:
    """Thousands of equal products, in a random order."""
    return random.choices(_with_gaps(random, 12), k=6000)


def _of_all_lengths(random: Random) -> list[Product]:
    """From one word to ten thousand, up to 150 attributes."""
    return [
        (
            _words(random, int(10 ** random.uniform(0, 2))),
            _words(random, int(10 ** random.uniform(0, 4))),
            _pairs(random, random.choice([1, 5, 30, 150])),
        )
        for _ in range(400)
    ]


def _in_unicode(random: Random) -> list[Product]:
    texts = iter(fuzzed_texts(random, 4000))
    return [(next(texts), next(texts), [(next(texts), next(texts))]) for _ in range(1000)]


def _case(products: list[Product], queries: list[str]) -> Case:
    catalogue = catalogue_of(products)
    return Case(catalogue, {name: made_vectors(catalogue, name) for name in VECTOR_FIELDS}, made_batch(queries))


def _unicode_case(random: Random) -> Case:
    products = _in_unicode(random)
    parts = [random.choice(random.choice(products)[:2])[:40] for _ in range(QUERIES)]
    return _case(products, parts)


def _axes_case(random: Random) -> Case:
    """Vectors along the axes, both ways: cosines of exactly 1, 0 and -1, so that scores of 0 and ties abound."""
    axes = np.concatenate([np.eye(DIMENSIONS), -np.eye(DIMENSIONS)]).astype(np.float32)
    case = _case(_with_gaps(random, 1000), made_queries(random, QUERIES))
    vectors = {
        name: replace(each, rows=np.where(each.rows < 0, -1, each.rows % len(axes)), matrix=axes)
        for name, each in case.vectors.items()
    }
    of_queries = axes[np.arange(QUERIES) % len(axes)]
    return Case(case.catalogue, vectors, QueryBatch(case.batch.texts, {"base": of_queries}))


CASES: Mapping[str, Callable[[], Case]] = {
    "gaps": lambda: _case(_with_gaps(seeded(1)), made_queries(seeded(2), QUERIES)),
    "ties": lambda: _case(_with_ties(seeded(3)), made_queries(seeded(4), QUERIES)),
    "lengths": lambda: _case(_of_all_lengths(seeded(5)), made_queries(seeded(6), QUERIES)),
    "unicode": lambda: _unicode_case(seeded(7)),
    "axes": lambda: _axes_case(seeded(8)),
    "one product": lambda: _case(_with_gaps(seeded(14), 1), made_queries(seeded(9), QUERIES)),
    "seven products": lambda: _case(_with_gaps(seeded(10), 7), made_queries(seeded(11), QUERIES)),
    "titles only": lambda: _case(
        [(title, "", []) for title, _, _ in _with_gaps(seeded(12), 500)], made_queries(seeded(13), QUERIES)
    ),
}
"""Made when asked for, the same every time."""
