"""A made data set for tests of tuning, whose title boost matters, and tunings on it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from relevance.engines import QueryBatch
from relevance.engines.embedded import EmbeddedEngine
from relevance.records import Catalogue, Dataset, Judgments, Queries, Vectors
from relevance.strategies import TEXT_FIELDS, VECTOR_FIELDS
from relevance.tuning import split_queries, tune

if TYPE_CHECKING:
    from relevance.engines import Engine
    from relevance.tuning import Grid, Tuning

WORDS = [f"word{number}" for number in range(30)]


@cache
def made_dataset(*, queries: int = 60, products: int = 120, attributes: bool = True) -> Dataset:
    """Products whose title holds the query's word are relevant; descriptions are noise that text boosts lift."""
    draw = np.random.default_rng(1)
    titles = draw.choice(WORDS, size=(products, 2))
    ids = [f"p{number:03}" for number in range(products)]
    noise = [" ".join(draw.choice(WORDS, size=6)) for _ in ids]
    frame = pd.DataFrame({"id": ids, "title": [" ".join(row) for row in titles], "description": noise})
    values = draw.choice(WORDS, size=products if attributes else 0)
    facts = pd.DataFrame({"id": ids[: len(values)], "name": "made of", "value": values}, dtype=str)
    texts = [f"{WORDS[number % len(WORDS)]} {WORDS[number * 7 % len(WORDS)]} {number}" for number in range(queries)]
    asked = pd.DataFrame({"id": [f"q{number:03}" for number in range(queries)], "text": texts})
    pairs = [
        (query, product, sum(word in text.split()[:2] for word in titles[product]))
        for query, text in enumerate(texts)
        for product in draw.choice(products, size=40, replace=False).tolist()
    ]
    judgments = Judgments(*(np.array(column) for column in zip(*pairs, strict=True)))
    return Dataset("made", Catalogue(frame, facts), Queries(asked), judgments)


@cache
def indexed(dataset: Dataset, model: str = "base") -> tuple[EmbeddedEngine, QueryBatch]:
    """With a made vector for each product and each query, the same for every field."""
    draw = np.random.default_rng(4)
    matrix = draw.normal(size=(len(dataset.catalogue) + len(dataset.queries), 8)).astype(np.float32)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    products = Vectors(matrix, np.arange(len(dataset.catalogue)))
    engine = EmbeddedEngine.index(
        dataset.catalogue, text_fields=TEXT_FIELDS, vectors={(model, name): products for name in VECTOR_FIELDS}
    )
    return engine, QueryBatch(dataset.queries.texts, {model: matrix[len(dataset.catalogue) :]})


def tuned(grid: Grid, dataset: Dataset, engine: Engine | None = None) -> Tuning:
    """With the usual split."""
    own, batch = indexed(dataset, grid.today.model)
    return tune(engine or own, batch, dataset, grid, split_queries(dataset))
