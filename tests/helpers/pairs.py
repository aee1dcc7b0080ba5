"""A small data set with rated pairs, and what a training would be given of it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from relevance.embeddings import Model
from relevance.finetune import Options
from relevance.finetune.pairs import SPLIT_SEED, build_pairs
from relevance.finetune.recipe import Recipe, make_validation
from relevance.records import Catalogue, Dataset, Judgments, Queries

if TYPE_CHECKING:
    from pathlib import Path

COLOURS = ("red", "blue", "green", "black", "white")
THINGS = ("lamp", "chair", "table", "rug", "shelf", "sofa")


def made_dataset(queries: tuple[str, ...] = ("garden hose", "deck screws")) -> Dataset:
    """Thirty products, a colour and a thing each; the queries are judged on the first product."""
    titles = [f"{colour} {thing}" for colour in COLOURS for thing in THINGS]
    products = pd.DataFrame({"id": [f"p{at:02}" for at in range(len(titles))], "title": titles, "description": ""})
    attributes = pd.DataFrame({"id": [], "name": [], "value": []}, dtype=object)
    asked = Queries(pd.DataFrame({"id": [f"q{at}" for at in range(len(queries))], "text": list(queries)}))
    codes = np.arange(len(queries))
    judgments = Judgments(codes, np.zeros(len(queries), dtype=np.int64), np.ones(len(queries), dtype=np.int64))
    return Dataset("made", Catalogue(products, attributes), asked, judgments)


def made_frame(extra: list[tuple[str, str, str, float]] | None = None) -> pd.DataFrame:
    """Thirty rated pairs of ten queries, two of three rated 3; and extra rows (query, product, title, relevance)."""
    rows = []
    for number in range(10):
        query = f"{THINGS[number % 6]} number {number}"
        rows += [(query, f"p{(number + 6 * at) % 30:02}", "a title", 3.0 if at < 2 else 1.0) for at in range(3)]
    return pd.DataFrame([*rows, *(extra or [])], columns=["query", "product", "title", "relevance"])


def made_recipe(folder: Path, options: Options | None = None) -> Recipe:
    """A recipe whose base model is a file that says so."""
    dataset = made_dataset()
    pairs = build_pairs(made_frame(), dataset, drop_unknown=False)
    weights = folder / "base" / "model.safetensors"
    weights.parent.mkdir(parents=True, exist_ok=True)
    weights.write_bytes(b"weights")
    base = Model("tiny", weights.parent, weights, "5a", "f1", 8, "", 64, None)
    validation = make_validation(pairs, dataset.catalogue, seed=SPLIT_SEED)
    return Recipe(base, pairs, validation, options or Options(), "made")


def with_prompt(recipe: Recipe, prompt: str) -> Recipe:
    """The recipe with another query prompt."""
    return replace(recipe, base=replace(recipe.base, prompt=prompt))


def write_files(folder: Path, *, pairs: bool = True, queries: tuple[str, ...] = ("red lamp", "blue chair")) -> Path:
    """The data set in the format `files`; each query is judged on two products."""
    folder.mkdir(parents=True, exist_ok=True)
    products = made_dataset().catalogue.products
    rows = (
        json.dumps({"id": identifier, "title": title})
        for identifier, title in zip(products["id"], products["title"], strict=True)
    )
    (folder / "products.jsonl").write_text("".join(f"{row}\n" for row in rows))
    (folder / "queries.tsv").write_text("".join(f"q{at}\t{text}\n" for at, text in enumerate(queries)))
    judged = [f"q{at} 0 p{at + 7 * more:02} {2 - more}\n" for at in range(len(queries)) for more in range(2)]
    (folder / "qrels.txt").write_text("".join(judged))
    if pairs:
        frame = made_frame()
        lines = zip(frame["query"], frame["product"], frame["relevance"], strict=True)
        (folder / "pairs.tsv").write_text("".join(f"{query}\t{product}\t{value}\n" for query, product, value in lines))
    return folder
