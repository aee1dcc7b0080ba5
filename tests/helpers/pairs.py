"""A small data set with rated pairs, and what a training would be given of it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from helpers import shop
from relevance.embeddings import Model
from relevance.finetune import Options
from relevance.finetune.pairs import SPLIT_SEED, build_pairs
from relevance.finetune.recipe import Recipe, make_validation
from relevance.records import Dataset

COLOURS = ("red", "blue", "green", "black", "white")
THINGS = ("lamp", "chair", "table", "rug", "shelf", "sofa")
TITLES = [f"{colour} {thing}" for colour in COLOURS for thing in THINGS]


def pair_dataset(queries: tuple[str, ...] = ("garden hose", "deck screws")) -> Dataset:
    """Thirty products, a colour and a thing each; every query is judged on the first."""
    products = shop.catalogue((f"p{at:02}", title) for at, title in enumerate(TITLES))
    texts = {f"q{at}": text for at, text in enumerate(queries)}
    return shop.dataset(products, texts, [(at, 0, 1) for at in range(len(queries))])


def rated_frame(*extra: tuple[str, str, str, float]) -> pd.DataFrame:
    """Thirty rated pairs of ten queries, two of three rated 3; and extra rows (query, product, title, relevance)."""
    rows = []
    for number in range(10):
        query = f"{THINGS[number % 6]} number {number}"
        rows += [(query, f"p{(number + 6 * at) % 30:02}", "a title", 3.0 if at < 2 else 1.0) for at in range(3)]
    return pd.DataFrame([*rows, *extra], columns=["query", "product", "title", "relevance"])


def small_recipe(folder: Path, options: Options | None = None) -> Recipe:
    """A recipe whose base model is a file that says so."""
    dataset = pair_dataset()
    pairs = build_pairs(rated_frame(), dataset, drop_unknown=False)
    weights = folder / "base" / "model.safetensors"
    weights.parent.mkdir(parents=True, exist_ok=True)
    weights.write_bytes(b"weights")
    base = Model("tiny", weights.parent, "5a", "f1", 8, max_tokens=64, weights_bytes=weights.stat().st_size)
    validation = make_validation(pairs, dataset.catalogue, seed=SPLIT_SEED)
    return Recipe(base, pairs, validation, options or Options(), "shop")


def write_files(folder: Path, *, pairs: bool = True, queries: tuple[str, ...] = ("red lamp", "blue chair")) -> Path:
    """The products in the format `files`, each query judged on two of them, with rated pairs or without."""
    judged = [(at, at + 7 * more, 2 - more) for at in range(len(queries)) for more in range(2)]
    texts = {f"q{at}": text for at, text in enumerate(queries)}
    shop.write_files(folder, shop.dataset(pair_dataset().catalogue, texts, judged))
    if pairs:
        columns = ["query", "product", "relevance"]
        rated_frame().to_csv(folder / "pairs.tsv", columns=columns, sep="\t", header=False, index=False)
    return folder
