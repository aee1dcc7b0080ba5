"""Seeded catalogues, queries and vectors that try the corners of ranking: gaps, ties, lengths, nesting, Unicode."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from parity.texts import fuzzed_texts, seeded
from relevance.engines import QueryBatch
from relevance.engines.embedded import EmbeddedEngine
from relevance.engines.embedded.vocabulary import Vocabulary
from relevance.fields import DEFAULT_FIELDS
from relevance.records import Catalogue, Dataset, Judgments, Vectors, embedded_texts
from relevance.strategies import Leg, Strategy

DIMENSIONS = 16
CLUSTERS = 24
QUERIES = 300
VOCABULARY = tuple(
    "".join(seeded(at).choices("abcdefghilmnoprstuvw", k=seeded(at).randint(1, 9))) + ("", "", "-4.5", "'s")[at % 4]
    for at in range(400)
)
ZIPF = tuple(1 / (rank + 1) for rank in range(len(VOCABULARY)))

Product = tuple[str, str, Sequence[tuple[str, str]]]
"""Title, description, (name, value) of each attribute."""


@dataclass(frozen=True)
class Case:
    """A catalogue with vectors of every vector field, and queries for it."""

    catalogue: Catalogue
    vectors: Mapping[str, Vectors]
    batch: QueryBatch
    _twins: dict[Leg, Any] = field(default_factory=dict, repr=False)

    @property
    def of_base(self) -> dict[tuple[str, str], Vectors]:
        return {("base", name): each for name, each in self.vectors.items()}

    def twins(self, leg: Leg) -> Any:
        """Shape (products,): a number that products share whose texts and vectors are the same to a leg."""
        if leg not in self._twins:
            self._twins[leg] = self._numbered(leg)
        return self._twins[leg]

    def _numbered(self, leg: Leg) -> Any:
        products = self.catalogue.products
        columns: list[Sequence[object]] = [
            embedded_texts(self.catalogue, name) if name == "attributes" else products[name].tolist()
            for name, _ in leg.text
        ]
        for name, _ in leg.vectors:
            each = self.vectors[name]
            columns.append([each.matrix[row].tobytes() if row >= 0 else b"" for row in each.rows.tolist()])
        numbers: dict[tuple[object, ...], int] = {}
        return np.array([numbers.setdefault(key, len(numbers)) for key in zip(*columns, strict=True)])

    def embedded(self) -> EmbeddedEngine:
        return EmbeddedEngine.index(self.catalogue, text_fields=DEFAULT_FIELDS.text, vectors=self.of_base)


# vectors


def _unit(matrix: Any) -> Any:
    return (matrix / np.linalg.norm(matrix, axis=1, keepdims=True)).astype(np.float32)


def _clustered(count: int, dimensions: int, seed: int) -> Any:
    """Unit vectors, shape (count, dimensions), around shared centres."""
    generator = np.random.default_rng(seed)
    centres = np.random.default_rng(dimensions).normal(size=(CLUSTERS, dimensions))
    return _unit(
        centres[generator.integers(CLUSTERS, size=count)] + generator.normal(scale=0.7, size=(count, dimensions))
    )


def made_vectors(catalogue: Catalogue, name: str, dimensions: int = DIMENSIONS) -> Vectors:
    """A vector for each distinct text of a vector field, none for a product without text."""
    texts = embedded_texts(catalogue, name)
    distinct = {text: row for row, text in enumerate(dict.fromkeys(text for text in texts if text))}
    rows = np.array([distinct.get(text, -1) for text in texts], dtype=np.int64)
    return Vectors(_clustered(len(distinct), dimensions, tuple(catalogue.fields.embedded).index(name)), rows)


def made_batch(texts: Sequence[str], dimensions: int = DIMENSIONS) -> QueryBatch:
    return QueryBatch(list(texts), {"base": _clustered(len(texts), dimensions, 99)})


def vectored(catalogue: Catalogue, queries: Sequence[str]) -> Case:
    """With made vectors of every vector field."""
    return Case(
        catalogue, {name: made_vectors(catalogue, name) for name in DEFAULT_FIELDS.embedded}, made_batch(queries)
    )


# real data


def part_of(dataset: Dataset, one_of: int) -> Dataset:
    """One product of so many, with its attributes and judgments, and all queries."""
    products, attributes = dataset.catalogue.products, dataset.catalogue.attributes
    held = attributes[attributes["product"] % one_of == 0]
    ids = products["id"].iloc[held["product"]].to_numpy()
    pairs = pd.DataFrame({"id": ids, "name": held["name"].to_numpy(), "value": held["value"].to_numpy()}, dtype=str)
    catalogue = Catalogue(products.iloc[::one_of].reset_index(drop=True), pairs)
    judged = dataset.judgments
    there = judged.products % one_of == 0
    judgments = Judgments(judged.queries[there], judged.products[there] // one_of, judged.grades[there])
    return replace(dataset, catalogue=catalogue, judgments=judgments)


def worded_case(dataset: Dataset, dimensions: int) -> Case:
    """A data set with vectors that are near each other where texts share rare words.

    A text's vector is the sum of a random vector for each of its tokens, so that vector search finds something, and
    metrics say something; equal texts have equal vectors.
    """
    vocabulary = Vocabulary()
    texts = {name: embedded_texts(dataset.catalogue, name) for name in DEFAULT_FIELDS.embedded}
    counted = {name: vocabulary.count(each) for name, each in texts.items()}
    asked = vocabulary.count(dataset.queries.texts)
    products = len(dataset.catalogue)
    frequencies = np.bincount(counted["whole"].indices, minlength=len(vocabulary))
    weights = np.log1p(products / (1 + frequencies))
    of_tokens = np.random.default_rng(dimensions).normal(size=(len(vocabulary), dimensions)) * weights[:, None]

    def placed(counts: Any) -> Any:
        present = csr_array((np.ones_like(counts.data), counts.indices, counts.indptr), (len(counts), counts.columns))
        return _unit(present @ of_tokens[: present.shape[1]] + 0.01)  # so that no text without a token is nowhere

    vectors = {}
    for name, counts in counted.items():
        held = np.array([bool(text) for text in texts[name]])
        vectors[name] = Vectors(placed(counts), np.where(held, np.arange(products), -1))
    return Case(dataset.catalogue, vectors, QueryBatch(dataset.queries.texts, {"base": placed(asked)}))


# made catalogues


def fuzzed_strategies(random: Random, count: int) -> list[Strategy]:
    """Of any fields, boosts, candidates and windows."""

    def boosts(fields: Sequence[str], most: float) -> dict[str, float]:
        chosen = random.sample(fields, random.randint(0, len(fields)))
        return {name: random.choice([1.0, round(10 ** random.uniform(-3, most), 4)]) for name in chosen}

    made: list[Strategy] = []
    while len(made) < count:
        text, vectors = boosts(tuple(DEFAULT_FIELDS.text), 3), boosts(tuple(DEFAULT_FIELDS.embedded), 2)
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


def made_queries(random: Random) -> list[str]:
    """Of known and unknown words, repeated words, punctuation, and none at all."""
    makers: Sequence[Callable[[], str]] = (
        lambda: _words(random, random.randint(1, 8)),
        lambda: _words(random, random.randint(1, 3)).upper(),
        lambda: " ".join(random.choices(random.choices(VOCABULARY, k=2), k=random.randint(2, 20))),
        lambda: f"{_words(random, 1)} unheardof {random.choice(VOCABULARY)}",
        lambda: _words(random, 60),
        lambda: random.choice(["", " ", "!?", "\u2014", "unheardof", "The", "\u00ae"]),
    )
    return [random.choices(makers, [12, 2, 6, 2, 1, 2])[0]() for _ in range(QUERIES)]


def _pairs(random: Random, most: int) -> list[tuple[str, str]]:
    count = random.randint(0, most) if random.random() < 0.7 else 0
    empty = random.random
    return [
        ("" if empty() < 0.1 else _words(random, 1), "" if empty() < 0.1 else _words(random, random.randint(1, 4)))
        for _ in range(count)
    ]


def _with_gaps(random: Random, count: int) -> list[Product]:
    """Empty titles, missing descriptions, no attributes, attributes without name or value."""
    return [
        (
            "" if random.random() < 0.2 else _words(random, random.randint(1, 12)),
            "" if random.random() < 0.5 else _words(random, random.randint(1, 60)),
            _pairs(random, 6),
        )
        for _ in range(count)
    ]


def _with_ties(random: Random, count: int) -> list[Product]:
    """Of twelve products, in a random order."""
    return random.choices(_with_gaps(random, 12), k=count)


def _of_all_lengths(random: Random, count: int) -> list[Product]:
    """From one word to ten thousand, up to 150 attributes."""
    return [
        (
            _words(random, int(10 ** random.uniform(0, 2))),
            _words(random, int(10 ** random.uniform(0, 4))),
            _pairs(random, random.choice([1, 5, 30, 150])),
        )
        for _ in range(count)
    ]


def _titles_only(random: Random, count: int) -> list[Product]:
    return [(title, "", []) for title, _, _ in _with_gaps(random, count)]


def catalogue_of(products: Sequence[Product]) -> Catalogue:
    """Ids are such that their order as text is not that of the products."""
    ids = [f"p{zlib.crc32(str(at).encode()):08x}-{at}" for at in range(len(products))]
    titles, descriptions, _ = zip(*products, strict=True)
    frame = pd.DataFrame({"id": ids, "title": titles, "description": descriptions}, dtype=str)
    rows = [(uid, *pair) for uid, (_, _, pairs) in zip(ids, products, strict=True) for pair in pairs]
    return Catalogue(frame, pd.DataFrame(rows, columns=["id", "name", "value"], dtype=str))


def _made(products: Callable[[Random, int], list[Product]], count: int, seed: int, seed_of_queries: int) -> Case:
    return vectored(catalogue_of(products(seeded(seed), count)), made_queries(seeded(seed_of_queries)))


def _in_unicode(random: Random, count: int) -> Case:
    texts = iter(fuzzed_texts(random, 4 * count))
    products = [(next(texts), next(texts), [(next(texts), next(texts))]) for _ in range(count)]
    queries = [random.choice(random.choice(products)[:2])[:40] for _ in range(QUERIES)]
    return vectored(catalogue_of(products), queries)


def _on_axes(random: Random, count: int) -> Case:
    """Vectors along the axes, both ways: cosines of exactly 1, 0 and -1, so that scores of 0 and ties abound."""
    axes = np.concatenate([np.eye(DIMENSIONS), -np.eye(DIMENSIONS)]).astype(np.float32)
    case = vectored(catalogue_of(_with_gaps(random, count)), made_queries(random))
    vectors = {
        name: replace(each, rows=np.where(each.rows < 0, -1, each.rows % len(axes)), matrix=axes)
        for name, each in case.vectors.items()
    }
    of_queries = axes[np.arange(QUERIES) % len(axes)]
    return Case(case.catalogue, vectors, QueryBatch(case.batch.texts, {"base": of_queries}))


CASES: Mapping[str, Callable[[], Case]] = {
    "gaps": lambda: _made(_with_gaps, 2000, 1, 2),
    "ties": lambda: _made(_with_ties, 6000, 3, 4),
    "lengths": lambda: _made(_of_all_lengths, 400, 5, 6),
    "unicode": lambda: _in_unicode(seeded(7), 1000),
    "axes": lambda: _on_axes(seeded(8), 1000),
    "one product": lambda: _made(_with_gaps, 1, 14, 9),
    "seven products": lambda: _made(_with_gaps, 7, 10, 11),
    "titles only": lambda: _made(_titles_only, 500, 12, 13),
}
"""Made when asked for, the same every time."""
