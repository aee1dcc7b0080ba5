"""A made shop with vectors, as a plan that needs no model, for tests of planted changes."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from relevance import engines, runner
from relevance.config.reading import read_config
from relevance.embeddings import Model
from relevance.engines import QueryBatch
from relevance.records import Catalogue, Dataset, Judgments, Queries, Vectors, embedded_texts
from relevance.strategies import STRATEGIES, TEXT_FIELDS
from relevance.suite import Plan, searched_fields

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from relevance.records import Ranking

PRODUCTS, QUERIES, DIMENSIONS = 200, 60, 16
WORDS = [
    f"{start}{end}" for start in ("oak", "pine", "desk", "lamp", "sofa", "rug", "vase") for end in ("s", "er", "12")
]


def _texts(rng: np.random.Generator, words: int) -> str:
    return " ".join(str(word).title() if rng.random() < 0.3 else str(word) for word in rng.choice(WORDS, size=words))


@cache
def shop() -> Dataset:
    """Products and queries of a few words; three products of each query are judged."""
    rng = np.random.default_rng(5)
    ids = [f"p{number:03d}" for number in range(PRODUCTS)]
    products = [(uid, _texts(rng, 3), _texts(rng, 12)) for uid in ids]
    attributes = [(uid, "made of", _texts(rng, 2)) for uid in ids for _ in range(2)]
    queries = [(f"q{number:03d}", _texts(rng, 3)) for number in range(QUERIES)]
    judged = np.repeat(np.arange(QUERIES), 3)
    chosen = np.concatenate([rng.permutation(PRODUCTS)[:3] for _ in range(QUERIES)])
    return Dataset(
        "made",
        Catalogue(
            pd.DataFrame(products, columns=["id", "title", "description"]),
            pd.DataFrame(attributes, columns=["id", "name", "value"]),
        ),
        Queries(pd.DataFrame(queries, columns=["id", "text"])),
        Judgments(judged, chosen, np.tile([2, 1, 0], QUERIES), relevant_from=1),
    )


@cache
def _row(text: str) -> npt.NDArray[np.float64]:
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4])
    return np.random.default_rng(seed).standard_normal(DIMENSIONS)


def rows_of(texts: Sequence[str]) -> npt.NDArray[np.float32]:
    """Unit vectors, the same for the same text."""
    rows = np.array([_row(text) for text in texts])
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@cache
def vectors(field: str) -> Vectors:
    """Of a field's texts, one a product."""
    return Vectors(rows_of(embedded_texts(shop().catalogue, field)), np.arange(PRODUCTS))


def model(name: str) -> Model:
    """A model that is never loaded."""
    return Model(
        name=name,
        path=Path(name),
        weights=Path(name),
        sha256=name,
        fingerprint=name,
        dimensions=DIMENSIONS,
        prompt="query: ",
        max_tokens=64,
        device=None,
    )


def plan(names: Sequence[str] = ()) -> Plan:
    """Of these strategies, all of the base model where none is named."""
    chosen = names or [name for name, one in STRATEGIES.items() if one.model == "base"]
    strategies = tuple(STRATEGIES[name] for name in chosen)
    config = read_config(options={"engine": "embedded"}, environ={}, file=None, root=Path.cwd())
    return Plan(
        dataset=shop(),
        strategies=strategies,
        floors={},
        models={one.model: model(one.model) for one in strategies if one.embeds},
        text_fields=TEXT_FIELDS if any(one.text for one in strategies) else (),
        vector_fields=searched_fields(strategies),
        engine=engines.embedded_choice(),
        config=config,
    )


def ranked(given: Plan) -> Mapping[str, Ranking]:
    """What each strategy returns; vectors are made of the texts."""
    catalogue, texts = given.dataset.catalogue, given.dataset.queries.texts
    held = {key: vectors(key[1]) for key in given.vector_fields}
    batch = QueryBatch(texts, {name: rows_of(texts) for name in given.models})
    with given.engine.open(progress=False) as indexer:
        engine = indexer.index(catalogue, text_fields=given.text_fields, vectors=held, progress=False)
        found = {one.name: runner.search(engine, one, batch) for one in given.strategies}
        engine.close()
    return found
