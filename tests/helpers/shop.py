"""Catalogues and data sets of plain rows; and a shop with vectors, as a plan that needs no model and as files."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from relevance import engines, runner
from relevance.config.reading import read_config
from relevance.embeddings import Model
from relevance.engines import Engine, QueryBatch
from relevance.engines.embedded import EmbeddedEngine
from relevance.fields import DEFAULT_FIELDS
from relevance.records import HITS, Catalogue, Dataset, Judgments, Queries, Ranking, Vectors, embedded_texts
from relevance.strategies import STRATEGIES
from relevance.suite import Plan, searched_fields
from relevance.tuning import Space, Tuning, split_queries, tune

PRODUCTS, QUERIES, DIMENSIONS = 200, 60, 16
WORDS = [
    f"{start}{end}" for start in ("oak", "pine", "desk", "lamp", "sofa", "rug", "vase") for end in ("s", "er", "12")
]


def catalogue(products: Iterable[Sequence[str]], attributes: Iterable[Sequence[str]] = ()) -> Catalogue:
    """Of (id, title, description) and (id, name, value); what a product's row lacks is empty."""
    rows = [(*row, "", "")[:3] for row in products]
    return Catalogue(
        pd.DataFrame(rows, columns=["id", "title", "description"], dtype=str),
        pd.DataFrame(list(attributes), columns=["id", "name", "value"], dtype=str),
    )


def dataset(
    products: Catalogue,
    queries: Mapping[str, str],
    judged: Iterable[tuple[int, int, float]],
    *,
    relevant_from: float = 1,
) -> Dataset:
    """Queries are texts by id, judgments (query code, product code, grade)."""
    query_codes, product_codes, grades = (np.array(column) for column in zip(*judged, strict=True))
    frame = pd.DataFrame({"id": list(queries), "text": list(queries.values())}, dtype=str)
    judgments = Judgments(query_codes, product_codes, grades, relevant_from=relevant_from)
    return Dataset("made", products, Queries(frame), judgments)


def write_files(folder: Path, written: Dataset) -> Path:
    """In the format `files`: products.jsonl and judgments.csv."""
    folder.mkdir(parents=True, exist_ok=True)
    attributes: dict[int, dict[str, list[str]]] = {}
    for code, name, value in written.catalogue.attributes.itertuples(index=False):
        attributes.setdefault(int(code), {}).setdefault(name, []).append(value)
    frame = written.catalogue.products.assign(
        attributes=[attributes.get(code, {}) for code in range(len(written.catalogue))]
    )
    frame.to_json(folder / "products.jsonl", orient="records", lines=True)
    judged = written.judgments
    columns = {
        "query": [written.queries.texts[code] for code in judged.queries],
        "product": [written.catalogue.ids[code] for code in judged.products],
        "grade": judged.grades,
    }
    pd.DataFrame(columns).to_csv(folder / "judgments.csv", index=False, quoting=csv.QUOTE_ALL)
    return folder


def _texts(rng: np.random.Generator, words: int) -> str:
    return " ".join(str(word).title() if rng.random() < 0.3 else str(word) for word in rng.choice(WORDS, size=words))


@cache
def shop() -> Dataset:
    """Products and queries of a few words; three products of each query are judged."""
    rng = np.random.default_rng(5)
    ids = [f"p{number:03d}" for number in range(PRODUCTS)]
    products = [(uid, _texts(rng, 3), _texts(rng, 12)) for uid in ids]
    attributes = [(uid, "made of", _texts(rng, 2)) for uid in ids for _ in range(2)]
    queries = {f"q{number:03d}": _texts(rng, 3) for number in range(QUERIES)}
    judged = [
        (query, int(product), 2 - at)
        for query in range(QUERIES)
        for at, product in enumerate(rng.permutation(PRODUCTS)[:3])
    ]
    return dataset(catalogue(products, attributes), queries, judged)


@cache
def without_attributes() -> Dataset:
    rows = shop().catalogue.products.itertuples(index=False, name=None)
    return replace(shop(), catalogue=catalogue(rows))


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
    """Never loaded."""
    return Model(name, Path(name), name, name, DIMENSIONS, query_prompt="query: ", max_tokens=64)


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
        text_fields=DEFAULT_FIELDS.text if any(one.text for one in strategies) else (),
        vector_fields=searched_fields(strategies),
        engine=engines.embedded_choice(),
        config=config,
    )


def ranked(planned: Plan, hits: int = HITS) -> Mapping[str, Ranking]:
    """What each strategy returns; vectors are made of the texts."""
    products, texts = planned.dataset.catalogue, planned.dataset.queries.texts
    held = {key: vectors(key[1]) for key in planned.vector_fields}
    batch = QueryBatch(texts, {name: rows_of(texts) for name in planned.models})
    with planned.engine.open(progress=False) as indexer:
        engine = indexer.index(products, text_fields=planned.text_fields, vectors=held, progress=False)
        rankings = {one.name: runner.search(engine, one, batch, hits=hits) for one in planned.strategies}
        engine.close()
    return rankings


@cache
def indexed(products: Catalogue, model_name: str = "base") -> EmbeddedEngine:
    held = {(model_name, name): vectors(name) for name in DEFAULT_FIELDS.embedded}
    return EmbeddedEngine.index(products, text_fields=DEFAULT_FIELDS.text, vectors=held)


def tuned(
    space: Space, searched: Dataset | None = None, engine: Engine | None = None, trials: int | None = None
) -> Tuning:
    """On the shop or another data set of its products, with the usual split."""
    searched = searched or shop()
    texts = searched.queries.texts
    batch = QueryBatch(texts, {space.today.model: rows_of(texts)})
    own = engine or indexed(searched.catalogue, space.today.model)
    return tune(lambda _: (own, batch), searched, space, split_queries(searched), trials=trials)
