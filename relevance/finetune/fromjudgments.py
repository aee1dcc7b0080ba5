"""Pairs from a data set's own judgments: a share of its queries is trained on and leaves the benchmark."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from relevance.errors import InputError
from relevance.fields import embedded_texts
from relevance.finetune.likeness import normalised
from relevance.finetune.pairs import POSITIVE
from relevance.records import Judgments, Queries

if TYPE_CHECKING:
    from relevance.records import Dataset

__all__ = ["split_off"]


def split_off(dataset: Dataset, share: float, *, seed: int) -> tuple[Dataset, pd.DataFrame]:
    """The data set without a share of its queries, and the rated pairs of these.

    Queries that are the same text once they are normalised go the same way. A grade becomes a relevance from 1 (grade
    0) to 3 (the highest grade of the data set), so that the pairs of the highest grade are trained on.

    Args:
        dataset: with all queries.
        share: between 0 and 1.
        seed: of the choice, which is by a hash of the text.

    Returns:
        The data set, with a note, and columns `query`, `product`, `title`, `relevance`.

    Raises:
        InputError: nothing would be left on one of the sides.
    """
    keys = [hashlib.sha256(f"{seed}\0{normalised(text)}".encode()).digest() for text in dataset.queries.texts]
    distinct = sorted(set(keys))
    going = set(distinct[: round(share * len(distinct))])
    goes = np.array([key in going for key in keys], dtype=np.bool_)
    judgments = dataset.judgments
    pairs = goes[judgments.queries]
    if pairs.all() or not pairs.any():
        found = f"share {share:g} of {len(keys):,} queries leaves none to {'evaluate' if pairs.any() else 'train on'}"
        raise InputError(f"data set {dataset.name!r}: {found}; allowed: a share that leaves some on both sides")
    note = f"{int(goes.sum()):,} of {len(keys):,} queries are trained on and not evaluated"
    return replace(_without(dataset, goes), notes=(*dataset.notes, note)), _pairs(dataset, pairs)


def _without(dataset: Dataset, goes: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Dataset:
    queries, judgments = dataset.queries, dataset.judgments
    stays = np.flatnonzero(~goes)
    frame = pd.DataFrame(
        {"id": [queries.ids[at] for at in stays], "text": [queries.texts[at] for at in stays]}, dtype=object
    )
    codes = np.cumsum(~goes) - 1
    kept = ~goes[judgments.queries]
    left = Judgments(
        codes[judgments.queries[kept]],
        judgments.products[kept],
        judgments.grades[kept],
        relevant_from=judgments.relevant_from,
    )
    return replace(dataset, queries=Queries(frame), judgments=left)


def _pairs(dataset: Dataset, rows: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> pd.DataFrame:
    judgments, texts = dataset.judgments, embedded_texts(dataset.catalogue, "whole")
    highest = max(1, int(judgments.grades.max()))
    products = judgments.products[rows].tolist()
    return pd.DataFrame(
        {
            "query": [dataset.queries.texts[code] for code in judgments.queries[rows].tolist()],
            "product": [dataset.catalogue.ids[code] for code in products],
            "title": [texts[code] for code in products],
            "relevance": 1.0 + (POSITIVE - 1.0) * judgments.grades[rows] / highest,
        }
    )
