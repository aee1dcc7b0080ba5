"""A made data set for tests of tuning: its title boost matters, its attributes are read on demand."""

from __future__ import annotations

import numpy as np
import pandas as pd

from relevance.records import Catalogue, Dataset, Judgments, Queries

WORDS = [f"word{number}" for number in range(30)]


def made_dataset(*, queries: int = 60, products: int = 120, attributes: bool = True, seed: int = 1) -> Dataset:
    """Products whose title holds the query's word are relevant; descriptions are noise that text boosts lift."""
    draw = np.random.default_rng(seed)
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
